// SPDX-License-Identifier: Apache-2.0
//
// How a certificate names a node: by the URI `firn:node:ID` among its alternative names. A host
// name would not do, since a node may move, and several may share a host.
#pragma once

#include <string>

#include "consensus/types.h"

struct x509_st;  // OpenSSL's X509.

namespace firn {

// "firn:node:3"
std::string NodeUri(NodeId node);

// Whether the certificate, which may come from anybody, is this node's. Says nothing about who
// signed it.
bool NamesNode(const x509_st& certificate, NodeId node);

}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
//
// A small certificate authority for development and tests: one key that signs a certificate for
// each node and one for clients. All keys are EC P-256. In production certificates come from an
// authority of its own; what Firn asks of them is that a node's names it as `firn:node:ID`
// (node_name.h) and may be used for both sides of TLS.
//
// Pure but for WritePem. Thread-safe. An Error means that OpenSSL failed (kIo) or was given what it
// cannot read (kInvalidArgument).
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "consensus/types.h"
#include "firn/result.h"

namespace firn {

// A certificate and the key it is for, as PEM.
struct PemPair {
  std::string certificate;
  std::string key;
};

// For how long a certificate is good; it begins an hour ago, since clocks differ.
struct Validity {
  std::chrono::hours hours{24 * 825};
};

// Good for ten years. `name` is shown in messages.
Result<PemPair> MakeCertificateAuthority(const std::string& name);

// For localhost, 127.0.0.1, ::1 and the hosts given, which are names or addresses.
Result<PemPair> IssueNodeCertificate(const PemPair& authority, NodeId node,
                                     const std::vector<std::string>& hosts, Validity validity = {});
Result<PemPair> IssueClientCertificate(const PemPair& authority, const std::string& name,
                                       Validity validity = {});

// Writes STEM.pem and STEM.key, the key so that only its owner can read it. kAlreadyExists when
// either is there; then nothing is changed.
Result<void> WritePem(const std::string& stem, const PemPair& pair);

}  // namespace firn

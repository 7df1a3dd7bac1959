// SPDX-License-Identifier: Apache-2.0
//
// Who the node of a data directory is, in the file IDENTITY, written once when the directory is
// made (docs/format/raft-log.md). A directory without it belongs to no member and never starts as
// one: a node whose disk was wiped would vote a second time in terms it voted in before (I-R8).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "consensus/types.h"
#include "firn/result.h"
#include "io/file_system.h"

namespace firn {

inline constexpr std::string_view kIdentityFileName = "IDENTITY";

struct Identity {
  std::uint64_t cluster = 0;  // Random, the same on all nodes.
  NodeId node;
  std::uint64_t directory = 0;  // Random, of this directory.

  friend bool operator==(const Identity&, const Identity&) = default;
};

std::string Encode(const Identity& identity);
// kCorruption, kUnsupported.
Result<Identity> DecodeIdentity(std::string_view bytes);

// kNotFound when the directory has none; kCorruption names the file.
Result<Identity> ReadIdentity(FileSystem& files, const std::string& directory);
// Durable once it returns. kAlreadyExists.
Result<void> WriteIdentity(FileSystem& files, const std::string& directory,
                           const Identity& identity);

// "00c0ffee00c0ffee": how random ids are shown and typed.
std::string FormatId(std::uint64_t id);

}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
//
// A node as the others know it.
#pragma once

#include <string>
#include <string_view>

#include "firn/result.h"

namespace firn {

struct Member {
  std::string directory;       // Random id of its data directory: a wiped node is another one.
  std::string peer_address;    // Where peers reach it, "host:port".
  std::string client_address;  // Where clients do.

  friend bool operator==(const Member&, const Member&) = default;
};

// The context of a membership change, and back. kCorruption when the bytes are none.
std::string Encode(const Member& member);
Result<Member> DecodeMember(std::string_view bytes);

}  // namespace firn

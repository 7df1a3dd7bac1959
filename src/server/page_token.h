// SPDX-License-Identifier: Apache-2.0
//
// Where a scan goes on: on which node, in which pinned state of its store, and after which key. The
// bytes are opaque to clients and sealed with a key of this run of the node, so that neither a
// client nor a token of another run can point into a pin it was not given.
//
// version:u8=1 node:u64le pin:u64le revision:u64le query:u64le mac:byte[16] last_key:byte[…]
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "consensus/types.h"

namespace firn::server {

struct PageToken {
  NodeId node;
  std::uint64_t pin = 0;
  std::uint64_t revision = 0;  // Of the pinned state.
  std::uint64_t query = 0;     // Hash of what must be as it was in the request.
  std::string last_key;        // Where the page before ended; the next one begins beyond it.

  friend bool operator==(const PageToken&, const PageToken&) = default;
};

// Thread-safe: constant after construction.
class PageTokenSeal {
 public:
  // With a key from the operating system.
  PageTokenSeal();

  std::string Seal(const PageToken& token) const;

  struct Opened {
    bool is_token = false;           // Else the bytes are none at all.
    NodeId node;                     // Whose it says it is.
    std::optional<PageToken> token;  // Nothing: another run or another node sealed it.
  };
  Opened Open(std::string_view bytes) const;

 private:
  static constexpr std::size_t kMacBytes = 16;
  using Mac = std::array<unsigned char, kMacBytes>;

  Mac MacOf(std::string_view head, std::string_view last_key) const;

  std::array<std::uint64_t, 4> key_;
};

}  // namespace firn::server

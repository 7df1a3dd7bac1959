// SPDX-License-Identifier: Apache-2.0
//
// Integers that cannot be mistaken for each other: a table number passed where a sequence is wanted
// does not compile. As cheap as the integer.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace firn {

template <typename Tag>
struct StrongId {
  std::uint64_t value = 0;

  friend constexpr auto operator<=>(StrongId, StrongId) = default;
  constexpr StrongId Next() const { return {value + 1}; }
};

// Orders all writes. 56 bits; 0 is before the first write and also stands for "older than any
// snapshot" in tables that no longer need it.
using SequenceNumber = StrongId<struct SequenceTag>;
inline constexpr SequenceNumber kSequenceMax{(std::uint64_t{1} << 56) - 1};

using TableNumber = StrongId<struct TableTag>;
using WalNumber = StrongId<struct WalTag>;
using ManifestNumber = StrongId<struct ManifestTag>;

}  // namespace firn

template <typename Tag>
struct std::hash<firn::StrongId<Tag>> {
  std::size_t operator()(firn::StrongId<Tag> id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value);
  }
};

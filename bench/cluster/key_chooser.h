// SPDX-License-Identifier: Apache-2.0
//
// Which keys a load asks for. The same seed chooses the same keys. Not thread-safe. Making a
// zipfian one takes time in proportion to the number of keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/random.h"
#include "zipfian.h"

namespace firn::bench {

enum class Distribution : std::uint8_t { kUniform, kZipfian };

class KeyChooser {
 public:
  // Of at least one key.
  KeyChooser(Distribution distribution, std::uint64_t keys, std::uint64_t seed);

  // In [0, keys).
  std::uint64_t Next();

 private:
  const std::uint64_t keys_;
  Random random_;
  std::optional<Zipfian> zipfian_;  // Nothing: uniform.
};

// The number in decimal, led by zeros to so many bytes; longer when it does not fit.
std::string KeyText(std::uint64_t number, std::size_t bytes);

}  // namespace firn::bench

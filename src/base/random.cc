// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <sys/random.h>

#include "base/check.h"

namespace firn {

std::uint64_t EntropySeed() {
  std::uint64_t seed = 0;
  const auto got = getrandom(&seed, sizeof seed, 0);
  FIRN_CHECK(got == static_cast<ssize_t>(sizeof seed), got);
  return seed;
}

}  // namespace firn

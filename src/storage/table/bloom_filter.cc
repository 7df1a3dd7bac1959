// SPDX-License-Identifier: Apache-2.0
#include "storage/table/bloom_filter.h"

#include <algorithm>

#include "base/check.h"

namespace firn {

// The classic optimum is ln 2 for each bit. Lines that hold more keys than others want fewer, which
// also makes a test cheaper.
unsigned BloomFilter::ProbesFor(unsigned bits_per_key) {
  return std::clamp((bits_per_key * 3 + 2) / 5, 1u, kBloomProbesMax);
}

BloomFilter::BloomFilter(std::span<const std::uint64_t> hashes, unsigned bits_per_key) {
  FIRN_CHECK(bits_per_key <= kBloomBitsPerKeyMax, bits_per_key);
  if (hashes.empty() || bits_per_key == 0) {
    return;
  }
  constexpr std::size_t kLineBits = kBloomLineBytes * 8;
  probes_ = ProbesFor(bits_per_key);
  lines_.resize((hashes.size() * bits_per_key + kLineBits - 1) / kLineBits);
  for (const std::uint64_t hash : hashes) {
    BloomLine& line = lines_[LineOf(hash)];
    std::uint64_t bits = hash * kBitMultiplier;
    for (unsigned i = 0; i < probes_; ++i, bits = NextBits(hash, bits, i)) {
      line.words[bits >> 61] |= std::uint64_t{1} << ((bits >> 55) & 63);
    }
  }
}

}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
//
// A cache-line-blocked Bloom filter (Putze, Sanders, Singler 2007): the hash of a key chooses one
// line of 512 bits and a few bits in it, so a test costs one cache miss. Keys differ in how many
// others share their line, which costs a few false positives more than a classic filter has: 1.1 %
// at 10 bits for each key.
//
// Stored as its lines (docs/format/table.md, "Filter"). Hashes are Hash64 of the key.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace firn {

inline constexpr unsigned kBloomBitsPerKeyMax = 32;
inline constexpr unsigned kBloomProbesMax = 14;
inline constexpr std::size_t kBloomLineBytes = 64;

struct alignas(kBloomLineBytes) BloomLine {
  std::array<std::uint64_t, 8> words{};
};

class BloomFilter {
 public:
  // Excludes nothing.
  BloomFilter() = default;
  // The filter of these keys; a hash may come twice. 0 bits make one that excludes nothing.
  BloomFilter(std::span<const std::uint64_t> hashes, unsigned bits_per_key);
  // A stored one. Requires 1 to kBloomProbesMax probes, or no lines.
  BloomFilter(std::vector<BloomLine> lines, unsigned probes)
      : lines_(std::move(lines)), probes_(probes) {}

  // False only if no key with that hash was given.
  bool MayContain(std::uint64_t hash) const {
    if (lines_.empty()) {
      return true;
    }
    const BloomLine& line = lines_[LineOf(hash)];
    std::uint64_t all = 1;
    std::uint64_t bits = hash * kBitMultiplier;
    for (unsigned i = 0; i < probes_; ++i, bits = NextBits(hash, bits, i)) {
      all &= line.words[bits >> 61] >> ((bits >> 55) & 63);
    }
    return all != 0;
  }
  // Asks for the line that MayContain will look at.
  void Prefetch(std::uint64_t hash) const {
    if (!lines_.empty()) {
      __builtin_prefetch(&lines_[LineOf(hash)]);
    }
  }

  bool empty() const { return lines_.empty(); }
  unsigned probes() const { return probes_; }
  std::size_t bits() const { return bytes().size() * 8; }
  std::string_view bytes() const {
    return {reinterpret_cast<const char*>(lines_.data()), lines_.size() * kBloomLineBytes};
  }

  // How many bits of a line a key sets at that many bits for each key.
  static unsigned ProbesFor(unsigned bits_per_key);

 private:
  static constexpr std::uint64_t kBitMultiplier = 0x9E3779B97F4A7C15;
  static constexpr std::uint64_t kSecondMultiplier = 0xD6E8FEB86659FD93;

  std::size_t LineOf(std::uint64_t hash) const {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::size_t>((static_cast<Wide>(hash) * lines_.size()) >> 64);
  }
  // Nine bits make a probe and a word holds seven of them; then the hash makes another word.
  static std::uint64_t NextBits(std::uint64_t hash, std::uint64_t bits, unsigned probe) {
    return probe == 6 ? hash * kSecondMultiplier : bits << 9;
  }

  std::vector<BloomLine> lines_;
  unsigned probes_ = 0;
};

}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
//
// A Bloom filter of the keys of a memtable: a read of a key that was not written lately passes the
// memtable without a descent. Each key has three bits of one word (Putze, Sanders, Singler 2007),
// so that a test is one load, which a reader can ask for before it comes here, and adding a key one
// store. One thread adds, any number tests; it errs on a few keys in a hundred when it holds what
// it was made for.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "storage/memtable/arena.h"

namespace firn {

class KeyFilter {
 public:
  // For a memtable that will take about so many bytes: a 128th of them, in its arena. There the
  // filter has memory that the last memtable left, in pages as large as there are.
  KeyFilter(Arena& arena, std::size_t memtable_bytes)
      : bytes_(std::max(std::bit_floor(memtable_bytes / 128), kBytesMin)),
        words_(reinterpret_cast<Word*>(arena.Allocate(bytes_).bytes)) {
    const std::size_t words = bytes_ / sizeof(Word);
    std::uninitialized_value_construct_n(words_, words);
    shift_ = 64 - static_cast<unsigned>(std::countr_zero(words));
  }

  // Hashes are Hash64 of keys. Before the key's sequence is published (docs/invariants.md I-M16).
  void Add(std::uint64_t hash) {
    Word& word = WordOf(hash);
    word.store(word.load(std::memory_order_relaxed) | BitsOf(hash), std::memory_order_relaxed);
  }
  // False only for a key that has not been added, as far as the caller has been told of any.
  bool MayContain(std::uint64_t hash) const {
    const std::uint64_t bits = BitsOf(hash);
    return (WordOf(hash).load(std::memory_order_relaxed) & bits) == bits;
  }
  void Prefetch(std::uint64_t hash) const { __builtin_prefetch(&WordOf(hash)); }
  void PrefetchToAdd(std::uint64_t hash) const { __builtin_prefetch(&WordOf(hash), 1); }
  std::size_t bytes() const { return bytes_; }

 private:
  using Word = std::atomic<std::uint64_t>;
  static constexpr std::size_t kBytesMin = 2048;

  // The word by the first bits of the hash, the bits in it by the last.
  Word& WordOf(std::uint64_t hash) const { return words_[hash >> shift_]; }
  static std::uint64_t BitsOf(std::uint64_t hash) {
    return std::uint64_t{1} << (hash & 63) | std::uint64_t{1} << ((hash >> 6) & 63) |
           std::uint64_t{1} << ((hash >> 12) & 63);
  }

  std::size_t bytes_;
  Word* words_;
  unsigned shift_;
};

}  // namespace firn

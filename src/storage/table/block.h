// SPDX-License-Identifier: Apache-2.0
//
// Reads a block in place (block_format.h). Parse checks everything that later accesses rely on,
// once, so that they need no bounds checks: no bytes with a right checksum, hostile ones included,
// make them leave the block, and the entries are in order. Every entry is addressable in O(1).
//
// A Block is a view: whoever holds the bytes outlives it. Immutable, so thread-safe.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "base/coding.h"
#include "base/key_head.h"
#include "base/prefetch.h"
#include "base/strong_id.h"
#include "firn/result.h"
#include "storage/entry.h"
#include "storage/table/block_format.h"

namespace firn {

class Block {
 public:
  // Holds no entries.
  Block() = default;

  // `bytes` must be readable for kSlackBytes beyond their end. kCorruption or kUnsupported with
  // what is wrong; the caller adds file and offset.
  static Result<Block> Parse(std::string_view bytes);

  std::uint32_t count() const { return count_; }
  bool multi_version() const { return (flags_ & block_format::kMultiVersion) != 0; }
  bool has_tombstone() const { return (flags_ & block_format::kHasTombstone) != 0; }
  SequenceNumber largest_sequence() const { return {largest_sequence_}; }

  // The first entry at or after (key, as_of) in entry order, which is the newest version of `key`
  // that a reader at `as_of` sees if it is one of `key` at all; count() when all come before.
  std::uint32_t LowerBound(std::string_view key, SequenceNumber as_of) const {
    return LowerBound(key, as_of, {.first = 0, .last = count_});
  }

  // For a block with so many heads that searching them misses caches: first a search in samples of
  // them. Entries from `first` to before `last`.
  static constexpr std::uint32_t kHeadsPerSample = 16;  // Two cache lines.
  struct Range {
    std::uint32_t first;
    std::uint32_t last;
  };
  // Each kHeadsPerSample-th head, from the first on; none where there are few.
  std::vector<std::uint64_t> SampleHeads() const;
  // Some entries such that LowerBound of the key is one of them or the one behind them, whose heads
  // are asked for. `samples` is what SampleHeads made.
  Range Narrow(std::string_view key, std::span<const std::uint64_t> samples) const;
  std::uint32_t LowerBound(std::string_view key, SequenceNumber as_of, Range near) const;

  // The newest version of `key` that a reader at `as_of` sees; count() when there is none.
  std::uint32_t Find(std::string_view key, SequenceNumber as_of) const;
  // The first entry whose key is above `key`.
  std::uint32_t UpperBound(std::string_view key) const;

  // Each requires i < count().
  // Negative when entry i's key comes before `key`, positive when after.
  int CompareKey(std::uint32_t i, std::string_view key) const;
  std::size_t KeyBytes(std::uint32_t i) const {
    return prefix_bytes_ + HeadLength(i) + static_cast<std::size_t>(TailEnd(i + 1) - TailEnd(i));
  }
  SequenceNumber sequence(std::uint32_t i) const {
    return {smallest_sequence_ + (Stamp(i) >> kind_bits_)};
  }
  Kind kind(std::uint32_t i) const {
    const std::uint64_t mask = (std::uint64_t{1} << kind_bits_) - 1;
    return static_cast<Kind>((Stamp(i) & mask) | uniform_kind_);
  }
  std::string_view value(std::uint32_t i) const {
    const std::uint64_t start = ValueEnd(i);
    return {data_ + values_at_ + start, ValueEnd(i + 1) - start};
  }
  KeyState state(std::uint32_t i) const { return {sequence(i), kind(i), value(i)}; }

  std::string_view prefix() const { return {data_ + prefix_at_, prefix_bytes_}; }
  // Writes the part of the key after the prefix: KeyBytes(i) - prefix().size() bytes, and up to
  // eight more. Returns the byte after the key.
  char* StoreSuffix(std::uint32_t i, char* out) const {
    const std::uint64_t bytes = __builtin_bswap64(Head(i) << head_shift_);
    std::memcpy(out, &bytes, kHeadBytes);
    const std::string_view tail = Tail(i);
    out += HeadLength(i);
    if (!tail.empty()) {
      std::memcpy(out, tail.data(), tail.size());
    }
    return out + tail.size();
  }

  // Asks for the lines that a search of the heads will touch. `bytes` is where the block starts,
  // which may not have arrived itself.
  static void PrefetchHeads(const char* bytes) { PrefetchLines(bytes, 640); }

 private:
  static constexpr std::uint32_t kSampledMin = 256;

  std::uint64_t Masked(std::uint32_t at, std::uint64_t index, unsigned width,
                       std::uint64_t mask) const {
    return LoadLittle<std::uint64_t>(data_ + at + index * width) & mask;
  }
  static std::uint64_t MaskOf(unsigned width) {
    return width == 0 ? 0 : ~std::uint64_t{0} >> (64 - 8 * width);
  }

  std::uint64_t Head(std::uint32_t i) const {
    return Masked(block_format::kHeaderBytes, i, head_width_, MaskOf(head_width_));
  }
  std::size_t HeadLength(std::uint32_t i) const {
    if ((flags_ & block_format::kShortHeads) == 0) [[likely]] {
      return head_width_;
    }
    return static_cast<std::uint8_t>(data_[head_lengths_at_ + i]);
  }
  std::uint64_t Stamp(std::uint32_t i) const {
    return Masked(stamps_at_, i, stamp_width_, MaskOf(stamp_width_));
  }
  // Where the tail of entry i starts, which is where that of entry i - 1 ends. The columns of ends
  // hold a zero before the first.
  std::uint64_t TailEnd(std::uint32_t i) const {
    return Masked(tail_ends_at_, i, tail_end_width_, MaskOf(tail_end_width_)) +
           std::uint64_t{tail_stride_} * i;
  }
  std::uint64_t ValueEnd(std::uint32_t i) const {
    return Masked(value_ends_at_, i, value_end_width_, MaskOf(value_end_width_)) +
           std::uint64_t{value_stride_} * i;
  }
  std::string_view Tail(std::uint32_t i) const {
    const std::uint64_t start = TailEnd(i);
    return {data_ + tails_at_ + start, TailEnd(i + 1) - start};
  }

  std::string_view TakeHeader(std::string_view bytes);
  std::string_view PlaceColumns(std::size_t bytes);
  std::string_view CheckColumns(std::size_t bytes);
  std::string_view CheckKeys() const;
  std::string_view CheckStamps() const;
  std::string_view CheckOrder() const;
  // The entries whose heads equal that of `key`, which starts with the prefix; empty at the place
  // where they would be. The first of them is in `near`, or behind it.
  Range EqualHeads(std::string_view key, Range near) const;
  Range EqualHeads(std::string_view key) const {
    return EqualHeads(key, {.first = 0, .last = count_});
  }
  // The first entry of `run`, whose heads are equal, at or after (suffix, as_of).
  std::uint32_t LowerInRun(Range run, std::string_view suffix, SequenceNumber as_of) const;
  int ComparePrefix(std::string_view key) const;
  int CompareSuffix(std::uint32_t i, std::string_view suffix) const;
  // The order of the entries i and i + 1, which have equal heads.
  int CompareToNext(std::uint32_t i) const;

  const char* data_ = nullptr;
  std::uint32_t count_ = 0;
  std::uint32_t prefix_bytes_ = 0;
  std::uint8_t head_width_ = 0;
  std::uint8_t head_shift_ = 0;  // Brings a head to the top of a u64; 0 for width 0.
  std::uint8_t stamp_width_ = 0;
  std::uint8_t tail_end_width_ = 0;
  std::uint8_t value_end_width_ = 0;
  std::uint8_t flags_ = 0;
  std::uint8_t uniform_kind_ = 0;
  std::uint8_t kind_bits_ = 0;
  std::uint32_t head_lengths_at_ = 0;
  std::uint32_t stamps_at_ = 0;
  std::uint32_t tail_ends_at_ = 0;
  std::uint32_t value_ends_at_ = 0;
  std::uint32_t prefix_at_ = 0;
  std::uint32_t tails_at_ = 0;
  std::uint32_t values_at_ = 0;
  std::uint32_t tail_stride_ = 0;
  std::uint32_t value_stride_ = 0;
  std::uint64_t smallest_sequence_ = 0;
  std::uint64_t largest_sequence_ = 0;
};

}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
//
// The bytes of one block before compression (docs/format/table.md, "Block"): a header, then one
// column after the other. Shared by the builder and the reader, by data blocks and by the index.
//
//   header | heads | head lengths | stamps | tail ends | value ends | prefix | tails | values |
//   zeros
//
// A key is the prefix, the bytes of its head, and its tail. Heads are stored as little-endian
// integers whose order is that of the key bytes: a search compares them as the machine loads them
// and turns one around only to give the key back.
#pragma once

#include <cstddef>
#include <cstdint>

namespace firn::block_format {

inline constexpr std::size_t kHeadWidthAt = 0;      // u8: 0, 2, 4 or 8 bytes of key in a head.
inline constexpr std::size_t kStampWidthAt = 1;     // u8: 0, 1, 2, 4 or 8.
inline constexpr std::size_t kTailEndWidthAt = 2;   // u8: 0, 2 or 4; 0: all tails are equally long.
inline constexpr std::size_t kValueEndWidthAt = 3;  // u8: the same for values.
inline constexpr std::size_t kCountAt = 4;          // u32
inline constexpr std::size_t kPrefixBytesAt = 8;    // u32
inline constexpr std::size_t kTailStrideAt = 12;    // u32: bytes of each tail when it has width 0.
inline constexpr std::size_t kValueStrideAt = 16;   // u32: the same for values.
inline constexpr std::size_t kFlagsAt = 20;         // u8
inline constexpr std::size_t kUniformKindAt = 21;   // u8: kind of all entries if kind bits are 0.
inline constexpr std::size_t kKindBitsAt = 22;      // u8: 0 or 3 low bits of a stamp.
inline constexpr std::size_t kReservedAt = 23;      // u8: 0
inline constexpr std::size_t kSmallestSequenceAt = 24;  // u64: what stamps are relative to.
inline constexpr std::size_t kLargestSequenceAt = 32;   // u64
inline constexpr std::size_t kHeaderBytes = 40;

// Some key of the block has another version, here or in the next block or the one before.
inline constexpr std::uint8_t kMultiVersion = 1;
inline constexpr std::uint8_t kHasTombstone = 2;
// Some keys end within their heads: a column tells how many bytes of each head are key.
inline constexpr std::uint8_t kShortHeads = 4;
inline constexpr std::uint8_t kKnownFlags = 7;

inline constexpr std::uint8_t kStampKindBits = 3;

// Zeros behind the values: a block in a file may be filled up to the end of its page.
inline constexpr std::size_t kPaddingBytesMax = 4095;

// Readers load eight bytes at any place of a block: the memory it lies in is longer by this.
inline constexpr std::size_t kSlackBytes = 8;

// The largest block: a value of the largest size with its key, or many small entries.
inline constexpr std::size_t kBlockBytesMax = (std::size_t{64} << 20) + (std::size_t{1} << 20);

}  // namespace firn::block_format

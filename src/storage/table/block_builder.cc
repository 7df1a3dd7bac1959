// SPDX-License-Identifier: Apache-2.0
//
// A block is planned when all its entries are known: the width of every column is the smallest that
// holds them, and a column that says the same of each entry is left out.
#include "storage/table/block_builder.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/coding.h"
#include "base/key_head.h"
#include "storage/table/block_format.h"

namespace firn {

namespace format = block_format;

namespace {

// What columns take for an entry besides the bytes of its key and value: a stamp, two ends, the
// length of a head, and what of the head is not key.
constexpr std::size_t kEntryOverheadMax = 8 + 2 * 4 + 1 + 8;

// Buffers that one huge entry has grown are given back.
constexpr std::size_t kKeepBytes = std::size_t{1} << 20;

// Stores `count` integers of `width` bytes and returns the byte after the last.
template <typename Function>
char* StoreColumn(char* out, std::size_t count, unsigned width, Function&& at) {
  auto store = [&]<typename Width>(Width) {
    for (std::size_t i = 0; i < count; ++i) {
      StoreLittle(out + i * sizeof(Width), static_cast<Width>(at(i)));
    }
  };
  switch (width) {
    case 0: break;
    case 1: store(std::uint8_t{}); break;
    case 2: store(std::uint16_t{}); break;
    case 4: store(std::uint32_t{}); break;
    default: store(std::uint64_t{}); break;
  }
  return out + count * width;
}

// The smallest legal width for integers up to `largest`.
unsigned WidthFor(std::uint64_t largest) {
  const auto bits = static_cast<unsigned>(std::bit_width(largest));
  return bits == 0 ? 0 : std::bit_ceil((bits + 7) / 8);
}

unsigned EndWidthFor(std::size_t total) { return total <= UINT16_MAX ? 2 : 4; }

}  // namespace

void BlockBuilder::Shape::Take(const Entry& entry, std::string_view first_key) {
  if (count == 0) {
    common_bytes = entry.key.size();
  } else if (entry.key.size() < common_bytes ||
             std::memcmp(first_key.data(), entry.key.data(), common_bytes) != 0) {
    common_bytes = CommonPrefix(first_key.substr(0, common_bytes), entry.key);
  }
  first_value_bytes = count == 0 ? entry.value.size() : first_value_bytes;
  values_uniform &= entry.value.size() == first_value_bytes;
  ++count;
  key_bytes += entry.key.size();
  value_bytes += entry.value.size();
  key_bytes_min = std::min(key_bytes_min, entry.key.size());
  key_bytes_max = std::max(key_bytes_max, entry.key.size());
  smallest_sequence = std::min(smallest_sequence, entry.sequence.value);
  largest_sequence = std::max(largest_sequence, entry.sequence.value);
  tombstones += entry.kind == Kind::kDelete ? 1 : 0;
}

bool BlockBuilder::TryAdd(const Entry& entry, std::size_t room) {
  const std::size_t bytes_max = format::kHeaderBytes + shape_.key_bytes + shape_.value_bytes +
                                entry.key.size() + entry.value.size() +
                                (shape_.count + 2) * kEntryOverheadMax;
  if (empty() || bytes_max <= room) [[likely]] {
    shape_.Take(entry, empty() ? entry.key : KeyAt(0));
  } else {
    Shape shape = shape_;
    shape.Take(entry, KeyAt(0));
    if (Plan(shape).bytes() > room) {
      return false;
    }
    shape_ = shape;
  }
  FIRN_CHECK(shape_.value_bytes <= format::kBlockBytesMax || empty(), shape_.value_bytes);
  multi_version_ |= !empty() && entry.key == KeyAt(count() - 1);
  keys_.append(entry.key);
  values_.append(entry.value);
  key_ends_.push_back(keys_.size());
  value_ends_.push_back(static_cast<std::uint32_t>(values_.size()));
  sequences_.push_back(entry.sequence.value);
  kinds_.push_back(entry.kind);
  return true;
}

std::size_t BlockBuilder::estimated_bytes() const {
  // Ends and stamps take about six bytes an entry; the prefix is there once.
  return format::kHeaderBytes + shape_.key_bytes + shape_.value_bytes + 6 * count() -
         (count() > 1 ? (count() - 1) * shape_.common_bytes : 0);
}

std::size_t BlockBuilder::Layout::bytes() const {
  const std::size_t ends = (tail_end_width + value_end_width) * (count + 1);
  return format::kHeaderBytes + count * (head_width + (short_heads ? 1 : 0) + stamp_width) + ends +
         prefix_bytes + tail_bytes + value_bytes;
}

BlockBuilder::Layout BlockBuilder::Plan(const Shape& shape) {
  Layout layout{.count = shape.count};
  if (layout.count == 0) {
    return layout;
  }
  const std::size_t suffix_max = shape.key_bytes_max - shape.common_bytes;
  layout.head_width = suffix_max == 0 ? 0 : suffix_max <= 2 ? 2 : suffix_max <= 4 ? 4 : 8;
  layout.prefix_bytes = shape.common_bytes;
  if (shape.key_bytes_min == shape.key_bytes_max && suffix_max < layout.head_width) {
    // Equally long keys: heads that take the end of the prefix in are full and need no lengths.
    layout.prefix_bytes -= std::min(shape.common_bytes, layout.head_width - suffix_max);
  }
  const std::size_t suffix_min = shape.key_bytes_min - layout.prefix_bytes;
  layout.short_heads = suffix_min < layout.head_width;
  if (layout.TailBytes(shape.key_bytes_min) == layout.TailBytes(shape.key_bytes_max)) {
    layout.tail_stride = layout.TailBytes(shape.key_bytes_max);
    layout.tail_bytes = layout.tail_stride * layout.count;
  } else {
    const std::size_t above = std::min<std::size_t>(suffix_min, layout.head_width);
    layout.tail_bytes = shape.key_bytes - layout.count * (layout.prefix_bytes + above);
    layout.tail_end_width = EndWidthFor(layout.tail_bytes);
  }
  layout.value_bytes = shape.value_bytes;
  if (shape.values_uniform) {
    layout.value_stride = shape.first_value_bytes;
  } else {
    layout.value_end_width = EndWidthFor(shape.value_bytes);
  }
  layout.kinds_uniform = shape.tombstones == 0 || shape.tombstones == layout.count;
  const std::uint64_t span = shape.largest_sequence - shape.smallest_sequence;
  layout.stamp_width = WidthFor(layout.kinds_uniform ? span : span << format::kStampKindBits | 7);
  return layout;
}

void BlockBuilder::CountTails(Layout& layout) const {
  if (!layout.short_heads || layout.tail_end_width == 0) {
    return;
  }
  layout.tail_bytes = 0;
  for (std::size_t i = 0; i < layout.count; ++i) {
    layout.tail_bytes += layout.TailBytes(key_ends_[i + 1] - key_ends_[i]);
  }
  layout.tail_end_width = EndWidthFor(layout.tail_bytes);
}

char* BlockBuilder::StoreHeader(const Layout& layout, char* out) const {
  std::uint8_t flags = multi_version_ ? format::kMultiVersion : 0;
  flags = static_cast<std::uint8_t>(flags | (shape_.tombstones != 0 ? format::kHasTombstone : 0) |
                                    (layout.short_heads ? format::kShortHeads : 0));
  const bool all_deleted = shape_.tombstones == layout.count && layout.count != 0;
  auto byte = [out](std::size_t at, unsigned value) { out[at] = static_cast<char>(value); };
  auto word = [out](std::size_t at, std::size_t value) {
    StoreLittle(out + at, static_cast<std::uint32_t>(value));
  };
  std::memset(out, 0, format::kHeaderBytes);
  byte(format::kHeadWidthAt, layout.head_width);
  byte(format::kStampWidthAt, layout.stamp_width);
  byte(format::kTailEndWidthAt, layout.tail_end_width);
  byte(format::kValueEndWidthAt, layout.value_end_width);
  word(format::kCountAt, layout.count);
  word(format::kPrefixBytesAt, layout.prefix_bytes);
  word(format::kTailStrideAt, layout.tail_stride);
  word(format::kValueStrideAt, layout.value_stride);
  byte(format::kFlagsAt, flags);
  byte(format::kUniformKindAt,
       static_cast<unsigned>(layout.kinds_uniform && !all_deleted ? Kind::kPut : Kind::kDelete));
  byte(format::kKindBitsAt, layout.kinds_uniform ? 0 : format::kStampKindBits);
  StoreLittle(out + format::kSmallestSequenceAt, layout.count == 0 ? 0 : shape_.smallest_sequence);
  StoreLittle(out + format::kLargestSequenceAt, shape_.largest_sequence);
  return out + format::kHeaderBytes;
}

char* BlockBuilder::StoreKeyColumns(const Layout& layout, char* out) const {
  const unsigned shift = layout.head_width == 0 ? 0 : 64 - 8 * layout.head_width;
  out = StoreColumn(out, layout.count, layout.head_width,
                    [&](std::size_t i) { return KeyHead(KeyAt(i), layout.prefix_bytes) >> shift; });
  if (!layout.short_heads) {
    return out;
  }
  return StoreColumn(out, layout.count, 1, [&](std::size_t i) {
    return std::min<std::size_t>(KeyAt(i).size() - layout.prefix_bytes, layout.head_width);
  });
}

char* BlockBuilder::StoreStamps(const Layout& layout, char* out) const {
  if (layout.kinds_uniform) {
    return StoreColumn(out, layout.count, layout.stamp_width,
                       [&](std::size_t i) { return sequences_[i] - shape_.smallest_sequence; });
  }
  return StoreColumn(out, layout.count, layout.stamp_width, [&](std::size_t i) {
    return (sequences_[i] - shape_.smallest_sequence) << format::kStampKindBits |
           static_cast<std::uint64_t>(kinds_[i]);
  });
}

char* BlockBuilder::StoreTailEnds(const Layout& layout, char* out) const {
  if (layout.tail_end_width == 0) {
    return out;
  }
  std::size_t end = 0;
  return StoreColumn(out, layout.count + 1, layout.tail_end_width, [&](std::size_t i) {
    end += i == 0 ? 0 : layout.TailBytes(KeyAt(i - 1).size());
    return end;
  });
}

char* BlockBuilder::StoreTails(const Layout& layout, char* out) const {
  if (layout.tail_bytes == 0) {
    return out;
  }
  for (std::size_t i = 0; i < layout.count; ++i) {
    const std::string_view key = KeyAt(i);
    const std::size_t bytes = layout.TailBytes(key.size());
    out = std::copy_n(key.data() + key.size() - bytes, bytes, out);
  }
  return out;
}

void BlockBuilder::Finish(std::string& out) {
  Layout layout = Plan(shape_);
  CountTails(layout);
  const std::size_t n = layout.count;
  const std::size_t bytes = layout.bytes();
  FIRN_CHECK(bytes <= UINT32_MAX, bytes);
  const std::size_t start = out.size();
  out.resize(start + bytes);
  char* at = StoreHeader(layout, out.data() + start);
  at = StoreKeyColumns(layout, at);
  at = StoreStamps(layout, at);
  at = StoreTailEnds(layout, at);
  if (layout.value_end_width != 0) {
    at = StoreColumn(at, n + 1, layout.value_end_width,
                     [this](std::size_t i) { return value_ends_[i]; });
  }
  at = std::copy_n(keys_.data(), layout.prefix_bytes, at);
  at = StoreTails(layout, at);
  at = std::copy_n(values_.data(), values_.size(), at);
  FIRN_CHECK(at == out.data() + out.size());
  Clear();
}

void BlockBuilder::Clear() {
  auto clear = [](std::string& buffer) {
    buffer.clear();
    if (buffer.capacity() > kKeepBytes) {
      buffer.shrink_to_fit();
    }
  };
  clear(keys_);
  clear(values_);
  key_ends_.resize(1);
  value_ends_.resize(1);
  sequences_.clear();
  kinds_.clear();
  shape_ = {};
  multi_version_ = false;
}

}  // namespace firn

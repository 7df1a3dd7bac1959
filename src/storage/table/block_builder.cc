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

struct BlockBuilder::Layout {
  std::size_t count = 0;
  std::size_t prefix_bytes = 0;
  unsigned head_width = 0;
  bool short_heads = false;
  std::size_t tail_bytes = 0;  // Of all.
  unsigned tail_end_width = 0;
  std::size_t tail_stride = 0;
  unsigned value_end_width = 0;
  std::size_t value_stride = 0;
  bool kinds_uniform = true;
  unsigned stamp_width = 0;

  std::size_t TailBytes(std::size_t key_bytes) const {
    const std::size_t above = prefix_bytes + head_width;
    return key_bytes > above ? key_bytes - above : 0;
  }
};

void BlockBuilder::Add(const Entry& entry) {
  if (empty()) {
    common_bytes_ = entry.key.size();
  } else {
    const std::string_view first = KeyAt(0);
    if (entry.key.size() < common_bytes_ ||
        std::memcmp(first.data(), entry.key.data(), common_bytes_) != 0) {
      common_bytes_ = CommonPrefix(first.substr(0, common_bytes_), entry.key);
    }
    multi_version_ |= entry.key == KeyAt(count() - 1);
    values_uniform_ &= entry.value.size() == value_ends_[1];
  }
  keys_.append(entry.key);
  values_.append(entry.value);
  FIRN_CHECK(values_.size() <= format::kBlockBytesMax || count() == 0, values_.size());
  key_ends_.push_back(keys_.size());
  value_ends_.push_back(static_cast<std::uint32_t>(values_.size()));
  sequences_.push_back(entry.sequence.value);
  kinds_.push_back(entry.kind);
  key_bytes_min_ = std::min(key_bytes_min_, entry.key.size());
  key_bytes_max_ = std::max(key_bytes_max_, entry.key.size());
  smallest_sequence_ = std::min(smallest_sequence_, entry.sequence.value);
  largest_sequence_ = std::max(largest_sequence_, entry.sequence.value);
  tombstones_ += entry.kind == Kind::kDelete ? 1 : 0;
}

std::size_t BlockBuilder::estimated_bytes() const {
  // Ends and stamps take about six bytes an entry.
  return format::kHeaderBytes + values_.size() + keys_.size() + 6 * count() -
         (count() > 1 ? (count() - 1) * common_bytes_ : 0);
}

BlockBuilder::Layout BlockBuilder::Plan() const {
  Layout layout{.count = count()};
  if (layout.count == 0) {
    return layout;
  }
  const std::size_t suffix_max = key_bytes_max_ - common_bytes_;
  layout.head_width = suffix_max == 0 ? 0 : suffix_max <= 2 ? 2 : suffix_max <= 4 ? 4 : 8;
  layout.prefix_bytes = common_bytes_;
  if (key_bytes_min_ == key_bytes_max_ && suffix_max < layout.head_width) {
    // Equally long keys: heads that take the end of the prefix in are full and need no lengths.
    layout.prefix_bytes -= std::min(common_bytes_, layout.head_width - suffix_max);
  }
  layout.short_heads = key_bytes_min_ - layout.prefix_bytes < layout.head_width;
  if (layout.TailBytes(key_bytes_min_) == layout.TailBytes(key_bytes_max_)) {
    layout.tail_stride = layout.TailBytes(key_bytes_max_);
    layout.tail_bytes = layout.tail_stride * layout.count;
  } else {
    for (std::size_t i = 0; i < layout.count; ++i) {
      layout.tail_bytes += layout.TailBytes(key_ends_[i + 1] - key_ends_[i]);
    }
    layout.tail_end_width = EndWidthFor(layout.tail_bytes);
  }
  if (values_uniform_) {
    layout.value_stride = value_ends_[1];
  } else {
    layout.value_end_width = EndWidthFor(values_.size());
  }
  layout.kinds_uniform = tombstones_ == 0 || tombstones_ == layout.count;
  const std::uint64_t span = largest_sequence_ - smallest_sequence_;
  layout.stamp_width = WidthFor(layout.kinds_uniform ? span : span << format::kStampKindBits | 7);
  return layout;
}

char* BlockBuilder::StoreHeader(const Layout& layout, char* out) const {
  std::uint8_t flags = multi_version_ ? format::kMultiVersion : 0;
  flags = static_cast<std::uint8_t>(flags | (tombstones_ != 0 ? format::kHasTombstone : 0) |
                                    (layout.short_heads ? format::kShortHeads : 0));
  const bool all_deleted = tombstones_ == layout.count && layout.count != 0;
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
  StoreLittle(out + format::kSmallestSequenceAt, layout.count == 0 ? 0 : smallest_sequence_);
  StoreLittle(out + format::kLargestSequenceAt, largest_sequence_);
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
                       [&](std::size_t i) { return sequences_[i] - smallest_sequence_; });
  }
  return StoreColumn(out, layout.count, layout.stamp_width, [&](std::size_t i) {
    return (sequences_[i] - smallest_sequence_) << format::kStampKindBits |
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
  const Layout layout = Plan();
  const std::size_t n = layout.count;
  const std::size_t ends = (layout.tail_end_width + layout.value_end_width) * (n + 1);
  const std::size_t bytes = format::kHeaderBytes + n * layout.head_width +
                            (layout.short_heads ? n : 0) + n * layout.stamp_width + ends +
                            layout.prefix_bytes + layout.tail_bytes + values_.size();
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
  common_bytes_ = 0;
  key_bytes_min_ = SIZE_MAX;
  key_bytes_max_ = 0;
  smallest_sequence_ = UINT64_MAX;
  largest_sequence_ = 0;
  tombstones_ = 0;
  values_uniform_ = true;
  multi_version_ = false;
}

}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
//
// Search and validation of blocks. A search of n heads takes ceil(log2 n) steps without a branch
// that depends on data; only entries whose heads equal the wanted one are compared in full.
#include "storage/table/block.h"

#include <algorithm>
#include <string>

namespace firn {

namespace format = block_format;

namespace {

// The end of the run of heads equal to `wanted` that starts at `first`.
template <typename Head>
std::uint32_t EndOfRun(const char* heads, std::uint32_t first, std::uint32_t n,
                       std::uint64_t wanted) {
  if (first + 1 == n || LoadHead<Head>(heads, first + 1) != wanted) [[likely]] {
    return first + 1;
  }
  std::uint32_t below = first + 1;
  while (below < n) {
    const std::uint32_t middle = below + (n - below) / 2;
    if (LoadHead<Head>(heads, middle) == wanted) {
      below = middle + 1;
    } else {
      n = middle;
    }
  }
  return n;
}

bool IsWidth(unsigned width, bool of_ends) {
  return of_ends ? width == 0 || width == 2 || width == 4
                 : width == 0 || width == 1 || width == 2 || width == 4 || width == 8;
}

template <typename End>
bool NeverFalls(const char* ends, std::size_t count) {
  bool falls = LoadLittle<End>(ends) != 0;
  for (std::size_t i = 0; i < count; ++i) {
    falls |=
        LoadLittle<End>(ends + (i + 1) * sizeof(End)) < LoadLittle<End>(ends + i * sizeof(End));
  }
  return !falls;
}

bool EndsAscend(const char* ends, unsigned width, std::size_t count) {
  return width == 0 || (width == 2 ? NeverFalls<std::uint16_t>(ends, count)
                                   : NeverFalls<std::uint32_t>(ends, count));
}

Error Bad(std::string_view what) {
  return {ErrorCode::kCorruption, std::string("block with ").append(what)};
}

}  // namespace

Result<Block> Block::Parse(std::string_view bytes) {
  if (bytes.size() < format::kHeaderBytes || bytes.size() > UINT32_MAX) {
    return Bad("a length of " + std::to_string(bytes.size()) + " bytes");
  }
  Block block;
  if (auto wrong = block.TakeHeader(bytes); !wrong.empty()) {
    return Bad(wrong);
  }
  if (auto wrong = block.PlaceColumns(bytes.size()); !wrong.empty()) {
    return Bad(wrong);
  }
  if (auto wrong = block.CheckColumns(bytes.size()); !wrong.empty()) {
    return Bad(wrong);
  }
  if (auto wrong = block.CheckKeys(); !wrong.empty()) {
    return Bad(wrong);
  }
  if (auto wrong = block.CheckStamps(); !wrong.empty()) {
    return Bad(wrong);
  }
  if (auto wrong = block.CheckOrder(); !wrong.empty()) {
    return Bad(wrong);
  }
  return block;
}

std::string_view Block::TakeHeader(std::string_view bytes) {
  data_ = bytes.data();
  auto byte = [this](std::size_t at) { return static_cast<std::uint8_t>(data_[at]); };
  head_width_ = byte(format::kHeadWidthAt);
  stamp_width_ = byte(format::kStampWidthAt);
  tail_end_width_ = byte(format::kTailEndWidthAt);
  value_end_width_ = byte(format::kValueEndWidthAt);
  flags_ = byte(format::kFlagsAt);
  uniform_kind_ = byte(format::kUniformKindAt);
  kind_bits_ = byte(format::kKindBitsAt);
  count_ = LoadLittle<std::uint32_t>(data_ + format::kCountAt);
  prefix_bytes_ = LoadLittle<std::uint32_t>(data_ + format::kPrefixBytesAt);
  tail_stride_ = LoadLittle<std::uint32_t>(data_ + format::kTailStrideAt);
  value_stride_ = LoadLittle<std::uint32_t>(data_ + format::kValueStrideAt);
  smallest_sequence_ = LoadLittle<std::uint64_t>(data_ + format::kSmallestSequenceAt);
  largest_sequence_ = LoadLittle<std::uint64_t>(data_ + format::kLargestSequenceAt);
  if (!IsWidth(head_width_, false) || head_width_ == 1 || !IsWidth(stamp_width_, false) ||
      !IsWidth(tail_end_width_, true) || !IsWidth(value_end_width_, true)) {
    return "an unknown column width";
  }
  head_shift_ = static_cast<std::uint8_t>(head_width_ == 0 ? 0 : 64 - 8 * head_width_);
  if ((tail_end_width_ != 0 && tail_stride_ != 0) ||
      (value_end_width_ != 0 && value_stride_ != 0)) {
    return "both a stride and ends";
  }
  if ((flags_ & ~format::kKnownFlags) != 0 || byte(format::kReservedAt) != 0) {
    return "an unknown flag";
  }
  if (kind_bits_ != 0 && (kind_bits_ != format::kStampKindBits || uniform_kind_ != 0)) {
    return "an unknown layout of kinds";
  }
  return {};
}

// Decides where every column starts; sums in 64 bits cannot overflow as each term is below 2^36.
std::string_view Block::PlaceColumns(std::size_t bytes) {
  const std::uint64_t n = count_;
  const std::uint64_t lengths_at = format::kHeaderBytes + n * head_width_;
  const std::uint64_t stamps_at =
      lengths_at + ((flags_ & format::kShortHeads) != 0 ? n : std::uint64_t{0});
  const std::uint64_t tail_ends_at = stamps_at + n * stamp_width_;
  const std::uint64_t value_ends_at =
      tail_ends_at + (tail_end_width_ == 0 ? 0 : (n + 1) * tail_end_width_);
  const std::uint64_t prefix_at =
      value_ends_at + (value_end_width_ == 0 ? 0 : (n + 1) * value_end_width_);
  const std::uint64_t tails_at = prefix_at + prefix_bytes_;
  if (tails_at > bytes) {
    return "columns beyond its end";
  }
  if (n > bytes) {  // No two entries are the same, so each takes a byte at least.
    return "more entries than bytes";
  }
  head_lengths_at_ = static_cast<std::uint32_t>(lengths_at);
  stamps_at_ = static_cast<std::uint32_t>(stamps_at);
  tail_ends_at_ = static_cast<std::uint32_t>(tail_ends_at);
  value_ends_at_ = static_cast<std::uint32_t>(value_ends_at);
  prefix_at_ = static_cast<std::uint32_t>(prefix_at);
  tails_at_ = static_cast<std::uint32_t>(tails_at);
  return {};
}

std::string_view Block::CheckColumns(std::size_t bytes) {
  if (!EndsAscend(data_ + tail_ends_at_, tail_end_width_, count_) ||
      !EndsAscend(data_ + value_ends_at_, value_end_width_, count_)) {
    return "ends out of order";
  }
  const std::uint64_t values_at = tails_at_ + TailEnd(count_);
  if (values_at > bytes || ValueEnd(count_) > bytes - values_at) {
    return "values beyond its end";
  }
  values_at_ = static_cast<std::uint32_t>(values_at);
  const std::string_view padding(data_ + values_at + ValueEnd(count_),
                                 bytes - values_at - ValueEnd(count_));
  if (padding.size() > format::kPaddingBytesMax ||
      padding.find_first_not_of('\0') != std::string_view::npos) {
    return "something behind its values";
  }
  return {};
}

// A key that ends within its head has no tail.
std::string_view Block::CheckKeys() const {
  if ((flags_ & format::kShortHeads) == 0) {
    return {};
  }
  for (std::uint32_t i = 0; i < count_; ++i) {
    const std::size_t length = HeadLength(i);
    if (length > head_width_ || (length < head_width_ && TailEnd(i) != TailEnd(i + 1))) {
      return "a bad length of a head";
    }
    // What a short head does not use is zero, or its order would not be that of its key.
    const std::size_t unused_bits = 8 * (head_width_ - length);
    if (unused_bits != 0 && (Head(i) & (~std::uint64_t{0} >> (64 - unused_bits))) != 0) {
      return "a head that is longer than its length";
    }
  }
  return {};
}

std::string_view Block::CheckStamps() const {
  std::uint64_t largest = smallest_sequence_;
  bool kinds_known = kind_bits_ != 0 || uniform_kind_ <= static_cast<std::uint8_t>(Kind::kPut);
  for (std::uint32_t i = 0; i < count_ && stamp_width_ != 0; ++i) {
    const std::uint64_t stamp = Stamp(i);
    if ((stamp >> kind_bits_) > kSequenceMax.value) {
      return "a sequence out of range";
    }
    largest = std::max(largest, smallest_sequence_ + (stamp >> kind_bits_));
    kinds_known &= kind(i) <= Kind::kPut;
  }
  if (!kinds_known) {
    return "a kind of entry that this version does not know";
  }
  if (smallest_sequence_ > kSequenceMax.value || largest > kSequenceMax.value ||
      largest != largest_sequence_) {
    return "sequences out of range";
  }
  return {};
}

std::string_view Block::CheckOrder() const {
  for (std::uint32_t i = 0; i + 1 < count_; ++i) {
    const std::uint64_t head = Head(i);
    const std::uint64_t next = Head(i + 1);
    if (head < next) [[likely]] {
      continue;
    }
    const int order = head > next ? 1 : CompareToNext(i);
    if (order > 0 || (order == 0 && sequence(i) <= sequence(i + 1))) {
      return "entries out of order";
    }
    if (order == 0 && !multi_version()) {
      return "several versions of a key and no flag that says so";
    }
  }
  return {};
}

int Block::CompareToNext(std::uint32_t i) const {
  const std::size_t length = HeadLength(i);
  const std::size_t next = HeadLength(i + 1);
  if (length != next) {
    return length < next ? -1 : 1;
  }
  return Tail(i).compare(Tail(i + 1));
}

int Block::ComparePrefix(std::string_view key) const {
  const std::size_t shared = std::min<std::size_t>(prefix_bytes_, key.size());
  const int order = shared == 0 ? 0 : std::memcmp(data_ + prefix_at_, key.data(), shared);
  return order != 0 ? order : (key.size() < prefix_bytes_ ? 1 : 0);
}

// Of entries whose head equals that of `suffix`: equal heads of different lengths differ by zeros
// that are key bytes in one and padding in the other, so the shorter is the smaller.
int Block::CompareSuffix(std::uint32_t i, std::string_view suffix) const {
  const std::size_t length = HeadLength(i);
  const std::size_t wanted = std::min<std::size_t>(head_width_, suffix.size());
  if (length != wanted) {
    return length < wanted ? -1 : 1;
  }
  return Tail(i).compare(suffix.substr(wanted));
}

int Block::CompareKey(std::uint32_t i, std::string_view key) const {
  if (const int order = ComparePrefix(key); order != 0) {
    return order;
  }
  if (head_width_ != 0) {
    const std::uint64_t head = Head(i);
    const std::uint64_t wanted = KeyHead(key, prefix_bytes_) >> head_shift_;
    if (head != wanted) {
      return head < wanted ? -1 : 1;
    }
  }
  return CompareSuffix(i, key.substr(prefix_bytes_));
}

std::vector<std::uint64_t> Block::SampleHeads() const {
  std::vector<std::uint64_t> samples;
  if (count_ >= kSampledMin && head_width_ != 0) {
    samples.reserve(count_ / kHeadsPerSample + 1);
    for (std::uint32_t i = 0; i < count_; i += kHeadsPerSample) {
      samples.push_back(Head(i));
    }
  }
  return samples;
}

// The first head that is not below that of the key lies behind the last sample that is, and not
// behind the next sample.
Block::Range Block::Narrow(std::string_view key, std::span<const std::uint64_t> samples) const {
  if (samples.empty() || key.size() < prefix_bytes_) {
    return {.first = 0, .last = count_};
  }
  const std::uint64_t wanted = KeyHead(key, prefix_bytes_) >> head_shift_;
  const std::uint32_t next = LowerHead(samples, wanted);
  const Range range{.first = next == 0 ? 0 : (next - 1) * kHeadsPerSample + 1,
                    .last = std::min(count_, next * kHeadsPerSample)};
  PrefetchLines(data_ + format::kHeaderBytes + std::size_t{range.first} * head_width_,
                std::size_t{range.last - range.first} * head_width_);
  return range;
}

Block::Range Block::EqualHeads(std::string_view key, Range near) const {
  const char* const heads = data_ + format::kHeaderBytes;
  const std::uint64_t wanted = KeyHead(key, prefix_bytes_) >> head_shift_;
  auto search = [&]<typename Width>(Width) -> Range {
    const std::uint32_t first = near.first + LowerHead<Width>(heads + near.first * sizeof(Width),
                                                              near.last - near.first, wanted);
    if (first == count_ || LoadHead<Width>(heads, first) != wanted) {
      return {first, first};
    }
    return {first, EndOfRun<Width>(heads, first, count_, wanted)};
  };
  switch (head_width_) {
    case 2: return search(std::uint16_t{});
    case 4: return search(std::uint32_t{});
    case 8: return search(std::uint64_t{});
    default: return {0, count_};
  }
}

std::uint32_t Block::LowerInRun(Range run, std::string_view suffix, SequenceNumber as_of) const {
  while (run.first < run.last) {
    const std::uint32_t middle = run.first + (run.last - run.first) / 2;
    const int order = CompareSuffix(middle, suffix);
    if (order < 0 || (order == 0 && sequence(middle) > as_of)) {
      run.first = middle + 1;
    } else {
      run.last = middle;
    }
  }
  return run.first;
}

std::uint32_t Block::LowerBound(std::string_view key, SequenceNumber as_of, Range near) const {
  if (const int order = ComparePrefix(key); order != 0) {
    return order > 0 ? 0 : count_;
  }
  return LowerInRun(EqualHeads(key, near), key.substr(prefix_bytes_), as_of);
}

std::uint32_t Block::Find(std::string_view key, SequenceNumber as_of) const {
  if (ComparePrefix(key) != 0) {
    return count_;
  }
  const Range run = EqualHeads(key);
  const std::string_view suffix = key.substr(prefix_bytes_);
  const std::uint32_t i = LowerInRun(run, suffix, as_of);
  return i != run.last && CompareSuffix(i, suffix) == 0 ? i : count_;
}

std::uint32_t Block::UpperBound(std::string_view key) const {
  if (const int order = ComparePrefix(key); order != 0) {
    return order > 0 ? 0 : count_;
  }
  auto [first, last] = EqualHeads(key);
  const std::string_view suffix = key.substr(prefix_bytes_);
  while (first < last) {
    const std::uint32_t middle = first + (last - first) / 2;
    if (CompareSuffix(middle, suffix) <= 0) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  return first;
}

}  // namespace firn

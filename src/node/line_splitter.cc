// SPDX-License-Identifier: Apache-2.0
#include "node/line_splitter.h"

#include <algorithm>
#include <cstring>

namespace firn::node {

void LineSplitter::Reallocate(std::size_t capacity) {
  auto buffer = std::make_unique_for_overwrite<char[]>(capacity);
  if (end_ > begin_) {
    std::memcpy(buffer.get(), buffer_.get() + begin_, end_ - begin_);
  }
  buffer_ = std::move(buffer);
  capacity_ = capacity;
}

std::span<char> LineSplitter::Room() {
  const std::size_t kept = end_ - begin_;
  const std::size_t need = kept + kChunkBytes;
  constexpr std::size_t kSmallBytes = 4 * kChunkBytes;
  if (capacity_ < need) {
    Reallocate(std::max(kSmallBytes, 2 * need));
  } else if (capacity_ > kSmallBytes && need <= kSmallBytes) {
    Reallocate(kSmallBytes);
  } else if (capacity_ - end_ < kChunkBytes) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, kept);
  } else {
    return {buffer_.get() + end_, kChunkBytes};
  }
  scanned_ -= begin_;
  begin_ = 0;
  end_ = kept;
  return {buffer_.get() + end_, kChunkBytes};
}

std::optional<LineSplitter::Line> LineSplitter::Next() {
  const char* const start = buffer_.get() + scanned_;
  const void* newline = end_ > scanned_ ? std::memchr(start, '\n', end_ - scanned_) : nullptr;
  if (newline != nullptr) {
    return Finish(static_cast<std::size_t>(static_cast<const char*>(newline) - buffer_.get()));
  }
  if (discarding_ || end_ - begin_ > line_bytes_max_) {
    discarding_ = true;
    begin_ = end_ = 0;
  }
  scanned_ = end_;
  return std::nullopt;
}

std::optional<LineSplitter::Line> LineSplitter::Last() {
  if (begin_ == end_ && !discarding_) {
    return std::nullopt;
  }
  return Finish(end_);
}

LineSplitter::Line LineSplitter::Finish(std::size_t end_of_line) {
  Line line{.number = ++lines_,
            .text = {buffer_.get() + begin_, end_of_line - begin_},
            .too_long = discarding_ || end_of_line - begin_ > line_bytes_max_};
  begin_ = scanned_ = std::min(end_of_line + 1, end_);
  discarding_ = false;
  if (line.too_long) {
    line.text = {};
  } else if (line.text.ends_with('\r')) {
    line.text.remove_suffix(1);
  }
  return line;
}

}  // namespace firn::node

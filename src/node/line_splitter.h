// SPDX-License-Identifier: Apache-2.0
//
// Cuts a stream of bytes into lines. Bytes are read straight into its buffer and lines are views of
// it, so a line is copied only when the buffer's end comes in its middle. A line longer than
// allowed is thrown away as it comes in, and reported by its number when it ends.
//
// Memory: twice the longest line allowed, and back to a chunk once a long line is done. Not
// thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace firn::node {

class LineSplitter {
 public:
  explicit LineSplitter(std::size_t line_bytes_max) : line_bytes_max_(line_bytes_max) {}

  struct Line {
    std::uint64_t number = 0;  // From 1.
    std::string_view text;     // Without the newline and a carriage return before it.
    bool too_long = false;     // Then the text is empty.
  };

  // Where to read the next bytes of the stream to: kChunkBytes. Ends the life of lines.
  std::span<char> Room();
  // So many were read there.
  void Take(std::size_t bytes) { end_ += bytes; }

  // The next whole line; nothing when more bytes are needed. Holds until Room is called.
  std::optional<Line> Next();
  // At the end of the stream: what stands behind the last newline, if anything.
  std::optional<Line> Last();

  static constexpr std::size_t kChunkBytes = std::size_t{64} << 10;

 private:
  void Reallocate(std::size_t capacity);
  Line Finish(std::size_t end_of_line);

  const std::size_t line_bytes_max_;
  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;    // Of the line to come.
  std::size_t scanned_ = 0;  // No newline in [begin_, scanned_).
  std::size_t end_ = 0;
  bool discarding_ = false;  // The line to come is too long; what was read of it is gone.
  std::uint64_t lines_ = 0;
};

}  // namespace firn::node

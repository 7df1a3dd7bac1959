// SPDX-License-Identifier: Apache-2.0
//
// One segment file being read: a window of its bytes that follows the reader, and a search for
// record headers behind a place where the chain broke. Memory is the window, 256 KiB, or the
// largest record asked for. One thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "firn/result.h"
#include "io/file_system.h"
#include "storage/wal/log_format.h"

namespace firn::wal {

class SegmentReader {
 public:
  static Result<std::unique_ptr<SegmentReader>> Open(FileSystem& files,
                                                     const std::string& directory,
                                                     WalNumber number);

  WalNumber number() const { return number_; }
  std::uint64_t size() const { return size_; }

  // The bytes at `offset`, fewer only at the end of the file. Holds until the next call.
  Result<std::string_view> View(std::uint64_t offset, std::uint64_t length);

  struct Sighting {
    std::uint64_t offset = 0;
    RecordHeader header;
  };
  struct Search {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::function<bool(const Sighting&)> visit;  // Returns whether to stop.
  };
  // Visits every record header in the range, whatever stands between them; what a header says is
  // its payload is passed over. Returns the offset after the last byte that is not zero, up to the
  // word and to where the search ended; `from` when all are.
  Result<std::uint64_t> Find(const Search& search);

 private:
  bool Holds(std::uint64_t offset, std::uint64_t length) const {
    return offset >= window_at_ && offset + length <= window_at_ + window_.size();
  }
  Result<void> AnnounceWindowAt(std::uint64_t offset) const;

  SegmentReader(WalNumber number, std::unique_ptr<ReadableFile> file, std::uint64_t size)
      : number_(number), file_(std::move(file)), size_(size) {}

  const WalNumber number_;
  const std::unique_ptr<ReadableFile> file_;
  const std::uint64_t size_;
  std::string window_;
  std::uint64_t window_at_ = 0;
};

}  // namespace firn::wal

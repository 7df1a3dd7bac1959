// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/segment_reader.h"

#include <algorithm>

#include "base/page.h"
#include "base/propagate.h"

namespace firn::wal {
namespace {
constexpr std::uint64_t kWindowBytes = 256 << 10;
}  // namespace

Result<std::unique_ptr<SegmentReader>> SegmentReader::Open(FileSystem& files,
                                                           const std::string& directory,
                                                           WalNumber number) {
  FIRN_TRY_ASSIGN(auto file, files.OpenReadable(JoinPath(directory, WalFileName(number))));
  FIRN_TRY_ASSIGN(const std::uint64_t size, file->Size());
  return std::unique_ptr<SegmentReader>(new SegmentReader(number, std::move(file), size));
}

Result<std::string_view> SegmentReader::View(std::uint64_t offset, std::uint64_t length) {
  offset = std::min(offset, size_);
  length = std::min(length, size_ - offset);
  if (!Holds(offset, length)) {
    // Up to the end of a page: what lies behind may never have been written.
    const std::uint64_t end = offset + std::max(length, kWindowBytes);
    window_.resize(std::min(end / kPageBytes * kPageBytes + kPageBytes, size_) - offset);
    window_at_ = offset;
    FIRN_TRY_ASSIGN(const std::size_t count, file_->Read(offset, window_));
    window_.resize(count);
    length = std::min<std::uint64_t>(length, count);
    FIRN_TRY(AnnounceWindowAt(window_at_ + count));
  }
  return std::string_view(window_).substr(offset - window_at_, length);
}

// Reading space that was never written would make it look like data from then on.
Result<void> SegmentReader::AnnounceWindowAt(std::uint64_t offset) const {
  if (offset < size_) {
    FIRN_TRY_ASSIGN(const std::uint64_t data, file_->NextData(offset));
    if (data == offset) {
      file_->WillRead(offset, kWindowBytes);
    }
  }
  return {};
}

Result<std::uint64_t> SegmentReader::Find(const Search& search) {
  const std::uint64_t to = std::min(search.to, size_);
  std::uint64_t last = search.from;
  std::uint64_t offset = (search.from + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
  while (offset + kRecordAlignment <= to) {
    if (!Holds(offset, kRecordAlignment)) {
      FIRN_TRY_ASSIGN(const std::uint64_t data, file_->NextData(offset));
      if (data >= offset + kRecordAlignment) {
        offset = data / kRecordAlignment * kRecordAlignment;
        continue;
      }
    }
    FIRN_TRY_ASSIGN(const std::string_view word, View(offset, kRecordAlignment));
    if (word.size() < kRecordAlignment) {
      break;
    }
    if (LoadLittle<std::uint64_t>(word.data()) == 0) {
      offset += kRecordAlignment;
      continue;
    }
    FIRN_TRY_ASSIGN(const std::string_view bytes, View(offset, kRecordHeaderBytes));
    last = offset + kRecordAlignment;
    if (bytes.size() < kRecordHeaderBytes || !IsRecordHeader(bytes.data(), {number_, offset})) {
      offset += kRecordAlignment;
      continue;
    }
    const Sighting sighting = {offset, LoadRecordHeader(bytes.data())};
    offset += RecordBytes(sighting.header.length);
    last = std::min(offset, to);
    if (search.visit(sighting)) {
      break;
    }
  }
  return last;
}

}  // namespace firn::wal

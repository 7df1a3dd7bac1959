// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/segment_reader.h"

#include <algorithm>

#include "base/propagate.h"

namespace firn::wal {
namespace {
constexpr std::uint64_t kWindowBytes = 256 << 10;
constexpr std::uint64_t kPageBytes = 4096;
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
  if (offset < window_at_ || offset + length > window_at_ + window_.size()) {
    window_.resize(std::min(std::max(length, kWindowBytes), size_ - offset));
    window_at_ = offset;
    FIRN_TRY_ASSIGN(const std::size_t count, file_->Read(offset, window_));
    window_.resize(count);
    length = std::min<std::uint64_t>(length, count);
  }
  return std::string_view(window_).substr(offset - window_at_, length);
}

Result<std::uint64_t> SegmentReader::Find(const Search& search) {
  const std::uint64_t to = std::min(search.to, size_);
  std::uint64_t last = search.from;
  std::uint64_t offset = (search.from + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
  while (offset + kRecordAlignment <= to) {
    FIRN_TRY_ASSIGN(const std::string_view bytes, View(offset, kRecordHeaderBytes));
    if (bytes.size() < kRecordAlignment) {
      break;
    }
    if (LoadLittle<std::uint64_t>(bytes.data()) == 0) {
      offset += kRecordAlignment;
      if (offset % kPageBytes == 0) {
        FIRN_TRY_ASSIGN(const std::uint64_t data, file_->NextData(offset));
        offset = std::max(offset, data / kRecordAlignment * kRecordAlignment);
      }
      continue;
    }
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

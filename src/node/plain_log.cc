// SPDX-License-Identifier: Apache-2.0
//
// How entries are told from what a crash left: an entry was acknowledged if an intact one follows
// it in its file, or if a later file starts behind it. So a damaged entry in the middle is an
// entry, and bad bytes at the end of the newest file are not.
#include "node/plain_log.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/propagate.h"

namespace firn::node {
namespace {

constexpr std::string_view kPrefix = "plain-";
constexpr std::string_view kSuffix = ".log";
constexpr std::size_t kNumberDigits = 20;
constexpr std::uint64_t kHeaderBytes = 8;

std::string FileName(std::uint64_t base) {
  std::string digits = std::to_string(base);
  digits.insert(0, kNumberDigits - digits.size(), '0');
  return std::string(kPrefix) + digits + std::string(kSuffix);
}

std::optional<std::uint64_t> ParseFileName(std::string_view name) {
  if (name.size() != kPrefix.size() + kNumberDigits + kSuffix.size() ||
      !name.starts_with(kPrefix) || !name.ends_with(kSuffix)) {
    return std::nullopt;
  }
  const std::string_view digits = name.substr(kPrefix.size(), kNumberDigits);
  std::uint64_t base = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), base);
  if (error != std::errc() || end != digits.end()) {
    return std::nullopt;
  }
  return base;
}

struct StoredEntry {
  std::string payload;
  bool checksum_is_valid = false;
  std::uint64_t bytes() const { return kHeaderBytes + payload.size(); }
};

// The entry at `offset` of a file of `size` bytes; nothing when none fits. Eight zeros are none:
// they may be space that a crash left unwritten.
Result<std::optional<StoredEntry>> ReadEntry(const ReadableFile& file, std::uint64_t size,
                                             std::uint64_t offset) {
  char header[kHeaderBytes];
  if (size - offset < kHeaderBytes) {
    return std::optional<StoredEntry>();
  }
  FIRN_TRY_ASSIGN(const std::size_t got, file.Read(offset, header));
  const auto length = LoadLittle<std::uint32_t>(header);
  if (got < kHeaderBytes || length == 0 || size - offset - kHeaderBytes < length) {
    return std::optional<StoredEntry>();
  }
  StoredEntry entry;
  entry.payload.resize(length);
  FIRN_TRY_ASSIGN(const std::size_t payload_got, file.Read(offset + kHeaderBytes, entry.payload));
  entry.checksum_is_valid =
      payload_got == length && Crc32(entry.payload) == LoadLittle<std::uint32_t>(header + 4);
  return std::optional(std::move(entry));
}

}  // namespace

std::string PlainLog::PathOf(std::uint64_t base) const {
  return JoinPath(directory_, FileName(base));
}

Result<void> PlainLog::EnsureOpen() {
  if (is_open_) {
    return {};
  }
  entries_.clear();
  end_ = 0;
  FIRN_TRY_ASSIGN(const std::vector<std::string> names, files_->List(directory_));
  std::vector<std::uint64_t> bases;
  for (const std::string& name : names) {
    if (const auto base = ParseFileName(name)) {
      bases.push_back(*base);
    }
  }
  std::ranges::sort(bases);
  for (std::size_t i = 0; i < bases.size(); ++i) {
    FIRN_TRY(TakeFile(bases[i], i + 1 < bases.size() ? std::optional(bases[i + 1]) : std::nullopt));
    last_base_ = bases[i];
  }
  is_open_ = true;
  return {};
}

Result<void> PlainLog::TakeFile(std::uint64_t base, std::optional<std::uint64_t> next) {
  const std::string path = PathOf(base);
  if (base != end_) {
    return Error{ErrorCode::kCorruption, path + ": starts at " + std::to_string(base) +
                                             ", the file before it ends at " +
                                             std::to_string(end_)};
  }
  FIRN_TRY_ASSIGN(const std::unique_ptr<ReadableFile> file, files_->OpenReadable(path));
  FIRN_TRY_ASSIGN(const std::uint64_t size, file->Size());
  std::size_t acknowledged = entries_.size();
  for (std::uint64_t offset = 0; !next || base + offset < *next;) {
    FIRN_TRY_ASSIGN(const auto entry, ReadEntry(*file, size, offset));
    if (!entry) {
      break;
    }
    entries_.push_back({.offset = base + offset, .file = base});
    offset += entry->bytes();
    if (entry->checksum_is_valid || next) {
      acknowledged = entries_.size();
      end_ = base + offset;
    }
  }
  entries_.resize(acknowledged);
  if (next && end_ != *next) {
    return Error{ErrorCode::kCorruption, path + " @" + std::to_string(end_ - base) +
                                             ": no entry, but the next file starts at " +
                                             std::to_string(*next)};
  }
  return {};
}

Result<void> PlainLog::StartFile() {
  // A file that starts where this one has to holds nothing that was acknowledged.
  if (last_base_ == end_) {
    FIRN_TRY(files_->Delete(PathOf(end_)));
  }
  FIRN_TRY_ASSIGN(file_, files_->CreateAppendable(PathOf(end_)));
  last_base_ = end_;
  return files_->SyncDirectory(directory_);
}

Result<void> PlainLog::Write(std::string_view entry) {
  if (file_ == nullptr) {
    FIRN_TRY(StartFile());
  }
  FIRN_TRY(file_->Append(entry));
  return file_->Sync();
}

Result<PlainLog::Appended> PlainLog::Append(std::string_view payload) {
  FIRN_TRY(EnsureOpen());
  if (failure_) {
    return Error{ErrorCode::kReadOnly, "the log has ended with " + failure_->Describe()};
  }
  if (payload.empty()) {
    return Error{ErrorCode::kInvalidArgument,
                 "an empty entry could not be told from space that was never written"};
  }
  const Appended appended{.offset = end_, .checksum = Crc32(payload)};
  std::string entry(kHeaderBytes, '\0');
  StoreLittle(entry.data(), static_cast<std::uint32_t>(payload.size()));
  StoreLittle(entry.data() + 4, appended.checksum);
  entry += payload;
  if (Result<void> written = Write(entry); !written) {
    failure_ = written.error();
    return std::move(written).error();
  }
  entries_.push_back({.offset = end_, .file = *last_base_});
  end_ += entry.size();
  return appended;
}

Result<PlainLog::Entry> PlainLog::Read(std::uint64_t offset) {
  FIRN_TRY(EnsureOpen());
  const auto place = std::ranges::lower_bound(entries_, offset, {}, &Place::offset);
  if (place == entries_.end() || place->offset != offset) {
    return Error{ErrorCode::kNotFound, "no entry starts at offset " + std::to_string(offset) +
                                           " of the log, which ends at " + std::to_string(end_)};
  }
  const std::string path = PathOf(place->file);
  FIRN_TRY_ASSIGN(const std::unique_ptr<ReadableFile> file, files_->OpenReadable(path));
  FIRN_TRY_ASSIGN(const std::uint64_t size, file->Size());
  FIRN_TRY_ASSIGN(auto entry, ReadEntry(*file, size, offset - place->file));
  if (!entry) {
    return Error{ErrorCode::kCorruption, path + " @" + std::to_string(offset - place->file) +
                                             ": the entry that was here is not any more"};
  }
  return Entry{.payload = std::move(entry->payload), .checksum_is_valid = entry->checksum_is_valid};
}

Result<PlainLog::Info> PlainLog::GetInfo() {
  FIRN_TRY(EnsureOpen());
  return Info{.entries = entries_.size(), .bytes = end_, .is_synced = !failure_};
}

}  // namespace firn::node

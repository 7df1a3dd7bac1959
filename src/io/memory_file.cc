// SPDX-License-Identifier: Apache-2.0
#include "io/memory_file.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace firn {
namespace {

constexpr std::size_t kWordBytes = 8;

// Copies as the disk does: while another thread may be storing to the source. That is a data race
// which the log's format, not the language, makes harmless; the sanitizer is told to look away.
__attribute__((no_sanitize("thread"))) void CopyWhileStored(char* to, const char* from,
                                                            std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; i += kWordBytes) {
    const auto word = *reinterpret_cast<const volatile std::uint64_t*>(from + i);
    std::memcpy(to + i, const_cast<const std::uint64_t*>(&word), kWordBytes);
  }
}

}  // namespace

MemoryFile::MemoryFile(std::uint64_t capacity, bool mapped) : fixed_(true), mapped_(mapped) {
  Reserve(capacity);
  size_ = capacity;
}

// Fresh memory of the C library is zero without being touched, so that a large segment of which
// little is used costs little.
void MemoryFile::Reserve(std::uint64_t bytes) {
  if (bytes <= reserved_) {
    return;
  }
  const std::uint64_t wanted = fixed_ ? bytes : std::max(bytes, reserved_ * 2);
  const std::uint64_t rounded = (wanted + kPageBytes - 1) / kPageBytes * kPageBytes;
  std::unique_ptr<char, Free> grown(static_cast<char*>(std::calloc(rounded, 1)));
  FIRN_CHECK(grown != nullptr, rounded);
  if (size_ > 0) {
    std::memcpy(grown.get(), memory_.get(), size_);
  }
  memory_ = std::move(grown);
  reserved_ = rounded;
}

std::size_t MemoryFile::Read(std::uint64_t offset, std::span<char> out) const {
  if (offset >= size_ || out.empty()) {
    return 0;
  }
  const std::size_t count = std::min<std::uint64_t>(out.size(), size_ - offset);
  std::memcpy(out.data(), memory_.get() + offset, count);
  return count;
}

std::uint64_t MemoryFile::NextData(std::uint64_t offset) const {
  const std::uint64_t page = offset / kPageBytes;
  std::uint64_t next = size_;
  if (const auto found = disk_.lower_bound(page); found != disk_.end()) {
    next = std::min(next, found->first * kPageBytes);
  }
  for (const auto* pages : {&dirty_, &lost_}) {
    if (const auto found = pages->lower_bound(page); found != pages->end()) {
      next = std::min(next, *found * kPageBytes);
    }
  }
  return std::min(std::max(next, offset), size_);
}

void MemoryFile::Write(std::uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) {
    return;
  }
  Reserve(offset + bytes.size());
  std::memcpy(memory_.get() + offset, bytes.data(), bytes.size());
  size_ = std::max<std::uint64_t>(size_, offset + bytes.size());
  MarkDirty(offset, bytes.size());
}

std::span<char> MemoryFile::Lend(std::uint64_t offset, std::size_t length) {
  FIRN_CHECK(fixed_ && offset + length <= size_, offset, length, size_);
  MarkDirty(offset, length);
  lent_ = {offset, length};
  return {memory_.get() + offset, length};
}

void MemoryFile::MarkDirty(std::uint64_t offset, std::uint64_t length) {
  for (std::uint64_t page = offset / kPageBytes; page * kPageBytes < offset + length; ++page) {
    dirty_.insert(page);
    lost_.erase(page);
  }
}

MemoryFile::Page MemoryFile::PageNow(std::uint64_t page) const {
  Page content;
  CopyWhileStored(content.data(), memory_.get() + page * kPageBytes, kPageBytes);
  return content;
}

MemoryFile::Page MemoryFile::PageOnDisk(std::uint64_t page) const {
  const auto found = disk_.find(page);
  return found == disk_.end() ? Page{} : found->second;
}

void MemoryFile::PutPage(std::uint64_t page, const Page& content) {
  Reserve((page + 1) * kPageBytes);
  std::memcpy(memory_.get() + page * kPageBytes, content.data(), kPageBytes);
}

void MemoryFile::Sync() {
  for (const std::uint64_t page : dirty_) {
    disk_[page] = PageNow(page);
  }
  dirty_.clear();
  disk_size_ = size_;
  if (lent_.length > 0) {
    MarkDirty(lent_.offset, lent_.length);
  }
}

void MemoryFile::DropDirty() {
  lost_.insert(dirty_.begin(), dirty_.end());
  dirty_.clear();
}

std::shared_ptr<MemoryFile> MemoryFile::CopyAfterKill() const {
  auto copy = std::make_shared<MemoryFile>();
  copy->fixed_ = fixed_;
  copy->mapped_ = mapped_;
  copy->Reserve(size_);
  copy->size_ = size_;
  copy->disk_ = disk_;
  copy->disk_size_ = disk_size_;
  copy->dirty_ = dirty_;
  copy->lost_ = lost_;
  for (const auto& [page, content] : disk_) {
    copy->PutPage(page, PageNow(page));
  }
  for (const auto* pages : {&dirty_, &lost_}) {
    for (const std::uint64_t page : *pages) {
      copy->PutPage(page, PageNow(page));
    }
  }
  return copy;
}

// A file is as long as when it was last synced, or longer by the pages that reached the disk. A
// segment never synced may have got its allocation to the disk or not.
std::shared_ptr<MemoryFile> MemoryFile::CopyAfterPowerLoss(Random& random, unsigned percent) const {
  const auto survives = [&] { return random.Below(100) < percent; };
  std::map<std::uint64_t, Page> pages = disk_;
  std::uint64_t size = disk_size_;
  if (fixed_ && survives()) {
    size = size_;
  }
  for (const std::uint64_t page : dirty_) {
    const Page now = PageNow(page);
    Page left = PageOnDisk(page);
    const std::size_t unit = mapped_ ? kWordBytes : kPageBytes;
    bool any = false;
    for (std::size_t at = 0; at < kPageBytes; at += unit) {
      if (survives()) {
        std::memcpy(left.data() + at, now.data() + at, unit);
        any = true;
      }
    }
    if (any) {
      pages[page] = left;
      size = std::max(size, std::min(size_, (page + 1) * kPageBytes));
    }
  }
  auto copy = std::make_shared<MemoryFile>();
  copy->fixed_ = fixed_;
  copy->mapped_ = mapped_;
  copy->Reserve(size);
  copy->size_ = size;
  copy->disk_size_ = size;
  for (const auto& [page, content] : pages) {
    if (page * kPageBytes < size) {
      copy->PutPage(page, content);
      copy->disk_[page] = copy->PageNow(page);
    }
  }
  return copy;
}

}  // namespace firn

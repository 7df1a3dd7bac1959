// SPDX-License-Identifier: Apache-2.0
//
// The content of one file of MemoryFileSystem, in two states at once: what a reader sees and what
// the disk holds. Writing makes pages dirty; a sync copies the dirty ones to the disk. A power loss
// keeps the disk's pages and any of the dirty ones, in units of a page, or of a word where the file
// is written through a mapping, whose stores reach the disk in no order.
//
// Not thread-safe, but Sync and the copies may run while a thread stores into lent memory.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "base/page.h"
#include "base/random.h"

namespace firn {

class MemoryFile {
 public:
  // A file that grows with its writes.
  MemoryFile() = default;
  // A log segment of `capacity` zeros, whose memory never moves. `mapped` makes words the units of
  // survival.
  MemoryFile(std::uint64_t capacity, bool mapped);

  std::uint64_t size() const { return size_; }
  // Like ReadableFile::Read.
  std::size_t Read(std::uint64_t offset, std::span<char> out) const;
  // Like ReadableFile::NextData.
  std::uint64_t NextData(std::uint64_t offset) const;
  void Write(std::uint64_t offset, std::string_view bytes);
  // Memory of the file itself; its pages are dirty until a Sync after the lending has ended.
  // Requires a log segment and a range inside it.
  std::span<char> Lend(std::uint64_t offset, std::size_t length);
  void EndLending() { lent_ = {}; }

  void Sync();
  // Makes the dirty pages look clean without writing them, as Linux does when a sync fails.
  void DropDirty();

  std::shared_ptr<MemoryFile> CopyAfterKill() const;
  // Each unit survives with a chance of `percent` in a hundred. What is left is all synced.
  std::shared_ptr<MemoryFile> CopyAfterPowerLoss(Random& random, unsigned percent) const;

 private:
  using Page = std::array<char, kPageBytes>;
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  struct Range {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
  };

  void Reserve(std::uint64_t bytes);
  void MarkDirty(std::uint64_t offset, std::uint64_t length);
  Page PageNow(std::uint64_t page) const;
  Page PageOnDisk(std::uint64_t page) const;
  void PutPage(std::uint64_t page, const Page& content);

  bool fixed_ = false;   // A log segment.
  bool mapped_ = false;  // Written through a mapping.
  std::unique_ptr<char, Free> memory_;
  std::uint64_t reserved_ = 0;  // Bytes of memory_, whole pages, zeros beyond size_.
  std::uint64_t size_ = 0;
  Range lent_;
  std::map<std::uint64_t, Page> disk_;  // Pages ever synced.
  std::uint64_t disk_size_ = 0;
  std::set<std::uint64_t> dirty_;  // Pages to be written by the next Sync.
  std::set<std::uint64_t> lost_;   // Pages that differ from the disk and that no Sync will write.
};

}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
//
// A small database whose history is known, made on the memory file system for damage_test: tables
// on three levels, a log of several segments, ended by closing or by a kill. It knows what of its
// history must still be there, or be missed aloud, after damage to its log.
#pragma once

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/scripts.h"
#include "storage/wal/log_format.h"

namespace firn {

struct SpecimenKind {
  WalAppend way = WalAppend::kWrite;
  bool closed = false;  // Else killed.

  std::string Name() const {
    return std::string(way == WalAppend::kWrite ? "Written" : "Mapped") +
           (closed ? "Closed" : "Killed");
  }
  friend void PrintTo(const SpecimenKind& kind, std::ostream* out) { *out << kind.Name(); }
};

class Specimen {
 public:
  explicit Specimen(const SpecimenKind& kind) : options_(MakeOptions(kind)), story_(options_) {
    Grow();
    if (kind.closed) {
      story_.Close();  // Flushes what is frozen, and so leaves one segment.
      story_.Open();
      WriteSome(story_, 20, 40, 90);
      story_.Close();
    }
    files_ = story_.engine().memory().CloneAfterKill();
    content_ = ContentAfter(story_.history().begun());
    for (const std::string& name : files_->List(kTestDirectory).value()) {
      bytes_[name] = ReadWholeFile(*files_, PathOf(name)).value();
    }
    ReadLog();
  }

  static std::string PathOf(const std::string& name) { return JoinPath(kTestDirectory, name); }

  const Options& options() const { return options_; }
  const History& history() const { return story_.history(); }
  const std::vector<Error>& errors() const { return story_.errors(); }
  const MemoryFileSystem& files() const { return *files_; }
  // By name, without the directory.
  const std::map<std::string, std::string>& bytes() const { return bytes_; }
  // After the whole history, and the keys that it ever named.
  const History::Content& content() const { return content_; }
  const std::vector<std::string>& keys() const { return keys_; }
  // Where the bytes that mean anything end.
  std::size_t UsedBytes(const std::string& name) const {
    const auto last = bytes_.at(name).find_last_not_of('\0');
    return last == std::string::npos ? 0 : last + 1;
  }

  std::vector<std::string> NamesWith(std::string_view part) const {
    std::vector<std::string> names;
    for (const auto& [name, content] : bytes_) {
      if (name.find(part) != std::string::npos) {
        names.push_back(name);
      }
    }
    return names;
  }

  // How many writes the log of `damaged` proves to have been synced, or tables hold: those must be
  // there unless the database is refused. A claim counts if the header that makes it is intact.
  std::size_t LeastWrites(MemoryFileSystem& damaged) const {
    std::map<std::string, std::string> now;
    for (const Claim& claim : claims_) {
      if (!now.contains(claim.file)) {
        auto content = ReadWholeFile(damaged, PathOf(claim.file));
        now[claim.file] = content ? *std::move(content) : std::string();
      }
    }
    std::uint64_t synced = 0;
    for (const Claim& claim : claims_) {
      const std::string& file = now[claim.file];
      if (file.size() >= claim.offset + claim.bytes &&
          file.compare(claim.offset, claim.bytes, bytes_.at(claim.file), claim.offset,
                       claim.bytes) == 0) {
        synced = std::max(synced, claim.position);
      }
    }
    std::size_t writes = writes_before_log_;
    for (const LoggedWrite& write : logged_) {
      if (write.position < synced) {
        writes = std::max(writes, write.number);
      }
    }
    return writes;
  }

 private:
  // That everything before `position` is synced, said by a header of a record or segment.
  struct Claim {
    std::string file;
    std::uint64_t offset = 0;
    std::size_t bytes = 0;
    std::uint64_t position = 0;
  };
  struct LoggedWrite {
    std::uint64_t position = 0;
    std::size_t number = 0;  // In the history, from 1 on.
  };

  static Options MakeOptions(const SpecimenKind& kind) {
    Options options = SmallOptions();
    options.table_bytes = 4 << 10;
    options.level0_tables_max = 12;
    options.auto_compaction = false;  // Levels as the script makes them.
    options.wal_append = kind.way;
    return options;
  }

  void Grow() {
    story_.Open();
    WriteSome(story_, 100, 60, 90);
    story_.Flush();
    story_.CompactLevel(0);
    story_.CompactLevel(1);
    WriteSome(story_, 60, 60, 90);
    story_.Flush();
    story_.CompactLevel(0);
    for (int table = 0; table < 2; ++table) {
      WriteSome(story_, 25, 40, 90);
      story_.Flush();
    }
    WriteSome(story_, 30, 40, 90);
    story_.KillAndReopen();
    WriteSome(story_, 30, 40, 90);
    story_.Write({{Story::Key(1), "batch"}, {Story::Key(2), "batch"}, {Story::Key(3), "batch"}});
    story_.KillAndReopen();
    WriteSome(story_, 60, 320, 90);  // Freezes a memtable, which is not flushed yet.
    story_.Sync();
    for (std::uint64_t i = 0; i < 6; ++i) {
      story_.Put(Story::Key(10 * i), story_.Value(40));
    }
  }

  History::Content ContentAfter(std::size_t writes) {
    History::Content content;
    for (std::size_t i = 0; i < writes; ++i) {
      for (const History::Operation& operation : story_.history().writes()[i]) {
        keys_.push_back(operation.key);
        if (operation.value) {
          content[operation.key] = *operation.value;
        } else {
          content.erase(operation.key);
        }
      }
    }
    std::ranges::sort(keys_);
    keys_.erase(std::ranges::unique(keys_).begin(), keys_.end());
    return content;
  }

  void ReadLog() {
    std::map<std::uint64_t, std::size_t> number_of_sequence;
    std::uint64_t next_sequence = 1;
    for (std::size_t i = 0; i < history().begun(); ++i) {
      number_of_sequence[next_sequence] = i + 1;
      next_sequence += history().writes()[i].size();
    }
    for (const std::string& name : NamesWith(".wal")) {
      const std::string& bytes = bytes_[name];
      const Result<wal::SegmentHeader> header = wal::DecodeSegmentHeader(bytes);
      if (!header) {
        continue;  // Made ready for when the others are full.
      }
      const wal::SegmentHeader& segment = *header;
      const std::uint64_t start = segment.predecessor.position;
      claims_.push_back({name, 0, wal::kSegmentHeaderBytes, start - segment.unsynced});
      std::uint64_t offset = wal::kFirstRecord;
      while (offset + wal::kRecordHeaderBytes <= bytes.size() &&
             wal::IsRecordHeader(&bytes[offset], {segment.number, offset})) {
        const wal::RecordHeader record = wal::LoadRecordHeader(&bytes[offset]);
        if (record.unsynced != wal::kUnsyncedUnknown) {
          claims_.push_back(
              {name, offset, wal::kRecordHeaderBytes, start + offset - record.unsynced});
        }
        if (record.kind == wal::RecordKind::kBatch) {
          logged_.push_back({start + offset, number_of_sequence.at(record.first.value)});
        }
        offset += wal::RecordBytes(record.length);
      }
    }
    writes_before_log_ = logged_.empty() ? history().begun() : logged_.front().number - 1;
  }

  const Options options_;
  Story story_;
  std::shared_ptr<MemoryFileSystem> files_;
  std::map<std::string, std::string> bytes_;
  History::Content content_;
  std::vector<std::string> keys_;
  std::vector<Claim> claims_;
  std::vector<LoggedWrite> logged_;
  std::size_t writes_before_log_ = 0;
};

}  // namespace firn

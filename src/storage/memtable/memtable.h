// SPDX-License-Identifier: Apache-2.0
//
// The memtable: the newest writes, sorted, in memory. A B+-tree whose nodes hold 64 key heads each;
// one thread inserts while any number read without locks. Nothing is freed before the memtable is.
// docs/invariants.md (I-M1…) has the rules that make this safe.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "base/strong_id.h"
#include "storage/entry.h"
#include "storage/memtable/leaf_view.h"

namespace firn {

class ChunkPool;
class MemtableTree;
struct InsertionPoint;
struct KeyRecord;

class Memtable {
 public:
  // Takes its memory from the pool, if one is given, and leaves it there. Its filter is made for as
  // many bytes as are expected; with more it lets more absent keys through.
  explicit Memtable(std::shared_ptr<ChunkPool> pool = nullptr, std::size_t bytes_expected = 0);
  ~Memtable();
  Memtable(const Memtable&) = delete;
  Memtable& operator=(const Memtable&) = delete;

  // Adds one version. One thread at a time; sequences must increase, keys have 1 byte to 64 KiB,
  // values up to 64 MiB. The bytes are copied. A reader may meet the entry at once and must not use
  // sequences that were not published to it.
  void Insert(SequenceNumber sequence, Kind kind, std::string_view key, std::string_view value);

  // The same in two steps, with time between them for the memory to come (insertion.h). By the
  // inserting thread.
  InsertionPoint Expect(std::string_view key) const;
  void Insert(const Entry& entry, const InsertionPoint& expected);

  // The newest version at or below the lookup's sequence. The value holds while the memtable lives.
  Found Find(const Lookup& lookup) const;
  // Asks for the memory that says whether Find has to look any further.
  void Prefetch(const Lookup& lookup) const;

  // What the memory budget pays: all that is allocated, arena and nodes together. It grows by
  // chunks of about an eighth, 2 MiB at most, and must stay below 8 GiB.
  std::size_t memory_bytes() const;
  std::size_t filter_bytes() const;  // Of these, what is there before any entry.
  // Whether memory_bytes() reaches the limit; what the current chunks have left does not count, up
  // to a sixteenth of the limit. By the inserting thread.
  bool Fills(std::size_t limit_bytes) const;
  // Keys and values only: about what a flush will write before compression.
  std::size_t data_bytes() const;
  std::size_t entry_count() const;  // Versions.
  bool empty() const { return entry_count() == 0; }
  // Whether most memory goes to records that are given small pages (arena.h).
  bool has_large_records() const;

  // For tests: walks everything and aborts where it is not as docs/invariants.md says. While nobody
  // inserts.
  void CheckInvariants() const;

  class Cursor;
  class Scan;

 private:
  std::shared_ptr<ChunkPool> pool_;  // Outlives the tree.
  std::unique_ptr<MemtableTree> tree_;
};

// A VisibleCursor over the memtable: each key once, with its newest version at or below `as_of`, a
// sequence whose entries are all inserted. May run while more entries are. Requires that the
// memtable outlives it. Keys and values hold as long as the memtable does.
class Memtable::Cursor {
 public:
  Cursor(const Memtable& memtable, SequenceNumber as_of);
  void SeekToFirst();
  void SeekToLast();
  void Seek(std::string_view key);
  void SeekForPrev(std::string_view key);
  // The first step of Seek(key), which must follow: finds the record and asks for its memory.
  void Aim(std::string_view key);
  void Next();
  void Prev();
  // From a tombstone, as Next and Prev, but past tombstones that follow as well, if their keys are
  // below `limit`, or above it: where a queue is consumed there are thousands. Some may be left.
  void NextOverTombstones(const std::optional<std::string_view>& limit);
  void PrevOverTombstones(const std::optional<std::string_view>& limit);
  bool valid() const { return record_ != nullptr; }
  std::string_view key() const { return key_; }
  KeyState state() const { return state_; }

 private:
  std::string_view KeyAt(unsigned slot) const;
  void EnterFront();
  void EnterBack();
  void AskAhead(unsigned more);
  void AskBehind(unsigned more);
  void ShowFromHere();
  void ShowBeforeHere();
  bool Show();

  const MemtableTree* tree_;
  SequenceNumber as_of_;
  bool has_aimed_ = false;
  const KeyRecord* record_ = nullptr;
  unsigned slot_ = 0;
  unsigned asked_ = 0;  // Records between it and the slot have been asked for.
  std::string_view key_;
  KeyState state_;
  LeafView leaf_;
};

// Every version, in entry order, front to back: what a flush writes. Of a memtable that no longer
// grows, which must outlive it.
class Memtable::Scan {
 public:
  explicit Scan(const Memtable& memtable);
  bool valid() const { return record_ != nullptr; }
  void Next();
  Entry entry() const;

 private:
  void ShowKey();

  const MemtableTree* tree_;
  const KeyRecord* record_ = nullptr;
  ArenaRef version_ = kNoRef;  // The one shown, or kNoRef: the key record's own.
  unsigned slot_ = 0;
  LeafView leaf_;
};

}  // namespace firn

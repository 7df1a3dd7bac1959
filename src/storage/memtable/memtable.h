// SPDX-License-Identifier: Apache-2.0
//
// The memtable: the newest writes, sorted, in memory. A B+-tree whose nodes hold 64 key heads each;
// one thread inserts while any number read without locks. Nothing is freed before the memtable is.
// docs/invariants.md (I-M…) has the rules that make this safe.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/strong_id.h"
#include "storage/entry.h"

namespace firn {

class MemtableTree;

class Memtable {
 public:
  Memtable();
  ~Memtable();
  Memtable(const Memtable&) = delete;
  Memtable& operator=(const Memtable&) = delete;

  // Adds one version. One thread at a time; sequences must increase. The bytes are copied. A reader
  // may meet the entry at once and must not use sequences that were not published to it.
  void Insert(SequenceNumber sequence, Kind kind, std::string_view key, std::string_view value);

  // The newest version at or below the lookup's sequence. The value holds while the memtable lives.
  Found Find(const Lookup& lookup) const;

  // Bytes allocated, arena and nodes together: what the memory budget pays.
  std::size_t memory_bytes() const;
  // Keys and values only: about what a flush will write before compression.
  std::size_t data_bytes() const;
  std::size_t entry_count() const;  // Versions.
  bool empty() const { return entry_count() == 0; }

  class Cursor;
  class Scan;

 private:
  std::unique_ptr<MemtableTree> tree_;
};

// A VisibleCursor over the memtable: each key once, with its newest version at or below `as_of`.
// May run while entries are inserted. Requires that the memtable outlives it.
class Memtable::Cursor {
 public:
  Cursor(const Memtable& memtable, SequenceNumber as_of);
  void SeekToFirst();
  void SeekToLast();
  void Seek(std::string_view key);
  void SeekForPrev(std::string_view key);
  void Next();
  void Prev();
  bool valid() const;
  std::string_view key() const;
  KeyState state() const;
};

// Every version, in entry order, front to back: what a flush writes. Of a memtable that no longer
// grows.
class Memtable::Scan {
 public:
  explicit Scan(const Memtable& memtable);
  bool valid() const;
  void Next();
  Entry entry() const;
};

}  // namespace firn

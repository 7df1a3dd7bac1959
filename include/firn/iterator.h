// SPDX-License-Identifier: Apache-2.0
//
// Ordered reads. An Iterator moves both ways at the same cost, sees one consistent state of the
// database (the snapshot it was given, else the moment it was made), and keeps that state alive
// even when the database is closed under it. A ScanRange is the same as a C++ range.
//
// Neither is thread-safe; different ones may be used by different threads at once. Moving may read
// from disk. Keys and values are views that hold until the next move.
#pragma once

#include <iterator>
#include <memory>
#include <string_view>
#include <utility>

#include "firn/result.h"

#pragma GCC visibility push(default)
namespace firn {

namespace internal {
class DatabaseIterator;
}  // namespace internal

class Iterator {
 public:
  explicit Iterator(std::unique_ptr<internal::DatabaseIterator> implementation);
  Iterator(Iterator&&) noexcept;
  Iterator& operator=(Iterator&&) noexcept;
  ~Iterator();

  // Every move ends on a key within the bounds, or nowhere: then valid() is false, and status()
  // says whether the end was reached or an error was met.
  void SeekToFirst();
  void SeekToLast();
  void Seek(std::string_view target);         // First key >= target.
  void SeekForPrev(std::string_view target);  // Last key <= target.
  void Next();                                // Requires valid().
  void Prev();                                // Requires valid().

  bool valid() const;
  std::string_view key() const;    // Requires valid().
  std::string_view value() const;  // Requires valid().

  // Ok, or what stopped the iterator: kCorruption or kIo. Sticky until the next seek.
  Result<void> status() const;

 private:
  std::unique_ptr<internal::DatabaseIterator> implementation_;
};

// for (auto [key, value] : database.Scan({.prefix = "user:"})) { … }
//
// An error ends the loop early. Ask status() after the loop to tell that from the end of the data;
// a ScanRange that met an error and was never asked aborts the process with it when it is
// destroyed, so that no scan is cut short in silence.
class ScanRange {
 public:
  using Entry = std::pair<std::string_view, std::string_view>;

  class Cursor {
   public:
    using iterator_concept = std::input_iterator_tag;
    using difference_type = std::ptrdiff_t;
    using value_type = Entry;

    explicit Cursor(ScanRange* range) : range_(range) {}
    Entry operator*() const { return {range_->iterator_.key(), range_->iterator_.value()}; }
    Cursor& operator++();
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !range_->iterator_.valid(); }

   private:
    ScanRange* range_;
  };

  ScanRange(Iterator iterator, bool reverse);
  ScanRange(ScanRange&& other) noexcept;
  ScanRange& operator=(ScanRange&&) = delete;
  ~ScanRange();

  Cursor begin();  // Starts, or starts again, at the first entry.
  std::default_sentinel_t end() const { return {}; }

  Result<void> status();

 private:
  Iterator iterator_;
  bool reverse_;
  bool status_was_read_ = false;
};

}  // namespace firn
#pragma GCC visibility pop

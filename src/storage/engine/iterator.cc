// SPDX-License-Identifier: Apache-2.0
#include "firn/iterator.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/check.h"
#include "storage/engine/database_iterator.h"

namespace firn {

Iterator::Iterator(std::unique_ptr<internal::DatabaseIterator> implementation)
    : implementation_(std::move(implementation)) {}
Iterator::Iterator(Iterator&&) noexcept = default;
Iterator& Iterator::operator=(Iterator&&) noexcept = default;
Iterator::~Iterator() = default;

void Iterator::SeekToFirst() { implementation_->SeekToFirst(); }
void Iterator::SeekToLast() { implementation_->SeekToLast(); }
void Iterator::Seek(std::string_view target) { implementation_->Seek(target); }
void Iterator::SeekForPrev(std::string_view target) { implementation_->SeekForPrev(target); }
void Iterator::Next() {
  FIRN_CHECK(implementation_->valid());
  implementation_->Next();
}
void Iterator::Prev() {
  FIRN_CHECK(implementation_->valid());
  implementation_->Prev();
}
bool Iterator::valid() const { return implementation_->valid(); }
std::string_view Iterator::key() const { return implementation_->key(); }
std::string_view Iterator::value() const { return implementation_->value(); }
Result<void> Iterator::status() const { return implementation_->status(); }

ScanRange::ScanRange(Iterator iterator, bool reverse)
    : iterator_(std::move(iterator)), reverse_(reverse) {}

ScanRange::ScanRange(ScanRange&& other) noexcept
    : iterator_(std::move(other.iterator_)),
      reverse_(other.reverse_),
      status_was_read_(std::exchange(other.status_was_read_, true)) {}

ScanRange::~ScanRange() {
  if (status_was_read_) {
    return;
  }
  if (Result<void> status = iterator_.status(); !status) {
    std::fprintf(stderr, "firn: a scan failed and its status was never read: %s\n",
                 status.error().Describe().c_str());
    std::abort();
  }
}

ScanRange::Cursor ScanRange::begin() {
  status_was_read_ = false;
  if (reverse_) {
    iterator_.SeekToLast();
  } else {
    iterator_.SeekToFirst();
  }
  return Cursor(this);
}

ScanRange::Cursor& ScanRange::Cursor::operator++() {
  if (range_->reverse_) {
    range_->iterator_.Prev();
  } else {
    range_->iterator_.Next();
  }
  return *this;
}

Result<void> ScanRange::status() {
  status_was_read_ = true;
  return iterator_.status();
}

}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
//
// The iterators of RocksDB and LevelDB, which are of one descent, as CursorOver takes them.
#pragma once

#include <memory>
#include <string_view>

namespace firn::bench {

// `Check` ends the program when it is given a status that is an error.
template <typename Native, typename Slice, auto Check>
class NativeIterator {
 public:
  explicit NativeIterator(Native* iterator) : iterator_(iterator) {}
  void SeekToFirst() { iterator_->SeekToFirst(); }
  void SeekToLast() { iterator_->SeekToLast(); }
  void Seek(std::string_view key) { iterator_->Seek(Slice(key.data(), key.size())); }
  void Next() { iterator_->Next(); }
  void Prev() { iterator_->Prev(); }
  bool Valid() {
    const bool valid = iterator_->Valid();
    if (!valid) [[unlikely]] {
      Check(iterator_->status());
    }
    return valid;
  }
  std::string_view Key() { return View(iterator_->key()); }
  std::string_view Value() { return View(iterator_->value()); }

 private:
  static std::string_view View(const Slice& slice) { return {slice.data(), slice.size()}; }

  std::unique_ptr<Native> iterator_;
};

}  // namespace firn::bench

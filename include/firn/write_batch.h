// SPDX-License-Identifier: Apache-2.0
//
// A list of puts and deletes that take effect together or not at all, in memory as after a crash.
// Later operations on a key win over earlier ones. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace firn {

class WriteBatch {
 public:
  // Limits of a key and value are checked when the batch is written, not here.
  void Put(std::string_view key, std::string_view value);
  void Delete(std::string_view key);

  void Clear();
  bool empty() const { return count_ == 0; }
  std::size_t count() const { return count_; }

  // Bytes of the encoded batch, about what it adds to the log.
  std::size_t bytes() const { return operations_.size(); }

  // The operations as the log stores them (docs/format/wal.md, "operation").
  std::string_view encoded() const { return operations_; }

 private:
  std::string operations_;
  std::size_t count_ = 0;
};

}  // namespace firn
#pragma GCC visibility pop

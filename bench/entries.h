// SPDX-License-Identifier: Apache-2.0
//
// The bytes of keys and values, the same for all engines. An entry has a number; its key is that
// number in decimal with leading zeros, or, scattered, a hash of it, so that keys made in order lie
// anywhere, as YCSB has them. Values are cut from a pool in which half of every hundred bytes
// repeats the other half, so they compress to about a half.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace firn::bench {

struct EntryForm {
  std::size_t key_bytes = 16;
  std::size_t value_bytes = 100;
  bool scattered = false;  // Keys are "user" and 19 digits whatever key_bytes says.

  std::size_t bytes() const { return (scattered ? 23 : key_bytes) + value_bytes; }
};

// For one thread. The views hold until the next call of the same function.
class EntryMaker {
 public:
  explicit EntryMaker(const EntryForm& form);

  std::string_view Key(std::uint64_t number);
  // One that is never put, next to the key of that number.
  std::string_view MissingKey(std::uint64_t number);
  // Of the i-th write.
  std::string_view Value(std::uint64_t i) const;

 private:
  void Digits(std::uint64_t number);

  const EntryForm form_;
  std::string key_;
  std::string missing_;
  std::shared_ptr<const std::string> pool_;
};

}  // namespace firn::bench

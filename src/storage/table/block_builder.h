// SPDX-License-Identifier: Apache-2.0
//
// Builds one block after the other (block_format.h) out of entries in order. Keeps its buffers from
// block to block, so that a table is written without an allocation for each. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/entry.h"

namespace firn {

class BlockBuilder {
 public:
  // Adds the next entry, which the caller knows to be in order. Copies the bytes.
  void Add(const Entry& entry);

  // Some key of the block has a version outside of it.
  void MarkMultiVersion() { multi_version_ = true; }

  bool empty() const { return sequences_.empty(); }
  std::size_t count() const { return sequences_.size(); }
  // About what Finish will append, and what it would with one more entry of that size.
  std::size_t estimated_bytes() const;
  std::size_t EstimateWith(std::size_t key_bytes, std::size_t value_bytes) const {
    return estimated_bytes() + key_bytes + value_bytes;
  }

  // Appends the block to `out` and starts the next one. An empty block is legal.
  void Finish(std::string& out);

 private:
  struct Layout;

  Layout Plan() const;
  std::string_view KeyAt(std::size_t i) const {
    return std::string_view(keys_).substr(key_ends_[i], key_ends_[i + 1] - key_ends_[i]);
  }
  char* StoreHeader(const Layout& layout, char* out) const;
  char* StoreKeyColumns(const Layout& layout, char* out) const;
  char* StoreStamps(const Layout& layout, char* out) const;
  char* StoreTailEnds(const Layout& layout, char* out) const;
  char* StoreTails(const Layout& layout, char* out) const;
  void Clear();

  std::string keys_;
  std::string values_;
  std::vector<std::size_t> key_ends_{0};
  std::vector<std::uint32_t> value_ends_{0};
  std::vector<std::uint64_t> sequences_;
  std::vector<Kind> kinds_;
  std::size_t common_bytes_ = 0;  // Prefix of all keys so far.
  std::size_t key_bytes_min_ = SIZE_MAX;
  std::size_t key_bytes_max_ = 0;
  std::uint64_t smallest_sequence_ = UINT64_MAX;
  std::uint64_t largest_sequence_ = 0;
  std::size_t tombstones_ = 0;
  bool values_uniform_ = true;
  bool multi_version_ = false;
};

}  // namespace firn

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
  // Adds the next entry, which the caller knows to be in order, unless Finish would append more
  // than `room` bytes then; the first entry always. Returns whether it did. Copies the bytes.
  bool TryAdd(const Entry& entry, std::size_t room);
  void Add(const Entry& entry) { TryAdd(entry, SIZE_MAX); }

  // Some key of the block has a version outside of it.
  void MarkMultiVersion() { multi_version_ = true; }

  bool empty() const { return sequences_.empty(); }
  std::size_t count() const { return sequences_.size(); }
  // About what Finish will append.
  std::size_t estimated_bytes() const;

  // Appends the block to `out` and starts the next one. An empty block is legal.
  void Finish(std::string& out);

 private:
  // What the size of a block depends on.
  struct Shape {
    std::size_t count = 0;
    std::size_t key_bytes = 0;  // Of all, as are the values'.
    std::size_t value_bytes = 0;
    std::size_t common_bytes = 0;  // Prefix of all keys so far.
    std::size_t key_bytes_min = SIZE_MAX;
    std::size_t key_bytes_max = 0;
    std::size_t first_value_bytes = 0;
    std::uint64_t smallest_sequence = UINT64_MAX;
    std::uint64_t largest_sequence = 0;
    std::size_t tombstones = 0;
    bool values_uniform = true;

    void Take(const Entry& entry, std::string_view first_key);
  };

  struct Layout {
    std::size_t count = 0;
    std::size_t prefix_bytes = 0;
    unsigned head_width = 0;
    bool short_heads = false;
    std::size_t tail_bytes = 0;  // Of all; with short heads Plan gives a bound.
    unsigned tail_end_width = 0;
    std::size_t tail_stride = 0;
    unsigned value_end_width = 0;
    std::size_t value_stride = 0;
    std::size_t value_bytes = 0;  // Of all.
    bool kinds_uniform = true;
    unsigned stamp_width = 0;

    std::size_t TailBytes(std::size_t key_bytes) const {
      const std::size_t above = prefix_bytes + head_width;
      return key_bytes > above ? key_bytes - above : 0;
    }
    std::size_t bytes() const;
  };

  static Layout Plan(const Shape& shape);
  void CountTails(Layout& layout) const;
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
  Shape shape_;
  bool multi_version_ = false;
};

}  // namespace firn

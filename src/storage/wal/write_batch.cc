// SPDX-License-Identifier: Apache-2.0
#include "firn/write_batch.h"

#include "storage/wal/operations.h"

namespace firn {

void WriteBatch::Put(std::string_view key, std::string_view value) {
  EncodePut(operations_, key, value);
  ++count_;
}

void WriteBatch::Delete(std::string_view key) {
  EncodeDelete(operations_, key);
  ++count_;
}

void WriteBatch::Clear() {
  operations_.clear();
  count_ = 0;
}

}  // namespace firn

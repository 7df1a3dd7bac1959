// SPDX-License-Identifier: Apache-2.0
//
// The operations inside a batch, one after another without a count (docs/format/wal.md,
// "operation"). The decoder is for bytes from disk: whatever it is given, it yields operations
// within the limits of the engine or an error. Thread-safe: no state.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/coding.h"
#include "base/propagate.h"
#include "firn/limits.h"
#include "firn/result.h"
#include "storage/entry.h"

namespace firn {

struct BatchOperation {
  Kind kind = Kind::kPut;
  std::string_view key;
  std::string_view value;  // Empty for a delete.
};

void EncodePut(std::string& out, std::string_view key, std::string_view value);
void EncodeDelete(std::string& out, std::string_view key);

// Takes the first operation off `rest`, which is not empty. kCorruption, or kUnsupported for kinds
// that a later version may know; each says what was wrong, but not in which file.
Result<BatchOperation> DecodeOperation(std::string_view& rest);

// Gives each operation of an encoded batch to `visit`, which returns Result<void>. Stops at the
// first error.
template <typename Visit>
Result<void> VisitOperations(std::string_view operations, Visit visit) {
  while (!operations.empty()) {
    FIRN_TRY_ASSIGN(const BatchOperation operation, DecodeOperation(operations));
    FIRN_TRY(visit(operation));
  }
  return {};
}

// The part of an operation before its key: for writers that append key and value from where they
// are. Writes at most kOperationHeadBytesMax bytes at `out`; returns the byte after the last.
inline constexpr std::size_t kOperationHeadBytesMax = 1 + 2 * kVarintBytesMax;
inline char* StoreOperationHead(char* out, const BatchOperation& operation) {
  *out++ = static_cast<char>(operation.kind);
  out = StoreVarint(out, operation.key.size());
  return operation.kind == Kind::kPut ? StoreVarint(out, operation.value.size()) : out;
}

}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
//
// The operations of a batch: whatever decodes encodes to the same bytes again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "storage/wal/operations.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::string again;
  const auto visited =
      firn::VisitOperations(bytes, [&again](const firn::BatchOperation& operation) {
        if (operation.kind == firn::Kind::kPut) {
          firn::EncodePut(again, operation.key, operation.value);
        } else {
          firn::EncodeDelete(again, operation.key);
        }
        return firn::Result<void>();
      });
  if (visited) {
    // A varint may be longer than it has to be; then the bytes differ and decode alike.
    FIRN_CHECK(again.size() <= bytes.size(), again.size(), bytes.size());
  }
  return 0;
}

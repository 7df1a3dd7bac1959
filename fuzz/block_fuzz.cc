// SPDX-License-Identifier: Apache-2.0
//
// A block whose checksum held: it is refused, or everything in it can be read, searched and is in
// order.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/check.h"
#include "storage/table/block.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string room(size + firn::block_format::kSlackBytes, '\0');
  if (size > 0) {
    std::memcpy(room.data(), data, size);
  }
  const firn::Result<firn::Block> parsed =
      firn::Block::Parse(std::string_view(room).substr(0, size));
  if (!parsed) {
    return 0;
  }
  const firn::Block& block = *parsed;
  std::string key;
  std::string last;
  for (std::uint32_t i = 0; i < block.count(); ++i) {
    key.assign(block.prefix());
    key.resize(block.KeyBytes(i) + firn::kHeadBytes);
    block.StoreSuffix(i, key.data() + block.prefix().size());
    key.resize(block.KeyBytes(i));
    FIRN_CHECK(i == 0 || last <= key, i);
    FIRN_CHECK(block.CompareKey(i, key) == 0, i);
    const std::uint32_t found = block.LowerBound(key, block.sequence(i));
    FIRN_CHECK(found <= i && block.CompareKey(found, key) == 0, i, found);
    FIRN_CHECK(block.UpperBound(key) > i, i);
    last = key;
    volatile std::size_t sum = block.value(i).size();
    static_cast<void>(sum);
  }
  return 0;
}

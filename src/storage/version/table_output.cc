// SPDX-License-Identifier: Apache-2.0
#include "storage/version/table_output.h"

#include <utility>

#include "base/hash.h"
#include "base/propagate.h"

namespace firn {

TableOutput::~TableOutput() {
  if (writer_ != nullptr) {
    writer_->Abandon();
  }
}

Result<void> TableOutput::Begin(int level, std::uint64_t expected_entries) {
  name_ = {.birth_level = level, .number = setup_.catalog.NewTableNumber()};
  FIRN_TRY_ASSIGN(writer_, TableWriter::Create({
                               .files = setup_.files,
                               .path = setup_.tables.PathOf(name_),
                               .table_id = Mix64(setup_.seed, name_.number.value),
                               .creation = name_.number.value,
                               .block_bytes = setup_.options.block_bytes,
                               .bloom_bits_per_key = setup_.options.bloom_bits_per_key,
                               .compression = setup_.options.compression,
                               .expected_entries = expected_entries,
                           }));
  return {};
}

Result<TableMeta> TableOutput::Finish() {
  Result<TableProperties> properties = writer_->Finish();
  if (!properties) {
    return std::move(properties).error();  // The destructor takes the file away.
  }
  writer_.reset();
  return TableMeta{.name = name_, .properties = *std::move(properties)};
}

}  // namespace firn

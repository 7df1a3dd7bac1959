// SPDX-License-Identifier: Apache-2.0
//
// One new table of the database: named, written, and either finished or taken away again. Of a
// flush or compaction; one thread.
#pragma once

#include <memory>

#include "firn/options.h"
#include "firn/result.h"
#include "storage/table/table_writer.h"
#include "storage/version/catalog.h"
#include "storage/version/table_file.h"

namespace firn {

class TableOutput {
 public:
  // What every output of a database has in common. Outlives the outputs.
  struct Setup {
    FileSystem& files;
    const TableDirectory& tables;
    Catalog& catalog;  // For numbers alone.
    const Options& options;
    std::uint64_t seed = 0;
  };

  explicit TableOutput(const Setup& setup) : setup_(setup) {}
  // Deletes the file of a table that was begun and not finished.
  ~TableOutput();
  TableOutput(const TableOutput&) = delete;
  TableOutput& operator=(const TableOutput&) = delete;

  // Creates the file, named for `level`. Room is set aside at once for as many entries as are
  // expected. kNoSpace, kIo.
  Result<void> Begin(int level, std::uint64_t expected_entries);
  bool begun() const { return writer_ != nullptr; }
  Result<void> Add(const Entry& entry) { return writer_->Add(entry); }
  std::uint64_t bytes() const { return writer_->estimated_file_bytes(); }
  // What is held until Finish can make the filter: eight bytes for each key.
  std::size_t filter_memory_bytes() const { return writer_->filter_memory_bytes(); }
  // Syncs the file; the caller syncs the directory. The object can begin another table then.
  Result<TableMeta> Finish();

 private:
  const Setup setup_;
  TableName name_;
  std::unique_ptr<TableWriter> writer_;
};

}  // namespace firn

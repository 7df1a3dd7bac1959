// SPDX-License-Identifier: Apache-2.0
//
// Merges the inputs of a compaction into one stream in entry order. A table of level 0 is a source
// of its own; the tables of a sorted level follow each other in one, and each is let go of when it
// has been read. Inputs share no entry, since a sequence number belongs to one write; except where
// a merge of level 0 ended half-way, whose outputs stay (job.h). Forward only, one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "firn/result.h"
#include "storage/compaction/loser_tree.h"
#include "storage/compaction/picker.h"
#include "storage/entry.h"
#include "storage/table/table_scan.h"

namespace firn {

// Walks tables that follow each other in key order as if they were one.
class RunScan {
 public:
  // Reads about `read_bytes` at once.
  RunScan(TableList tables, std::uint64_t read_bytes)
      : tables_(std::move(tables)), read_bytes_(read_bytes) {}

  // Positions on the first entry.
  Result<void> Start() { return OpenNext(); }
  Result<void> Next();
  bool valid() const { return scan_ != nullptr; }
  const Entry& entry() const { return entry_; }
  std::uint64_t head() const { return head_; }
  void set_shared_prefix(std::size_t length) { shared_prefix_ = length; }
  std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  Result<void> OpenNext();
  Result<void> Load();
  Result<void> Blame(Result<void> result);

  TableList tables_;
  std::uint64_t read_bytes_;
  std::size_t next_table_ = 0;
  std::unique_ptr<Table::Scan> scan_;
  Entry entry_;
  std::uint64_t head_ = 0;
  std::size_t shared_prefix_ = 0;
  std::uint64_t bytes_read_ = 0;
};

class CompactionMerge {
 public:
  // The sources share about `memory_bytes` for what they read.
  CompactionMerge(const CompactionPlan& plan, std::size_t memory_bytes);

  // Before anything else.
  Result<void> Start();
  bool valid() const { return !sources_.empty() && sources_[tree_.winner()].valid(); }
  const Entry& entry() const { return sources_[tree_.winner()].entry(); }
  Result<void> Next();
  std::uint64_t bytes_read() const;

 private:
  struct Before {
    const std::vector<RunScan>* sources;
    bool operator()(std::size_t a, std::size_t b) const;
  };

  std::vector<RunScan> sources_;
  LoserTree<Before> tree_;
};

}  // namespace firn

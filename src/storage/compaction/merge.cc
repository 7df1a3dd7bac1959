// SPDX-License-Identifier: Apache-2.0
#include "storage/compaction/merge.h"

#include <algorithm>
#include <utility>

#include "base/key_head.h"
#include "base/propagate.h"

namespace firn {
namespace {

// Smaller reads would cost more in system calls than they save.
constexpr std::uint64_t kReadBytesMin = std::uint64_t{16} << 10;

std::vector<RunScan> SourcesOf(const CompactionPlan& plan, std::size_t memory_bytes) {
  std::vector<TableList> runs;
  for (const CompactionInput& input : plan.inputs) {
    if (input.level > 0) {
      runs.push_back(input.tables);
      continue;
    }
    for (const auto& table : input.tables) {
      runs.push_back({table});
    }
  }
  const std::uint64_t read_bytes = std::clamp<std::uint64_t>(
      memory_bytes / std::max<std::size_t>(1, runs.size()), kReadBytesMin, Table::Scan::kReadBytes);
  std::vector<RunScan> sources;
  sources.reserve(runs.size());
  for (TableList& run : runs) {
    sources.emplace_back(std::move(run), read_bytes);
  }
  // All keys lie between these two, so what they share, all share.
  const KeyRange range = plan.range();
  const std::size_t shared = CommonPrefix(range.smallest, range.largest);
  for (RunScan& source : sources) {
    source.set_shared_prefix(shared);
  }
  return sources;
}

}  // namespace

Result<void> RunScan::OpenNext() {
  do {
    if (scan_ != nullptr) {
      bytes_read_ += scan_->bytes_read();
      scan_.reset();
      tables_[next_table_ - 1].reset();  // Its file may go as soon as an edit has removed it.
    }
    if (next_table_ == tables_.size()) {
      return {};
    }
    Result<std::shared_ptr<const Table>> table = tables_[next_table_++]->Open();
    if (!table) {
      return Blame(std::move(table).error());
    }
    scan_ =
        std::make_unique<Table::Scan>(*std::move(table), Table::Scan::Cached::kUse, read_bytes_);
    FIRN_TRY(Blame(scan_->status()));
  } while (!scan_->valid());
  return Load();
}

Result<void> RunScan::Load() {
  entry_ = scan_->entry();
  head_ = KeyHead(entry_.key, shared_prefix_);
  return {};
}

Result<void> RunScan::Next() {
  scan_->Next();
  if (scan_->valid()) [[likely]] {
    return Load();
  }
  FIRN_TRY(Blame(scan_->status()));
  return OpenNext();
}

// Notes which table a failure came from.
Result<void> RunScan::Blame(Result<void> result) {
  if (!result && result.error().code == ErrorCode::kCorruption) {
    tables_[next_table_ - 1]->MarkDamaged();
  }
  return result;
}

CompactionMerge::CompactionMerge(const CompactionPlan& plan, std::size_t memory_bytes)
    : sources_(SourcesOf(plan, memory_bytes)), tree_(sources_.size(), Before{&sources_}) {}

bool CompactionMerge::Before::operator()(std::size_t a, std::size_t b) const {
  const RunScan& left = (*sources)[a];
  const RunScan& right = (*sources)[b];
  if (!left.valid() || !right.valid()) {
    return left.valid();
  }
  if (left.head() != right.head()) [[likely]] {
    return left.head() < right.head();
  }
  const int order = left.entry().key.compare(right.entry().key);
  return order != 0 ? order < 0 : left.entry().sequence > right.entry().sequence;
}

Result<void> CompactionMerge::Start() {
  for (RunScan& source : sources_) {
    FIRN_TRY(source.Start());
  }
  tree_.Rebuild();
  return {};
}

Result<void> CompactionMerge::Next() {
  FIRN_TRY(sources_[tree_.winner()].Next());
  tree_.Replay();
  return {};
}

std::uint64_t CompactionMerge::bytes_read() const {
  std::uint64_t bytes = 0;
  for (const RunScan& source : sources_) {
    bytes += source.bytes_read();
  }
  return bytes;
}

}  // namespace firn

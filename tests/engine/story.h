// SPDX-License-Identifier: Apache-2.0
//
// A database that lives through a script and the record of what it was told, for the tests of
// crashes and faults. The record is a list of writes, each atomic, so that what a reopened database
// holds must be the state after some prefix of it: at least as long as what was acknowledged with
// the durability that the crash leaves, at most as long as what was begun. That one comparison
// covers lost writes, holes, halves of batches and values that never were.
//
// A script is the same with and without faults: a step that fails is noted, and the script goes on
// until its database refuses to write.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/printable.h"
#include "engine/test_engine.h"

namespace firn {

class History {
 public:
  struct Operation {
    std::string key;
    std::optional<std::string> value;  // Nothing: a delete.
  };
  using Write = std::vector<Operation>;
  using Content = std::map<std::string, std::string>;
  struct Bounds {
    std::size_t least = 0;
    std::size_t most = 0;
  };

  void Begin(Write write) { writes_.push_back(std::move(write)); }
  // The last write begun was refused and left nothing.
  void TakeBack() { writes_.pop_back(); }
  // All that was begun is acknowledged.
  void Acknowledge() { acknowledged_ = writes_.size(); }
  // So many writes survive power loss.
  void NoteDurable(std::size_t count) { durable_ = std::max(durable_, count); }

  const std::vector<Write>& writes() const { return writes_; }  // Those begun.
  std::size_t begun() const { return writes_.size(); }
  std::size_t acknowledged() const { return acknowledged_; }
  Bounds AfterKill() const { return {acknowledged_, writes_.size()}; }
  Bounds AfterPowerLoss() const { return {durable_, writes_.size()}; }

  // The length of the prefix, within the bounds, whose state is `content`; nothing if there is
  // none. Of several the longest.
  std::optional<std::size_t> PrefixThatGives(const Content& content, Bounds bounds) const {
    Content state;
    std::size_t different = content.size();
    std::optional<std::size_t> found;
    for (std::size_t length = 0;; ++length) {
      if (different == 0 && length >= bounds.least) {
        found = length;
      }
      if (length == bounds.most) {
        return found;
      }
      for (const Operation& operation : writes_[length]) {
        different -= Differs(state, content, operation.key);
        if (operation.value) {
          state[operation.key] = *operation.value;
        } else {
          state.erase(operation.key);
        }
        different += Differs(state, content, operation.key);
      }
    }
  }

 private:
  static std::size_t Differs(const Content& a, const Content& b, const std::string& key) {
    const auto left = a.find(key);
    const auto right = b.find(key);
    const bool same =
        left == a.end() ? right == b.end() : right != b.end() && left->second == right->second;
    return same ? 0 : 1;
  }

  std::vector<Write> writes_;
  std::size_t acknowledged_ = 0;
  std::size_t durable_ = 0;
};

// Everything that a scan forwards gives, if one backwards gives the same.
inline Result<History::Content> ReadAll(const Engine& engine, const ReadOptions& options = {}) {
  History::Content contents[2];
  for (const bool reverse : {false, true}) {
    ScanOptions scan;
    scan.reverse = reverse;
    scan.snapshot = options.snapshot;
    ScanRange range(engine.NewIterator(scan), reverse);
    for (auto [key, value] : range) {
      contents[reverse ? 1 : 0].emplace(key, value);
    }
    if (Result<void> status = range.status(); !status) {
      return std::move(status).error();
    }
  }
  if (contents[0] != contents[1]) {
    return Error{ErrorCode::kCorruption, "scans in the two directions differ"};
  }
  return std::move(contents[0]);
}

class Story {
 public:
  explicit Story(Options options, std::uint64_t seed = 1)
      : options_(std::move(options)), random_(seed), engine_(seed) {}

  // Calls `hook` before every operation on files, after a crash too.
  void Watch(std::function<void(const Operation&)> hook) {
    hook_ = std::move(hook);
    engine_.files().SetHook(hook_);
  }

  // Steps. Each is skipped once the database could not be opened.
  void Open() {
    if (Note(engine_.Open(options_)) && write_failed_) {
      SettleFailedWrite();
    }
    Check();
  }
  void Put(const std::string& key, std::string value, bool to_disk = false) {
    Write({{key, std::move(value)}}, to_disk);
  }
  void Delete(const std::string& key, bool to_disk = false) {
    Write({{key, std::nullopt}}, to_disk);
  }

  void Write(History::Write write, bool to_disk = false) {
    if (!is_open()) {
      return;
    }
    WriteOptions options;
    if (to_disk && options_.wal) {
      options.durability = Durability::kDisk;
    }
    if (!options_.wal) {
      options.applied_index = history_.begun() + 1;
    }
    WriteBatch batch;
    for (const History::Operation& operation : write) {
      if (operation.value) {
        batch.Put(operation.key, *operation.value);
      } else {
        batch.Delete(operation.key);
      }
    }
    history_.Begin(std::move(write));
    const Result<void> written = engine_.Write(batch, options);
    Note(written);
    if (written) {
      history_.Acknowledge();
      if (options.durability == Durability::kDisk) {
        history_.NoteDurable(history_.begun());
      }
    } else if (written.error().code != ErrorCode::kIo) {
      history_.TakeBack();
    } else {
      write_failed_ = true;  // It may be there or not, and no other may follow it.
    }
  }

  void Sync() {
    if (is_open() && Note(engine_.engine().Sync()) && options_.wal) {
      history_.NoteDurable(history_.acknowledged());
    }
  }
  void Flush() {
    const std::size_t before = history_.acknowledged();
    if (is_open() && Note(engine_.engine().Flush())) {
      history_.NoteDurable(before);
    }
  }
  void Compact() {
    if (is_open()) {
      Note(engine_.engine().CompactRange({}));
    }
  }
  void CompactLevel(int level) {
    if (is_open()) {
      Note(engine_.engine().CompactLevel(level));
    }
  }
  void Checkpoint(const std::string& directory) {
    if (is_open()) {
      const auto copied = engine_.engine().Checkpoint(directory);
      Note(copied ? Result<void>() : Result<void>(copied.error()));
    }
  }
  void Run() {
    if (is_open()) {
      engine_.scheduler().RunUntilIdle();
    }
  }
  void Advance(std::chrono::nanoseconds time) {
    if (is_open()) {
      engine_.scheduler().Advance(time);
    }
  }
  void Close() {
    if (is_open() && Note(engine_.Close())) {
      history_.NoteDurable(history_.acknowledged());
    }
  }
  void Reopen() {
    if (is_open()) {
      Close();
      Open();
    }
  }
  // The end of the process, and another one.
  void KillAndReopen() {
    if (is_open()) {
      engine_.CrashByKill();
      engine_.files().SetHook(hook_);
      Open();
    }
  }
  // What is read now is what was written: all acknowledged and perhaps what failed half way.
  void Check() {
    if (!is_open()) {
      return;
    }
    const Result<History::Content> content = ReadAll(engine_.engine());
    if (Note(content) && options_.wal &&
        !history_.PrefixThatGives(*content, history_.AfterKill())) {
      wrong_ = "the open database holds something that was never written";
    }
  }

  std::string Value(std::size_t bytes) {
    std::string value = "w" + std::to_string(history_.begun()) + ".";
    while (value.size() < bytes) {
      value += static_cast<char>('a' + random_.Below(26));
    }
    return value;
  }
  static std::string Key(std::uint64_t number) {
    std::string digits = std::to_string(number);
    return "key" + std::string(5 - std::min<std::size_t>(5, digits.size()), '0') + digits;
  }

  bool is_open() const { return engine_.is_open(); }
  const Options& options() const { return options_; }
  Random& random() { return random_; }
  TestEngine& engine() { return engine_; }
  const History& history() const { return history_; }
  const std::vector<Error>& errors() const { return errors_; }
  bool write_failed() const { return write_failed_; }
  // What contradicts the history so far; empty if nothing does.
  const std::string& wrong() const { return wrong_; }

 private:
  // Opening decides whether the write that failed half way is there.
  void SettleFailedWrite() {
    write_failed_ = false;
    const Result<History::Content> content = ReadAll(engine_.engine());
    if (!Note(content)) {
      return;
    }
    if (history_.PrefixThatGives(*content, {history_.begun(), history_.begun()})) {
      history_.Acknowledge();
    } else {
      history_.TakeBack();
    }
  }

  template <typename T>
  bool Note(const Result<T>& result) {
    if (!result) {
      errors_.push_back(result.error());
    }
    return result.has_value();
  }

  const Options options_;
  Random random_;
  std::function<void(const Operation&)> hook_;
  TestEngine engine_;
  History history_;
  std::vector<Error> errors_;
  bool write_failed_ = false;
  std::string wrong_;
};

}  // namespace firn

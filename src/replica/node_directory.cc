// SPDX-License-Identifier: Apache-2.0
#include "replica/node_directory.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/propagate.h"
#include "replica/unsynced_mark.h"

namespace firn {
namespace {

constexpr std::string_view kStorePrefix = "store-";
constexpr std::string_view kLogFolder = "raft";
constexpr std::uint64_t kFirstStore = 1;

std::string LogOf(const NodeSetup& setup) { return JoinPath(setup.directory, kLogFolder); }

// Nothing when it is no name of a store.
std::optional<std::uint64_t> StoreNumber(std::string_view name) {
  if (!name.starts_with(kStorePrefix)) {
    return std::nullopt;
  }
  name.remove_prefix(kStorePrefix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() ? std::optional(number)
                                                                  : std::nullopt;
}

bool IsStoreOrCheckpoint(std::string_view name) {
  return name.starts_with(kStorePrefix) || name.starts_with(kCheckpointPrefix);
}

// Leaves an empty directory, or says what stands in the way.
Result<void> ClearDirectory(FileSystem& files, const std::string& directory) {
  Result<std::vector<std::string>> names = files.List(directory);
  if (!names && names.error().code == ErrorCode::kNotFound) {
    return files.CreateDirectory(directory);
  }
  FIRN_TRY_ASSIGN(const auto present, std::move(names));
  for (const std::string& name : present) {
    if (name == kIdentityFileName) {
      return Error{ErrorCode::kAlreadyExists, directory + ": holds a node"};
    }
    if (!IsStoreOrCheckpoint(name) && name != kLogFolder && name != kJoinFileName) {
      return Error{ErrorCode::kAlreadyExists, JoinPath(directory, name) + ": is not a node's"};
    }
  }
  for (const std::string& name : present) {
    if (name != kJoinFileName) {
      FIRN_TRY(RemoveFolder(files, JoinPath(directory, name)));
    }
  }
  return {};
}

Result<std::shared_ptr<Engine>> OpenEngine(const NodeSetup& setup, std::uint64_t number) {
  Options options = setup.engine;
  options.wal = false;
  return Engine::Open(setup.environment, StorePath(setup, number), options);
}

Result<void> RemoveLeftOvers(const NodeSetup& setup, std::uint64_t store) {
  FileSystem& files = *setup.environment.files;
  FIRN_TRY_ASSIGN(const auto names, files.List(setup.directory));
  for (const std::string& name : names) {
    const bool may_serve = StoreNumber(name).value_or(0) >= store;
    if (IsStoreOrCheckpoint(name) && !may_serve) {
      FIRN_TRY(RemoveFolder(files, JoinPath(setup.directory, name)));
    }
  }
  return {};
}

RaftLogSetup LogSetupOf(const NodeSetup& setup, const ReplicaState& flushed) {
  return {.files = *setup.environment.files,
          .directory = LogOf(setup),
          .durability = setup.durability,
          .segment_bytes = setup.log_segment_bytes,
          .cache_bytes = setup.log_cache_bytes,
          .flushed = {.index = flushed.index, .term = flushed.term},
          .min_live = flushed.min_log_segment};
}

// Whether no other node votes, as far as this one can know: a change of the membership is synced at
// any durability, so that it is in the log if it is not in the tables.
bool IsLoneVoter(const NodeParts& parts) {
  const ReplicaState& state = parts.machine->state();
  const std::vector<NodeId>& voters = state.membership.voters;
  bool is_lone = voters.size() == 1 && voters.front() == parts.identity.node;
  for (LogIndex index = state.index.Next(); index <= parts.log->LastIndex(); index = index.Next()) {
    is_lone = is_lone && parts.log->KindAt(index) == EntryKind::kData;
  }
  return is_lone;
}

// I-R20. What was synced since the last start of the machine cannot be told from what was not.
Result<void> CheckUnsyncedMarks(const NodeSetup& setup, NodeParts& parts) {
  FIRN_TRY_ASSIGN(const auto marked, ReadUnsyncedMarks(*setup.environment.files, setup.directory));
  const auto other =
      std::find_if(marked.begin(), marked.end(), [&setup](const std::string& boot_id) {
        return setup.boot_id.empty() || boot_id != setup.boot_id;
      });
  if (other == marked.end()) {
    return {};
  }
  if (!IsLoneVoter(parts)) {
    return Error{ErrorCode::kCorruption,
                 setup.directory +
                     ": the machine has started again since this node ran at process durability, "
                     "and entries that it acknowledged may be gone: remove member " +
                     std::to_string(parts.identity.node.value) +
                     " from its cluster, and let it join with an empty directory"};
  }
  parts.notice =
      "the machine has started again since this node ran at process durability: the writes of its "
      "last moments may be gone";
  return {};
}

// Says on disk what a later start has to know of the durability of this one.
Result<void> MarkDurability(const NodeSetup& setup) {
  if (setup.durability == Durability::kDisk) {
    return RemoveUnsyncedMarks(*setup.environment.files, setup.directory);
  }
  if (setup.boot_id.empty()) {
    return Error{ErrorCode::kUnsupported,
                 "process durability needs the boot id of the machine, which is not known here"};
  }
  return MarkUnsynced(*setup.environment.files, setup.directory, setup.boot_id);
}

}  // namespace

std::string StorePath(const NodeSetup& setup, std::uint64_t number) {
  return JoinPath(setup.directory, std::string(kStorePrefix) + std::to_string(number));
}

Result<std::vector<std::uint64_t>> StoresFrom(const NodeSetup& setup, std::uint64_t first) {
  FIRN_TRY_ASSIGN(const auto names, setup.environment.files->List(setup.directory));
  std::vector<std::uint64_t> numbers;
  for (const std::string& name : names) {
    if (const auto number = StoreNumber(name); number && *number >= first) {
      numbers.push_back(*number);
    }
  }
  return numbers;
}

Result<void> RemoveFolder(FileSystem& files, const std::string& path) {
  FIRN_TRY_ASSIGN(const auto names, files.List(path));
  for (const std::string& name : names) {
    FIRN_TRY(files.Delete(JoinPath(path, name)));
  }
  return files.DeleteDirectory(path);
}

Result<std::unique_ptr<StateMachine>> OpenStore(const NodeSetup& setup, std::uint64_t number) {
  FIRN_TRY_ASSIGN(std::shared_ptr<Engine> engine, OpenEngine(setup, number));
  if (engine->Applied().state.empty()) {
    return Error{ErrorCode::kCorruption,
                 StorePath(setup, number) + ": the store of this node is missing"};
  }
  return StateMachine::Open(std::move(engine), {});
}

Result<void> CreateNode(const NodeSetup& setup, const Identity& identity,
                        const ReplicaState& initial) {
  FileSystem& files = *setup.environment.files;
  FIRN_TRY(ClearDirectory(files, setup.directory));
  FIRN_TRY(files.CreateDirectory(LogOf(setup)));
  {
    FIRN_TRY_ASSIGN(const auto engine, OpenEngine(setup, kFirstStore));
    FIRN_TRY_ASSIGN(const auto machine, StateMachine::Open(engine, initial));
    FIRN_TRY(engine->Close());
  }
  RaftLogSetup log = LogSetupOf(setup, initial);
  log.create = true;
  FIRN_TRY_ASSIGN(const auto made, RaftLog::Open(std::move(log)));
  FIRN_TRY_ASSIGN(
      const auto ballot,
      BallotFile::Create(files, LogOf(setup), {.term = {}, .vote = {}, .store = kFirstStore}));
  return WriteIdentity(files, setup.directory, identity);
}

Result<NodeParts> OpenNode(const NodeSetup& setup) {
  FileSystem& files = *setup.environment.files;
  NodeParts parts;
  FIRN_TRY_ASSIGN(parts.identity, ReadIdentity(files, setup.directory));
  FIRN_TRY_ASSIGN(parts.ballot, BallotFile::Open(files, LogOf(setup)));
  const std::uint64_t store = parts.ballot->ballot().store;
  FIRN_TRY_ASSIGN(parts.machine, OpenStore(setup, store));
  FIRN_TRY_ASSIGN(parts.log, RaftLog::Open(LogSetupOf(setup, parts.machine->state())));
  FIRN_TRY(CheckUnsyncedMarks(setup, parts));
  FIRN_TRY(MarkDurability(setup));  // What a killed process left was synced by opening the log.
  FIRN_TRY(RemoveLeftOvers(setup, store));
  return parts;
}

Result<void> CloseNode(const NodeSetup& setup, NodeParts& parts) {
  FIRN_TRY(parts.log->Sync());
  return RemoveUnsyncedMarks(*setup.environment.files, setup.directory);
}

}  // namespace firn

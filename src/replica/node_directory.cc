// SPDX-License-Identifier: Apache-2.0
#include "replica/node_directory.h"

#include <algorithm>
#include <utility>

#include "base/propagate.h"

namespace firn {
namespace {

constexpr std::string_view kStorePrefix = "store-";
constexpr std::string_view kLogFolder = "raft";
constexpr std::uint64_t kFirstStore = 1;

std::string LogOf(const NodeSetup& setup) { return JoinPath(setup.directory, kLogFolder); }

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
    const std::string path = JoinPath(setup.directory, name);
    if (IsStoreOrCheckpoint(name) && path != StorePath(setup, store)) {
      FIRN_TRY(RemoveFolder(files, path));
    }
  }
  return {};
}

RaftLogSetup LogSetupOf(const NodeSetup& setup, const ReplicaState& flushed) {
  return {.files = *setup.environment.files,
          .directory = LogOf(setup),
          .segment_bytes = setup.log_segment_bytes,
          .cache_bytes = setup.log_cache_bytes,
          .flushed = {.index = flushed.index, .term = flushed.term},
          .min_live = flushed.min_log_segment};
}

}  // namespace

std::string StorePath(const NodeSetup& setup, std::uint64_t number) {
  return JoinPath(setup.directory, std::string(kStorePrefix) + std::to_string(number));
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
  FIRN_TRY(RemoveLeftOvers(setup, store));
  return parts;
}

}  // namespace firn

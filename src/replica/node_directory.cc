// SPDX-License-Identifier: Apache-2.0
#include "replica/node_directory.h"

#include <algorithm>
#include <utility>

#include "base/propagate.h"

namespace firn {
namespace {

constexpr std::string_view kStoreFolder = "data";
constexpr std::string_view kLogFolder = "raft";

std::string StoreOf(const NodeSetup& setup) { return JoinPath(setup.directory, kStoreFolder); }
std::string LogOf(const NodeSetup& setup) { return JoinPath(setup.directory, kLogFolder); }

Result<void> RemoveFolder(FileSystem& files, const std::string& path) {
  FIRN_TRY_ASSIGN(const auto names, files.List(path));
  for (const std::string& name : names) {
    FIRN_TRY(files.Delete(JoinPath(path, name)));
  }
  return files.DeleteDirectory(path);
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
    if (name != kStoreFolder && name != kLogFolder) {
      return Error{ErrorCode::kAlreadyExists, JoinPath(directory, name) + ": is not a node's"};
    }
  }
  for (const std::string& name : present) {
    FIRN_TRY(RemoveFolder(files, JoinPath(directory, name)));
  }
  return {};
}

Result<std::shared_ptr<Engine>> OpenEngine(const NodeSetup& setup) {
  Options options = setup.engine;
  options.wal = false;
  return Engine::Open(setup.environment, StoreOf(setup), options);
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

Result<void> CreateNode(const NodeSetup& setup, const Identity& identity,
                        const ReplicaState& initial) {
  FileSystem& files = *setup.environment.files;
  FIRN_TRY(ClearDirectory(files, setup.directory));
  FIRN_TRY(files.CreateDirectory(LogOf(setup)));
  {
    FIRN_TRY_ASSIGN(const auto engine, OpenEngine(setup));
    FIRN_TRY_ASSIGN(const auto machine, StateMachine::Open(engine, initial));
    FIRN_TRY(engine->Close());
  }
  RaftLogSetup log = LogSetupOf(setup, initial);
  log.create = true;
  FIRN_TRY_ASSIGN(const auto made, RaftLog::Open(std::move(log)));
  FIRN_TRY_ASSIGN(const auto ballot, BallotFile::Create(files, LogOf(setup)));
  return WriteIdentity(files, setup.directory, identity);
}

Result<NodeParts> OpenNode(const NodeSetup& setup) {
  FileSystem& files = *setup.environment.files;
  NodeParts parts;
  FIRN_TRY_ASSIGN(parts.identity, ReadIdentity(files, setup.directory));
  FIRN_TRY_ASSIGN(parts.engine, OpenEngine(setup));
  if (parts.engine->Applied().state.empty()) {
    return Error{ErrorCode::kCorruption, StoreOf(setup) + ": the store of this node is missing"};
  }
  FIRN_TRY_ASSIGN(parts.machine, StateMachine::Open(parts.engine, {}));
  FIRN_TRY_ASSIGN(parts.log, RaftLog::Open(LogSetupOf(setup, parts.machine->state())));
  FIRN_TRY_ASSIGN(parts.ballot, BallotFile::Open(files, LogOf(setup)));
  return parts;
}

}  // namespace firn

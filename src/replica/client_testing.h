// SPDX-License-Identifier: Apache-2.0
//
// A client of a simulated cluster (replica_testing.h): it remembers what it asked and was told.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "replica/replica_testing.h"
#include "storage/wal/operations.h"

namespace firn {

// A client's write, with what became of it.
struct Write {
  std::string key;
  std::string value;
  std::string operations;
  std::optional<CommandReply> reply;
};

inline Command CommandOf(const Write& write) {
  Command command;
  command.operations = write.operations;
  return command;
}

class Client {
 public:
  bool forwards = false;

  // Keeps every write for as long as it may be answered: the driver holds views of it.
  Write& Put(TestReplica& node, const std::string& key, const std::string& value) {
    Write& write = writes_->emplace_back();
    write.key = key;
    write.value = value;
    EncodePut(write.operations, key, value);
    node.driver().Submit(CommandOf(write), forwards,
                         [&write, kept = writes_](const CommandReply& reply) {
                           FIRN_CHECK(!write.reply);  // Once.
                           write.reply = reply;
                         });
    return write;
  }
  const std::deque<Write>& writes() const { return *writes_; }

 private:
  std::shared_ptr<std::deque<Write>> writes_ = std::make_shared<std::deque<Write>>();
};

inline std::optional<std::string> ValueAt(TestReplica& node, const std::string& key) {
  return node.machine().engine().Get(key, {}).value().value;
}

inline TestReplica& ElectLeader(TestCluster& cluster) {
  EXPECT_TRUE(cluster.StepUntil([&] { return cluster.Leader() != nullptr; }));
  return *cluster.Leader();
}

}  // namespace firn

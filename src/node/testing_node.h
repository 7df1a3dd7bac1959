// SPDX-License-Identifier: Apache-2.0
//
// A node on simulated files and a stepped scheduler, for tests and fuzzing: no process, no thread,
// and the same lines give the same answers. Not thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "io/faulty_file_system.h"
#include "io/memory_file_system.h"
#include "io/stepped_scheduler.h"
#include "node/handlers.h"

namespace firn::node {

class TestingNode {
 public:
  TestingNode() { Start(); }

  // The process is killed and started again on what its files hold.
  void KillAndRestart() {
    std::shared_ptr<MemoryFileSystem> left = memory_->CloneAfterKill();
    Stop();
    memory_ = std::move(left);
    Start();
  }

  // The answer to a line, or "report: …", without the newline.
  std::string Say(std::string_view line) {
    std::string answer;
    const Result<void> answered = node_->Answer(line, answer);
    if (!answered) {
      return "report: " + answered.error().context;
    }
    answer.pop_back();
    return answer;
  }
  // The same for a body alone, from "c1" to "n1".
  std::string SayBody(std::string_view body) {
    return Say(R"({"src": "c1", "dest": "n1", "body": )" + std::string(body) + "}");
  }
  void Initialise() {
    SayBody(R"({"type": "init", "msg_id": 0, "node_id": "n1", "node_ids": ["n1"]})");
  }

  Engine& engine() { return *engine_; }
  SteppedScheduler& scheduler() { return *scheduler_; }
  FaultyFileSystem& files() { return *files_; }
  MemoryFileSystem& memory() { return *memory_; }

 private:
  static constexpr const char* kDirectory = "/data";

  void Start() {
    files_ = std::make_shared<FaultyFileSystem>(memory_);
    scheduler_ = std::make_shared<SteppedScheduler>(1);
    Options options = NodeOptions();
    options.wal_append = WalAppend::kWrite;
    Result<std::shared_ptr<Engine>> engine =
        Engine::Open({.files = files_, .scheduler = scheduler_, .seed = 1}, kDirectory, options);
    FIRN_CHECK(engine.has_value(), engine ? "" : engine.error().Describe());
    engine_ = *std::move(engine);
    log_ = std::make_unique<PlainLog>(files_, kDirectory);
    node_ = std::make_unique<Node>();
    AddHandlers(*node_, *engine_, *log_);
  }

  void Stop() {
    node_.reset();
    log_.reset();
    engine_.reset();
  }

  std::shared_ptr<MemoryFileSystem> memory_ = std::make_shared<MemoryFileSystem>();
  std::shared_ptr<FaultyFileSystem> files_;
  std::shared_ptr<SteppedScheduler> scheduler_;
  std::shared_ptr<Engine> engine_;
  std::unique_ptr<PlainLog> log_;
  std::unique_ptr<Node> node_;
};

}  // namespace firn::node

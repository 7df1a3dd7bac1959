// SPDX-License-Identifier: Apache-2.0
//
// What `firn demo` knows of its nodes: it asks each for its status again and again, without
// waiting. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "client/client.h"

namespace firn::cli {

class DemoBoard {
 public:
  static Result<std::unique_ptr<DemoBoard>> Make(std::vector<std::string> endpoints);
  ~DemoBoard() { client_->Close(); }
  DemoBoard(const DemoBoard&) = delete;
  DemoBoard& operator=(const DemoBoard&) = delete;

  // Asks those who have answered since they were asked.
  void Ask() FIRN_EXCLUDES(mutex_);
  // By node from 0; nullopt: it does not answer.
  std::vector<std::optional<v1::GetStatusResponse>> Statuses() const FIRN_EXCLUDES(mutex_);
  // The node from 0 that says that it leads in the highest term; -1: none.
  int Leader() const FIRN_EXCLUDES(mutex_);

 private:
  struct Node {
    std::string endpoint;
    bool is_asked = false;
    std::optional<v1::GetStatusResponse> status;
  };

  explicit DemoBoard(std::vector<std::string> endpoints);

  std::unique_ptr<client::Client> client_;  // Made once, before anything runs.
  mutable Mutex mutex_;
  std::vector<Node> nodes_ FIRN_GUARDED_BY(mutex_);
};

}  // namespace firn::cli

// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_board.h"

#include <utility>

#include "base/propagate.h"

namespace firn::cli {
namespace {

constexpr std::chrono::milliseconds kTimeout{400};

}  // namespace

DemoBoard::DemoBoard(std::vector<std::string> endpoints) {
  for (std::string& endpoint : endpoints) {
    nodes_.push_back({.endpoint = std::move(endpoint), .status = std::nullopt});
  }
}

Result<std::unique_ptr<DemoBoard>> DemoBoard::Make(std::vector<std::string> endpoints) {
  client::ClientOptions options;
  options.endpoints = endpoints;
  FIRN_TRY_ASSIGN(std::unique_ptr<client::Client> client, client::Client::Make(options));
  std::unique_ptr<DemoBoard> board(new DemoBoard(std::move(endpoints)));
  board->client_ = std::move(client);
  return board;
}

void DemoBoard::Ask() {
  std::vector<std::pair<std::size_t, std::string>> asked;
  {
    const MutexLock lock(mutex_);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!std::exchange(nodes_[i].is_asked, true)) {
        asked.emplace_back(i, nodes_[i].endpoint);
      }
    }
  }
  for (const auto& [i, endpoint] : asked) {
    client_->Start(v1::GetStatusRequest(), {.timeout = kTimeout, .endpoint = endpoint},
                   [this, i](const client::Reply<v1::GetStatusResponse>& reply) {
                     const MutexLock lock(mutex_);
                     nodes_[i].is_asked = false;
                     nodes_[i].status = reply ? std::optional(*reply) : std::nullopt;
                   });
  }
}

std::vector<std::optional<v1::GetStatusResponse>> DemoBoard::Statuses() const {
  const MutexLock lock(mutex_);
  std::vector<std::optional<v1::GetStatusResponse>> statuses;
  statuses.reserve(nodes_.size());
  for (const Node& node : nodes_) {
    statuses.push_back(node.status);
  }
  return statuses;
}

int DemoBoard::Leader() const {
  const MutexLock lock(mutex_);
  int leader = -1;
  std::uint64_t term = 0;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const std::optional<v1::GetStatusResponse>& status = nodes_[i].status;
    if (status && status->role() == v1::ROLE_LEADER && status->term() >= term) {
      leader = static_cast<int>(i);
      term = status->term();
    }
  }
  return leader;
}

}  // namespace firn::cli

// SPDX-License-Identifier: Apache-2.0
//
// Nodes of Firn: the first begins the cluster, the others join it one after the other.
#include <firn/v1/cluster.grpc.pb.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/propagate.h"
#include "measured_cluster.h"
#include "node_channels.h"

namespace firn::bench {
namespace {

constexpr const char* kAnyPort = "127.0.0.1:0";

class FirnCluster final : public MeasuredCluster {
 public:
  explicit FirnCluster(ClusterPlan plan) : MeasuredCluster(std::move(plan)) {}

  const Wire& wire() const override { return *wire_; }

  Result<void> Start() override {
    for (int node = 0; node < plan().nodes; ++node) {
      FIRN_TRY(AddNode(kAnyPort, kAnyPort));
      FIRN_TRY(Launch(node, true));
      FIRN_TRY(Await("node " + std::to_string(node + 1) + " does not serve",
                     [this, node] { return TakeAddress(node); }));
    }
    return Await("not all nodes have a vote", [this]() -> Result<bool> {
      const auto status = Status(0);
      return status && CountVoters(*status) == plan().nodes && status->leader_id() != 0;
    });
  }

  Result<Standing> Ask(int node) override {
    FIRN_TRY_ASSIGN(const v1::GetStatusResponse status, Status(node));
    return Standing{.leads = status.role() == v1::ROLE_LEADER,
                    .knows_leader = status.leader_id() != 0,
                    .version = status.version()};
  }

 protected:
  std::vector<std::string> Words(int node, bool is_first_start) const override {
    const std::string& directory = At(node).directory;
    std::vector<std::string> words = {plan().program,  "serve",
                                      "--data",        directory + "/data",
                                      "--listen",      At(node).address,
                                      "--peer-listen", kAnyPort,
                                      "--http-listen", kAnyPort,
                                      "--ready-file",  directory + "/ready",
                                      "--tick",        std::to_string(plan().tick_ms) + "ms",
                                      "--memory",      plan().memory};
    words.insert(words.end(), plan().more_arguments.begin(), plan().more_arguments.end());
    if (is_first_start && node > 0) {
      words.insert(words.end(), {"--join", At(0).address});
    }
    return words;
  }

 private:
  static std::int64_t CountVoters(const v1::GetStatusResponse& status) {
    return std::ranges::count_if(status.members(),
                                 [](const v1::Member& member) { return !member.is_learner(); });
  }

  Result<v1::GetStatusResponse> Status(int node) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::GetStatusResponse response;
    const grpc::Status status = v1::ClusterService::NewStub(channels_.To(address(node)))
                                    ->GetStatus(&context, v1::GetStatusRequest(), &response);
    if (!status.ok()) {
      return Error{ErrorCode::kIo,
                   "node " + std::to_string(node + 1) + ": " + status.error_message()};
    }
    return response;
  }

  // The ready file appears whole, once requests are served.
  Result<bool> TakeAddress(int node) {
    FIRN_TRY(CheckRuns(node));
    std::ifstream file(At(node).directory + "/ready");
    if (!file) {
      return false;
    }
    const auto json = nlohmann::json::parse(file, nullptr, false);
    if (!json.is_object() || !json.contains("client") || !json["client"].is_string()) {
      return Error{ErrorCode::kCorruption, At(node).directory + "/ready: names no client address"};
    }
    At(node).address = json["client"].get<std::string>();
    return true;
  }

  const std::unique_ptr<Wire> wire_ = MakeFirnWire();
  NodeChannels channels_;
};

}  // namespace

std::unique_ptr<MeasuredCluster> MakeFirnCluster(ClusterPlan plan) {
  return std::make_unique<FirnCluster>(std::move(plan));
}

}  // namespace firn::bench

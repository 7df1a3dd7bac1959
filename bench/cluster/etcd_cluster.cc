// SPDX-License-Identifier: Apache-2.0
//
// Members of etcd: all know all from the beginning. Defaults, except that the store may grow, since
// a load overwrites more than an hour's worth of revisions in a minute, and that logs are kept
// short.
#include <unistd.h>

#include "base/propagate.h"
#include "etcd_wire.grpc.pb.h"
#include "measured_cluster.h"
#include "node_channels.h"

namespace firn::bench {
namespace {

constexpr const char* kQuotaBytes = "8589934592";

class EtcdCluster final : public MeasuredCluster {
 public:
  explicit EtcdCluster(ClusterPlan plan) : MeasuredCluster(std::move(plan)) {}

  const Wire& wire() const override { return *wire_; }

  Result<void> Start() override {
    if (::access(plan().program.c_str(), X_OK) != 0) {
      return Error{ErrorCode::kNotFound, plan().program +
                                             ": there is no etcd (apt-get install etcd-server, "
                                             "or measure without it: --peer none)"};
    }
    const auto count = static_cast<std::size_t>(plan().nodes);
    FIRN_TRY_ASSIGN(const std::vector<std::string> addresses, FreeAddresses(2 * count));
    for (std::size_t i = 0; i < count; ++i) {
      FIRN_TRY(AddNode(addresses[i], addresses[count + i]));
    }
    for (int node = 0; node < size(); ++node) {
      FIRN_TRY(Launch(node, true));
    }
    return AwaitAll();
  }

  Result<Standing> Ask(int node) override {
    grpc::ClientContext context;
    SetDeadline(context);
    etcdserverpb::StatusResponse response;
    const grpc::Status status = etcdserverpb::Maintenance::NewStub(channels_.To(address(node)))
                                    ->Status(&context, etcdserverpb::StatusRequest(), &response);
    if (!status.ok()) {
      return Error{ErrorCode::kIo,
                   "member " + std::to_string(node + 1) + ": " + status.error_message()};
    }
    return Standing{
        .leads = response.leader() != 0 && response.leader() == response.header().member_id(),
        .knows_leader = response.leader() != 0,
        .version = response.version()};
  }

 protected:
  std::vector<std::string> Words(int node, bool is_first_start) const override {
    std::string cluster;
    for (int member = 0; member < size(); ++member) {
      cluster += (member > 0 ? "," : "") + NameOf(member) + "=" + Url(At(member).peer_address);
    }
    const std::string client = Url(At(node).address);
    const std::string peer = Url(At(node).peer_address);
    return {plan().program,
            "--name",
            NameOf(node),
            "--data-dir",
            At(node).directory + "/data",
            "--listen-client-urls",
            client,
            "--advertise-client-urls",
            client,
            "--listen-peer-urls",
            peer,
            "--initial-advertise-peer-urls",
            peer,
            "--initial-cluster",
            cluster,
            "--initial-cluster-state",
            is_first_start ? "new" : "existing",
            "--heartbeat-interval",
            std::to_string(plan().tick_ms),
            "--election-timeout",
            std::to_string(plan().tick_ms * 10),
            "--quota-backend-bytes",
            kQuotaBytes,
            "--logger",
            "zap",
            "--log-level",
            "error"};
  }

 private:
  static std::string NameOf(int node) { return "member" + std::to_string(node + 1); }
  static std::string Url(const std::string& address) { return "http://" + address; }

  const std::unique_ptr<Wire> wire_ = MakeEtcdWire();
  NodeChannels channels_;
};

}  // namespace

std::unique_ptr<MeasuredCluster> MakeEtcdCluster(ClusterPlan plan) {
  return std::make_unique<EtcdCluster>(std::move(plan));
}

}  // namespace firn::bench

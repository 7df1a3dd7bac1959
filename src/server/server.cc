// SPDX-License-Identifier: Apache-2.0
//
// Order matters at both ends. The client port is bound first, so that a taken one costs nothing;
// the peer port is reserved before others are told of it; services start when the replica is there.
// At the end calls go before the threads that answer them, those before the replica, and the
// replica before the wire that it sends on.
#include "server/server.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/propagate.h"
#include "base/random.h"
#include "io/boot_id.h"
#include "io/posix_file_system.h"
#include "server/cluster_client.h"
#include "server/cluster_service.h"
#include "server/grpc_server.h"
#include "server/http/http_server.h"
#include "server/join_file.h"
#include "server/kv_service.h"
#include "server/log.h"
#include "server/peer/peer_transport.h"
#include "server/port_reservation.h"
#include "server/process_limits.h"
#include "server/serving_node.h"
#include "server/storage_service.h"

namespace firn::server {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWatchInterval{50};
constexpr milliseconds kSweepInterval{1'000};
constexpr milliseconds kHandOverMax{2'000};
constexpr milliseconds kLookInterval{5};
// For clients to take the last answers and to hear that the connection ends.
constexpr milliseconds kFarewell{250};
constexpr std::size_t kWorkersMin = 4;
// A loop keeps a processor busy when the rest of the node has about as much to do for its calls.
constexpr std::size_t kProcessorsPerLoop = 4;

std::string Told(const std::string& advertised, const std::string& bound) {
  return advertised.empty() ? bound : WithFormerPort(advertised, bound);
}

NodeSetup NodeSetupOf(const Config& config, const std::shared_ptr<Scheduler>& scheduler) {
  NodeSetup setup;
  setup.environment.files = PosixFileSystem();
  setup.environment.scheduler = scheduler;
  setup.environment.seed = EntropySeed();
  setup.directory = config.data;
  setup.engine = config.engine;
  setup.durability = config.durability;
  setup.boot_id = BootId();
  setup.log_segment_bytes = config.log_segment_bytes;
  return setup;
}

// The ports of earlier: this node's own, or those that an attempt to join has told.
Result<BoundAddresses> FormerAddresses(const std::string& directory) {
  BoundAddresses former = ReadAddressesFile(directory);
  if (former.client.empty()) {
    FIRN_TRY_ASSIGN(const std::optional<JoinAttempt> attempt, ReadJoinFile(directory));
    if (attempt) {
      former.client = attempt->client_address;
      former.peer = attempt->peer_address;
    }
  }
  return former;
}

bool IsVoter(const ReplicaStatus& status, NodeId id) {
  const MemberStatus* member = FindMember(status, id);
  return member != nullptr && !member->is_learner;
}

}  // namespace

class Server::Node {
 public:
  Node(const Config& config, Events events)
      : config_(config),
        events_(std::move(events)),
        clock_(scheduler_->clock()),
        started_(clock_.Now()),
        pins_(clock_,
              {.count_max = config.limits.scans_max, .idle_max = config.limits.scan_idle_max}),
        streams_(clock_,
                 {.count_max = config.limits.scans_max, .idle_max = config.limits.scan_idle_max}) {}
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  Result<void> Start();
  Result<void> Drain();

  const Identity& identity() const { return admitted_.identity; }
  Arrival arrival() const { return admitted_.arrival; }
  const ServerAddresses& addresses() const { return addresses_; }

 private:
  Result<void> Admit(const NodeSetup& setup, const ToldAddresses& told);
  Result<void> StartReplica(const NodeSetup& setup, const std::string& peer_address);
  Result<void> StartServices(std::unique_ptr<ClientListener> listener);
  Result<std::unique_ptr<ClusterClient>> ClientOf(const std::string& endpoint) const;
  Result<void> StartPages(const std::string& listen);
  NodeReport Report() const;
  Result<void> SeekPromotion();
  void SeekUntilPromoted(const std::string& through);
  void Watch();
  void HandOver();
  void AwaitCalls();
  void StopTimers();
  const char* DurabilityName() const {
    return config_.durability == Durability::kDisk ? "disk" : "process";
  }

  const Config config_;
  const Events events_;
  const std::shared_ptr<Scheduler> scheduler_ = MakeThreadScheduler();
  const Clock& clock_;
  const std::chrono::nanoseconds started_;
  AdmittedNode admitted_;
  ServerAddresses addresses_;
  PageTokenSeal seal_;
  ScanPins pins_;
  StreamWatch streams_;
  RpcCounts counts_;
  std::atomic<bool> stopping_{false};  // Health says so.
  std::atomic<bool> draining_{false};  // Nothing new is begun.
  std::unique_ptr<PeerTransport> transport_;
  std::unique_ptr<Replica> replica_;
  std::optional<StatusWatch> status_watch_;
  std::unique_ptr<WorkerPool> chores_;
  std::unique_ptr<WorkerPool> workers_;
  std::optional<ServingNode> serving_;
  std::unique_ptr<GrpcServer> grpc_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<ClusterClient> cluster_;
  std::unique_ptr<WorkerPool> promoter_;
  std::vector<TimerId> timers_;
  std::optional<bool> health_;  // As it was told last. The timers' thread.
};

Server::Node::~Node() {
  stopping_.store(true);
  draining_.store(true);
  StopTimers();
  if (cluster_) {
    cluster_->Stop();
  }
  promoter_.reset();
  if (status_watch_) {
    status_watch_->End();
  }
  http_.reset();
  grpc_.reset();
  workers_.reset();
  chores_.reset();
  pins_.Clear();
  if (transport_) {
    transport_->Stop();
  }
  replica_.reset();
}

Result<void> Server::Node::Start() {
  FIRN_TRY_ASSIGN(const BoundAddresses former, FormerAddresses(config_.data));
  FIRN_TRY_ASSIGN(auto listener,
                  ClientListener::Bind(WithFormerPort(config_.listen, former.client)));
  addresses_.client = listener->address();
  const NodeSetup setup = NodeSetupOf(config_, scheduler_);
  {
    FIRN_TRY_ASSIGN(const PortReservation peer_port,
                    PortReservation::Take(WithFormerPort(config_.peer_listen, former.peer)));
    FIRN_TRY(Admit(setup, {.client = Told(config_.advertise, addresses_.client),
                           .peer = Told(config_.peer_advertise, peer_port.address())}));
    FIRN_TRY(StartReplica(setup, peer_port.address()));
  }
  FIRN_TRY(StartServices(std::move(listener)));
  FIRN_TRY(StartPages(WithFormerPort(config_.http_listen, former.http)));
  FIRN_TRY(WriteAddressesFile(
      config_.data,
      {.client = addresses_.client, .peer = addresses_.peer, .http = addresses_.http}));
  return SeekPromotion();
}

Result<void> Server::Node::Admit(const NodeSetup& setup, const ToldAddresses& told) {
  Result<Identity> known = ReadIdentity(*setup.environment.files, config_.data);
  if (known) {
    admitted_ = {.identity = *known, .arrival = Arrival::kReturned};
    return {};
  }
  if (known.error().code != ErrorCode::kNotFound) {
    return known.error();
  }
  FIRN_TRY_ASSIGN(const std::optional<JoinAttempt> attempt, ReadJoinFile(config_.data));
  const std::string through = !config_.join.empty() ? config_.join
                              : attempt             ? attempt->through
                                                    : std::string();
  if (through.empty()) {
    FIRN_TRY_ASSIGN(admitted_, FoundCluster(setup, told));
    return {};
  }
  Log(LogLevel::kInfo, "asking to be added to a cluster", {{"through", through}});
  FIRN_TRY_ASSIGN(const auto cluster, ClientOf(through));
  FIRN_TRY_ASSIGN(admitted_, JoinCluster(setup, told, through, *cluster));
  return {};
}

Result<std::unique_ptr<ClusterClient>> Server::Node::ClientOf(const std::string& endpoint) const {
  TlsFiles tls = config_.tls;
  if (tls.authority.empty()) {
    tls.authority = config_.peer_tls.authority;
  }
  return ClusterClient::Make({.scheduler = scheduler_,
                              .endpoint = endpoint,
                              .tls = std::move(tls),
                              .is_stopping = events_.is_stopping});
}

Result<void> Server::Node::StartReplica(const NodeSetup& setup, const std::string& peer_address) {
  PeerTransportConfig wire;
  wire.listen = peer_address;
  wire.advertise = Told(config_.peer_advertise, peer_address);
  wire.advertise = Told(config_.peer_advertise, peer_address);
  wire.identity = admitted_.identity;
  if (config_.peer_tls.is_on()) {
    wire.tls = PeerTls{.ca_file = config_.peer_tls.authority,
                       .certificate_file = config_.peer_tls.certificate,
                       .key_file = config_.peer_tls.key};
  }
  wire.log = [](const std::string& line) { Log(LogLevel::kInfo, "peers", {{"what", line}}); };
  FIRN_TRY_ASSIGN(transport_, PeerTransport::Listen(std::move(wire)));
  addresses_.peer = transport_->address();

  ReplicaSetup replica;
  replica.node = setup;
  replica.peers = transport_.get();
  replica.tick = config_.tick;
  replica.driver.log_bytes_kept = config_.log_kept_bytes;
  replica.on_failure = events_.on_failure;
  FIRN_TRY_ASSIGN(replica_, Replica::Start(std::move(replica)));
  if (!replica_->notice().empty()) {
    Log(LogLevel::kWarning, "what was synced", {{"what", replica_->notice()}});
  }
  transport_->Start(
      {.receive = [this](NodeId from, PeerMessageKind kind,
                         std::string bytes) { replica_->Receive(from, kind, std::move(bytes)); },
       .unreachable = [this](NodeId peer) { replica_->PeerUnreachable(peer); }});
  return {};
}

Result<void> Server::Node::StartServices(std::unique_ptr<ClientListener> listener) {
  const std::size_t worker_count =
      config_.workers != 0 ? config_.workers : std::max(kWorkersMin, 2 * ProcessorCount());
  workers_ = std::make_unique<WorkerPool>("firn-worker", worker_count);
  chores_ = std::make_unique<WorkerPool>("firn-chore", 1);
  status_watch_.emplace(*replica_, clock_);
  serving_.emplace(ServingNode{.replica = *replica_,
                               .limits = config_.limits,
                               .workers = *workers_,
                               .chores = *chores_,
                               .pins = pins_,
                               .streams = streams_,
                               .status_watch = *status_watch_,
                               .seal = seal_,
                               .counts = counts_,
                               .draining = draining_});
  std::vector<CallService> services;
  services.push_back(MakeKvService(*serving_));
  services.push_back(MakeStorageService(*serving_));
  services.push_back(MakeClusterService(*serving_, {.version = FIRN_VERSION,
                                                    .durability = DurabilityName(),
                                                    .clock = clock_,
                                                    .started = started_}));
  FIRN_TRY_ASSIGN(
      grpc_,
      GrpcServer::Start({.listener = std::move(listener),
                         .services = std::move(services),
                         .loops = std::max<std::size_t>(1, ProcessorCount() / kProcessorsPerLoop),
                         .limits = config_.limits,
                         .tls = config_.tls,
                         .client_certificates = config_.client_certificates,
                         .reflection = config_.reflection,
                         .clock = clock_}));
  Watch();
  timers_.push_back(scheduler_->Every(kWatchInterval, [this] { Watch(); }));
  timers_.push_back(scheduler_->Every(kSweepInterval, [this] {
    pins_.Sweep();
    streams_.Sweep();
  }));
  return {};
}

Result<void> Server::Node::StartPages(const std::string& listen) {
  if (listen.empty()) {
    return {};
  }
  FIRN_TRY_ASSIGN(http_,
                  HttpServer::Start({.listen = listen, .report = [this] { return Report(); }}));
  addresses_.http = http_->address();
  return {};
}

NodeReport Server::Node::Report() const {
  const std::shared_ptr<Engine> engine = replica_->engine();
  const ClientListener::Statistics connections = grpc_->GetListenerStatistics();
  return {.version = FIRN_VERSION,
          .durability = DurabilityName(),
          .identity = identity(),
          .uptime = std::chrono::duration_cast<std::chrono::seconds>(clock_.Now() - started_),
          .is_draining = stopping_.load(),
          .replica = replica_->Status(),
          .engine = engine->GetStatistics(),
          .levels = engine->Levels(),
          .peers = transport_->Statistics(),
          .rpc = {.calls = counts_.All(),
                  .connections_accepted = connections.accepted,
                  .connections_refused = connections.refused}};
}

// A node that joined is a learner until it has caught up; it asks for its vote itself, also after a
// restart, for as long as JOIN is there.
Result<void> Server::Node::SeekPromotion() {
  FIRN_TRY_ASSIGN(const std::optional<JoinAttempt> attempt, ReadJoinFile(config_.data));
  if (!attempt) {
    return {};
  }
  if (config_.learner) {
    return DeleteJoinFile(config_.data);
  }
  FIRN_TRY_ASSIGN(cluster_, ClientOf(attempt->through));
  promoter_ = std::make_unique<WorkerPool>("firn-join", 1);
  promoter_->Post([this, through = attempt->through] { SeekUntilPromoted(through); });
  return {};
}

void Server::Node::SeekUntilPromoted(const std::string& through) {
  const Result<void> promoted = cluster_->Promote(admitted_.identity.node);
  if (promoted) {
    Log(LogLevel::kInfo, "this node has its vote");
  } else if (promoted.error().code == ErrorCode::kClosed) {
    return;  // The next start goes on.
  } else {
    Log(LogLevel::kError, "this node stays a learner",
        {{"through", through}, {"why", promoted.error().context}});
  }
  if (const Result<void> deleted = DeleteJoinFile(config_.data); !deleted) {
    Log(LogLevel::kWarning, "JOIN stays", {{"why", deleted.error().Describe()}});
  }
}

void Server::Node::Watch() {
  const ReplicaStatus status = replica_->Status();
  const bool serves = !stopping_.load() && status.raft.leader.value != 0 && !status.failure;
  if (health_ != serves) {
    health_ = serves;
    grpc_->SetServing(serves);
  }
  status_watch_->Poll();
}

void Server::Node::StopTimers() {
  for (const TimerId timer : std::exchange(timers_, {})) {
    scheduler_->Cancel(timer);
  }
}

void Server::Node::HandOver() {
  const ReplicaStatus status = replica_->Status();
  const NodeId self = identity().node;
  const bool has_heir =
      std::any_of(status.members.begin(), status.members.end(), [&](const MemberStatus& member) {
        return member.id != self && !member.is_learner && member.is_active;
      });
  if (status.raft.role != RaftRole::kLeader || !IsVoter(status, self) || !has_heir) {
    return;
  }
  Mutex mutex;
  ConditionVariable changed;
  bool is_over = false;
  bool has_moved = false;
  status_watch_->Await({.holds =
                            [self](const ReplicaStatus& now) {
                              return now.raft.leader != self && now.raft.leader.value != 0;
                            },
                        .limit = kHandOverMax,
                        .done =
                            [&](bool holds, const ReplicaStatus&) {
                              MutexLock lock(mutex);
                              has_moved = holds;
                              is_over = true;
                              changed.NotifyAll();
                            }});
  replica_->TransferLeadership({});
  MutexLock lock(mutex);
  scheduler_->Wait(mutex, changed, [&] { return is_over; });
  Log(has_moved ? LogLevel::kInfo : LogLevel::kWarning,
      has_moved ? "leadership was handed over" : "nobody took over the leadership in time");
}

// gRPC's own shutdown waits for connections, also of clients that are idle and do not look, so what
// matters is waited for here. A compaction that was asked for may take minutes; closing the store
// ends it.
void Server::Node::AwaitCalls() {
  const std::chrono::nanoseconds limit = clock_.Now() + config_.drain;
  while (counts_.under_way() > 0 && clock_.Now() < limit) {
    scheduler_->Pause(kLookInterval);
  }
  if (counts_.under_way() > 0) {
    Log(LogLevel::kWarning, "calls are cut short",
        {{"under_way", std::to_string(counts_.under_way())}});
    static_cast<void>(replica_->engine()->Close());
  }
}

Result<void> Server::Node::Drain() {
  stopping_.store(true);
  grpc_->SetServing(false);
  grpc_->StopAccepting();
  if (cluster_) {
    cluster_->Stop();
  }
  HandOver();
  draining_.store(true);
  pins_.Clear();
  AwaitCalls();
  grpc_->Shutdown(kFarewell);
  const Result<FlushResult> flushed = replica_->engine()->Flush();
  if (!flushed && flushed.error().code != ErrorCode::kClosed) {
    return flushed.error();
  }
  return {};
}

Result<std::unique_ptr<Server>> Server::Start(const Config& config, Events events) {
  auto node = std::make_unique<Node>(config, std::move(events));
  FIRN_TRY(node->Start());
  return std::unique_ptr<Server>(new Server(std::move(node)));
}

Server::Server(std::unique_ptr<Node> node) : node_(std::move(node)) {}
Server::~Server() = default;

const Identity& Server::identity() const { return node_->identity(); }
Arrival Server::arrival() const { return node_->arrival(); }
const ServerAddresses& Server::addresses() const { return node_->addresses(); }
Result<void> Server::Drain() { return node_->Drain(); }

}  // namespace firn::server

// SPDX-License-Identifier: Apache-2.0
//
// Ticks that were missed, because the process was stopped or the machine was busy, are not made up
// for: a node that wakes up must not believe that it heard nothing from its leader meanwhile.
#include "replica/replica.h"

#include <algorithm>
#include <utility>

#include "base/propagate.h"
#include "base/random.h"

namespace firn {

using std::chrono::nanoseconds;
namespace {

// Of peers, which a node that is busy with its disk may take a while to read.
constexpr std::size_t kReceivedBytesMax = std::size_t{64} << 20;

// How long the first of many commands waits for the others. A round or two of a cluster, so that it
// is soon made good by fewer rounds; and nothing when commands come one at a time.
constexpr std::chrono::microseconds kGatherMax{2'000};

std::vector<MemberStatus> DescribeMembers(const ReplicaState& state,
                                          const std::vector<PeerProgress>& progress) {
  std::vector<MemberStatus> members;
  const auto add = [&](NodeId id, bool is_learner) {
    MemberStatus status;
    status.id = id;
    status.is_learner = is_learner;
    if (const auto member = state.members.find(id); member != state.members.end()) {
      status.member = member->second;
    }
    const auto peer = std::ranges::find(progress, id, &PeerProgress::id);
    if (peer != progress.end()) {
      status.match = peer->match;
      status.is_active = peer->recently_active;
      status.gets_snapshot = peer->pending_snapshot != LogIndex{};
    }
    members.push_back(std::move(status));
  };
  for (const NodeId id : state.membership.voters) {
    add(id, false);
  }
  for (const NodeId id : state.membership.learners) {
    add(id, true);
  }
  std::ranges::sort(members, {}, &MemberStatus::id);
  return members;
}

}  // namespace

Result<std::unique_ptr<Replica>> Replica::Start(ReplicaSetup setup) {
  FIRN_TRY_ASSIGN(NodeParts parts, OpenNode(setup.node));
  setup.driver.id = parts.identity.node;
  setup.driver.gathers = true;
  std::uint64_t seed = setup.node.environment.seed;
  setup.driver.seed = SplitMix64(seed);
  setup.driver.boot = SplitMix64(seed);
  std::unique_ptr<Replica> replica(new Replica(std::move(setup), std::move(parts)));
  const DriverParts driver{
      .node = replica->parts_,
      .setup = replica->setup_.node,
      .peers = *replica->setup_.peers,
      .scheduler = *replica->setup_.node.environment.scheduler,
      .wake = [own = replica.get()] { own->Wake(); },
      .on_store =
          [own = replica.get()](const std::shared_ptr<Engine>& engine) {
            MutexLock lock(own->mutex_);
            own->engine_ = engine;
          },
  };
  driver.on_store(replica->parts_.machine->shared_engine());
  FIRN_TRY_ASSIGN(replica->driver_, Driver::Start(replica->setup_.driver, driver));
  replica->Publish(std::nullopt);
  replica->setup_.node.environment.scheduler->Submit(Lane::kReplica,
                                                     [own = replica.get()] { own->Run(); });
  return replica;
}

Replica::~Replica() {
  MutexLock lock(mutex_);
  stopping_ = true;
  changed_.NotifyAll();
  setup_.node.environment.scheduler->Wait(mutex_, changed_,
                                          [this]() FIRN_REQUIRES(mutex_) { return has_ended_; });
}

// The task is notified once for all that has come since it last looked, and after the mutex was let
// go, for which it would have to wait. Whoever calls keeps the replica alive.
void Replica::Wake() {
  bool sleeps = false;
  {
    MutexLock lock(mutex_);
    sleeps = !std::exchange(woken_, true);
  }
  if (sleeps) {
    changed_.NotifyOne();
  }
}

bool Replica::Enqueue(Input input, Kind kind) {
  bool sleeps = false;
  {
    MutexLock lock(mutex_);
    if (stopped_) {
      return false;
    }
    inputs_.push_back(std::move(input));
    sleeps = !IsWaitedFor(kind) && !std::exchange(woken_, true);
  }
  if (sleeps) {
    changed_.NotifyOne();
  }
  return true;
}

// Whether the task is content to hear of it when more of its kind have come.
bool Replica::IsWaitedFor(Kind kind) {
  std::size_t none = 0;
  std::size_t& missing = kind == Kind::kCommand ? missing_.commands
                         : kind == Kind::kRead  ? missing_.reads
                                                : none;
  missing -= missing > 0 ? 1 : 0;
  return missing > 0;
}

void Replica::Submit(const Command& command, bool may_forward,
                     const std::function<void(const CommandReply&)>& reply) {
  const auto input = [command, may_forward, reply](Driver& driver) {
    driver.Submit(command, may_forward, reply);
  };
  if (!Enqueue(input, Kind::kCommand)) {
    reply({.fate = Fate::kStopped, .outcome = {}});
  }
}

void Replica::Read(const std::function<void(Fate)>& reply) {
  if (!Enqueue([reply](Driver& driver) { driver.Read(reply); }, Kind::kRead)) {
    reply(Fate::kStopped);
  }
}

void Replica::ReadStale(std::uint64_t age_ms_max, const std::function<void(Fate)>& reply) {
  if (!Enqueue([age_ms_max, reply](Driver& driver) { driver.ReadStale(age_ms_max, reply); })) {
    reply(Fate::kStopped);
  }
}

void Replica::ChangeMembership(const MembershipRequest& request,
                               const std::function<void(const MembershipReply&)>& reply) {
  const auto published = [this, reply](const MembershipReply& given) {
    if (given.fate == Fate::kDone) {
      is_members_due_ = true;
      Publish(std::nullopt);
    }
    reply(given);
  };
  if (!Enqueue(
          [request, published](Driver& driver) { driver.ChangeMembership(request, published); })) {
    reply({.fate = Fate::kStopped, .node = request.node, .reason = {}});
  }
}

void Replica::TransferLeadership(NodeId to) {
  Enqueue([to](Driver& driver) { driver.TransferLeadership(to); });
}

void Replica::Receive(NodeId from, PeerMessageKind kind, std::string bytes) {
  {
    MutexLock lock(mutex_);
    if (received_bytes_ > kReceivedBytesMax) {
      return;
    }
    received_bytes_ += bytes.size();
  }
  Enqueue([from, kind, bytes = std::move(bytes)](Driver& driver) {
    driver.Receive(from, kind, bytes);
  });
}

void Replica::PeerUnreachable(NodeId peer) {
  Enqueue([peer](Driver& driver) { driver.PeerUnreachable(peer); });
}

std::shared_ptr<Engine> Replica::engine() const {
  MutexLock lock(mutex_);
  return engine_;
}

ReplicaStatus Replica::Status() const {
  MutexLock lock(mutex_);
  return status_;
}

// Who the members are is copied only now and then, since it hardly ever changes: with a tick, and
// before a change of them is answered.
void Replica::Publish(std::optional<Error> failure) {
  const ReplicaState& state = driver_->replica_state();
  MutexLock lock(mutex_);
  status_.raft = driver_->state();
  status_.applied = state.index;
  status_.durable = driver_->durable_last();
  status_.waiting_bytes = driver_->waiting_bytes();
  status_.write_overdue_ticks = driver_->write_overdue_ticks();
  status_.checksum = state.checksum;
  status_.failure = std::move(failure);
  if (is_members_due_) {
    is_members_due_ = false;
    status_.members = DescribeMembers(state, driver_->progress());
  }
}

void Replica::Run() {
  RunInsideBridge([this] {
    Result<void> ran = RunUntilStopped();
    Publish(ran ? std::nullopt : std::optional(ran.error()));
    End();
    if (ran) {
      ran = CloseNode(setup_.node, parts_);
    }
    if (!ran && setup_.on_failure) {
      setup_.on_failure(ran.error());
    }
  });
  MutexLock lock(mutex_);
  has_ended_ = true;
  changed_.NotifyAll();
}

// Inputs that came too late are given to the driver all the same, which answers them as it ends.
void Replica::End() {
  std::vector<Input> late;
  {
    MutexLock lock(mutex_);
    stopped_ = true;
    late = std::exchange(inputs_, {});
  }
  for (const Input& input : late) {
    input(*driver_);
  }
  driver_.reset();
}

Result<void> Replica::RunUntilStopped() {
  const Clock& clock = setup_.node.environment.scheduler->clock();
  nanoseconds tick_due = clock.Now() + setup_.tick;
  std::vector<Input> inputs;
  nanoseconds gathered_due = nanoseconds::max();
  while (Await(std::min(tick_due, gathered_due), inputs)) {
    for (const Input& input : inputs) {
      input(*driver_);
    }
    inputs.clear();
    FIRN_TRY(TickWhenDue(tick_due));
    if (gathered_due <= clock.Now()) {
      driver_->EndGathering();
    }
    FIRN_TRY(driver_->Turn());
    Publish(std::nullopt);
    if (!driver_->missing().any()) {
      gathered_due = nanoseconds::max();
    } else if (gathered_due == nanoseconds::max()) {
      gathered_due = clock.Now() + kGatherMax;
    }
  }
  return {};
}

bool Replica::Await(nanoseconds due, std::vector<Input>& inputs) {
  Scheduler& scheduler = *setup_.node.environment.scheduler;
  MutexLock lock(mutex_);
  missing_ = inputs_.empty() ? driver_->missing() : Driver::Missing();
  const nanoseconds limit = std::max(due - scheduler.clock().Now(), nanoseconds(0));
  scheduler.WaitFor(mutex_, changed_, limit,
                    [this]() FIRN_REQUIRES(mutex_) { return stopping_ || woken_; });
  if (stopping_) {
    return false;
  }
  woken_ = false;
  missing_ = {};
  std::swap(inputs, inputs_);
  received_bytes_ = 0;
  return true;
}

Result<void> Replica::TickWhenDue(nanoseconds& tick_due) {
  const nanoseconds now = setup_.node.environment.scheduler->clock().Now();
  if (now < tick_due) {
    return {};
  }
  const auto elapsed =
      std::chrono::duration_cast<std::chrono::milliseconds>(now - tick_due + setup_.tick);
  FIRN_TRY(driver_->Tick(static_cast<std::uint64_t>(elapsed.count())));
  is_members_due_ = true;
  tick_due = std::max(tick_due + setup_.tick, now);
  return {};
}

}  // namespace firn

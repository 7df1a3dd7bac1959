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

Result<std::unique_ptr<Replica>> Replica::Start(ReplicaSetup setup) {
  FIRN_TRY_ASSIGN(NodeParts parts, OpenNode(setup.node));
  setup.driver.id = parts.identity.node;
  std::uint64_t seed = setup.node.environment.seed;
  setup.driver.seed = SplitMix64(seed);
  setup.driver.boot = SplitMix64(seed);
  std::unique_ptr<Replica> replica(new Replica(std::move(setup), std::move(parts)));
  FIRN_TRY_ASSIGN(replica->driver_,
                  Driver::Start(replica->setup_.driver,
                                {.log = *replica->parts_.log,
                                 .ballot = *replica->parts_.ballot,
                                 .machine = *replica->parts_.machine,
                                 .peers = *replica->setup_.peers,
                                 .scheduler = *replica->setup_.node.environment.scheduler,
                                 .wake = [own = replica.get()] {
                                   MutexLock lock(own->mutex_);
                                   own->woken_ = true;
                                   own->changed_.NotifyAll();
                                 }}));
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

bool Replica::Enqueue(Input input) {
  MutexLock lock(mutex_);
  if (stopped_) {
    return false;
  }
  inputs_.push_back(std::move(input));
  changed_.NotifyAll();
  return true;
}

void Replica::Submit(const Command& command,
                     const std::function<void(const CommandReply&)>& reply) {
  if (!Enqueue([command, reply](Driver& driver) { driver.Submit(command, reply); })) {
    reply({.fate = Fate::kStopped, .outcome = {}});
  }
}

void Replica::Read(const std::function<void(Fate)>& reply) {
  if (!Enqueue([reply](Driver& driver) { driver.Read(reply); })) {
    reply(Fate::kStopped);
  }
}

void Replica::ProposeChange(MembershipChange change, const std::function<void(Fate)>& reply) {
  if (!Enqueue([change = std::move(change), reply](Driver& driver) {
        driver.ProposeChange(change, reply);
      })) {
    reply(Fate::kStopped);
  }
}

void Replica::TransferLeadership(NodeId to) {
  Enqueue([to](Driver& driver) { driver.TransferLeadership(to); });
}

void Replica::Receive(std::string message) {
  Enqueue([message = std::move(message)](Driver& driver) { driver.Receive(message); });
}

ReplicaStatus Replica::Status() const {
  MutexLock lock(mutex_);
  return status_;
}

void Replica::Publish(bool has_failed) {
  ReplicaStatus status{.raft = driver_->state(),
                       .applied = driver_->applied(),
                       .durable = driver_->durable_last(),
                       .write_overdue_ticks = driver_->write_overdue_ticks(),
                       .has_failed = has_failed};
  MutexLock lock(mutex_);
  status_ = status;
}

void Replica::Run() {
  RunInsideBridge([this] {
    const Result<void> ran = RunUntilStopped();
    Publish(!ran);
    End();
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
  while (Await(tick_due, inputs)) {
    for (const Input& input : inputs) {
      input(*driver_);
    }
    inputs.clear();
    FIRN_TRY(TickWhenDue(tick_due));
    FIRN_TRY(driver_->Turn());
    Publish(false);
  }
  return {};
}

bool Replica::Await(nanoseconds tick_due, std::vector<Input>& inputs) {
  Scheduler& scheduler = *setup_.node.environment.scheduler;
  MutexLock lock(mutex_);
  const nanoseconds limit = std::max(tick_due - scheduler.clock().Now(), nanoseconds(0));
  scheduler.WaitFor(mutex_, changed_, limit, [this]() FIRN_REQUIRES(mutex_) {
    return stopping_ || woken_ || !inputs_.empty();
  });
  if (stopping_) {
    return false;
  }
  woken_ = false;
  std::swap(inputs, inputs_);
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
  tick_due = std::max(tick_due + setup_.tick, now);
  return {};
}

}  // namespace firn

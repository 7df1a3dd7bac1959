// SPDX-License-Identifier: Apache-2.0
#include "simulation/client.h"

#include <algorithm>
#include <utility>

#include "storage/wal/operations.h"

namespace firn::simulation {
namespace {

constexpr std::uint64_t kPatience = 80;  // Steps.
constexpr int kAttemptsMax = 12;

std::string KeyName(int key) { return "key" + std::to_string(key); }
// Long enough for a few of them to be more than a node keeps of its log.
std::string ValueText(int value) { return std::to_string(value) + std::string(300, ' '); }
std::string AccountName(int account) { return "bank/" + std::to_string(account); }

}  // namespace

SimulatedClient::TaskPtr SimulatedClient::NewTask(Task::Kind kind) {
  auto task = std::make_shared<Task>();
  task->kind = kind;
  task->operation.start = cluster_.now();
  return task;
}

void SimulatedClient::Step(bool is_ending) {
  if (task_ == nullptr) {
    if (!is_ending) {
      Begin();
    }
    return;
  }
  const TaskPtr task = task_;
  if (!task->is_waiting) {
    Send(task);
  } else if (cluster_.now() - task->sent > kPatience) {
    // Nobody answers; the node may have lost power. A late answer to this attempt counts for
    // nothing: the task is another one from now on.
    const auto again = std::make_shared<Task>(*task);
    again->is_waiting = false;
    again->may_have_happened = true;
    task_ = again;
    if (again->command.tag.session == 0 || again->attempts >= kAttemptsMax) {
      GiveUp(again);
    }
  }
}

void SimulatedClient::Begin() {
  if (watched_key_ >= 0 && random_.OneIn(2)) {
    BeginRead();
    return;
  }
  if (session_ == 0 && random_.OneIn(2)) {
    task_ = NewTask(Task::Kind::kOpenSession);
    task_->command.kind = Command::Kind::kOpenSession;
    return;
  }
  switch (random_.Below(12)) {
    case 0:
    case 1:
    case 2:
    case 3: BeginWrite(); return;
    case 4:
    case 5: BeginTransfer(); return;
    case 6: BeginAppend(); return;
    case 7: task_ = NewTask(Task::Kind::kScan); return;
    case 8: BeginZombie(); return;
    default: BeginRead(); return;
  }
}

void SimulatedClient::BeginWrite() {
  task_ = NewTask(Task::Kind::kWrite);
  task_->key = static_cast<int>(random_.Below(kKeys));
  const std::string name = KeyName(task_->key);
  Operation& operation = task_->operation;
  const std::uint64_t kind = random_.Below(6);
  if (kind == 0) {
    operation.kind = Operation::Kind::kDelete;
    EncodeDelete(task_->operations, name);
  } else {
    operation.kind = kind == 1 ? Operation::Kind::kCompareAndSet : Operation::Kind::kPut;
    operation.value = ++seen_.values;
    EncodePut(task_->operations, name, ValueText(operation.value));
  }
  if (operation.kind == Operation::Kind::kCompareAndSet) {
    const auto& history = seen_.histories[task_->key];
    operation.expected = history.empty() ? kAbsent : history.back().value;
    task_->condition_key = name;
    task_->condition_value = ValueText(operation.expected);
    task_->command.condition = {
        .kind = operation.expected == kAbsent ? Condition::Kind::kAbsent : Condition::Kind::kValue,
        .key = task_->condition_key,
        .value = task_->condition_value};
  }
  if (session_ != 0 && !random_.OneIn(4)) {
    task_->command.tag = {.session = session_, .sequence = ++sequence_};
  }
}

void SimulatedClient::BeginRead() {
  task_ = NewTask(Task::Kind::kRead);
  const int written = std::exchange(watched_key_, -1);
  task_->key = written >= 0 ? written : static_cast<int>(random_.Below(kKeys));
  task_->operation.kind = Operation::Kind::kGet;
  task_->stale_steps = written < 0 && random_.OneIn(4) ? 1 + random_.Below(60) : 0;
}

// Money moves from one account to another, if nobody has moved any since the last scan.
void SimulatedClient::BeginTransfer() {
  if (session_ == 0 || funds_.empty()) {
    task_ = NewTask(Task::Kind::kScan);
    return;
  }
  task_ = NewTask(Task::Kind::kWrite);
  std::vector<int> funds = funds_;
  const int amount = 1 + static_cast<int>(random_.Below(20));
  funds[random_.Below(kAccounts)] -= amount;
  funds[random_.Below(kAccounts)] += amount;
  const std::string ledger = "bank/ledger";
  EncodePut(task_->operations, ledger, std::to_string(++seen_.values));
  for (int account = 0; account < kAccounts; ++account) {
    EncodePut(task_->operations, AccountName(account),
              std::to_string(funds[static_cast<std::size_t>(account)]));
  }
  task_->condition_key = ledger;
  task_->command.condition = {
      .kind = ledger_ == 0 ? Condition::Kind::kAbsent : Condition::Kind::kRevision,
      .key = task_->condition_key,
      .value = {},
      .revision = ledger_};
  task_->command.tag = {.session = session_, .sequence = ++sequence_};
  funds_.clear();
}

// An element goes to the end of two lists at once, if they are as they were seen last.
void SimulatedClient::BeginAppend() {
  if (session_ == 0 || funds_.empty()) {
    task_ = NewTask(Task::Kind::kScan);
    return;
  }
  task_ = NewTask(Task::Kind::kWrite);
  task_->element = "," + std::to_string(++seen_.values);
  EncodePut(task_->operations, "list/a", list_ + task_->element);
  EncodePut(task_->operations, "list/b", list_ + task_->element);
  task_->condition_key = "list/a";
  task_->command.condition = {
      .kind = list_revision_ == 0 ? Condition::Kind::kAbsent : Condition::Kind::kRevision,
      .key = task_->condition_key,
      .value = {},
      .revision = list_revision_};
  task_->command.tag = {.session = session_, .sequence = ++sequence_};
  funds_.clear();
}

// A request of a session that is closed must be refused for ever.
void SimulatedClient::BeginZombie() {
  if (old_session_ != 0) {
    task_ = NewTask(Task::Kind::kZombie);
    EncodePut(task_->operations, "zombie", "walks");
    task_->command.tag = {.session = old_session_, .sequence = 1};
    old_session_ = 0;
  } else if (session_ != 0 && random_.OneIn(3)) {
    task_ = NewTask(Task::Kind::kCloseSession);
    task_->command.kind = Command::Kind::kCloseSession;
    task_->command.tag.session = session_;
  } else {
    BeginRead();
  }
}

void SimulatedClient::Send(const TaskPtr& task) {
  if (home_ == 0 || random_.OneIn(50)) {
    home_ = 1 + random_.Below(cluster_.size());
  }
  TestReplica& node = cluster_.node(random_.OneIn(2) ? home_ : 1 + random_.Below(cluster_.size()));
  if (!node.is_up()) {
    return;
  }
  if (++task->attempts > kAttemptsMax) {
    GiveUp(task);
    return;
  }
  task->is_waiting = true;
  task->sent = cluster_.now();
  if (task->kind == Task::Kind::kRead || task->kind == Task::Kind::kScan) {
    SendRead(node, task);
  } else {
    SendCommand(node, task);
  }
}

// The task holds what the command points to, and the reply holds the task.
void SimulatedClient::SendCommand(TestReplica& node, const TaskPtr& task) {
  task->command.operations = task->operations;
  task->command.condition.key = task->condition_key;
  task->command.condition.value = task->condition_value;
  node.driver().Submit(task->command, !random_.OneIn(5),
                       [this, task](const CommandReply& reply) { TakeReply(task, reply); });
}

void SimulatedClient::TakeReply(const TaskPtr& task, const CommandReply& reply) {
  if (task != task_) {
    return;
  }
  switch (reply.fate) {
    case Fate::kDone: Finish(task, reply); return;
    case Fate::kUnknown:
    case Fate::kStopped:
      task->may_have_happened = true;
      if (task->command.tag.session == 0) {
        GiveUp(task);
        return;
      }
      break;
    default: break;
  }
  // A late answer to this attempt must not count for the next.
  task_ = std::make_shared<Task>(*task);
  task_->is_waiting = false;
}

void SimulatedClient::Finish(const TaskPtr& task, const CommandReply& reply) {
  task_ = nullptr;
  const Outcome::Code code = reply.outcome.code;
  switch (task->kind) {
    case Task::Kind::kOpenSession:
      session_ = reply.outcome.revision;
      sequence_ = 0;
      return;
    case Task::Kind::kCloseSession:
      old_session_ = session_;
      session_ = 0;
      return;
    case Task::Kind::kZombie:
      if (code != Outcome::Code::kUnknownSession) {
        Violation("a request of a closed session was taken");
      }
      return;
    default: break;
  }
  if (code == Outcome::Code::kUnknownSession || code == Outcome::Code::kForgotten) {
    Violation("a living session or its result is not known");
    return;
  }
  watched_key_ = task->key;
  ++seen_.acknowledged;
  seen_.on_acknowledged(reply.outcome);
  task->operation.end = cluster_.now();
  task->operation.applied = code == Outcome::Code::kApplied;
  if (task->operation.applied && !task->element.empty()) {
    seen_.appended.push_back(task->element);
  }
  Record(*task);
}

// What was never taken did not happen; what may have been taken may happen at any time.
void SimulatedClient::GiveUp(const TaskPtr& task) {
  task_ = nullptr;
  if (task->command.kind == Command::Kind::kCloseSession) {
    session_ = 0;
  }
  if (task->kind == Task::Kind::kWrite && task->may_have_happened) {
    task->operation.end = kNever;
    Record(*task);
  }
}

void SimulatedClient::Record(const Task& task) {
  if (task.key >= 0) {
    seen_.histories[task.key].push_back(task.operation);
  }
}

void SimulatedClient::SendRead(TestReplica& node, const TaskPtr& task) {
  const auto reply = [this, &node, task](Fate fate) { TakeRead(node, task, fate); };
  if (task->stale_steps > 0) {
    node.driver().ReadStale(task->stale_steps * 10, reply);
  } else {
    node.driver().Read(reply);
  }
}

void SimulatedClient::TakeRead(TestReplica& node, const TaskPtr& task, Fate fate) {
  if (task != task_) {
    return;
  }
  if (fate != Fate::kDone || !node.is_up()) {
    task_ = std::make_shared<Task>(*task);
    task_->is_waiting = false;
    return;
  }
  task_ = nullptr;
  if (task->kind == Task::Kind::kScan) {
    Scan(node, task->operation.start);
    return;
  }
  const TracedRead read = node.machine().engine().Get(KeyName(task->key), {}).value();
  task->operation.value = read.value ? std::stoi(*read.value) : kAbsent;
  // A stale read is one of some time before it was asked for; ticks may be five steps late.
  const std::uint64_t age = task->stale_steps == 0 ? 0 : task->stale_steps + 6;
  task->operation.start -= std::min(task->operation.start, age);
  task->operation.end = cluster_.now();
  watched_key_ = random_.OneIn(2) ? task->key : -1;
  ++seen_.reads;
  Record(*task);
}

// Two pages of one snapshot, with flushes and merges between them.
void SimulatedClient::Scan(TestReplica& node, std::uint64_t start) {
  const std::shared_ptr<Engine> engine = node.machine().shared_engine();
  const Snapshot snapshot = engine->TakeSnapshot();
  ReadOptions options;
  options.snapshot = &snapshot;
  const auto read = [&](const std::string& key) { return engine->Get(key, options).value(); };
  const TracedRead ledger = read("bank/ledger");
  std::vector<int> funds;
  const auto add = [&](int account) {
    const TracedRead held = read(AccountName(account));
    funds.push_back(held.value ? std::stoi(*held.value) : kFunds);
    if (held.value.has_value() != ledger.value.has_value()) {
      Violation("half a transfer was seen");
    }
  };
  add(0);
  add(1);
  const TracedRead first = read("list/a");
  for (int i = 0; i < 3; ++i) {
    node.scheduler().RunOne();
  }
  const TracedRead second = read("list/b");
  add(2);
  add(3);
  int sum = 0;
  for (const int held : funds) {
    sum += held;
  }
  if (sum != kAccounts * kFunds) {
    Violation("the accounts hold " + std::to_string(sum));
  }
  if (first.value != second.value) {
    Violation("two lists differ that are written together");
  }
  const std::string list = first.value.value_or("");
  const std::string& longest = seen_.list;
  if (!list.starts_with(longest) && !longest.starts_with(list)) {
    Violation("the list was " + longest + " and is " + list);
  }
  if (start > seen_.list_end && list.size() < longest.size()) {
    Violation("the list went back to " + list);
  }
  if (list.size() > longest.size()) {
    seen_.list = list;
    seen_.list_end = cluster_.now();
  }
  ledger_ = ledger.value ? ledger.sequence.value : 0;
  funds_ = funds;
  list_revision_ = first.value ? first.sequence.value : 0;
  list_ = list;
  ++seen_.scans;
}

void SimulatedClient::CheckAll(TestReplica& node) {
  const std::uint64_t now = cluster_.now();
  for (int key = 0; key < kKeys; ++key) {
    const TracedRead read = node.machine().engine().Get(KeyName(key), {}).value();
    seen_.histories[key].push_back({.kind = Operation::Kind::kGet,
                                    .value = read.value ? std::stoi(*read.value) : kAbsent,
                                    .expected = kAbsent,
                                    .applied = true,
                                    .start = now,
                                    .end = now});
  }
  Scan(node, now);
  for (const std::string& element : seen_.appended) {
    const std::size_t at = (seen_.list + ",").find(element + ",");
    if (at == std::string::npos) {
      Violation("what was appended is not in the list: " + element);
    } else if ((seen_.list + ",").find(element + ",", at + 1) != std::string::npos) {
      Violation("what was appended once is in the list twice: " + element);
    }
  }
  if (node.machine().engine().Get("zombie", {}).value().value) {
    Violation("a request of a closed session was applied");
  }
}

}  // namespace firn::simulation

// SPDX-License-Identifier: Apache-2.0
#include "replica/state_machine.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/coding.h"
#include "base/random.h"
#include "engine/test_engine.h"
#include "golden/golden.h"
#include "storage/wal/operations.h"

namespace firn {
namespace {

const ReplicaState kInitial{.index = {1},
                            .term = {1},
                            .membership = {.voters = {{1}}, .learners = {}},
                            .members = {{{1}, {"uuid", "localhost:1", "localhost:2"}}},
                            .largest_node = {1},
                            .clock_ms = 0,
                            .checksum = 0,
                            .min_log_segment = {1}};

Options ReplicaOptions() {
  Options options = SmallOptions();
  options.wal = false;
  return options;
}

std::string PutOf(std::string_view key, std::string_view value) {
  std::string operations;
  EncodePut(operations, key, value);
  return operations;
}

// A replica's state machine that can crash and apply its log again.
class Replayer {
 public:
  explicit Replayer(std::uint64_t seed = 1, Options options = ReplicaOptions())
      : options_(std::move(options)), engine_(seed) {
    Open();
  }

  StateMachine& machine() { return *machine_; }
  Engine& engine() { return engine_.engine(); }

  std::vector<Outcome> Apply(const LogEntry& entry) {
    while (!machine_->HasRoom()) {
      engine_.scheduler().RunOne();
    }
    if (engine_.scheduler().pending() > 0 && entry.index.value % 3 == 0) {
      engine_.scheduler().RunOne();
    }
    return machine_->Apply(entry).value().outcomes;
  }

  // Applies what the log holds beyond what the tables hold.
  void Crash(const std::vector<LogEntry>& log, Random& random) {
    machine_.reset();
    engine_.CrashByPowerLoss(random);
    Open();
    for (const LogEntry& entry : log) {
      if (entry.index > machine_->state().index) {
        Apply(entry);
      }
    }
  }

  std::map<std::string, std::string> Content() {
    std::map<std::string, std::string> content;
    Iterator all = engine().NewIterator({});
    for (all.SeekToFirst(); all.valid(); all.Next()) {
      content.emplace(all.key(), all.value());
    }
    EXPECT_TRUE(all.status());
    return content;
  }

 private:
  void Open() {
    engine_.Open(options_).value();
    machine_ = StateMachine::Open(engine_.engine().shared_from_this(), kInitial).value();
  }

  Options options_;
  TestEngine engine_;
  std::unique_ptr<StateMachine> machine_;
};

// Makes entries with consecutive indexes.
class LogWriter {
 public:
  LogEntry Group(const std::vector<Command>& commands, std::uint64_t elapsed_ms = 0) {
    GroupBuilder builder({.proposal = ++proposal_, .elapsed_ms = elapsed_ms});
    for (const Command& command : commands) {
      builder.Add(command);
    }
    return {.term = {1}, .index = {++index_}, .kind = EntryKind::kData, .data = builder.Take()};
  }
  std::uint64_t revision(std::uint64_t ordinal = 0) const { return index_ << 16 | ordinal; }

 private:
  std::uint64_t index_ = 1;
  std::uint64_t proposal_ = 0;
};

Command WriteOf(std::string_view operations, RequestTag tag = {}, Condition condition = {}) {
  return {
      .kind = Command::Kind::kWrite, .tag = tag, .condition = condition, .operations = operations};
}

class StateMachineTest : public testing::Test {
 protected:
  Outcome ApplyOne(const Command& command, std::uint64_t elapsed_ms = 0) {
    const std::vector<Outcome> outcomes = replica_.Apply(log_.Group({command}, elapsed_ms));
    EXPECT_EQ(outcomes.size(), 1u);
    return outcomes.at(0);
  }
  std::uint64_t OpenSession() {
    const Outcome opened = ApplyOne({.kind = Command::Kind::kOpenSession});
    EXPECT_EQ(opened.code, Outcome::Code::kApplied);
    return opened.revision;
  }
  std::optional<std::string> Get(std::string_view key) {
    return replica_.engine().Get(key, {}).value().value;
  }

  Replayer replica_;
  LogWriter log_;
};

TEST_F(StateMachineTest, TheRevisionOfAnOperationIsItsPlaceInTheLogAndItsSequence) {
  const std::string one = PutOf("a", "1");
  const std::string three = PutOf("b", "2") + PutOf("c", "3") + PutOf("d", "4");
  const std::vector<Outcome> outcomes = replica_.Apply(log_.Group({WriteOf(one), WriteOf(three)}));
  EXPECT_EQ(outcomes[0].revision, log_.revision(0));
  EXPECT_EQ(outcomes[1].revision, log_.revision(3));
  EXPECT_EQ(replica_.engine().Get("a", {}).value().sequence.value, log_.revision(0));
  EXPECT_EQ(replica_.engine().Get("c", {}).value().sequence.value, log_.revision(2));
}

TEST_F(StateMachineTest, ConditionsSeeEarlierCommandsOfTheirGroup) {
  const std::string a = PutOf("k", "a");
  const std::string b = PutOf("k", "b");
  std::string remove;
  EncodeDelete(remove, "k");
  const Condition absent{.kind = Condition::Kind::kAbsent, .key = "k"};
  const Condition is_a{.kind = Condition::Kind::kValue, .key = "k", .value = "a"};
  const std::vector<Outcome> outcomes = replica_.Apply(
      log_.Group({WriteOf(a, {}, absent), WriteOf(b, {}, absent), WriteOf(b, {}, is_a),
                  WriteOf(a, {}, is_a), WriteOf(remove), WriteOf(a, {}, absent)}));
  std::vector<bool> applied;
  applied.reserve(outcomes.size());
  for (const Outcome& outcome : outcomes) {
    applied.push_back(outcome.code == Outcome::Code::kApplied);
  }
  EXPECT_EQ(applied, (std::vector<bool>{true, false, true, false, true, true}));
  EXPECT_EQ(Get("k"), "a");
}

TEST_F(StateMachineTest, ARevisionIsComparedWithTheWriteThatMadeTheValue) {
  const std::string a = PutOf("k", "a");
  const Outcome written = ApplyOne(WriteOf(a));
  const auto at = [&](std::uint64_t revision) {
    return Condition{.kind = Condition::Kind::kRevision, .key = "k", .revision = revision};
  };
  EXPECT_EQ(ApplyOne(WriteOf(a, {}, at(written.revision + 1))).code,
            Outcome::Code::kConditionFailed);
  EXPECT_EQ(ApplyOne(WriteOf(a, {}, at(written.revision))).code, Outcome::Code::kApplied);
  EXPECT_EQ(ApplyOne(WriteOf(a, {}, at(written.revision))).code, Outcome::Code::kConditionFailed);
}

TEST_F(StateMachineTest, ARequestThatComesAgainIsAnsweredAndNotApplied) {
  const std::uint64_t session = OpenSession();
  const std::string a = PutOf("k", "a");
  const std::string b = PutOf("k", "b");
  const Outcome first = ApplyOne(WriteOf(a, {session, 1}));
  ApplyOne(WriteOf(b));
  EXPECT_EQ(ApplyOne(WriteOf(a, {session, 1})), first);
  EXPECT_EQ(Get("k"), "b");
  // Twice in one group, and a failed condition too.
  const Condition absent{.kind = Condition::Kind::kAbsent, .key = "k"};
  const std::vector<Outcome> outcomes = replica_.Apply(
      log_.Group({WriteOf(a, {session, 2}), WriteOf(a, {session, 2}),
                  WriteOf(a, {session, 3}, absent), WriteOf(a, {session, 3}, absent)}));
  EXPECT_EQ(outcomes[0], outcomes[1]);
  EXPECT_EQ(outcomes[2].code, Outcome::Code::kConditionFailed);
  EXPECT_EQ(outcomes[2], outcomes[3]);
}

TEST_F(StateMachineTest, RequestsOfASessionMayOvertakeEachOther) {
  const std::uint64_t session = OpenSession();
  const std::string a = PutOf("k", "a");
  EXPECT_EQ(ApplyOne(WriteOf(a, {session, 7})).code, Outcome::Code::kApplied);
  const Outcome late = ApplyOne(WriteOf(a, {session, 3}));
  EXPECT_EQ(late.code, Outcome::Code::kApplied);
  EXPECT_EQ(ApplyOne(WriteOf(a, {session, 3})), late);
  ApplyOne(WriteOf(a, {session, 7 + SessionTable::kResultsMax}));
  EXPECT_EQ(ApplyOne(WriteOf(a, {session, 4})).code, Outcome::Code::kForgotten);
}

TEST_F(StateMachineTest, SessionsThatAreUnknownClosedOrExpiredSaySo) {
  const std::string a = PutOf("k", "a");
  EXPECT_EQ(ApplyOne(WriteOf(a, {12345, 1})).code, Outcome::Code::kUnknownSession);
  const std::uint64_t closed = OpenSession();
  const std::uint64_t used = OpenSession();
  ApplyOne(WriteOf(a, {closed, 1}));
  EXPECT_EQ(ApplyOne({.kind = Command::Kind::kCloseSession, .tag = {closed, 0}}).code,
            Outcome::Code::kApplied);
  EXPECT_EQ(ApplyOne(WriteOf(a, {closed, 1})).code, Outcome::Code::kUnknownSession);
  const std::uint64_t idle = OpenSession();
  // Two hours in steps no larger than what an entry may add; one session is used meanwhile.
  std::uint64_t sequence = 0;
  for (std::uint64_t ms = 0; ms < 2 * SessionTable::kExpiryMs; ms += kElapsedMax) {
    ApplyOne(WriteOf(a, {used, ++sequence}), 10 * kElapsedMax);
  }
  EXPECT_EQ(ApplyOne(WriteOf(a, {idle, 1})).code, Outcome::Code::kUnknownSession);
  EXPECT_EQ(ApplyOne(WriteOf(a, {used, ++sequence})).code, Outcome::Code::kApplied);
  EXPECT_EQ(replica_.machine().sessions().size(), 1u);
  EXPECT_EQ(replica_.Content().size(), 1 + 1 + SessionTable::kResultsMax)
      << "the key, one session and its results";
}

TEST_F(StateMachineTest, EntriesThatWriteNothingMoveTheIndexToo) {
  LogEntry empty{.term = {3}, .index = {2}, .kind = EntryKind::kData, .data = {}};
  EXPECT_TRUE(replica_.Apply(empty).empty());
  const LogEntry change{.term = {3}, .index = {3}, .kind = EntryKind::kMembership, .data = {}};
  const Member member{"other", "h:1", "h:2"};
  const Membership membership{.voters = {{1}}, .learners = {{2}}};
  replica_.machine()
      .ApplyChange(
          change,
          {.kind = MembershipChange::Kind::kAddLearner, .node = {2}, .context = Encode(member)},
          membership)
      .value();
  replica_.engine().Flush().value();
  const ReplicaState flushed = replica_.machine().Flushed().value();
  EXPECT_EQ(flushed, replica_.machine().state());
  EXPECT_EQ(flushed.index, (LogIndex{3}));
  EXPECT_EQ(flushed.members.at({2}), member);
  EXPECT_EQ(flushed.membership, membership);
}

TEST_F(StateMachineTest, BytesThatAreNoGroupEndTheNode) {
  LogEntry entry = log_.Group({WriteOf(PutOf("a", "1"))});
  for (std::size_t size = 1; size < entry.data.size(); ++size) {
    LogEntry cut = entry;
    cut.data.resize(size);
    EXPECT_FALSE(Replayer().machine().Apply(cut)) << size;
  }
}

// Random groups on three nodes whose options differ and that crash at different moments: outcomes,
// checksums and stores agree, and stores agree with a map.
class StateMachineModel {
 public:
  explicit StateMachineModel(std::uint64_t seed) : random_(seed) {
    for (std::uint64_t node = 0; node < 3; ++node) {
      Options options = ReplicaOptions();
      options.memtable_bytes = std::size_t{4 << 10} << (2 * node);
      options.auto_compaction = node != 1;
      nodes_.push_back(std::make_unique<Replayer>(seed * 10 + node, options));
    }
  }

  void Step() {
    DrawCommands();
    const LogEntry entry = log_.Group(commands_, random_.Below(100'000));
    entries_.push_back(entry);
    std::optional<std::vector<Outcome>> agreed;
    for (auto& node : nodes_) {
      const std::vector<Outcome> outcomes = node->Apply(entry);
      ASSERT_EQ(outcomes, agreed.value_or(outcomes));
      agreed = outcomes;
      ASSERT_EQ(node->machine().state().checksum, nodes_[0]->machine().state().checksum);
      if (random_.OneIn(60)) {
        node->Crash(entries_, random_);
        ASSERT_EQ(node->machine().state(), [&] {
          ReplicaState state = nodes_[0]->machine().state();
          state.min_log_segment = node->machine().state().min_log_segment;
          return state;
        }());
      }
    }
    for (std::size_t i = 0; i < commands_.size(); ++i) {
      if (commands_[i].kind == Command::Kind::kOpenSession) {
        sessions_.push_back((*agreed)[i].revision);
      }
    }
  }

  void CheckContents() {
    const auto content = nodes_[0]->Content();
    EXPECT_FALSE(content.empty());
    for (auto& node : nodes_) {
      EXPECT_EQ(node->Content(), content);
    }
  }

 private:
  std::string Key() { return "key" + std::to_string(random_.Below(30)); }

  // Views of commands point into texts_.
  std::string_view Keep(std::string text) { return texts_.emplace_back(std::move(text)); }

  void DrawCommands() {
    commands_.clear();
    texts_.clear();
    for (std::uint64_t count = 1 + random_.Below(5); count > 0; --count) {
      commands_.push_back(DrawCommand());
      if (random_.OneIn(10)) {
        commands_.push_back(commands_.back());
      }
    }
  }

  Command DrawCommand() {
    if (random_.OneIn(20)) {
      return {.kind = Command::Kind::kOpenSession};
    }
    if (random_.OneIn(60) && !sessions_.empty()) {
      return {.kind = Command::Kind::kCloseSession, .tag = {AnySession(), 0}};
    }
    std::string operations;
    for (std::uint64_t count = 1 + random_.Below(4); count > 0; --count) {
      if (random_.OneIn(4)) {
        EncodeDelete(operations, Key());
      } else {
        EncodePut(operations, Key(), std::string(random_.Below(60), 'v'));
      }
    }
    RequestTag tag;
    if (random_.OneIn(2) && !sessions_.empty()) {
      tag = {AnySession(), 1 + random_.Below(40)};
    }
    Condition condition;
    condition.kind = static_cast<Condition::Kind>(random_.Below(4));
    condition.key = Keep(Key());
    if (condition.kind == Condition::Kind::kValue) {
      condition.value = Keep(std::string(random_.Below(60), 'v'));
    }
    return WriteOf(Keep(std::move(operations)), tag, condition);
  }

  std::uint64_t AnySession() { return sessions_[random_.Below(sessions_.size())]; }

  Random random_;
  LogWriter log_;
  std::vector<std::unique_ptr<Replayer>> nodes_;
  std::vector<LogEntry> entries_;
  std::vector<Command> commands_;
  std::deque<std::string> texts_;
  std::vector<std::uint64_t> sessions_;
};

TEST(StateMachineModelTest, NodesThatApplyTheSameLogAgreeThroughCrashes) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    StateMachineModel model(seed);
    for (int step = 0; step < 400 && !testing::Test::HasFatalFailure(); ++step) {
      model.Step();
    }
    model.CheckContents();
  }
}

TEST(ReplicaStateFormat, DecodesWhatItEncodedAndNothingElse) {
  const std::string bytes = Encode(kInitial);
  EXPECT_EQ(DecodeReplicaState(bytes).value(), kInitial);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeReplicaState(bytes.substr(0, size))) << size;
  }
  EXPECT_FALSE(DecodeReplicaState(bytes + "x"));
  std::string newer = bytes;
  newer[0] = 2;
  EXPECT_EQ(DecodeReplicaState(newer).error().code, ErrorCode::kUnsupported);
}

std::vector<NodeId> NodesOf(const std::string& list) {
  std::vector<NodeId> nodes;
  std::istringstream numbers(list);
  for (std::string number; std::getline(numbers, number, ',');) {
    nodes.push_back({std::stoull(number)});
  }
  return nodes;
}

std::string StateOf(const golden::Command& command) {
  const auto number = [&](const char* name) { return std::stoull(command.Get(name)); };
  ReplicaState state{.index = {number("index")},
                     .term = {number("term")},
                     .membership = {.voters = NodesOf(command.Get("voters")),
                                    .learners = NodesOf(command.Get("learners"))},
                     .members = {},
                     .largest_node = {number("largest")},
                     .clock_ms = number("clock_ms"),
                     .checksum = number("checksum"),
                     .min_log_segment = {number("min_log_segment")}};
  for (const std::string& line : command.input) {
    NodeId node;
    Member member;
    std::istringstream(line) >> node.value >> member.directory >> member.peer_address >>
        member.client_address;
    state.members[node] = member;
  }
  return golden::HexDump(Encode(state));
}

// Of a cluster that has applied one entry, whose data is the input.
std::string ChecksumOf(const golden::Command& command) {
  LogEntry entry{.term = {std::stoull(command.Get("term"))},
                 .index = {std::stoull(command.Get("index"))},
                 .kind = EntryKind::kData,
                 .data = {}};
  for (const std::string& line : command.input) {
    std::istringstream bytes(line);
    for (unsigned byte = 0; bytes >> std::hex >> byte;) {
      entry.data.push_back(static_cast<char>(byte));
    }
  }
  Replayer replica;
  std::string text;
  for (const Outcome& outcome : replica.Apply(entry)) {
    text += "outcome code=" + std::to_string(static_cast<int>(outcome.code)) +
            " revision=" + std::to_string(outcome.revision) + "\n";
  }
  std::string checksum;
  PutLittle(checksum, replica.machine().state().checksum);
  return text + golden::HexDump(checksum);
}

// Of a session that is opened and used once.
std::string RowsOf(const golden::Command& command) {
  const auto number = [&](const char* name) { return std::stoull(command.Get(name)); };
  TestEngine engine;
  engine.Open(ReplicaOptions()).value();
  SessionTable table(engine.engine());
  std::string operations;
  std::uint64_t count = table.Open(number("id"), number("opened_ms"), operations);
  count += table.Remember(
      {.session = number("id"), .sequence = number("sequence")},
      {.code = static_cast<Outcome::Code>(number("code")), .revision = number("revision")},
      number("now_ms"), operations);
  std::string text;
  VisitOperations(operations, [&](const BatchOperation& put) -> Result<void> {
    text += "key\n" + golden::HexDump(put.key) + "value\n" + golden::HexDump(put.value);
    --count;
    return {};
  }).value();
  EXPECT_EQ(count, 0u);
  return text;
}

// The worked examples of docs/format/replica-state.md.
TEST(ReplicaStateFormat, IsTheDocumentedOne) {
  golden::RunFile(FIRN_SOURCE_ROOT "/docs/format/replica-state.md",
                  [](const golden::Command& command) {
                    if (command.name == "checksum") {
                      return ChecksumOf(command);
                    }
                    return command.name == "session" ? RowsOf(command) : StateOf(command);
                  });
}

}  // namespace
}  // namespace firn

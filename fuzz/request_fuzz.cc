// SPDX-License-Identifier: Apache-2.0
//
// What anybody can ask of the three services, as far as it goes without gRPC: a request is read
// from the wire, checked, carried out by a real state machine over a small store, and answered. The
// first byte of an input chooses the request; the store is the same for each input.
//
// A request is refused with a status and a text that fit into an answer, or what comes of it holds
// what its kind promises: a command survives its group, its operations are those of the request, a
// page lies within its bounds, pages in a row are one scan.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/check.h"
#include "engine/test_engine.h"
#include "firn/v1/cluster.pb.h"
#include "firn/v1/kv.pb.h"
#include "firn/v1/storage.pb.h"
#include "replica/state_machine.h"
#include "server/operator_demand.h"
#include "server/page.h"
#include "server/write_demand.h"
#include "storage/wal/operations.h"

namespace firn::server {
namespace {

constexpr NodeId kSelf{1};

Limits SmallLimits() {
  Limits limits;
  limits.key_bytes_max = 64;
  limits.value_bytes_max = 256;
  limits.batch_operations_max = 8;
  limits.batch_bytes_max = 512;
  limits.page_bytes_max = 96;
  limits.address_bytes_max = 64;
  return limits;
}
const Limits kLimits = SmallLimits();

// A node's state machine with six keys and a session, 1 << 17, which has used the sequence 1.
class Store {
 public:
  Store() {
    Options options = SmallOptions();
    options.wal = false;
    engine_.Open(options).value();
    const ReplicaState initial{.index = {1},
                               .term = {1},
                               .membership = {.voters = {kSelf}, .learners = {}},
                               .members = {{kSelf, {"uuid", "a:1", "a:2"}}},
                               .largest_node = kSelf,
                               .clock_ms = 0,
                               .checksum = 0,
                               .min_log_segment = {1}};
    machine_ = StateMachine::Open(engine_.engine().shared_from_this(), initial).value();
    Carry({.kind = Command::Kind::kOpenSession});
    std::string operations;
    for (const char* key : {"a", "b", "c", "d", "dd", "e"}) {
      EncodePut(operations, key, std::string(key) + " has a value");
    }
    const RequestTag tag{.session = std::uint64_t{2} << kOrdinalBits, .sequence = 1};
    FIRN_CHECK(Carry({.tag = tag, .operations = operations}).code == Outcome::Code::kApplied);
  }

  Engine& engine() { return engine_.engine(); }
  PinnedState Pin() { return {engine().shared_from_this(), engine().TakeSnapshot()}; }

  // As entry of a log of its own.
  Outcome Carry(const Command& command) {
    GroupBuilder builder({.proposal = 1, .elapsed_ms = 1});
    builder.Add(command);
    const std::string group = builder.Take();
    VisitGroup(group, [&command](const Command& decoded) -> Result<void> {
      FIRN_CHECK(decoded == command);
      return {};
    }).value();
    const LogIndex next{machine_->state().index.value + 1};
    const auto applied =
        machine_->Apply({.term = {1}, .index = next, .kind = EntryKind::kData, .data = group});
    FIRN_CHECK(applied.has_value() && applied->outcomes.size() == 1);
    return applied->outcomes.front();
  }

 private:
  TestEngine engine_;
  std::unique_ptr<StateMachine> machine_;
};

// What an operator reads, and what a program gets in metadata, which gRPC bounds.
void CheckRefusal(const Refusal& refusal) {
  constexpr std::size_t kTextBytesMax = 512;
  FIRN_CHECK(refusal.code != grpc::StatusCode::OK);
  FIRN_CHECK(!refusal.text.empty() && refusal.text.size() <= kTextBytesMax);
  FIRN_CHECK(refusal.text.back() != '.');
  for (const char c : refusal.text) {
    FIRN_CHECK(c >= 0x20 && c < 0x7f, static_cast<int>(c));
  }
  FIRN_CHECK(!StatusOf(refusal).ok());
  for (const auto& [name, value] : MetadataOf(refusal)) {
    FIRN_CHECK(!name.empty() && !value.empty() && value.size() <= kTextBytesMax);
  }
}

// The operations as the encoding has them.
std::vector<BatchOperation> OperationsOf(const Command& command) {
  std::vector<BatchOperation> operations;
  VisitOperations(command.operations, [&](const BatchOperation& operation) -> Result<void> {
    FIRN_CHECK(!CheckKey(operation.key, kLimits));
    FIRN_CHECK(operation.value.size() <= kLimits.value_bytes_max);
    operations.push_back(operation);
    return {};
  }).value();
  return operations;
}

bool Agrees(const BatchOperation& encoded, const v1::Operation& asked) {
  return asked.has_put() ? encoded.kind == Kind::kPut && encoded.key == asked.put().key() &&
                               encoded.value == asked.put().value()
                         : encoded.kind == Kind::kDelete && encoded.key == asked.delete_().key();
}

void CheckOperations(const v1::BatchWriteRequest& request, const Command& command) {
  const std::vector<BatchOperation> operations = OperationsOf(command);
  FIRN_CHECK(static_cast<int>(operations.size()) == request.operations_size());
  for (int i = 0; i < request.operations_size(); ++i) {
    FIRN_CHECK(Agrees(operations[static_cast<std::size_t>(i)], request.operations(i)), i);
  }
}

template <typename Request>
void CheckOperations(const Request&, const Command& command) {
  FIRN_CHECK(OperationsOf(command).size() <= 1);
}

// The same request again, which its session remembers.
template <typename Response>
void CheckRepeat(Store& store, const Command& command, const Response& first) {
  if (command.tag.sequence == 0) {
    return;
  }
  Response second;
  FIRN_CHECK(!Answer(store.Carry(command), second));
  FIRN_CHECK(second.SerializeAsString() == first.SerializeAsString());
}

template <typename Request, typename Response>
void Write(const std::string& wire) {
  Request request;
  if (!request.ParseFromString(wire)) {
    return;
  }
  const Demand demand = DemandOf(request, kLimits);
  if (const auto* refusal = std::get_if<Refusal>(&demand)) {
    return CheckRefusal(*refusal);
  }
  const Command command = std::get<WriteDemand>(demand).AsCommand();
  FIRN_CHECK((command.kind == Command::Kind::kWrite) == !command.operations.empty());
  CheckOperations(request, command);
  Store store;
  Response response;
  if (const auto refusal = Answer(store.Carry(command), response)) {
    return CheckRefusal(*refusal);
  }
  CheckRepeat(store, command, response);
}

void Get(const std::string& wire) {
  v1::GetRequest request;
  if (!request.ParseFromString(wire)) {
    return;
  }
  if (const auto refusal = CheckKey(request.key(), kLimits)) {
    return CheckRefusal(*refusal);
  }
  static Store store;  // Only read.
  const auto read = store.engine().Get(request.key(), {});
  FIRN_CHECK(read.has_value());
  FIRN_CHECK(!read->value || *read->value == request.key() + " has a value");
}

// All entries of the scan, page after page, as tokens lead.
std::vector<std::string> KeysOf(const PinnedState& state, ScanPlan plan,
                                const v1::ScanRequest& request, const PageTokenSeal& seal) {
  std::vector<std::string> keys;
  while (!plan.is_empty()) {
    v1::ScanResponse page;
    Iterator iterator = OpenScan(state, plan);
    const bool has_more = FillPage(iterator, plan, kLimits.page_bytes_max, page).value();
    for (const v1::KeyValue& entry : page.entries()) {
      FIRN_CHECK(entry.key() >= plan.lower && entry.key() < plan.upper);
      FIRN_CHECK(!plan.keys_only || entry.value().empty());
      keys.push_back(entry.key());
    }
    FIRN_CHECK(plan.entries_max == 0 ||
               static_cast<std::size_t>(page.entries_size()) <= plan.entries_max);
    if (!has_more) {
      break;
    }
    v1::ScanRequest next = request;
    next.set_page_token(seal.Seal({.node = kSelf,
                                   .pin = 1,
                                   .revision = state.snapshot.sequence(),
                                   .query = QueryHash(request),
                                   .last_key = keys.back()}));
    plan.ContinueAfter(std::get<PageToken>(TokenOf(next, seal, kSelf)).last_key);
  }
  return keys;
}

void Scan(const std::string& wire) {
  v1::ScanRequest request;
  if (!request.ParseFromString(wire)) {
    return;
  }
  auto plan = PlanOf(request, kLimits);
  if (const auto* refusal = std::get_if<Refusal>(&plan)) {
    return CheckRefusal(*refusal);
  }
  static Store store;  // Only read.
  static const PageTokenSeal seal;
  if (!request.page_token().empty()) {
    const auto token = TokenOf(request, seal, kSelf);
    FIRN_CHECK(std::holds_alternative<Refusal>(token));  // Nobody guesses a seal.
    CheckRefusal(std::get<Refusal>(token));
  }
  ScanPlan in_one = std::get<ScanPlan>(plan);
  FIRN_CHECK(!in_one.upper.empty() && in_one.upper <= kReservedPrefix);
  const PinnedState state = store.Pin();
  const std::vector<std::string> keys = KeysOf(state, in_one, request, seal);
  std::vector<std::string> all;
  if (!in_one.is_empty()) {
    in_one.entries_max = 0;
    v1::ScanResponse page;
    Iterator iterator = OpenScan(state, in_one);
    FIRN_CHECK(!FillPage(iterator, in_one, std::size_t{1} << 20, page).value());
    for (const v1::KeyValue& entry : page.entries()) {
      all.push_back(entry.key());
    }
  }
  FIRN_CHECK(keys == all, keys.size(), all.size());
}

void CheckMembership(const MembershipDemand& demand) {
  if (const auto* refusal = std::get_if<Refusal>(&demand)) {
    return CheckRefusal(*refusal);
  }
  const auto& asked = std::get<MembershipRequest>(demand);
  if (asked.kind == MembershipRequest::Kind::kAdd) {
    FIRN_CHECK(asked.member.peer_address.size() <= kLimits.address_bytes_max);
    FIRN_CHECK(DecodeMember(Encode(asked.member)).value() == asked.member);
  } else {
    FIRN_CHECK(asked.node.value != 0);
  }
}

void AddMember(const std::string& wire) {
  v1::AddMemberRequest request;
  if (request.ParseFromString(wire)) {
    CheckMembership(DemandOf(request, kLimits));
  }
}

template <typename Request>
void ChangeMember(const std::string& wire) {
  Request request;
  if (request.ParseFromString(wire)) {
    CheckMembership(DemandOf(request));
  }
}

void Compact(const std::string& wire) {
  v1::TriggerCompactionRequest request;
  if (!request.ParseFromString(wire)) {
    return;
  }
  const auto demand = DemandOf(request);
  if (const auto* refusal = std::get_if<Refusal>(&demand)) {
    return CheckRefusal(*refusal);
  }
  const auto& asked = std::get<CompactionDemand>(demand);
  Store store;
  FIRN_CHECK(store.engine().Flush().has_value());
  const auto compacted =
      asked.all ? store.engine().CompactRange({}) : store.engine().CompactLevel(asked.level);
  FIRN_CHECK(compacted.has_value());
  FIRN_CHECK(store.engine().CheckInvariants().has_value());
}

// Whatever holds no more than its node decides: nothing but reading it can go wrong.
template <typename Request>
void Read(const std::string& wire) {
  Request request;
  if (request.ParseFromString(wire)) {
    Request again;
    FIRN_CHECK(again.ParseFromString(request.SerializeAsString()));
  }
}

using Handler = void (*)(const std::string& wire);
constexpr Handler kHandlers[] = {
    Get,
    Write<v1::PutRequest, v1::PutResponse>,
    Write<v1::DeleteRequest, v1::DeleteResponse>,
    Scan,
    Write<v1::BatchWriteRequest, v1::BatchWriteResponse>,
    Write<v1::CompareAndSetRequest, v1::CompareAndSetResponse>,
    Write<v1::OpenSessionRequest, v1::OpenSessionResponse>,
    Write<v1::CloseSessionRequest, v1::CloseSessionResponse>,
    Read<v1::FlushMemTableRequest>,
    Compact,
    Read<v1::GetLevelsRequest>,
    Read<v1::GetStorageStatsRequest>,
    Read<v1::GetStatusRequest>,
    AddMember,
    ChangeMember<v1::PromoteMemberRequest>,
    ChangeMember<v1::RemoveMemberRequest>,
    Read<v1::TransferLeadershipRequest>,
};

}  // namespace
}  // namespace firn::server

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) {
    const std::string wire(reinterpret_cast<const char*>(data) + 1, size - 1);
    firn::server::kHandlers[data[0] % std::size(firn::server::kHandlers)](wire);
  }
  return 0;
}

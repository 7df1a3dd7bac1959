// SPDX-License-Identifier: Apache-2.0
#include "replica/command.h"

#include <utility>

#include "base/coding.h"
#include "base/propagate.h"
#include "storage/wal/operations.h"

namespace firn {
namespace {

constexpr std::uint8_t kGroupVersion = 1;

Error Corrupt(std::string_view what) {
  return {ErrorCode::kCorruption, std::string("group: ").append(what)};
}

void PutCondition(std::string& out, const Condition& condition) {
  out.push_back(static_cast<char>(condition.kind));
  if (condition.kind == Condition::Kind::kNone) {
    return;
  }
  PutString(out, condition.key);
  if (condition.kind == Condition::Kind::kValue) {
    PutString(out, condition.value);
  } else if (condition.kind == Condition::Kind::kRevision) {
    PutVarint(out, condition.revision);
  }
}

Result<Condition> TakeCondition(Decoder& in) {
  Condition condition;
  const auto kind = in.Little<std::uint8_t>();
  condition.kind = static_cast<Condition::Kind>(kind);
  switch (condition.kind) {
    case Condition::Kind::kNone: return condition;
    case Condition::Kind::kAbsent: condition.key = in.String(); return condition;
    case Condition::Kind::kValue:
      condition.key = in.String();
      condition.value = in.String();
      return condition;
    case Condition::Kind::kRevision:
      condition.key = in.String();
      condition.revision = in.Varint();
      return condition;
  }
  return Error{ErrorCode::kUnsupported,
               "group: condition " + std::to_string(kind) + " needs a newer version"};
}

Result<Command> TakeCommand(Decoder& in) {
  Command command;
  const auto kind = in.Little<std::uint8_t>();
  if (kind == 0 || kind > static_cast<std::uint8_t>(Command::Kind::kCloseSession)) {
    return in.ok() ? Error{ErrorCode::kUnsupported,
                           "group: command " + std::to_string(kind) + " needs a newer version"}
                   : Corrupt("ends within a command");
  }
  command.kind = static_cast<Command::Kind>(kind);
  command.tag.session = in.Varint();
  command.tag.sequence = in.Varint();
  if (command.kind == Command::Kind::kWrite) {
    FIRN_TRY_ASSIGN(command.condition, TakeCondition(in));
    command.operations = in.String();
    if (in.ok() && command.operations.empty()) {
      return Corrupt("a write without operations");
    }
    FIRN_TRY(
        VisitOperations(command.operations, [](const BatchOperation&) { return Result<void>(); }));
  }
  return in.ok() ? Result<Command>(command) : Corrupt("ends within a command");
}

}  // namespace

GroupBuilder::GroupBuilder(const GroupHeader& header) {
  bytes_.push_back(static_cast<char>(kGroupVersion));
  PutLittle(bytes_, header.proposal);
  PutVarint(bytes_, header.elapsed_ms);
}

void GroupBuilder::Add(const Command& command) {
  bytes_.push_back(static_cast<char>(command.kind));
  PutVarint(bytes_, command.tag.session);
  PutVarint(bytes_, command.tag.sequence);
  if (command.kind == Command::Kind::kWrite) {
    PutCondition(bytes_, command.condition);
    PutString(bytes_, command.operations);
  }
}

Result<GroupHeader> VisitGroup(std::string_view bytes,
                               const std::function<Result<void>(const Command&)>& visit) {
  Decoder in(bytes);
  const auto version = in.Little<std::uint8_t>();
  GroupHeader header;
  header.proposal = in.Little<std::uint64_t>();
  header.elapsed_ms = in.Varint();
  if (!in.ok()) {
    return Corrupt("shorter than its header");
  }
  if (version != kGroupVersion) {
    return Error{ErrorCode::kUnsupported, "group: version " + std::to_string(version) +
                                              ", this program reads version " +
                                              std::to_string(kGroupVersion)};
  }
  if (in.done()) {
    return Corrupt("without a command");
  }
  while (!in.done()) {
    FIRN_TRY_ASSIGN(const Command command, TakeCommand(in));
    FIRN_TRY(visit(command));
  }
  return header;
}

}  // namespace firn

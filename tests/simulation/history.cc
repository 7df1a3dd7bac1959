// SPDX-License-Identifier: Apache-2.0
#include "simulation/history.h"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_set>

namespace firn::simulation {
namespace {

constexpr std::size_t kStatesMax = 1'000'000;

// The value after the operation; nothing when what was seen contradicts the value before it.
std::optional<int> Apply(const Operation& operation, int value) {
  switch (operation.kind) {
    case Operation::Kind::kPut: return operation.value;
    case Operation::Kind::kDelete: return kAbsent;
    case Operation::Kind::kGet:
      return value == operation.value ? std::optional(value) : std::nullopt;
    case Operation::Kind::kCompareAndSet: {
      const bool holds = value == operation.expected;
      if (operation.end != kNever && holds != operation.applied) {
        return std::nullopt;
      }
      return holds ? operation.value : value;
    }
  }
  return std::nullopt;
}

// An operation whose fate is unknown and whose value nobody has ever seen explains nothing.
void DropUnseen(std::vector<Operation>& operations) {
  std::set<int> seen;
  bool has_refusals = false;
  for (const Operation& operation : operations) {
    if (operation.kind == Operation::Kind::kGet) {
      seen.insert(operation.value);
    } else if (operation.kind == Operation::Kind::kCompareAndSet) {
      seen.insert(operation.expected);
      has_refusals = has_refusals || (operation.end != kNever && !operation.applied);
    }
  }
  std::erase_if(operations, [&](const Operation& operation) {
    const bool is_get = operation.kind == Operation::Kind::kGet;
    const int leaves = operation.kind == Operation::Kind::kDelete ? kAbsent : operation.value;
    return operation.end == kNever && (is_get || (!has_refusals && !seen.contains(leaves)));
  });
}

class Search {
 public:
  explicit Search(std::vector<Operation> operations)
      : operations_(std::move(operations)), done_(operations_.size(), false) {}

  Verdict Run() {
    if (Explore(kAbsent)) {
      return Verdict::kLinearizable;
    }
    return tried_.size() >= kStatesMax ? Verdict::kTooHard : Verdict::kNotLinearizable;
  }

 private:
  bool Explore(int value) {
    std::uint64_t first_end = kNever;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if (!done_[i]) {
        first_end = std::min(first_end, operations_[i].end);
      }
    }
    if (first_end == kNever) {
      return true;
    }
    if (tried_.size() >= kStatesMax || !tried_.insert(Key(value)).second) {
      return false;
    }
    for (std::size_t i = 0; i < operations_.size() && operations_[i].start <= first_end; ++i) {
      if (done_[i]) {
        continue;
      }
      if (const std::optional<int> next = Apply(operations_[i], value)) {
        done_[i] = true;
        if (Explore(*next)) {
          return true;
        }
        done_[i] = false;
      }
    }
    return false;
  }

  std::string Key(int value) const {
    std::string key((done_.size() + 7) / 8, '\0');
    for (std::size_t i = 0; i < done_.size(); ++i) {
      if (done_[i]) {
        key[i / 8] = static_cast<char>(key[i / 8] | (1 << (i % 8)));
      }
    }
    return key + std::to_string(value);
  }

  const std::vector<Operation> operations_;  // By start.
  std::vector<bool> done_;
  std::unordered_set<std::string> tried_;
};

}  // namespace

Verdict CheckLinearizable(std::vector<Operation> operations) {
  DropUnseen(operations);
  std::ranges::sort(operations, {}, &Operation::start);
  return Search(std::move(operations)).Run();
}

std::string Describe(const std::vector<Operation>& operations) {
  std::string text;
  for (const Operation& operation : operations) {
    text += std::to_string(operation.start) + ".." +
            (operation.end == kNever ? "?" : std::to_string(operation.end)) + " ";
    switch (operation.kind) {
      case Operation::Kind::kPut: text += "put " + std::to_string(operation.value); break;
      case Operation::Kind::kDelete: text += "delete"; break;
      case Operation::Kind::kGet: text += "get " + std::to_string(operation.value); break;
      case Operation::Kind::kCompareAndSet:
        text += "cas " + std::to_string(operation.expected) + " to " +
                std::to_string(operation.value) + (operation.applied ? "" : " refused");
        break;
    }
    text += "\n";
  }
  return text;
}

}  // namespace firn::simulation

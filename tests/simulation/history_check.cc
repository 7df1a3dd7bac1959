// SPDX-License-Identifier: Apache-2.0
//
// Reads a history of calls from standard input, one JSON object a line, and decides for each key
// whether it is linearizable. A line holds "key", "kind" ("put", "delete", "cas" or "get"),
// "start" and, if the client knows what became of the call, "end", on one clock; "value" as
// written or seen, a number, 0: absent; for a cas also "expected", and "applied" if it has ended.
//
// Exit codes: 0 every key is linearizable; 1 some are not, and the one with the fewest calls is
// written to standard output; 2 the input makes no sense; 3 a key's search was given up.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "simulation/history.h"

namespace {

using firn::simulation::Operation;
using firn::simulation::Verdict;

constexpr int kLinearizable = 0;
constexpr int kNotLinearizable = 1;
constexpr int kNoHistory = 2;
constexpr int kTooHard = 3;

using History = std::map<std::string, std::vector<Operation>>;

std::optional<Operation::Kind> KindOf(const std::string& name) {
  if (name == "put") return Operation::Kind::kPut;
  if (name == "delete") return Operation::Kind::kDelete;
  if (name == "cas") return Operation::Kind::kCompareAndSet;
  if (name == "get") return Operation::Kind::kGet;
  return std::nullopt;
}

// Adds the call to its key's. False: the line is none.
bool AddLine(const std::string& text, History& history) {
  const auto line = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!line.is_object()) {
    return false;
  }
  const auto number = [&line](const char* name) -> std::optional<std::uint64_t> {
    const auto found = line.find(name);
    return found != line.end() && found->is_number_unsigned()
               ? std::optional(found->get<std::uint64_t>())
               : std::nullopt;
  };
  const auto key = line.find("key");
  const auto kind_name = line.find("kind");
  if (key == line.end() || !key->is_string() || kind_name == line.end() ||
      !kind_name->is_string()) {
    return false;
  }
  const auto kind = KindOf(kind_name->get<std::string>());
  const auto start = number("start");
  const auto value = number("value");
  const auto applied = line.find("applied");
  const bool is_compared = kind == Operation::Kind::kCompareAndSet;
  const bool has_outcome = applied != line.end() && applied->is_boolean();
  if (!kind || !start || !value || (is_compared && !number("expected")) ||
      (is_compared && number("end") && !has_outcome) || (line.contains("end") && !number("end"))) {
    return false;
  }
  history[key->get<std::string>()].push_back(
      {.kind = *kind,
       .value = static_cast<int>(*value),
       .expected = static_cast<int>(number("expected").value_or(0)),
       .applied = !has_outcome || applied->get<bool>(),
       .start = *start,
       .end = number("end").value_or(firn::simulation::kNever)});
  return true;
}

// Moves times to 0 and up, which is easier to read.
void MakeReadable(std::vector<Operation>& calls) {
  std::ranges::sort(calls, {}, &Operation::start);
  const std::uint64_t first = calls.front().start;
  for (Operation& call : calls) {
    call.start -= first;
    call.end -= call.end == firn::simulation::kNever ? 0 : first;
  }
}

int Judge(const History& history) {
  const std::string* worst = nullptr;
  const std::string* unknown = nullptr;
  for (const auto& [key, calls] : history) {
    switch (CheckLinearizable(calls)) {
      case Verdict::kLinearizable: break;
      case Verdict::kTooHard: unknown = &key; break;
      case Verdict::kNotLinearizable:
        if (worst == nullptr || calls.size() < history.at(*worst).size()) {
          worst = &key;
        }
        break;
    }
  }
  if (worst != nullptr) {
    std::vector<Operation> calls = history.at(*worst);
    MakeReadable(calls);
    std::cout << "not linearizable: " << *worst << "\n" << firn::simulation::Describe(calls);
    return kNotLinearizable;
  }
  if (unknown != nullptr) {
    std::cout << "too hard to decide: " << *unknown << "\n";
    return kTooHard;
  }
  return kLinearizable;
}

int Main() {
  History history;
  std::string line;
  for (std::size_t number = 1; std::getline(std::cin, line); ++number) {
    if (!line.empty() && !AddLine(line, history)) {
      std::cerr << "line " << number << " is no call: " << line << "\n";
      return kNoHistory;
    }
  }
  return Judge(history);
}

}  // namespace

int main() {
  try {
    return Main();
  } catch (const std::exception& error) {  // Of libraries, such as want of memory.
    std::fprintf(stderr, "history_check: %s\n", error.what());
    return kTooHard;
  }
}

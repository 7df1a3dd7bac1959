// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_script.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "base/propagate.h"

namespace firn::cli {
namespace {

using Deed = DemoStep::Deed;

constexpr std::int64_t kWaitMsMax = 3'600'000;

std::string_view TakeWord(std::string_view& text) {
  constexpr std::string_view kBlanks = " \t\n";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  const std::string_view word = text.substr(0, std::min(text.find_first_of(kBlanks), text.size()));
  text.remove_prefix(word.size());
  return word;
}

std::optional<Deed> DeedOf(std::string_view word) {
  if (word == "kill") {
    return Deed::kKill;
  }
  if (word == "pause") {
    return Deed::kPause;
  }
  if (word == "restart" || word == "resume") {
    return Deed::kRestart;
  }
  if (word == "wait") {
    return Deed::kWait;
  }
  return std::nullopt;
}

std::optional<int> NodeOf(Deed deed, std::string_view word, int nodes) {
  if (deed == Deed::kRestart && word.empty()) {
    return DemoStep::kAll;
  }
  if (deed != Deed::kRestart && word == "leader") {
    return DemoStep::kLeader;
  }
  if (deed != Deed::kRestart && word == "follower") {
    return DemoStep::kFollower;
  }
  int node = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), node);
  const bool is_node =
      error == std::errc() && end == word.data() + word.size() && node >= 1 && node <= nodes;
  return is_node ? std::optional(node) : std::nullopt;
}

std::optional<std::chrono::milliseconds> DurationOf(std::string_view word) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), seconds);
  if (error != std::errc() || end != word.data() + word.size() ||
      !(seconds >= 0 && seconds * 1000 <= static_cast<double>(kWaitMsMax))) {
    return std::nullopt;
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

Result<DemoStep> ParseStep(std::string_view text, int nodes) {
  const auto bad = [text](const char* why) {
    return Error{ErrorCode::kInvalidArgument, "step '" + std::string(text) + "': " + why};
  };
  std::string_view rest = text;
  const std::optional<Deed> deed = DeedOf(TakeWord(rest));
  const std::string_view whom = TakeWord(rest);
  if (!deed || !TakeWord(rest).empty()) {
    return bad("steps are kill WHOM, pause WHOM, restart [NODE] and wait SECONDS");
  }
  if (*deed == Deed::kWait) {
    const std::optional<std::chrono::milliseconds> duration = DurationOf(whom);
    return duration ? Result<DemoStep>({.deed = Deed::kWait, .duration = *duration})
                    : bad("wait for how many seconds?");
  }
  const std::optional<int> node = NodeOf(*deed, whom, nodes);
  return node ? Result<DemoStep>({.deed = *deed, .node = *node})
              : bad("whom? Nodes have numbers from 1, or say leader or follower");
}

}  // namespace

Result<std::vector<DemoStep>> ParseDemoScript(std::string_view script, int nodes) {
  std::vector<DemoStep> steps;
  while (!script.empty()) {
    std::string_view text = script.substr(0, std::min(script.find(';'), script.size()));
    script.remove_prefix(std::min(text.size() + 1, script.size()));
    text.remove_prefix(std::min(text.find_first_not_of(" \t\n"), text.size()));
    if (text.empty()) {
      continue;
    }
    FIRN_TRY_ASSIGN(const DemoStep step, ParseStep(text, nodes));
    steps.push_back(step);
  }
  return steps;
}

}  // namespace firn::cli

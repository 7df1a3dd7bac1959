// SPDX-License-Identifier: Apache-2.0
//
// Lines of the protocol to a node on simulated files: whatever comes, the node answers each line
// with one line of JSON or reports it, and an answer is itself a message that can be parsed.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "node/json_message.h"
#include "node/testing_node.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  firn::node::TestingNode node;
  node.Initialise();
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(line.size() == rest.size() ? line.size() : line.size() + 1);
    const std::string answer = node.Say(line);
    if (!answer.starts_with("report: ")) {
      FIRN_CHECK(answer.find('\n') == std::string::npos, answer);
      FIRN_CHECK(firn::node::ParseMessage(answer).has_value(), answer);
    }
  }
  node.scheduler().RunUntilIdle();
  return 0;
}

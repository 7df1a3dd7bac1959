// SPDX-License-Identifier: Apache-2.0
//
// The protocol as documents: testdata/*.golden and the examples in docs/protocol/node.md. The
// vocabulary:
//
//   node               a fresh node
//   say                lines in, answers and reports out
//   run                background work is done until none is left
//   kill               kill -9, and a start on the same files; the node waits for init again
//   fail KIND [on=NAME_PART] [code=no-space]     from now on, until heal
//   heal
//   codes              the table from the engine's errors to codes
#include <gtest/gtest.h>

#include "golden/golden.h"
#include "node/testing_node.h"

namespace firn::node {
namespace {

using golden::Command;

OperationKind KindNamed(const std::string& name) {
  for (std::size_t i = 0; i < kOperationKinds; ++i) {
    if (firn::Name(static_cast<OperationKind>(i)) == name) {
      return static_cast<OperationKind>(i);
    }
  }
  ADD_FAILURE() << "no operation " << name;
  return OperationKind::kOpen;
}

std::string DescribeCodes() {
  std::string text;
  for (int i = 0; i <= static_cast<int>(ErrorCode::kClosed); ++i) {
    const auto code = static_cast<ErrorCode>(i);
    text += std::string(firn::Name(code)) + ": " +
            std::to_string(static_cast<int>(ReplyCodeOf(code))) + "\n";
  }
  return text;
}

class Document {
 public:
  std::string Run(const Command& command) {
    if (command.name == "node") {
      node_ = std::make_unique<TestingNode>();
      return "";
    }
    if (command.name == "say") {
      return Say(command);
    }
    if (command.name == "run") {
      node_->scheduler().RunUntilIdle();
      return "";
    }
    if (command.name == "kill") {
      node_->KillAndRestart();
      return "";
    }
    if (command.name == "fail") {
      const bool no_space = command.Get("code") == "no-space";
      node_->files().Plant({.kind = KindNamed(command.words.at(0)),
                            .name_part = command.Get("on"),
                            .for_ever = true,
                            .code = no_space ? ErrorCode::kNoSpace : ErrorCode::kIo});
      return "";
    }
    if (command.name == "heal") {
      node_->files().ClearFaults();
      return "";
    }
    return command.name == "codes" ? DescribeCodes() : "unknown command " + command.name;
  }

 private:
  std::string Say(const Command& command) {
    std::string answers;
    for (const std::string& line : command.input) {
      answers += node_->Say(line) + "\n";
    }
    return answers;
  }

  std::unique_ptr<TestingNode> node_;
};

class NodeGolden : public testing::TestWithParam<const char*> {};

TEST_P(NodeGolden, DoesWhatTheDocumentSays) {
  Document document;
  golden::RunFile(std::string(FIRN_SOURCE_ROOT) + "/" + GetParam(),
                  [&](const Command& command) { return document.Run(command); });
}

INSTANTIATE_TEST_SUITE_P(
    Documents, NodeGolden,
    testing::Values("docs/protocol/node.md", "src/node/testdata/samples.golden",
                    "src/node/testdata/envelope.golden", "src/node/testdata/fields.golden",
                    "src/node/testdata/text.golden", "src/node/testdata/tables.golden",
                    "src/node/testdata/logs.golden", "src/node/testdata/failures.golden"));

}  // namespace
}  // namespace firn::node

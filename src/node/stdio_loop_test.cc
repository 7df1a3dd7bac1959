// SPDX-License-Identifier: Apache-2.0
//
// The loop over real pipes, which are filled before it runs: no thread, no process.
#include "node/stdio_loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/propagate.h"

namespace firn::node {
namespace {

class Pipe {
 public:
  Pipe() { FIRN_CHECK(::pipe2(ends_.data(), O_CLOEXEC) == 0); }
  ~Pipe() {
    CloseRead();
    CloseWrite();
  }
  int read_end() const { return ends_[0]; }
  int write_end() const { return ends_[1]; }
  void CloseRead() { Close(ends_[0]); }
  void CloseWrite() { Close(ends_[1]); }

  void Fill(std::string_view bytes) {
    FIRN_CHECK(::write(write_end(), bytes.data(), bytes.size()) ==
               static_cast<ssize_t>(bytes.size()));
  }
  // Everything until the end; the write end must be closed.
  std::string Drain() {
    std::string all;
    char chunk[4096];
    for (ssize_t got = 1; got > 0;) {
      got = ::read(read_end(), chunk, sizeof chunk);
      all.append(chunk, got > 0 ? static_cast<std::size_t>(got) : 0);
    }
    return all;
  }

 private:
  static void Close(int& end) {
    if (end >= 0) {
      ::close(end);
      end = -1;
    }
  }
  std::array<int, 2> ends_{-1, -1};
};

class StdioLoopTest : public testing::Test {
 protected:
  StdioLoopTest() {
    node_.On("echo", [](const Request& request, JsonWriter& reply) -> Result<void> {
      FIRN_TRY_ASSIGN(const std::string_view text, request.Text("text"));
      reply.Text("text", text);
      return {};
    });
    std::string ignored;
    FIRN_CHECK(node_
                   .Answer(R"({"src":"c","body":{"type":"init","msg_id":0,"node_id":"n",)"
                           R"("node_ids":[]}})",
                           ignored)
                   .has_value());
  }

  Result<void> Run() {
    StdioLoop loop(
        node_,
        {.input = input_.read_end(), .output = output_.write_end(), .stop = stop_.read_end()},
        [this](const std::string& report) { reports_.push_back(report); });
    return loop.Run();
  }
  static std::string Line(const std::string& body) {
    return R"({"src": "c", "dest": "n", "body": )" + body + "}";
  }
  static std::string Echo(const std::string& text) {
    return Line(R"({"type": "echo", "msg_id": 1, "text": ")" + text + "\"}");
  }
  std::string Answers() {
    output_.CloseWrite();
    return output_.Drain();
  }

  Node node_;
  Pipe input_;
  Pipe output_;
  Pipe stop_;
  std::vector<std::string> reports_;
};

TEST_F(StdioLoopTest, AnswersUntilTheInputEndsAlsoALastLineWithoutNewline) {
  input_.Fill(Echo("one") + "\n\n  \t\r\n" + Echo("two") + "\r\n" + Echo("three"));
  input_.CloseWrite();
  ASSERT_TRUE(Run());
  const std::string answers = Answers();
  for (const char* text : {"\"one\"", "\"two\"", "\"three\""}) {
    EXPECT_NE(answers.find(text), std::string::npos) << text;
  }
  EXPECT_TRUE(reports_.empty());
}

TEST_F(StdioLoopTest, ReportsLinesByTheirNumbers) {
  input_.Fill("\nnonsense\n" + Echo("one") + "\n{}\n");
  input_.CloseWrite();
  ASSERT_TRUE(Run());
  ASSERT_EQ(reports_.size(), 2u);
  EXPECT_TRUE(reports_[0].starts_with("line 2: not JSON at byte")) << reports_[0];
  EXPECT_EQ(reports_[1], "line 4: no src to answer to; skipped");
  EXPECT_EQ(std::ranges::count(Answers(), '\n'), 1);
}

TEST_F(StdioLoopTest, EndsWhenToldToWhileItWaitsForInput) {
  node_.On("stop", [this](const Request&, JsonWriter&) -> Result<void> {
    stop_.Fill("x");
    return {};
  });
  input_.Fill(Echo("one") + "\n" + Line(R"({"type": "stop", "msg_id": 2})") + "\n");
  ASSERT_TRUE(Run());  // The input has not ended, but there is nothing in it.
  const std::string answers = Answers();
  EXPECT_NE(answers.find("\"one\""), std::string::npos);
  EXPECT_NE(answers.find("stop_ok"), std::string::npos);
}

TEST_F(StdioLoopTest, EndsWhenToldToAlthoughNobodyReadsTheAnswers) {
  node_.On("stop", [this](const Request&, JsonWriter& reply) -> Result<void> {
    stop_.Fill("x");
    reply.Text("text", std::string(1 << 20, 'x'));  // More than a pipe holds.
    return {};
  });
  input_.Fill(Line(R"({"type": "stop", "msg_id": 1})") + "\n");
  const Result<void> ran = Run();
  ASSERT_FALSE(ran);
  EXPECT_TRUE(ran.error().context.ends_with("bytes of answers that nobody read"))
      << ran.error().context;
}

TEST_F(StdioLoopTest, SaysThatItsOutputFailed) {
  input_.Fill(Echo("one") + "\n");
  output_.CloseRead();
  const auto previous = std::signal(SIGPIPE, SIG_IGN);
  const Result<void> ran = Run();
  std::signal(SIGPIPE, previous);
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, ErrorCode::kIo);
  EXPECT_TRUE(ran.error().context.starts_with("write standard output: "));
}

}  // namespace
}  // namespace firn::node

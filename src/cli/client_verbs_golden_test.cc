// SPDX-License-Identifier: Apache-2.0
//
// The verbs as their users meet them: whole command lines against nodes whose answers stand in the
// file, in protobuf's text format. "firn …" gives what is written and the exit code, "sends …" what
// is asked of the nodes. Input lines: "<Message> <fields>" is an answer, "fails <reason> <leader>
// <text>" a refusal, "in <line>" a line of standard input. A node that has no answer left refuses
// connections.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <sstream>

#include "cli/client_verbs.h"
#include "client/testing_surroundings.h"
#include "golden/golden.h"

namespace firn::cli {
namespace {

namespace proto = google::protobuf;

std::unique_ptr<proto::Message> NewMessage(const std::string& name) {
  const proto::Descriptor* type =
      proto::DescriptorPool::generated_pool()->FindMessageTypeByName("firn.v1." + name);
  if (type == nullptr) {
    return nullptr;
  }
  return std::unique_ptr<proto::Message>(
      proto::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

class Nodes final : public client::Transport {
 public:
  void Send(client::Sending sending, std::function<void(client::Attempt)> done) override {
    const std::string path = sending.path;
    const std::string method = path.substr(path.rfind('/') + 1);
    if (method == "OpenSession") {
      v1::OpenSessionResponse session;
      session.set_session(65536);
      return done(client::Answer(session));
    }
    const auto request = NewMessage(method + "Request");
    EXPECT_TRUE(request != nullptr && request->ParseFromString(sending.request)) << path;
    sent += sending.endpoint + " " + method;
    const std::string fields = request->ShortDebugString();
    sent += fields.empty() ? "\n" : " " + fields + "\n";
    if (script.empty()) {
      client::Attempt refused = client::FailsWith(client::StatusCode::kUnavailable);
      refused.text = "connection refused";
      return done(std::move(refused));
    }
    client::Attempt attempt = std::move(script.front());
    script.pop_front();
    done(std::move(attempt));
  }
  std::unique_ptr<client::ResponseStream> Open(client::Sending sending) override {
    ADD_FAILURE() << "no verb streams: " << sending.path;
    return nullptr;
  }
  void CancelAll() override {}

  std::deque<client::Attempt> script;
  std::string sent;
};

client::Attempt Refusal(std::istringstream& words) {
  std::string reason;
  std::string leader;
  std::string text;
  words >> reason >> leader;
  std::getline(words >> std::ws, text);
  v1::ErrorDetail::Reason parsed = v1::ErrorDetail::REASON_UNSPECIFIED;
  if (!v1::ErrorDetail::Reason_Parse(reason, &parsed)) {
    client::Attempt attempt = client::FailsWith(client::StatusCode::kInvalidArgument);
    attempt.text = text;
    return attempt;
  }
  client::Attempt attempt = client::FailsBecause(parsed, leader == "-" ? "" : leader);
  attempt.text = text;
  return attempt;
}

// What one command was given and gave.
struct Play {
  std::shared_ptr<Nodes> nodes = std::make_shared<Nodes>();
  std::string in;

  void Read(const golden::Command& command) {
    for (const std::string& line : command.input) {
      std::istringstream words(line);
      std::string kind;
      words >> kind;
      std::string rest;
      if (kind == "fails") {
        nodes->script.push_back(Refusal(words));
        continue;
      }
      std::getline(words >> std::ws, rest);
      if (kind == "in") {
        in += rest + "\n";
        continue;
      }
      const auto message = NewMessage(kind);
      ASSERT_NE(message, nullptr) << command.place << ": no message " << kind;
      ASSERT_TRUE(proto::TextFormat::ParseFromString(rest, message.get())) << command.place;
      nodes->script.push_back(client::Answer(*message));
    }
  }

  ClientProgram Program(Streams streams) const {
    return {.streams = streams, .connect = [nodes = nodes](client::ClientOptions options) {
              const auto clock = std::make_shared<ManualClock>();
              return client::Client::Make(std::move(options),
                                          {.transport = nodes,
                                           .alarms = std::make_shared<client::JumpingAlarms>(clock),
                                           .clock = clock,
                                           .seed = 1});
            }};
  }
};

int Parse(const std::vector<std::string>& words, const ClientProgram& program) {
  CLI::App app("", "firn");
  int exit_code = 0;
  AddClientVerbs(app, program, exit_code);
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    std::fprintf(program.streams.err, "%s\n", error.what());
    return kMakesNoSense;
  }
  return exit_code;
}

std::string Perform(const golden::Command& command) {
  Play play;
  play.Read(command);
  char* out = nullptr;
  char* err = nullptr;
  std::size_t out_size = 0;
  std::size_t err_size = 0;
  Streams streams{.in = play.in.empty() ? std::fopen("/dev/null", "r")
                                        : ::fmemopen(play.in.data(), play.in.size(), "r"),
                  .out = ::open_memstream(&out, &out_size),
                  .err = ::open_memstream(&err, &err_size)};
  const int exit_code = Parse(command.words, play.Program(streams));
  std::fclose(streams.in);
  std::fclose(streams.out);
  std::fclose(streams.err);
  std::string text(out, out_size);
  text += std::string(err, err_size);
  std::free(out);
  std::free(err);
  if (exit_code != 0) {
    text += (text.empty() || text.back() == '\n' ? "" : "\n") + std::string("exit code ") +
            std::to_string(exit_code) + "\n";
  }
  return command.name == "sends" ? play.nodes->sent : text;
}

TEST(ClientVerbs, WriteWhatTheirDocumentSays) {
  golden::RunFile(FIRN_SOURCE_ROOT "/docs/protocol/cli.md", Perform);
}

TEST(ClientVerbs, AskAndAnswerAsBefore) {
  golden::RunFile(FIRN_TEST_SOURCE_DIR "/testdata/client_verbs.golden", Perform);
}

}  // namespace
}  // namespace firn::cli

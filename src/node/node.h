// SPDX-License-Identifier: Apache-2.0
//
// A node of the line protocol (docs/protocol/node.md): takes a line, gives the line that answers
// it. What each type of message does is told by handlers; the node itself knows the envelope, the
// numbers of messages, errors, and `init`.
//
//   Node node;
//   node.On("echo", [](const Request& request, JsonWriter& reply) -> Result<void> {
//     FIRN_TRY_ASSIGN(const std::string_view text, request.Text("text"));
//     reply.Text("text", text);
//     return {};
//   });
//   node.Answer(line, out);
//
// Knows no input or output of the process. One thread at a time; blocks as long as its handlers do.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "firn/result.h"
#include "node/json_message.h"
#include "node/json_writer.h"
#include "node/reply_code.h"
#include "node/request.h"

namespace firn::node {

class Node {
 public:
  // Writes the fields of the reply; what it wrote before an error is taken back. Error texts go to
  // the client, error codes through ReplyCodeOf.
  using Handler = std::function<Result<void>(const Request& request, JsonWriter& reply)>;

  // Says what to do with messages of a type that has no handler yet. They wait for `init`.
  void On(std::string type, Handler handler);

  // Appends the answer and a newline to `out`; or nothing and kInvalidArgument when the line cannot
  // be answered.
  Result<void> Answer(std::string_view line, std::string& out);

  // Empty before `init`.
  const std::string& id() const { return id_; }

 private:
  struct Failure {
    ReplyCode code;
    std::string text;
  };

  Result<void> Initialise(const Request& request);
  void Act(const JsonMessage& message, std::string& out);
  void Refuse(const JsonMessage& message, const Failure& failure, std::string& out);
  JsonWriter BeginReply(const JsonMessage& message, std::string& out) const;
  void EndReply(JsonWriter& reply, std::string& out);

  std::map<std::string, Handler, std::less<>> handlers_;
  std::string id_;
  std::uint64_t next_message_id_ = 0;
};

}  // namespace firn::node

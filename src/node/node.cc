// SPDX-License-Identifier: Apache-2.0
#include "node/node.h"

#include <utility>

#include "base/check.h"
#include "base/printable.h"
#include "base/propagate.h"

namespace firn::node {
namespace {

constexpr std::string_view kInit = "init";

}  // namespace

void Node::On(std::string type, Handler handler) {
  const bool is_new = type != kInit && handlers_.emplace(type, std::move(handler)).second;
  FIRN_CHECK(is_new, type);
}

Result<void> Node::Answer(std::string_view line, std::string& out) {
  FIRN_TRY_ASSIGN(const JsonMessage message, ParseMessage(line));
  if (message.fault) {
    Refuse(message, {.code = ReplyCode::kMalformed, .text = *message.fault}, out);
  } else {
    Act(message, out);
  }
  return {};
}

void Node::Act(const JsonMessage& message, std::string& out) {
  const Request request(message.body);
  const Result<std::string_view> type = request.Text("type");
  if (!type) {
    Refuse(message, {.code = ReplyCode::kMalformed, .text = type.error().context}, out);
    return;
  }
  const bool is_init = *type == kInit;
  const auto found = handlers_.find(*type);
  if (!is_init && found == handlers_.end()) {
    Refuse(message,
           {.code = ReplyCode::kNotSupported, .text = "no message of type " + Printable(*type)},
           out);
    return;
  }
  if (!is_init && id_.empty()) {
    Refuse(message,
           {.code = ReplyCode::kTemporarilyUnavailable, .text = "not initialised: send init first"},
           out);
    return;
  }
  const std::size_t start = out.size();
  // Before the reply begins, since it names the node.
  Result<void> done = is_init ? Initialise(request) : Result<void>();
  if (done) {
    JsonWriter reply = BeginReply(message, out);
    reply.Text("type", std::string(*type) + "_ok");
    reply.SignedInteger("in_reply_to", message.id);
    if (!is_init) {
      done = found->second(request, reply);
    }
    if (done) {
      EndReply(reply, out);
      return;
    }
  }
  out.resize(start);
  Refuse(message, {.code = ReplyCodeOf(done.error().code), .text = done.error().context}, out);
}

Result<void> Node::Initialise(const Request& request) {
  FIRN_TRY_ASSIGN(const std::string_view id, request.Text("node_id"));
  FIRN_TRY(request.CheckTexts("node_ids"));
  if (id.empty()) {
    return Error{ErrorCode::kInvalidArgument, "field node_id is empty"};
  }
  if (!id_.empty() && id != id_) {
    return Error{ErrorCode::kInvalidArgument, "already initialised as " + Printable(id_)};
  }
  id_ = id;
  return {};
}

void Node::Refuse(const JsonMessage& message, const Failure& failure, std::string& out) {
  JsonWriter reply = BeginReply(message, out);
  reply.Text("type", "error");
  reply.SignedInteger("in_reply_to", message.id);
  reply.Integer("code", static_cast<std::uint64_t>(failure.code));
  reply.Text("text", failure.text);
  EndReply(reply, out);
}

// A node that has no name yet answers under the one it was called by.
JsonWriter Node::BeginReply(const JsonMessage& message, std::string& out) const {
  JsonWriter reply(out);
  reply.BeginObject();
  reply.Text("src", id_.empty() ? message.destination : id_);
  reply.Text("dest", message.source);
  reply.BeginObject("body");
  return reply;
}

void Node::EndReply(JsonWriter& reply, std::string& out) {
  reply.Integer("msg_id", next_message_id_++);
  reply.EndObject();
  reply.EndObject();
  out += '\n';
}

}  // namespace firn::node

// SPDX-License-Identifier: Apache-2.0
//
// Carries a client's command from the node it came to, to the leader, and the answer back. A
// command that is forwarded is run at most once, even if the network repeats it or delivers it long
// after: it names the term whose leader it is for, and the leader of that term, which is one node
// in one life, remembers what it has taken. No answer within the patience means that the fate is
// unknown.
//
// Belongs to the driver's thread.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "consensus/types.h"
#include "replica/command.h"
#include "replica/peer_message.h"
#include "replica/requests.h"

namespace firn {

// Of a forwarded command, unique for ever.
struct ForwardId {
  std::uint64_t boot = 0;    // Of the sender's life.
  std::uint64_t number = 0;  // Ascending in it.

  friend auto operator<=>(const ForwardId&, const ForwardId&) = default;
};

struct ForwardedCommand {
  ForwardId id;
  Term term;          // Whose leader is asked.
  std::string group;  // The command, as a group of one.

  friend bool operator==(const ForwardedCommand&, const ForwardedCommand&) = default;
};
std::string Encode(const ForwardedCommand& forwarded);
// kCorruption, also when the group has not exactly one command; kUnsupported.
Result<ForwardedCommand> DecodeForwardedCommand(std::string_view bytes);

struct ForwardedReply {
  ForwardId id;
  CommandReply reply;

  friend bool operator==(const ForwardedReply&, const ForwardedReply&) = default;
};
std::string Encode(const ForwardedReply& reply);
Result<ForwardedReply> DecodeForwardedReply(std::string_view bytes);

class Forwarder {
 public:
  using Reply = std::function<void(const CommandReply&)>;
  using Submit = std::function<void(const Command&, Reply)>;
  struct Setup {
    PeerSender& peers;
    std::uint64_t boot = 0;  // DriverConfig::boot.
    Term born{};             // When this life of the node began.
    std::uint64_t patience_ticks = 60;
    std::uint64_t waiting_max = 10'000;  // Commands without an answer yet; more are refused.
  };

  explicit Forwarder(const Setup& setup) : setup_(setup) {}
  ~Forwarder();
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  // To the leader of the term. The command is copied.
  void Send(const Command& command, Term term, NodeId leader, Reply reply);
  // A command for this node: runs it by `submit` if it leads in the term that was meant.
  void Receive(NodeId from, std::string_view bytes, Term leading, const Submit& submit);
  // An answer to this node.
  void ReceiveReply(std::string_view bytes);
  void Tick();

 private:
  struct Waiting {
    Reply reply;
    std::uint64_t ticks = 0;
  };

  // The numbers that were taken of one life of a sender: those below the floor count as taken.
  struct Window {
    std::uint64_t floor = 0;
    std::set<std::uint64_t> taken;
  };

  bool Take(const ForwardId& id);
  bool WasTaken(const ForwardId& id) const;
  std::optional<Fate> FateOfLate(const ForwardId& id, Term term) const;
  void Answer(NodeId to, const ForwardId& id, const CommandReply& reply);

  const Setup setup_;
  std::uint64_t numbers_ = 0;
  std::map<std::uint64_t, Waiting> waiting_;
  // What has come to this node as the leader of a term; kept until it leads in another.
  Term taken_term_;
  std::map<std::uint64_t, Window> windows_;  // By boot.
};

}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
//
// The commands of clients on their way through a leader's log: those that wait for a place in an
// entry, and those whose entries are proposed and not yet applied. Commands that wait together go
// into one entry, so that batches grow with the load and with the slowness of the disk.
//
// Belongs to the driver's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "replica/command.h"
#include "replica/gathering.h"
#include "replica/requests.h"
#include "replica/state_machine.h"

namespace firn {

class Proposals {
 public:
  using Reply = std::function<void(const CommandReply&)>;
  struct Setup {
    std::uint64_t boot = 0;  // Makes proposals unique for ever.
    std::uint64_t group_bytes_max = 0;
    std::uint64_t waiting_bytes_max = 0;  // Of commands; more are refused.
    bool gathers = false;                 // The first of many waits.
  };

  explicit Proposals(const Setup& setup) : setup_(setup), gathering_(setup.gathers) {}

  // The command's views must hold until the reply.
  void Add(const Command& command, Reply reply);
  std::uint64_t waiting_bytes() const { return waiting_bytes_; }
  // Whether a group should be proposed now (gathering.h).
  bool IsGroupDue() const;
  // How many more commands the first group waits for; 0: none.
  std::size_t gathering_count() const;
  void EndGathering() { gathering_.End(); }
  void Tick(std::uint64_t elapsed_ms) { elapsed_ms_ += elapsed_ms; }

  // Gathers what fits into one entry and gives it to `propose`, which says whether it was taken.
  void ProposeGroup(const std::function<bool(std::string)>& propose);
  // An entry was applied: answers those whose commands are in it.
  void Answer(const StateMachine::Applied& applied);
  // Leadership is lost: what was proposed may still be committed by the next leader, what was not
  // is certain.
  void Lose();

 private:
  struct Waiting {
    Command command;
    Reply reply;
    std::uint64_t bytes = 0;
  };

  const Setup setup_;
  Gathering gathering_;
  std::deque<Waiting> waiting_;
  std::uint64_t waiting_bytes_ = 0;
  std::uint64_t elapsed_ms_ = 0;  // Since the last group.
  std::uint64_t groups_ = 0;
  std::map<std::uint64_t, std::vector<Waiting>> proposed_;  // By proposal.
  std::size_t proposed_count_ = 0;                          // Of commands in them.
};

}  // namespace firn

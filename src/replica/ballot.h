// SPDX-License-Identifier: Apache-2.0
//
// The term a node is in, whom it voted for and which of its stores counts (node_directory.h), in
// the file VOTE: two slots written in turn, each with a generation and a checksum, so that a torn
// write leaves the other (docs/format/raft-log.md). A node that forgets a vote can vote twice, so
// every change is synced before anybody hears of it, in every durability mode (Raft §5.2; I-R2).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "consensus/types.h"
#include "firn/result.h"
#include "io/file_system.h"

namespace firn {

inline constexpr std::string_view kBallotFileName = "VOTE";
inline constexpr std::size_t kBallotSlotBytes = 4096;

struct Ballot {
  Term term;
  NodeId vote;  // 0: none.
  std::uint64_t store = 0;

  friend bool operator==(const Ballot&, const Ballot&) = default;
};

struct BallotSlot {
  std::uint64_t generation = 0;
  Ballot ballot;
};

// One slot as it stands on disk, kBallotSlotBytes long.
std::string Encode(const BallotSlot& slot, std::size_t slot_index);
// Nothing when the checksum is wrong; kUnsupported when a newer version wrote it.
Result<std::optional<BallotSlot>> DecodeBallotSlot(std::string_view bytes, std::size_t slot_index);

class BallotFile {
 public:
  // Syncs the file and its name. kAlreadyExists, kIo, kNoSpace.
  static Result<std::unique_ptr<BallotFile>> Create(FileSystem& files, const std::string& directory,
                                                    const Ballot& ballot);
  // kCorruption when no slot is good, or there is no file: its votes are lost. kUnsupported, kIo.
  static Result<std::unique_ptr<BallotFile>> Open(FileSystem& files, const std::string& directory);

  const Ballot& ballot() const { return last_.ballot; }

  // Durable once this returns. Blocks on the disk; one thread at a time. After an error the file
  // must not be used any more.
  Result<void> Write(const Ballot& ballot);

 private:
  BallotFile(std::unique_ptr<SlottedFile> file, const BallotSlot& last)
      : file_(std::move(file)), last_(last) {}

  const std::unique_ptr<SlottedFile> file_;
  BallotSlot last_;
};

}  // namespace firn

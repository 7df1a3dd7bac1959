// SPDX-License-Identifier: Apache-2.0
//
// The layout, and what is summed up, are in docs/protocol/peer.md, "Audits".
#include "replica/auditor.h"

#include <algorithm>
#include <utility>

#include "base/coding.h"
#include "base/hash.h"
#include "base/propagate.h"
#include "replica/identity.h"
#include "storage/engine/database_iterator.h"

namespace firn {
namespace {

// A node that lags by more points than these is compared at later ones.
constexpr std::size_t kPointsMax = 64;

}  // namespace

std::string Encode(const AuditSum& sum) {
  std::string out;
  out.push_back(static_cast<char>(sum.kind));
  PutVarint(out, sum.index.value);
  PutLittle(out, sum.sum);
  return out;
}

Result<AuditSum> DecodeAuditSum(std::string_view bytes) {
  Decoder in(bytes);
  AuditSum sum;
  const auto kind = in.Little<std::uint8_t>();
  sum.index = {in.Varint()};
  sum.sum = in.Little<std::uint64_t>();
  if (!in.ok() || !in.done() || (kind != 1 && kind != 2)) {
    return Error{ErrorCode::kCorruption,
                 "no sum of an audit in " + std::to_string(bytes.size()) + " bytes"};
  }
  sum.kind = static_cast<AuditSum::Kind>(kind);
  return sum;
}

Result<std::uint64_t> HashRows(const Engine& engine, const Snapshot& snapshot) {
  ScanOptions options;
  options.snapshot = &snapshot;
  options.fill_cache = false;  // What clients read stays in it.
  const auto rows = engine.NewSequencedIterator(options);
  std::uint64_t sum = 0;
  for (rows->SeekToFirst(); rows->valid(); rows->Next()) {
    sum = Mix64(sum, Hash64(rows->key()));
    sum = Mix64(sum, Hash64(rows->value()));
    sum = Mix64(sum, rows->sequence().value);
  }
  FIRN_TRY(rows->status());
  return sum;
}

Auditor::Auditor(Setup setup) : setup_(std::move(setup)), hash_(setup_.scheduler, setup_.wake) {}

void Auditor::NoteApplied(const StateMachine& machine) {
  const ReplicaState& state = machine.state();
  if (state.index.value % setup_.history_interval == 0) {
    to_announce_.push_back(
        {.kind = AuditSum::Kind::kHistory, .index = state.index, .sum = state.checksum});
  }
  if (state.index.value % setup_.rows_interval == 0 && !hash_.is_under_way()) {
    hashing_ = state.index;
    hash_.Start(Lane::kTransfer,
                [engine = machine.shared_engine(), snapshot = machine.engine().TakeSnapshot()] {
                  return HashRows(*engine, snapshot);
                });
  }
}

void Auditor::Receive(NodeId from, const AuditSum& sum) {
  sums_[{sum.index, sum.kind}][from] = sum.sum;
  has_news_ = true;
  while (sums_.size() > kPointsMax) {
    sums_.erase(sums_.begin());
  }
}

void Auditor::Announce(const AuditSum& sum, const Membership& membership) {
  Receive(setup_.node, sum);
  for (const std::vector<NodeId>* nodes : {&membership.voters, &membership.learners}) {
    for (const NodeId node : *nodes) {
      if (node != setup_.node) {
        setup_.peers.Send({.kind = PeerMessageKind::kAudit, .to = node, .bytes = Encode(sum)});
      }
    }
  }
}

Result<void> Auditor::Turn(const Membership& membership) {
  if (const std::optional<Result<std::uint64_t>> hash = hash_.Take()) {
    // Rows that cannot be read are reported by whoever asks for them; the rest goes on being
    // served.
    if (*hash) {
      to_announce_.push_back({.kind = AuditSum::Kind::kRows, .index = hashing_, .sum = **hash});
    }
  }
  for (const AuditSum& sum : std::exchange(to_announce_, {})) {
    Announce(sum, membership);
  }
  if (std::exchange(has_news_, false)) {
    for (const auto& [key, sums] : sums_) {
      FIRN_TRY(Compare(key, sums, membership));
    }
  }
  return {};
}

Result<void> Auditor::Compare(const Key& key, const std::map<NodeId, std::uint64_t>& sums,
                              const Membership& membership) const {
  const auto own = sums.find(setup_.node);
  if (own == sums.end()) {
    return {};
  }
  std::map<std::uint64_t, std::size_t> votes;
  std::size_t known = 0;
  for (const NodeId voter : membership.voters) {
    if (const auto sum = sums.find(voter); sum != sums.end()) {
      ++votes[sum->second];
      ++known;
    }
  }
  const std::size_t majority = membership.voters.size() / 2 + 1;
  const auto winner =
      std::ranges::find_if(votes, [&](const auto& vote) { return vote.second >= majority; });
  const bool nobody_can_win = known == membership.voters.size() && winner == votes.end();
  if ((winner == votes.end() || winner->first == own->second) && !nobody_can_win) {
    return {};
  }
  std::string text = std::string("the state of this node has left the others': ") +
                     (key.second == AuditSum::Kind::kRows ? "rows" : "history") + " at index " +
                     std::to_string(key.first.value) + " sum up to";
  for (const auto& [node, sum] : sums) {
    text += (node == sums.begin()->first ? " " : ", ") + FormatId(sum) + " on node " +
            std::to_string(node.value);
  }
  return Error{ErrorCode::kCorruption,
               text + (nobody_can_win ? "; no sum has a majority"
                                      : "; keep the directory for inspection, remove the node and "
                                        "add it anew with an empty one")};
}

}  // namespace firn

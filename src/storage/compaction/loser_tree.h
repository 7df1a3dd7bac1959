// SPDX-License-Identifier: Apache-2.0
//
// A loser tree (Knuth, TAOCP vol. 3, 5.4.1): finds the smallest of k sources and, after that source
// moved on, the next smallest with one comparison for each level of the tree, always against the
// loser of a match, never between siblings as a heap has to.
#pragma once

#include <cstddef>
#include <vector>

namespace firn {

// `Before(a, b)` says whether source a comes before source b; both are indexes below `count`. It
// must be a strict order on the sources' current state in which exhausted ones come last.
template <typename Before>
class LoserTree {
 public:
  LoserTree(std::size_t count, Before before)
      : count_(count), before_(before), losers_(count > 1 ? count : 0) {}

  // After any number of sources changed.
  void Rebuild() {
    if (count_ > 1) {
      winner_ = Play(1);
    }
  }

  // After only the winner changed.
  void Replay() {
    std::size_t winner = winner_;
    for (std::size_t node = (winner + count_) / 2; node > 0; node /= 2) {
      if (before_(losers_[node], winner)) {
        std::swap(losers_[node], winner);
      }
    }
    winner_ = winner;
  }

  std::size_t winner() const { return winner_; }

  // The best of the losers; the winner itself when it is alone. It is one of those that lost to the
  // winner directly, on its way up.
  std::size_t runner_up() const {
    std::size_t best = winner_;
    for (std::size_t node = (winner_ + count_) / 2; node > 0; node /= 2) {
      if (best == winner_ || before_(losers_[node], best)) {
        best = losers_[node];
      }
    }
    return best;
  }

 private:
  // The winner of the matches below `node`; leaves are the nodes from count_ on.
  std::size_t Play(std::size_t node) {
    if (node >= count_) {
      return node - count_;
    }
    std::size_t winner = Play(2 * node);
    std::size_t loser = Play(2 * node + 1);
    if (before_(loser, winner)) {
      std::swap(winner, loser);
    }
    losers_[node] = loser;
    return winner;
  }

  std::size_t count_;
  Before before_;
  std::size_t winner_ = 0;
  std::vector<std::size_t>
      losers_;  // Of each inner node; [0] is none. One source needs no matches.
};

}  // namespace firn

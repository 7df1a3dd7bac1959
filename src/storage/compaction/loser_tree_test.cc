// SPDX-License-Identifier: Apache-2.0
#include "storage/compaction/loser_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"

namespace firn {
namespace {

// Merges random sorted lists of every count and checks winner and runner-up at each step.
TEST(LoserTree, AlwaysNamesTheSmallestAndTheNext) {
  Random random(3);
  for (std::size_t count = 1; count <= 17; ++count) {
    std::vector<std::vector<int>> sources(count);
    std::vector<int> all;
    for (auto& source : sources) {
      for (std::uint64_t n = random.Below(20); n > 0; --n) {
        source.push_back(static_cast<int>(random.Below(50)));
      }
      all.insert(all.end(), source.begin(), source.end());
      std::ranges::sort(source, std::greater());  // The back is the next one.
    }
    std::ranges::sort(all);
    auto before = [&sources](std::size_t a, std::size_t b) {
      if (sources[a].empty() || sources[b].empty()) {
        return !sources[a].empty() && sources[b].empty();
      }
      return sources[a].back() != sources[b].back() ? sources[a].back() < sources[b].back() : a < b;
    };
    LoserTree tree(count, before);
    tree.Rebuild();
    for (std::size_t i = 0; i < all.size(); ++i) {
      auto& winner = sources[tree.winner()];
      ASSERT_EQ(winner.back(), all[i]);
      const std::size_t runner_up = tree.runner_up();
      for (std::size_t other = 0; other < count; ++other) {
        if (other != tree.winner() && other != runner_up) {
          ASSERT_FALSE(before(other, runner_up)) << count;
        }
      }
      ASSERT_TRUE(count == 1 || runner_up != tree.winner());
      winner.pop_back();
      tree.Replay();
    }
    EXPECT_TRUE(sources[tree.winner()].empty());
  }
}

}  // namespace
}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/commit_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>

namespace firn {
namespace {

// Writers on many threads commit into state that nothing but the queue protects.
TEST(CommitQueue, CommitsEveryRequestOnceAndOneGroupAtATime) {
  constexpr int kThreads = 6;
  constexpr std::uint64_t kEach = 100'000;
  CommitQueue queue;
  std::uint64_t committed = 0;  // Unprotected on purpose: ThreadSanitizer looks on.
  std::vector<std::uint64_t> last_of_thread(kThreads, 0);
  std::uint64_t largest_group = 0;
  auto commit = [&](const CommitQueue::Group& group) {
    largest_group = std::max<std::uint64_t>(largest_group, group.size());
    for (CommitRequest* request : group) {
      const std::size_t thread = static_cast<std::size_t>(request->key[0] - 'a');
      ASSERT_EQ(*request->applied_index, last_of_thread[thread] + 1);
      last_of_thread[thread] = *request->applied_index;
      ++committed;
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&queue, &commit, t] {
      const std::string key(1, static_cast<char>('a' + t));
      for (std::uint64_t i = 1; i <= kEach; ++i) {
        CommitRequest request;
        request.key = key;
        request.applied_index = i;
        queue.Commit(request, commit);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(committed, kThreads * kEach);
  EXPECT_LE(largest_group, static_cast<std::uint64_t>(kThreads));
}

TEST(CommitQueue, ALoneWriterCommitsOnItsOwnThread) {
  CommitQueue queue;
  std::thread::id committer;
  CommitRequest request;
  queue.Commit(request, [&](const CommitQueue::Group& group) {
    committer = std::this_thread::get_id();
    EXPECT_EQ(group.size(), 1u);
    group[0]->result = Error{ErrorCode::kClosed, "as told"};
  });
  EXPECT_EQ(committer, std::this_thread::get_id());
  EXPECT_EQ(request.result.error().context, "as told");
}

}  // namespace
}  // namespace firn

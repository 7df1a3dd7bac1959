// SPDX-License-Identifier: Apache-2.0
//
// References to the current View, from many threads while it changes: never an older one than the
// last change that had returned, and none left once the last holder is gone.
#include "storage/engine/view.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/epoch.h"
#include "storage/memtable/chunk_pool.h"

namespace firn {
namespace {

class Lock final : public FileLock {};

std::shared_ptr<View> MakeView() {
  auto view = std::make_shared<View>();
  view->active =
      std::make_shared<Memtable>(std::make_shared<ChunkPool>(1 << 20), std::size_t{1} << 20);
  return view;
}

TEST(CurrentView, ShowsEveryThreadWhatChangedBefore) {
  constexpr std::uint64_t kChanges = 500;
  CurrentView current(MakeView(), std::make_shared<Lock>());
  std::atomic<std::uint64_t> changed{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 20; ++i) {  // More than there are stripes.
    readers.emplace_back([&] {
      std::uint64_t seen = 0;
      while (seen < kChanges) {
        const std::uint64_t before = changed.load(std::memory_order_acquire);
        const ViewHold hold = current.Hold();
        ASSERT_GE(hold.view->oldest_readable.value, std::max(before, seen));
        ASSERT_TRUE(hold.lock);
        seen = hold.view->oldest_readable.value;
        std::this_thread::yield();
      }
    });
  }
  for (std::uint64_t i = 1; i <= kChanges; ++i) {
    current.Change([i](View& view) { view.oldest_readable = {i}; });
    changed.store(i, std::memory_order_release);
    EXPECT_EQ(current.Get()->oldest_readable.value, i);
  }
  for (std::thread& reader : readers) {
    reader.join();
  }
}

TEST(CurrentView, KeepsTheLockForThoseWhoHoldItAlone) {
  auto lock = std::make_shared<Lock>();
  const std::weak_ptr<Lock> watched = lock;
  CurrentView current(MakeView(), std::move(lock));
  ViewHold hold = current.Hold();
  current.Unlock();
  EXPECT_FALSE(watched.expired());
  EXPECT_FALSE(current.Hold().lock);
  hold = {};
  EXPECT_TRUE(watched.expired());
}

TEST(CurrentView, TheLastHolderLeavesTheViewBeforeTheLock) {
  struct LockThatLooks final : FileLock {
    explicit LockThatLooks(std::weak_ptr<View> watched) : view(std::move(watched)) {}
    ~LockThatLooks() override { EXPECT_TRUE(view.expired()); }
    std::weak_ptr<View> view;
  };
  auto first = MakeView();
  auto lock = std::make_shared<LockThatLooks>(first);
  const std::weak_ptr<LockThatLooks> watched = lock;
  CurrentView current(std::move(first), std::move(lock));
  {
    const ViewHold hold = current.Hold();
    current.Change([](View&) {});
    CollectEpochs();
    current.Unlock();
    EXPECT_FALSE(watched.expired());
  }
  EXPECT_TRUE(watched.expired());
}

TEST(CurrentView, KeepsNoViewThatNobodyHolds) {
  auto first = MakeView();
  const std::weak_ptr<View> watched = first;
  CurrentView current(std::move(first), nullptr);
  ViewHold hold = current.Hold();
  EXPECT_FALSE(hold.lock);
  current.Change([](View&) {});
  CollectEpochs();
  EXPECT_FALSE(watched.expired());
  hold = {};
  EXPECT_TRUE(watched.expired());
}

}  // namespace
}  // namespace firn

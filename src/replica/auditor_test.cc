// SPDX-License-Identifier: Apache-2.0
//
// What the hash of all rows sees, and what it must not see. That nodes act upon it is tested where
// there are several, in state_snapshot_test.cc.
#include "replica/auditor.h"

#include <gtest/gtest.h>

#include "engine/test_engine.h"

namespace firn {
namespace {

constexpr int kRows = 400;

std::string KeyOf(int row) { return "key" + std::to_string(row); }

class Store {
 public:
  Store() { engine_.Open(SmallOptions()).value(); }

  TestEngine* operator->() { return &engine_; }

  void Fill() {
    for (int row = 0; row < kRows; ++row) {
      engine_.Put(KeyOf(row), "value" + std::to_string(row)).value();
    }
  }
  std::uint64_t Hash() {
    return HashRows(engine_.engine(), engine_.engine().TakeSnapshot()).value();
  }

 private:
  TestEngine engine_;
};

TEST(HashRows, TellsApartStoresThatDifferInARevisionOnly) {
  Store one;
  one->Put("a", "same").value();
  one->Put("b", "same").value();
  Store other;
  other->Put("b", "same").value();
  other->Put("a", "same").value();
  EXPECT_NE(one.Hash(), other.Hash());
}

TEST(HashRows, SeesKeysAndValues) {
  Store one;
  one->Put("a", "1").value();
  Store other_value;
  other_value->Put("a", "2").value();
  Store other_key;
  other_key->Put("b", "1").value();
  EXPECT_NE(one.Hash(), other_value.Hash());
  EXPECT_NE(one.Hash(), other_key.Hash());
}

// Each node flushes and compacts at moments of its own.
TEST(HashRows, IsTheSameWhateverTheShapeOfTheTree) {
  Store in_memory;
  Store at_the_bottom;
  for (Store* store : {&in_memory, &at_the_bottom}) {
    store->Fill();
    store->Fill();
    (*store)->Delete(KeyOf(7)).value();
    (*store)->Put(KeyOf(8), "newer").value();
  }
  at_the_bottom->engine().Flush().value();
  const std::uint64_t before = at_the_bottom.Hash();
  at_the_bottom->engine().CompactRange({}).value();
  ASSERT_TRUE(at_the_bottom->engine().Levels()[0].tables.empty());
  EXPECT_EQ(at_the_bottom.Hash(), before);
  EXPECT_EQ(at_the_bottom.Hash(), in_memory.Hash());
}

TEST(HashRows, IsOfWhatTheSnapshotSees) {
  Store store;
  store.Fill();
  const Snapshot snapshot = store->engine().TakeSnapshot();
  const std::uint64_t before = store.Hash();
  store->Put(KeyOf(1), "later").value();
  store->engine().CompactRange({}).value();
  EXPECT_EQ(HashRows(store->engine(), snapshot).value(), before);
  EXPECT_NE(store.Hash(), before);
}

}  // namespace
}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
//
// Crashes at every point where the state of the disk changes: before each sync, directory sync,
// deletion, allocation and rename of a script the memory file system is cloned as a kill and as
// power losses would leave it, and the clone is opened, compared with the history (story.h),
// written to, crashed and opened once more. Some of those openings are crashed in the same way
// themselves.
#include <gtest/gtest.h>

#include <cstdio>
#include <set>

#include "engine/scripts.h"
#include "engine/test_run.h"
#include "storage/engine/open.h"

namespace firn {
namespace {

// The deepest crash inside the recovery from a crash inside a recovery.
constexpr int kNestedMax = 3;

struct Crash {
  std::shared_ptr<MemoryFileSystem> files;
  History::Bounds bounds;
  History::Bounds after_power_loss;  // Should the next opening be cut short by one.
  std::string how;
};

class CrashTrial {
 public:
  CrashTrial(const Script& script, WalAppend way, std::uint64_t seed, unsigned scale)
      : script_(script), random_(seed), scale_(scale), story_(MakeOptions(script, way), seed) {}

  void Run() {
    story_.Watch([this](const Operation& operation) { OnOperation(operation); });
    script_.run(story_, scale_);
    story_.Watch(nullptr);
    CrashNow("at the end");
    EXPECT_EQ(story_.wrong(), "");
    for (const Error& error : story_.errors()) {
      ADD_FAILURE() << "without any fault: " << error.Describe();
    }
  }

  std::uint64_t points() const { return points_; }
  std::uint64_t trials() const { return trials_; }

 private:
  static Options MakeOptions(const Script& script, WalAppend way) {
    Options options = SmallOptions();
    options.wal = script.wal;
    options.wal_append = way;
    return options;
  }

  static bool ChangesTheDisk(const Operation& operation) {
    switch (operation.kind) {
      case OperationKind::kSync:
      case OperationKind::kSyncDirectory:
      case OperationKind::kDelete:
      case OperationKind::kAllocate:
      case OperationKind::kRename:
      case OperationKind::kLink: return true;
      default: return false;
    }
  }

  void OnOperation(const Operation& operation) {
    if (ChangesTheDisk(operation)) {
      CrashNow("before " + std::string(Name(operation.kind)) + " of " + operation.path);
    }
  }

  void CrashNow(const std::string& where) {
    if (testing::Test::HasFailure()) {
      return;
    }
    ++points_;
    if (kIsSanitized && !random_.OneIn(3)) {
      return;
    }
    const MemoryFileSystem& files = story_.engine().memory();
    const History::Bounds kill = AfterKill();
    const History::Bounds power = story_.history().AfterPowerLoss();
    Try({files.CloneAfterKill(), kill, power, "kill " + where}, 0);
    for (const unsigned percent : {0u, 50u, 100u}) {
      Try({files.CloneAfterPowerLoss(random_, percent), power, power,
           "power loss with " + std::to_string(percent) + " % " + where},
          0);
    }
    Try({files.CloneAfterPowerLoss(random_), power, power, "power loss " + where}, 0);
  }

  // Without a log a kill takes what a power loss takes.
  History::Bounds AfterKill() const {
    return story_.options().wal ? story_.history().AfterKill() : story_.history().AfterPowerLoss();
  }

  // Opens what the crash left; crashes of that opening are tried too, fewer the deeper it is.
  void Try(const Crash& crash, int depth) {
    SCOPED_TRACE(crash.how);
    if (testing::Test::HasFatalFailure()) {
      return;
    }
    ++trials_;
    TestEngine engine(1 + trials_, crash.files);
    engine.set_manifest_bytes_max(8 << 10);  // As in ManifestRollOver.
    if (depth < kNestedMax && random_.OneIn(depth == 0 ? 20 : 2)) {
      engine.files().SetHook([this, &crash, &engine, depth](const Operation& operation) {
        if (ChangesTheDisk(operation) && random_.OneIn(4)) {
          CrashInside(crash, engine, operation, depth);
        }
      });
    }
    const Result<void> opened = engine.Open(story_.options());
    engine.files().SetHook(nullptr);
    if (!opened) {
      // A crash while the database was being made for the first time may leave none, never damage.
      ADD_FAILURE() << "reopening: " << opened.error().Describe();
      return;
    }
    Examine(engine, crash.bounds);
  }

  void CrashInside(const Crash& crash, TestEngine& engine, const Operation& operation, int depth) {
    const std::string how = crash.how + ", then before " + std::string(Name(operation.kind)) +
                            " of " + operation.path + " while reopening";
    if (random_.OneIn(2)) {
      Try({engine.memory().CloneAfterKill(), crash.bounds, crash.after_power_loss, how}, depth + 1);
    } else {
      Try({engine.memory().CloneAfterPowerLoss(random_), crash.after_power_loss,
           crash.after_power_loss, how},
          depth + 1);
    }
  }

  void Examine(TestEngine& engine, History::Bounds bounds) {
    const std::optional<History::Content> content = Read(engine);
    if (!content) {
      return;
    }
    const auto length = story_.history().PrefixThatGives(*content, bounds);
    ASSERT_TRUE(length.has_value())
        << "the content is that of no prefix of " << bounds.least << " to " << bounds.most
        << " writes; " << content->size() << " keys: " << Explain(*content);
    if (!story_.options().wal) {
      ASSERT_TRUE(story_.history().PrefixThatGives(
          *content, {engine.engine().AppliedIndex(), engine.engine().AppliedIndex()}))
          << "applied index " << engine.engine().AppliedIndex() << ", but the content differs";
    }
    CheckFiles(engine);
    GoOn(engine, *content);
  }

  std::optional<History::Content> Read(TestEngine& engine) {
    Result<History::Content> content = ReadAll(engine.engine());
    EXPECT_TRUE(content.has_value()) << content.error().Describe();
    const Result<void> sound = engine.engine().CheckInvariants();
    EXPECT_TRUE(sound.has_value()) << sound.error().Describe();
    const auto verified = engine.engine().Verify();
    EXPECT_TRUE(verified.has_value()) << verified.error().Describe();
    return content ? std::optional(*std::move(content)) : std::nullopt;
  }

  // Which prefix it would be if the bounds were none, which tells a lost write from a hole.
  std::string Explain(const History::Content& content) const {
    const auto any = story_.history().PrefixThatGives(content, {0, story_.history().begun()});
    return any ? "it is that after " + std::to_string(*any) : "it never was the content";
  }

  // After opening the directory holds what the manifest names and nothing else.
  void CheckFiles(TestEngine& engine) {
    const auto listing = ListDirectory(engine.memory(), kTestDirectory);
    ASSERT_TRUE(listing.has_value());
    std::set<std::string> on_disk;
    for (const TableName& table : listing->tables) {
      on_disk.insert(Describe(table));
    }
    std::set<std::string> live;
    const std::shared_ptr<const View> view = engine.engine().CurrentViewReference();
    for (const auto& added : view->version->Snapshot().added) {
      live.insert(Describe(added.table.name));
    }
    ASSERT_EQ(on_disk, live);
    ASSERT_EQ(listing->manifests.size(), 1u);
  }

  // Writes, works off the background and crashes again: all is still there.
  void GoOn(TestEngine& engine, History::Content content) {
    const std::string again = "written after the crash";
    WriteOptions options;
    if (story_.options().wal) {
      options.durability = Durability::kDisk;
    }
    const Result<void> put = engine.Put(again, "yes", options);
    ASSERT_TRUE(put.has_value()) << put.error().Describe();
    if (random_.OneIn(2)) {
      engine.scheduler().RunUntilIdle();
    }
    if (!story_.options().wal) {
      const auto flushed = engine.engine().Flush();
      ASSERT_TRUE(flushed.has_value()) << flushed.error().Describe();
    }
    content[again] = "yes";
    engine.CrashByPowerLoss(random_);
    const Result<void> opened = engine.Open(story_.options());
    ASSERT_TRUE(opened.has_value()) << "after another crash: " << opened.error().Describe();
    const std::optional<History::Content> now = Read(engine);
    ASSERT_TRUE(now && *now == content) << "a second crash changed the content";
  }

  const Script& script_;
  Random random_;
  const unsigned scale_;
  Story story_;
  std::uint64_t points_ = 0;
  std::uint64_t trials_ = 0;
};

void RunTrial(const Script& script, WalAppend way, std::uint64_t seed, unsigned scale) {
  CrashTrial trial(script, way, seed, scale);
  trial.Run();
  std::printf("%s, %s: %llu crash points, %llu reopenings\n", script.name.c_str(),
              way == WalAppend::kWrite ? "written" : "mapped",
              static_cast<unsigned long long>(trial.points()),
              static_cast<unsigned long long>(trial.trials()));
}

struct CrashCase {
  Script script;
  WalAppend way = WalAppend::kWrite;

  std::string Name() const {
    return script.name + (way == WalAppend::kWrite ? "Written" : "Mapped");
  }
  friend void PrintTo(const CrashCase& crash_case, std::ostream* out) { *out << crash_case.Name(); }
};

std::vector<CrashCase> AllCases() {
  std::vector<CrashCase> cases;
  for (const Script& script : AllScripts()) {
    for (const WalAppend way : {WalAppend::kWrite, WalAppend::kMapped}) {
      if (script.wal || way == WalAppend::kWrite) {
        cases.push_back({script, way});
      }
    }
  }
  return cases;
}

class CrashDuring : public testing::TestWithParam<CrashCase> {};

TEST_P(CrashDuring, LeavesAPrefixOfTheHistoryThatHoldsWhatWasAcknowledged) {
  ForSeeds(1, 2, [](std::uint64_t seed) { RunTrial(GetParam().script, GetParam().way, seed, 1); });
}

INSTANTIATE_TEST_SUITE_P(Scripts, CrashDuring, testing::ValuesIn(AllCases()),
                         [](const auto& test) { return test.param.Name(); });

// The edit of a flush raises the first log segment that is needed. When there was no space for the
// edit, the manifest that replaced the torn one named the raised segment but not the table: a crash
// right then lost what the flush had been for.
TEST(CrashScripts, AnEditThatFoundNoSpaceLeavesNoTraceInTheNextManifest) {
  Options options = SmallOptions();
  options.compact_when_idle = false;
  Story story(options);
  story.Open();
  WriteSome(story, 20, 100, 30);
  story.Sync();
  const History::Content content = ReadAll(story.engine().engine()).value();
  story.engine().files().Plant(
      {.kind = OperationKind::kWrite, .name_part = "MANIFEST", .code = ErrorCode::kNoSpace});
  Random random(1);
  int crashes = 0;
  story.Watch([&](const Operation& operation) {
    if (operation.kind == OperationKind::kSync || operation.kind == OperationKind::kSyncDirectory) {
      TestEngine after(2, story.engine().memory().CloneAfterPowerLoss(random));
      const Result<void> opened = after.Open(story.options());
      ASSERT_TRUE(opened.has_value()) << opened.error().Describe();
      ASSERT_EQ(ReadAll(after.engine()).value(), content) << "before a sync of " << operation.path;
      ++crashes;
    }
  });
  story.Flush();
  EXPECT_EQ(story.errors().size(), 1u);
  story.Advance(std::chrono::seconds(1));
  story.Run();
  story.Watch(nullptr);
  EXPECT_GT(crashes, 6);
  EXPECT_EQ(story.engine().files().faults_hit(), 1u);
  EXPECT_EQ(story.engine().engine().Levels()[0].tables.size(), 1u);
}

TEST(CrashScripts, TheRollOverOfTheManifestIsReached) {
  Story story(SmallOptions());
  ManifestRollOver(story, 1);
  const auto listing = ListDirectory(story.engine().memory(), kTestDirectory);
  ASSERT_EQ(listing.value().manifests.size(), 1u);
  EXPECT_GT(listing.value().manifests[0], ManifestNumber{1});
}

TEST(CrashSoak, LeavesAPrefixOfTheHistoryThatHoldsWhatWasAcknowledged) {
  const std::vector<Script> scripts = AllScripts();
  Soak(1'000, [&](std::uint64_t seed) {
    const WalAppend way = seed % 2 == 0 ? WalAppend::kWrite : WalAppend::kMapped;
    RunTrial(scripts[seed / 2 % scripts.size()], way, seed, 3);
  });
}

}  // namespace
}  // namespace firn

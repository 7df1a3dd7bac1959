// SPDX-License-Identifier: Apache-2.0
//
// kill -9: a child process (kill_child.cc) writes to a database on real files and is killed in the
// midst of it, while it opens or while it closes. What it had begun and what was acknowledged
// stands in memory that outlives it. Then the database must hold, for each of its writers, exactly
// the state after all acknowledged writes or after those and the one that was under way: no lost
// write, no half of a batch, no older value, nothing else.
//
// The directory goes from life to life, with all that the kills leave behind. The checks open it
// read-only half of the time, so that the next child finds the log as the kill left it and may be
// killed again while it recovers. Moments are random and not repeatable, lives and their writes
// are.
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <new>

#include "engine/kill_ledger.h"
#include "engine/test_run.h"
#include "io/posix_file_system.h"
#include "io/temporary_directory.h"

namespace firn {
namespace {

using std::chrono::microseconds;
using std::chrono::nanoseconds;

// A child that shows no progress for so long hangs.
constexpr std::chrono::seconds kPatience{120};
constexpr std::uint64_t kEndless = std::uint64_t{1} << 40;

class ChildProcess {
 public:
  ChildProcess(std::string directory, std::string ledger) {
    std::string program = FIRN_KILL_CHILD;
    char* arguments[] = {program.data(), directory.data(), ledger.data(), nullptr};
    FIRN_CHECK(::posix_spawn(&pid_, program.c_str(), nullptr, nullptr, arguments, environ) == 0,
               program);
    descriptor_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
    FIRN_CHECK(descriptor_ >= 0, pid_);
  }
  ~ChildProcess() {
    Kill();
    static_cast<void>(Wait());
    ::close(descriptor_);
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void Kill() {
    if (!status_) {
      ::kill(pid_, SIGKILL);
    }
  }

  // The status of waitpid(2).
  int Wait() {
    if (!status_) {
      int status = 0;
      FIRN_CHECK(::waitpid(pid_, &status, 0) == pid_);
      status_ = status;
    }
    return *status_;
  }

  // Looks at `reached` every few microseconds until it is true, the child has ended, or `limit` has
  // passed. Returns whether it became true.
  bool WaitUntil(const std::function<bool()>& reached, nanoseconds limit) const {
    const MonotonicClock clock;
    const auto end = clock.Now() + limit;
    while (!reached()) {
      const nanoseconds left = end - clock.Now();
      if (left <= nanoseconds(0) || EndsWithin(std::min<nanoseconds>(left, microseconds(20)))) {
        return reached();
      }
    }
    return true;
  }

 private:
  bool EndsWithin(nanoseconds limit) const {
    pollfd poll = {.fd = descriptor_, .events = POLLIN, .revents = 0};
    const timespec timeout = {.tv_sec = 0, .tv_nsec = limit.count()};
    return ::ppoll(&poll, 1, &timeout, nullptr) > 0;
  }

  pid_t pid_ = 0;
  int descriptor_ = -1;
  std::optional<int> status_;
};

enum class Moment : std::uint8_t { kOpening, kWriting, kClosing, kNever };

struct Tally {
  std::uint64_t lives = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t unacknowledged_kept = 0;  // Writes under way at the kill that were there after it.
  std::uint64_t unacknowledged_lost = 0;
  std::array<std::uint64_t, 4> killed{};  // By Moment; the last did not have to be.
};

class KillTrial {
 public:
  KillTrial(WalAppend way, std::uint64_t seed) : way_(way), random_(seed) {}
  ~KillTrial() {
    if (testing::Test::HasFailure()) {
      KeepEvidence();
    }
  }
  KillTrial(const KillTrial&) = delete;
  KillTrial& operator=(const KillTrial&) = delete;

  void Run(std::uint64_t lives) {
    for (std::uint64_t life = 0; life < lives && !testing::Test::HasFailure(); ++life) {
      SCOPED_TRACE("life " + std::to_string(life));
      if (random_.OneIn(40)) {
        StartAnew();
      }
      LiveOnce();
      if (!testing::Test::HasFailure()) {
        CheckDatabase();
      }
    }
  }

  const Tally& tally() const { return tally_; }

 private:
  std::string Directory() const { return directory_ / "db"; }

  void StartAnew() {
    std::filesystem::remove_all(Directory());
    content_ = {};
  }

  void LiveOnce() {
    const Moment moment = DrawMoment();
    const bool runs_out = moment == Moment::kClosing || moment == Moment::kNever;
    const Ledger& before = *ledger_;
    const nanoseconds opening(before.opening_nanoseconds.load());
    const nanoseconds closing(before.closing_nanoseconds.load());
    new (&*ledger_) Ledger{.plan = {.seed = random_.Next(),
                                    .way = way_,
                                    .writers = 1 + random_.Below(kWritersMax),
                                    .writes = runs_out ? 1 + random_.Below(600) : kEndless}};
    ChildProcess child(Directory(), directory_ / "ledger");
    switch (moment) {
      case Moment::kOpening: WaitWithin(child, Phase::kOpening, opening); break;
      case Moment::kClosing: WaitWithin(child, Phase::kClosing, closing); break;
      case Moment::kWriting: WaitForWrites(child); break;
      case Moment::kNever: WaitForPhase(child, Phase::kClosed); break;
    }
    if (moment != Moment::kNever) {
      child.Kill();
    }
    const int status = child.Wait();
    ASSERT_TRUE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) ||
                (WIFEXITED(status) && WEXITSTATUS(status) == 0 && runs_out))
        << "the child ended by itself, status " << status;
    // A life cut short says nothing of how long these take.
    for (auto [last, known] : {std::pair(&ledger_->opening_nanoseconds, opening),
                               std::pair(&ledger_->closing_nanoseconds, closing)}) {
      if (last->load() == 0) {
        last->store(known.count());
      }
    }
    ++tally_.lives;
    ++tally_.killed[static_cast<std::size_t>(WIFSIGNALED(status) ? moment : Moment::kNever)];
  }

  Moment DrawMoment() {
    const std::uint64_t draw = random_.Below(10);
    return draw < 2   ? Moment::kOpening
           : draw < 7 ? Moment::kWriting
           : draw < 9 ? Moment::kClosing
                      : Moment::kNever;
  }

  void WaitForPhase(ChildProcess& child, Phase phase) {
    EXPECT_TRUE(child.WaitUntil([&] { return ledger_->phase.load() >= phase; }, kPatience))
        << "the child did not come to phase " << static_cast<int>(phase);
  }

  // Until some moment in a phase that took `usual` before.
  void WaitWithin(ChildProcess& child, Phase phase, nanoseconds usual) {
    WaitForPhase(child, phase);
    const std::uint64_t most = static_cast<std::uint64_t>(usual.count()) * 5 / 4 + 100'000;
    const nanoseconds pause(static_cast<std::int64_t>(random_.Below(most)));
    child.WaitUntil([&] { return ledger_->phase.load() > phase; }, pause);
  }

  // Until a number of writes has begun, few as likely as many.
  void WaitForWrites(ChildProcess& child) {
    const std::uint64_t scale = std::uint64_t{1} << random_.Below(13);
    const std::uint64_t target = scale + random_.Below(scale);
    const auto begun = [&] {
      std::uint64_t sum = 0;
      for (const WriterProgress& progress : ledger_->progress) {
        sum += progress.begun.load();
      }
      return sum;
    };
    EXPECT_TRUE(child.WaitUntil([&] { return begun() >= target; }, kPatience))
        << "the child began only " << begun() << " writes of " << target;
  }

  void CheckDatabase() {
    Options options = KillOptions(way_);
    options.read_only = IsKnownToExist() && random_.OneIn(2);
    auto opened = Engine::Open(
        {.files = PosixFileSystem(), .scheduler = MakeThreadScheduler(), .seed = random_.Next()},
        Directory(), options);
    ASSERT_TRUE(opened.has_value()) << opened.error().Describe();
    const std::shared_ptr<Engine> engine = *std::move(opened);
    const Result<History::Content> found = ReadAll(*engine);
    ASSERT_TRUE(found.has_value()) << found.error().Describe();
    std::size_t judged = 0;
    for (std::size_t writer = 0; writer < kWritersMax && !testing::Test::HasFailure(); ++writer) {
      judged += Judge(writer, *found);
    }
    ASSERT_EQ(judged, found->size()) << "keys of no writer";
    CheckGets(*engine, *found);
    const Result<void> sound = engine->CheckInvariants();
    ASSERT_TRUE(sound.has_value()) << sound.error().Describe();
    if (random_.OneIn(4)) {
      const Result<std::uint64_t> verified = engine->Verify();
      ASSERT_TRUE(verified.has_value()) << verified.error().Describe();
    }
    if (random_.OneIn(2)) {  // Else the destructor does it.
      const Result<void> closed = engine->Close();
      ASSERT_TRUE(closed.has_value()) << closed.error().Describe();
    }
  }

  bool IsKnownToExist() const {
    return std::ranges::any_of(content_, [](const auto& content) { return !content.empty(); });
  }

  // Compares what was found of a writer with what it may have left, which becomes the base of the
  // next life. Returns the number of its keys.
  std::size_t Judge(std::size_t writer, const History::Content& found) {
    const WriterProgress& progress = ledger_->progress[writer];
    const std::uint64_t acknowledged = progress.acknowledged.load();
    const std::uint64_t begun = progress.begun.load();
    EXPECT_LE(begun - acknowledged, 1u);
    const WriteScript script(ledger_->plan, writer);
    History::Content& expected = content_[writer];
    for (std::uint64_t number = 1; number <= acknowledged; ++number) {
      Apply(script.Write(number), expected);
    }
    tally_.acknowledged += acknowledged;
    const History::Content mine(found.lower_bound(KeyPrefix(writer)),
                                found.lower_bound(KeyPrefix(writer + 1)));
    if (begun > acknowledged) {
      History::Content with_the_last = expected;
      Apply(script.Write(begun), with_the_last);
      if (mine == with_the_last) {
        expected = mine;
        ++tally_.unacknowledged_kept;
        return mine.size();
      }
      ++tally_.unacknowledged_lost;
    }
    if (mine != expected) {
      ADD_FAILURE() << "writer " << writer << " of seed " << ledger_->plan.seed << ", "
                    << acknowledged << " writes acknowledged, " << begun
                    << " begun: " << Difference(mine, expected);
    }
    return mine.size();
  }

  static void Apply(ScriptedWrite write, History::Content& content) {
    for (History::Operation& operation : write.operations) {
      if (operation.value) {
        content[operation.key] = *std::move(operation.value);
      } else {
        content.erase(operation.key);
      }
    }
  }

  // The first keys that differ. Values start with the seed and the number of their write.
  static std::string Difference(const History::Content& found, const History::Content& expected) {
    const auto show = [](const History::Content& content, const std::string& key) {
      const auto entry = content.find(key);
      return entry == content.end() ? "nothing" : entry->second.substr(0, 40);
    };
    History::Content both = found;
    both.insert(expected.begin(), expected.end());
    std::string text;
    int count = 0;
    for (const auto& [key, value] : both) {
      const std::string here = show(found, key);
      const std::string wanted = show(expected, key);
      if (here != wanted && ++count <= 5) {
        text += key + " is " + here + " want " + wanted + "; ";
      }
    }
    return text + std::to_string(count) + " keys differ";
  }

  // Point reads find what the scans found, and no more.
  void CheckGets(const Engine& engine, const History::Content& found) {
    for (int i = 0; i < 100; ++i) {
      const std::string key =
          KeyPrefix(random_.Below(kWritersMax)) + Story::Key(random_.Below(2'000));
      const auto read = engine.Get(key, {});
      ASSERT_TRUE(read.has_value()) << read.error().Describe();
      const auto entry = found.find(key);
      ASSERT_EQ(read->value.has_value(), entry != found.end()) << key;
      ASSERT_TRUE(entry == found.end() || *read->value == entry->second) << key;
    }
  }

  // Failures here can hardly be repeated: their files are worth keeping.
  void KeepEvidence() {
    const std::string kept = directory_.path() + ".kept";
    std::error_code failed;
    std::filesystem::rename(Directory(), kept, failed);
    std::printf("the database is kept in %s\n", failed ? "no place" : kept.c_str());
  }

  const WalAppend way_;
  Random random_;
  TemporaryDirectory directory_;
  LedgerMapping ledger_{directory_ / "ledger"};
  std::array<History::Content, kWritersMax> content_;  // Of the database, by writer.
  Tally tally_;
};

void RunTrial(WalAppend way, std::uint64_t seed, std::uint64_t lives) {
  KillTrial trial(way, seed);
  trial.Run(lives);
  const Tally& tally = trial.tally();
  std::printf(
      "%s: %llu lives, killed %llu opening, %llu writing, %llu closing, %llu not; %llu writes "
      "acknowledged, of those under way %llu kept, %llu lost\n",
      way == WalAppend::kWrite ? "written" : "mapped", static_cast<unsigned long long>(tally.lives),
      static_cast<unsigned long long>(tally.killed[0]),
      static_cast<unsigned long long>(tally.killed[1]),
      static_cast<unsigned long long>(tally.killed[2]),
      static_cast<unsigned long long>(tally.killed[3]),
      static_cast<unsigned long long>(tally.acknowledged),
      static_cast<unsigned long long>(tally.unacknowledged_kept),
      static_cast<unsigned long long>(tally.unacknowledged_lost));
  EXPECT_GT(tally.acknowledged, 0u);
}

class KilledProcess : public testing::TestWithParam<WalAppend> {};

TEST_P(KilledProcess, LosesNothingThatWasAcknowledged) {
  ForSeeds(1, 1, [](std::uint64_t seed) { RunTrial(GetParam(), seed, 100); });
}

INSTANTIATE_TEST_SUITE_P(Ways, KilledProcess,
                         testing::Values(WalAppend::kWrite, WalAppend::kMapped),
                         [](const auto& test) {
                           return test.param == WalAppend::kWrite ? "Written" : "Mapped";
                         });

TEST(KillSoak, LosesNothingThatWasAcknowledged) {
  Soak(1'000, [](std::uint64_t seed) {
    RunTrial(seed % 2 == 0 ? WalAppend::kWrite : WalAppend::kMapped, seed, 200);
  });
}

}  // namespace
}  // namespace firn

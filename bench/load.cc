// SPDX-License-Identifier: Apache-2.0
#include "load.h"

#include <algorithm>
#include <array>
#include <latch>
#include <vector>

#include "cluster/process_figures.h"
#include "meter.h"

namespace firn::bench {
namespace {

constexpr std::size_t kWriterBytesPerSecond = 2'000'000;
constexpr std::chrono::milliseconds kWriterTick{1};
constexpr std::chrono::milliseconds kSettlingTick{10};
constexpr std::chrono::milliseconds kQuietStretch{
    500};                                  // Firn merges when nobody has written for 250.
constexpr double kQuietCpuSeconds = 0.05;  // The looks themselves take some.
constexpr unsigned kBatchMax = 100;

// What one thread does.
class LoadThread {
 public:
  LoadThread(Stage& stage, const Load& load, unsigned index)
      : stage_(stage),
        engine_(*stage.engine),
        load_(load),
        count_(load.operations * (index + 1) / stage.threads -
               load.operations * index / stage.threads),
        entries_(stage.form),
        numbers_({.order = load.order,
                  .entries = stage.entries,
                  .count = std::max<std::uint64_t>(count_, 1),
                  .index = index,
                  .parts = stage.threads,
                  .seed = load.seed}),
        random_(load.seed * 7919 + index),
        write_(load.seed * 1'000'003 + index * 500'000'003ULL) {}

  void Run() {
    using enum Action;
    switch (load_.action) {
      case kPut: return Repeat([this] { Put(numbers_.Next(), false); });
      case kPutSynced: return Repeat([this] { Put(numbers_.Next(), true); });
      case kDelete: return Repeat([this] { Delete(numbers_.Next()); });
      case kGet: return Repeat([this] { Get(entries_.Key(numbers_.Next())); });
      case kGetMissing: return Repeat([this] { Get(entries_.MissingKey(numbers_.Next())); });
      case kMultiGet: return Repeat([this] { MultiGet(); });
      case kSeek: return Repeat([this] { Scan(numbers_.Next(), load_.each); });
      case kSeekKept: return SeekKept();
      case kSeekBack: return Repeat([this] { ScanBack(numbers_.Next()); });
      case kSweep: return Sweep(false);
      case kSweepBack: return Sweep(true);
      case kMix: return Repeat([this] { OneOfMix(); });
      default: Die("a workload is no loop");
    }
  }

  void AddTo(LoadFigures& all) const {
    all.operations += done_;
    all.reads += reads_;
    all.found += found_;
    all.bytes_written += bytes_written_;
    all.histogram.Merge(histogram_);
    asm volatile("" : : "r"(digest_));  // So that it is computed.
  }

 private:
  // The end of an operation is the beginning of the next.
  template <typename Operation>
  void Repeat(Operation operation) {
    if (!load_.is_timed) {
      for (std::uint64_t i = 0; i < count_; ++i) {
        operation();
      }
    } else {
      const double rate = NanosecondsPerTick();
      std::uint64_t last = Ticks();
      for (std::uint64_t i = 0; i < count_; ++i) {
        operation();
        const std::uint64_t now = Ticks();
        histogram_.Add(std::chrono::nanoseconds(
            static_cast<std::int64_t>(static_cast<double>(now - last) * rate)));
        last = now;
      }
    }
    done_ += load_.action == Action::kMultiGet ? count_ * load_.each : count_;
  }

  void Put(std::uint64_t number, bool sync) {
    const std::string_view key = entries_.Key(number);
    engine_.Put(key, entries_.Value(write_++), sync);
    bytes_written_ += stage_.form.bytes();
  }
  void Delete(std::uint64_t number) {
    const std::string_view key = entries_.Key(number);
    engine_.Delete(key);
    bytes_written_ += key.size();
  }
  void Get(std::string_view key) {
    ++reads_;
    found_ += engine_.Get(key, digest_) ? 1 : 0;
  }
  void MultiGet() {
    const unsigned each = std::min(load_.each, kBatchMax);
    std::array<std::string_view, kBatchMax> keys;
    for (unsigned i = 0; i < each; ++i) {
      keys_[i].assign(entries_.Key(numbers_.Next()));
      keys[i] = keys_[i];
    }
    reads_ += each;
    found_ += engine_.MultiGet({keys.data(), each}, digest_);
  }
  void Scan(std::uint64_t number, std::uint64_t entries) {
    const auto cursor = engine_.NewCursor();
    cursor->Seek(entries_.Key(number));
    cursor->ReadForward(entries, digest_);
  }
  void ScanBack(std::uint64_t number) {
    const auto cursor = engine_.NewCursor();
    cursor->Seek(entries_.Key(number));
    cursor->ReadBack(load_.each, digest_);
  }
  void SeekKept() {
    const auto cursor = engine_.NewCursor();
    Repeat([&] {
      cursor->Seek(entries_.Key(numbers_.Next()));
      cursor->ReadForward(load_.each, digest_);
    });
  }
  void Sweep(bool back) {
    const auto cursor = engine_.NewCursor();
    if (back) {
      cursor->SeekToLast();
      done_ += cursor->ReadBack(kToTheEnd, digest_);
    } else {
      cursor->SeekToFirst();
      done_ += cursor->ReadForward(kToTheEnd, digest_);
    }
  }

  void OneOfMix() {
    const Mix& mix = load_.mix;
    std::uint64_t drawn = random_.Below(100);
    auto is = [&drawn](unsigned share) {
      const bool hit = drawn < share;
      drawn -= share;  // Wraps only after a hit, when nobody looks any more.
      return hit;
    };
    if (is(mix.read)) {
      Get(entries_.Key(Existing()));
    } else if (is(mix.update)) {
      Put(Existing(), false);
    } else if (is(mix.insert)) {
      Put(stage_.numbers.fetch_add(1, std::memory_order_relaxed), false);
    } else if (is(mix.scan)) {
      Scan(Existing(), 1 + random_.Below(load_.each));
    } else {
      const std::uint64_t number = Existing();
      Get(entries_.Key(number));
      Put(number, false);
    }
  }
  std::uint64_t Existing() {
    const std::uint64_t number = numbers_.Next();
    return load_.order != KeyOrder::kLatest
               ? number
               : stage_.numbers.load(std::memory_order_relaxed) - 1 - number;
  }

  Stage& stage_;
  Engine& engine_;
  const Load& load_;
  const std::uint64_t count_;
  EntryMaker entries_;
  KeySequence numbers_;
  Random random_;
  std::uint64_t write_;  // Which value comes next.
  std::array<std::string, kBatchMax> keys_;
  std::uint64_t done_ = 0;
  std::uint64_t reads_ = 0;
  std::uint64_t found_ = 0;
  std::uint64_t bytes_written_ = 0;
  std::uint64_t digest_ = 0;
  Histogram histogram_;
};

}  // namespace

LoadFigures RunLoad(Stage& stage, const Load& load) {
  std::vector<std::unique_ptr<LoadThread>> parts;
  parts.reserve(stage.threads);
  for (unsigned i = 0; i < stage.threads; ++i) {
    parts.push_back(std::make_unique<LoadThread>(stage, load, i));
  }
  std::latch start(stage.threads);
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < stage.threads; ++i) {
    threads.emplace_back([&start, part = parts[i].get()] {
      start.arrive_and_wait();
      part->Run();
    });
  }
  start.arrive_and_wait();
  const auto began = SteadyClock::now();
  parts[0]->Run();
  for (std::thread& thread : threads) {
    thread.join();
  }
  LoadFigures all;
  all.seconds = SecondsSince(began);
  for (const auto& part : parts) {
    part->AddTo(all);
  }
  return all;
}

BackgroundWriter::BackgroundWriter(Stage& stage, std::uint64_t seed)
    : stage_(stage), thread_([this, seed] { Write(seed); }) {}

std::uint64_t BackgroundWriter::Stop() {
  is_over_ = true;
  return bytes_;
}

void BackgroundWriter::Write(std::uint64_t seed) {
  EntryMaker entries(stage_.form);
  Random random(seed);
  const auto start = SteadyClock::now();
  while (!is_over_) {
    const double due = SecondsSince(start) * kWriterBytesPerSecond;
    while (static_cast<double>(bytes_) < due && !is_over_) {
      const std::string_view key = entries.Key(random.Below(stage_.entries));
      stage_.engine->Put(key, entries.Value(random.Next()), false);
      bytes_ += stage_.form.bytes();
    }
    std::this_thread::sleep_for(kWriterTick);
  }
}

SteadyClock::time_point AwaitSettled(Engine& engine) {
  auto quiet_since = SteadyClock::now();
  double cpu_seconds = OwnCpuSeconds();
  while (SteadyClock::now() - quiet_since < kQuietStretch) {
    std::this_thread::sleep_for(kSettlingTick);
    if (engine.IsBusy() || HasBusyThreads() || OwnCpuSeconds() - cpu_seconds > kQuietCpuSeconds) {
      quiet_since = SteadyClock::now();
      cpu_seconds = OwnCpuSeconds();
    }
  }
  return quiet_since;
}

}  // namespace firn::bench

// SPDX-License-Identifier: Apache-2.0
#include "workload.h"

#include <sys/resource.h>

#include <chrono>
#include <filesystem>

#include "base/random.h"

namespace firn::bench {
namespace {

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Rows {
 public:
  Rows(const Setup& setup, const OpenEngine& open, const std::function<void(const Row&)>& report)
      : setup_(setup), open_(open), report_(report) {
    Random random(301);
    bytes_.resize((1 << 20) + setup.value_bytes);
    for (char& byte : bytes_) {
      byte = static_cast<char>(random.Next());
    }
  }

  void Run() {
    Reopen("seq");
    Fill("fillseq", 1, [](std::uint64_t i, Random&) { return i; });
    Reopen("sync");
    Measure("fillsync", setup_.sync_entries, [this] {
      Random random(7);
      for (std::uint64_t i = 0; i < setup_.sync_entries; ++i) {
        engine_->Put(Key(random.Below(setup_.entries)), Value(i), true);
      }
    });
    Reopen("random");
    auto anywhere = [this](std::uint64_t, Random& random) { return random.Below(setup_.entries); };
    Fill("fillrandom", 2, anywhere);
    Fill("overwrite", 3, anywhere);
    Read("");
    Measure("compact", 1, [this] { engine_->CompactAll(); });
    Read(" compacted");
    engine_.reset();
    std::filesystem::remove_all(setup_.engine.directory);
    asm volatile("" : : "r"(sum_));
  }

 private:
  void Reopen(const std::string& name) {
    engine_.reset();
    std::filesystem::remove_all(setup_.engine.directory);
    std::filesystem::create_directories(setup_.engine.directory);
    EngineOptions options = setup_.engine;
    options.directory += "/" + name;
    engine_ = open_(options);
  }

  template <typename Body>
  void Measure(const std::string& name, std::uint64_t operations, Body&& body) {
    const auto start = std::chrono::steady_clock::now();
    const double cpu = CpuSeconds();
    body();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    report_({.name = name,
             .operations = operations,
             .seconds = took.count(),
             .cpu_seconds = CpuSeconds() - cpu});
  }

  template <typename Choose>
  void Fill(const std::string& name, std::uint64_t seed, Choose&& choose) {
    const auto start = std::chrono::steady_clock::now();
    const double cpu = CpuSeconds();
    Measure(name, setup_.entries, [&] {
      Random random(seed);
      for (std::uint64_t i = 0; i < setup_.entries; ++i) {
        engine_->Put(Key(choose(i, random)), Value(i), false);
      }
    });
    engine_->Settle();
    const std::chrono::duration<double> settled = std::chrono::steady_clock::now() - start;
    report_({.name = name + " settled",
             .operations = setup_.entries,
             .seconds = settled.count(),
             .cpu_seconds = CpuSeconds() - cpu});
  }

  void Read(const std::string& suffix) {
    Get("readrandom" + suffix, false);
    Get("readmissing" + suffix, true);
    SeekRandom("seekrandom" + suffix, 0);
    SeekRandom("seekrandom+10" + suffix, 10);
    Sweep("readseq" + suffix, [](Cursor& cursor) { cursor.SeekToFirst(); }, &Cursor::Next);
    Sweep("readreverse" + suffix, [](Cursor& cursor) { cursor.SeekToLast(); }, &Cursor::Prev);
  }

  // Keys of the fills, of which about 6 in 7 are there after two random passes; or keys that fall
  // between them.
  void Get(const std::string& name, bool missing) {
    WarmUp();
    Measure(name, setup_.reads, [&] {
      Random random(4);
      std::string value;
      for (std::uint64_t i = 0; i < setup_.reads; ++i) {
        std::string_view key = Key(random.Below(setup_.entries));
        if (missing) {
          key_[15] = '.';
          key = {key_, sizeof key_};
        }
        if (engine_->Get(key, value)) {
          sum_ += static_cast<unsigned char>(value[0]);
        }
      }
    });
  }

  void SeekRandom(const std::string& name, int nexts) {
    const std::uint64_t seeks = setup_.reads / 2;
    Measure(name, seeks, [&] {
      Random random(5);
      const auto cursor = engine_->NewCursor();
      for (std::uint64_t i = 0; i < seeks; ++i) {
        cursor->Seek(Key(random.Below(setup_.entries)));
        for (int n = 0; n < nexts && cursor->Valid(); ++n) {
          Touch(*cursor);
          cursor->Next();
        }
        if (cursor->Valid()) {
          Touch(*cursor);
        }
      }
    });
  }

  template <typename Start>
  void Sweep(const std::string& name, Start&& start, void (Cursor::*move)()) {
    std::uint64_t entries = 0;
    Row row;
    const auto began = std::chrono::steady_clock::now();
    const double cpu = CpuSeconds();
    const auto cursor = engine_->NewCursor();
    for (start(*cursor); cursor->Valid(); ((*cursor).*move)()) {
      Touch(*cursor);
      ++entries;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    report_({.name = name,
             .operations = entries,
             .seconds = took.count(),
             .cpu_seconds = CpuSeconds() - cpu});
  }

  // Reads every byte of key and value, as any consumer would.
  void Touch(Cursor& cursor) {
    for (std::string_view bytes : {cursor.Key(), cursor.Value()}) {
      std::size_t i = 0;
      for (; i + 8 <= bytes.size(); i += 8) {
        std::uint64_t word;
        __builtin_memcpy(&word, bytes.data() + i, 8);
        sum_ += word;
      }
      for (; i < bytes.size(); ++i) {
        sum_ += static_cast<unsigned char>(bytes[i]);
      }
    }
  }

  // Brings every block into the cache once, for all engines alike.
  void WarmUp() {
    const auto cursor = engine_->NewCursor();
    for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
      sum_ += static_cast<unsigned char>(cursor->Value()[0]);
    }
  }

  std::string_view Key(std::uint64_t number) {
    for (int i = 15; i >= 0; --i, number /= 10) {
      key_[i] = static_cast<char>('0' + number % 10);
    }
    return {key_, sizeof key_};
  }

  std::string_view Value(std::uint64_t i) {
    return {bytes_.data() + (i * 0x9E3779B97F4A7C15 >> 44), setup_.value_bytes};
  }

  const Setup& setup_;
  const OpenEngine& open_;
  const std::function<void(const Row&)>& report_;
  std::unique_ptr<Engine> engine_;
  std::string bytes_;
  char key_[16];
  std::uint64_t sum_ = 0;  // Of what was read; ends up in an asm statement, so that it is computed.
};

}  // namespace

void RunRows(const Setup& setup, const OpenEngine& open,
             const std::function<void(const Row&)>& report) {
  Rows(setup, open, report).Run();
}

}  // namespace firn::bench

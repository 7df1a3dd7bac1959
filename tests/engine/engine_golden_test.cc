// SPDX-License-Identifier: Apache-2.0
//
// The engine's behaviour as documents: testdata/*.golden. The vocabulary:
//
//   open [option=value …]        crash kill | crash power [survive=PERCENT] [seed=N]
//   close                        reopen
//   put KEY VALUE [sync]         del KEY            batch (lines: put K V | del K)
//   get KEY [at=SNAPSHOT]        scan [lower= upper= prefix= reverse= at=]
//   snapshot NAME                release NAME
//   flush  compact [LEVEL]  run  advance MS  sync  verify  checkpoint DIR
//   layout  files  stats NAME…
//   fail KIND [on=NAME_PART] [nth=N] [for-ever=1] [code=no-space]   heal
//   fill PREFIX COUNT BYTES      writes COUNT keys with values of BYTES bytes
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>

#include "base/printable.h"
#include "engine/test_engine.h"
#include "golden/golden.h"
#include "storage/engine/open.h"

namespace firn {
namespace {

using golden::Command;

template <typename T>
std::string Text(const Result<T>& result) {
  return result ? "ok" : result.error().Describe();
}

class EngineDocument {
 public:
  std::string Run(const Command& command) {
    const auto found = verbs_.find(command.name);
    if (found == verbs_.end()) {
      return "unknown command " + command.name;
    }
    std::string output = found->second(command);
    if (engine_.is_open()) {
      const Result<void> sound = engine_.engine().CheckInvariants();
      output += sound ? "" : "\nBROKEN: " + sound.error().Describe();
    }
    return output;
  }

 private:
  using Verb = std::function<std::string(const Command&)>;

  std::string Open(const Command& command) {
    options_ = SmallOptions();
    auto set = [&](const char* name, auto& field) {
      if (command.named.contains(name)) {
        field = static_cast<std::decay_t<decltype(field)>>(std::stoull(command.Get(name)));
      }
    };
    set("memtable", options_.memtable_bytes);
    set("budget", options_.memory_budget_bytes);
    set("wal", options_.wal);
    set("auto", options_.auto_compaction);
    set("idle", options_.compact_when_idle);
    set("bloom", options_.bloom_bits_per_key);
    set("l0", options_.level0_tables_max);
    set("read-only", options_.read_only);
    set("create", options_.create_if_missing);
    set("error-if-exists", options_.error_if_exists);
    if (command.Get("append") == "mapped") {
      options_.wal_append = WalAppend::kMapped;
    }
    return Text(engine_.Open(options_));
  }

  std::string Crash(const Command& command) {
    snapshots_.clear();
    if (command.words.at(0) == "kill") {
      engine_.CrashByKill();
      return "ok";
    }
    Random random(std::stoull(command.Get("seed", "1")));
    engine_.CrashByPowerLoss(random,
                             static_cast<unsigned>(std::stoul(command.Get("survive", "0"))));
    return "ok";
  }

  std::string Batch(const Command& command) {
    WriteBatch batch;
    for (const std::string& line : command.input) {
      std::istringstream words(line);
      std::string verb, key, value;
      words >> verb >> key >> value;
      if (verb == "put") {
        batch.Put(key, value);
      } else {
        batch.Delete(key);
      }
    }
    return Text(engine_.Write(batch));
  }

  std::string GetInMemory(const Command& command) {
    const auto read = engine_.engine().GetInMemory(command.words.at(0));
    if (!read) {
      return read.error().Describe();
    }
    if (!*read) {
      return "needs the disk";
    }
    return (**read).value ? Printable(*(**read).value, 24) : "(absent)";
  }

  std::string Get(const Command& command) {
    const auto at = snapshots_.find(command.Get("at"));
    const ReadOptions options{.snapshot = at == snapshots_.end() ? nullptr : &at->second};
    auto read = engine_.engine().Get(command.words.at(0), options);
    if (!read) {
      return read.error().Describe();
    }
    const int source = read->trace.source;
    const std::string place = source == ReadTrace::kMemtable  ? "memtable"
                              : source == ReadTrace::kNowhere ? "nowhere"
                                                              : "L" + std::to_string(source);
    return (read->value ? Printable(*read->value, 24) : "(absent)") + " from " + place;
  }

  std::string Scan(const Command& command) {
    const auto at = snapshots_.find(command.Get("at"));
    ScanOptions options{.lower = command.Get("lower"),
                        .upper = std::nullopt,
                        .prefix = command.Get("prefix"),
                        .reverse = command.named.contains("reverse"),
                        .snapshot = at == snapshots_.end() ? nullptr : &at->second};
    if (command.named.contains("upper")) {
      options.upper = command.Get("upper");
    }
    ScanRange range(engine_.engine().NewIterator(options), options.reverse);
    std::string text;
    std::size_t count = 0;
    for (auto [key, value] : range) {
      if (++count <= 12) {
        text += Printable(key) + "=" + Printable(value, 16) + " ";
      }
    }
    if (Result<void> status = range.status(); !status) {
      return text + status.error().Describe();
    }
    return text + "(" + std::to_string(count) + ")";
  }

  std::string Fill(const Command& command) {
    const std::size_t bytes = std::stoull(command.words.at(2));
    for (std::uint64_t i = 0; i < std::stoull(command.words.at(1)); ++i) {
      char number[24];
      std::snprintf(number, sizeof number, "%05llu", static_cast<unsigned long long>(i));
      const std::string value = Command(command).Get("value", "v") + number;
      std::string padded =
          value + std::string(bytes > value.size() ? bytes - value.size() : 0, '.');
      if (Result<void> put = engine_.Put(command.words.at(0) + number, padded); !put) {
        return "after " + std::to_string(i) + ": " + put.error().Describe();
      }
    }
    return "ok";
  }

  std::string Compact(const Command& command) {
    auto result = command.words.empty()
                      ? engine_.engine().CompactRange({})
                      : engine_.engine().CompactLevel(std::stoi(command.words[0]));
    if (!result) {
      return result.error().Describe();
    }
    return "merged " + std::to_string(result->tables_merged) + ", wrote " +
           std::to_string(result->tables_written) + ", dropped " +
           std::to_string(result->entries_dropped);
  }

  std::string Files(const Command&) {
    std::string text;
    for (const std::string& name : engine_.memory().List(kTestDirectory).value()) {
      text += name + " ";
    }
    return text;
  }

  std::string Fail(const Command& command) {
    static const std::map<std::string, OperationKind> kKinds = {
        {"open", OperationKind::kOpen},         {"create", OperationKind::kCreate},
        {"allocate", OperationKind::kAllocate}, {"read", OperationKind::kRead},
        {"write", OperationKind::kWrite},       {"commit", OperationKind::kCommit},
        {"sync", OperationKind::kSync},         {"sync-directory", OperationKind::kSyncDirectory},
        {"delete", OperationKind::kDelete}};
    engine_.files().Plant(
        {.kind = kKinds.at(command.words.at(0)),
         .name_part = command.Get("on"),
         .nth = std::stoull(command.Get("nth", "1")),
         .for_ever = command.named.contains("for-ever"),
         .code = command.Get("code") == "no-space" ? ErrorCode::kNoSpace : ErrorCode::kIo});
    return "ok";
  }

  std::string Stats(const Command& command) {
    const std::string all = Describe(engine_.engine().GetStatistics());
    std::istringstream lines(all);
    std::string text;
    for (std::string line; std::getline(lines, line);) {
      for (const std::string& wanted : command.words) {
        text += line.starts_with(wanted + ":") ? line + "\n" : "";
      }
    }
    return text;
  }

  TestEngine engine_;
  Options options_;
  std::map<std::string, Snapshot> snapshots_;
  const std::map<std::string, Verb> verbs_ = {
      {"open", [this](const Command& c) { return Open(c); }},
      {"reopen", [this](const Command&) { return Text(engine_.Open(options_)); }},
      {"close", [this](const Command&) { return Text(engine_.Close()); }},
      {"crash", [this](const Command& c) { return Crash(c); }},
      {"put",
       [this](const Command& c) {
         WriteOptions options;
         if (c.words.size() > 2) {
           options.durability = Durability::kDisk;
         }
         return Text(engine_.Put(c.words.at(0), c.words.at(1), options));
       }},
      {"del", [this](const Command& c) { return Text(engine_.Delete(c.words.at(0))); }},
      {"batch", [this](const Command& c) { return Batch(c); }},
      {"get-in-memory", [this](const Command& c) { return GetInMemory(c); }},
      {"get", [this](const Command& c) { return Get(c); }},
      {"scan", [this](const Command& c) { return Scan(c); }},
      {"fill", [this](const Command& c) { return Fill(c); }},
      {"snapshot",
       [this](const Command& c) {
         snapshots_.insert_or_assign(c.words.at(0), engine_.engine().TakeSnapshot());
         return std::string("ok");
       }},
      {"release",
       [this](const Command& c) {
         snapshots_.erase(c.words.at(0));
         return std::string("ok");
       }},
      {"flush",
       [this](const Command&) {
         auto flushed = engine_.engine().Flush();
         return flushed ? flushed->table.name + " " + std::to_string(flushed->table.entries) +
                              " entries"
                        : flushed.error().Describe();
       }},
      {"compact", [this](const Command& c) { return Compact(c); }},
      {"sync", [this](const Command&) { return Text(engine_.engine().Sync()); }},
      {"run",
       [this](const Command&) {
         engine_.scheduler().RunUntilIdle();
         return std::string("ok");
       }},
      {"advance",
       [this](const Command& c) {
         engine_.scheduler().Advance(std::chrono::milliseconds(std::stoll(c.words.at(0))));
         return std::string("ok");
       }},
      {"verify",
       [this](const Command&) {
         auto verified = engine_.engine().Verify();
         return verified ? "ok" : verified.error().Describe();
       }},
      {"checkpoint",
       [this](const Command& c) { return Text(engine_.engine().Checkpoint(c.words.at(0))); }},
      {"layout",
       [this](const Command&) {
         return Describe(*engine_.engine().CurrentViewReference()->version);
       }},
      {"files", [this](const Command& c) { return Files(c); }},
      {"stats", [this](const Command& c) { return Stats(c); }},
      {"fail", [this](const Command& c) { return Fail(c); }},
      {"heal",
       [this](const Command&) {
         engine_.files().ClearFaults();
         return std::string("ok");
       }},
  };
};

class EngineGolden : public testing::TestWithParam<std::string> {};

TEST_P(EngineGolden, BehavesAsTheDocumentSays) {
  EngineDocument document;
  golden::RunFile(FIRN_TEST_SOURCE_DIR "/testdata/" + GetParam() + ".golden",
                  [&document](const Command& command) { return document.Run(command); });
}

std::vector<std::string> Documents() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(FIRN_TEST_SOURCE_DIR "/testdata")) {
    if (entry.path().extension() == ".golden") {
      names.push_back(entry.path().stem());
    }
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Documents, EngineGolden, testing::ValuesIn(Documents()),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/propagate.h"

namespace firn::bench {
namespace {

constexpr std::size_t kMebibyte = std::size_t{1} << 20;
constexpr std::uint64_t kEntriesMax = 2'000'000'000;  // They are counted with 32 bits.

constexpr const char* kFooter = R"(Examples:
  firn bench --short                        a look in ten minutes: rocksdb and leveldb, one repeat
  firn bench                                all rows, 5 repeats of 5 million entries: hours
  firn bench --family classic --repeats 3 --engines firn,leveldb --entries 1000000
  firn bench --set 5000000x16+100,10000000x20+400 --threads 1,2 --json all.json --html all.html
  firn bench --family daily --minutes 10 --repeats 1 --html sustained.html
  firn bench --larger-than-memory           10 GB in 2 GB of memory; as root, for the cgroup
  firn bench --family sync --threads 2 --add monday.json --json all.json
                                            five more repeats to those of Monday
  firn bench --growth --html growth.html    1, 10 and 50 million entries
  firn bench cluster --help                 clusters, beside etcd

Every family of rows runs in a process of its own, the engines in turn, each with a fresh directory.
The ratio is the median of the better peer over Firn's: above 1, Firn is better. RocksDB and LevelDB
set that bar; LMDB, which is no log-structured tree, stands beside it. After Ctrl-C the tables and
the files asked for hold what had been measured.)";

// "5000000x16+100"
Result<SetForm> ParseSet(const std::string& text) {
  SetForm set;
  const char* at = text.data();
  const char* const end = at + text.size();
  auto number = [&](auto& value, char separator) {
    const auto [next, failed] = std::from_chars(at, end, value);
    at = next;
    if (failed != std::errc() || value == 0) {
      return false;
    }
    return separator == '\0' ? at == end : at != end && *at++ == separator;
  };
  if (!number(set.entries, 'x') || !number(set.key_bytes, '+') || !number(set.value_bytes, '\0') ||
      set.key_bytes < 12 || set.key_bytes > 500 || set.entries > kEntriesMax ||
      set.value_bytes > kMebibyte) {
    return Error{ErrorCode::kInvalidArgument,
                 "set '" + text +
                     "': write ENTRIESxKEY+VALUE, as in 5000000x16+100, with keys of " +
                     "12 to 500 bytes"};
  }
  return set;
}

template <typename Range>
Result<void> CheckNames(const std::vector<std::string>& wanted, const Range& known,
                        const std::string& what) {
  for (const std::string& name : wanted) {
    if (std::ranges::none_of(known, [&](const auto& one) { return one.name == name; })) {
      std::string message = "there is no ";
      message.append(what).append(" '").append(name).append("' here: choose of");
      for (const auto& one : known) {
        message.append(" ").append(one.name);
      }
      return Error{ErrorCode::kInvalidArgument, message};
    }
  }
  return {};
}

template <typename Value>
void SetDefault(const CLI::App& app, const char* option, Value& value, Value wanted) {
  if (app.count(option) == 0) {
    value = std::move(wanted);
  }
}

// What the forms of the benchmark mean, where the user did not say otherwise.
void ApplyForm(const CLI::App& app, BenchOptions& options) {
  std::vector<std::string> engines;
  for (const EngineKind& kind : EngineKinds()) {
    if (kind.sets_the_bar || !options.is_short) {
      engines.push_back(kind.name);
    }
  }
  SetDefault(app, "--engines", options.engines, engines);
  SetDefault(app, "--threads", options.threads, {1});
  if (options.is_short) {
    SetDefault(app, "--repeats", options.repeats, 1);
    SetDefault(app, "--reads", options.reads, std::uint64_t{300'000});
    SetDefault(app, "--syncs", options.syncs, std::uint64_t{1'000});
    SetDefault(app, "--minutes", options.sustained_minutes, 0.15);
  }
  std::vector<std::string> families;
  for (const Family& family : Families()) {
    const bool wanted = options.is_larger_than_memory ? family.larger_than_memory
                        : options.grows               ? family.name == "classic"
                                                      : !family.larger_than_memory;
    if (wanted) {
      families.emplace_back(family.name);
    }
  }
  SetDefault(app, "--family", options.families, families);
}

// A set that fits no memory: limit, cache and memtables shrink with it.
void ApplyLargerThanMemory(const CLI::App& app, BenchOptions& options) {
  constexpr std::uint64_t kEntries = 24'000'000;
  constexpr std::size_t kLimit = std::size_t{2048} * kMebibyte;
  SetForm set{.entries = kEntries, .key_bytes = 20, .value_bytes = 400};
  if (!options.sets.empty()) {
    set.entries = options.sets.front().entries;
  }
  options.sets = {set};
  const double part = std::min(static_cast<double>(set.entries) / kEntries, 1.0);
  auto scaled = [part](std::size_t bytes, std::size_t bytes_min) {
    return std::max(static_cast<std::size_t>(static_cast<double>(bytes) * part), bytes_min);
  };
  options.memory_limit_bytes = scaled(kLimit, 64 * kMebibyte);
  SetDefault(app, "--cache-mib", options.engine.cache_bytes, scaled(kLimit / 4, 8 * kMebibyte));
  SetDefault(app, "--memtable-mib", options.engine.memtable_bytes,
             scaled(64 * kMebibyte, 4 * kMebibyte));
}

// As they are written.
struct RawOptions {
  std::vector<std::string> sets;
  std::uint64_t entries = 0;
  std::size_t cache_mib = EngineOptions().cache_bytes / kMebibyte;
  std::size_t memtable_mib = EngineOptions().memtable_bytes / kMebibyte;
};

void AddRowOptions(CLI::App& app, BenchOptions& options, RawOptions& raw) {
  app.add_flag("--short", options.is_short, "One repeat of 1 million entries, without LMDB");
  app.add_option("--engines", options.engines, "Which, in which order")->delimiter(',');
  app.add_option("--family", options.families,
                 "Which rows: sync, classic, rocksdb, ycsb, ycsb-1k, daily, open")
      ->delimiter(',');
  app.add_option("--entries", raw.entries, "Entries of a set of 16 B keys and 100 B values")
      ->check(CLI::Range(std::uint64_t{100}, kEntriesMax));
  app.add_option("--set", raw.sets, "ENTRIESxKEY+VALUE, several with commas")->delimiter(',');
  app.add_option("--threads", options.threads, "Of the load; several with commas")
      ->delimiter(',')
      ->check(CLI::Range(1, 64));
  app.add_option("--repeats", options.repeats, "How often")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  app.add_option("--add", options.add, "JSON of earlier runs of the same code: they count as well")
      ->delimiter(',');
  app.add_option("--reads", options.reads, "Point reads in a row; others in proportion")
      ->check(CLI::Range(std::uint64_t{100}, kEntriesMax))
      ->capture_default_str();
  app.add_option("--syncs", options.syncs, "Puts of the row fillsync")
      ->check(CLI::Range(std::uint64_t{10}, std::uint64_t{10'000'000}))
      ->capture_default_str();
  app.add_option("--minutes", options.sustained_minutes, "Of the row sustained overwrite")
      ->check(CLI::Range(0.01, 1000.0))
      ->capture_default_str();
  app.add_flag("--growth", options.grows, "The classic rows at 1, 10 and 50 million entries");
  app.add_flag("--larger-than-memory", options.is_larger_than_memory,
               "10 GB in a cgroup of 2 GB; --entries scales all of it down");
}

void AddEngineOptions(CLI::App& app, BenchOptions& options, RawOptions& raw) {
  app.add_option("--cache-mib", raw.cache_mib, "Of each engine, besides memtables")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--memtable-mib", raw.memtable_mib, "Of each engine")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--bloom-bits", options.engine.bloom_bits_per_key, "For each key")
      ->check(CLI::Range(1, 32))
      ->capture_default_str();
  app.add_flag("--compress", options.engine.compress,
               "Compress tables: LZ4, LevelDB Snappy; values shrink to a half");
  app.add_option("--seed", options.seed, "Of all that is random")->capture_default_str();
}

void AddFileOptions(CLI::App& app, BenchOptions& options) {
  app.add_option("--data", options.data, "Where, on a disk; in /var/tmp without it");
  app.add_option("--json", options.json, "Write all figures of all runs to this file");
  app.add_option("--html", options.html, "Write a report with plots to this file");
  app.add_option("--markdown", options.markdown, "Write the tables of docs/performance.md");
  app.add_option("--job", options.job)->group("");
  app.add_option("--job-directory", options.job_directory)->group("");
}

Result<void> Complete(const CLI::App& app, const RawOptions& raw, BenchOptions& options) {
  options.engine.cache_bytes = raw.cache_mib * kMebibyte;
  options.engine.memtable_bytes = raw.memtable_mib * kMebibyte;
  ApplyForm(app, options);
  FIRN_TRY(CheckNames(options.engines, EngineKinds(), "engine"));
  FIRN_TRY(CheckNames(options.families, Families(), "family"));
  if (raw.entries > 0) {
    options.sets = {{.entries = raw.entries}};
  }
  for (const std::string& text : raw.sets) {
    FIRN_TRY_ASSIGN(const SetForm set, ParseSet(text));
    options.sets.push_back(set);
  }
  if (options.is_larger_than_memory) {
    ApplyLargerThanMemory(app, options);
  } else if (options.sets.empty() && options.grows) {
    options.sets = {{.entries = 1'000'000}, {.entries = 10'000'000}, {.entries = 50'000'000}};
    SetDefault(app, "--cache-mib", options.engine.cache_bytes, 9216 * kMebibyte);
  } else if (options.sets.empty()) {
    options.sets = {{.entries = options.is_short ? 1'000'000U : 5'000'000U}};
  }
  if (std::isnan(options.sustained_minutes)) {
    return Error{ErrorCode::kInvalidArgument, "--minutes: write a number"};
  }
  if (options.repeats == 0 && options.add.empty()) {
    return Error{ErrorCode::kInvalidArgument, "--repeats 0 measures nothing: it goes with --add"};
  }
  if (options.engine.cache_bytes < options.engine.memtable_bytes) {
    return Error{ErrorCode::kInvalidArgument, "the cache must be as large as a memtable"};
  }
  return {};
}

}  // namespace

std::string SetForm::Name() const {
  return std::to_string(entries) + "x" + std::to_string(key_bytes) + "+" +
         std::to_string(value_bytes);
}

Result<ParsedBenchOptions> ParseBenchOptions(const std::vector<std::string>& arguments) {
  ParsedBenchOptions parsed;
  BenchOptions& options = parsed.options;
  RawOptions raw;
  CLI::App app{"Runs Firn and its peers on the same rows, in turn, and compares them."};
  app.name("firn bench");
  app.footer(kFooter);
  app.get_formatter()->column_width(30);
  AddRowOptions(app, options, raw);
  AddEngineOptions(app, options, raw);
  AddFileOptions(app, options);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    parsed.help = app.help();
    return parsed;
  } catch (const CLI::ParseError& error) {
    return Error{ErrorCode::kInvalidArgument, error.what()};
  }
  FIRN_TRY(Complete(app, raw, options));
  return parsed;
}

std::vector<PlannedJob> PlanJobs(const BenchOptions& options) {
  std::vector<PlannedJob> jobs;
  auto plan = [&](const SetForm& set, unsigned threads, const Family& family, int repeat) {
    for (const std::string& engine : options.engines) {
      const auto kind = std::ranges::find(EngineKinds(), engine, &EngineKind::name);
      PlannedJob planned{.repeat = repeat, .set = set.Name()};
      Job& job = planned.job;
      job.engine = &*kind;
      job.family = &family;
      job.form = {.key_bytes = set.key_bytes,
                  .value_bytes = family.value_bytes > 0 ? family.value_bytes : set.value_bytes,
                  .scattered = family.scattered};
      job.entries = std::max<std::uint64_t>(
          static_cast<std::uint64_t>(static_cast<double>(set.entries) * family.entries_share), 10);
      job.reads = options.reads;
      job.syncs = options.syncs;
      job.threads = threads;
      job.options = options.engine;
      job.seed = options.seed + static_cast<std::uint64_t>(repeat) * 100;
      job.sustained_seconds = options.sustained_minutes * 60;
      jobs.push_back(std::move(planned));
    }
  };
  for (int repeat = 1; repeat <= options.repeats; ++repeat) {
    for (const SetForm& set : options.sets) {
      for (const unsigned threads : options.threads) {
        for (const Family& family : Families()) {
          if (std::ranges::find(options.families, family.name) == options.families.end()) {
            continue;
          }
          for (int turn = 0; turn < family.turns; ++turn) {
            plan(set, threads, family, repeat);
          }
        }
      }
    }
  }
  return jobs;
}

}  // namespace firn::bench

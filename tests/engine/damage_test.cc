// SPDX-License-Identifier: Apache-2.0
//
// Damage to files at rest: bits flipped, files cut short, doubled, emptied, zeroed in places, lost
// or under another's name. Whatever was done to a file, what is read afterwards is right, or is an
// error that names the file. One thing more is allowed, and only to the log: the end of the history
// may be missing where nothing intact says that it had been synced.
//
// Half of the openings may write. Some of those go on: they compact what can be compacted, close
// and open again, so that damage is not laundered by the background; where opening was refused, the
// file is restored to see that the refusal destroyed nothing.
#include <gtest/gtest.h>

#include <cstdio>
#include <functional>

#include "engine/damage_specimen.h"
#include "engine/test_run.h"

namespace firn {
namespace {

struct Damage {
  std::string what;
  std::vector<std::string> files;  // Those touched: an error must name one of them.
  std::function<void(MemoryFileSystem&)> apply;

  bool Touches(std::string_view part) const {
    return std::ranges::any_of(files,
                               [&](const auto& name) { return name.find(part) != name.npos; });
  }
};

struct Tally {
  std::uint64_t trials = 0;
  std::uint64_t right = 0;
  std::uint64_t shorter = 0;     // A prefix of the history.
  std::uint64_t refused = 0;     // Opening failed.
  std::uint64_t unreadable = 0;  // Some reads failed.
};

class DamageTrial {
 public:
  DamageTrial(const SpecimenKind& kind, std::uint64_t seed) : specimen_(kind), random_(seed) {
    for (const Error& error : specimen_.errors()) {
      ADD_FAILURE() << "without damage: " << error.Describe();
    }
  }

  const Specimen& specimen() const { return specimen_; }
  Random& random() { return random_; }
  const Tally& tally() const { return tally_; }

  void Try(const Damage& damage) {
    if (testing::Test::HasFailure() || (kIsSanitized && !random_.OneIn(8))) {
      return;
    }
    SCOPED_TRACE(damage.what);
    ++tally_.trials;
    const std::shared_ptr<MemoryFileSystem> files = specimen_.files().CloneAfterKill();
    damage.apply(*files);
    least_ = damage.Touches(".wal") ? specimen_.LeastWrites(*files) : specimen_.history().begun();
    Options options = specimen_.options();
    options.read_only = random_.OneIn(2);
    options.auto_compaction = true;
    TestEngine engine(random_.Next(), files);
    const Result<void> opened = engine.Open(options);
    if (!opened) {
      ++tally_.refused;
      ExpectNames(damage, opened.error());
      if (!options.read_only && random_.OneIn(8)) {
        ExpectNothingDestroyed(damage, *files);
      }
      return;
    }
    History::Content expected = Settle(engine, damage);
    Examine(engine, damage, expected);
    if (!options.read_only && random_.OneIn(8)) {
      GoOn(engine, damage, std::move(expected));
    }
  }

 private:
  void ExpectNames(const Damage& damage, const Error& error) {
    const bool names_it = std::ranges::any_of(
        damage.files, [&](const auto& name) { return error.context.find(name) != name.npos; });
    EXPECT_TRUE(names_it && (error.code == ErrorCode::kCorruption || error.code == ErrorCode::kIo))
        << error.Describe();
  }

  void ExpectNothingDestroyed(const Damage& damage, MemoryFileSystem& files) {
    for (const std::string& name : damage.files) {
      if (specimen_.bytes().contains(name)) {
        files.SetContent(Specimen::PathOf(name), specimen_.bytes().at(name));
      } else {
        static_cast<void>(files.Delete(Specimen::PathOf(name)));
      }
    }
    TestEngine engine(random_.Next(), files.CloneAfterKill());
    const Result<void> opened = engine.Open(specimen_.options());
    ASSERT_TRUE(opened.has_value()) << "restored: " << opened.error().Describe();
    const Result<History::Content> content = ReadAll(engine.engine());
    ASSERT_TRUE(content.has_value()) << "restored: " << content.error().Describe();
    EXPECT_TRUE(*content == specimen_.content()) << "a refused opening has destroyed something";
  }

  // What must be read from now on: everything, or, after damage to the log, the prefix of the
  // history that is there.
  History::Content Settle(TestEngine& engine, const Damage& damage) {
    if (!damage.Touches(".wal")) {
      return specimen_.content();
    }
    Result<History::Content> content = ReadAll(engine.engine());
    if (!content) {
      ADD_FAILURE() << "damage to the log, but " << content.error().Describe();
      return specimen_.content();
    }
    if (*content != specimen_.content()) {
      ++tally_.shorter;
      const std::size_t all = specimen_.history().begun();
      const auto length = specimen_.history().PrefixThatGives(*content, {least_, all});
      const auto any = specimen_.history().PrefixThatGives(*content, {0, all});
      EXPECT_TRUE(length.has_value())
          << "of " << all << " writes " << least_ << " were known to be synced, "
          << (any ? std::to_string(*any) + " are left" : "what is left was never the content");
    }
    return *std::move(content);
  }

  void Examine(TestEngine& engine, const Damage& damage, const History::Content& expected) {
    bool all_read = CheckGets(engine, damage, expected);
    all_read = CheckScan(engine, damage, expected) && all_read;
    all_read = CheckReverseScan(engine, damage, expected) && all_read;
    tally_.right += all_read && expected == specimen_.content() ? 1 : 0;
    tally_.unreadable += all_read ? 0 : 1;
    const Result<std::uint64_t> verified = engine.engine().Verify();
    if (!verified) {
      ExpectNames(damage, verified.error());
    }
    EXPECT_EQ(verified.has_value(), !ReachesTables(damage)) << "what Verify says";
  }

  // Whether a live table differs from what it was.
  bool ReachesTables(const Damage& damage) const {
    return std::ranges::any_of(damage.files, [&](const std::string& name) {
      return ParseTableName(name) && specimen_.bytes().contains(name);
    });
  }

  // The checks of reads return whether there was no error.
  bool CheckGets(TestEngine& engine, const Damage& damage, const History::Content& expected) {
    bool all_read = true;
    for (const std::string& key : specimen_.keys()) {
      const auto read = engine.Get(key);
      const auto entry = expected.find(key);
      if (!read) {
        all_read = false;
        ExpectNames(damage, read.error());
      } else if (read->has_value() != (entry != expected.end()) ||
                 (*read && **read != entry->second)) {
        ADD_FAILURE() << key << " is " << read->value_or("absent") << " want "
                      << (entry == expected.end() ? "nothing" : entry->second);
      }
    }
    return all_read;
  }

  // Up to an error, a scan shows every entry there is.
  bool CheckScan(TestEngine& engine, const Damage& damage, const History::Content& expected) {
    Iterator iterator = engine.engine().NewIterator({});
    auto entry = expected.begin();
    for (iterator.SeekToFirst(); iterator.valid(); iterator.Next(), ++entry) {
      if (entry == expected.end() || iterator.key() != entry->first ||
          iterator.value() != entry->second) {
        ADD_FAILURE() << "a scan shows " << iterator.key() << " = " << iterator.value();
        return false;
      }
    }
    return CheckEnd(iterator, damage, entry == expected.end());
  }

  bool CheckReverseScan(TestEngine& engine, const Damage& damage,
                        const History::Content& expected) {
    Iterator iterator = engine.engine().NewIterator({});
    auto entry = expected.rbegin();
    for (iterator.SeekToLast(); iterator.valid(); iterator.Prev(), ++entry) {
      if (entry == expected.rend() || iterator.key() != entry->first ||
          iterator.value() != entry->second) {
        ADD_FAILURE() << "a scan backwards shows " << iterator.key() << " = " << iterator.value();
        return false;
      }
    }
    return CheckEnd(iterator, damage, entry == expected.rend());
  }

  bool CheckEnd(const Iterator& iterator, const Damage& damage, bool everything_seen) {
    if (const Result<void> status = iterator.status(); !status) {
      ExpectNames(damage, status.error());
      return false;
    }
    EXPECT_TRUE(everything_seen) << "a scan ends early without an error";
    return true;
  }

  // Neither background work nor another opening turns what is wrong into something that looks
  // right, nor what is right into something wrong.
  void GoOn(TestEngine& engine, const Damage& damage, History::Content expected) {
    const std::string key = specimen_.keys().front();
    if (engine.Put(key, "written later", {.durability = Durability::kDisk, .applied_index = {}})) {
      expected[key] = "written later";
    }
    engine.scheduler().RunUntilIdle();
    static_cast<void>(engine.engine().CompactRange({}));
    CheckAgain(engine, damage, expected);
    if (const Result<void> closed = engine.Close(); !closed) {
      ExpectNames(damage, closed.error());
    }
    const Result<void> opened = engine.Open(specimen_.options());
    if (opened) {
      CheckAgain(engine, damage, expected);
    } else {
      ADD_FAILURE() << "opened once, but not again: " << opened.error().Describe();
    }
  }

  void CheckAgain(TestEngine& engine, const Damage& damage, const History::Content& expected) {
    CheckGets(engine, damage, expected);
    CheckScan(engine, damage, expected);
    CheckReverseScan(engine, damage, expected);
    const Result<void> sound = engine.engine().CheckInvariants();
    EXPECT_TRUE(sound.has_value()) << sound.error().Describe();
  }

  const Specimen specimen_;
  Random random_;
  Tally tally_;
  std::size_t least_ = 0;  // Writes that the damaged log must give.
};

// Kinds of damage.

void WriteInto(MemoryFileSystem& files, const std::string& name, std::uint64_t offset,
               std::string_view bytes) {
  const auto file = files.OpenSlotted(Specimen::PathOf(name)).value();
  file->Write(offset, bytes).value();
  file->Sync().value();
}

Damage FlipBit(const Specimen& specimen, const std::string& name, std::size_t offset,
               unsigned bit) {
  const auto flipped = static_cast<char>(specimen.bytes().at(name)[offset] ^ (1 << bit));
  return {.what = "bit " + std::to_string(bit) + " of byte " + std::to_string(offset) + " of " +
                  name + " flipped",
          .files = {name},
          .apply = [=](MemoryFileSystem& files) {
            WriteInto(files, name, offset, std::string_view(&flipped, 1));
          }};
}

Damage ZeroSector(const std::string& name, std::size_t offset, std::size_t bytes) {
  return {
      .what = std::to_string(bytes) + " bytes of " + name + " zeroed @" + std::to_string(offset),
      .files = {name},
      .apply = [=](MemoryFileSystem& files) {
        WriteInto(files, name, offset, std::string(bytes, '\0'));
      }};
}

// Puts other bytes in the place of a file.
Damage Replace(std::string what, const std::string& name, std::string bytes) {
  return {
      .what = name + " " + std::move(what), .files = {name}, .apply = [=](MemoryFileSystem& files) {
        files.SetContent(Specimen::PathOf(name), bytes);
      }};
}

Damage Truncate(const Specimen& specimen, const std::string& name, std::size_t length) {
  return Replace("cut to " + std::to_string(length) + " bytes", name,
                 specimen.bytes().at(name).substr(0, length));
}

Damage Lose(const std::string& name) {
  return {.what = name + " lost", .files = {name}, .apply = [=](MemoryFileSystem& files) {
            files.Delete(Specimen::PathOf(name)).value();
          }};
}

Damage Swap(const Specimen& specimen, const std::string& a, const std::string& b) {
  return {.what = a + " and " + b + " exchanged",
          .files = {a, b},
          .apply = [a, b, bytes = &specimen.bytes()](MemoryFileSystem& files) {
            files.SetContent(Specimen::PathOf(a), bytes->at(b));
            files.SetContent(Specimen::PathOf(b), bytes->at(a));
          }};
}

Damage Rename(const Specimen& specimen, const std::string& from, const std::string& to) {
  return {.what = from + " renamed to " + to,
          .files = {from, to},
          .apply = [from, to, bytes = &specimen.bytes()](MemoryFileSystem& files) {
            files.SetContent(Specimen::PathOf(to), bytes->at(from));
            files.Delete(Specimen::PathOf(from)).value();
          }};
}

bool IsLog(const std::string& name) { return name.ends_with(".wal"); }

std::vector<SpecimenKind> AllKinds() {
  return {{WalAppend::kWrite, false},
          {WalAppend::kWrite, true},
          {WalAppend::kMapped, false},
          {WalAppend::kMapped, true}};
}

// Bytes that no checksum covers, and every byte of tables, are dealt out among the specimens, which
// are alike: together they try all.
std::size_t ShareOf(const SpecimenKind& kind) {
  return (kind.way == WalAppend::kWrite ? 0u : 2u) + (kind.closed ? 1u : 0u);
}

// Every byte of the segment's header once, then most often bytes of records.
std::size_t DrawLogOffset(DamageTrial& trial, const std::string& name, std::size_t turn) {
  const std::size_t used = trial.specimen().UsedBytes(name);
  if (turn < wal::kSegmentHeaderBytes) {
    return turn;
  }
  if (turn % 10 == 0 || used <= wal::kFirstRecord) {
    return trial.random().Below(trial.specimen().bytes().at(name).size());
  }
  return wal::kFirstRecord + trial.random().Below(used - wal::kFirstRecord);
}

void FlipBits(DamageTrial& trial, std::size_t share) {
  const auto flip = [&trial](const std::string& name, std::size_t offset) {
    const auto bit = static_cast<unsigned>(trial.random().Below(8));
    trial.Try(FlipBit(trial.specimen(), name, offset, bit));
  };
  for (const auto& [name, bytes] : trial.specimen().bytes()) {
    if (IsLog(name)) {
      for (std::size_t turn = 0; turn < 400; ++turn) {
        flip(name, DrawLogOffset(trial, name, turn));
      }
      continue;
    }
    const bool all = name.starts_with("MANIFEST");
    for (std::size_t offset = 0; offset < bytes.size(); ++offset) {
      if (all || offset % 4 == share || (name == kSuperFileName && bytes[offset] != 0)) {
        flip(name, offset);
      }
    }
  }
}

void LoseSectors(DamageTrial& trial) {
  constexpr std::size_t kSector = 512;
  for (const auto& [name, bytes] : trial.specimen().bytes()) {
    const std::size_t used = trial.specimen().UsedBytes(name);
    for (std::size_t offset = 0; offset < used; offset += kSector) {
      const std::size_t length = std::min(kSector, bytes.size() - offset);
      if (bytes.find_first_not_of('\0', offset) < offset + length) {
        trial.Try(ZeroSector(name, offset, length));
      }
    }
  }
}

void CutShort(DamageTrial& trial, std::size_t share) {
  Random& random = trial.random();
  for (const auto& [name, bytes] : trial.specimen().bytes()) {
    if (IsLog(name)) {
      for (int i = 0; i < 60; ++i) {
        const std::size_t range = i % 6 == 0 ? bytes.size() : trial.specimen().UsedBytes(name);
        trial.Try(Truncate(trial.specimen(), name, random.Below(std::max<std::size_t>(range, 1))));
      }
      continue;
    }
    const bool all = name.starts_with("MANIFEST");
    for (std::size_t length = all ? 0 : share; length < bytes.size(); length += all ? 1 : 4) {
      trial.Try(Truncate(trial.specimen(), name, length));
    }
  }
}

void MixUp(DamageTrial& trial) {
  const Specimen& specimen = trial.specimen();
  for (const char* part : {".sst", ".wal"}) {
    const std::vector<std::string> names = specimen.NamesWith(part);
    ASSERT_GE(names.size(), 2u) << part;
    for (const std::string& a : names) {
      for (const std::string& b : names) {
        if (a < b) {
          trial.Try(Swap(specimen, a, b));
        }
        if (a != b) {
          trial.Try(Replace("holding what is in " + b, a, specimen.bytes().at(b)));
        }
      }
    }
  }
  for (const std::string& name : specimen.NamesWith(".sst")) {
    trial.Try(Rename(specimen, name, "L0_900.sst"));
    trial.Try(Replace("holding a copy of " + name, "L1_901.sst", specimen.bytes().at(name)));
  }
  for (const std::string& name : specimen.NamesWith(".wal")) {
    trial.Try(Rename(specimen, name, "000900.wal"));
    trial.Try(Replace("holding a copy of " + name, "000901.wal", specimen.bytes().at(name)));
  }
  for (const std::string& name : specimen.NamesWith("MANIFEST")) {
    trial.Try(Rename(specimen, name, "MANIFEST-000900"));
    trial.Try(Replace("holding a copy of " + name, "MANIFEST-000901", specimen.bytes().at(name)));
  }
}

void LoseFiles(DamageTrial& trial) {
  for (const auto& [name, bytes] : trial.specimen().bytes()) {
    for (int i = 0; i < 8; ++i) {  // Read-only and not, with restoring and without.
      trial.Try(Lose(name));
      trial.Try(Replace("emptied", name, ""));
      trial.Try(Replace("doubled", name, bytes + bytes));
      trial.Try(Replace("zeroed", name, std::string(bytes.size(), '\0')));
      trial.Try(Replace("of the bytes of another kind of file", name,
                        trial.specimen().bytes().at(name == kSuperFileName
                                                        ? trial.specimen().NamesWith(".sst").front()
                                                        : std::string(kSuperFileName))));
    }
  }
}

void Print(const char* what, const SpecimenKind& kind, const Tally& tally) {
  std::printf(
      "%s, %s: %llu trials: %llu right, %llu a prefix, %llu refused, %llu partly unreadable\n",
      what, kind.Name().c_str(), static_cast<unsigned long long>(tally.trials),
      static_cast<unsigned long long>(tally.right), static_cast<unsigned long long>(tally.shorter),
      static_cast<unsigned long long>(tally.refused),
      static_cast<unsigned long long>(tally.unreadable));
}

class Damaged : public testing::TestWithParam<SpecimenKind> {
 protected:
  void Run(const char* what, const std::function<void(DamageTrial&)>& damage) {
    ForSeeds(1, 1, [&](std::uint64_t seed) {
      DamageTrial trial(GetParam(), seed);
      damage(trial);
      Print(what, GetParam(), trial.tally());
      EXPECT_GT(trial.tally().refused, 0u);
      EXPECT_GT(trial.tally().unreadable, 0u);
    });
  }
};

TEST_P(Damaged, ByFlippedBitsNeverGivesAWrongValue) {
  Run("bits flipped", [](DamageTrial& trial) { FlipBits(trial, ShareOf(GetParam())); });
}

TEST_P(Damaged, ByLostSectorsNeverGivesAWrongValue) {
  Run("sectors lost", [](DamageTrial& trial) { LoseSectors(trial); });
}

TEST_P(Damaged, ByCutFilesNeverGivesAWrongValue) {
  Run("files cut", [](DamageTrial& trial) { CutShort(trial, ShareOf(GetParam())); });
}

TEST_P(Damaged, ByFilesUnderWrongNamesNeverGivesAWrongValue) {
  Run("names mixed up", [](DamageTrial& trial) { MixUp(trial); });
}

TEST_P(Damaged, ByLostFilesNeverGivesAWrongValue) {
  Run("files lost", [](DamageTrial& trial) { LoseFiles(trial); });
}

INSTANTIATE_TEST_SUITE_P(Specimens, Damaged, testing::ValuesIn(AllKinds()),
                         [](const auto& test) { return test.param.Name(); });

TEST(DamageSoak, NeverGivesAWrongValue) {
  Soak(1'000, [](std::uint64_t seed) {
    const SpecimenKind kind = AllKinds()[seed % 4];
    DamageTrial trial(kind, seed);
    FlipBits(trial, seed / 4 % 4);
    CutShort(trial, seed / 4 % 4);
    LoseSectors(trial);
    Print("soak", kind, trial.tally());
  });
}

}  // namespace
}  // namespace firn

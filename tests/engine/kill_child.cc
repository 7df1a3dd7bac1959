// SPDX-License-Identifier: Apache-2.0
//
// The process that kill_test kills: kill_child DIRECTORY LEDGER opens the database, writes what the
// plan in the ledger says, and closes it. Everything it begins and every acknowledgement is noted
// in the ledger before it goes on. It ends with its parent, and with 1 after any error.
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "engine/kill_ledger.h"
#include "firn/database.h"

namespace firn {
namespace {

template <typename T>
// NOLINTNEXTLINE(performance-unnecessary-value-param): moved from, unless it holds nothing.
T Require(Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "kill_child: %s\n", result.error().Describe().c_str());
    ::_exit(1);
  }
  if constexpr (!std::is_void_v<T>) {
    return *std::move(result);
  }
}

void DoChore(Database& database, Chore chore, std::uint64_t number) {
  switch (chore) {
    case Chore::kNone: break;
    case Chore::kSync: Require(database.Sync()); break;
    case Chore::kFlush: Require(database.Flush()); break;
    case Chore::kCompactLevel: Require(database.CompactLevel(static_cast<int>(number % 3))); break;
    case Chore::kCompactRange: Require(database.CompactRange()); break;
  }
}

void Write(Database& database, Ledger& ledger, std::size_t writer) {
  const WriteScript script(ledger.plan, writer);
  WriterProgress& progress = ledger.progress[writer];
  for (std::uint64_t number = 1; number <= ledger.plan.writes; ++number) {
    const ScriptedWrite write = script.Write(number);
    WriteBatch batch;
    for (const History::Operation& operation : write.operations) {
      if (operation.value) {
        batch.Put(operation.key, *operation.value);
      } else {
        batch.Delete(operation.key);
      }
    }
    WriteOptions options;
    options.durability = write.to_disk ? Durability::kDisk : Durability::kProcess;
    progress.begun.store(number);
    Require(database.Write(batch, options));
    progress.acknowledged.store(number);
    DoChore(database, write.chore, number);
  }
}

void Live(const std::string& directory, Ledger& ledger) {
  const MonotonicClock clock;
  ledger.phase.store(Phase::kOpening);
  auto moment = clock.Now();
  Database database = Require(Database::Open(directory, KillOptions(ledger.plan.way)));
  ledger.opening_nanoseconds.store((clock.Now() - moment).count());

  ledger.phase.store(Phase::kWriting);
  std::vector<std::thread> writers;
  writers.reserve(ledger.plan.writers);
  for (std::size_t writer = 0; writer < ledger.plan.writers; ++writer) {
    writers.emplace_back([&database, &ledger, writer] { Write(database, ledger, writer); });
  }
  for (std::thread& writer : writers) {
    writer.join();
  }

  ledger.phase.store(Phase::kClosing);
  moment = clock.Now();
  Require(database.Close());
  ledger.closing_nanoseconds.store((clock.Now() - moment).count());
  ledger.phase.store(Phase::kClosed);
}

}  // namespace
}  // namespace firn

int main(int argc, char** argv) {
  if (argc != 3 || ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
    std::fprintf(stderr, "usage: kill_child DIRECTORY LEDGER\n");
    return 2;
  }
  firn::LedgerMapping ledger(argv[2]);
  firn::Live(argv[1], *ledger);
  return 0;
}

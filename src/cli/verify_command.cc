// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "cli/commands.h"
#include "firn/database.h"

namespace firn::cli {

// Opening replays the log, which checks it; Verify reads the tables.
int Verify(const std::string& directory) {
  Options options;
  options.read_only = true;
  options.create_if_missing = false;
  const Result<Database> database = Database::Open(directory, options);
  if (!database) {
    return Fail("verify", database.error());
  }
  const Result<std::uint64_t> verified = database->Verify();
  if (!verified) {
    return Fail("verify", verified.error());
  }
  std::uint64_t tables = 0;
  for (const LevelInfo& level : database->Levels()) {
    tables += level.tables.size();
  }
  std::printf("%s: sound, %llu tables, %llu bytes of blocks read\n", directory.c_str(),
              static_cast<unsigned long long>(tables), static_cast<unsigned long long>(*verified));
  return kOk;
}

}  // namespace firn::cli

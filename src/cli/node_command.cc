// SPDX-License-Identifier: Apache-2.0
//
// Signals that end the node show on a descriptor that the conversation watches.
#include <unistd.h>

#include <cstdio>

#include "base/propagate.h"
#include "base/random.h"
#include "cli/commands.h"
#include "io/posix_file_system.h"
#include "node/data_directory.h"
#include "node/handlers.h"
#include "node/stdio_loop.h"
#include "server/stop_signals.h"

namespace firn::cli {
namespace {

void Report(const std::string& what) { std::fprintf(stderr, "firn node: %s\n", what.c_str()); }

Result<void> Converse(const std::shared_ptr<FileSystem>& files, const std::string& directory,
                      int stop) {
  FIRN_TRY_ASSIGN(
      const std::shared_ptr<Engine> engine,
      Engine::Open({.files = files, .scheduler = MakeThreadScheduler(), .seed = EntropySeed()},
                   directory, node::NodeOptions()));
  node::PlainLog log(files, directory);
  node::Node converser;
  AddHandlers(converser, *engine, log);
  node::StdioLoop loop(converser, {.input = STDIN_FILENO, .output = STDOUT_FILENO, .stop = stop},
                       Report);
  Result<void> conversed = loop.Run();
  Result<void> closed = engine->Close();
  return conversed ? std::move(closed) : std::move(conversed);
}

Result<void> RunIn(node::DataDirectory directory, const std::shared_ptr<FileSystem>& files,
                   int stop) {
  Result<void> conversed = Converse(files, directory.path(), stop);
  Result<void> removed = directory.Remove();
  return conversed ? std::move(removed) : std::move(conversed);
}

Result<void> Run(const std::string& directory) {
  FIRN_TRY_ASSIGN(const server::StopSignals signals, server::StopSignals::Install());
  const int stop = signals.descriptor();
  const std::shared_ptr<FileSystem> files = PosixFileSystem();
  if (!directory.empty()) {
    return RunIn(node::DataDirectory::Named(directory), files, stop);
  }
  FIRN_TRY_ASSIGN(node::DataDirectory temporary, node::DataDirectory::Temporary(files));
  return RunIn(std::move(temporary), files, stop);
}

}  // namespace

int RunNode(const std::string& directory) {
  const Result<void> ran = Run(directory);
  return ran ? kOk : Fail("node", ran.error());
}

}  // namespace firn::cli

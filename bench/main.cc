// SPDX-License-Identifier: Apache-2.0
//
// firn-bench, also `firn bench`: Firn and its peers on the same rows.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <fstream>

#include "base/propagate.h"
#include "bench_directory.h"
#include "cluster/process_figures.h"
#include "conductor.h"
#include "options.h"
#include "report.h"

namespace firn::bench {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

Result<void> Write(const std::string& path, const std::string& text) {
  if (!path.empty() && !(std::ofstream(path) << text << std::flush)) {
    return Error{ErrorCode::kIo, "cannot write " + path};
  }
  return {};
}

Result<void> WriteAll(const Report& report) {
  const BenchOptions& options = report.options();
  std::fputs((options.is_short ? BriefReport(report) : TextReport(report)).c_str(), stdout);
  FIRN_TRY(Write(options.json, options.json.empty() ? "" : JsonReport(report)));
  FIRN_TRY(Write(options.html, options.html.empty() ? "" : HtmlReport(report)));
  return Write(options.markdown, options.markdown.empty() ? "" : MarkdownReport(report));
}

int Complain(const Error& error, int exit_code) {
  std::fprintf(stderr, "firn bench: %s\n", error.context.c_str());
  return exit_code;
}

// What was measured before a failure, or before the user lost patience, is reported all the same.
int Conduct(BenchOptions options, const std::vector<std::string>& arguments) {
  options.data = options.data.empty() ? "/var/tmp" : options.data;
  BenchDirectory directory;
  if (const Result<void> made = directory.Make(options.data); !made) {
    return Complain(made.error(), kFailed);
  }
  for (const std::string& missing : MissingEngines()) {
    std::fprintf(stderr, "firn bench: built without %s\n", missing.c_str());
  }
  if (FileSystemOf(directory.path()) == "tmpfs") {
    std::fputs("the data lie in memory, where a sync costs nothing: name a disk with --data\n",
               stderr);
  }
  Report report(options);
  for (const std::string& path : options.add) {
    const Result<std::vector<Measured>> runs = ReadRuns(path, options);
    if (!runs) {
      return Complain(runs.error(), kUsage);
    }
    for (const Measured& one : *runs) {
      report.Add(one);
    }
  }
  const bool is_complete = Conductor(options, arguments, report).RunAll(directory.path());
  if (::isatty(STDERR_FILENO) == 1) {
    std::fputs("\r\033[K", stderr);
  }
  if (const Result<void> written = WriteAll(report); !written) {
    return Complain(written.error(), kFailed);
  }
  if (!is_complete) {
    return Complain({ErrorCode::kIo, "told to stop"}, kFailed);
  }
  return report.failures().empty() ? 0 : kFailed;
}

int Main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const Result<ParsedBenchOptions> parsed = ParseBenchOptions(arguments);
  if (!parsed) {
    return Complain(parsed.error(), kUsage);
  }
  if (!parsed->help.empty()) {
    std::fputs(parsed->help.c_str(), stdout);
    return 0;
  }
  if (parsed->options.job >= 0) {
    RunAsJob(parsed->options);
    return 0;
  }
  return Conduct(parsed->options, arguments);
}

}  // namespace
}  // namespace firn::bench

int main(int argc, char** argv) {
  try {
    return firn::bench::Main(argc, argv);
  } catch (const std::exception& error) {  // Of libraries, such as want of memory.
    std::fprintf(stderr, "firn bench: %s\n", error.what());
    return firn::bench::kFailed;
  }
}

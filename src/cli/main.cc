// SPDX-License-Identifier: Apache-2.0
//
// The command line of Firn. Each verb has its help with examples that can be pasted; what a verb
// does stands in its own file.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "cli/client_verbs.h"
#include "cli/commands.h"
#include "cli/demo_command.h"
#include "cli/server_verbs.h"
#include "consensus/raft.h"

namespace firn::cli {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 done, 1 failed (standard error says why), 2 the command line makes no sense. "
    "The "
    "verbs that talk to a cluster have more: see their --help.";

constexpr const char* kNodeExamples = R"(Examples:
  firn node                      in a temporary directory, removed at the end
  firn node --data /tmp/n1       keeps its data: kill it, start it again, nothing is lost
  echo '{"src":"c0","body":{"type":"init","msg_id":1,"node_id":"n1","node_ids":["n1"]}}' \
    | firn node

One JSON message a line on standard input, one answer a line on standard output, reports on standard
error. Ends with its input, or when told to by SIGINT, SIGTERM or SIGHUP. A directory that others
still use is refused: end them, or name another.)";

constexpr const char* kInspectExamples = R"(Examples:
  firn inspect wal /tmp/n1/000001.wal
  firn inspect table /tmp/n1/L0_001.sst
  firn inspect manifest /tmp/n1/MANIFEST-000001

The files may belong to a database that is running: nothing is changed, but what is being written
right now may look torn.)";

constexpr const char* kVerifyExamples = R"(Examples:
  firn verify /tmp/n1

Reads every block of every table and checks every checksum, and the log. Changes nothing. For a
database that is running, verify a checkpoint of it.)";

constexpr const char* kCertExamples = R"(Examples:
  firn cert dev                                     for five nodes on this machine, in ./certs
  firn cert dev --directory tls --nodes 3 --host db1.example.org --host 10.0.0.7

Certificates of nodes and clients are good for 825 days, the authority's for ten years.)";

constexpr std::uint64_t kCertNodesMax = 1000;

constexpr const char* kDemoExamples = R"(Examples:
  firn demo                                        keys: 1-5 kill, p pause, r bring back, q end
  firn demo --script 'kill leader; wait 3; restart; wait 2'
  firn demo --nodes 3 --script 'pause leader; wait 5; restart' --seconds 10

Starts nodes on loopback, on ports that the system chooses, loads them, and counts what was
acknowledged, what of it was lost (nothing may be) and for how long nothing was acknowledged. Steps
of a script: kill WHOM, pause WHOM, restart [NODE], wait SECONDS; whom is leader, follower or a
number. At the end all nodes come back and everything is read. Ctrl-C leaves nothing running.)";

struct Arguments {
  DemoArguments demo;
  std::string node_directory;
  std::string verify_directory;
  std::string file;
  std::vector<std::string> bench;
  CertificateRequest certificates;
};

void AddInspect(CLI::App& app, Arguments& arguments, int& exit_code) {
  CLI::App& inspect = *app.add_subcommand("inspect", "Print what is in a file of a database");
  inspect.require_subcommand(1);
  inspect.footer(kInspectExamples);
  struct Verb {
    const char* name;
    const char* about;
    int (*run)(const std::string&);
  };
  const Verb verbs[] = {
      {"wal", "Segment of the write-ahead log: header and records", InspectWal},
      {"table", "Table: its properties, after checking every block", InspectTable},
      {"manifest", "Manifest: the edits that make the set of tables", InspectManifest}};
  for (const Verb& verb : verbs) {
    CLI::App& command = *inspect.add_subcommand(verb.name, verb.about);
    command.add_option("FILE", arguments.file, "The file")->required();
    command.footer(kInspectExamples);
    command.callback([&, run = verb.run] { exit_code = run(arguments.file); });
  }
}

void AddCert(CLI::App& app, Arguments& arguments, int& exit_code) {
  CLI::App& cert = *app.add_subcommand("cert", "Make certificates for TLS");
  cert.require_subcommand(1);
  cert.footer(kCertExamples);
  CLI::App& dev = *cert.add_subcommand("dev", "An authority for development, and what it signs");
  CertificateRequest& request = arguments.certificates;
  dev.add_option("--directory", request.directory, "Where to, made if it does not exist")
      ->capture_default_str();
  dev.add_option("--nodes", request.nodes, "For nodes 1 to this")
      ->check(CLI::Range(std::uint64_t{1}, kCertNodesMax))
      ->capture_default_str();
  dev.add_option("--host", request.hosts, "Name or address of nodes besides localhost; repeatable")
      ->allow_extra_args(false);
  dev.footer(kCertExamples);
  dev.callback([&] { exit_code = MakeDevelopmentCertificates(request); });
}

void AddDemo(CLI::App& app, DemoArguments& arguments, int& exit_code) {
  CLI::App& demo = *app.add_subcommand("demo", "Do harm to a cluster of five and see it survive");
  demo.add_option("--data", arguments.directory, "Keep the nodes' directories and logs here");
  demo.add_option("--nodes", arguments.nodes, "How many")->capture_default_str();
  demo.add_option("--writers", arguments.writers, "Writes under way at a time")
      ->capture_default_str();
  demo.add_option("--script", arguments.script, "Do this to them, instead of what keys say");
  demo.add_option("--seconds", arguments.seconds,
                  "End after so long; 0: with the script, or when told to")
      ->capture_default_str();
  demo.footer(kDemoExamples);
  demo.callback([&] { exit_code = RunDemo(arguments); });
}

int Main(int argc, char** argv) {
  CLI::App app("Firn, an ordered key-value store", "firn");
  app.require_subcommand(1);
  app.footer(kExitCodes);
  Arguments arguments;
  int exit_code = kOk;

  CLI::App& node = *app.add_subcommand("node", "Speak the JSON line protocol on stdin and stdout");
  node.add_option("--data", arguments.node_directory,
                  "Keep the data in this directory, made if it does not exist");
  node.footer(kNodeExamples);
  node.callback([&] { exit_code = RunNode(arguments.node_directory); });

  AddServerVerbs(app, exit_code);

  AddInspect(app, arguments, exit_code);

  CLI::App& verify = *app.add_subcommand("verify", "Check every byte of a database");
  verify.add_option("DIR", arguments.verify_directory, "Its directory")->required();
  verify.footer(kVerifyExamples);
  verify.callback([&] { exit_code = Verify(arguments.verify_directory); });

  AddCert(app, arguments, exit_code);

  const ClientProgram client_program;
  AddClientVerbs(app, client_program, exit_code);

  AddDemo(app, arguments.demo, exit_code);

  CLI::App& bench =
      *app.add_subcommand("bench", "Compare Firn with RocksDB and LevelDB; cluster: with etcd");
  bench.prefix_command();
  bench.set_help_flag();
  bench.callback([&] { exit_code = RunBench(bench.remaining()); });

  app.add_subcommand("version", "Print the version")->callback([] {
    std::puts("firn " FIRN_VERSION);
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help goes to standard output and is no error.
    return app.exit(error) == 0 ? kOk : kUsage;
  }
  return exit_code;
}

}  // namespace
}  // namespace firn::cli

int main(int argc, char** argv) {
  firn::LeaveBridgeStart();
  try {
    return firn::cli::Main(argc, argv);
  } catch (const std::exception& error) {  // Of libraries, such as want of memory.
    std::fprintf(stderr, "firn: %s\n", error.what());
    return firn::cli::kFailed;
  }
}

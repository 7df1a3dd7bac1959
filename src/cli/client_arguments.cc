// SPDX-License-Identifier: Apache-2.0
//
// The command lines of the verbs that talk to a cluster. Like main.cc it includes CLI11, which is
// why what the verbs do stands elsewhere.
#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>
#include <utility>

#include "base/propagate.h"
#include "cli/client_verbs.h"
#include "cli/input.h"

namespace firn::cli {
namespace {

constexpr const char* kFooter = R"(
Keys and values: printable text stands for itself, \\ is a backslash, \xNN any byte; --hex and
--base64 choose another notation for everything that is read and written.

Exit codes: 0 done, 1 no such key or the condition does not hold, 2 the command makes no sense,
3 unavailable and nothing done, 4 refused, 5 done or not, 6 failed otherwise.)";

// What every verb takes.
struct Connection {
  std::string endpoints = "127.0.0.1:7101";
  double timeout_seconds = 10;
  std::string node;
  bool has_tls = false;
  std::string authorities_file;
  std::string certificate_file;
  std::string key_file;
  bool is_json = false;
  bool is_hex = false;
  bool is_base64 = false;
};

struct ClientArguments {
  Connection connection;
  KeyArguments key;
  PutArguments put;
  CompareArguments compare;
  ScanArguments scan;
  std::string batch_file;
  std::uint64_t node = 0;
  AddMemberArguments add_member;
  CompactArguments compact;
};

std::vector<std::string> Split(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    parts.push_back(list.substr(at, comma - at));
    at = comma + 1;
  }
  return parts;
}

Result<client::ClientOptions> OptionsOf(const Connection& connection, std::FILE* in) {
  client::ClientOptions options;
  options.endpoints = Split(connection.endpoints);
  if (!(connection.timeout_seconds > 0 && connection.timeout_seconds <= 86'400)) {
    return Error{ErrorCode::kInvalidArgument, "--timeout is above 0 and at most 86400 seconds"};
  }
  options.timeout =
      std::chrono::milliseconds(std::llround(std::ceil(connection.timeout_seconds * 1000)));
  options.tls.is_on = connection.has_tls || !connection.authorities_file.empty() ||
                      !connection.certificate_file.empty();
  const std::pair<const std::string&, std::string&> files[] = {
      {connection.authorities_file, options.tls.authorities},
      {connection.certificate_file, options.tls.certificate},
      {connection.key_file, options.tls.key}};
  for (const auto& [path, text] : files) {
    if (!path.empty()) {
      FIRN_TRY_ASSIGN(text, ReadInput(path, in));
    }
  }
  return options;
}

int RunVerb(const std::string& verb, const Connection& connection, const ClientProgram& program,
            const std::function<int(const Dialogue&)>& run) {
  const auto fail = [&](const Error& error) {
    std::fprintf(program.streams.err, "firn %s: %s\n", verb.c_str(), error.Describe().c_str());
    return error.code == ErrorCode::kInvalidArgument ? kMakesNoSense : kOtherFailure;
  };
  Result<client::ClientOptions> options = OptionsOf(connection, program.streams.in);
  if (!options) {
    return fail(options.error());
  }
  const Result<std::unique_ptr<client::Client>> client = program.connect(*std::move(options));
  if (!client) {
    return fail(client.error());
  }
  const int exit_code = run({.verb = verb,
                             .client = **client,
                             .streams = program.streams,
                             .options = {.endpoint = connection.node},
                             .notation = connection.is_hex      ? Notation::kHex
                                         : connection.is_base64 ? Notation::kBase64
                                                                : Notation::kEscaped,
                             .is_json = connection.is_json});
  if (std::fflush(program.streams.out) != 0) {
    std::fprintf(program.streams.err, "firn %s: standard output cannot be written\n", verb.c_str());
    return kOtherFailure;
  }
  return exit_code;
}

// Adds verbs to the command line, each with what all of them take.
class Verbs {
 public:
  Verbs(CLI::App& app, const ClientProgram& program, int& exit_code)
      : app_(app), program_(program), exit_code_(exit_code) {}

  ClientArguments& arguments() { return *arguments_; }

  CLI::App& Add(const std::string& name, const std::string& about, const std::string& examples,
                std::function<int(const Dialogue&, const ClientArguments&)> run) {
    CLI::App& verb = *app_.add_subcommand(name, about);
    verb.footer("Examples:\n" + examples + kFooter);
    AddConnection(verb);
    verb.callback([this_arguments = arguments_, &program = program_, &exit_code = exit_code_, name,
                   run = std::move(run)] {
      exit_code = RunVerb(name, this_arguments->connection, program,
                          [&](const Dialogue& dialogue) { return run(dialogue, *this_arguments); });
    });
    return verb;
  }

 private:
  void AddConnection(CLI::App& verb) {
    Connection& connection = arguments_->connection;
    verb.add_option("--endpoints", connection.endpoints,
                    "Nodes of the cluster, host:port with commas; others are learned from them")
        ->envname("FIRN_ENDPOINTS")
        ->capture_default_str();
    verb.add_option("--node", connection.node, "Ask this node, host:port, and no other");
    verb.add_option("--timeout", connection.timeout_seconds,
                    "Seconds for the whole call, with all its attempts")
        ->capture_default_str();
    verb.add_flag("--json", connection.is_json, "Write JSON, for programs");
    CLI::Option& hex = *verb.add_flag("--hex", connection.is_hex, "Keys and values in hexadecimal");
    verb.add_flag("--base64", connection.is_base64, "Keys and values in base64")->excludes(&hex);
    verb.add_flag("--tls", connection.has_tls, "Use TLS, trusting whom the system trusts");
    verb.add_option("--tls-ca", connection.authorities_file,
                    "Use TLS, trusting the authorities in this PEM file");
    verb.add_option("--tls-cert", connection.certificate_file, "Certificate of this client, PEM");
    verb.add_option("--tls-key", connection.key_file, "Its key, PEM");
  }

  CLI::App& app_;
  const ClientProgram& program_;
  int& exit_code_;
  std::shared_ptr<ClientArguments> arguments_ = std::make_shared<ClientArguments>();
};

template <typename Arguments>
void AddStale(CLI::App& verb, Arguments& arguments) {
  verb.add_option_function<std::uint64_t>(
      "--stale",
      [&arguments](const std::uint64_t& milliseconds) {
        arguments.may_be_stale = true;
        arguments.stale_ms = milliseconds;
      },
      "Accept a state that is at most so many milliseconds old; 0: of any age");
}

void AddKeyVerbs(Verbs& verbs) {
  ClientArguments& arguments = verbs.arguments();
  CLI::App& get = verbs.Add("get", "Read a key",
                            "  firn get user:1\n"
                            "  firn get --json user:1\n"
                            "  firn get --raw photo:7 > photo.jpg\n",
                            [](const Dialogue& dialogue, const ClientArguments& given) {
                              return Get(dialogue, given.key);
                            });
  get.add_option("KEY", arguments.key.key, "The key")->required();
  get.add_flag("--raw", arguments.key.is_raw, "Write the value's bytes, and nothing else");
  AddStale(get, arguments.key);

  CLI::App& put = verbs.Add("put", "Write a key",
                            "  firn put user:1 Alice\n"
                            "  firn put photo:7 --file photo.jpg\n"
                            "  echo -n Bob | firn put user:2\n"
                            "  firn put --hex 00ff 01\n",
                            [](const Dialogue& dialogue, const ClientArguments& given) {
                              return Put(dialogue, given.put);
                            });
  put.add_option("KEY", arguments.put.key, "The key")->required();
  put.add_option_function<std::string>(
      "VALUE",
      [&arguments](const std::string& value) {
        arguments.put.has_value = true;
        arguments.put.value = value;
      },
      "The value; without one, the bytes of standard input");
  put.add_option("--file", arguments.put.file, "The value is what is in this file");

  CLI::App& del = verbs.Add("del", "Delete a key", "  firn del user:1\n",
                            [](const Dialogue& dialogue, const ClientArguments& given) {
                              return Delete(dialogue, given.key);
                            });
  del.add_option("KEY", arguments.key.key, "The key")->required();
}

void AddCompare(Verbs& verbs) {
  CompareArguments& compare = verbs.arguments().compare;
  CLI::App& cas = verbs.Add("cas", "Write a key if it is as expected",
                            "  firn cas lock --if-absent me\n"
                            "  firn cas counter --if-value 7 8\n"
                            "  firn cas lock --if-revision 131072 --delete\n",
                            [](const Dialogue& dialogue, const ClientArguments& given) {
                              return CompareAndSet(dialogue, given.compare);
                            });
  cas.add_option("KEY", compare.key, "The key")->required();
  cas.add_option_function<std::string>(
      "VALUE",
      [&compare](const std::string& value) {
        compare.has_value = true;
        compare.value = value;
      },
      "The new value");
  cas.add_flag("--delete", compare.deletes, "Delete it instead");
  cas.add_flag("--if-absent", compare.if_absent, "If there is no such key");
  cas.add_option_function<std::string>(
      "--if-value",
      [&compare](const std::string& value) {
        compare.has_if_value = true;
        compare.if_value = value;
      },
      "If it has this value");
  cas.add_option("--if-revision", compare.if_revision, "If it was last written at this revision");
}

void AddRangeVerbs(Verbs& verbs) {
  ClientArguments& arguments = verbs.arguments();
  ScanArguments& scan = arguments.scan;
  CLI::App& range = verbs.Add("scan", "Read keys in their order, one a line: key, tab, value",
                              "  firn scan\n"
                              "  firn scan --prefix user: --limit 10\n"
                              "  firn scan a b --reverse --keys-only\n",
                              [](const Dialogue& dialogue, const ClientArguments& given) {
                                return Scan(dialogue, given.scan);
                              });
  range.add_option("START", scan.start, "The first key, included");
  range.add_option("END", scan.end, "The key to end before");
  range.add_option("--prefix", scan.prefix, "Instead of a range: the keys that begin with this");
  range.add_option("--limit", scan.limit, "So many at most; 0: all");
  range.add_flag("--reverse", scan.is_reverse, "From the last to the first");
  range.add_flag("--keys-only", scan.keys_only, "Without the values");
  AddStale(range, scan);

  CLI::App& batch = verbs.Add("batch", "Carry out operations, one a line: all of them or none",
                              "  printf 'put a 1\\nput b two\\\\x20words\\ndel c\\n' | firn batch\n"
                              "  firn batch --file operations.txt\n",
                              [](const Dialogue& dialogue, const ClientArguments& given) {
                                return Batch(dialogue, given.batch_file);
                              });
  batch.add_option("--file", arguments.batch_file, "Read them from this file, not standard input");
}

void AddClusterVerbs(Verbs& verbs) {
  ClientArguments& arguments = verbs.arguments();
  verbs.Add("status", "Show every node: its role, and how far it is",
            "  firn status\n  firn status --json --endpoints 10.0.0.1:7101,10.0.0.2:7101\n",
            [](const Dialogue& dialogue, const ClientArguments&) { return Status(dialogue); });
  verbs.Add("members", "Show who takes part, as the leader knows it", "  firn members\n",
            [](const Dialogue& dialogue, const ClientArguments&) { return Members(dialogue); });

  CLI::App& transfer =
      verbs.Add("transfer", "Let another node lead", "  firn transfer\n  firn transfer 3\n",
                [](const Dialogue& dialogue, const ClientArguments& given) {
                  return Transfer(dialogue, given.node);
                });
  transfer.add_option("NODE", arguments.node,
                      "Its number; without one, the voter that is furthest");

  CLI::App& add = verbs.Add(
      "add-member", "Let a node follow without a vote (firn serve --join does this by itself)",
      "  firn add-member --peer 10.0.0.4:7201 --client 10.0.0.4:7101 --directory "
      "0123456789abcdef\n",
      [](const Dialogue& dialogue, const ClientArguments& given) {
        return AddMember(dialogue, given.add_member);
      });
  add.add_option("--peer", arguments.add_member.peer_address, "Where peers reach it, host:port")
      ->required();
  add.add_option("--client", arguments.add_member.client_address,
                 "Where clients reach it, host:port")
      ->required();
  add.add_option("--directory", arguments.add_member.directory_id,
                 "Which data directory joins, 16 hexadecimal digits")
      ->required();
  add.add_option("--id", arguments.add_member.node, "Its number; without one, the leader chooses");

  CLI::App& promote =
      verbs.Add("promote", "Give a node that has caught up its vote", "  firn promote 4\n",
                [](const Dialogue& dialogue, const ClientArguments& given) {
                  return Promote(dialogue, given.node);
                });
  promote.add_option("NODE", arguments.node, "Its number")->required();
  CLI::App& remove = verbs.Add("remove-member", "Let a node take part no more, for ever",
                               "  firn remove-member 4\n",
                               [](const Dialogue& dialogue, const ClientArguments& given) {
                                 return RemoveMember(dialogue, given.node);
                               });
  remove.add_option("NODE", arguments.node, "Its number")->required();
}

void AddStorageVerbs(Verbs& verbs) {
  CompactArguments& compact = verbs.arguments().compact;
  verbs.Add("levels", "Show the tables of a node's store, level by level",
            "  firn levels\n  firn levels --node 127.0.0.1:7102 --json\n",
            [](const Dialogue& dialogue, const ClientArguments&) { return Levels(dialogue); });
  verbs.Add("stats", "Show what reads and writes cost a node's store", "  firn stats\n",
            [](const Dialogue& dialogue, const ClientArguments&) { return Stats(dialogue); });
  verbs.Add("flush", "Make a node write its memtables as tables", "  firn flush\n",
            [](const Dialogue& dialogue, const ClientArguments&) { return Flush(dialogue); });
  CLI::App& merge = verbs.Add("compact", "Make a node merge a level into the next",
                              "  firn compact\n  firn compact --level 1\n  firn compact --all\n",
                              [](const Dialogue& dialogue, const ClientArguments& given) {
                                return Compact(dialogue, given.compact);
                              });
  CLI::Option& level = *merge.add_option("--level", compact.level, "Which level")
                            ->capture_default_str()
                            ->check(CLI::Range(0, 5));
  merge.add_flag("--all", compact.is_all, "Every level, down to the last")->excludes(&level);
}

}  // namespace

void AddClientVerbs(CLI::App& app, const ClientProgram& program, int& exit_code) {
  Verbs verbs(app, program, exit_code);
  AddKeyVerbs(verbs);
  AddCompare(verbs);
  AddRangeVerbs(verbs);
  AddClusterVerbs(verbs);
  AddStorageVerbs(verbs);
}

}  // namespace firn::cli

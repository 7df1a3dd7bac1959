// SPDX-License-Identifier: Apache-2.0
//
// The verbs that talk to a cluster, each a function of what it was asked and of the dialogue it
// takes part in: a client, the streams, and how to write. docs/protocol/cli.md describes them with
// their output, which a test checks. Each returns the exit code of the process.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "cli/notation.h"
#include "client/client.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library chose its name.
class App;
}

namespace firn::cli {

inline constexpr int kDone = 0;
inline constexpr int kAnswerIsNo = 1;      // No such key; the condition does not hold.
inline constexpr int kMakesNoSense = 2;    // The command line or the request.
inline constexpr int kNotAvailable = 3;    // Nothing was done. Later.
inline constexpr int kWasRefused = 4;      // Nothing was done. The text says why.
inline constexpr int kOutcomeUnknown = 5;  // Done or not.
inline constexpr int kOtherFailure = 6;

struct Streams {
  std::FILE* in = stdin;
  std::FILE* out = stdout;
  std::FILE* err = stderr;
};

struct Dialogue {
  std::string verb;
  client::Client& client;
  Streams streams;
  client::CallOptions options{};
  Notation notation = Notation::kEscaped;
  bool is_json = false;

  // Says why on standard error; returns the exit code.
  int Fail(const client::Failure& failure) const;
  int Fail(const Error& error) const;
  // Writes to standard output.
  void Say(const std::string& text) const;
  // Bytes in the notation, and back.
  std::string Text(std::string_view bytes) const { return Write(notation, bytes); }
  Result<std::string> BytesOf(const std::string& text) const { return Read(notation, text); }
};

struct KeyArguments {
  std::string key;
  bool is_raw = false;  // Write the value's bytes and nothing else.
  std::uint64_t stale_ms = 0;
  bool may_be_stale = false;
};
int Get(const Dialogue& dialogue, const KeyArguments& arguments);
int Delete(const Dialogue& dialogue, const KeyArguments& arguments);

struct PutArguments {
  std::string key;
  std::string value;
  bool has_value = false;
  std::string file;  // "-" or none, without a value: standard input.
};
int Put(const Dialogue& dialogue, const PutArguments& arguments);

struct CompareArguments {
  std::string key;
  std::string value;  // The new one.
  bool has_value = false;
  bool deletes = false;
  bool if_absent = false;
  std::string if_value;
  bool has_if_value = false;
  std::uint64_t if_revision = 0;
};
int CompareAndSet(const Dialogue& dialogue, const CompareArguments& arguments);

struct ScanArguments {
  std::string start;
  std::string end;
  std::string prefix;
  std::uint64_t limit = 0;  // 0: all.
  bool is_reverse = false;
  bool keys_only = false;
  std::uint64_t stale_ms = 0;
  bool may_be_stale = false;
};
int Scan(const Dialogue& dialogue, const ScanArguments& arguments);

// Operations, one a line, from the file or standard input; all or none.
int Batch(const Dialogue& dialogue, const std::string& file);

int Status(const Dialogue& dialogue);
int Members(const Dialogue& dialogue);
int Transfer(const Dialogue& dialogue, std::uint64_t node);
struct AddMemberArguments {
  std::uint64_t node = 0;
  std::string peer_address;
  std::string client_address;
  std::string directory_id;
};
int AddMember(const Dialogue& dialogue, const AddMemberArguments& arguments);
int Promote(const Dialogue& dialogue, std::uint64_t node);
int RemoveMember(const Dialogue& dialogue, std::uint64_t node);

int Levels(const Dialogue& dialogue);
int Stats(const Dialogue& dialogue);
int Flush(const Dialogue& dialogue);
struct CompactArguments {
  unsigned level = 0;
  bool is_all = false;
};
int Compact(const Dialogue& dialogue, const CompactArguments& arguments);

// What the verbs stand on, and what a test puts in its place.
struct ClientProgram {
  Streams streams{};
  std::function<Result<std::unique_ptr<client::Client>>(client::ClientOptions)> connect =
      [](client::ClientOptions options) { return client::Client::Make(std::move(options)); };
};

// Adds every verb to the command line. Both references must hold until it is parsed.
void AddClientVerbs(CLI::App& app, const ClientProgram& program, int& exit_code);

}  // namespace firn::cli

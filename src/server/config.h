// SPDX-License-Identifier: Apache-2.0
//
// What a server can be told, and where it hears it: flags, then the environment (FIRN_ and the name
// in capitals, with _ for -), then a TOML file, then defaults. One table of settings drives all of
// them, --help and `firn config show`. What is unknown or makes no sense is an error that names the
// setting, where it came from and the nearest that there is; nothing is ignored.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firn/options.h"
#include "firn/result.h"
#include "server/limits.h"

namespace firn::server {

enum class ClientCertificates : std::uint8_t {
  kIgnored,
  kOptional,  // Checked if there is one.
  kRequired,
};

// Files in PEM.
struct TlsFiles {
  std::string certificate{};  // Empty: no TLS.
  std::string key{};
  std::string authority{};  // Who signs the other side's certificate.

  bool is_on() const { return !certificate.empty(); }
};

struct Config {
  std::string data = "firn-data";
  std::string listen = "127.0.0.1:7101";
  std::string peer_listen = "127.0.0.1:7201";
  std::string http_listen = "127.0.0.1:7301";
  // What others are told; empty: what is listened on.
  std::string advertise;
  std::string peer_advertise;
  std::string join;  // Empty: the first of a new cluster, when the directory is new.
  bool learner = false;
  bool insecure = false;
  TlsFiles tls;
  ClientCertificates client_certificates = ClientCertificates::kIgnored;
  TlsFiles peer_tls;
  std::chrono::milliseconds drain{10'000};
  std::chrono::milliseconds tick{50};
  std::size_t workers = 0;  // Threads; 0: two for each processor, four at least.
  bool reflection = true;
  std::string ready_file;
  Durability durability = Durability::kDisk;
  Options engine;
  std::size_t log_segment_bytes = std::size_t{16} << 20;
  std::size_t log_kept_bytes = std::size_t{64} << 20;
  Limits limits;
};

struct Setting {
  std::string_view name;         // "peer-listen"
  std::string_view placeholder;  // Of its value, for --help: "HOST:PORT".
  std::string_view about;
  // kInvalidArgument says what would be a value.
  Result<void> (*set)(Config& config, std::string_view text);
  std::string (*get)(const Config& config);
};
// In the order in which they are shown.
std::span<const Setting> Settings();
// "FIRN_PEER_LISTEN"
std::string EnvironmentName(std::string_view setting);

using Assignments = std::vector<std::pair<std::string, std::string>>;  // Name and text.

// Where settings come from, the strongest first.
struct ConfigSources {
  Assignments flags{};        // By name of the setting.
  Assignments environment{};  // The variables that begin with FIRN_.
  std::string file{};         // Empty: what the environment says, or none.
};

struct LoadedConfig {
  Config config;
  // By setting; "flag --data", "environment FIRN_DATA", "/etc/firn.toml", "default".
  std::map<std::string, std::string, std::less<>> origins;
};
Result<LoadedConfig> LoadConfig(const ConfigSources& sources);

// The variables of this process that begin with FIRN_.
Assignments FirnEnvironment();

// The settings of a file: top-level keys with strings, numbers and booleans. kInvalidArgument names
// file and line; kNotFound, kIo.
Result<Assignments> ReadConfigFile(const std::string& path);
// The same of its text.
Result<Assignments> ParseConfigText(std::string_view text, const std::string& path);

// Contradictions, and what would expose an unprotected node. kInvalidArgument.
Result<void> CheckConfig(const Config& config);

// Whether only this machine can reach it.
bool IsLoopback(std::string_view address);

}  // namespace firn::server

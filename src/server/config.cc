// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/propagate.h"
#include "firn/limits.h"
#include "replica/command.h"
#include "server/setting_text.h"

namespace firn::server {
namespace {

constexpr std::string_view kPrefix = "FIRN_";
constexpr std::string_view kDefaultOrigin = "default";
// Read by other parts of the program, and by its tests.
constexpr std::array<std::string_view, 4> kOtherVariables = {"FIRN_CONFIG", "FIRN_ENDPOINTS",
                                                             "FIRN_PROGRAM", "FIRN_SOAK_MINUTES"};
// A batch has to fit a quarter of the memory with what goes along with it.
constexpr std::size_t kBatchMargin = std::size_t{512} << 10;
constexpr std::size_t kMemoryMin = std::size_t{8} << 20;
constexpr std::size_t kPageMin = std::size_t{1} << 10;

const Setting* Find(std::string_view name) {
  const auto settings = Settings();
  const auto found = std::find_if(settings.begin(), settings.end(),
                                  [name](const Setting& known) { return known.name == name; });
  return found == settings.end() ? nullptr : &*found;
}

std::string_view NearestTo(std::string_view name) {
  const auto settings = Settings();
  return std::min_element(settings.begin(), settings.end(),
                          [name](const Setting& a, const Setting& b) {
                            return EditDistance(name, a.name) < EditDistance(name, b.name);
                          })
      ->name;
}

// "FIRN_PEER_LISTEN" as "peer-listen".
std::string SettingName(std::string_view variable) {
  std::string name(variable.substr(kPrefix.size()));
  for (char& c : name) {
    c = c == '_' ? '-' : (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return name;
}

Error Bad(const std::string& what) { return {ErrorCode::kInvalidArgument, what}; }

Result<void> Assign(LoadedConfig& loaded, std::string_view name, const std::string& text,
                    const std::string& origin) {
  const Setting* setting = Find(name);
  if (setting == nullptr) {
    return Bad(origin + ": there is no setting '" + std::string(name) + "'; the nearest is '" +
               std::string(NearestTo(name)) + "'");
  }
  if (Result<void> set = setting->set(loaded.config, text); !set) {
    return Bad(origin + ": " + std::string(name) + ": " + set.error().context);
  }
  loaded.origins[std::string(name)] = origin;
  return {};
}

Result<void> AssignEnvironment(LoadedConfig& loaded, const Assignments& environment) {
  for (const auto& [variable, text] : environment) {
    if (std::find(kOtherVariables.begin(), kOtherVariables.end(), variable) !=
        kOtherVariables.end()) {
      continue;
    }
    const std::string name = SettingName(variable);
    if (Find(name) == nullptr || EnvironmentName(name) != variable) {
      return Bad("environment: there is no setting behind " + variable + "; the nearest is " +
                 EnvironmentName(NearestTo(name)));
    }
    FIRN_TRY(Assign(loaded, name, text, "environment " + variable));
  }
  return {};
}

std::string FileOf(const ConfigSources& sources) {
  if (!sources.file.empty()) {
    return sources.file;
  }
  const auto found =
      std::find_if(sources.environment.begin(), sources.environment.end(),
                   [](const auto& assignment) { return assignment.first == "FIRN_CONFIG"; });
  return found == sources.environment.end() ? "" : found->second;
}

// Defaults that would not fit a small memory follow it.
void FitToMemory(LoadedConfig& loaded) {
  const std::size_t quarter = loaded.config.engine.memory_budget_bytes / 4;
  const std::size_t batch_max = quarter > kBatchMargin ? quarter - kBatchMargin : 0;
  const auto shrink = [&loaded](std::string_view name, std::size_t& value, std::size_t max) {
    if (value > max && loaded.origins.find(name)->second == kDefaultOrigin) {
      value = max;
      loaded.origins[std::string(name)] = "default, for so much memory";
    }
  };
  Config& config = loaded.config;
  shrink("memtable", config.engine.memtable_bytes, quarter);
  shrink("value-max", config.limits.value_bytes_max, batch_max);
  shrink("batch-max", config.limits.batch_bytes_max, batch_max);
}

Result<void> CheckTls(const TlsFiles& tls, const std::string& prefix) {
  if (tls.is_on() == tls.key.empty()) {
    return Bad(prefix + "-certificate and " + prefix + "-key go together: give both or neither");
  }
  return {};
}

Result<void> CheckExposure(const std::string& name, const std::string& address, bool has_tls,
                           bool insecure) {
  if (!has_tls && !insecure && !IsLoopback(address)) {
    return Bad(name + " " + address +
               " can be reached from other machines without TLS: set up certificates, or say "
               "insecure if the network is yours");
  }
  return {};
}

// Nobody can connect to an address that stands for all.
Result<void> CheckTold(const std::string& name, const std::string& address,
                       const std::string& advertised) {
  const std::string host = address.substr(0, address.rfind(':'));
  if (advertised.empty() && (host == "0.0.0.0" || host == "[::]" || host == "*")) {
    const std::string advertise = name == "listen" ? "advertise" : "peer-advertise";
    return Bad(name + " " + address + " stands for every address of this machine: set " +
               advertise + " to the one that others are to use");
  }
  return {};
}

Result<void> CheckLimits(const Config& config) {
  const Limits& limits = config.limits;
  const std::size_t quarter = config.engine.memory_budget_bytes / 4;
  if (config.engine.memory_budget_bytes < kMemoryMin) {
    return Bad("memory " + FormatBytes(config.engine.memory_budget_bytes) + ": at least " +
               FormatBytes(kMemoryMin));
  }
  if (limits.value_bytes_max > kValueBytesMax || limits.batch_bytes_max > kBatchBytesMax) {
    return Bad("value-max is " + FormatBytes(kValueBytesMax) + " at most, batch-max " +
               FormatBytes(kBatchBytesMax));
  }
  const std::size_t largest = std::max(limits.value_bytes_max, limits.batch_bytes_max);
  if (largest == 0 || largest + kBatchMargin > quarter) {
    return Bad("value-max " + FormatBytes(limits.value_bytes_max) + " and batch-max " +
               FormatBytes(limits.batch_bytes_max) + ": at least 1, and with " +
               FormatBytes(kBatchMargin) + " to spare within a quarter of memory, " +
               FormatBytes(quarter));
  }
  constexpr std::size_t kOperationsMax = kGroupOperationsMax - 1'000;
  if (limits.batch_operations_max == 0 || limits.batch_operations_max > kOperationsMax) {
    return Bad("batch-operations-max: from 1 to " + std::to_string(kOperationsMax));
  }
  if (limits.page_bytes_max < kPageMin) {
    return Bad("page-max: at least " + FormatBytes(kPageMin));
  }
  if (limits.connections_max < 1 || limits.streams_max < 1 || limits.scans_max < 1) {
    return Bad("connections-max, streams-max and scans-max: at least 1");
  }
  return {};
}

}  // namespace

std::string EnvironmentName(std::string_view setting) {
  std::string name(kPrefix);
  for (const char c : setting) {
    name += c == '-' ? '_' : (c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
  }
  return name;
}

Assignments FirnEnvironment() {
  Assignments found;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (text.starts_with(kPrefix) && equals != std::string_view::npos) {
      found.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return found;
}

Result<LoadedConfig> LoadConfig(const ConfigSources& sources) {
  LoadedConfig loaded;
  for (const Setting& setting : Settings()) {
    loaded.origins.emplace(setting.name, kDefaultOrigin);
  }
  if (const std::string file = FileOf(sources); !file.empty()) {
    FIRN_TRY_ASSIGN(const Assignments assignments, ReadConfigFile(file));
    for (const auto& [name, text] : assignments) {
      FIRN_TRY(Assign(loaded, name, text, "file " + file));
    }
  }
  FIRN_TRY(AssignEnvironment(loaded, sources.environment));
  for (const auto& [name, text] : sources.flags) {
    FIRN_TRY(Assign(loaded, name, text, "flag --" + name));
  }
  FitToMemory(loaded);
  FIRN_TRY(CheckConfig(loaded.config));
  return loaded;
}

Result<void> CheckConfig(const Config& config) {
  if (config.data.empty()) {
    return Bad("data is empty: name a directory");
  }
  if (config.listen.empty() || config.peer_listen.empty()) {
    return Bad("listen and peer-listen have to be host:port");
  }
  FIRN_TRY(CheckTold("listen", config.listen, config.advertise));
  FIRN_TRY(CheckTold("peer-listen", config.peer_listen, config.peer_advertise));
  FIRN_TRY(CheckTls(config.tls, "tls"));
  FIRN_TRY(CheckTls(config.peer_tls, "peer-tls"));
  if (config.peer_tls.is_on() && config.peer_tls.authority.empty()) {
    return Bad("peer-tls-ca is missing: nodes check each other's certificates");
  }
  if (config.client_certificates != ClientCertificates::kIgnored &&
      (!config.tls.is_on() || config.tls.authority.empty())) {
    return Bad("tls-client-certificates needs tls-certificate, tls-key and tls-client-ca");
  }
  FIRN_TRY(CheckExposure("listen", config.listen, config.tls.is_on(), config.insecure));
  FIRN_TRY(
      CheckExposure("peer-listen", config.peer_listen, config.peer_tls.is_on(), config.insecure));
  constexpr std::chrono::milliseconds kTickMin{5};
  constexpr std::chrono::milliseconds kTickMax{5'000};
  if (config.tick < kTickMin || config.tick > kTickMax) {
    return Bad("tick " + FormatDuration(config.tick) + ": from " + FormatDuration(kTickMin) +
               " to " + FormatDuration(kTickMax));
  }
  return CheckLimits(config);
}

bool IsLoopback(std::string_view address) {
  const std::string_view host = address.substr(0, address.rfind(':'));
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

}  // namespace firn::server

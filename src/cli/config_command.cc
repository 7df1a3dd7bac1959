// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>

#include "cli/commands.h"
#include "cli/server_verbs.h"

namespace firn::cli {
namespace {

// A line that the file takes back.
std::string LineOf(const server::Setting& setting, const server::Config& config) {
  return std::string(setting.name) + " = \"" + setting.get(config) + "\"";
}

}  // namespace

Result<server::LoadedConfig> LoadServerConfig(const ServerArguments& arguments) {
  return server::LoadConfig({.flags = arguments.flags,
                             .environment = server::FirnEnvironment(),
                             .file = arguments.config_file});
}

int FailUsage(const std::string& what, const Error& error) {
  std::fprintf(stderr, "firn %s: %s\nfirn %s: see `firn %s --help` for all settings\n",
               what.c_str(), error.context.c_str(), what.c_str(), what.c_str());
  return kUsage;
}

int ShowConfig(const ServerArguments& arguments) {
  const Result<server::LoadedConfig> loaded = LoadServerConfig(arguments);
  if (!loaded) {
    return FailUsage("config show", loaded.error());
  }
  std::size_t width = 0;
  for (const server::Setting& setting : server::Settings()) {
    width = std::max(width, LineOf(setting, loaded->config).size());
  }
  for (const server::Setting& setting : server::Settings()) {
    std::printf("%-*s  # %s\n", static_cast<int>(width), LineOf(setting, loaded->config).c_str(),
                loaded->origins.find(setting.name)->second.c_str());
  }
  return kOk;
}

}  // namespace firn::cli

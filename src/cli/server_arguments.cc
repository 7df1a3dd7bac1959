// SPDX-License-Identifier: Apache-2.0
//
// The command lines of the verbs about running a server, made from the table of settings. Like
// main.cc it includes CLI11, which is why what the verbs do stands elsewhere.
#include <CLI/CLI.hpp>
#include <memory>
#include <vector>

#include "cli/server_verbs.h"

namespace firn::cli {
namespace {

constexpr const char* kServeFooter = R"(Examples:
  firn serve                                  one node on this machine, data in ./firn-data
  firn serve --data /var/lib/firn --config /etc/firn.toml
  firn serve --data n2 --listen 127.0.0.1:7102 --peer-listen 127.0.0.1:7202 \
    --http-listen 127.0.0.1:7302 --join 127.0.0.1:7101
  FIRN_MEMORY=1GiB firn serve

Flags are stronger than the environment (FIRN_ and the name in capitals, with _ for -), that is
stronger than the file, and that than the defaults: `firn config show` tells what holds. Ends with
SIGTERM or Ctrl-C, after it has handed over, answered what was under way and written its memtables.
Exit codes: 0 stopped when told to, 1 failed (standard error says why), 2 the settings make no
sense.)";

constexpr const char* kShowFooter = R"(Examples:
  firn config show
  firn config show --config /etc/firn.toml --memory 1GiB

Prints each setting as the file would have it, and where its value comes from.)";

// Given texts, by the place of the setting in the table; CLI11 writes through pointers.
struct Given {
  std::string file;
  std::vector<std::string> texts;
  std::vector<CLI::Option*> options;

  ServerArguments Arguments() const {
    ServerArguments arguments{.config_file = file, .flags = {}};
    const auto settings = server::Settings();
    for (std::size_t i = 0; i < settings.size(); ++i) {
      if (options[i]->count() > 0) {
        arguments.flags.emplace_back(settings[i].name, texts[i]);
      }
    }
    return arguments;
  }
};

// A switch alone says true.
CLI::Option* AddSetting(CLI::App& verb, const server::Setting& setting, std::string& text) {
  const std::string flag = "--" + std::string(setting.name);
  const std::string value = setting.get(server::Config{});
  const std::string about = std::string(setting.about) + (value.empty() ? "" : " [" + value + "]");
  CLI::Option* option = verb.add_option(flag, text, about);
  if (setting.placeholder.empty()) {
    return option->expected(0, 1)->default_str("true")->option_text("[true|false]");
  }
  return option->option_text(std::string(setting.placeholder));
}

void AddSettings(CLI::App& verb, int (*run)(const ServerArguments&), int& exit_code) {
  const auto settings = server::Settings();
  const auto given = std::make_shared<Given>();
  given->texts.resize(settings.size());
  verb.add_option("--config", given->file, "TOML file of settings")->option_text("FILE");
  for (std::size_t i = 0; i < settings.size(); ++i) {
    given->options.push_back(AddSetting(verb, settings[i], given->texts[i]));
  }
  verb.callback([given, run, &exit_code] { exit_code = run(given->Arguments()); });
}

}  // namespace

void AddServerVerbs(CLI::App& app, int& exit_code) {
  CLI::App& serve = *app.add_subcommand("serve", "Run a node: alone, or as part of a cluster");
  serve.footer(kServeFooter);
  AddSettings(serve, RunServe, exit_code);
  CLI::App& config = *app.add_subcommand("config", "Look at the settings of a server");
  config.require_subcommand(1);
  CLI::App& show = *config.add_subcommand("show", "Print each setting and where it comes from");
  show.footer(kShowFooter);
  AddSettings(show, ShowConfig, exit_code);
}

}  // namespace firn::cli

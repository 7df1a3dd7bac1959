// SPDX-License-Identifier: Apache-2.0
//
// The only place that includes the TOML library, which is told not to throw.
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <string>
#include <utility>

#include "base/propagate.h"
#include "io/posix_file_system.h"
#include "server/config.h"

namespace firn::server {
namespace {

Error At(const std::string& path, const toml::source_region& source, const std::string& what) {
  return {ErrorCode::kInvalidArgument,
          path + " line " + std::to_string(source.begin.line) + ": " + what};
}

}  // namespace

Result<Assignments> ParseConfigText(std::string_view text, const std::string& path) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return At(path, parsed.error().source(), std::string(parsed.error().description()));
  }
  Assignments assignments;
  for (const auto& [key, node] : parsed.table()) {
    const std::string name(key.str());
    if (const auto text_value = node.as_string()) {
      assignments.emplace_back(name, text_value->get());
    } else if (const auto number = node.as_integer()) {
      assignments.emplace_back(name, std::to_string(number->get()));
    } else if (const auto boolean = node.as_boolean()) {
      assignments.emplace_back(name, boolean->get() ? "true" : "false");
    } else {
      return At(path, node.source(),
                name + " is neither a string nor a whole number nor true or false");
    }
  }
  return assignments;
}

Result<Assignments> ReadConfigFile(const std::string& path) {
  FIRN_TRY_ASSIGN(const std::string text, ReadWholeFile(*PosixFileSystem(), path));
  return ParseConfigText(text, path);
}

}  // namespace firn::server

// SPDX-License-Identifier: Apache-2.0
#include "server/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "base/printable.h"

namespace firn::server {
namespace {

constexpr std::size_t kValueMax = 1'024;

std::shared_ptr<spdlog::logger> MakeLogger() {
  auto logger =
      std::make_shared<spdlog::logger>("firn", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(
      "%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
  logger->flush_on(spdlog::level::trace);
  return logger;
}

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

std::string FormatEvent(std::string_view event, std::initializer_list<LogField> fields) {
  std::string line(event);
  for (const auto& [name, value] : fields) {
    line.append(" ").append(name).append("=");
    const std::string shown = Printable(value, kValueMax);
    if (shown.empty() || shown.find_first_of(" \"=") != std::string::npos) {
      line += '"';
      for (const char c : shown) {
        line += c == '"' ? "'" : std::string(1, c);
      }
      line += '"';
    } else {
      line += shown;
    }
  }
  return line;
}

void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  static const std::shared_ptr<spdlog::logger> logger = MakeLogger();
  const std::string line = FormatEvent(event, fields);
  logger->log(LevelOf(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace firn::server

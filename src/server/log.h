// SPDX-License-Identifier: Apache-2.0
//
// The server's log: one line for each event on standard error, with the time in UTC, a level, what
// happened, and fields as name=value, so that people and programs can read it. For events of the
// node's life, never for single requests. Thread-safe.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace firn::server {

enum class LogLevel : std::uint8_t { kInfo, kWarning, kError };

using LogField = std::pair<std::string_view, std::string>;

// Values with blanks or quotes are quoted; what cannot be shown is escaped.
void Log(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});

// "event name=value other=\"two words\""
std::string FormatEvent(std::string_view event, std::initializer_list<LogField> fields);

}  // namespace firn::server

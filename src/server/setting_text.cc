// SPDX-License-Identifier: Apache-2.0
#include "server/setting_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <numeric>
#include <vector>

#include "base/propagate.h"

namespace firn::server {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array kByteUnits = {Unit{"GiB", std::uint64_t{1} << 30},
                                   Unit{"MiB", std::uint64_t{1} << 20},
                                   Unit{"KiB", std::uint64_t{1} << 10}};
constexpr std::array kTimeUnits = {Unit{"ms", 1}, Unit{"s", 1'000}, Unit{"m", 60'000}};

Error Unfit(std::string_view text, std::string_view wanted) {
  return {ErrorCode::kInvalidArgument, "'" + std::string(text) + "' is not " + std::string(wanted)};
}

// A whole number with one of the units, or none when that is allowed.
template <std::size_t N>
Result<std::uint64_t> ParseWithUnit(std::string_view text, const std::array<Unit, N>& units,
                                    bool unit_is_needed, std::string_view wanted) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const auto found = std::find_if(units.begin(), units.end(),
                                  [unit](const Unit& known) { return known.name == unit; });
  if (error != std::errc() || (found == units.end() && (unit_is_needed || !unit.empty()))) {
    return Unfit(text, wanted);
  }
  const std::uint64_t factor = found == units.end() ? 1 : found->factor;
  if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / factor) {
    return Unfit(text, wanted);
  }
  return number * factor;
}

}  // namespace

Result<std::size_t> ParseBytes(std::string_view text) {
  return ParseWithUnit(text, kByteUnits, false, "a size: give bytes, or 16KiB, 64MiB, 1GiB");
}

std::string FormatBytes(std::size_t bytes) {
  for (const Unit& unit : kByteUnits) {
    if (bytes >= unit.factor && bytes % unit.factor == 0) {
      return std::to_string(bytes / unit.factor) + std::string(unit.name);
    }
  }
  return std::to_string(bytes);
}

Result<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  FIRN_TRY_ASSIGN(const std::uint64_t milliseconds,
                  ParseWithUnit(text, kTimeUnits, true, "a duration: give 250ms, 10s or 5m"));
  return std::chrono::milliseconds(static_cast<std::int64_t>(milliseconds));
}

std::string FormatDuration(std::chrono::milliseconds duration) {
  const auto count = static_cast<std::uint64_t>(duration.count());
  for (auto unit = kTimeUnits.rbegin(); unit != kTimeUnits.rend(); ++unit) {
    if (count >= unit->factor && count % unit->factor == 0) {
      return std::to_string(count / unit->factor) + std::string(unit->name);
    }
  }
  return std::to_string(count) + "ms";
}

Result<std::uint64_t> ParseCount(std::string_view text, std::uint64_t max) {
  std::uint64_t count = 0;
  const char* const text_end = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), text_end, count);
  if (error != std::errc() || end != text_end || count > max) {
    return Unfit(text, "a number from 0 to " + std::to_string(max));
  }
  return count;
}

Result<bool> ParseBoolean(std::string_view text) {
  for (const std::string_view yes : {"true", "yes", "on", "1"}) {
    if (text == yes) {
      return true;
    }
  }
  for (const std::string_view no : {"false", "no", "off", "0"}) {
    if (text == no) {
      return false;
    }
  }
  return Unfit(text, "true or false");
}

Result<void> CheckAddress(std::string_view text) {
  constexpr std::string_view kWanted = "an address: give host:port, an IPv6 host in brackets";
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return Unfit(text, kWanted);
  }
  const std::string_view host = text.substr(0, colon);
  const bool is_bracketed = host.front() == '[' && host.back() == ']' && host.size() > 2;
  if (!is_bracketed && host.find_first_of(":[] /") != std::string_view::npos) {
    return Unfit(text, kWanted);
  }
  if (!ParseCount(text.substr(colon + 1), std::numeric_limits<std::uint16_t>::max())) {
    return Unfit(text, kWanted);
  }
  return {};
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace firn::server

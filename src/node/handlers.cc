// SPDX-License-Identifier: Apache-2.0
#include "node/handlers.h"

namespace firn::node {

Options NodeOptions() {
  Options options;
  options.memory_budget_bytes = std::size_t{256} << 20;
  options.memtable_bytes = std::size_t{4} << 20;
  options.level0_tables_max = 4;
  options.compact_when_idle = false;  // What a level holds is what the levels' rules say.
  options.level0_bytes_max = std::uint64_t{40} << 20;
  options.level1_bytes_max = std::uint64_t{400} << 20;
  options.level_ratio = 10;
  return options;
}

void AddHandlers(Node& node, Engine& engine, PlainLog& log) {
  AddMemtableHandlers(node, engine);
  AddTableHandlers(node, engine);
  AddLevelHandlers(node, engine);
  AddStatisticsHandlers(node, engine);
  AddLogHandlers(node, log);
}

std::string PlaceOf(const ReadTrace& trace) {
  switch (trace.source) {
    case ReadTrace::kNowhere: return "";
    case ReadTrace::kMemtable: return "memtable";
    default: return "L" + std::to_string(trace.source);
  }
}

void TextOrNull(JsonWriter& reply, std::string_view name, const std::optional<std::string>& value) {
  if (value) {
    reply.Text(name, *value);
  } else {
    reply.Null(name);
  }
}

}  // namespace firn::node

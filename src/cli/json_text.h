// SPDX-License-Identifier: Apache-2.0
//
// One JSON value as one line, fields in the order in which they were given.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace firn::cli {

using Json = nlohmann::ordered_json;

inline std::string JsonLine(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace firn::cli

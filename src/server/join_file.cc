// SPDX-License-Identifier: Apache-2.0
#include "server/join_file.h"

#include <charconv>
#include <map>
#include <string_view>

#include "base/propagate.h"
#include "io/posix_file_system.h"
#include "replica/identity.h"
#include "replica/node_directory.h"
#include "server/whole_file.h"

namespace firn::server {
namespace {

constexpr std::string_view kAddressesFileName = "ADDRESSES";

// Lines without a value are left out.
std::map<std::string, std::string> ParseLines(std::string_view text) {
  std::map<std::string, std::string> values;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (const std::size_t blank = line.find(' '); blank != std::string_view::npos) {
      values[std::string(line.substr(0, blank))] = line.substr(blank + 1);
    }
  }
  return values;
}

Result<std::optional<std::string>> ReadIfThere(const std::string& path) {
  Result<std::string> text = ReadWholeFile(*PosixFileSystem(), path);
  if (!text && text.error().code == ErrorCode::kNotFound) {
    return std::optional<std::string>();
  }
  FIRN_TRY_ASSIGN(std::string content, std::move(text));
  return std::optional(std::move(content));
}

Result<void> MakeDirectory(const std::string& directory) {
  Result<void> made = PosixFileSystem()->CreateDirectory(directory);
  if (!made && made.error().code != ErrorCode::kAlreadyExists) {
    return made;
  }
  return {};
}

}  // namespace

Result<std::optional<JoinAttempt>> ReadJoinFile(const std::string& directory) {
  const std::string path = JoinPath(directory, kJoinFileName);
  FIRN_TRY_ASSIGN(const std::optional<std::string> text, ReadIfThere(path));
  if (!text) {
    return std::optional<JoinAttempt>();
  }
  auto values = ParseLines(*text);
  JoinAttempt attempt{.directory = 0,
                      .through = values["through"],
                      .client_address = values["client"],
                      .peer_address = values["peer"]};
  const std::string& id = values["directory"];
  const auto [end, error] =
      std::from_chars(id.data(), id.data() + id.size(), attempt.directory, 16);
  if (error != std::errc() || end != id.data() + id.size() || attempt.directory == 0 ||
      attempt.through.empty() || attempt.client_address.empty() || attempt.peer_address.empty()) {
    return Error{ErrorCode::kCorruption,
                 path + ": is not what a joining node wrote; delete the directory and join anew"};
  }
  return std::optional(std::move(attempt));
}

Result<void> WriteJoinFile(const std::string& directory, const JoinAttempt& attempt) {
  FIRN_TRY(MakeDirectory(directory));
  return ReplaceFile(JoinPath(directory, kJoinFileName),
                     "directory " + FormatId(attempt.directory) + "\nthrough " + attempt.through +
                         "\nclient " + attempt.client_address + "\npeer " + attempt.peer_address +
                         "\n");
}

Result<void> DeleteJoinFile(const std::string& directory) {
  Result<void> deleted = PosixFileSystem()->Delete(JoinPath(directory, kJoinFileName));
  if (!deleted && deleted.error().code == ErrorCode::kNotFound) {
    return {};
  }
  return deleted;
}

BoundAddresses ReadAddressesFile(const std::string& directory) {
  const auto text = ReadIfThere(JoinPath(directory, kAddressesFileName));
  if (!text || !*text) {
    return {};
  }
  auto values = ParseLines(**text);
  return {.client = values["client"], .peer = values["peer"], .http = values["http"]};
}

Result<void> WriteAddressesFile(const std::string& directory, const BoundAddresses& addresses) {
  return ReplaceFile(JoinPath(directory, kAddressesFileName),
                     "client " + addresses.client + "\npeer " + addresses.peer + "\nhttp " +
                         addresses.http + "\n");
}

std::string WithFormerPort(const std::string& address, const std::string& bound) {
  const std::size_t colon = address.rfind(':');
  const std::size_t former = bound.rfind(':');
  if (colon == std::string::npos || former == std::string::npos || address.substr(colon) != ":0") {
    return address;
  }
  return address.substr(0, colon) + bound.substr(former);
}

}  // namespace firn::server

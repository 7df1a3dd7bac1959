// SPDX-License-Identifier: Apache-2.0
//
// A program that somebody else might write: it sees the installed headers and library only.
#include <firn/database.h>

#include <cstdio>

int main(int, char** arguments) {
  firn::Database database = firn::Database::Open(arguments[1]).value();
  database.Put("user:1", "Alice").value();
  firn::ScanRange users = database.Scan({.prefix = "user:"});
  for (auto [key, value] : users) {
    std::printf("%s=%s\n", std::string(key).c_str(), std::string(value).c_str());
  }
  users.status().value();
  return database.Close() ? 0 : 1;
}

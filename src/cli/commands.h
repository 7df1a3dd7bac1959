// SPDX-License-Identifier: Apache-2.0
//
// The verbs of the program `firn`, one file for each. Results go to standard output, everything
// else to standard error. Every verb returns the exit code of the process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "firn/result.h"

namespace firn::cli {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;  // The work could not be done; standard error says why.
inline constexpr int kUsage = 2;   // The command line makes no sense.

// Speaks the line protocol (docs/protocol/node.md) until the input ends or a signal says so.
// Without a directory, in a temporary one.
int RunNode(const std::string& directory);

// Reads and checks every table of a database that nobody has open.
int Verify(const std::string& directory);

// Becomes the benchmark program, which stands beside this one, and hands it the arguments. Returns
// only when there is none.
int RunBench(const std::vector<std::string>& arguments);

// Print what is in one file. Damage is described and makes them fail.
int InspectWal(const std::string& path);
int InspectTable(const std::string& path);
int InspectManifest(const std::string& path);

// An authority for development, and certificates that it signs.
struct CertificateRequest {
  std::string directory = "certs";  // Made if it is not there.
  std::uint64_t nodes = 5;
  std::vector<std::string> hosts;  // Names and addresses of nodes besides this machine's own.
};
// Overwrites nothing.
int MakeDevelopmentCertificates(const CertificateRequest& request);

// Says so on standard error, with what the user can do about it. Returns kFailed.
int Fail(const std::string& what, const Error& error);

// "a/b.wal" as the directory "a" and the name "b.wal".
struct FilePath {
  std::string directory;
  std::string name;
};
FilePath SplitPath(const std::string& path);

}  // namespace firn::cli

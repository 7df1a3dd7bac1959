// SPDX-License-Identifier: Apache-2.0
//
// `firn cert dev`: an authority of one's own and what it signs, so that TLS can be tried, and
// tested against, in a minute.
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/propagate.h"
#include "cli/commands.h"
#include "server/tls/certificates.h"

namespace firn::cli {
namespace {

constexpr const char* kAuthority = "ca";
constexpr const char* kClient = "client";

std::string NodeStem(std::uint64_t node) { return "node-" + std::to_string(node); }

std::vector<std::string> Stems(std::uint64_t nodes) {
  std::vector<std::string> stems{kAuthority, kClient};
  for (std::uint64_t node = 1; node <= nodes; ++node) {
    stems.push_back(NodeStem(node));
  }
  return stems;
}

Result<void> MakeDirectory(const std::string& directory) {
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
    return Error{errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                 directory + ": " + std::strerror(errno)};
  }
  return {};
}

// Before anything is written: half a set would be of no use.
Result<void> CheckNothingIsThere(const CertificateRequest& request) {
  for (const std::string& stem : Stems(request.nodes)) {
    for (const char* suffix : {".pem", ".key"}) {
      const std::string path = request.directory + "/" + stem + suffix;
      struct stat status{};
      if (::stat(path.c_str(), &status) == 0) {
        return Error{ErrorCode::kAlreadyExists, path + " is there, and is not overwritten"};
      }
    }
  }
  return {};
}

Result<void> MakeAll(const CertificateRequest& request) {
  FIRN_TRY(MakeDirectory(request.directory));
  FIRN_TRY(CheckNothingIsThere(request));
  const std::string in = request.directory + "/";
  FIRN_TRY_ASSIGN(const PemPair authority, MakeCertificateAuthority("firn development authority"));
  FIRN_TRY_ASSIGN(const PemPair client, IssueClientCertificate(authority, "firn client"));
  std::vector<std::pair<std::string, PemPair>> all{{kClient, client}};
  for (std::uint64_t node = 1; node <= request.nodes; ++node) {
    FIRN_TRY_ASSIGN(PemPair pair, IssueNodeCertificate(authority, {node}, request.hosts));
    all.emplace_back(NodeStem(node), std::move(pair));
  }
  FIRN_TRY(WritePem(in + kAuthority, authority));
  for (const auto& [stem, pair] : all) {
    FIRN_TRY(WritePem(in + stem, pair));
  }
  return {};
}

}  // namespace

int MakeDevelopmentCertificates(const CertificateRequest& request) {
  const Result<void> made = MakeAll(request);
  if (!made) {
    return Fail("cert dev", made.error());
  }
  const char* in = request.directory.c_str();
  std::printf(
      "%s: an authority (ca), %llu nodes (node-1, …) and a client, each .pem and .key\n\n"
      "A node shows its certificate to clients and to other nodes; for node 1:\n"
      "  firn serve --tls-certificate %s/node-1.pem --tls-key %s/node-1.key \\\n"
      "    --peer-tls-certificate %s/node-1.pem --peer-tls-key %s/node-1.key --peer-tls-ca "
      "%s/ca.pem\n"
      "A client holds what it is shown against the authority:\n"
      "  firn status --tls-ca %s/ca.pem\n\n"
      "Whoever has ca.key can make any node: keep it, and no server needs it. For development; in\n"
      "production use an authority of your own, and name nodes firn:node:ID in the same way.\n",
      in, static_cast<unsigned long long>(request.nodes), in, in, in, in, in, in);
  return kOk;
}

}  // namespace firn::cli

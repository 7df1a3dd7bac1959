// SPDX-License-Identifier: Apache-2.0
#include "measured_cluster.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include "base/propagate.h"
#include "cli/demo_terminal.h"
#include "io/posix_descriptor.h"

namespace firn::bench {

Result<void> Await(const std::string& what, const std::function<Result<bool>()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kClusterPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    FIRN_TRY_ASSIGN(const bool is_so, condition());
    if (is_so) {
      return {};
    }
    if (!Pause(kClusterTurn)) {
      return Error{ErrorCode::kIo, "told to stop"};
    }
  }
  return Error{ErrorCode::kIo,
               what + " within " + std::to_string(kClusterPatience.count() / 1000) + " s"};
}

bool Pause(std::chrono::nanoseconds duration) {
  constexpr std::chrono::nanoseconds kStep = std::chrono::milliseconds(50);
  const auto end = std::chrono::steady_clock::now() + duration;
  while (!cli::IsToldToStop()) {
    const std::chrono::nanoseconds left = end - std::chrono::steady_clock::now();
    if (left.count() <= 0) {
      return true;
    }
    std::this_thread::sleep_for(std::min(left, kStep));
  }
  return false;
}

// All sockets are held until the last is bound, which makes the ports differ.
Result<std::vector<std::string>> FreeAddresses(std::size_t count) {
  std::vector<posix::Descriptor> sockets;
  std::vector<std::string> addresses;
  for (std::size_t i = 0; i < count; ++i) {
    posix::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (!socket.valid() ||
        ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0) {
      return posix::SystemError("find", "a free port on loopback", errno);
    }
    addresses.push_back("127.0.0.1:" + std::to_string(ntohs(address.sin_port)));
    sockets.push_back(std::move(socket));
  }
  return addresses;
}

Result<void> MeasuredCluster::AddNode(std::string address, std::string peer_address) {
  Node node{.directory = plan_.directory + "/node" + std::to_string(nodes_.size() + 1),
            .address = std::move(address),
            .peer_address = std::move(peer_address)};
  if (::mkdir(node.directory.c_str(), 0755) != 0) {
    return posix::SystemError("make", node.directory, errno);
  }
  nodes_.push_back(std::move(node));
  return {};
}

Result<void> MeasuredCluster::Launch(int node, bool is_first_start) {
  FIRN_TRY_ASSIGN(At(node).process,
                  cli::ChildProcess::Start(Words(node, is_first_start), LogPath(node)));
  return {};
}

Result<void> MeasuredCluster::CheckRuns(int node) {
  if (At(node).process.HasEnded()) {
    return Error{ErrorCode::kIo, "node " + std::to_string(node + 1) + " ended by itself; see " +
                                     LogPath(node) + " (--keep keeps it)"};
  }
  return {};
}

Result<int> MeasuredCluster::AwaitLeader() {
  int leader = -1;
  FIRN_TRY(Await("no node leads", [&]() -> Result<bool> {
    for (int node = 0; node < size() && leader < 0; ++node) {
      const Result<Standing> standing =
          At(node).process.id() < 0 ? Result<Standing>(Standing{}) : Ask(node);
      leader = standing && standing->leads ? node : -1;
    }
    return leader >= 0;
  }));
  return leader;
}

Result<void> MeasuredCluster::AwaitAll() {
  return Await("not all nodes serve", [&]() -> Result<bool> {
    for (int node = 0; node < size(); ++node) {
      FIRN_TRY(CheckRuns(node));
      const Result<Standing> standing = Ask(node);
      if (!standing || !standing->knows_leader) {
        return false;
      }
    }
    return true;
  });
}

}  // namespace firn::bench

// SPDX-License-Identifier: Apache-2.0
#include "server/client_listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/propagate.h"
#include "server/socket_address.h"

namespace firn::server {
namespace {

constexpr int kBacklog = 1'024;
// How long to leave a socket alone that cannot be served for want of memory or descriptors.
constexpr int kRestMs = 20;
// An answer that nobody acknowledges for so long ends its connection.
constexpr int kUserTimeoutMs = 30'000;

// Without descriptors or memory, there is nothing wrong with the socket itself.
bool IsShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Result<std::unique_ptr<ClientListener>> ClientListener::Bind(const std::string& address) {
  std::unique_ptr<ClientListener> listener(new ClientListener);
  FIRN_TRY_ASSIGN(std::vector<SocketAddress> resolved, Resolve(address));
  std::uint16_t port = 0;
  for (SocketAddress& at : resolved) {
    if (port != 0) {  // The port that was taken at the first.
      at.SetPort(port);
    }
    FIRN_TRY_ASSIGN(posix::Descriptor socket, BindTo(at, address));
    if (::listen(socket.get(), kBacklog) != 0) {
      return posix::SystemError("listen on", address, errno);
    }
    port = PortOf(socket);
    listener->sockets_.push_back(std::move(socket));
  }
  listener->address_ = WithPort(address, port);
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    return posix::SystemError("make a pipe for", address, errno);
  }
  listener->wake_read_ = posix::Descriptor(pipe[0]);
  listener->wake_write_ = posix::Descriptor(pipe[1]);
  FIRN_TRY_ASSIGN(listener->reserve_, posix::OpenDescriptor("open", "/dev/null", O_RDONLY));
  return listener;
}

ClientListener::~ClientListener() { Stop(); }

void ClientListener::Start(Handover handover) {
  ledger_ = std::make_unique<ConnectionLedger>(handover.clock, handover.open_max);
  take_ = std::move(handover.take);
  thread_ = std::make_unique<WorkerPool>("firn-accept", 1);
  thread_->Post([this] { Run(); });
}

void ClientListener::Stop() {
  if (thread_) {
    const char byte = 0;
    static_cast<void>(posix::Uninterrupted([&] { return ::write(wake_write_.get(), &byte, 1); }));
    thread_.reset();
  }
  sockets_.clear();
}

ClientListener::Statistics ClientListener::GetStatistics() const {
  return {.accepted = accepted_.load(std::memory_order_relaxed),
          .refused = refused_.load(std::memory_order_relaxed)};
}

void ClientListener::Run() {
  std::vector<pollfd> polled;
  polled.push_back({.fd = wake_read_.get(), .events = POLLIN, .revents = 0});
  for (const posix::Descriptor& socket : sockets_) {
    polled.push_back({.fd = socket.get(), .events = POLLIN, .revents = 0});
  }
  bool rests = false;
  for (;;) {
    // While it rests it listens to nothing but the end.
    const int ready = ::poll(polled.data(), rests ? 1 : polled.size(), rests ? kRestMs : -1);
    if (ready < 0 && errno != EINTR) {
      rests = true;
      continue;
    }
    if (ready > 0 && (polled[0].revents & POLLIN) != 0) {
      return;
    }
    const bool looked = !rests && ready > 0;
    rests = false;
    for (std::size_t i = 1; looked && i < polled.size(); ++i) {
      if (polled[i].revents != 0 && !AcceptAll(polled[i].fd)) {
        rests = true;
      }
    }
  }
}

bool ClientListener::AcceptAll(int listener) {
  // Others have their turn after so many.
  for (int i = 0; i < kBacklog; ++i) {
    posix::Descriptor connection(
        ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection.valid()) {
      Take(listener, std::move(connection));
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return true;
    }
    // Anything else is about that one connection, which is gone.
    if (IsShortage(errno) && !RefuseWithReserve(listener)) {
      return false;
    }
  }
  return true;
}

void ClientListener::Take(int listener, posix::Descriptor connection) {
  if (!ledger_->HasRoom()) {
    return Refuse(std::move(connection));
  }
  const int on = 1;
  ::setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(connection.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs,
               sizeof kUserTimeoutMs);
  ledger_->Add(connection.get());
  accepted_.fetch_add(1, std::memory_order_relaxed);
  take_(listener, std::move(connection));
}

// A reset leaves nothing behind on this side, not even a socket that waits for its time to pass.
void ClientListener::Refuse(posix::Descriptor connection) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(connection.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  refused_.fetch_add(1, std::memory_order_relaxed);
}

bool ClientListener::RefuseWithReserve(int listener) {
  if (!reserve_.valid()) {  // Something else was quicker the last time.
    reserve_ = posix::Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return false;
  }
  reserve_ = posix::Descriptor();
  posix::Descriptor connection(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  const bool has_refused = connection.valid();
  if (has_refused) {
    Refuse(std::move(connection));
  }
  reserve_ = posix::Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return has_refused;
}

}  // namespace firn::server

// SPDX-License-Identifier: Apache-2.0
#include "server/stop_signals.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>

#include "base/propagate.h"

namespace firn::server {
namespace {

constexpr int kStoppedAtOnce = 1;  // The exit code when the second signal has come.

// All that a handler may touch. Lock-free atomics are safe in it.
std::atomic<int> pipe_end{-1};
std::atomic<int> signals_seen{0};
static_assert(std::atomic<int>::is_always_lock_free);

void OnSignal(int signal) {
  if (signals_seen.fetch_add(1) > 0) {
    ::_exit(kStoppedAtOnce);
  }
  const int saved = errno;
  const auto byte = static_cast<char>(signal);
  static_cast<void>(::write(pipe_end.load(), &byte, 1));
  errno = saved;
}

}  // namespace

Result<StopSignals> StopSignals::Install() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return posix::SystemError("make a pipe for", "signals", errno);
  }
  StopSignals signals{posix::Descriptor(ends[0]), posix::Descriptor(ends[1])};
  pipe_end.store(ends[1]);
  signals_seen.store(0);
  struct sigaction action{};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_ONSTACK | SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    if (::sigaction(signal, &action, nullptr) != 0) {
      return posix::SystemError("handle", "signals", errno);
    }
  }
  struct sigaction ignored{};
  ignored.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignored, nullptr);
  return signals;
}

StopSignals::Reason StopSignals::Await() {
  char byte = 0;
  static_cast<void>(posix::Uninterrupted([&] { return ::read(read_.get(), &byte, 1); }));
  return {.signal = byte};
}

bool StopSignals::HasReason() const {
  pollfd polled{.fd = read_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&polled, 1, 0) > 0;
}

void StopSignals::Raise() const {
  const char byte = 0;
  static_cast<void>(posix::Uninterrupted([&] { return ::write(write_.get(), &byte, 1); }));
}

}  // namespace firn::server

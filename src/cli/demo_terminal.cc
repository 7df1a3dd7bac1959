// SPDX-License-Identifier: Apache-2.0
//
// Handlers run on the alternate stack, because the runtime of the Raft bridge wants theirs there.
#include "cli/demo_terminal.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace firn::cli {
namespace {

volatile sig_atomic_t told_to_stop = 0;

void NoteStop(int) { told_to_stop = 1; }

}  // namespace

bool IsToldToStop() {
  static const bool is_installed = [] {
    struct sigaction action{};
    action.sa_handler = NoteStop;
    action.sa_flags = SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
      ::sigaction(signal, &action, nullptr);
    }
    return true;
  }();
  return is_installed && told_to_stop != 0;
}

DemoTerminal::DemoTerminal() : draws_(::isatty(STDOUT_FILENO) != 0) {
  if (::isatty(STDIN_FILENO) == 0 || ::tcgetattr(STDIN_FILENO, &former_) != 0) {
    return;
  }
  termios changed = former_;
  changed.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  has_keys_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &changed) == 0;
}

DemoTerminal::~DemoTerminal() {
  if (has_keys_) {
    ::tcsetattr(STDIN_FILENO, TCSANOW, &former_);
  }
}

char DemoTerminal::Key(std::chrono::milliseconds limit) {
  pollfd input{.fd = has_keys_ ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0};
  char key = 0;
  if (::poll(&input, 1, static_cast<int>(limit.count())) > 0 &&
      ::read(STDIN_FILENO, &key, 1) != 1) {
    has_keys_ = false;  // The terminal is gone.
    return 0;
  }
  return key;
}

void DemoTerminal::Erase() {
  if (drawn_lines_ > 0) {
    std::printf("\x1b[%dA\x1b[J", drawn_lines_);
    drawn_lines_ = 0;
  }
}

void DemoTerminal::Say(const std::string& line) {
  Erase();
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

void DemoTerminal::Draw(const std::string& panel) {
  if (!draws_) {
    return;
  }
  Erase();
  std::fwrite(panel.data(), 1, panel.size(), stdout);
  std::fflush(stdout);
  drawn_lines_ = static_cast<int>(std::count(panel.begin(), panel.end(), '\n'));
}

}  // namespace firn::cli

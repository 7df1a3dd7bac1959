// SPDX-License-Identifier: Apache-2.0
//
// The terminal of `firn demo`: keys as they are pressed, and a panel that is drawn over the one
// before, below lines that stay. Without a terminal there are no keys, and panels are not drawn.
// One at a time in a process.
#pragma once

#include <termios.h>

#include <chrono>
#include <string>

namespace firn::cli {

class DemoTerminal {
 public:
  DemoTerminal();
  // Puts the terminal back as it was.
  ~DemoTerminal();
  DemoTerminal(const DemoTerminal&) = delete;
  DemoTerminal& operator=(const DemoTerminal&) = delete;

  // Waits for a key, up to that long; 0: there was none.
  char Key(std::chrono::milliseconds limit);
  // A line that stays.
  void Say(const std::string& line);
  // Lines in place of the last ones that were drawn.
  void Draw(const std::string& panel);
  bool draws() const { return draws_; }

 private:
  void Erase();

  bool has_keys_ = false;
  bool draws_ = false;
  int drawn_lines_ = 0;
  termios former_{};
};

// Whether SIGINT, SIGTERM or SIGHUP has come since the first call, which installs the handlers.
bool IsToldToStop();

}  // namespace firn::cli

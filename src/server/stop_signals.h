// SPDX-License-Identifier: Apache-2.0
//
// What ends a program from outside (SIGTERM, SIGINT, SIGHUP) or from inside, as something one
// thread can wait for. Handlers write to a pipe and run on the alternate stack, as the Go runtime
// in the process demands; descriptors of signals do not work beside it. A second signal ends the
// process at once.
//
// One object in a process.
#pragma once

#include <utility>

#include "firn/result.h"
#include "io/posix_descriptor.h"

namespace firn::server {

class StopSignals {
 public:
  // From then on signals do not end the process, until the second. SIGPIPE is ignored for good.
  static Result<StopSignals> Install();

  struct Reason {
    int signal = 0;  // 0: Raise was called.
  };
  // Blocks until there is a reason to end.
  Reason Await();
  // Readable when there is one.
  int descriptor() const { return read_.get(); }
  // Whether Await would return at once. Thread-safe.
  bool HasReason() const;
  // Ends the wait. Thread-safe.
  void Raise() const;

 private:
  StopSignals(posix::Descriptor read_end, posix::Descriptor write_end)
      : read_(std::move(read_end)), write_(std::move(write_end)) {}

  posix::Descriptor read_;
  posix::Descriptor write_;
};

}  // namespace firn::server

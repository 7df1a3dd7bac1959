// SPDX-License-Identifier: Apache-2.0
//
// Feeds a node the lines of one descriptor and writes its answers to another. Answers are held back
// only while whole lines wait to be answered: a client that waits for its answer gets it at once,
// and one that streams costs a system call for many lines, not for each.
//
// One thread. Memory is bounded by the longest line and the longest answer: while nobody reads the
// answers, no more lines are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "firn/result.h"
#include "node/line_splitter.h"
#include "node/node.h"

namespace firn::node {

inline constexpr std::size_t kLineBytesMax = std::size_t{32} << 20;

class StdioLoop {
 public:
  struct Descriptors {
    int input = 0;
    int output = 1;
    int stop = -1;  // Readable once the loop is to end; -1: it never is.
  };

  // `report` is told about lines that are not answered.
  StdioLoop(Node& node, Descriptors descriptors, std::function<void(const std::string&)> report)
      : node_(node), descriptors_(descriptors), report_(std::move(report)) {}

  // Until the input ends or stop becomes readable; then every answer has been written. kIo when a
  // descriptor fails, or when answers are left that nobody reads.
  Result<void> Run();

 private:
  enum class Wake { kReady, kStop };

  // Until `descriptor` is ready for `events` (of poll), or it is time to stop.
  Result<Wake> Wait(int descriptor, short events) const;
  // Reads once; false at the end of the input.
  Result<bool> ReadSome();
  Result<void> AnswerLines();
  void AnswerLine(const LineSplitter::Line& line);
  Result<void> Flush();
  Result<std::size_t> WriteSome(std::string_view bytes) const;

  Node& node_;
  const Descriptors descriptors_;
  const std::function<void(const std::string&)> report_;
  LineSplitter lines_{kLineBytesMax};
  std::string answers_;
  bool stopping_ = false;
};

}  // namespace firn::node

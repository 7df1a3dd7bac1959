// SPDX-License-Identifier: Apache-2.0
//
// Being told to stop must get through at any time, also while a write would wait for a reader. So
// nothing here blocks but poll: reads follow readiness, and writes are of at most PIPE_BUF bytes,
// which a pipe that is ready always takes (poll(2), pipe(7)).
#include "node/stdio_loop.h"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/propagate.h"

namespace firn::node {
namespace {

constexpr std::size_t kAnswersFlushBytes = std::size_t{64} << 10;
constexpr int kPatienceMilliseconds = 1000;  // With a reader that does not read, once told to stop.
constexpr std::size_t kAnswersKeptBytes = std::size_t{1} << 20;

Error Failed(const std::string& operation, int error_number) {
  return {ErrorCode::kIo, operation + ": " + std::generic_category().message(error_number)};
}

}  // namespace

Result<StdioLoop::Wake> StdioLoop::Wait(int descriptor, short events) const {
  pollfd polled[] = {{.fd = descriptor, .events = events, .revents = 0},
                     {.fd = descriptors_.stop, .events = POLLIN, .revents = 0}};
  while (::poll(polled, 2, -1) < 0) {
    if (errno != EINTR) {
      return Failed("poll", errno);
    }
  }
  return polled[1].revents != 0 ? Wake::kStop : Wake::kReady;
}

Result<bool> StdioLoop::ReadSome() {
  const std::span<char> room = lines_.Room();
  const ssize_t got = ::read(descriptors_.input, room.data(), room.size());
  if (got >= 0) {
    lines_.Take(static_cast<std::size_t>(got));
    return got > 0;
  }
  if (errno == EINTR || errno == EAGAIN) {
    return true;
  }
  return Failed("read standard input", errno);
}

void StdioLoop::AnswerLine(const LineSplitter::Line& line) {
  const std::string place = "line " + std::to_string(line.number) + ": ";
  if (line.too_long) {
    report_(place + "longer than " + std::to_string(kLineBytesMax) + " bytes; skipped");
    return;
  }
  if (line.text.find_first_not_of(" \t") == std::string_view::npos) {
    return;
  }
  if (Result<void> answered = node_.Answer(line.text, answers_); !answered) {
    report_(place + answered.error().context + "; skipped");
  }
}

Result<void> StdioLoop::AnswerLines() {
  while (const auto line = lines_.Next()) {
    AnswerLine(*line);
    if (answers_.size() >= kAnswersFlushBytes) {
      FIRN_TRY(Flush());
      if (stopping_) {
        return {};
      }
    }
  }
  return Flush();
}

Result<std::size_t> StdioLoop::WriteSome(std::string_view bytes) const {
  const std::size_t length = std::min<std::size_t>(bytes.size(), PIPE_BUF);
  const ssize_t written = ::write(descriptors_.output, bytes.data(), length);
  if (written >= 0) {
    return static_cast<std::size_t>(written);
  }
  if (errno == EINTR || errno == EAGAIN) {
    return std::size_t{0};
  }
  return Failed("write standard output", errno);
}

Result<void> StdioLoop::Flush() {
  std::string_view left = answers_;
  while (!left.empty()) {
    FIRN_TRY_ASSIGN(const Wake wake, Wait(descriptors_.output, POLLOUT));
    stopping_ = stopping_ || wake == Wake::kStop;
    if (stopping_) {
      // A reader gets what is left as long as it reads.
      pollfd polled{.fd = descriptors_.output, .events = POLLOUT, .revents = 0};
      if (::poll(&polled, 1, kPatienceMilliseconds) <= 0) {
        return Error{ErrorCode::kIo, "stopped with " + std::to_string(left.size()) +
                                         " bytes of answers that nobody read"};
      }
    }
    FIRN_TRY_ASSIGN(const std::size_t written, WriteSome(left));
    left.remove_prefix(written);
  }
  answers_.clear();
  if (answers_.capacity() > kAnswersKeptBytes) {
    answers_.shrink_to_fit();
  }
  return {};
}

Result<void> StdioLoop::Run() {
  while (!stopping_) {
    FIRN_TRY_ASSIGN(const Wake wake, Wait(descriptors_.input, POLLIN));
    if (wake == Wake::kStop) {
      return {};
    }
    FIRN_TRY_ASSIGN(const bool more, ReadSome());
    FIRN_TRY(AnswerLines());
    if (!more) {
      if (const auto last = lines_.Last()) {
        AnswerLine(*last);
      }
      return Flush();
    }
  }
  return {};
}

}  // namespace firn::node

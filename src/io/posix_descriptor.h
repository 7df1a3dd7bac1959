// SPDX-License-Identifier: Apache-2.0
//
// What every file of the machine is made of: a descriptor that closes itself, transfers that go on
// after interruptions and short counts, and errors that name the operation, the path and the
// reason.
//
// Descriptors run out. Files opened for reading register as openings that can be given up while
// nobody reads them, and OpenDescriptor asks for that (posix_readable_file.h) before it reports
// EMFILE. Functions are thread-safe; a Descriptor belongs to its owner.
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "firn/result.h"

namespace firn::posix {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor();

  int get() const { return number_; }
  bool valid() const { return number_ >= 0; }
  int Release() { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

// The error for `error_number`: "create /db/000001.wal: no space left on device".
Error SystemError(std::string_view operation, std::string_view path, int error_number);
// The same for a failed sync, which is kIo whatever the reason: nothing heals it.
Error SyncError(std::string_view operation, std::string_view path, int error_number);

// Repeats a system call while signals interrupt it.
template <typename Call>
auto Uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) {
    result = call();
  }
  return result;
}

// Calls `transfer(done)`, which moves some bytes after the first `done`, until `length` are moved,
// it moves none, or it fails. Returns the bytes moved, or -1 with errno.
template <typename Call>
ssize_t TransferAll(std::size_t length, Call transfer) {
  std::size_t done = 0;
  while (done < length) {
    const ssize_t moved = Uninterrupted([&] { return transfer(done); });
    if (moved < 0) {
      return -1;
    }
    if (moved == 0) {
      break;
    }
    done += static_cast<std::size_t>(moved);
  }
  return static_cast<ssize_t>(done);
}

// open(2) with O_CLOEXEC; files it creates are 0644. When descriptors have run out it gives up idle
// readable files first. `operation` is for the error.
Result<Descriptor> OpenDescriptor(std::string_view operation, const std::string& path, int flags);

// Writes all of `bytes` at `offset`.
Result<void> WriteAt(int descriptor, const std::string& path, std::uint64_t offset,
                     std::string_view bytes);

Result<void> SyncData(int descriptor, const std::string& path);
Result<std::uint64_t> SizeOf(int descriptor, const std::string& path);

// "/db" for "/db/SUPER", "." for "SUPER".
std::string ParentOf(const std::string& path);
Result<void> SyncDirectoryAt(const std::string& path);

}  // namespace firn::posix

// SPDX-License-Identifier: Apache-2.0
#include "io/posix_descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <system_error>

#include "base/propagate.h"
#include "io/posix_readable_file.h"

namespace firn::posix {
namespace {

ErrorCode CodeOf(int error_number) {
  switch (error_number) {
    case ENOENT: return ErrorCode::kNotFound;
    case EEXIST: return ErrorCode::kAlreadyExists;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE: return ErrorCode::kNoSpace;
    case EOPNOTSUPP:
    case ENOSYS:
    case EXDEV: return ErrorCode::kUnsupported;
    default: return ErrorCode::kIo;
  }
}

std::string Describe(std::string_view operation, std::string_view path, int error_number) {
  std::string reason = std::generic_category().message(error_number);
  reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
  return std::string(operation).append(" ").append(path).append(": ").append(reason);
}

}  // namespace

// The descriptor is gone even when close(2) was interrupted, so it is never repeated.
Descriptor::~Descriptor() {
  if (valid()) {
    ::close(number_);
  }
}

Error SystemError(std::string_view operation, std::string_view path, int error_number) {
  return {CodeOf(error_number), Describe(operation, path, error_number)};
}

Error SyncError(std::string_view operation, std::string_view path, int error_number) {
  return {ErrorCode::kIo, Describe(operation, path, error_number)};
}

Result<Descriptor> OpenDescriptor(std::string_view operation, const std::string& path, int flags) {
  constexpr mode_t kMode = 0644;
  while (true) {
    const int number =
        Uninterrupted([&] { return ::open(path.c_str(), flags | O_CLOEXEC, kMode); });
    if (number >= 0) {
      return Descriptor(number);
    }
    const int error_number = errno;
    const bool ran_out = error_number == EMFILE || error_number == ENFILE;
    if (!ran_out || !CloseIdleReadableFiles()) {
      return SystemError(operation, path, error_number);
    }
  }
}

Result<void> WriteAt(int descriptor, const std::string& path, std::uint64_t offset,
                     std::string_view bytes) {
  const ssize_t written = TransferAll(bytes.size(), [&](std::size_t done) {
    return ::pwrite(descriptor, bytes.data() + done, bytes.size() - done,
                    static_cast<off_t>(offset + done));
  });
  if (written < 0) {
    return SystemError("write", path, errno);
  }
  if (static_cast<std::size_t>(written) != bytes.size()) {
    return SystemError("write", path, EIO);
  }
  return {};
}

Result<void> SyncData(int descriptor, const std::string& path) {
  if (Uninterrupted([&] { return ::fdatasync(descriptor); }) != 0) {
    return SyncError("sync", path, errno);
  }
  return {};
}

Result<std::uint64_t> SizeOf(int descriptor, const std::string& path) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0) {
    return SystemError("stat", path, errno);
  }
  return static_cast<std::uint64_t>(status.st_size);
}

std::string ParentOf(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) {
    return ".";
  }
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> SyncDirectoryAt(const std::string& path) {
  Result<Descriptor> opened = OpenDescriptor("sync directory", path, O_RDONLY | O_DIRECTORY);
  if (!opened) {
    // A sync that did not come about is as good as one that failed, whatever was short.
    return Error{ErrorCode::kIo, std::move(opened).error().context};
  }
  const Descriptor directory = *std::move(opened);
  if (Uninterrupted([&] { return ::fsync(directory.get()); }) != 0) {
    return SyncError("sync directory", path, errno);
  }
  return {};
}

}  // namespace firn::posix

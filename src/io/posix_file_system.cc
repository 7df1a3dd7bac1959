// SPDX-License-Identifier: Apache-2.0
//
// System calls, one for each operation, and the two kinds of files that need little more than that.
#include "io/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/propagate.h"
#include "io/posix_descriptor.h"
#include "io/posix_log_file.h"
#include "io/posix_readable_file.h"

namespace firn {
namespace {

using posix::Descriptor;
using posix::OpenDescriptor;
using posix::SystemError;

constexpr std::size_t kAppendBufferBytes = 64 << 10;
constexpr std::uint64_t kWriteBackBytes = 1 << 20;

// Buffers small appends. Every MiB the kernel is told to start writing, so that the sync at the end
// does not find hundreds of them. The first error stays: what follows it has a hole before it.
class PosixAppendableFile final : public AppendableFile {
 public:
  PosixAppendableFile(std::string path, Descriptor descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {
    buffer_.reserve(kAppendBufferBytes);
  }

  Result<void> Append(std::string_view bytes) override {
    if (buffer_.size() + bytes.size() <= kAppendBufferBytes && !failure_) {
      buffer_.append(bytes);
      return {};
    }
    FIRN_TRY(WriteBuffer());
    if (bytes.size() < kAppendBufferBytes) {
      buffer_.append(bytes);
      return {};
    }
    return Write(bytes);
  }

  Result<void> Sync() override {
    FIRN_TRY(WriteBuffer());
    return Keep(posix::SyncData(descriptor_.get(), path_));
  }

  Result<void> Close() override {
    FIRN_TRY(WriteBuffer());
    if (!descriptor_.valid()) {
      return {};
    }
    // Linux frees the descriptor even when it reports an interruption.
    if (::close(descriptor_.Release()) != 0 && errno != EINTR) {
      return Keep(SystemError("close", path_, errno));
    }
    return {};
  }

 private:
  Result<void> WriteBuffer() {
    Result<void> written = Write(buffer_);
    buffer_.clear();
    return written;
  }

  Result<void> Write(std::string_view bytes) {
    if (failure_) {
      return *failure_;
    }
    FIRN_TRY(Keep(posix::WriteAt(descriptor_.get(), path_, size_, bytes)));
    size_ += bytes.size();
    if (size_ - write_back_from_ >= kWriteBackBytes) {
      ::sync_file_range(descriptor_.get(), static_cast<off_t>(write_back_from_),
                        static_cast<off_t>(size_ - write_back_from_), SYNC_FILE_RANGE_WRITE);
      write_back_from_ = size_;
    }
    return {};
  }

  Result<void> Keep(Result<void> result) {
    if (!result && !failure_) {
      failure_ = result.error();
    }
    return result;
  }

  const std::string path_;
  Descriptor descriptor_;
  std::string buffer_;
  std::uint64_t size_ = 0;
  std::uint64_t write_back_from_ = 0;
  std::optional<Error> failure_;
};

class PosixSlottedFile final : public SlottedFile {
 public:
  PosixSlottedFile(std::string path, Descriptor descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {}

  Result<void> Write(std::uint64_t offset, std::string_view bytes) override {
    return posix::WriteAt(descriptor_.get(), path_, offset, bytes);
  }
  Result<void> Sync() override { return posix::SyncData(descriptor_.get(), path_); }

 private:
  const std::string path_;
  const Descriptor descriptor_;
};

class PosixFileLock final : public FileLock {
 public:
  explicit PosixFileLock(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  const Descriptor descriptor_;  // Closing it releases the lock.
};

class PosixFiles final : public FileSystem {
 public:
  Result<std::unique_ptr<ReadableFile>> OpenReadable(const std::string& path) override {
    return posix::OpenReadableFile(path);
  }

  Result<std::unique_ptr<AppendableFile>> CreateAppendable(const std::string& path) override {
    FIRN_TRY_ASSIGN(Descriptor descriptor,
                    OpenDescriptor("create", path, O_WRONLY | O_CREAT | O_EXCL));
    return std::unique_ptr<AppendableFile>(
        std::make_unique<PosixAppendableFile>(path, std::move(descriptor)));
  }

  Result<std::unique_ptr<SlottedFile>> OpenSlotted(const std::string& path) override {
    FIRN_TRY_ASSIGN(Descriptor descriptor, OpenDescriptor("open", path, O_WRONLY | O_CREAT));
    return std::unique_ptr<SlottedFile>(
        std::make_unique<PosixSlottedFile>(path, std::move(descriptor)));
  }

  Result<std::unique_ptr<LogFile>> CreateLog(const std::string& path, std::uint64_t capacity,
                                             WalAppend way) override {
    return posix::CreateLogFile(path, capacity, way);
  }

  Result<std::unique_ptr<LogFile>> RecycleLog(const std::string& from, const std::string& path,
                                              std::uint64_t capacity, WalAppend way) override {
    return posix::RecycleLogFile(from, path, capacity, way);
  }

  Result<void> Delete(const std::string& path) override {
    return Check(::unlink(path.c_str()), "delete", path);
  }

  Result<void> Link(const std::string& from, const std::string& to) override {
    return Check(::link(from.c_str(), to.c_str()), "link " + from + " to", to);
  }

  Result<std::vector<std::string>> List(const std::string& directory) override;

  Result<void> CreateDirectory(const std::string& path) override {
    constexpr mode_t kMode = 0755;
    FIRN_TRY(Check(::mkdir(path.c_str(), kMode), "create directory", path));
    return posix::SyncDirectoryAt(posix::ParentOf(path));
  }

  Result<void> DeleteDirectory(const std::string& path) override {
    return Check(::rmdir(path.c_str()), "delete directory", path);
  }

  Result<void> SyncDirectory(const std::string& path) override {
    return posix::SyncDirectoryAt(path);
  }

  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override;

  Result<std::uint64_t> FreeBytes(const std::string& path) override {
    struct statvfs status;
    FIRN_TRY(Check(Repeat([&] { return ::statvfs(path.c_str(), &status); }), "statvfs", path));
    return std::uint64_t{status.f_bavail} * status.f_frsize;
  }

 private:
  template <typename Call>
  static int Repeat(Call call) {
    return posix::Uninterrupted(call);
  }
  static Result<void> Check(int result, std::string_view operation, const std::string& path) {
    if (result != 0) {
      return SystemError(operation, path, errno);
    }
    return {};
  }
};

Result<std::vector<std::string>> PosixFiles::List(const std::string& directory) {
  FIRN_TRY_ASSIGN(Descriptor descriptor, OpenDescriptor("list", directory, O_RDONLY | O_DIRECTORY));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(descriptor.get()), ::closedir);
  if (stream == nullptr) {
    return SystemError("list", directory, errno);
  }
  descriptor.Release();  // The stream's now.
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") {
      names.emplace_back(name);
    }
    errno = 0;
  }
  if (errno != 0) {
    return SystemError("list", directory, errno);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// A lock of the open file description: unlike the classic record lock it also excludes a second
// opening in this process, and closing some other descriptor of the file does not drop it.
Result<std::unique_ptr<FileLock>> PosixFiles::Lock(const std::string& path) {
  FIRN_TRY_ASSIGN(Descriptor descriptor, OpenDescriptor("lock", path, O_RDWR | O_CREAT));
  struct flock request{};
  request.l_type = F_WRLCK;
  request.l_whence = SEEK_SET;
  if (Repeat([&] { return ::fcntl(descriptor.get(), F_OFD_SETLK, &request); }) != 0) {
    if (errno == EAGAIN || errno == EACCES) {
      return Error{ErrorCode::kBusy, "lock " + path + ": held by another handle or process"};
    }
    return SystemError("lock", path, errno);
  }
  return std::unique_ptr<FileLock>(std::make_unique<PosixFileLock>(std::move(descriptor)));
}

}  // namespace

std::shared_ptr<FileSystem> PosixFileSystem() {
  static const std::shared_ptr<FileSystem>& files =
      *new std::shared_ptr<FileSystem>(std::make_shared<PosixFiles>());
  return files;
}

}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
//
// A read announces itself by adding one to `readers_`, reads, and subtracts one; a bit in the same
// word says that there is no descriptor. Giving up a descriptor is one compare-and-swap from "open,
// nobody reads" to "closed", so neither side ever waits for the other. Only CloseIdleReadableFiles
// closes, one caller at a time under the registry's mutex, and only a reader opens, under the
// file's own: a descriptor seen open under the registry's mutex stays until the swap.
//
// The kernel reads ahead of nothing by itself: on a device with a large window a read of one block
// fetched megabytes around it. Who reads in order says so by WillRead.
//
// Recency is counted in opens: each read stamps its file with the number of files opened so far, a
// load and a store without a shared write, and precise enough to choose what to close.
#include "io/posix_readable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "base/propagate.h"
#include "io/posix_descriptor.h"

namespace firn::posix {
namespace {

constexpr std::size_t kCloseAtOnce = 16;

std::atomic<std::uint64_t> files_opened{0};

Result<Descriptor> OpenForReading(const std::string& path) {
  FIRN_TRY_ASSIGN(Descriptor descriptor, OpenDescriptor("open", path, O_RDONLY));
  ::posix_fadvise(descriptor.get(), 0, 0, POSIX_FADV_RANDOM);  // Slower where refused, no worse.
  return descriptor;
}

class PosixReadableFile final : public ReadableFile {
 public:
  PosixReadableFile(std::string path, Descriptor descriptor);
  ~PosixReadableFile() override;

  Result<std::size_t> Read(std::uint64_t offset, std::span<char> out) const override;
  Result<std::uint64_t> Size() const override;
  Result<std::uint64_t> NextData(std::uint64_t offset) const override;
  void WillRead(std::uint64_t offset, std::uint64_t length) const override;

  std::uint64_t last_used() const { return last_used_.load(std::memory_order_relaxed); }
  // Takes the descriptor away unless somebody reads. One caller at a time.
  Descriptor GiveUp();

 private:
  static constexpr std::uint32_t kNotOpen = std::uint32_t{1} << 31;

  // While it lives the descriptor stays open.
  class Reading {
   public:
    explicit Reading(const PosixReadableFile& file) : file_(file) {}
    ~Reading() { file_.readers_.fetch_sub(1, std::memory_order_release); }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

   private:
    const PosixReadableFile& file_;
  };

  // Adds a reader and makes sure that there is a descriptor. The caller ends it by a Reading.
  Result<void> StartReading() const {
    last_used_.store(files_opened.load(std::memory_order_relaxed), std::memory_order_relaxed);
    while ((readers_.fetch_add(1, std::memory_order_acquire) & kNotOpen) != 0) [[unlikely]] {
      readers_.fetch_sub(1, std::memory_order_relaxed);
      FIRN_TRY(OpenAgain());
    }
    return {};
  }
  Result<void> OpenAgain() const;

  const std::string path_;
  mutable std::atomic<std::uint32_t> readers_{0};
  mutable std::atomic<int> descriptor_;
  mutable std::atomic<std::uint64_t> last_used_{0};
  mutable Mutex open_mutex_;
};

class Registry {
 public:
  void Add(PosixReadableFile* file) {
    MutexLock lock(mutex_);
    files_.insert(file);
  }
  void Remove(PosixReadableFile* file) {
    MutexLock lock(mutex_);
    files_.erase(file);
  }

  bool CloseIdle() {
    std::vector<Descriptor> given_up;  // Closed after the mutex is released.
    {
      MutexLock lock(mutex_);
      std::vector<std::pair<std::uint64_t, PosixReadableFile*>> by_age;
      by_age.reserve(files_.size());
      for (PosixReadableFile* file : files_) {
        by_age.emplace_back(file->last_used(), file);
      }
      std::sort(by_age.begin(), by_age.end());
      for (const auto& [age, file] : by_age) {
        if (Descriptor descriptor = file->GiveUp(); descriptor.valid()) {
          given_up.push_back(std::move(descriptor));
        }
        if (given_up.size() == kCloseAtOnce) {
          break;
        }
      }
    }
    return !given_up.empty();
  }

 private:
  Mutex mutex_;
  std::unordered_set<PosixReadableFile*> files_ FIRN_GUARDED_BY(mutex_);
};

// Never destroyed: files may outlive the end of main.
Registry& TheRegistry() {
  static Registry& registry = *new Registry;
  return registry;
}

PosixReadableFile::PosixReadableFile(std::string path, Descriptor descriptor)
    : path_(std::move(path)),
      descriptor_(descriptor.Release()),
      last_used_(files_opened.fetch_add(1, std::memory_order_relaxed)) {
  TheRegistry().Add(this);
}

PosixReadableFile::~PosixReadableFile() {
  TheRegistry().Remove(this);
  GiveUp();
}

Descriptor PosixReadableFile::GiveUp() {
  if (readers_.load(std::memory_order_acquire) != 0) {
    return {};
  }
  const int number = descriptor_.load(std::memory_order_relaxed);
  std::uint32_t idle = 0;
  if (!readers_.compare_exchange_strong(idle, kNotOpen, std::memory_order_acq_rel)) {
    return {};
  }
  return Descriptor(number);
}

Result<void> PosixReadableFile::OpenAgain() const {
  MutexLock lock(open_mutex_);
  if ((readers_.load(std::memory_order_acquire) & kNotOpen) == 0) {
    return {};
  }
  FIRN_TRY_ASSIGN(Descriptor descriptor, OpenForReading(path_));
  files_opened.fetch_add(1, std::memory_order_relaxed);
  descriptor_.store(descriptor.Release(), std::memory_order_relaxed);
  readers_.fetch_and(~kNotOpen, std::memory_order_release);
  return {};
}

Result<std::size_t> PosixReadableFile::Read(std::uint64_t offset, std::span<char> out) const {
  FIRN_TRY(StartReading());
  const Reading reading(*this);
  const int descriptor = descriptor_.load(std::memory_order_relaxed);
  const ssize_t count = TransferAll(out.size(), [&](std::size_t done) {
    return ::pread(descriptor, out.data() + done, out.size() - done,
                   static_cast<off_t>(offset + done));
  });
  if (count < 0) {
    return SystemError("read", path_ + " @" + std::to_string(offset), errno);
  }
  return static_cast<std::size_t>(count);
}

Result<std::uint64_t> PosixReadableFile::Size() const {
  FIRN_TRY(StartReading());
  const Reading reading(*this);
  return SizeOf(descriptor_.load(std::memory_order_relaxed), path_);
}

// The descriptor's own position, which lseek(2) moves, is used by nobody.
Result<std::uint64_t> PosixReadableFile::NextData(std::uint64_t offset) const {
  FIRN_TRY(StartReading());
  const Reading reading(*this);
  const int descriptor = descriptor_.load(std::memory_order_relaxed);
  const off_t next = ::lseek(descriptor, static_cast<off_t>(offset), SEEK_DATA);
  if (next >= 0) {
    return static_cast<std::uint64_t>(next);
  }
  if (errno == ENXIO) {  // Nothing but a hole up to the end.
    return SizeOf(descriptor, path_);
  }
  return offset;  // Not supported here: anything may follow.
}

void PosixReadableFile::WillRead(std::uint64_t offset, std::uint64_t length) const {
  if (!StartReading()) {
    return;
  }
  const Reading reading(*this);
  ::posix_fadvise(descriptor_.load(std::memory_order_relaxed), static_cast<off_t>(offset),
                  static_cast<off_t>(length), POSIX_FADV_WILLNEED);
}

}  // namespace

Result<std::unique_ptr<ReadableFile>> OpenReadableFile(const std::string& path) {
  FIRN_TRY_ASSIGN(Descriptor descriptor, OpenForReading(path));
  std::error_code ignored;  // A relative path that cannot be resolved stays as it is.
  std::filesystem::path whole = std::filesystem::absolute(path, ignored);
  return std::unique_ptr<ReadableFile>(
      std::make_unique<PosixReadableFile>(ignored ? path : whole.string(), std::move(descriptor)));
}

bool CloseIdleReadableFiles() { return TheRegistry().CloseIdle(); }

}  // namespace firn::posix

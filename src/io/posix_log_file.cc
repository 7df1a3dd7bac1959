// SPDX-License-Identifier: Apache-2.0
//
// Why not otherwise: posix_fallocate(3) writes a byte to each block where the file system does not
// help, and a segment prewritten through the page cache sits there in large folios, so that each
// small sync writes a whole one (1 MiB instead of 4 KiB). Space from fallocate(2) is unwritten: the
// first sync of a block converts it, and the pages that a mapping dirties are single ones.
//
// Two kinds of records are not stored through the mapping but written by a call, into the same
// pages. Large ones: each page of a mapping costs a fault and is zeroed first. And the first after
// a sync: that has taken the right to store from the pages it wrote, so a store would fault too,
// and the next sync would have to take it again.
//
// The pages of the mapping in use are what the writer would wait for, some 5 microseconds for each,
// every 30 records of 140 bytes. Prepare maps the part behind it and makes its pages ready, and the
// writer goes over to that mapping. The mapping it leaves goes the other way, to be unmapped by the
// next Prepare. Zeros are written there first, and then stored to: what a call writes in one piece
// the kernel books, and then maps, in one piece, for a fifth of what it takes page by page. A page
// made ready is dirty: a sync would write it as zeros and take its readiness, and each sync of a
// record there would write all of its 64 KiB, so a log that is synced often is not prepared.
// MADV_POPULATE_WRITE takes as long as stores alone and keeps every other thread from mapping
// anything meanwhile.
//
// Written zeros must meet no record. The writer claims bytes before it stores or writes to them,
// and zeros are written behind what is claimed only; both under one mutex, so that a writer that
// comes to a part while it is made ready waits for one piece, or goes without.
//
// A mapped store cannot report an error: on a file system that may still run out of space under an
// allocated file (copy on write, network, user space) it ends the process by SIGBUS. Therefore
// kAuto maps only where allocation is a promise.
#include "io/posix_log_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/page.h"
#include "base/propagate.h"
#include "io/posix_descriptor.h"

namespace firn::posix {
namespace {

// What Prepare makes ready before it looks where the writer is, in some 20 microseconds.
constexpr std::uint64_t kPreparedBytes = 64 << 10;
constexpr std::size_t kZeroPieceBytes = 64 << 10;
// Of records that are written by a call; the buffer for them is as large as the largest.
constexpr std::size_t kWrittenBytesMin = 2 << 10;
constexpr std::size_t kWrittenBytesMax = 1 << 20;
constexpr long kXfsMagic = 0x58465342;

class WrittenLogFile final : public LogFile {
 public:
  WrittenLogFile(std::string path, Descriptor descriptor, std::uint64_t capacity)
      : path_(std::move(path)), descriptor_(std::move(descriptor)), capacity_(capacity) {}

  Result<std::span<char>> Lend(std::uint64_t offset, std::size_t length) override {
    if (buffer_.size() < length) {
      buffer_.resize(length);
    }
    lent_at_ = offset;
    return std::span(buffer_.data(), length);
  }

  Result<void> Commit(std::uint64_t offset, std::size_t length) override {
    return WriteAt(descriptor_.get(), path_, offset,
                   {buffer_.data() + (offset - lent_at_), length});
  }

  Result<void> Sync() override { return SyncData(descriptor_.get(), path_); }
  std::uint64_t capacity() const override { return capacity_; }

  const std::string& path() const { return path_; }
  int descriptor() const { return descriptor_.get(); }

 private:
  const std::string path_;
  const Descriptor descriptor_;
  const std::uint64_t capacity_;
  std::vector<char> buffer_;
  std::uint64_t lent_at_ = 0;
};

// Some bytes of a file in memory. Mapped pages count as resident memory, so a log has few and small
// ones.
class Window {
 public:
  Window() = default;
  ~Window() {
    if (memory_ != nullptr) {
      ::munmap(memory_, bytes_);
    }
  }
  Window(Window&& other) noexcept { Swap(other); }
  Window& operator=(Window&& other) noexcept {
    Swap(other);
    return *this;
  }

  // errno of the failure, or 0.
  int Map(int descriptor, std::uint64_t offset, std::uint64_t bytes) {
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor,
                                static_cast<off_t>(offset));
    if (memory == MAP_FAILED) {
      return errno;
    }
    // Without this the first touch reads ahead, by default of some devices 8 MiB, and brings pages
    // in large folios, which a small sync then writes whole.
    ::madvise(memory, bytes, MADV_RANDOM);
    memory_ = static_cast<char*>(memory);
    offset_ = offset;
    bytes_ = bytes;
    return 0;
  }

  // Whether it is the one for records that begin at `offset`, and holds all of this one.
  bool Serves(std::uint64_t offset, std::size_t length) const {
    return offset - offset_ < LogFile::kPartBytes && offset + length <= offset_ + bytes_;
  }
  bool is_mapped() const { return memory_ != nullptr; }
  char* At(std::uint64_t offset) const { return memory_ + (offset - offset_); }

 private:
  void Swap(Window& other) {
    std::swap(memory_, other.memory_);
    std::swap(offset_, other.offset_);
    std::swap(bytes_, other.bytes_);
  }

  char* memory_ = nullptr;
  std::uint64_t offset_ = 0;
  std::uint64_t bytes_ = 0;
};

class MappedLogFile final : public LogFile {
 public:
  MappedLogFile(std::string path, Descriptor descriptor, std::uint64_t capacity)
      : by_calls_(std::move(path), std::move(descriptor), capacity) {}

  Result<std::span<char>> Lend(std::uint64_t offset, std::size_t length) override {
    is_written_ = length <= kWrittenBytesMax &&
                  (length >= kWrittenBytesMin || was_synced_.load(std::memory_order_relaxed));
    if (is_written_) {
      was_synced_.store(false, std::memory_order_relaxed);
      Claim(offset + length);
      return by_calls_.Lend(offset, length);
    }
    if (!window_.Serves(offset, length)) [[unlikely]] {
      FIRN_TRY(Slide(offset, length));
    }
    return std::span(window_.At(offset), length);
  }

  Result<void> Commit(std::uint64_t offset, std::size_t length) override {
    return is_written_ ? by_calls_.Commit(offset, length) : Result<void>();
  }
  Result<void> Sync() override {
    FIRN_TRY(by_calls_.Sync());
    was_synced_.store(true, std::memory_order_relaxed);
    synced_since_slide_.store(true, std::memory_order_relaxed);
    return {};
  }
  std::uint64_t capacity() const override { return by_calls_.capacity(); }

  void Prepare(std::uint64_t offset) override FIRN_EXCLUDES(mutex_) {
    Window passed;
    {
      MutexLock lock(mutex_);
      passed = std::move(passed_);
      if (!IsNext(offset) || ready_.is_mapped() || often_synced_ ||
          synced_since_slide_.load(std::memory_order_relaxed)) {
        return;
      }
    }
    Window window;
    if (offset >= capacity() ||
        window.Map(by_calls_.descriptor(), offset, BytesOfWindow(offset)) != 0) {
      return;
    }
    const std::string zeros(kPreparedBytes, '\0');
    const std::uint64_t end = std::min(offset + kPartBytes, capacity());
    for (std::uint64_t at = offset; at < end; at += kPreparedBytes) {
      const std::uint64_t piece_end = std::min(at + kPreparedBytes, end);
      {
        MutexLock lock(mutex_);
        // Not so if the writer was faster, or if there is no room for the pages.
        if (!IsNext(offset) || !WriteZerosUnclaimed(at, piece_end, zeros)) {
          return;
        }
      }
      for (std::uint64_t page = at; page < piece_end; page += kPageBytes) {
        StoreNothing(window.At(page));
      }
    }
    MutexLock lock(mutex_);
    if (IsNext(offset)) {
      ready_ = std::move(window);
    }
  }

 private:
  // The last record of a part may end in the next. A record too long for this has a window of its
  // own.
  std::uint64_t BytesOfWindow(std::uint64_t offset) const {
    static_assert(kWrittenBytesMin <= kPageBytes);
    return std::min(kPartBytes + kPageBytes, capacity() - offset);
  }
  bool IsNext(std::uint64_t offset) const FIRN_REQUIRES(mutex_) { return offset == next_part_; }

  // The writer may write below `end` from here on.
  void Claim(std::uint64_t end) FIRN_EXCLUDES(mutex_) {
    if (end > writers_claim_) [[unlikely]] {
      MutexLock lock(mutex_);
      claimed_ = writers_claim_ = end;
    }
  }
  bool WriteZerosUnclaimed(std::uint64_t begin, std::uint64_t end, std::string_view zeros)
      FIRN_REQUIRES(mutex_) {
    begin = std::max(begin, claimed_);
    return begin >= end ||
           WriteAt(by_calls_.descriptor(), by_calls_.path(), begin, zeros.substr(0, end - begin));
  }

  // A store that changes no byte, also when the writer stores there: the end of its part's last
  // record is in the next one.
  static void StoreNothing(char* page) {
    std::uint64_t zero = 0;
    std::atomic_ref(*reinterpret_cast<std::uint64_t*>(page))
        .compare_exchange_strong(zero, 0, std::memory_order_relaxed);
  }

  Result<void> Slide(std::uint64_t offset, std::size_t length) FIRN_EXCLUDES(mutex_) {
    auto error = [&](int code) {
      return SystemError("map", by_calls_.path() + " @" + std::to_string(offset), code);
    };
    if (offset + length > capacity()) {
      return error(ENXIO);
    }
    const std::uint64_t part = offset / kPartBytes * kPartBytes;
    const std::uint64_t bytes = std::max(BytesOfWindow(part), offset + length - part);
    Window unused;
    {
      MutexLock lock(mutex_);
      unused = std::move(passed_);
      passed_ = std::move(window_);
      window_ = std::move(ready_);
      next_part_ = part + kPartBytes;
      claimed_ = writers_claim_ = std::max(writers_claim_, part + bytes);
      often_synced_ = synced_since_slide_.exchange(false, std::memory_order_relaxed);
    }
    if (window_.is_mapped() && window_.Serves(offset, length)) {
      return {};
    }
    Window window;
    if (const int code = window.Map(by_calls_.descriptor(), part, bytes); code != 0) {
      return error(code);
    }
    window_ = std::move(window);
    return {};
  }

  WrittenLogFile by_calls_;

  // The writer's.
  bool is_written_ = false;  // What was lent last.
  Window window_;
  std::uint64_t writers_claim_ = 0;  // What claimed_ is, to be read without the mutex.

  std::atomic<bool> was_synced_{false};  // Since something was lent.
  std::atomic<bool> synced_since_slide_{false};

  Mutex mutex_;
  std::uint64_t next_part_ FIRN_GUARDED_BY(mutex_) = 0;  // Behind the window in use.
  std::uint64_t claimed_ FIRN_GUARDED_BY(mutex_) = 0;    // Below it the writer writes.
  bool often_synced_ FIRN_GUARDED_BY(mutex_) = false;
  Window ready_ FIRN_GUARDED_BY(mutex_);   // For next_part_.
  Window passed_ FIRN_GUARDED_BY(mutex_);  // The writer's before this one.
};

bool AllocationIsAPromise(int descriptor) {
  struct statfs status;
  if (Uninterrupted([&] { return ::fstatfs(descriptor, &status); }) != 0) {
    return false;
  }
  const auto magic = static_cast<long>(status.f_type);
  return magic == EXT4_SUPER_MAGIC || magic == kXfsMagic || magic == TMPFS_MAGIC;
}

Result<void> WriteZeros(int descriptor, const std::string& path, std::uint64_t capacity) {
  const std::string zeros(kZeroPieceBytes, '\0');
  for (std::uint64_t offset = 0; offset < capacity; offset += kZeroPieceBytes) {
    const std::uint64_t length = std::min<std::uint64_t>(kZeroPieceBytes, capacity - offset);
    FIRN_TRY(WriteAt(descriptor, path, offset, std::string_view(zeros).substr(0, length)));
  }
  return {};
}

// Whether fallocate did it; false where the file system cannot.
Result<bool> Allocate(int descriptor, const std::string& path, int mode, std::uint64_t capacity) {
  const int result =
      Uninterrupted([&] { return ::fallocate(descriptor, mode, 0, static_cast<off_t>(capacity)); });
  if (result == 0) {
    return true;
  }
  if (errno == EOPNOTSUPP || errno == ENOSYS) {
    return false;
  }
  return SystemError("allocate", path, errno);
}

struct Allocated {
  std::string path;
  Descriptor descriptor;
  std::uint64_t capacity;
  bool by_fallocate;
};

std::unique_ptr<LogFile> Wrap(Allocated file, WalAppend way) {
  if (way == WalAppend::kMapped || (way == WalAppend::kAuto && file.by_fallocate &&
                                    AllocationIsAPromise(file.descriptor.get()))) {
    return std::make_unique<MappedLogFile>(std::move(file.path), std::move(file.descriptor),
                                           file.capacity);
  }
  return std::make_unique<WrittenLogFile>(std::move(file.path), std::move(file.descriptor),
                                          file.capacity);
}

Result<bool> Fill(int descriptor, const std::string& path, std::uint64_t capacity) {
  FIRN_TRY_ASSIGN(const bool allocated, Allocate(descriptor, path, 0, capacity));
  if (!allocated) {
    FIRN_TRY(WriteZeros(descriptor, path, capacity));
  }
  return allocated;
}

// Turns the file into `capacity` zeros that survive power loss; false where the file system cannot.
Result<bool> ZeroInPlace(int descriptor, const std::string& path, std::uint64_t capacity) {
  FIRN_TRY_ASSIGN(const std::uint64_t size, SizeOf(descriptor, path));
  if (size > capacity &&
      Uninterrupted([&] { return ::ftruncate(descriptor, static_cast<off_t>(capacity)); }) != 0) {
    return SystemError("truncate", path, errno);
  }
  FIRN_TRY_ASSIGN(const bool zeroed, Allocate(descriptor, path, FALLOC_FL_ZERO_RANGE, capacity));
  if (zeroed) {
    FIRN_TRY(SyncData(descriptor, path));
  }
  return zeroed;
}

Result<void> RenameToNew(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) {
    return {};
  }
  if (errno != EINVAL && errno != ENOSYS) {
    return SystemError("rename " + from + " to", to, errno);
  }
  // An old file system without the flag: a second name first, which never replaces one either.
  if (::link(from.c_str(), to.c_str()) != 0 || ::unlink(from.c_str()) != 0) {
    return SystemError("rename " + from + " to", to, errno);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<LogFile>> CreateLogFile(const std::string& path, std::uint64_t capacity,
                                               WalAppend way) {
  FIRN_TRY_ASSIGN(Descriptor descriptor, OpenDescriptor("create", path, O_RDWR | O_CREAT | O_EXCL));
  auto filled = Fill(descriptor.get(), path, capacity);
  if (!filled) {
    ::unlink(path.c_str());
    return std::move(filled).error();
  }
  return Wrap({path, std::move(descriptor), capacity, *filled}, way);
}

// The zeros are durable before the new name can be: a crash leaves them under either name, never an
// old segment's records under the new one.
Result<std::unique_ptr<LogFile>> RecycleLogFile(const std::string& from, const std::string& path,
                                                std::uint64_t capacity, WalAppend way) {
  FIRN_TRY_ASSIGN(Descriptor descriptor, OpenDescriptor("recycle", from, O_RDWR));
  FIRN_TRY_ASSIGN(const bool zeroed, ZeroInPlace(descriptor.get(), from, capacity));
  if (!zeroed) {
    if (::unlink(from.c_str()) != 0) {
      return SystemError("delete", from, errno);
    }
    return CreateLogFile(path, capacity, way);
  }
  FIRN_TRY(RenameToNew(from, path));
  return Wrap({path, std::move(descriptor), capacity, true}, way);
}

}  // namespace firn::posix

// SPDX-License-Identifier: Apache-2.0
//
// The seam to files. Everything Firn stores goes through a FileSystem: the machine's own
// (posix_file_system.h), one in memory that can be cloned as a crash would leave it
// (memory_file_system.h), or one that fails on command (faulty_file_system.h).
//
// Paths are opaque strings joined by '/'. All calls may block on the device. Errors are kNotFound,
// kAlreadyExists, kBusy, kNoSpace, kUnsupported, else kIo, and name the operation and the path.
// Interrupted and short transfers are completed inside. kNoSpace is also what opening fails with
// when descriptors have run out: it passes. A failed sync is kIo, also for want of space, and
// final: callers never retry one. Unless said otherwise, an object is used by one thread at a time
// and a FileSystem by any.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "firn/options.h"
#include "firn/result.h"

namespace firn {

// Read at any offset. Thread-safe.
class ReadableFile {
 public:
  virtual ~ReadableFile() = default;
  // Fills `out` from `offset`. Returns the bytes read: fewer than asked only at the end of the
  // file.
  virtual Result<std::size_t> Read(std::uint64_t offset, std::span<char> out) const = 0;
  virtual Result<std::uint64_t> Size() const = 0;
  // The first offset from `offset` on where something but zeros may stand; the size when there is
  // none. Lets a reader pass over space that is allocated and was never written.
  virtual Result<std::uint64_t> NextData(std::uint64_t offset) const { return offset; }
  // Says that `length` bytes from `offset` on will be read soon, so that the device can fetch them
  // meanwhile. Nothing else is read ahead. Never waits, and never fails.
  virtual void WillRead(std::uint64_t offset, std::uint64_t length) const {
    static_cast<void>(offset);
    static_cast<void>(length);
  }
};

// A file written from its start to its end: tables and manifests. Appended bytes may wait in a
// buffer and are the file's from Sync or Close on; destruction without either drops them. The first
// error stays: every later call returns it.
class AppendableFile {
 public:
  virtual ~AppendableFile() = default;
  virtual Result<void> Append(std::string_view bytes) = 0;
  virtual Result<void> Sync() = 0;   // Content and size survive power loss.
  virtual Result<void> Close() = 0;  // Reports errors that only closing can show.
};

// A small file rewritten in place: SUPER.
class SlottedFile {
 public:
  virtual ~SlottedFile() = default;
  virtual Result<void> Write(std::uint64_t offset, std::string_view bytes) = 0;
  virtual Result<void> Sync() = 0;
};

// A log segment: allocated once at its full size, filled from front to back through lent memory.
//
// Lend gives `length` bytes to write to; they are the file's from Commit on. On the mapped way the
// span may be the page cache itself: its bytes belong to the file as they are stored, in no order,
// and Commit does nothing. Else, and always on the write way, Commit makes one system call. A span
// holds until the next Lend. Lend and Commit belong to one thread; Sync may run in another at the
// same time and covers every Commit that happened before it was called.
//
// Prepare makes the part of kPartBytes at `offset`, a multiple of it, ready for what will be lent
// there, so that stores need not wait for pages of memory and of the file. Worth a call as soon as
// something in the part before has been lent. Any thread, one at a time, beside all of the others;
// blocks. It changes nothing that can be read and reports nothing: what is not ready, Lend and the
// stores do as if nobody had asked.
class LogFile {
 public:
  static constexpr std::uint64_t kPartBytes = 1 << 20;

  virtual ~LogFile() = default;
  virtual Result<std::span<char>> Lend(std::uint64_t offset, std::size_t length) = 0;
  virtual Result<void> Commit(std::uint64_t offset, std::size_t length) = 0;
  virtual Result<void> Sync() = 0;
  virtual std::uint64_t capacity() const = 0;
  virtual void Prepare(std::uint64_t offset) { static_cast<void>(offset); }
};

// Holds an exclusive lock until destroyed.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<ReadableFile>> OpenReadable(const std::string& path) = 0;
  // Each create fails with kAlreadyExists when there is a file of that name.
  virtual Result<std::unique_ptr<AppendableFile>> CreateAppendable(const std::string& path) = 0;
  // Opens or creates.
  virtual Result<std::unique_ptr<SlottedFile>> OpenSlotted(const std::string& path) = 0;
  // Allocates `capacity` bytes that read as zeros; the disk can hold them from then on (kNoSpace
  // comes from here, never from Commit, where the file system keeps that promise).
  virtual Result<std::unique_ptr<LogFile>> CreateLog(const std::string& path,
                                                     std::uint64_t capacity, WalAppend way) = 0;
  // The same, reusing the space of the segment `from`, which ceases to exist under its name. A
  // crash leaves zeros under either name, never the old content under the new one.
  virtual Result<std::unique_ptr<LogFile>> RecycleLog(const std::string& from,
                                                      const std::string& path,
                                                      std::uint64_t capacity, WalAppend way) = 0;

  virtual Result<void> Delete(const std::string& path) = 0;
  virtual Result<void> Link(const std::string& from, const std::string& to) = 0;
  virtual Result<std::vector<std::string>> List(const std::string& directory) = 0;  // Sorted names.
  virtual Result<void> CreateDirectory(const std::string& path) = 0;  // Also syncs its parent.
  virtual Result<void> DeleteDirectory(const std::string& path) = 0;  // Must be empty.
  // Names created, linked, renamed and deleted in it so far survive power loss.
  virtual Result<void> SyncDirectory(const std::string& path) = 0;
  // kBusy when another lock, of this process or another, is held.
  virtual Result<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;
  // Bytes that ordinary users may still write to the file system of `path`.
  virtual Result<std::uint64_t> FreeBytes(const std::string& path) = 0;
};

inline std::string JoinPath(std::string_view directory, std::string_view name) {
  return std::string(directory).append("/").append(name);
}

// The whole content; for files that are known to be small.
Result<std::string> ReadWholeFile(FileSystem& files, const std::string& path);

}  // namespace firn

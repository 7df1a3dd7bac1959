// SPDX-License-Identifier: Apache-2.0
//
// A file system that fails on command, over another one. Tests plant faults ("the third sync of a
// name with .wal in it"), set a quota or a limit of open files, watch every operation, and assert
// by the counters that what they planted was hit.
//
// Thread-safe. The hook runs on the thread of the operation, before it, with no lock held.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "io/file_system.h"

namespace firn {

enum class OperationKind : std::uint8_t {
  kOpen,      // OpenReadable, and OpenSlotted.
  kCreate,    // CreateAppendable, CreateDirectory.
  kAllocate,  // CreateLog and RecycleLog.
  kRead,      // Reads and sizes.
  kWrite,     // Append and SlottedFile::Write.
  kLend,      // Of log memory.
  kCommit,    // Of log memory.
  kSync,      // Of any file.
  kClose,     // AppendableFile::Close.
  kSyncDirectory,
  kDelete,  // Files and directories.
  kLink,
  kRename,  // RecycleLog, before kAllocate.
  kList,
  kLock,
};
inline constexpr std::size_t kOperationKinds = 15;

std::string_view Name(OperationKind kind);

struct Operation {
  OperationKind kind;
  std::string path;
};

struct Fault {
  OperationKind kind;
  std::string name_part{};  // Only operations on names that contain it; empty: all.
  std::uint64_t nth = 1;    // The first failing one, counted from now among those that match.
  bool for_ever = false;    // All after it fail too; otherwise it fails once.
  ErrorCode code = ErrorCode::kIo;
  bool half_done = false;  // A failing kWrite writes the first half of its bytes.
  // A failing kSync marks the unsynced bytes clean, as Linux does: the next sync succeeds and does
  // not write them. Over MemoryFileSystem.
  bool drops_unsynced = false;
};

class FaultyFileSystem final : public FileSystem {
 public:
  explicit FaultyFileSystem(std::shared_ptr<FileSystem> base);
  ~FaultyFileSystem() override;

  void Plant(Fault fault);
  void ClearFaults();
  // Bytes that may be appended and allocated in all, less those of files deleted; kNoSpace beyond.
  // Raising or lifting it heals. FreeBytes reports what is left of it.
  void SetQuota(std::optional<std::uint64_t> bytes);
  // Files that may be open at the same time; opening one more is kNoSpace.
  void SetOpenLimit(std::optional<std::size_t> files);
  void SetHook(std::function<void(const Operation&)> hook);

  std::uint64_t Count(OperationKind kind) const;  // Operations so far, failed ones included.
  std::uint64_t faults_hit() const;               // Planted faults, quota and open limit.
  std::uint64_t open_files() const;

  Result<std::unique_ptr<ReadableFile>> OpenReadable(const std::string& path) override;
  Result<std::unique_ptr<AppendableFile>> CreateAppendable(const std::string& path) override;
  Result<std::unique_ptr<SlottedFile>> OpenSlotted(const std::string& path) override;
  Result<std::unique_ptr<LogFile>> CreateLog(const std::string& path, std::uint64_t capacity,
                                             WalAppend way) override;
  Result<std::unique_ptr<LogFile>> RecycleLog(const std::string& from, const std::string& path,
                                              std::uint64_t capacity, WalAppend way) override;
  Result<void> Delete(const std::string& path) override;
  Result<void> Link(const std::string& from, const std::string& to) override;
  Result<std::vector<std::string>> List(const std::string& directory) override;
  Result<void> CreateDirectory(const std::string& path) override;
  Result<void> DeleteDirectory(const std::string& path) override;
  Result<void> SyncDirectory(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override;
  Result<std::uint64_t> FreeBytes(const std::string& path) override;

 private:
  class Plan;
  class OpenMark;
  class Readable;
  class Appendable;
  class Slotted;
  class Log;
  class HeldLock;

  // Reports the operation and asks for an open file's place, in this order.
  Result<OpenMark> Open(OperationKind kind, const std::string& path);

  const std::shared_ptr<FileSystem> base_;
  const std::shared_ptr<Plan> plan_;  // Shared with the handles, which may outlive this.
};

}  // namespace firn

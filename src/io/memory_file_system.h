// SPDX-License-Identifier: Apache-2.0
//
// A file system in memory for tests, which can be cloned as a crash would leave it. Two crashes
// differ: a killed process leaves everything that reached the kernel, a power loss leaves what was
// synced and any part of the rest, file by file, page by page and name by name.
//
// A clone is independent: the original and its open handles go on and never touch it. Thread-safe;
// a clone may be taken while other threads write. WalAppend::kAuto maps.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "io/file_system.h"
#include "io/memory_file.h"

namespace firn {

class MemoryFileSystem final : public FileSystem {
 public:
  MemoryFileSystem();  // Holds the directories "/" and ".".
  ~MemoryFileSystem() override;

  // What the next process finds after kill -9. Unsynced is still unsynced there.
  std::shared_ptr<MemoryFileSystem> CloneAfterKill() const;
  // What is found after power came back: all that was synced, and everything else with a chance of
  // `survival_percent` in a hundred for each page (each word of a mapped log) and each change of a
  // name; without a percentage one is drawn.
  std::shared_ptr<MemoryFileSystem> CloneAfterPowerLoss(
      Random& random, std::optional<unsigned> survival_percent = std::nullopt) const;

  // What FreeBytes reports. Not enforced: FaultyFileSystem has quotas.
  void SetFreeBytes(std::uint64_t bytes);
  // Pretends that the unsynced content of the file is on disk although it is not, which is what a
  // failed sync leaves behind on Linux: readers see it, a later sync does not write it.
  void DropUnsynced(const std::string& path);
  // Makes the file, name and content synced, whatever it was before: for planting damage.
  void SetContent(const std::string& path, std::string_view content);

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
  using FilePointer = std::shared_ptr<MemoryFile>;
  // One change of a directory since its last sync; a rename removes and adds at once.
  struct NameChange {
    std::string removed;
    std::string added;
    FilePointer file;
  };
  struct Directory {
    std::map<std::string, FilePointer> names;
    std::map<std::string, FilePointer> synced_names;
    std::vector<NameChange> changes;
  };
  // Outlives the file system while handles live.
  struct Disk {
    mutable Mutex mutex;
    std::map<std::string, Directory> directories FIRN_GUARDED_BY(mutex);
    std::set<std::string> locked FIRN_GUARDED_BY(mutex);
    std::uint64_t free_bytes FIRN_GUARDED_BY(mutex) = std::uint64_t{1} << 40;
  };
  struct Place {
    Directory* directory;
    std::string name;
  };
  class Readable;
  class Appendable;
  class Slotted;
  class MappedLog;
  class WrittenLog;
  class HeldLock;

  Result<Place> Locate(std::string_view operation, const std::string& path)
      FIRN_REQUIRES(disk_->mutex);
  Result<FilePointer> Find(std::string_view operation, const std::string& path)
      FIRN_REQUIRES(disk_->mutex);
  Result<void> Add(std::string_view operation, const std::string& path, const FilePointer& file)
      FIRN_REQUIRES(disk_->mutex);
  // The handle that writes to the segment in the way asked for.
  std::unique_ptr<LogFile> Wrap(FilePointer file, WalAppend way);

  const std::shared_ptr<Disk> disk_ = std::make_shared<Disk>();
};

}  // namespace firn

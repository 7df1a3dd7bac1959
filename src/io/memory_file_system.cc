// SPDX-License-Identifier: Apache-2.0
//
// Every handle shares the disk and takes its mutex; only lent memory is written outside of it.
#include "io/memory_file_system.h"

#include <algorithm>
#include <cstring>

#include "base/propagate.h"

namespace firn {
namespace {

constexpr std::size_t kAppendBufferBytes = 64 << 10;

struct SplitPath {
  std::string directory;
  std::string name;
};

SplitPath Split(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) {
    return {".", path};
  }
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

Error Failure(ErrorCode code, std::string_view operation, std::string_view path,
              std::string_view reason) {
  return {code, std::string(operation).append(" ").append(path).append(": ").append(reason)};
}

Error NoSuchFile(std::string_view operation, std::string_view path) {
  return Failure(ErrorCode::kNotFound, operation, path, "no such file or directory");
}

}  // namespace

class MemoryFileSystem::Readable final : public ReadableFile {
 public:
  Readable(std::shared_ptr<Disk> disk, FilePointer file)
      : disk_(std::move(disk)), file_(std::move(file)) {}

  Result<std::size_t> Read(std::uint64_t offset, std::span<char> out) const override {
    MutexLock lock(disk_->mutex);
    return file_->Read(offset, out);
  }
  Result<std::uint64_t> Size() const override {
    MutexLock lock(disk_->mutex);
    return file_->size();
  }
  Result<std::uint64_t> NextData(std::uint64_t offset) const override {
    MutexLock lock(disk_->mutex);
    return file_->NextData(offset);
  }

 private:
  const std::shared_ptr<Disk> disk_;
  const FilePointer file_;
};

// Buffers as the real one does, so that tests notice who relies on unsynced bytes.
class MemoryFileSystem::Appendable final : public AppendableFile {
 public:
  Appendable(std::shared_ptr<Disk> disk, FilePointer file)
      : disk_(std::move(disk)), file_(std::move(file)) {}

  Result<void> Append(std::string_view bytes) override {
    buffer_.append(bytes);
    if (buffer_.size() > kAppendBufferBytes) {
      MutexLock lock(disk_->mutex);
      WriteBuffer();
    }
    return {};
  }
  Result<void> Sync() override {
    MutexLock lock(disk_->mutex);
    WriteBuffer();
    file_->Sync();
    return {};
  }
  Result<void> Close() override {
    MutexLock lock(disk_->mutex);
    WriteBuffer();
    return {};
  }

 private:
  void WriteBuffer() FIRN_REQUIRES(disk_->mutex) {
    file_->Write(file_->size(), buffer_);
    buffer_.clear();
  }

  const std::shared_ptr<Disk> disk_;
  const FilePointer file_;
  std::string buffer_;
};

class MemoryFileSystem::Slotted final : public SlottedFile {
 public:
  Slotted(std::shared_ptr<Disk> disk, FilePointer file)
      : disk_(std::move(disk)), file_(std::move(file)) {}

  Result<void> Write(std::uint64_t offset, std::string_view bytes) override {
    MutexLock lock(disk_->mutex);
    file_->Write(offset, bytes);
    return {};
  }
  Result<void> Sync() override {
    MutexLock lock(disk_->mutex);
    file_->Sync();
    return {};
  }

 private:
  const std::shared_ptr<Disk> disk_;
  const FilePointer file_;
};

class MemoryFileSystem::MappedLog final : public LogFile {
 public:
  MappedLog(std::shared_ptr<Disk> disk, FilePointer file)
      : disk_(std::move(disk)), file_(std::move(file)), capacity_(file_->size()) {}

  Result<std::span<char>> Lend(std::uint64_t offset, std::size_t length) override {
    MutexLock lock(disk_->mutex);
    return file_->Lend(offset, length);
  }
  Result<void> Commit(std::uint64_t, std::size_t) override {
    MutexLock lock(disk_->mutex);
    file_->EndLending();
    return {};
  }
  Result<void> Sync() override {
    MutexLock lock(disk_->mutex);
    file_->Sync();
    return {};
  }
  std::uint64_t capacity() const override { return capacity_; }

 private:
  const std::shared_ptr<Disk> disk_;
  const FilePointer file_;
  const std::uint64_t capacity_;
};

class MemoryFileSystem::WrittenLog final : public LogFile {
 public:
  WrittenLog(std::shared_ptr<Disk> disk, FilePointer file)
      : disk_(std::move(disk)), file_(std::move(file)), capacity_(file_->size()) {}

  Result<std::span<char>> Lend(std::uint64_t offset, std::size_t length) override {
    buffer_.assign(length, '\0');
    lent_at_ = offset;
    return std::span(buffer_.data(), length);
  }
  Result<void> Commit(std::uint64_t offset, std::size_t length) override {
    MutexLock lock(disk_->mutex);
    file_->Write(offset, {buffer_.data() + (offset - lent_at_), length});
    return {};
  }
  Result<void> Sync() override {
    MutexLock lock(disk_->mutex);
    file_->Sync();
    return {};
  }
  std::uint64_t capacity() const override { return capacity_; }

 private:
  const std::shared_ptr<Disk> disk_;
  const FilePointer file_;
  const std::uint64_t capacity_;
  std::string buffer_;
  std::uint64_t lent_at_ = 0;
};

class MemoryFileSystem::HeldLock final : public FileLock {
 public:
  HeldLock(std::shared_ptr<Disk> disk, std::string path)
      : disk_(std::move(disk)), path_(std::move(path)) {}
  ~HeldLock() override {
    MutexLock lock(disk_->mutex);
    disk_->locked.erase(path_);
  }

 private:
  const std::shared_ptr<Disk> disk_;
  const std::string path_;
};

MemoryFileSystem::MemoryFileSystem() {
  MutexLock lock(disk_->mutex);
  disk_->directories["/"];
  disk_->directories["."];
}

MemoryFileSystem::~MemoryFileSystem() = default;

std::shared_ptr<MemoryFileSystem> MemoryFileSystem::CloneAfterKill() const {
  auto clone = std::make_shared<MemoryFileSystem>();
  MutexLock lock(disk_->mutex);
  MutexLock clone_lock(clone->disk_->mutex);
  std::map<FilePointer, FilePointer> copies;  // Files with several names stay one.
  const auto copy = [&](FilePointer& file) {
    FilePointer& made = copies[file];
    if (file != nullptr && made == nullptr) {
      made = file->CopyAfterKill();
    }
    file = made;
  };
  clone->disk_->directories = disk_->directories;
  clone->disk_->free_bytes = disk_->free_bytes;
  for (auto& [path, directory] : clone->disk_->directories) {
    for (auto* names : {&directory.names, &directory.synced_names}) {
      for (auto& [name, file] : *names) {
        copy(file);
      }
    }
    for (NameChange& change : directory.changes) {
      copy(change.file);
    }
  }
  return clone;
}

std::shared_ptr<MemoryFileSystem> MemoryFileSystem::CloneAfterPowerLoss(
    Random& random, std::optional<unsigned> survival_percent) const {
  const unsigned percent =
      survival_percent ? *survival_percent : static_cast<unsigned>(random.Below(101));
  auto clone = std::make_shared<MemoryFileSystem>();
  MutexLock lock(disk_->mutex);
  MutexLock clone_lock(clone->disk_->mutex);
  clone->disk_->free_bytes = disk_->free_bytes;
  std::map<FilePointer, FilePointer> copies;
  for (const auto& [path, directory] : disk_->directories) {
    std::map<std::string, FilePointer> names = directory.synced_names;
    for (const NameChange& change : directory.changes) {
      if (random.Below(100) >= percent) {
        continue;
      }
      names.erase(change.removed);
      if (change.file != nullptr) {
        names[change.added] = change.file;
      }
    }
    for (auto& [name, file] : names) {
      FilePointer& copy = copies[file];
      if (copy == nullptr) {
        copy = file->CopyAfterPowerLoss(random, percent);
      }
      file = copy;
    }
    clone->disk_->directories[path] = {.names = names, .synced_names = names, .changes = {}};
  }
  return clone;
}

void MemoryFileSystem::SetFreeBytes(std::uint64_t bytes) {
  MutexLock lock(disk_->mutex);
  disk_->free_bytes = bytes;
}

void MemoryFileSystem::DropUnsynced(const std::string& path) {
  MutexLock lock(disk_->mutex);
  if (auto file = Find("drop", path)) {
    (*file)->DropDirty();
  }
}

void MemoryFileSystem::SetContent(const std::string& path, std::string_view content) {
  MutexLock lock(disk_->mutex);
  auto place = Locate("set", path);
  place->directory->names.erase(place->name);
  auto file = std::make_shared<MemoryFile>();
  file->Write(0, content);
  file->Sync();
  place->directory->names[place->name] = file;
  place->directory->synced_names[place->name] = file;
}

Result<MemoryFileSystem::Place> MemoryFileSystem::Locate(std::string_view operation,
                                                         const std::string& path) {
  SplitPath split = Split(path);
  const auto found = disk_->directories.find(split.directory);
  if (found == disk_->directories.end()) {
    return NoSuchFile(operation, path);
  }
  return Place{&found->second, std::move(split.name)};
}

Result<MemoryFileSystem::FilePointer> MemoryFileSystem::Find(std::string_view operation,
                                                             const std::string& path) {
  FIRN_TRY_ASSIGN(const Place place, Locate(operation, path));
  const auto found = place.directory->names.find(place.name);
  if (found == place.directory->names.end()) {
    return NoSuchFile(operation, path);
  }
  return found->second;
}

Result<void> MemoryFileSystem::Add(std::string_view operation, const std::string& path,
                                   const FilePointer& file) {
  FIRN_TRY_ASSIGN(const Place place, Locate(operation, path));
  if (place.directory->names.contains(place.name) || disk_->directories.contains(path)) {
    return Failure(ErrorCode::kAlreadyExists, operation, path, "file exists");
  }
  place.directory->names[place.name] = file;
  place.directory->changes.push_back({.removed = "", .added = place.name, .file = file});
  return {};
}

Result<std::unique_ptr<ReadableFile>> MemoryFileSystem::OpenReadable(const std::string& path) {
  MutexLock lock(disk_->mutex);
  FIRN_TRY_ASSIGN(FilePointer file, Find("open", path));
  return std::unique_ptr<ReadableFile>(std::make_unique<Readable>(disk_, std::move(file)));
}

Result<std::unique_ptr<AppendableFile>> MemoryFileSystem::CreateAppendable(
    const std::string& path) {
  MutexLock lock(disk_->mutex);
  auto file = std::make_shared<MemoryFile>();
  FIRN_TRY(Add("create", path, file));
  return std::unique_ptr<AppendableFile>(std::make_unique<Appendable>(disk_, std::move(file)));
}

Result<std::unique_ptr<SlottedFile>> MemoryFileSystem::OpenSlotted(const std::string& path) {
  MutexLock lock(disk_->mutex);
  auto found = Find("open", path);
  if (!found) {
    found = std::make_shared<MemoryFile>();
    FIRN_TRY(Add("open", path, *found));
  }
  return std::unique_ptr<SlottedFile>(std::make_unique<Slotted>(disk_, *std::move(found)));
}

std::unique_ptr<LogFile> MemoryFileSystem::Wrap(FilePointer file, WalAppend way) {
  if (way == WalAppend::kWrite) {
    return std::make_unique<WrittenLog>(disk_, std::move(file));
  }
  return std::make_unique<MappedLog>(disk_, std::move(file));
}

Result<std::unique_ptr<LogFile>> MemoryFileSystem::CreateLog(const std::string& path,
                                                             std::uint64_t capacity,
                                                             WalAppend way) {
  MutexLock lock(disk_->mutex);
  auto file = std::make_shared<MemoryFile>(capacity, way != WalAppend::kWrite);
  FIRN_TRY(Add("create", path, file));
  return Wrap(std::move(file), way);
}

// The zeros are durable under whatever name survives: the old file is replaced wherever it stands.
Result<std::unique_ptr<LogFile>> MemoryFileSystem::RecycleLog(const std::string& from,
                                                              const std::string& path,
                                                              std::uint64_t capacity,
                                                              WalAppend way) {
  MutexLock lock(disk_->mutex);
  FIRN_TRY_ASSIGN(const FilePointer old, Find("recycle", from));
  FIRN_TRY_ASSIGN(const Place source, Locate("recycle", from));
  auto file = std::make_shared<MemoryFile>(capacity, way != WalAppend::kWrite);
  file->Sync();
  FIRN_TRY(Add("rename " + from + " to", path, file));
  FIRN_TRY_ASSIGN(const Place target, Locate("recycle", path));
  target.directory->changes.back().removed = source.name;
  source.directory->names.erase(source.name);
  for (auto& [name, named] : source.directory->synced_names) {
    named = named == old ? file : named;
  }
  for (NameChange& change : source.directory->changes) {
    change.file = change.file == old ? file : change.file;
  }
  return Wrap(std::move(file), way);
}

Result<void> MemoryFileSystem::Delete(const std::string& path) {
  MutexLock lock(disk_->mutex);
  FIRN_TRY(Find("delete", path));
  FIRN_TRY_ASSIGN(const Place place, Locate("delete", path));
  place.directory->names.erase(place.name);
  place.directory->changes.push_back({.removed = place.name, .added = "", .file = nullptr});
  return {};
}

Result<void> MemoryFileSystem::Link(const std::string& from, const std::string& to) {
  MutexLock lock(disk_->mutex);
  FIRN_TRY_ASSIGN(const FilePointer file, Find("link", from));
  return Add("link " + from + " to", to, file);
}

Result<std::vector<std::string>> MemoryFileSystem::List(const std::string& directory) {
  MutexLock lock(disk_->mutex);
  const auto found = disk_->directories.find(directory);
  if (found == disk_->directories.end()) {
    return NoSuchFile("list", directory);
  }
  std::vector<std::string> names;
  for (const auto& [name, file] : found->second.names) {
    names.push_back(name);
  }
  for (const auto& [path, content] : disk_->directories) {
    const SplitPath split = Split(path);
    if (split.directory == directory && path != directory && !split.name.empty() && path != ".") {
      names.push_back(split.name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> MemoryFileSystem::CreateDirectory(const std::string& path) {
  MutexLock lock(disk_->mutex);
  FIRN_TRY_ASSIGN(const Place place, Locate("create directory", path));
  if (disk_->directories.contains(path) || place.directory->names.contains(place.name)) {
    return Failure(ErrorCode::kAlreadyExists, "create directory", path, "file exists");
  }
  disk_->directories[path];
  place.directory->synced_names = place.directory->names;
  place.directory->changes.clear();
  return {};
}

Result<void> MemoryFileSystem::DeleteDirectory(const std::string& path) {
  MutexLock lock(disk_->mutex);
  const auto found = disk_->directories.find(path);
  if (found == disk_->directories.end()) {
    return NoSuchFile("delete directory", path);
  }
  const bool has_directories =
      std::any_of(disk_->directories.begin(), disk_->directories.end(),
                  [&](const auto& other) { return Split(other.first).directory == path; });
  if (!found->second.names.empty() || has_directories) {
    return Failure(ErrorCode::kIo, "delete directory", path, "directory not empty");
  }
  disk_->directories.erase(found);
  return {};
}

Result<void> MemoryFileSystem::SyncDirectory(const std::string& path) {
  MutexLock lock(disk_->mutex);
  const auto found = disk_->directories.find(path);
  if (found == disk_->directories.end()) {
    return NoSuchFile("sync directory", path);
  }
  found->second.synced_names = found->second.names;
  found->second.changes.clear();
  return {};
}

Result<std::unique_ptr<FileLock>> MemoryFileSystem::Lock(const std::string& path) {
  MutexLock lock(disk_->mutex);
  if (!Find("lock", path)) {
    FIRN_TRY(Add("lock", path, std::make_shared<MemoryFile>()));
  }
  if (!disk_->locked.insert(path).second) {
    return Failure(ErrorCode::kBusy, "lock", path, "held by another handle or process");
  }
  return std::unique_ptr<FileLock>(std::make_unique<HeldLock>(disk_, path));
}

Result<std::uint64_t> MemoryFileSystem::FreeBytes(const std::string&) {
  MutexLock lock(disk_->mutex);
  return disk_->free_bytes;
}

}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
#include "io/faulty_file_system.h"

#include <algorithm>
#include <utility>

#include "base/propagate.h"
#include "io/memory_file_system.h"

namespace firn {

std::string_view Name(OperationKind kind) {
  static constexpr std::array<std::string_view, kOperationKinds> kNames = {
      "open",  "create",         "allocate", "read", "write",  "lend", "commit", "sync",
      "close", "sync directory", "delete",   "link", "rename", "list", "lock"};
  return kNames[static_cast<std::size_t>(kind)];
}

// What is planted and what was counted. Bytes are charged to a charge that all names of a file
// share, and come back when the last name goes.
class FaultyFileSystem::Plan {
 public:
  explicit Plan(std::shared_ptr<FileSystem> base)
      : memory_(std::dynamic_pointer_cast<MemoryFileSystem>(std::move(base))) {}

  // What Before decided; `fault` is set when the operation fails by one that was planted.
  struct Verdict {
    std::optional<Error> error;
    bool half_done = false;
  };

  Verdict Judge(OperationKind kind, const std::string& path) {
    std::function<void(const Operation&)> hook;
    {
      MutexLock lock(mutex_);
      hook = hook_;
    }
    if (hook) {
      hook({kind, path});
    }
    std::optional<Fault> hit;
    {
      MutexLock lock(mutex_);
      ++counts_[static_cast<std::size_t>(kind)];
      hit = Hit(kind, path);
      faults_hit_ += hit ? 1 : 0;
    }
    if (!hit) {
      return {};
    }
    if (hit->drops_unsynced && memory_ != nullptr) {
      memory_->DropUnsynced(path);
    }
    return {.error = Error{hit->code, std::string(Name(kind)) + " " + path + ": planted fault"},
            .half_done = hit->half_done};
  }

  Result<void> Before(OperationKind kind, const std::string& path) {
    if (Verdict verdict = Judge(kind, path); verdict.error) {
      return *std::move(verdict.error);
    }
    return {};
  }

  Result<void> Charge(const std::string& path, std::uint64_t bytes) {
    MutexLock lock(mutex_);
    if (quota_ && used_ + bytes > *quota_) {
      ++faults_hit_;
      return Error{ErrorCode::kNoSpace,
                   "write " + path + ": quota of " + std::to_string(*quota_) + " bytes is used up"};
    }
    std::shared_ptr<std::uint64_t>& charge = charges_[path];
    if (charge == nullptr) {
      charge = std::make_shared<std::uint64_t>(0);
    }
    *charge += bytes;
    used_ += bytes;
    return {};
  }

  void Discharge(const std::string& path) {
    MutexLock lock(mutex_);
    const auto found = charges_.find(path);
    if (found == charges_.end()) {
      return;
    }
    if (found->second.use_count() == 1) {
      used_ -= *found->second;
    }
    charges_.erase(found);
  }

  void ShareCharge(const std::string& from, const std::string& to) {
    MutexLock lock(mutex_);
    if (const auto found = charges_.find(from); found != charges_.end()) {
      charges_[to] = found->second;
    }
  }

  bool TakeOpenPlace() {
    MutexLock lock(mutex_);
    if (open_limit_ && open_files_ >= *open_limit_) {
      ++faults_hit_;
      return false;
    }
    ++open_files_;
    return true;
  }
  void GiveBackOpenPlace() {
    MutexLock lock(mutex_);
    --open_files_;
  }

  void Add(Fault fault) {
    MutexLock lock(mutex_);
    planted_.push_back({std::move(fault), 0});
  }
  void Clear() {
    MutexLock lock(mutex_);
    planted_.clear();
  }
  void SetQuota(std::optional<std::uint64_t> bytes) {
    MutexLock lock(mutex_);
    quota_ = bytes;
  }
  void SetOpenLimit(std::optional<std::size_t> files) {
    MutexLock lock(mutex_);
    open_limit_ = files;
  }
  void SetHook(std::function<void(const Operation&)> hook) {
    MutexLock lock(mutex_);
    hook_ = std::move(hook);
  }
  std::uint64_t Count(OperationKind kind) const {
    MutexLock lock(mutex_);
    return counts_[static_cast<std::size_t>(kind)];
  }
  std::uint64_t faults_hit() const {
    MutexLock lock(mutex_);
    return faults_hit_;
  }
  std::uint64_t open_files() const {
    MutexLock lock(mutex_);
    return open_files_;
  }
  std::optional<std::uint64_t> QuotaLeft() const {
    MutexLock lock(mutex_);
    if (!quota_) {
      return std::nullopt;
    }
    return *quota_ - std::min(used_, *quota_);
  }

 private:
  struct Planted {
    Fault fault;
    std::uint64_t seen = 0;
  };

  std::optional<Fault> Hit(OperationKind kind, const std::string& path) FIRN_REQUIRES(mutex_) {
    const std::string_view name = std::string_view(path).substr(path.find_last_of('/') + 1);
    std::optional<Fault> hit;
    for (Planted& planted : planted_) {
      const Fault& fault = planted.fault;
      if (fault.kind != kind || name.find(fault.name_part) == std::string_view::npos) {
        continue;
      }
      ++planted.seen;
      if (planted.seen == fault.nth || (fault.for_ever && planted.seen > fault.nth)) {
        hit = fault;
      }
    }
    return hit;
  }

  const std::shared_ptr<MemoryFileSystem> memory_;
  mutable Mutex mutex_;
  std::function<void(const Operation&)> hook_ FIRN_GUARDED_BY(mutex_);
  std::vector<Planted> planted_ FIRN_GUARDED_BY(mutex_);
  std::array<std::uint64_t, kOperationKinds> counts_ FIRN_GUARDED_BY(mutex_){};
  std::uint64_t faults_hit_ FIRN_GUARDED_BY(mutex_) = 0;
  std::optional<std::uint64_t> quota_ FIRN_GUARDED_BY(mutex_);
  std::uint64_t used_ FIRN_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::shared_ptr<std::uint64_t>> charges_ FIRN_GUARDED_BY(mutex_);
  std::optional<std::size_t> open_limit_ FIRN_GUARDED_BY(mutex_);
  std::size_t open_files_ FIRN_GUARDED_BY(mutex_) = 0;
};

// The place of one open file, given back at its end.
class FaultyFileSystem::OpenMark {
 public:
  explicit OpenMark(std::shared_ptr<Plan> plan) : plan_(std::move(plan)) {}
  OpenMark(OpenMark&&) = default;
  ~OpenMark() {
    if (plan_ != nullptr) {
      plan_->GiveBackOpenPlace();
    }
  }
  Plan* operator->() const { return plan_.get(); }

 private:
  std::shared_ptr<Plan> plan_;
};

class FaultyFileSystem::Readable final : public ReadableFile {
 public:
  Readable(OpenMark plan, std::string path, std::unique_ptr<ReadableFile> base)
      : plan_(std::move(plan)), path_(std::move(path)), base_(std::move(base)) {}

  Result<std::size_t> Read(std::uint64_t offset, std::span<char> out) const override {
    FIRN_TRY(plan_->Before(OperationKind::kRead, path_));
    return base_->Read(offset, out);
  }
  Result<std::uint64_t> Size() const override {
    FIRN_TRY(plan_->Before(OperationKind::kRead, path_));
    return base_->Size();
  }
  Result<std::uint64_t> NextData(std::uint64_t offset) const override {
    FIRN_TRY(plan_->Before(OperationKind::kRead, path_));
    return base_->NextData(offset);
  }

 private:
  const OpenMark plan_;
  const std::string path_;
  const std::unique_ptr<ReadableFile> base_;
};

class FaultyFileSystem::Appendable final : public AppendableFile {
 public:
  Appendable(OpenMark plan, std::string path, std::unique_ptr<AppendableFile> base)
      : plan_(std::move(plan)), path_(std::move(path)), base_(std::move(base)) {}

  Result<void> Append(std::string_view bytes) override {
    FIRN_TRY(Settled());
    if (Plan::Verdict verdict = plan_->Judge(OperationKind::kWrite, path_); verdict.error) {
      if (verdict.half_done) {
        FIRN_TRY(base_->Append(bytes.substr(0, bytes.size() / 2)));
        FIRN_TRY(base_->Close());  // The half is in the file, not only in its buffer.
      }
      return Keep(*std::move(verdict.error));
    }
    FIRN_TRY(Keep(plan_->Charge(path_, bytes.size())));
    return base_->Append(bytes);
  }
  Result<void> Sync() override {
    FIRN_TRY(Settled());
    FIRN_TRY(Keep(plan_->Before(OperationKind::kSync, path_)));
    return base_->Sync();
  }
  Result<void> Close() override {
    FIRN_TRY(Settled());
    FIRN_TRY(Keep(plan_->Before(OperationKind::kClose, path_)));
    return base_->Close();
  }

 private:
  Result<void> Settled() const { return failure_ ? Result<void>(*failure_) : Result<void>(); }
  Result<void> Keep(Result<void> result) {
    if (!result) {
      failure_ = result.error();
    }
    return result;
  }

  const OpenMark plan_;
  const std::string path_;
  const std::unique_ptr<AppendableFile> base_;
  std::optional<Error> failure_;
};

class FaultyFileSystem::Slotted final : public SlottedFile {
 public:
  Slotted(OpenMark plan, std::string path, std::unique_ptr<SlottedFile> base)
      : plan_(std::move(plan)), path_(std::move(path)), base_(std::move(base)) {}

  Result<void> Write(std::uint64_t offset, std::string_view bytes) override {
    if (Plan::Verdict verdict = plan_->Judge(OperationKind::kWrite, path_); verdict.error) {
      if (verdict.half_done) {
        FIRN_TRY(base_->Write(offset, bytes.substr(0, bytes.size() / 2)));
      }
      return *std::move(verdict.error);
    }
    return base_->Write(offset, bytes);
  }
  Result<void> Sync() override {
    FIRN_TRY(plan_->Before(OperationKind::kSync, path_));
    return base_->Sync();
  }

 private:
  const OpenMark plan_;
  const std::string path_;
  const std::unique_ptr<SlottedFile> base_;
};

class FaultyFileSystem::Log final : public LogFile {
 public:
  Log(OpenMark plan, std::string path, std::unique_ptr<LogFile> base)
      : plan_(std::move(plan)), path_(std::move(path)), base_(std::move(base)) {}

  Result<std::span<char>> Lend(std::uint64_t offset, std::size_t length) override {
    FIRN_TRY(plan_->Before(OperationKind::kLend, path_));
    return base_->Lend(offset, length);
  }
  Result<void> Commit(std::uint64_t offset, std::size_t length) override {
    FIRN_TRY(plan_->Before(OperationKind::kCommit, path_));
    return base_->Commit(offset, length);
  }
  Result<void> Sync() override {
    FIRN_TRY(plan_->Before(OperationKind::kSync, path_));
    return base_->Sync();
  }
  std::uint64_t capacity() const override { return base_->capacity(); }
  void Prepare(std::uint64_t offset) override { base_->Prepare(offset); }

 private:
  const OpenMark plan_;
  const std::string path_;
  const std::unique_ptr<LogFile> base_;
};

class FaultyFileSystem::HeldLock final : public FileLock {
 public:
  HeldLock(OpenMark plan, std::unique_ptr<FileLock> base)
      : plan_(std::move(plan)), base_(std::move(base)) {}

 private:
  const OpenMark plan_;
  const std::unique_ptr<FileLock> base_;
};

FaultyFileSystem::FaultyFileSystem(std::shared_ptr<FileSystem> base)
    : base_(std::move(base)), plan_(std::make_shared<Plan>(base_)) {}

FaultyFileSystem::~FaultyFileSystem() = default;

void FaultyFileSystem::Plant(Fault fault) { plan_->Add(std::move(fault)); }
void FaultyFileSystem::ClearFaults() { plan_->Clear(); }
void FaultyFileSystem::SetQuota(std::optional<std::uint64_t> bytes) { plan_->SetQuota(bytes); }
void FaultyFileSystem::SetOpenLimit(std::optional<std::size_t> files) {
  plan_->SetOpenLimit(files);
}
void FaultyFileSystem::SetHook(std::function<void(const Operation&)> hook) {
  plan_->SetHook(std::move(hook));
}
std::uint64_t FaultyFileSystem::Count(OperationKind kind) const { return plan_->Count(kind); }
std::uint64_t FaultyFileSystem::faults_hit() const { return plan_->faults_hit(); }
std::uint64_t FaultyFileSystem::open_files() const { return plan_->open_files(); }

Result<FaultyFileSystem::OpenMark> FaultyFileSystem::Open(OperationKind kind,
                                                          const std::string& path) {
  FIRN_TRY(plan_->Before(kind, path));
  if (!plan_->TakeOpenPlace()) {
    return Error{ErrorCode::kNoSpace,
                 std::string(Name(kind)) + " " + path + ": too many open files"};
  }
  return OpenMark(plan_);
}

Result<std::unique_ptr<ReadableFile>> FaultyFileSystem::OpenReadable(const std::string& path) {
  FIRN_TRY_ASSIGN(OpenMark mark, Open(OperationKind::kOpen, path));
  FIRN_TRY_ASSIGN(auto file, base_->OpenReadable(path));
  return std::unique_ptr<ReadableFile>(
      std::make_unique<Readable>(std::move(mark), path, std::move(file)));
}

Result<std::unique_ptr<AppendableFile>> FaultyFileSystem::CreateAppendable(
    const std::string& path) {
  FIRN_TRY_ASSIGN(OpenMark mark, Open(OperationKind::kCreate, path));
  FIRN_TRY_ASSIGN(auto file, base_->CreateAppendable(path));
  return std::unique_ptr<AppendableFile>(
      std::make_unique<Appendable>(std::move(mark), path, std::move(file)));
}

Result<std::unique_ptr<SlottedFile>> FaultyFileSystem::OpenSlotted(const std::string& path) {
  FIRN_TRY_ASSIGN(OpenMark mark, Open(OperationKind::kOpen, path));
  FIRN_TRY_ASSIGN(auto file, base_->OpenSlotted(path));
  return std::unique_ptr<SlottedFile>(
      std::make_unique<Slotted>(std::move(mark), path, std::move(file)));
}

Result<std::unique_ptr<LogFile>> FaultyFileSystem::CreateLog(const std::string& path,
                                                             std::uint64_t capacity,
                                                             WalAppend way) {
  FIRN_TRY_ASSIGN(OpenMark mark, Open(OperationKind::kAllocate, path));
  FIRN_TRY(plan_->Charge(path, capacity));
  auto file = base_->CreateLog(path, capacity, way);
  if (!file) {
    plan_->Discharge(path);
    return std::move(file).error();
  }
  return std::unique_ptr<LogFile>(std::make_unique<Log>(std::move(mark), path, *std::move(file)));
}

Result<std::unique_ptr<LogFile>> FaultyFileSystem::RecycleLog(const std::string& from,
                                                              const std::string& path,
                                                              std::uint64_t capacity,
                                                              WalAppend way) {
  FIRN_TRY(plan_->Before(OperationKind::kRename, path));
  FIRN_TRY_ASSIGN(OpenMark mark, Open(OperationKind::kAllocate, path));
  plan_->Discharge(from);
  if (auto charged = plan_->Charge(path, capacity); !charged) {
    return std::move(charged).error();
  }
  FIRN_TRY_ASSIGN(auto file, base_->RecycleLog(from, path, capacity, way));
  return std::unique_ptr<LogFile>(std::make_unique<Log>(std::move(mark), path, std::move(file)));
}

Result<void> FaultyFileSystem::Delete(const std::string& path) {
  FIRN_TRY(plan_->Before(OperationKind::kDelete, path));
  FIRN_TRY(base_->Delete(path));
  plan_->Discharge(path);
  return {};
}

Result<void> FaultyFileSystem::Link(const std::string& from, const std::string& to) {
  FIRN_TRY(plan_->Before(OperationKind::kLink, to));
  FIRN_TRY(base_->Link(from, to));
  plan_->ShareCharge(from, to);
  return {};
}

Result<std::vector<std::string>> FaultyFileSystem::List(const std::string& directory) {
  FIRN_TRY(plan_->Before(OperationKind::kList, directory));
  return base_->List(directory);
}

Result<void> FaultyFileSystem::CreateDirectory(const std::string& path) {
  FIRN_TRY(plan_->Before(OperationKind::kCreate, path));
  return base_->CreateDirectory(path);
}

Result<void> FaultyFileSystem::DeleteDirectory(const std::string& path) {
  FIRN_TRY(plan_->Before(OperationKind::kDelete, path));
  return base_->DeleteDirectory(path);
}

Result<void> FaultyFileSystem::SyncDirectory(const std::string& path) {
  FIRN_TRY(plan_->Before(OperationKind::kSyncDirectory, path));
  return base_->SyncDirectory(path);
}

Result<std::unique_ptr<FileLock>> FaultyFileSystem::Lock(const std::string& path) {
  FIRN_TRY_ASSIGN(OpenMark mark, Open(OperationKind::kLock, path));
  FIRN_TRY_ASSIGN(auto held, base_->Lock(path));
  return std::unique_ptr<FileLock>(std::make_unique<HeldLock>(std::move(mark), std::move(held)));
}

Result<std::uint64_t> FaultyFileSystem::FreeBytes(const std::string& path) {
  FIRN_TRY_ASSIGN(const std::uint64_t bytes, base_->FreeBytes(path));
  return std::min(bytes, plan_->QuotaLeft().value_or(bytes));
}

}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/registry.h"

#include <map>
#include <utility>

#include "base/mutex.h"

namespace firn {
namespace {

using Place = std::pair<const FileSystem*, std::string>;

struct Registry {
  Mutex mutex;
  std::map<Place, std::weak_ptr<const FileLock>> locks FIRN_GUARDED_BY(mutex);
};

// Never destroyed: databases may be closed after main has ended.
Registry& TheRegistry() {
  static auto& registry = *new Registry;
  return registry;
}

}  // namespace

void RegisterLock(const FileSystem* files, const std::string& directory,
                  const std::shared_ptr<const FileLock>& lock) {
  if (lock == nullptr) {
    return;
  }
  Registry& registry = TheRegistry();
  MutexLock guard(registry.mutex);
  std::erase_if(registry.locks, [](const auto& entry) { return entry.second.expired(); });
  registry.locks[{files, directory}] = lock;
}

Error BusyError(const FileSystem* files, const std::string& directory) {
  Registry& registry = TheRegistry();
  long handles = 0;
  {
    MutexLock guard(registry.mutex);
    const auto found = registry.locks.find({files, directory});
    handles = found == registry.locks.end() ? 0 : found->second.use_count();
  }
  const std::string holder =
      handles == 0 ? "another process"
                   : std::to_string(handles) +
                         " handles of this process (the database itself, iterators, snapshots, "
                         "pinned values)";
  return {ErrorCode::kBusy, directory + "/LOCK: held by " + holder};
}

}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
#include "storage/engine/registry.h"

#include <map>
#include <utility>

#include "base/mutex.h"
#include "storage/engine/engine.h"

namespace firn {
namespace {

using Place = std::pair<const FileSystem*, std::string>;

struct Registry {
  Mutex mutex;
  std::map<Place, std::weak_ptr<Engine>> engines FIRN_GUARDED_BY(mutex);
};

// Never destroyed: databases may be closed after main has ended.
Registry& TheRegistry() {
  static auto& registry = *new Registry;
  return registry;
}

Place PlaceOf(const Engine& engine) {
  return {engine.parts().environment.files.get(), engine.parts().directory};
}

}  // namespace

void RegisterEngine(const std::shared_ptr<Engine>& engine) {
  if (engine->parts().options.read_only) {
    return;
  }
  Registry& registry = TheRegistry();
  MutexLock lock(registry.mutex);
  std::erase_if(registry.engines, [](const auto& entry) { return entry.second.expired(); });
  registry.engines[PlaceOf(*engine)] = engine;
}

Error BusyError(const FileSystem* files, const std::string& directory) {
  Registry& registry = TheRegistry();
  long handles = 0;
  {
    MutexLock lock(registry.mutex);
    const auto found = registry.engines.find({files, directory});
    handles = found == registry.engines.end() ? 0 : found->second.use_count();
  }
  const std::string holder =
      handles == 0 ? "another process"
                   : std::to_string(handles) +
                         " handles of this process (the database itself, iterators, snapshots, "
                         "pinned values)";
  return {ErrorCode::kBusy, directory + "/LOCK: held by " + holder};
}

}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
//
// The databases that are open in this process, so that one refused for being open already can say
// who keeps it. Thread-safe.
#pragma once

#include <memory>
#include <string>

#include "firn/result.h"

namespace firn {

class Engine;
class FileSystem;

void RegisterEngine(const std::shared_ptr<Engine>& engine);

// kBusy for a directory whose LOCK is held: by how many handles of this process, or by another one.
Error BusyError(const FileSystem* files, const std::string& directory);

}  // namespace firn

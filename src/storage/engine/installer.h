// SPDX-License-Identifier: Apache-2.0
//
// Puts the result of a flush or compaction into effect: makes its edit durable, then visible, then
// lets go of what it replaced. One at a time; thread-safe.
#pragma once

#include <functional>

#include "base/mutex.h"
#include "firn/result.h"
#include "storage/engine/parts.h"

namespace firn {

class Installer {
 public:
  explicit Installer(EngineParts& parts) : parts_(parts) {}

  struct Change {
    VersionEdit edit;
    // The oldest frozen memtable is in tables now.
    bool drops_oldest_frozen = false;
    // Versions that readers at or above this sequence cannot see may be missing from now on.
    SequenceNumber oldest_readable;
  };

  // Blocks on the disk. After an error nothing has changed in memory. kNoSpace: the new tables are
  // deleted, and a later change may succeed. Anything else: the database is read-only, and all
  // files are left where they are.
  Result<void> Install(const Change& change);

 private:
  void DeleteOutputs(const VersionEdit& edit);
  void MarkRemoved(const Version& before, const VersionEdit& edit);

  EngineParts& parts_;
  Mutex mutex_;
  ConditionVariable free_;
  bool installing_ FIRN_GUARDED_BY(mutex_) = false;
};

}  // namespace firn

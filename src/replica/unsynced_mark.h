// SPDX-License-Identifier: Apache-2.0
//
// An empty file UNSYNCED-<boot id> in the directory of a node that acknowledges at process
// durability: it names the run of the machine whose memory may hold what the disk lacks. While the
// machine runs on it says nothing, since a killed process loses nothing. When the machine has
// started again, entries that the node acknowledged, and that others count on it for, may be gone:
// as a voter it could undo what was committed (I-R20).
//
// It is removed when everything is synced: by a clean stop, or a start at disk durability.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firn/result.h"
#include "io/file_system.h"

namespace firn {

inline constexpr std::string_view kUnsyncedMarkPrefix = "UNSYNCED-";

// The boot ids that are marked: none, one, or two when a start was cut short.
Result<std::vector<std::string>> ReadUnsyncedMarks(FileSystem& files, const std::string& directory);
// Marks this run alone. Durable once it returns.
Result<void> MarkUnsynced(FileSystem& files, const std::string& directory,
                          const std::string& boot_id);
Result<void> RemoveUnsyncedMarks(FileSystem& files, const std::string& directory);

}  // namespace firn

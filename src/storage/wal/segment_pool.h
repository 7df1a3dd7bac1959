// SPDX-License-Identifier: Apache-2.0
//
// The segment files of one log: gives out new ones, and takes back those that are not needed, the
// first of them to be given out again. Recycling zeroes the space and syncs that, so it happens
// where files are taken back, on a background thread, and a new segment is ready before it is
// wanted.
//
// Thread-safe; Take may run beside Release. No file work is done under the mutex.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "storage/wal/log.h"

namespace firn::wal {

class SegmentPool {
 public:
  struct Setup {
    FileSystem& files;
    std::string directory;
    std::uint64_t segment_bytes = 0;
    WalAppend way = WalAppend::kAuto;
    WalNumber next;                   // Numbers from here on are free.
    std::vector<WalNumber> existing;  // Files of earlier runs, ascending.
  };
  struct Taken {
    WalNumber number;
    std::shared_ptr<LogFile> file;
  };

  explicit SegmentPool(Setup setup);
  ~SegmentPool();  // Deletes the segment made ready, if any.

  // A file of zeros with room for `bytes`, numbered above all that were taken before. Its name and
  // size are not synced yet. kNoSpace, kIo.
  Result<Taken> Take(std::uint64_t bytes) FIRN_EXCLUDES(mutex_);
  // Deletes the segment just taken, which could not be used.
  void GiveBack(WalNumber number) FIRN_EXCLUDES(mutex_);
  // Makes a segment ready, if none is or is about to be: Take would have to create it. Where that
  // fails, Take will say why.
  void MakeReady() FIRN_EXCLUDES(mutex_);
  // Makes the first part of the segment that is ready, if one is, storable without waiting.
  void Prepare() FIRN_EXCLUDES(mutex_);
  // Recycles or deletes all files below `min_live`. What failed is tried again by the next call.
  Result<void> Release(WalNumber min_live) FIRN_EXCLUDES(mutex_);

 private:
  std::string PathOf(WalNumber number) const;
  // Makes `victim` the segment that is ready; whether its file is gone.
  bool Recycle(WalNumber victim) FIRN_EXCLUDES(mutex_);
  // The number of the segment that the caller is to make ready; nothing when that is not wanted.
  std::optional<WalNumber> BeginMaking() FIRN_EXCLUDES(mutex_);
  void EndMaking(WalNumber number, std::shared_ptr<LogFile> file) FIRN_EXCLUDES(mutex_);
  void AddExisting(WalNumber number) FIRN_REQUIRES(mutex_);

  const Setup setup_;
  Mutex mutex_;
  WalNumber next_ FIRN_GUARDED_BY(mutex_);
  WalNumber last_taken_ FIRN_GUARDED_BY(mutex_);
  std::vector<WalNumber> existing_ FIRN_GUARDED_BY(mutex_);  // Ascending.
  std::optional<Taken> ready_ FIRN_GUARDED_BY(mutex_);
  bool making_ FIRN_GUARDED_BY(mutex_) = false;
};

}  // namespace firn::wal

// SPDX-License-Identifier: Apache-2.0
//
// A log as textbooks draw it, beside the database and unknown to it: entries of
//
//   length:u32le crc32:u32le payload:byte[length]
//
// one after another, addressed by the offset at which they start, each on the disk before its
// offset is told. Every run that appends does so in a file of its own, plain-<offset of its
// start>.log, so that nothing written is ever changed; offsets count through all files. Entries
// that a crash tore were never acknowledged and are passed over.
//
// Opens its files with the first call. Memory is 16 bytes for each entry. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "firn/result.h"
#include "io/file_system.h"

namespace firn::node {

class PlainLog {
 public:
  PlainLog(std::shared_ptr<FileSystem> files, std::string directory)
      : files_(std::move(files)), directory_(std::move(directory)) {}

  struct Appended {
    std::uint64_t offset = 0;
    std::uint32_t checksum = 0;  // CRC-32 of the payload.
  };
  // Blocks until the entry survives power loss. kInvalidArgument for an empty payload. After any
  // other failure every later call is kReadOnly, and reads go on.
  Result<Appended> Append(std::string_view payload);

  struct Entry {
    std::string payload;
    bool checksum_is_valid = false;
  };
  // kNotFound when no entry starts at `offset`.
  Result<Entry> Read(std::uint64_t offset);

  struct Info {
    std::uint64_t entries = 0;
    std::uint64_t bytes = 0;  // Headers included: the offset of the next entry.
    bool is_synced = true;    // False once appending has failed.
  };
  Result<Info> GetInfo();

 private:
  struct Place {
    std::uint64_t offset = 0;  // In the log.
    std::uint64_t file = 0;    // The offset in the log at which its file starts.
  };

  Result<void> EnsureOpen();
  // Finds the entries of the file that starts at `base`; `next` is where the one after it does.
  Result<void> TakeFile(std::uint64_t base, std::optional<std::uint64_t> next);
  Result<void> StartFile();
  Result<void> Write(std::string_view entry);
  std::string PathOf(std::uint64_t base) const;

  const std::shared_ptr<FileSystem> files_;
  const std::string directory_;
  bool is_open_ = false;
  std::vector<Place> entries_;  // In the order of their offsets.
  std::uint64_t end_ = 0;
  std::optional<std::uint64_t> last_base_;  // Of the newest file.
  std::unique_ptr<AppendableFile> file_;    // Of this run, once it has appended.
  std::optional<Error> failure_;
};

}  // namespace firn::node

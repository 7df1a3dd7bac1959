// SPDX-License-Identifier: Apache-2.0
//
// How a node that is too far behind for the log gets the whole state (Raft dissertation §5): Raft's
// snapshot message names a checkpoint of the sender's store; the receiver asks for its files, part
// by part, and tells when they are in place. These are the messages of that conversation. Each
// question can be asked again: whoever answers keeps nothing about who asked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "firn/result.h"
#include "io/file_system.h"

namespace firn {

inline constexpr std::uint32_t kChunkBytesMax = 256 << 10;
inline constexpr std::uint64_t kListingBytesMax = std::uint64_t{4} << 20;
// How much of a file's end its mark covers: the footer of a table, with its random id.
inline constexpr std::uint64_t kMarkBytes = 4 << 10;

// A file of a checkpoint. Files of one name, size and mark are the same, on whatever node.
struct ListedFile {
  std::string name;
  std::uint64_t size = 0;
  std::uint32_t mark = 0;  // CRC-32C of the last kMarkBytes.

  friend bool operator==(const ListedFile&, const ListedFile&) = default;
};
std::string Encode(const std::vector<ListedFile>& listing);
// kCorruption; also for names that are not of one file in a directory.
Result<std::vector<ListedFile>> DecodeListing(std::string_view bytes);

// The files that are in a directory. kIo.
Result<std::vector<ListedFile>> ListFiles(FileSystem& files, const std::string& directory);
// At most `length` bytes from the offset on: fewer where the file ends. kIo.
Result<std::string> ReadPart(const ReadableFile& file, std::uint64_t offset, std::uint64_t length);

// Asks for bytes of a file, or, without a name, of the listing.
struct FetchRequest {
  std::uint64_t checkpoint = 0;
  std::string file;
  std::uint64_t offset = 0;

  friend bool operator==(const FetchRequest&, const FetchRequest&) = default;
};
std::string Encode(const FetchRequest& request);
Result<FetchRequest> DecodeFetchRequest(std::string_view bytes);

// As many bytes as there are, at most kChunkBytesMax.
struct Chunk {
  FetchRequest request;
  bool is_gone = false;  // There is no such checkpoint here (any more).
  std::string bytes;

  friend bool operator==(const Chunk&, const Chunk&) = default;
};
std::string Encode(const Chunk& chunk);
// kCorruption, also when the checksum of the bytes is wrong.
Result<Chunk> DecodeChunk(std::string_view bytes);

// What became of a checkpoint at the receiver.
struct Installed {
  std::uint64_t checkpoint = 0;
  bool is_in_place = false;

  friend bool operator==(const Installed&, const Installed&) = default;
};
std::string Encode(const Installed& installed);
Result<Installed> DecodeInstalled(std::string_view bytes);

// The data of a Raft snapshot: which checkpoint of the sender it is.
std::string EncodeCheckpointId(std::uint64_t id);
// kCorruption.
Result<std::uint64_t> DecodeCheckpointId(std::string_view bytes);

}  // namespace firn

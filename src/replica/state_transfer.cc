// SPDX-License-Identifier: Apache-2.0
//
// The layouts are in docs/protocol/peer.md, "Checkpoints".
#include "replica/state_transfer.h"

#include <algorithm>
#include <span>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/propagate.h"

namespace firn {
namespace {

// A name comes from another machine and becomes a path here.
bool IsFileName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

void PutRequest(std::string& out, const FetchRequest& request) {
  PutLittle(out, request.checkpoint);
  PutString(out, request.file);
  PutVarint(out, request.offset);
}

FetchRequest TakeRequest(Decoder& in) {
  FetchRequest request;
  request.checkpoint = in.Little<std::uint64_t>();
  request.file = in.String();
  request.offset = in.Varint();
  return request;
}

Error Malformed(std::string_view what, std::string_view bytes) {
  return {ErrorCode::kCorruption,
          "no " + std::string(what) + " in " + std::to_string(bytes.size()) + " bytes"};
}

}  // namespace

std::string Encode(const std::vector<ListedFile>& listing) {
  std::string out;
  PutVarint(out, listing.size());
  for (const ListedFile& file : listing) {
    PutString(out, file.name);
    PutVarint(out, file.size);
    PutLittle(out, file.mark);
  }
  PutLittle(out, Crc32c(out, 0));
  return out;
}

Result<std::vector<ListedFile>> DecodeListing(std::string_view bytes) {
  Decoder in(bytes);
  std::vector<ListedFile> listing;
  for (std::uint64_t count = in.Varint(); count > 0 && in.ok(); --count) {
    ListedFile file;
    file.name = in.String();
    file.size = in.Varint();
    file.mark = in.Little<std::uint32_t>();
    if (!IsFileName(file.name)) {
      return Error{ErrorCode::kCorruption,
                   "listing of a checkpoint: is no file name: " + file.name};
    }
    listing.push_back(std::move(file));
  }
  const std::size_t summed = bytes.size() - in.rest().size();
  const auto checksum = in.Little<std::uint32_t>();
  if (!in.ok() || !in.done() || checksum != Crc32c(bytes.substr(0, summed), 0)) {
    return Malformed("listing of a checkpoint", bytes);
  }
  return listing;
}

Result<std::vector<ListedFile>> ListFiles(FileSystem& files, const std::string& directory) {
  FIRN_TRY_ASSIGN(const std::vector<std::string> names, files.List(directory));
  std::vector<ListedFile> listing;
  for (const std::string& name : names) {
    FIRN_TRY_ASSIGN(const auto file, files.OpenReadable(JoinPath(directory, name)));
    FIRN_TRY_ASSIGN(const std::uint64_t size, file->Size());
    const std::uint64_t marked = std::min(size, kMarkBytes);
    FIRN_TRY_ASSIGN(const std::string end, ReadPart(*file, size - marked, marked));
    listing.push_back({.name = name, .size = size, .mark = Crc32c(end)});
  }
  return listing;
}

Result<std::string> ReadPart(const ReadableFile& file, std::uint64_t offset, std::uint64_t length) {
  std::string bytes(length, '\0');
  std::size_t have = 0;
  while (have < bytes.size()) {
    FIRN_TRY_ASSIGN(const std::size_t count,
                    file.Read(offset + have, std::span(bytes).subspan(have)));
    if (count == 0) {
      break;
    }
    have += count;
  }
  bytes.resize(have);
  return bytes;
}

std::string Encode(const FetchRequest& request) {
  std::string out;
  PutRequest(out, request);
  return out;
}

Result<FetchRequest> DecodeFetchRequest(std::string_view bytes) {
  Decoder in(bytes);
  FetchRequest request = TakeRequest(in);
  if (!in.ok() || !in.done() || (!request.file.empty() && !IsFileName(request.file))) {
    return Malformed("question for a part of a checkpoint", bytes);
  }
  return request;
}

std::string Encode(const Chunk& chunk) {
  std::string out;
  PutRequest(out, chunk.request);
  out.push_back(chunk.is_gone ? '\1' : '\0');
  PutLittle(out, Crc32c(chunk.bytes, 0));
  out += chunk.bytes;
  return out;
}

Result<Chunk> DecodeChunk(std::string_view bytes) {
  Decoder in(bytes);
  Chunk chunk;
  chunk.request = TakeRequest(in);
  const auto is_gone = in.Little<std::uint8_t>();
  const auto checksum = in.Little<std::uint32_t>();
  if (!in.ok() || is_gone > 1 || in.rest().size() > kChunkBytesMax ||
      checksum != Crc32c(in.rest(), 0)) {
    return Malformed("part of a checkpoint", bytes);
  }
  chunk.is_gone = is_gone == 1;
  chunk.bytes = in.rest();
  return chunk;
}

std::string Encode(const Installed& installed) {
  std::string out;
  PutLittle(out, installed.checkpoint);
  out.push_back(installed.is_in_place ? '\1' : '\0');
  return out;
}

Result<Installed> DecodeInstalled(std::string_view bytes) {
  Decoder in(bytes);
  Installed installed;
  installed.checkpoint = in.Little<std::uint64_t>();
  const auto is_in_place = in.Little<std::uint8_t>();
  if (!in.ok() || !in.done() || is_in_place > 1) {
    return Malformed("report of a checkpoint", bytes);
  }
  installed.is_in_place = is_in_place == 1;
  return installed;
}

std::string EncodeCheckpointId(std::uint64_t id) {
  std::string out;
  PutLittle(out, id);
  return out;
}

Result<std::uint64_t> DecodeCheckpointId(std::string_view bytes) {
  Decoder in(bytes);
  const auto id = in.Little<std::uint64_t>();
  if (!in.ok() || !in.done()) {
    return Malformed("id of a checkpoint", bytes);
  }
  return id;
}

}  // namespace firn

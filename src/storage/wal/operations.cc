// SPDX-License-Identifier: Apache-2.0
#include "storage/wal/operations.h"

#include "base/coding.h"

namespace firn {
namespace {

Error Damaged(const std::string& reason) {
  return {ErrorCode::kCorruption, std::string("operation: ").append(reason)};
}

Error UnknownKind(std::uint8_t kind) {
  std::string_view name = "unknown";
  switch (static_cast<Kind>(kind)) {
    case Kind::kReservedRangeDelete: name = "range delete"; break;
    case Kind::kReservedMerge: name = "merge"; break;
    case Kind::kReservedPutWithExpiry: name = "put with expiry"; break;
    case Kind::kReservedBlobReference: name = "blob reference"; break;
    case Kind::kPut:
    case Kind::kDelete: break;
  }
  return {ErrorCode::kUnsupported, std::string("operation: kind ")
                                       .append(std::to_string(kind))
                                       .append(" (")
                                       .append(name)
                                       .append(") needs a newer version")};
}

void EncodeHead(std::string& out, Kind kind, std::string_view key) {
  out.push_back(static_cast<char>(kind));
  PutVarint(out, key.size());
}

}  // namespace

void EncodePut(std::string& out, std::string_view key, std::string_view value) {
  EncodeHead(out, Kind::kPut, key);
  PutVarint(out, value.size());
  out.append(key).append(value);
}

void EncodeDelete(std::string& out, std::string_view key) {
  EncodeHead(out, Kind::kDelete, key);
  out.append(key);
}

Result<BatchOperation> DecodeOperation(std::string_view& rest) {
  Decoder decoder(rest);
  const auto kind = decoder.Little<std::uint8_t>();
  if (kind > static_cast<std::uint8_t>(Kind::kPut)) {
    return UnknownKind(kind);
  }
  const bool has_value = static_cast<Kind>(kind) == Kind::kPut;
  const std::uint64_t key_bytes = decoder.Varint();
  const std::uint64_t value_bytes = has_value ? decoder.Varint() : 0;
  if (decoder.ok() && (key_bytes == 0 || key_bytes > kKeyBytesMax)) {
    return Damaged("key of " + std::to_string(key_bytes) + " bytes");
  }
  if (decoder.ok() && value_bytes > kValueBytesMax) {
    return Damaged("value of " + std::to_string(value_bytes) + " bytes");
  }
  const BatchOperation operation = {.kind = static_cast<Kind>(kind),
                                    .key = decoder.Bytes(key_bytes),
                                    .value = decoder.Bytes(value_bytes)};
  if (!decoder.ok()) {
    return Damaged("ends after " + std::to_string(rest.size()) + " bytes");
  }
  rest = decoder.rest();
  return operation;
}

}  // namespace firn

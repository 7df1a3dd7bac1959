// SPDX-License-Identifier: Apache-2.0
//
// How a system is asked for the same things: the method and the bytes of a request. Immutable, for
// any thread. gRPC's generic calls carry the bytes, so that one load drives every system.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>
#include <vector>

namespace firn::bench {

struct WireRequest {
  const std::string* method = nullptr;  // Of the wire, and lives as long.
  grpc::ByteBuffer body{};
};

struct KeyValuePair {
  std::string key;
  std::string value;
};

class Wire {
 public:
  virtual ~Wire() = default;
  virtual WireRequest Put(const KeyValuePair& pair) const = 0;
  // Linearizable.
  virtual WireRequest Get(const std::string& key) const = 0;
  // Puts all or nothing.
  virtual WireRequest Batch(const std::vector<KeyValuePair>& pairs) const = 0;
  // Whether the answer to a Get holds a value.
  virtual bool HasValue(grpc::ByteBuffer* response) const = 0;
};

std::unique_ptr<Wire> MakeFirnWire();
std::unique_ptr<Wire> MakeEtcdWire();

}  // namespace firn::bench

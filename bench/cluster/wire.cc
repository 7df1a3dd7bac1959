// SPDX-License-Identifier: Apache-2.0
#include "wire.h"

#include <firn/v1/kv.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include "etcd_wire.pb.h"

namespace firn::bench {
namespace {

template <typename Message>
grpc::ByteBuffer Encode(const Message& message) {
  grpc::Slice slice(message.ByteSizeLong());
  message.SerializeWithCachedSizesToArray(const_cast<std::uint8_t*>(slice.begin()));
  return {&slice, 1};
}

template <typename Message>
bool Decode(grpc::ByteBuffer* bytes, Message* message) {
  return grpc::SerializationTraits<Message>::Deserialize(bytes, message).ok();
}

class FirnWire final : public Wire {
 public:
  WireRequest Put(const KeyValuePair& pair) const override {
    v1::PutRequest request;
    request.set_key(pair.key);
    request.set_value(pair.value);
    return {.method = &put_, .body = Encode(request)};
  }
  WireRequest Get(const std::string& key) const override {
    v1::GetRequest request;
    request.set_key(key);
    return {.method = &get_, .body = Encode(request)};
  }
  WireRequest Batch(const std::vector<KeyValuePair>& pairs) const override {
    v1::BatchWriteRequest request;
    for (const KeyValuePair& pair : pairs) {
      auto& put = *request.add_operations()->mutable_put();
      put.set_key(pair.key);
      put.set_value(pair.value);
    }
    return {.method = &batch_, .body = Encode(request)};
  }
  bool HasValue(grpc::ByteBuffer* response) const override {
    v1::GetResponse got;
    return Decode(response, &got) && got.found();
  }

 private:
  const std::string put_ = "/firn.v1.KVService/Put";
  const std::string get_ = "/firn.v1.KVService/Get";
  const std::string batch_ = "/firn.v1.KVService/BatchWrite";
};

class EtcdWire final : public Wire {
 public:
  WireRequest Put(const KeyValuePair& pair) const override {
    etcdserverpb::PutRequest request;
    request.set_key(pair.key);
    request.set_value(pair.value);
    return {.method = &put_, .body = Encode(request)};
  }
  WireRequest Get(const std::string& key) const override {
    etcdserverpb::RangeRequest request;
    request.set_key(key);
    return {.method = &range_, .body = Encode(request)};
  }
  WireRequest Batch(const std::vector<KeyValuePair>& pairs) const override {
    etcdserverpb::TxnRequest request;
    for (const KeyValuePair& pair : pairs) {
      auto& put = *request.add_success()->mutable_request_put();
      put.set_key(pair.key);
      put.set_value(pair.value);
    }
    return {.method = &txn_, .body = Encode(request)};
  }
  bool HasValue(grpc::ByteBuffer* response) const override {
    etcdserverpb::RangeResponse got;
    return Decode(response, &got) && got.count() > 0;
  }

 private:
  const std::string put_ = "/etcdserverpb.KV/Put";
  const std::string range_ = "/etcdserverpb.KV/Range";
  const std::string txn_ = "/etcdserverpb.KV/Txn";
};

}  // namespace

std::unique_ptr<Wire> MakeFirnWire() { return std::make_unique<FirnWire>(); }
std::unique_ptr<Wire> MakeEtcdWire() { return std::make_unique<EtcdWire>(); }

}  // namespace firn::bench

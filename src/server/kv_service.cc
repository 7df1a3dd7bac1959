// SPDX-License-Identifier: Apache-2.0
//
// Ending a call costs several microseconds in gRPC and a system call. A group of the replica
// answers up to some hundred calls, so its task would lose a millisecond between two Readys if it
// ended them itself: therefore workers do.
#include "server/kv_service.h"

#include <utility>

#include "firn/v1/kv.grpc.pb.h"
#include "server/scan_calls.h"
#include "server/unary_call.h"
#include "server/write_demand.h"

namespace firn::server {
namespace {

template <typename Request, typename Response>
class WriteCall final : public UnaryCall {
 public:
  static grpc::ServerUnaryReactor* Start(const Call& call, const Request& request,
                                         Response& response) {
    auto* write = new WriteCall(call, response);
    write->Begin(request);
    return write;
  }

 private:
  WriteCall(const Call& call, Response& response) : UnaryCall(call), response_(response) {}

  void Begin(const Request& request) {
    if (node_.draining.load(std::memory_order_relaxed)) {
      return Refuse(Draining());
    }
    Demand demand = DemandOf(request, node_.limits);
    if (const auto* refusal = std::get_if<Refusal>(&demand)) {
      return Refuse(*refusal);
    }
    demand_ = std::move(std::get<WriteDemand>(demand));
    node_.replica.Submit(demand_.AsCommand(), MayForward(context_),
                         [this](const CommandReply& reply) {
                           reply_ = reply;
                           node_.workers.Post([this] { End(); });
                         });
  }

  void End() {
    if (reply_.fate != Fate::kDone) {
      return Refuse(reply_.fate, Asked::kWrite);
    }
    Conclude(Answer(reply_.outcome, response_));
  }

  Response& response_;
  WriteDemand demand_;
  CommandReply reply_;
};

class GetCall final : public UnaryCall {
 public:
  static grpc::ServerUnaryReactor* Start(const Call& call, const v1::GetRequest& request,
                                         v1::GetResponse& response) {
    auto* get = new GetCall(call, request, response);
    get->Begin();
    return get;
  }

 private:
  GetCall(const Call& call, const v1::GetRequest& request, v1::GetResponse& response)
      : UnaryCall(call), request_(request), response_(response) {}

  void Begin() {
    if (node_.draining.load(std::memory_order_relaxed)) {
      return Refuse(Draining());
    }
    if (const auto refusal = CheckKey(request_.key(), node_.limits)) {
      return Refuse(*refusal);
    }
    AwaitFreshness(node_.replica, request_.consistency(), [this](Fate fate) {
      fate_ = fate;
      node_.workers.Post([this] { End(); });
    });
  }

  void End() {
    if (fate_ != Fate::kDone) {
      return Refuse(fate_, Asked::kRead);
    }
    if (context_.IsCancelled()) {
      return Refuse(Cancelled());
    }
    Result<TracedRead> read = node_.replica.engine()->Get(request_.key(), {});
    if (!read) {
      return Refuse(RefusalOf(read.error()));
    }
    if (read->value) {
      response_.set_found(true);
      response_.set_value(std::move(*read->value));
      response_.set_revision(read->sequence.value);
    }
    Succeed();
  }

  const v1::GetRequest& request_;
  v1::GetResponse& response_;
  Fate fate_ = Fate::kStopped;
};

class KvService final : public v1::KVService::CallbackService {
 public:
  explicit KvService(const ServingNode& node) : node_(node) {}

  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, const v1::GetRequest* request,
                                v1::GetResponse* response) override {
    return GetCall::Start({node_, *context, Method::kGet}, *request, *response);
  }
  grpc::ServerUnaryReactor* Put(grpc::CallbackServerContext* context, const v1::PutRequest* request,
                                v1::PutResponse* response) override {
    return Write({node_, *context, Method::kPut}, *request, *response);
  }
  grpc::ServerUnaryReactor* Delete(grpc::CallbackServerContext* context,
                                   const v1::DeleteRequest* request,
                                   v1::DeleteResponse* response) override {
    return Write({node_, *context, Method::kDelete}, *request, *response);
  }
  grpc::ServerUnaryReactor* Scan(grpc::CallbackServerContext* context,
                                 const v1::ScanRequest* request,
                                 v1::ScanResponse* response) override {
    return StartScan({node_, *context, Method::kScan}, *request, *response);
  }
  grpc::ServerWriteReactor<v1::ScanResponse>* ScanStream(grpc::CallbackServerContext* context,
                                                         const v1::ScanRequest* request) override {
    return StartScanStream(node_, *context, *request);
  }
  grpc::ServerUnaryReactor* BatchWrite(grpc::CallbackServerContext* context,
                                       const v1::BatchWriteRequest* request,
                                       v1::BatchWriteResponse* response) override {
    return Write({node_, *context, Method::kBatchWrite}, *request, *response);
  }
  grpc::ServerUnaryReactor* CompareAndSet(grpc::CallbackServerContext* context,
                                          const v1::CompareAndSetRequest* request,
                                          v1::CompareAndSetResponse* response) override {
    return Write({node_, *context, Method::kCompareAndSet}, *request, *response);
  }
  grpc::ServerUnaryReactor* OpenSession(grpc::CallbackServerContext* context,
                                        const v1::OpenSessionRequest* request,
                                        v1::OpenSessionResponse* response) override {
    return Write({node_, *context, Method::kOpenSession}, *request, *response);
  }
  grpc::ServerUnaryReactor* CloseSession(grpc::CallbackServerContext* context,
                                         const v1::CloseSessionRequest* request,
                                         v1::CloseSessionResponse* response) override {
    return Write({node_, *context, Method::kCloseSession}, *request, *response);
  }

 private:
  template <typename Request, typename Response>
  static grpc::ServerUnaryReactor* Write(const UnaryCall::Call& call, const Request& request,
                                         Response& response) {
    return WriteCall<Request, Response>::Start(call, request, response);
  }

  const ServingNode& node_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeKvService(const ServingNode& node) {
  return std::make_unique<KvService>(node);
}

}  // namespace firn::server

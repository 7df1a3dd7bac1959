// SPDX-License-Identifier: Apache-2.0
//
// Writes and reads wait for the replica, which answers them in groups from its own task: that only
// hands them to their loop. A read that is in memory is done there, too; one that needs the disk
// goes to a worker first.
#include "server/kv_service.h"

#include <utility>

#include "firn/v1/kv.grpc.pb.h"
#include "server/scan_calls.h"
#include "server/write_demand.h"

namespace firn::server {
namespace {

// Asked for in advance, of each method: a burst that finds too few waits a little in gRPC.
constexpr std::size_t kAheadMany = 128;
constexpr std::size_t kAheadFew = 8;

template <typename Request, typename Response>
class WriteCall final : public TypedCall<Request, Response> {
 public:
  using TypedCall<Request, Response>::TypedCall;

 private:
  void Begin() override {
    if (this->IsDraining()) {
      return this->Refuse(Draining());
    }
    Demand demand = DemandOf(this->request_, this->node_.limits);
    if (const auto* refusal = std::get_if<Refusal>(&demand)) {
      return this->Refuse(*refusal);
    }
    demand_ = std::move(std::get<WriteDemand>(demand));
    this->node_.replica.Submit(demand_.AsCommand(), MayForward(this->context_),
                               [this](const CommandReply& reply) {
                                 reply_ = reply;
                                 this->loop().Post([this] { End(); });
                               });
  }

  void End() {
    this->HoldBack();
    if (reply_.fate != Fate::kDone) {
      return this->Refuse(reply_.fate, Asked::kWrite);
    }
    this->Conclude(Answer(reply_.outcome, this->response_));
  }

  WriteDemand demand_;
  CommandReply reply_;
};

class GetCall final : public TypedCall<v1::GetRequest, v1::GetResponse> {
 public:
  using TypedCall::TypedCall;

 private:
  void Begin() override {
    if (IsDraining()) {
      return Refuse(Draining());
    }
    if (const auto refusal = CheckKey(request_.key(), node_.limits)) {
      return Refuse(*refusal);
    }
    AwaitFreshness(node_.replica, request_.consistency(), [this](Fate fate) {
      fate_ = fate;
      loop().Post([this] { ReadInMemory(); });
    });
  }

  void ReadInMemory() {
    HoldBack();
    if (fate_ != Fate::kDone) {
      return Refuse(fate_, Asked::kRead);
    }
    const Result<std::optional<TracedRead>> read =
        node_.replica.engine()->GetInMemory(request_.key());
    if (!read) {
      return Refuse(RefusalOf(read.error()));
    }
    if (!*read) {
      return node_.workers.Post([this] { ReadFromDisk(); });
    }
    Respond(**read);
  }

  void ReadFromDisk() {
    const Result<TracedRead> read = node_.replica.engine()->Get(request_.key(), {});
    if (!read) {
      return Refuse(RefusalOf(read.error()));
    }
    Respond(*read);
  }

  void Respond(const TracedRead& read) {
    if (read.value) {
      response_.set_found(true);
      response_.set_value(*read.value);
      response_.set_revision(read.sequence.value);
    }
    Succeed();
  }

  Fate fate_ = Fate::kStopped;
};

}  // namespace

CallService MakeKvService(const ServingNode& node) {
  using Kv = v1::KVService::AsyncService;
  const auto kind = [&node](Method method) { return UnaryCall::Kind{node, method}; };
  CallServiceBuilder<Kv> service;
  service.Add<GetCall>(&Kv::RequestGet, kAheadMany, kind(Method::kGet))
      .Add<WriteCall<v1::PutRequest, v1::PutResponse>>(&Kv::RequestPut, kAheadMany,
                                                       kind(Method::kPut))
      .Add<WriteCall<v1::DeleteRequest, v1::DeleteResponse>>(&Kv::RequestDelete, kAheadFew,
                                                             kind(Method::kDelete))
      .Add<WriteCall<v1::BatchWriteRequest, v1::BatchWriteResponse>>(
          &Kv::RequestBatchWrite, kAheadFew, kind(Method::kBatchWrite))
      .Add<WriteCall<v1::CompareAndSetRequest, v1::CompareAndSetResponse>>(
          &Kv::RequestCompareAndSet, kAheadFew, kind(Method::kCompareAndSet))
      .Add<WriteCall<v1::OpenSessionRequest, v1::OpenSessionResponse>>(
          &Kv::RequestOpenSession, kAheadFew, kind(Method::kOpenSession))
      .Add<WriteCall<v1::CloseSessionRequest, v1::CloseSessionResponse>>(
          &Kv::RequestCloseSession, kAheadFew, kind(Method::kCloseSession))
      .Add<ScanCall>(&Kv::RequestScan, kAheadFew, kind(Method::kScan))
      .Add<ScanStreamCall>(&Kv::RequestScanStream, kAheadFew, kind(Method::kScanStream));
  return service.Build();
}

}  // namespace firn::server

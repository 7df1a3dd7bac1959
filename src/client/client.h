// SPDX-License-Identifier: Apache-2.0
//
// A client of a cluster: any of its nodes' addresses in, calls that find the leader, survive its
// loss and are carried out once, out. Requests and responses are the messages of proto/firn/v1;
// Get, Put and the like are short forms of the common ones.
//
//   auto client = firn::client::Client::Make({.endpoints = {"127.0.0.1:7101"}}).value();
//   client->Put("user:1", "Alice").value();
//   std::optional<std::string> name = client->Get("user:1").value();
//
// Thread-safe. Calls block until they have succeeded, failed for good, or run out of time; Start
// does not block. Nothing connects before the first call.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/caller.h"
#include "client/failure.h"
#include "client/methods.h"
#include "client/options.h"
#include "client/scan_stream.h"
#include "firn/result.h"

namespace firn::client {

class Client {
 public:
  // kInvalidArgument: an option makes no sense.
  static Result<std::unique_ptr<Client>> Make(ClientOptions options);
  // With other surroundings than the real ones.
  static Result<std::unique_ptr<Client>> Make(ClientOptions options, Surroundings surroundings);
  ~Client();  // As Close.
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Any request of the services but streams. The request's id, where it has one, is the client's to
  // set. `answered_by`, where it is given, is told which node answered.
  template <typename Request>
  Reply<ResponseTo<Request>> Call(const Request& request, const CallOptions& options = {},
                                  std::string* answered_by = nullptr);

  // The same without blocking. `done` is called exactly once, on a thread of gRPC, and must be
  // short.
  template <typename Request>
  void Start(Request request, const CallOptions& options,
             std::function<void(Reply<ResponseTo<Request>>)> done);

  // All entries of a scan, of one state of the store; its limit is of a page on the wire. Nothing
  // is asked before the first Next.
  class ScanStream ScanStream(v1::ScanRequest request, const StreamOptions& options = {});

  // Absence is a value.
  Reply<std::optional<std::string>> Get(std::string_view key);
  // Each returns its revision.
  Reply<std::uint64_t> Put(std::string_view key, std::string_view value);
  Reply<std::uint64_t> Delete(std::string_view key);

  // Ends every call with kClosed, also those to come and those of streams, and blocks until all
  // have called back, as destruction does. Not from within such a callback.
  void Close() { caller_->Close(); }

  // The address of the node that is believed to lead; empty: none is.
  std::string leader() const { return caller_->leader(); }

 private:
  explicit Client(std::shared_ptr<Caller> caller) : caller_(std::move(caller)) {}

  template <typename Request>
  static CallSetup SetupOf(Request request, const CallOptions& options);
  template <typename Response>
  static Reply<Response> Parse(const Reply<Caller::Answer>& answer);

  const std::shared_ptr<Caller> caller_;  // With the streams.
};

template <typename Request>
CallSetup Client::SetupOf(Request request, const CallOptions& options) {
  return {.method = MethodOf<Request>::kInfo,
          .encode =
              [request = std::move(request)](const RequestTag& tag) mutable {
                if constexpr (MethodOf<Request>::kInfo.repeat == Repeat::kWithRequestId) {
                  request.clear_request_id();
                  if (tag.session != 0) {
                    request.mutable_request_id()->set_session(tag.session);
                    request.mutable_request_id()->set_sequence(tag.sequence);
                  }
                }
                return request.SerializeAsString();
              },
          .options = options};
}

template <typename Response>
Reply<Response> Client::Parse(const Reply<Caller::Answer>& answer) {
  if (!answer) {
    return answer.error();
  }
  Response response;
  if (!response.ParseFromString(answer->response)) {
    return Failure{FailureKind::kServer, answer->endpoint + ": the response makes no sense"};
  }
  return response;
}

template <typename Request>
Reply<ResponseTo<Request>> Client::Call(const Request& request, const CallOptions& options,
                                        std::string* answered_by) {
  const Reply<Caller::Answer> answer = caller_->Await(SetupOf(request, options));
  if (answer && answered_by != nullptr) {
    *answered_by = answer->endpoint;
  }
  return Parse<ResponseTo<Request>>(answer);
}

template <typename Request>
void Client::Start(Request request, const CallOptions& options,
                   std::function<void(Reply<ResponseTo<Request>>)> done) {
  caller_->Start(SetupOf(std::move(request), options),
                 [done = std::move(done)](const Reply<Caller::Answer>& answer) {
                   done(Parse<ResponseTo<Request>>(answer));
                 });
}

}  // namespace firn::client

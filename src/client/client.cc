// SPDX-License-Identifier: Apache-2.0
#include "client/client.h"

#include <utility>

#include "base/propagate.h"
#include "base/random.h"
#include "client/grpc_transport.h"

namespace firn::client {
namespace {

Result<void> Check(const ClientOptions& options) {
  const auto invalid = [](std::string what) {
    return Error{ErrorCode::kInvalidArgument, "client: " + std::move(what)};
  };
  if (options.endpoints.empty()) {
    return invalid("no endpoint is given, name a node as host:port");
  }
  for (const std::string& endpoint : options.endpoints) {
    const std::size_t colon = endpoint.rfind(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == endpoint.size() ||
        endpoint.find_first_not_of("0123456789", colon + 1) != std::string::npos) {
      return invalid("endpoint '" + endpoint + "' is not host:port");
    }
  }
  if (options.timeout.count() <= 0 || options.attempt_timeout.count() <= 0) {
    return invalid("a timeout is not positive");
  }
  if (options.connections < 1) {
    return invalid("at least one connection is needed");
  }
  if (options.tls.certificate.empty() != options.tls.key.empty()) {
    return invalid("a certificate needs its key, and a key its certificate");
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Client>> Client::Make(ClientOptions options) {
  FIRN_TRY(Check(options));
  Surroundings surroundings{.transport = MakeGrpcTransport(options),
                            .alarms = MakeGrpcAlarms(),
                            .clock = std::make_shared<MonotonicClock>(),
                            .seed = EntropySeed()};
  return Make(std::move(options), std::move(surroundings));
}

Result<std::unique_ptr<Client>> Client::Make(ClientOptions options, Surroundings surroundings) {
  FIRN_TRY(Check(options));
  return std::unique_ptr<Client>(
      new Client(std::make_shared<Caller>(std::move(options), std::move(surroundings))));
}

Client::~Client() { caller_->Close(); }

class ScanStream Client::ScanStream(v1::ScanRequest request, const StreamOptions& options) {
  return {caller_, std::move(request), options};
}

Reply<std::optional<std::string>> Client::Get(std::string_view key) {
  v1::GetRequest request;
  request.set_key(std::string(key));
  FIRN_TRY_ASSIGN(v1::GetResponse response, Call(request));
  return response.found() ? std::optional(std::move(*response.mutable_value())) : std::nullopt;
}

Reply<std::uint64_t> Client::Put(std::string_view key, std::string_view value) {
  v1::PutRequest request;
  request.set_key(std::string(key));
  request.set_value(std::string(value));
  FIRN_TRY_ASSIGN(const v1::PutResponse response, Call(request));
  return response.revision();
}

Reply<std::uint64_t> Client::Delete(std::string_view key) {
  v1::DeleteRequest request;
  request.set_key(std::string(key));
  FIRN_TRY_ASSIGN(const v1::DeleteResponse response, Call(request));
  return response.revision();
}

}  // namespace firn::client

// SPDX-License-Identifier: Apache-2.0
//
// The seams of the client to the world: sending bytes to a node once, and being woken later. Behind
// them stands gRPC (grpc_transport.h); tests put scripts and virtual time there. Both are
// thread-safe, and both call back exactly once for each call, from a thread of their own or from
// within the call.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "firn/v1/kv.pb.h"

namespace firn::client {

// The numbers of gRPC.
enum class StatusCode : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

// What came of sending a request to a node once.
struct Attempt {
  StatusCode code = StatusCode::kOk;
  std::string text{};        // Of a failure.
  v1::ErrorDetail detail{};  // Of a failure that the node has explained.
  std::string response{};    // Of a success.
  bool is_end = false;       // Of a success of a stream: that was all, there is no response.
  std::string endpoint{};    // Who answered, where that is not who was asked.
};

struct Sending {
  const char* path = "";   // Static.
  std::string endpoint{};  // "host:port"
  std::string request{};   // Serialised.
  std::chrono::milliseconds timeout{0};
  bool may_forward = false;  // A node that does not lead may ask the leader in its turn.
};

// The responses to one request, taken one after another; destruction gives up those to come.
class ResponseStream {
 public:
  virtual ~ResponseStream() = default;
  // The next one, or the end. That nothing comes for `timeout` is a failure, and after a failure
  // nothing more comes. One at a time.
  virtual void Read(std::chrono::milliseconds timeout, std::function<void(Attempt)> done) = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;
  virtual void Send(Sending sending, std::function<void(Attempt)> done) = 0;
  // For a call with many responses. Its readings have timeouts, the sending's does not count.
  virtual std::unique_ptr<ResponseStream> Open(Sending sending) = 0;
  // Makes everything under way, and everything sent from now on, end soon with kCancelled.
  virtual void CancelAll() = 0;
};

class Alarms {
 public:
  virtual ~Alarms() = default;
  virtual void After(std::chrono::milliseconds delay, std::function<void()> wake) = 0;
  // Makes everything that waits, and whatever comes from now on, be woken soon.
  virtual void CancelAll() = 0;
};

}  // namespace firn::client

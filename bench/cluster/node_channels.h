// SPDX-License-Identifier: Apache-2.0
//
// Connections for questions to nodes, one for each address, that notice soon when a node comes
// back. Not thread-safe.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>

namespace firn::bench {

class NodeChannels {
 public:
  const std::shared_ptr<grpc::Channel>& To(const std::string& address) {
    std::shared_ptr<grpc::Channel>& channel = channels_[address];
    if (channel == nullptr) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
      // The least time for a connection to stand, in spite of its name.
      arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1'000);
      arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 20);
      channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
    }
    return channel;
  }

 private:
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_;
};

// For one question, which waits for the connection: a channel makes progress only while a call
// waits.
inline void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(1));
  context.set_wait_for_ready(true);
}

}  // namespace firn::bench

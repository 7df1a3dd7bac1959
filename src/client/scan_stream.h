// SPDX-License-Identifier: Apache-2.0
//
// A scan whose entries are pulled one by one while the node sends ahead as much as the connection
// takes: far fewer round trips than page after page. The node that answers first sends all of it,
// of the state that it has then, fresh as the request asks. Until the first page has come, the
// client looks for a node as for any call; a stream that breaks later is honest about it
// (StreamOptions).
//
//   ScanStream rows = client->ScanStream(request);
//   for (auto row = rows.Next().value(); row; row = rows.Next().value()) { … row->key() … }
//
// Not thread-safe, but for Client::Close, which ends a Next that waits. It may outlive its client.
// A node gives up a stream that nothing is taken from for long (docs/protocol/grpc.md).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "client/caller.h"

namespace firn::client {

class ScanStream {
 public:
  ScanStream(std::shared_ptr<Caller> caller, v1::ScanRequest request, const StreamOptions& options);
  ScanStream(ScanStream&&) noexcept;
  ScanStream& operator=(ScanStream&&) noexcept;
  ~ScanStream();  // Gives up the rest.

  // The next entry; nothing: the scan is complete. May block. After kUnavailable it may be called
  // again, and goes on if that is allowed; kScanExpired is for ever.
  Reply<std::optional<v1::KeyValue>> Next();

  // How often the scan went on in another state of the store.
  std::uint64_t state_changes() const;

 private:
  class Source;

  std::unique_ptr<Source> source_;  // Stays where it is.
  v1::ScanResponse page_;
  int taken_ = 0;  // Of the page.
};

}  // namespace firn::client

// SPDX-License-Identifier: Apache-2.0
//
// Pages for monitors and for people, over plain HTTP: /metrics for Prometheus, /livez and /readyz
// for whoever starts and stops nodes, /api/v1/status in JSON. They only tell and change nothing,
// but there is no authentication: listen where only those who may know can ask. Thread-safe.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "firn/result.h"
#include "server/http/node_report.h"

namespace firn::server {

class HttpServer {
 public:
  struct Setup {
    std::string listen = "127.0.0.1:0";  // "host:port"; port 0 takes a free one.
    // Called for each page, from any thread, several at once.
    std::function<NodeReport()> report;
    // How long it waits for a byte of a request, or for one of the answer to be taken. A connection
    // on which no request begins is closed after a second.
    std::chrono::milliseconds patience{3'000};
  };

  // Serves when it returns. kInvalidArgument for an address that makes no sense, kIo when it is
  // taken.
  static Result<std::unique_ptr<HttpServer>> Start(Setup setup);
  // Waits for the pages that are being written, which have seconds to get to the other side.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // What it is bound to, "host:port".
  const std::string& address() const;

 private:
  class Implementation;
  explicit HttpServer(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace firn::server

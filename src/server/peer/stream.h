// SPDX-License-Identifier: Apache-2.0
//
// A TCP connection, with TLS on it or without, behind one face. Handlers are called later, in the
// thread that runs the context, once each, also after Close; they keep alive what they use. Not
// thread-safe.
#pragma once

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ssl/context.hpp>
#include <asio/ssl/stream.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "consensus/types.h"

namespace firn {

class PeerStream {
 public:
  enum class Side : bool { kDialler, kAcceptor };
  using Done = std::function<void(const asio::error_code&)>;
  using Moved = std::function<void(const asio::error_code&, std::size_t)>;

  // Without TLS when `tls` is null; it outlives the stream.
  PeerStream(asio::ip::tcp::socket socket, asio::ssl::context* tls);

  asio::ip::tcp::socket& socket() { return socket_; }
  // Options that every connection has. To be called once it is connected.
  void Prepare(std::chrono::milliseconds unacknowledged_max);

  // The handshake of TLS; without TLS it is done at once.
  void Secure(Side side, Done done);
  void ReadSome(asio::mutable_buffer buffer, Moved moved);
  void ReadAll(asio::mutable_buffer buffer, Done done);
  void WriteSome(const std::vector<asio::const_buffer>& buffers, Moved moved);
  void WriteAll(asio::const_buffer buffer, Done done);
  void Close();

  bool is_secure() const { return tls_.has_value(); }
  // True without TLS: there is no certificate that could say otherwise.
  bool CertificateNames(NodeId node);
  // The error in words, with what TLS says about the certificate.
  std::string Describe(const asio::error_code& error);
  // Whether TLS failed, not the connection.
  static bool IsTlsError(const asio::error_code& error);

 private:
  asio::ip::tcp::socket socket_;
  std::optional<asio::ssl::stream<asio::ip::tcp::socket&>> tls_;
};

}  // namespace firn

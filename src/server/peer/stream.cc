// SPDX-License-Identifier: Apache-2.0
#include "server/peer/stream.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <sys/socket.h>

#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/ssl/error.hpp>
#include <asio/write.hpp>
#include <utility>

#include "server/tls/node_name.h"

namespace firn {

using asio::ip::tcp;

PeerStream::PeerStream(tcp::socket socket, asio::ssl::context* tls) : socket_(std::move(socket)) {
  if (tls != nullptr) {
    tls_.emplace(socket_, *tls);
  }
}

// Refused options cost speed or seconds, not correctness.
void PeerStream::Prepare(std::chrono::milliseconds unacknowledged_max) {
  const int descriptor = socket_.native_handle();
  const int on = 1;
  const auto timeout = static_cast<unsigned>(unacknowledged_max.count());
  static_cast<void>(::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  static_cast<void>(
      ::setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout));
  static_cast<void>(::fcntl(descriptor, F_SETFD, FD_CLOEXEC));
}

void PeerStream::Secure(Side side, Done done) {
  if (!tls_) {
    asio::post(socket_.get_executor(), [done = std::move(done)] { done({}); });
    return;
  }
  tls_->async_handshake(
      side == Side::kDialler ? asio::ssl::stream_base::client : asio::ssl::stream_base::server,
      std::move(done));
}

void PeerStream::ReadSome(asio::mutable_buffer buffer, Moved moved) {
  if (tls_) {
    tls_->async_read_some(buffer, std::move(moved));
  } else {
    socket_.async_read_some(buffer, std::move(moved));
  }
}

void PeerStream::ReadAll(asio::mutable_buffer buffer, Done done) {
  auto handler = [done = std::move(done)](const asio::error_code& error, std::size_t) {
    done(error);
  };
  if (tls_) {
    asio::async_read(*tls_, buffer, std::move(handler));
  } else {
    asio::async_read(socket_, buffer, std::move(handler));
  }
}

void PeerStream::WriteSome(const std::vector<asio::const_buffer>& buffers, Moved moved) {
  if (tls_) {
    tls_->async_write_some(buffers, std::move(moved));
  } else {
    socket_.async_write_some(buffers, std::move(moved));
  }
}

void PeerStream::WriteAll(asio::const_buffer buffer, Done done) {
  auto handler = [done = std::move(done)](const asio::error_code& error, std::size_t) {
    done(error);
  };
  if (tls_) {
    asio::async_write(*tls_, buffer, std::move(handler));
  } else {
    asio::async_write(socket_, buffer, std::move(handler));
  }
}

// TLS is not told goodbye: frames say where they end.
void PeerStream::Close() {
  asio::error_code ignored;
  socket_.close(ignored);
}

bool PeerStream::CertificateNames(NodeId node) {
  if (!tls_) {
    return true;
  }
  X509* certificate = SSL_get1_peer_certificate(tls_->native_handle());
  const bool named = certificate != nullptr && NamesNode(*certificate, node);
  X509_free(certificate);
  return named;
}

std::string PeerStream::Describe(const asio::error_code& error) {
  std::string text = error.message();
  if (tls_ && IsTlsError(error)) {
    const long verdict = SSL_get_verify_result(tls_->native_handle());
    if (verdict != X509_V_OK) {
      text += ": ";
      text += X509_verify_cert_error_string(verdict);
    }
  }
  return text;
}

bool PeerStream::IsTlsError(const asio::error_code& error) {
  return error.category() == asio::error::get_ssl_category();
}

}  // namespace firn

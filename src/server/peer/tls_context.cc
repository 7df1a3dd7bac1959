// SPDX-License-Identifier: Apache-2.0
#include "server/peer/tls_context.h"

#include <openssl/ssl.h>

#include "base/propagate.h"
#include "server/tls/node_name.h"

namespace firn {
namespace {

Result<void> CheckFile(const asio::error_code& error, const std::string& what,
                       const std::string& file) {
  if (error) {
    return Error{ErrorCode::kIo, what + " " + file + ": " + error.message()};
  }
  return {};
}

}  // namespace

// Sessions are not resumed: certificates are checked on every connection.
Result<void> ConfigureTls(asio::ssl::context& context, const PeerTls& files, NodeId self) {
  SSL_CTX* native = context.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_3_VERSION);
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(native, 0);
  asio::error_code error;
  context.load_verify_file(files.ca_file, error);
  FIRN_TRY(CheckFile(error, "authority of peers", files.ca_file));
  context.use_certificate_chain_file(files.certificate_file, error);
  FIRN_TRY(CheckFile(error, "certificate for peers", files.certificate_file));
  context.use_private_key_file(files.key_file, asio::ssl::context::pem, error);
  FIRN_TRY(CheckFile(error, "key for peers", files.key_file));
  context.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert, error);
  FIRN_TRY(CheckFile(error, "certificate for peers", files.certificate_file));
  const X509* certificate = SSL_CTX_get0_certificate(native);
  if (certificate == nullptr || !NamesNode(*certificate, self)) {
    return Error{ErrorCode::kInvalidArgument, "certificate for peers " + files.certificate_file +
                                                  " does not name " + NodeUri(self) +
                                                  ": use the one of this node"};
  }
  return {};
}

}  // namespace firn

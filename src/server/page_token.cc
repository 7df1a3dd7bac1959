// SPDX-License-Identifier: Apache-2.0
//
// The seal is HMAC-SHA256, cut to 16 bytes, of everything but itself.
#include "server/page_token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "base/check.h"
#include "base/coding.h"
#include "base/random.h"

namespace firn::server {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kHeadBytes = 1 + 4 * sizeof(std::uint64_t);

}  // namespace

PageTokenSeal::PageTokenSeal() : key_{EntropySeed(), EntropySeed(), EntropySeed(), EntropySeed()} {}

PageTokenSeal::Mac PageTokenSeal::MacOf(std::string_view head, std::string_view last_key) const {
  std::string sealed(head);  // Of fixed length, so that nothing can move across the border.
  sealed.append(last_key);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int length = 0;
  const unsigned char* made = HMAC(EVP_sha256(), key_.data(), static_cast<int>(sizeof key_),
                                   reinterpret_cast<const unsigned char*>(sealed.data()),
                                   sealed.size(), digest.data(), &length);
  FIRN_CHECK(made != nullptr && length >= kMacBytes, length);
  Mac mac;
  std::copy_n(digest.begin(), kMacBytes, mac.begin());
  return mac;
}

std::string PageTokenSeal::Seal(const PageToken& token) const {
  std::string bytes(1, kVersion);
  PutLittle(bytes, token.node.value);
  PutLittle(bytes, token.pin);
  PutLittle(bytes, token.revision);
  PutLittle(bytes, token.query);
  const Mac mac = MacOf(bytes, token.last_key);
  bytes.append(reinterpret_cast<const char*>(mac.data()), mac.size());
  return bytes += token.last_key;
}

PageTokenSeal::Opened PageTokenSeal::Open(std::string_view bytes) const {
  if (bytes.size() < kHeadBytes + kMacBytes || bytes.front() != kVersion) {
    return {};
  }
  const std::string_view last_key = bytes.substr(kHeadBytes + kMacBytes);
  Decoder decoder(bytes.substr(1, kHeadBytes - 1));
  PageToken token;
  token.node = {decoder.Little<std::uint64_t>()};
  token.pin = decoder.Little<std::uint64_t>();
  token.revision = decoder.Little<std::uint64_t>();
  token.query = decoder.Little<std::uint64_t>();
  const Mac mac = MacOf(bytes.substr(0, kHeadBytes), last_key);
  Opened opened{.is_token = true, .node = token.node, .token = std::nullopt};
  if (CRYPTO_memcmp(mac.data(), bytes.data() + kHeadBytes, kMacBytes) == 0) {
    token.last_key = last_key;
    opened.token = std::move(token);
  }
  return opened;
}

}  // namespace firn::server

// SPDX-License-Identifier: Apache-2.0
//
// Names are put together as structures, not as OpenSSL's configuration text, in which a host could
// smuggle in other names.
#include "server/tls/certificates.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "base/printable.h"
#include "base/propagate.h"
#include "server/tls/node_name.h"

namespace firn {
namespace {

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* owned) const {
    Free(owned);
  }
};
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;
using Bio = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, FreeWith<GENERAL_NAMES_free>>;
using BigNumber = std::unique_ptr<BIGNUM, FreeWith<BN_free>>;

constexpr long kHourSeconds = 3600;
constexpr std::chrono::hours kAuthorityHours{24 * 3652};
constexpr int kSerialBits = 127;
constexpr std::size_t kHostBytesMax = 253;

Error OpenSslFailed(const char* doing) {
  char text[256] = "no reason given";
  if (const unsigned long code = ERR_get_error(); code != 0) {
    ERR_error_string_n(code, text, sizeof text);
  }
  ERR_clear_error();
  return {ErrorCode::kIo, std::string(doing) + ": " + text};
}

std::string Contents(BIO& bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(&bio, &data);
  return {data, static_cast<std::size_t>(length)};
}

Result<PemPair> ToPem(X509& certificate, EVP_PKEY& key) {
  const Bio certificate_text(BIO_new(BIO_s_mem()));
  const Bio key_text(BIO_new(BIO_s_mem()));
  if (certificate_text == nullptr || key_text == nullptr ||
      PEM_write_bio_X509(certificate_text.get(), &certificate) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_text.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return OpenSslFailed("write a certificate as PEM");
  }
  return PemPair{.certificate = Contents(*certificate_text), .key = Contents(*key_text)};
}

struct Signer {
  Certificate certificate;
  Key key;
};

Result<Signer> FromPem(const PemPair& pair) {
  const auto open = [](const std::string& text) {
    return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  };
  Signer signer{
      .certificate =
          Certificate(PEM_read_bio_X509(open(pair.certificate).get(), nullptr, nullptr, nullptr)),
      .key = Key(PEM_read_bio_PrivateKey(open(pair.key).get(), nullptr, nullptr, nullptr))};
  if (signer.certificate == nullptr || signer.key == nullptr ||
      X509_check_private_key(signer.certificate.get(), signer.key.get()) != 1) {
    ERR_clear_error();
    return Error{ErrorCode::kInvalidArgument,
                 "certificate authority: no certificate with its key, both as PEM"};
  }
  return signer;
}

// What differs from one kind of certificate to the other.
struct Request {
  std::string common_name;
  std::chrono::hours hours{};
  Names alternative_names;  // None for authorities and clients.
  const char* basic_constraints = "critical,CA:FALSE";
  const char* key_usage = "critical,digitalSignature";
  const char* extended_key_usage = nullptr;
};

bool AddName(GENERAL_NAMES& names, int type, std::string_view text) {
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_IA5STRING* value = ASN1_IA5STRING_new();
  if (name == nullptr || value == nullptr ||
      ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())) != 1) {
    GENERAL_NAME_free(name);
    ASN1_IA5STRING_free(value);
    return false;
  }
  GENERAL_NAME_set0_value(name, type, value);
  return sk_GENERAL_NAME_push(&names, name) > 0;
}

bool AddAddress(GENERAL_NAMES& names, ASN1_OCTET_STRING* address) {
  GENERAL_NAME* name = GENERAL_NAME_new();
  if (name == nullptr) {
    ASN1_OCTET_STRING_free(address);
    return false;
  }
  GENERAL_NAME_set0_value(name, GEN_IPADD, address);
  return sk_GENERAL_NAME_push(&names, name) > 0;
}

Result<void> AddHost(GENERAL_NAMES& names, const std::string& host) {
  constexpr std::string_view kHostCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
  bool is_added = false;
  if (ASN1_OCTET_STRING* address = a2i_IPADDRESS(host.c_str()); address != nullptr) {
    is_added = AddAddress(names, address);
  } else if (host.empty() || host.size() > kHostBytesMax ||
             host.find_first_not_of(kHostCharacters) != std::string::npos) {
    ERR_clear_error();
    return Error{ErrorCode::kInvalidArgument,
                 "host '" + Printable(host) + "' is neither a name nor an address"};
  } else {
    is_added = AddName(names, GEN_DNS, host);
  }
  if (!is_added) {
    return OpenSslFailed("name a host");
  }
  return {};
}

bool AddExtension(X509& certificate, X509V3_CTX& context, int id, const char* value) {
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, id, value));
  return extension != nullptr && X509_add_ext(&certificate, extension.get(), -1) == 1;
}

bool AddExtensions(X509& certificate, X509& issuer, const Request& request) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, &issuer, &certificate, nullptr, nullptr, 0);
  return AddExtension(certificate, context, NID_basic_constraints, request.basic_constraints) &&
         AddExtension(certificate, context, NID_key_usage, request.key_usage) &&
         (request.extended_key_usage == nullptr ||
          AddExtension(certificate, context, NID_ext_key_usage, request.extended_key_usage)) &&
         AddExtension(certificate, context, NID_subject_key_identifier, "hash") &&
         AddExtension(certificate, context, NID_authority_key_identifier, "keyid:always") &&
         (request.alternative_names == nullptr ||
          X509_add1_ext_i2d(&certificate, NID_subject_alt_name, request.alternative_names.get(), 0,
                            X509V3_ADD_DEFAULT) == 1);
}

bool SetSerial(X509& certificate) {
  const BigNumber serial(BN_new());
  return serial != nullptr &&
         BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(&certificate)) != nullptr;
}

bool SetSubject(X509& certificate, const std::string& common_name) {
  return X509_NAME_add_entry_by_txt(X509_get_subject_name(&certificate), "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1;
}

// Without a signer it signs itself.
Result<PemPair> Issue(const Request& request, const Signer* signer) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate(X509_new());
  if (key == nullptr || certificate == nullptr) {
    return OpenSslFailed("make a key");
  }
  X509& issuer = signer != nullptr ? *signer->certificate : *certificate;
  EVP_PKEY& issuer_key = signer != nullptr ? *signer->key : *key;
  const long seconds =
      static_cast<long>(std::chrono::duration_cast<std::chrono::seconds>(request.hours).count());
  const bool is_made =
      X509_set_version(certificate.get(), X509_VERSION_3) == 1 && SetSerial(*certificate) &&
      X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kHourSeconds) != nullptr &&
      X509_gmtime_adj(X509_getm_notAfter(certificate.get()), seconds) != nullptr &&
      SetSubject(*certificate, request.common_name) &&
      X509_set_issuer_name(certificate.get(), X509_get_subject_name(&issuer)) == 1 &&
      X509_set_pubkey(certificate.get(), key.get()) == 1 &&
      AddExtensions(*certificate, issuer, request) &&
      X509_sign(certificate.get(), &issuer_key, EVP_sha256()) > 0;
  if (!is_made) {
    return OpenSslFailed("make a certificate");
  }
  return ToPem(*certificate, *key);
}

}  // namespace

Result<PemPair> MakeCertificateAuthority(const std::string& name) {
  return Issue({.common_name = name,
                .hours = kAuthorityHours,
                .alternative_names = {},
                .basic_constraints = "critical,CA:TRUE,pathlen:0",
                .key_usage = "critical,keyCertSign,cRLSign"},
               nullptr);
}

Result<PemPair> IssueNodeCertificate(const PemPair& authority, NodeId node,
                                     const std::vector<std::string>& hosts, Validity validity) {
  FIRN_TRY_ASSIGN(const Signer signer, FromPem(authority));
  Names names(sk_GENERAL_NAME_new_null());
  if (names == nullptr || !AddName(*names, GEN_URI, NodeUri(node))) {
    return OpenSslFailed("name a node");
  }
  for (const char* host : {"localhost", "127.0.0.1", "::1"}) {
    FIRN_TRY(AddHost(*names, host));
  }
  for (const std::string& host : hosts) {
    FIRN_TRY(AddHost(*names, host));
  }
  return Issue({.common_name = "firn node " + std::to_string(node.value),
                .hours = validity.hours,
                .alternative_names = std::move(names),
                .extended_key_usage = "serverAuth,clientAuth"},
               &signer);
}

Result<PemPair> IssueClientCertificate(const PemPair& authority, const std::string& name,
                                       Validity validity) {
  FIRN_TRY_ASSIGN(const Signer signer, FromPem(authority));
  return Issue({.common_name = name,
                .hours = validity.hours,
                .alternative_names = {},
                .extended_key_usage = "clientAuth"},
               &signer);
}

}  // namespace firn

// SPDX-License-Identifier: Apache-2.0
#include "server/tls/certificates.h"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "io/temporary_directory.h"
#include "server/tls/node_name.h"

namespace firn {
namespace {

using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Certificate Read(const std::string& pem) {
  BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  Certificate certificate(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr), &X509_free);
  BIO_free(bio);
  return certificate;
}

// "ok", or why OpenSSL does not trust it.
std::string Verify(const PemPair& authority, const PemPair& pair, int purpose) {
  const Certificate root = Read(authority.certificate);
  const Certificate leaf = Read(pair.certificate);
  const std::unique_ptr<X509_STORE, decltype(&X509_STORE_free)> store(X509_STORE_new(),
                                                                      &X509_STORE_free);
  X509_STORE_add_cert(store.get(), root.get());
  X509_STORE_set_purpose(store.get(), purpose);
  const std::unique_ptr<X509_STORE_CTX, decltype(&X509_STORE_CTX_free)> context(
      X509_STORE_CTX_new(), &X509_STORE_CTX_free);
  X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), nullptr);
  X509_verify_cert(context.get());
  return X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get()));
}

const PemPair& Authority() {
  static const PemPair authority = MakeCertificateAuthority("firn test authority").value();
  return authority;
}

TEST(Certificates, OfANodeServeBothSidesOfTls) {
  const PemPair node = IssueNodeCertificate(Authority(), {3}, {}).value();
  EXPECT_EQ(Verify(Authority(), node, X509_PURPOSE_SSL_SERVER), "ok");
  EXPECT_EQ(Verify(Authority(), node, X509_PURPOSE_SSL_CLIENT), "ok");
}

TEST(Certificates, OfAClientServeNoOtherSide) {
  const PemPair client = IssueClientCertificate(Authority(), "shell").value();
  EXPECT_EQ(Verify(Authority(), client, X509_PURPOSE_SSL_CLIENT), "ok");
  EXPECT_NE(Verify(Authority(), client, X509_PURPOSE_SSL_SERVER), "ok");
}

TEST(Certificates, OfAnotherAuthorityAreNotTrusted) {
  const PemPair other = MakeCertificateAuthority("firn test authority").value();
  const PemPair node = IssueNodeCertificate(other, {3}, {}).value();
  EXPECT_NE(Verify(Authority(), node, X509_PURPOSE_SSL_SERVER), "ok");
}

TEST(Certificates, CannotSignOthers) {
  const PemPair node = IssueNodeCertificate(Authority(), {3}, {}).value();
  const PemPair forged = IssueNodeCertificate(node, {4}, {}).value();
  EXPECT_NE(Verify(node, forged, X509_PURPOSE_SSL_SERVER), "ok");
}

TEST(Certificates, ExpireWhenTheyShould) {
  const PemPair node =
      IssueNodeCertificate(Authority(), {3}, {}, {.hours = std::chrono::hours(0)}).value();
  EXPECT_EQ(Verify(Authority(), node, X509_PURPOSE_SSL_SERVER), "certificate has expired");
}

TEST(Certificates, NameTheirNodeAndItsHosts) {
  const PemPair pem =
      IssueNodeCertificate(Authority(), {12}, {"db.example.org", "10.0.0.7", "fd00::7"}).value();
  const Certificate certificate = Read(pem.certificate);
  EXPECT_TRUE(NamesNode(*certificate, {12}));
  EXPECT_FALSE(NamesNode(*certificate, {1}));
  EXPECT_FALSE(NamesNode(*certificate, {123}));
  for (const char* host : {"localhost", "db.example.org"}) {
    EXPECT_EQ(X509_check_host(certificate.get(), host, 0, 0, nullptr), 1) << host;
  }
  for (const char* address : {"127.0.0.1", "::1", "10.0.0.7", "fd00::7"}) {
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), address, 0), 1) << address;
  }
  EXPECT_NE(X509_check_host(certificate.get(), "example.org", 0, 0, nullptr), 1);
}

TEST(Certificates, WithoutAlternativeNamesNameNobody) {
  EXPECT_FALSE(NamesNode(*Read(Authority().certificate), {1}));
}

TEST(Certificates, RefuseHostsThatWouldSmuggleInNames) {
  for (const std::string host : {"", "a,URI:firn:node:1", "a b", "a\n", "*", "1.2.3.4/8"}) {
    EXPECT_EQ(IssueNodeCertificate(Authority(), {1}, {host}).error().code,
              ErrorCode::kInvalidArgument)
        << host;
  }
}

TEST(Certificates, NeedAnAuthorityWithItsKey) {
  const PemPair other = MakeCertificateAuthority("other").value();
  for (const PemPair& broken : {PemPair{}, PemPair{Authority().certificate, other.key},
                                PemPair{"-----BEGIN CERTIFICATE-----\n", Authority().key}}) {
    EXPECT_EQ(IssueClientCertificate(broken, "x").error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(PemFiles, KeepKeysPrivateAndAreNeverOverwritten) {
  const TemporaryDirectory directory;
  const std::string stem = directory / "ca";
  WritePem(stem, Authority()).value();
  struct stat status{};
  ASSERT_EQ(::stat((stem + ".key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(WritePem(stem, {}).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(std::filesystem::file_size(stem + ".pem"), Authority().certificate.size());
}

TEST(PemFiles, LeaveNoKeyWithoutItsCertificate) {
  const TemporaryDirectory directory;
  const std::string stem = directory / "node-1";
  std::ofstream(stem + ".pem") << "here already";
  EXPECT_EQ(WritePem(stem, Authority()).error().code, ErrorCode::kAlreadyExists);
  EXPECT_FALSE(std::filesystem::exists(stem + ".key"));
  EXPECT_EQ(WritePem(directory / "missing/node-1", Authority()).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace firn

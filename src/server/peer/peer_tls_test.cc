// SPDX-License-Identifier: Apache-2.0
//
// Transports with certificates: who gets in, and what those hear who do not.
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <csignal>
#include <fstream>
#include <memory>

#include "io/temporary_directory.h"
#include "server/peer/peer_testing.h"
#include "server/tls/certificates.h"

namespace firn {
namespace {

class PeerTlsTest : public testing::Test {
 protected:
  PeerTlsTest() : authority_(MakeCertificateAuthority("cluster").value()) {
    std::signal(SIGPIPE, SIG_IGN);  // RawTls writes where nobody may read any more.
    WritePem(directory_ / "ca", authority_).value();
  }

  // Files of a certificate of this node by this authority; the peer is held against `ca`.
  PeerTls Files(const std::string& stem, const PemPair& pair, const std::string& ca = "ca") {
    WritePem(directory_ / stem, pair).value();
    return {.ca_file = directory_ / (ca + ".pem"),
            .certificate_file = directory_ / (stem + ".pem"),
            .key_file = directory_ / (stem + ".key")};
  }
  PemPair Pair(std::uint64_t node, Validity validity = {}) {
    return IssueNodeCertificate(authority_, {node}, {}, validity).value();
  }
  static PeerTransportConfig Config(std::uint64_t node, PeerTls tls) {
    PeerTransportConfig config = TestNode::Config(node);
    config.tls = std::move(tls);
    return config;
  }

  TemporaryDirectory directory_;
  PemPair authority_;
};

// A client of TLS that is no transport.
class RawTls {
 public:
  // Without a certificate if `tls` names none.
  RawTls(const std::string& address, const PeerTls& tls)
      : socket_(RawSocket::Connect(address)),
        context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free),
        ssl_(nullptr, &SSL_free) {
    if (!tls.certificate_file.empty()) {
      SSL_CTX_use_certificate_chain_file(context_.get(), tls.certificate_file.c_str());
      SSL_CTX_use_PrivateKey_file(context_.get(), tls.key_file.c_str(), SSL_FILETYPE_PEM);
    }
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), socket_.descriptor());
    is_connected_ = SSL_connect(ssl_.get()) == 1;
  }

  bool is_connected() const { return is_connected_; }
  bool Write(const std::string& bytes) {
    return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  std::string Read(std::size_t length) {
    std::string bytes(length, '\0');
    std::size_t have = 0;
    int got = 1;
    while (have < length && got > 0) {
      got = SSL_read(ssl_.get(), bytes.data() + have, static_cast<int>(length - have));
      have += got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    bytes.resize(have);
    return bytes;
  }

 private:
  RawSocket socket_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  bool is_connected_ = false;
};

TEST_F(PeerTlsTest, NodesOfOneAuthorityTalk) {
  TestNode one(Config(1, Files("node-1", Pair(1))));
  TestNode two(Config(2, Files("node-2", Pair(2))));
  Introduce({&one, &two});
  const std::string large(std::size_t{3} << 20, 'x');
  one.Send(kTwo, PeerMessageKind::kRaft, "small");
  one.Send(kTwo, PeerMessageKind::kRaft, large);
  EXPECT_EQ(two.Take(), (Received{kOne, PeerMessageKind::kRaft, "small"}));
  EXPECT_EQ(two.Take().bytes, large);
  for (int i = 0; i < 2000; ++i) {
    two.Send(kOne, PeerMessageKind::kForwardReply, std::to_string(i));
  }
  for (int i = 0; i < 2000; ++i) {
    ASSERT_EQ(one.Take().bytes, std::to_string(i));
  }
}

TEST_F(PeerTlsTest, AnotherAuthorityIsRefusedOnBothSides) {
  TestNode one(Config(1, Files("node-1", Pair(1))));
  const PemPair other = MakeCertificateAuthority("cluster").value();
  WritePem(directory_ / "other", other).value();
  TestNode two(Config(2, Files("node-2", IssueNodeCertificate(other, kTwo, {}).value(), "other")));
  Introduce({&one, &two});
  one.AwaitLog("TLS: certificate verify failed");
  two.AwaitLog("TLS: certificate verify failed");
  EXPECT_EQ(one.statistics().incoming_open + two.statistics().incoming_open, 0u);
}

// It trusts the others, they do not trust it: the reason comes from the other side.
TEST_F(PeerTlsTest, ACertificateOfAnotherAuthorityIsRefused) {
  TestNode one(Config(1, Files("node-1", Pair(1))));
  const PemPair other = MakeCertificateAuthority("other").value();
  TestNode two(Config(2, Files("node-2", IssueNodeCertificate(other, kTwo, {}).value())));
  two.transport().SetMembers({{kOne, one.member()}});
  one.AwaitLog("TLS: certificate verify failed");
  two.AwaitLog("alert unknown ca");
  EXPECT_GE(two.statistics().Outgoing(Refusal::kTls), 1u);
}

TEST_F(PeerTlsTest, AnExpiredCertificateIsRefused) {
  TestNode one(Config(1, Files("node-1", Pair(1))));
  TestNode two(Config(2, Files("node-2", Pair(2, {.hours = std::chrono::hours(0)}))));
  Introduce({&one, &two});
  one.AwaitLog("certificate has expired");
  two.AwaitLog("alert certificate expired");
}

TEST_F(PeerTlsTest, TheDiallerRefusesACertificateOfAnotherNode) {
  TestNode one(Config(1, Files("node-1", Pair(1))));
  TestNode three(Config(3, Files("node-3", Pair(3))));
  one.transport().SetMembers({{kTwo, three.member()}});
  one.AwaitLog("its certificate does not name node 2");
  EXPECT_GE(one.statistics().Outgoing(Refusal::kCertificate), 1u);
}

TEST_F(PeerTlsTest, TheDialledRefusesACertificateOfAnotherNode) {
  TestNode one(Config(1, Files("node-1", Pair(1))));
  RawTls three(one.transport().address(), Files("node-3", Pair(3)));
  ASSERT_TRUE(three.is_connected());
  EXPECT_TRUE(three.Write(Encode(TestHello(2, 1))));
  const Preamble preamble = DecodePreamble(three.Read(kPreambleBytes)).value();
  EXPECT_EQ(DecodeAnswer(three.Read(preamble.body_bytes)).value().refused,
            (Refused{Refusal::kCertificate, "the dialler's certificate does not name node 2"}));
  one.AwaitLog("(certificate, 1 so far)");
}

TEST_F(PeerTlsTest, ACertificateForClientsIsNoPeer) {
  TestNode one(Config(1, Files("node-1", Pair(1))));
  RawTls client(one.transport().address(),
                Files("client", IssueClientCertificate(authority_, "client").value()));
  client.Write(Encode(TestHello(2, 1)));
  const Preamble preamble = DecodePreamble(client.Read(kPreambleBytes)).value();
  EXPECT_EQ(DecodeAnswer(client.Read(preamble.body_bytes)).value().refused->why,
            Refusal::kCertificate);
}

TEST_F(PeerTlsTest, WithoutACertificateNobodyGetsIn) {
  TestNode one(Config(1, Files("node-1", Pair(1))));
  RawTls nobody(one.transport().address(), {});
  nobody.Write(Encode(TestHello(2, 1)));
  EXPECT_EQ(nobody.Read(1), "");
  one.AwaitLog("peer did not return a certificate");
  EXPECT_EQ(one.statistics().Incoming(Refusal::kTls), 1u);
}

TEST_F(PeerTlsTest, PlainNodesAndSecureOnesRefuseEachOther) {
  TestNode secure(Config(1, Files("node-1", Pair(1))));
  TestNode plain(2);
  Introduce({&secure, &plain});
  secure.AwaitLog("refused: TLS: ");
  plain.AwaitLog("refused: these are not the words of a firn node");
  EXPECT_EQ(secure.statistics().incoming_open + plain.statistics().incoming_open, 0u);
}

TEST_F(PeerTlsTest, FilesThatCannotServeAreNamed) {
  const PeerTls good = Files("node-1", Pair(1));
  const auto error = [&](const auto& change) {
    PeerTls tls = good;
    change(tls);
    return PeerTransport::Listen(Config(1, tls)).error();
  };
  const std::string missing = directory_ / "missing.pem";
  for (std::string PeerTls::* file :
       {&PeerTls::ca_file, &PeerTls::certificate_file, &PeerTls::key_file}) {
    const Error came = error([&](PeerTls& tls) { tls.*file = missing; });
    EXPECT_EQ(came.code, ErrorCode::kIo);
    EXPECT_NE(came.context.find(missing), std::string::npos) << came.context;
  }
  const std::string garbage = directory_ / "garbage.pem";
  std::ofstream(garbage) << "-----BEGIN CERTIFICATE-----\nno\n";
  EXPECT_EQ(error([&](PeerTls& tls) { tls.certificate_file = garbage; }).code, ErrorCode::kIo);
  const PeerTls other = Files("node-2", Pair(2));
  EXPECT_EQ(error([&](PeerTls& tls) { tls.key_file = other.key_file; }).code, ErrorCode::kIo);
  const Error of_other = error([&](PeerTls& tls) { tls = other; });
  EXPECT_EQ(of_other.code, ErrorCode::kInvalidArgument);
  EXPECT_NE(of_other.context.find("does not name firn:node:1"), std::string::npos);
}

}  // namespace
}  // namespace firn

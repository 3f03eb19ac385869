// The phone's judgement against OpenSSL's own server program.
#include "crypto/tls_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "tests/crypto/little_ca.h"
#include "tests/crypto/openssl_server.h"
#include "tests/crypto/program.h"

namespace ringfence::crypto {
namespace {

using test::key;
using test::LittleCa;
using test::OpensslServer;
using test::request;
using test::server_request;
using test::TemporaryFolder;

class TlsClient : public testing::Test {
protected:
    void SetUp() override {
        policy.trust.anchors = {ca.root()};
        policy.host = "prov.example";
        policy.time.at = test::test_now;
    }

    void serve(const Certificate& leaf, const std::vector<Certificate>& chain, const std::string& options = {}) {
        folder.put("s.pem", leaf.to_pem());
        folder.put("s.key", key("server").to_pem().reveal());
        std::string files = " -cert " + folder / "s.pem" + " -key " + folder / "s.key ";
        if (!chain.empty()) files += " -cert_chain " + folder.put("chain.pem", format_bundle(chain)) + " ";
        server.emplace(folder, "-www " + files + options);
    }

    Certificate leaf(const CertificateRequest& wanted) { return ca.issue(wanted, key("server")); }

    int connect() {
        signal(SIGPIPE, SIG_IGN);
        const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(static_cast<std::uint16_t>(server->port()));
        EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
        return fd;
    }

    // The page that the server gave to a connection of ours, or why there is none.
    std::string fetch_by_own_connection() {
        const int fd = connect();
        std::string page;
        {
            TlsConnection connection = connect_tls(fd, policy).value();
            if (connection.handshake() != TlsStep::done) {
                page = connection.failure().message;
            } else {
                EXPECT_EQ(connection.write("GET / HTTP/1.0\r\n\r\n").bytes, 18u);
                char buffer[4096];
                TlsTransfer got;
                while ((got = connection.read(buffer, sizeof buffer)).step == TlsStep::done)
                    page.append(buffer, got.bytes);
                if (got.step == TlsStep::failed) page = connection.failure().message;
            }
        }
        ::close(fd);
        return page;
    }

    // The page that the server gave; empty when the handshake failed.
    std::string fetch() {
        const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
        const auto configured = configure_client(context.get(), policy, verdict);
        EXPECT_TRUE(configured.has_value());
        const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
        const int fd = connect();
        SSL_set_fd(ssl.get(), fd);
        std::string page;
        if (SSL_connect(ssl.get()) == 1 && SSL_write(ssl.get(), "GET / HTTP/1.0\r\n\r\n", 18) == 18) {
            char buffer[4096];
            for (int got = 0; (got = SSL_read(ssl.get(), buffer, sizeof buffer)) > 0;) {
                page.append(buffer, static_cast<std::size_t>(got));
            }
        }
        ::close(fd);
        return page;
    }

    void expect_refusal(std::string_view beginning) {
        EXPECT_EQ(fetch(), "");
        EXPECT_FALSE(verdict.verified);
        ASSERT_TRUE(verdict.fault.has_value());
        EXPECT_EQ(verdict.fault->message.substr(0, beginning.size()), beginning) << verdict.fault->message;
    }

    TemporaryFolder folder;
    LittleCa ca{"client side"};
    ClientPolicy policy;
    ClientVerdict verdict;
    std::optional<OpensslServer> server;
};

TEST_F(TlsClient, AGoodServerIsTakenAndItsChainRemembered) {
    const Certificate good = leaf(server_request("prov.example", "127.0.0.1"));
    serve(good, {ca.issuing()});
    EXPECT_NE(fetch().find("200 ok"), std::string::npos);
    EXPECT_TRUE(verdict.verified);
    EXPECT_FALSE(verdict.fault.has_value());
    EXPECT_EQ(verdict.chain_fingerprints,
              (std::vector<std::string>{good.fingerprint_sha256(), ca.issuing().fingerprint_sha256()}));
    EXPECT_EQ(verdict.leaf_subject, "CN=prov.example");
    policy.host = "127.0.0.1";
    EXPECT_NE(fetch().find("200 ok"), std::string::npos);

    policy.host = "other.example";
    expect_refusal("wrong name: ");
    policy.host = "prov.example";
    policy.time.at = test::at(2027, 1, 2);
    expect_refusal("expired: ");
    policy.time.at = test::at(2025, 1, 2);
    expect_refusal("not yet valid: ");
    policy.time.is_floor = true;
    EXPECT_NE(fetch().find("200 ok"), std::string::npos);
    policy.trust.anchors = {LittleCa("another").root()};
    expect_refusal("unknown issuer: ");
    policy.trust.anchors.clear();
    expect_refusal("unknown issuer: ");
}

TEST_F(TlsClient, TheCommonNameDoesNotCount) {
    auto wanted = server_request("real.example");
    wanted.common_name = "prov.example";
    serve(leaf(wanted), {ca.issuing()});
    expect_refusal("wrong name: ");
    EXPECT_NE(verdict.fault->message.find("only in the common name"), std::string::npos);
}

TEST_F(TlsClient, AForgottenIntermediateIsTold) {
    serve(leaf(server_request("prov.example")), {});
    expect_refusal("unknown issuer or missing intermediate: ");
    policy.trust.anchors = {ca.root(), ca.issuing()};
    EXPECT_NE(fetch().find("200 ok"), std::string::npos);
}

TEST_F(TlsClient, ShowsItsCertificateWhenAsked) {
    folder.put("root.pem", ca.root().to_pem());
    serve(leaf(server_request("prov.example")), {ca.issuing()},
          "-Verify 2 -verify_return_error -attime 1780272000 -CAfile " + folder / "root.pem");
    EXPECT_EQ(fetch().find("200 ok"), std::string::npos);
    EXPECT_TRUE(verdict.verified) << "it is the server that refused";
    const Certificate device = ca.issue(request(CertificateRole::device, "00247F0102AB"), key("device"));
    policy.identity = ClientIdentity{device, {ca.issuing()}, key("device")};
    const std::string page = fetch();
    EXPECT_NE(page.find("200 ok"), std::string::npos);
    EXPECT_NE(page.find("00247F0102AB"), std::string::npos) << page;

    policy.identity->key = key("another");
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    EXPECT_EQ(configure_client(context.get(), policy, verdict).error().code, FaultCode::conflict);
}

TEST_F(TlsClient, AConnectionOfOurOwnJudgesTheSameAndSaysWhy) {
    folder.put("root.pem", ca.root().to_pem());
    serve(leaf(server_request("prov.example")), {ca.issuing()},
          "-Verify 2 -verify_return_error -attime 1780272000 -CAfile " + folder / "root.pem");
    const Certificate device = ca.issue(request(CertificateRole::device, "00247F0102AB"), key("device"));
    EXPECT_EQ(fetch_by_own_connection().find("200 ok"), std::string::npos);
    policy.identity = ClientIdentity{device, {ca.issuing()}, key("device")};
    EXPECT_NE(fetch_by_own_connection().find("00247F0102AB"), std::string::npos);
    policy.host = "other.example";
    EXPECT_TRUE(fetch_by_own_connection().starts_with("wrong name: "));
    policy.host = "prov.example";
    policy.time.at = test::at(2027, 1, 2);
    EXPECT_TRUE(fetch_by_own_connection().starts_with("expired: "));
    policy.time.at = test::test_now;
    policy.trust.anchors = {LittleCa("another").root()};
    EXPECT_TRUE(fetch_by_own_connection().starts_with("unknown issuer: "));
    policy.identity->key = key("another");
    EXPECT_EQ(connect_tls(-1, policy).error().code, FaultCode::conflict);
}

TEST_F(TlsClient, OldTlsIsNotSpoken) {
    serve(leaf(server_request("prov.example")), {ca.issuing()}, "-tls1_1 -cipher ALL:@SECLEVEL=0");
    EXPECT_EQ(fetch(), "");
    EXPECT_FALSE(verdict.verified);
}

}  // namespace
}  // namespace ringfence::crypto

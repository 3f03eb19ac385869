// Our TLS against clients that we did not write: curl, openssl s_client, and OpenSSL's program at security level 0 as a
// set of 2007.
#include "crypto/tls_server.h"

#include <gtest/gtest.h>

#include <memory>
#include <mutex>

#include "tests/crypto/little_ca.h"
#include "tests/crypto/program.h"
#include "tests/crypto/tls_door.h"

namespace ringfence::crypto {
namespace {

using test::key;
using test::LittleCa;
using test::request;
using test::run;
using test::Served;
using test::server_request;
using test::TemporaryFolder;
using test::TlsDoor;

class TlsServer : public testing::Test {
protected:
    void SetUp() override {
        folder.put("root.pem", ca.root().to_pem());
        put_client("phone", "00247F0102AB", test::at(2026, 1, 1), test::at(2027, 1, 1));
    }

    TlsServerProfile profile(ClientCertificates mode, TlsLane lane = TlsLane::modern) {
        TlsServerProfile made;
        made.lane = lane;
        made.client_certificates = mode;
        made.client_anchors = {ca.issuing()};
        if (lane == TlsLane::modern) made.identities.push_back(identity(KeyType::p256));
        made.identities.push_back(identity(KeyType::rsa2048));
        return made;
    }

    TlsIdentity identity(KeyType type) {
        return {ca.issue(server_request("prov.example", "127.0.0.1"), key("server", type)),
                {ca.issuing()},
                key("server", type)};
    }

    void open_door(const TlsServerProfile& wanted) {
        auto context = TlsServerContext::create(wanted, clock);
        ASSERT_TRUE(context.has_value()) << context.error().message;
        door.emplace(*context, [this](std::string_view fingerprint) -> Status {
            ++judged;
            if (is_revoked(fingerprint)) return fail(FaultCode::forbidden, "the certificate of this phone was revoked");
            return {};
        });
    }

    void revoke(const std::string& fingerprint) {
        const std::lock_guard lock(mutex);
        revoked = fingerprint;
    }
    bool is_revoked(std::string_view fingerprint) {
        const std::lock_guard lock(mutex);
        return revoked == fingerprint;
    }

    // A client certificate in two files, NAME.pem (with the issuing CA) and NAME.key; its fingerprint is returned.
    std::string put_client(const std::string& name, const std::string& subject, WallTime begin, WallTime end,
                           const Signer* signer = nullptr) {
        auto wanted = request(CertificateRole::device, subject);
        wanted.not_before = begin;
        wanted.not_after = end;
        const auto leaf = ca.sign(wanted, key(name), signer == nullptr ? ca.issuing_signer() : *signer);
        folder.put(name + ".pem", leaf.to_pem() + (signer == nullptr ? ca.issuing() : signer->certificate).to_pem());
        folder.put(name + ".key", key(name).to_pem().reveal());
        return leaf.fingerprint_sha256();
    }

    std::string client(const std::string& name) {
        return " --cert " + folder / (name + ".pem") + " --key " + folder / (name + ".key") + " ";
    }

    // curl's exit status; its clock is the real one, so the server's own dates are not judged here.
    int curl(const std::string& options = {}) {
        const auto result =
            run("curl -sS -k -o " + folder / "body" + " " + options + " https://127.0.0.1:" + door->port() + "/");
        output = result.output;
        return result.status;
    }

    test::ProgramResult s_client(const std::string& options) {
        return run("(printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 0.3) | openssl s_client -connect 127.0.0.1:" +
                   door->port() + " " + options + " 2>&1 ; true");
    }

    TemporaryFolder folder;
    LittleCa ca{"tls", KeyType::rsa2048};
    ManualClock clock{test::test_now};
    std::mutex mutex;
    std::string revoked;  // guarded, because the door's thread looks at it
    std::atomic<int> judged{0};
    std::string output;
    std::optional<TlsDoor> door;  // last: its thread uses the others
};

TEST_F(TlsServer, ServesTls12And13WithEcdsaFirst) {
    open_door(profile(ClientCertificates::off));
    ASSERT_EQ(curl("--tlsv1.3"), 0) << output;
    EXPECT_EQ(folder.get("body").size(), TlsDoor::body_size);
    EXPECT_EQ(door->last().version, "TLSv1.3");
    ASSERT_EQ(curl("--tlsv1.2 --tls-max 1.2"), 0) << output;
    EXPECT_EQ(door->last().version, "TLSv1.2");
    EXPECT_EQ(door->last().cipher, "ECDHE-ECDSA-AES128-GCM-SHA256");
    ASSERT_EQ(curl("--tls-max 1.2 --ciphers ECDHE-RSA-AES256-GCM-SHA384"), 0) << output;
    EXPECT_EQ(door->last().cipher, "ECDHE-RSA-AES256-GCM-SHA384");
    EXPECT_EQ(judged, 0);
}

TEST_F(TlsServer, TellsTheServerNameThatWasAskedFor) {
    open_door(profile(ClientCertificates::off));
    const auto result = run("curl -sS -k -o /dev/null --connect-to prov.example:443:127.0.0.1:" + door->port() +
                            " https://prov.example/");
    ASSERT_EQ(result.status, 0) << result.output;
    EXPECT_EQ(door->last().server_name, "prov.example");
    ASSERT_EQ(curl(), 0);
    EXPECT_EQ(door->last().server_name, "");
}

TEST_F(TlsServer, SendsExactlyTheChainItWasGiven) {
    open_door(profile(ClientCertificates::off));
    const auto whole = s_client("-showcerts").output;
    EXPECT_NE(whole.find(ca.issuing().to_pem()), std::string::npos);
    EXPECT_EQ(whole.find(ca.root().to_pem()), std::string::npos);

    door.reset();
    TlsServerProfile alone = profile(ClientCertificates::off);
    for (TlsIdentity& one : alone.identities) one.chain.clear();
    open_door(alone);
    EXPECT_EQ(s_client("-showcerts").output.find(ca.issuing().to_pem()), std::string::npos);
}

TEST_F(TlsServer, OldProtocolsAreRefusedByNameOnTheMainDoor) {
    open_door(profile(ClientCertificates::ask));
    s_client("-tls1 -cipher DEFAULT@SECLEVEL=0");
    EXPECT_EQ(door->last().failure,
              "the client offers TLS 1.0 only, and this door speaks TLS 1.2 and 1.3; old phones need the https-legacy "
              "door");
    s_client("-tls1_1 -cipher DEFAULT@SECLEVEL=0");
    EXPECT_NE(door->last().failure.find("TLS 1.1 only"), std::string::npos) << door->last().failure;
    s_client("-tls1_2 -cipher AES128-SHA");
    EXPECT_NE(door->last().failure.find("no shared cipher"), std::string::npos) << door->last().failure;
}

TEST_F(TlsServer, WhatIsNotTlsIsToldSo) {
    open_door(profile(ClientCertificates::off));
    run("curl -sS http://127.0.0.1:" + door->port() + "/");
    EXPECT_EQ(door->last().failure, "the client spoke plain HTTP to a TLS door");
    run("curl -sS --max-time 1 telnet://127.0.0.1:" + door->port());
    EXPECT_EQ(door->last().failure, "the client closed the connection during the handshake");
}

TEST_F(TlsServer, AClientThatDoesNotTrustUsIsToldApart) {
    open_door(profile(ClientCertificates::off));
    folder.put("other.pem", LittleCa("other").root().to_pem());
    const auto result = run("curl -sS --cacert " + folder / "other.pem" + " https://127.0.0.1:" + door->port() + "/");
    EXPECT_EQ(result.status, 60) << result.output;
    EXPECT_EQ(door->last().failure.find("the client refused our certificate: unknown CA"), 0u) << door->last().failure;
}

TEST_F(TlsServer, AskTakesPhonesWithAndWithoutCertificate) {
    const std::string fingerprint = put_client("phone", "00247F0102AB", test::at(2026, 1, 1), test::at(2027, 1, 1));
    open_door(profile(ClientCertificates::ask));
    for (const char* version : {"--tlsv1.3 ", "--tls-max 1.2 "}) {
        ASSERT_EQ(curl(version), 0) << output;
        EXPECT_EQ(door->last().fingerprint, "");
        ASSERT_EQ(curl(version + client("phone")), 0) << output;
        EXPECT_EQ(door->last().fingerprint, fingerprint);
    }
    EXPECT_EQ(judged, 2);
}

TEST_F(TlsServer, RequireRefusesPhonesWithoutCertificate) {
    open_door(profile(ClientCertificates::require));
    for (const char* version : {"--tlsv1.3 ", "--tls-max 1.2 "}) {
        EXPECT_NE(curl(version), 0);
        EXPECT_EQ(door->last().failure, "the client showed no certificate, which this door requires");
        EXPECT_EQ(curl(version + client("phone")), 0) << output;
    }
}

TEST_F(TlsServer, ABadClientCertificateEndsTheHandshake) {
    put_client("old", "00247F0102AB", test::at(2025, 1, 1), test::at(2026, 1, 1));
    put_client("young", "00247F0102AB", test::at(2026, 7, 1), test::at(2027, 1, 1));
    LittleCa other("another company");
    put_client("stranger", "00247F0102AB", test::at(2026, 1, 1), test::at(2027, 1, 1), &other.issuing_signer());
    // Another issuing CA below the same root: the legacy lane's, say.
    const Signer beside{ca.sign(request(CertificateRole::issuing, "beside"), key("beside"), ca.root_signer()),
                        key("beside")};
    put_client("neighbour", "00247F0102AB", test::at(2026, 1, 1), test::at(2027, 1, 1), &beside);

    open_door(profile(ClientCertificates::ask));
    const auto refusal = [this](const std::string& options) {
        EXPECT_NE(curl(options), 0);
        return door->last().failure;
    };
    EXPECT_EQ(refusal(client("old")).find("expired: the client's certificate"), 0u) << door->last().failure;
    EXPECT_EQ(door->last().code, FaultCode::expired);
    EXPECT_EQ(refusal(client("young")).find("not yet valid: "), 0u) << door->last().failure;
    EXPECT_EQ(refusal(client("stranger")).find("unknown issuer: "), 0u) << door->last().failure;
    EXPECT_EQ(refusal(client("neighbour")).find("unknown issuer: "), 0u) << door->last().failure;
    EXPECT_EQ(judged, 0) << "only verified certificates come before the judge";
}

TEST_F(TlsServer, ARevokedCertificateEndsTheNextHandshake) {
    const std::string fingerprint = put_client("phone", "00247F0102AB", test::at(2026, 1, 1), test::at(2027, 1, 1));
    open_door(profile(ClientCertificates::ask));
    ASSERT_EQ(curl(client("phone")), 0) << output;
    revoke(fingerprint);
    const auto result = s_client("-cert " + folder / "phone.pem" + " -key " + folder / "phone.key");
    EXPECT_NE(result.output.find("alert certificate revoked"), std::string::npos) << result.output;
    EXPECT_EQ(door->last().failure, "the certificate of this phone was revoked");
    revoke({});
    EXPECT_EQ(curl(client("phone")), 0) << output;
}

// The remembered chain saves the building, never the checks of time.
TEST_F(TlsServer, ARememberedChainStillExpires) {
    open_door(profile(ClientCertificates::ask));
    ASSERT_EQ(curl(client("phone")), 0) << output;
    clock.set_wall(test::at(2027, 1, 2));
    EXPECT_NE(curl(client("phone")), 0);
    EXPECT_EQ(door->last().failure.find("expired: "), 0u) << door->last().failure;
}

class Resumption : public TlsServer, public testing::WithParamInterface<const char*> {
protected:
    std::string session(const std::string& what) {
        return std::string(GetParam()) + " -cert " + folder / "phone.pem" + " -key " + folder / "phone.key" + " -" +
               what + " " + folder / "session";
    }
};

TEST_P(Resumption, AStatefulDoorResumesAndAsksTheJudgeAgain) {
    open_door(profile(ClientCertificates::ask));
    s_client(session("sess_out"));
    ASSERT_TRUE(door->last().handshake_done) << door->last().failure;
    EXPECT_FALSE(door->last().resumed);
    EXPECT_EQ(judged, 1);
    s_client(session("sess_in"));
    EXPECT_TRUE(door->last().resumed);
    EXPECT_FALSE(door->last().fingerprint.empty());
    EXPECT_EQ(judged, 2);
}

// OpenSSL throws the session of such a connection away unless it is told not to.
TEST_P(Resumption, TheSessionOfAPhoneThatJustGoesAwaySurvives) {
    open_door(profile(ClientCertificates::ask));
    run("sleep 0.5 | timeout -s KILL 0.4 openssl s_client -connect 127.0.0.1:" + door->port() + " " +
        session("sess_out"));
    ASSERT_TRUE(door->last().handshake_done) << door->last().failure;
    s_client(session("sess_in"));
    EXPECT_TRUE(door->last().resumed);
}

// A phone's next connection may land on another loop.
TEST_P(Resumption, LoopsShareTheSessionsOfTheirContext) {
    auto context = TlsServerContext::create(profile(ClientCertificates::ask), clock);
    ASSERT_TRUE(context.has_value()) << context.error().message;
    const ClientJudge everybody = [](std::string_view) { return Status(); };
    door.emplace(*context, everybody);
    TlsDoor other(*context, everybody);
    s_client(session("sess_out"));
    ASSERT_TRUE(door->last().handshake_done) << door->last().failure;
    std::thread beside([this] { curl(client("phone")); });  // both loops at work
    run("(printf 'GET / HTTP/1.0\\r\\n\\r\\n'; sleep 0.3) | openssl s_client -connect 127.0.0.1:" + other.port() + " " +
        session("sess_in"));
    beside.join();
    EXPECT_TRUE(other.last().resumed);
    EXPECT_EQ(door->last().fingerprint, other.last().fingerprint);
}

TEST_P(Resumption, ARevokedPhoneDoesNotResume) {
    open_door(profile(ClientCertificates::ask));
    s_client(session("sess_out"));
    ASSERT_FALSE(door->last().fingerprint.empty());
    revoke(door->last().fingerprint);
    const auto result = s_client(session("sess_in"));
    EXPECT_FALSE(door->last().handshake_done);
    EXPECT_EQ(door->last().failure, "the certificate of this phone was revoked");
    EXPECT_NE(result.output.find("alert certificate revoked"), std::string::npos) << result.output;
}

TEST_P(Resumption, AnExpiredPhoneDoesNotResume) {
    open_door(profile(ClientCertificates::ask));
    s_client(session("sess_out"));
    ASSERT_TRUE(door->last().handshake_done);
    clock.set_wall(test::at(2027, 1, 2));
    s_client(session("sess_in"));
    EXPECT_FALSE(door->last().handshake_done);
    EXPECT_EQ(door->last().failure.find("expired: "), 0u) << door->last().failure;
}

TEST_P(Resumption, ADoorThatNeverAsksHandsOutOneTicket) {
    open_door(profile(ClientCertificates::off));
    const auto first = s_client(session("sess_out"));
    ASSERT_TRUE(door->last().handshake_done);
    s_client(session("sess_in"));
    EXPECT_TRUE(door->last().resumed);
    EXPECT_EQ(door->last().fingerprint, "");
}

INSTANTIATE_TEST_SUITE_P(Versions, Resumption, testing::Values("-tls1_2", "-tls1_3"),
                         [](const auto& tried) { return std::string(tried.param).substr(1); });

// ---- The legacy lane

class LegacyLane : public TlsServer {
protected:
    static constexpr const char* old_set = "-cipher ALL:@SECLEVEL=0 -legacy_renegotiation -noservername ";
};

TEST_F(LegacyLane, ServesASetOf2007) {
    open_door(profile(ClientCertificates::off, TlsLane::legacy));
    struct Version {
        const char* option;
        const char* name;
    };
    for (const Version version :
         {Version{"-tls1 ", "TLSv1"}, Version{"-tls1_1 ", "TLSv1.1"}, Version{"-tls1_2 ", "TLSv1.2"}}) {
        for (const char* cipher : {"AES128-SHA", "AES256-SHA"}) {
            const auto result = s_client(std::string(version.option) + "-cipher " + cipher + ":@SECLEVEL=0");
            const Served last = door->last();
            ASSERT_TRUE(last.handshake_done) << last.failure << result.output;
            EXPECT_EQ(last.version, version.name);
            EXPECT_EQ(last.cipher, cipher);
            EXPECT_NE(result.output.find("200 OK"), std::string::npos);
        }
    }
    ASSERT_EQ(curl("--tlsv1.0 --tls-max 1.0 --ciphers DEFAULT@SECLEVEL=0"), 0) << output;
    EXPECT_EQ(door->last().version, "TLSv1");
}

TEST_F(LegacyLane, RefusesWhatIsTooNewOrTooOld) {
    open_door(profile(ClientCertificates::off, TlsLane::legacy));
    s_client("-tls1_3");
    EXPECT_EQ(door->last().failure, "the client offers TLS 1.3 only, and this door speaks TLS 1.0 to 1.2");
    s_client("-tls1_2 -cipher NULL-SHA:@SECLEVEL=0");
    EXPECT_NE(door->last().failure.find("no shared cipher"), std::string::npos) << door->last().failure;
}

TEST_F(LegacyLane, PutsItsFloorUnderClientCertificates) {
    const auto client_files = [this](const std::string& name, const std::string& bits, const std::string& digest) {
        folder.put("ca.pem", ca.issuing().to_pem());
        folder.put("ca.key", ca.issuing_signer().key.to_pem().reveal());
        folder.put("ext", "extendedKeyUsage=clientAuth\n");
        const auto made =
            run("openssl req -new -newkey rsa:" + bits + " -nodes -subj /CN=00247F0102AB -keyout " +
                folder / (name + ".key") + " -out " + folder / "r.pem && openssl x509 -req -days 300 -in " +
                folder / "r.pem" + " -CA " + folder / "ca.pem" + " -CAkey " + folder / "ca.key" + " -extfile " +
                folder / "ext" + " -set_serial 77 " + digest + " -out " + folder / (name + ".pem"));
        ASSERT_EQ(made.status, 0) << made.output;
        const auto leaf = Certificate::parse_pem(folder.get(name + ".pem"));
        ASSERT_TRUE(leaf.has_value());
        clock.set_wall(leaf->not_before() + std::chrono::hours(1));
    };
    const auto try_client = [this](const std::string& name) {
        s_client("-tls1 " + std::string(old_set) + "-cert " + folder / (name + ".pem") + " -key " +
                 folder / (name + ".key"));
        const Served last = door->last();
        return last.handshake_done ? std::string("done") : last.failure;
    };
    open_door(profile(ClientCertificates::require, TlsLane::legacy));
    client_files("small", "1024", "-sha256");
    EXPECT_EQ(try_client("small"), "done");
    client_files("sha1", "1024", "-sha1");
    EXPECT_EQ(try_client("sha1").find("weak signature: "), 0u) << "its CA is not pinned";
    client_files("md5", "1024", "-md5");
    EXPECT_EQ(try_client("md5").find("weak signature: "), 0u);

    door.reset();
    auto pinned = profile(ClientCertificates::require, TlsLane::legacy);
    pinned.pinned_legacy_anchors = {ca.issuing()};
    open_door(pinned);
    EXPECT_EQ(try_client("sha1"), "done");
    EXPECT_EQ(try_client("md5").find("weak signature: "), 0u);
}

TEST_F(LegacyLane, ResumesAndRevokes) {
    open_door(profile(ClientCertificates::ask, TlsLane::legacy));
    const std::string options =
        "-tls1 " + std::string(old_set) + "-cert " + folder / "phone.pem" + " -key " + folder / "phone.key" + " ";
    s_client(options + "-sess_out " + folder / "session");
    ASSERT_TRUE(door->last().handshake_done) << door->last().failure;
    const std::string fingerprint = door->last().fingerprint;
    s_client(options + "-sess_in " + folder / "session");
    EXPECT_TRUE(door->last().resumed);
    revoke(fingerprint);
    s_client(options + "-sess_in " + folder / "session");
    EXPECT_EQ(door->last().failure, "the certificate of this phone was revoked");
}

// ---- Profiles that cannot work

TEST_F(TlsServer, RefusesAProfileThatCannotWork) {
    const auto refusal = [this](const TlsServerProfile& wanted) {
        const auto context = TlsServerContext::create(wanted, clock);
        return context ? std::string("made") : std::string(to_string(context.error().code));
    };
    TlsServerProfile empty = profile(ClientCertificates::off);
    empty.identities.clear();
    EXPECT_EQ(refusal(empty), "conflict");
    TlsServerProfile mixed = profile(ClientCertificates::off);
    mixed.identities[0].key = key("another");
    EXPECT_EQ(refusal(mixed), "conflict");
    TlsServerProfile nobody = profile(ClientCertificates::ask);
    nobody.client_anchors.clear();
    EXPECT_EQ(refusal(nobody), "conflict");
    TlsServerProfile modern_key = profile(ClientCertificates::off, TlsLane::legacy);
    modern_key.identities = {identity(KeyType::p256)};
    EXPECT_EQ(refusal(modern_key), "conflict");
}

}  // namespace
}  // namespace ringfence::crypto

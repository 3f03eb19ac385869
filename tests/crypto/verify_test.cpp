#include "crypto/verify.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "tests/crypto/foreign_certificate.h"
#include "tests/crypto/foreign_revocation_list.h"
#include "tests/crypto/little_ca.h"
#include "tests/crypto/program.h"

namespace ringfence::crypto {
namespace {

using test::at;
using test::key;
using test::LittleCa;
using test::request;
using test::run;
using test::server_request;
using test::TemporaryFolder;
using testing::Test;

class Verify : public Test {
protected:
    // The refusal's sentence; "good" when the chain held.
    std::string judge(const Certificate& leaf, const std::vector<Certificate>& sent) {
        const auto chain = verify_chain(leaf, sent, anchors, policy);
        if (!chain) {
            code = chain.error().code;
            return chain.error().message;
        }
        EXPECT_EQ(chain->leaf(), leaf);
        return "good";
    }

    void expect_refusal(const std::string& sentence, std::string_view beginning, FaultCode expected) {
        EXPECT_EQ(sentence.substr(0, beginning.size()), beginning) << sentence;
        EXPECT_EQ(code, expected);
    }

    static VerifyPolicy make_policy() {
        VerifyPolicy made;
        made.time.at = test::test_now;
        made.host = "prov.example";
        return made;
    }

    Certificate leaf_of(const CertificateRequest& wanted) { return ca.issue(wanted, key("leaf")); }
    Certificate good_leaf() { return leaf_of(server_request("prov.example", "192.0.2.7")); }
    Certificate device_leaf() { return leaf_of(request(CertificateRole::device, "00247F0102AB")); }

    LittleCa ca{"ours"};
    std::vector<Certificate> anchors{ca.root()};
    VerifyPolicy policy = make_policy();
    FaultCode code = FaultCode::internal;
};

TEST_F(Verify, AGoodServerIsTaken) {
    EXPECT_EQ(judge(good_leaf(), {ca.issuing()}), "good");
    EXPECT_EQ(judge(good_leaf(), {ca.issuing(), ca.root()}), "good");
    policy.host = "PROV.example.";
    EXPECT_EQ(judge(good_leaf(), {ca.issuing()}), "good");
    policy.host = "192.0.2.7";
    EXPECT_EQ(judge(good_leaf(), {ca.issuing()}), "good");
    policy.host.clear();
    EXPECT_EQ(judge(good_leaf(), {ca.issuing()}), "good");
}

TEST_F(Verify, AnIssuingCaThatIsHeldNeedNotBeSent) {
    anchors = {ca.root(), ca.issuing()};
    EXPECT_EQ(judge(good_leaf(), {}), "good");
    anchors = {ca.issuing()};
    EXPECT_EQ(judge(good_leaf(), {}), "good");
    EXPECT_EQ(judge(good_leaf(), {ca.issuing(), ca.root()}), "good");
}

TEST_F(Verify, AWrongNameIsRefused) {
    for (const char* host : {"other.example", "prov.example.org", "192.0.2.8", "2001:db8::1", ".example", "example"}) {
        policy.host = host;
        expect_refusal(judge(good_leaf(), {ca.issuing()}), "wrong name: ", FaultCode::untrusted);
    }
    policy.host = "other.example";
    const std::string sentence = judge(good_leaf(), {ca.issuing()});
    EXPECT_NE(sentence.find("prov.example, 192.0.2.7"), std::string::npos) << sentence;
}

TEST_F(Verify, ANameThatStandsOnlyInTheCommonNameDoesNotCount) {
    auto wanted = server_request("real.example");
    wanted.common_name = "prov.example";
    const std::string sentence = judge(leaf_of(wanted), {ca.issuing()});
    expect_refusal(sentence, "wrong name: ", FaultCode::untrusted);
    EXPECT_NE(sentence.find("only in the common name"), std::string::npos) << sentence;

    wanted.common_name = "192.0.2.9";
    policy.host = "192.0.2.9";
    EXPECT_NE(judge(leaf_of(wanted), {ca.issuing()}).find("only in the common name"), std::string::npos);
}

TEST_F(Verify, AWildcardStandsForOneWholeLabel) {
    const Certificate leaf = leaf_of(server_request("*.example"));
    EXPECT_EQ(judge(leaf, {ca.issuing()}),
              "wrong name: the server's certificate does not name \"prov.example\" "
              "(neither as a DNS name nor as an address); its alternative names: *.example")
        << "a wildcard right below the top is too wide";
    const Certificate deeper = leaf_of(server_request("*.phones.example"));
    policy.host = "a.phones.example";
    EXPECT_EQ(judge(deeper, {ca.issuing()}), "good");
    policy.host = "a.b.phones.example";
    expect_refusal(judge(deeper, {ca.issuing()}), "wrong name: ", FaultCode::untrusted);
}

TEST_F(Verify, DatesAreTold) {
    policy.time.at = at(2027, 1, 2);
    const std::string expired = judge(good_leaf(), {ca.issuing()});
    expect_refusal(expired, "expired: ", FaultCode::expired);
    EXPECT_NE(expired.find("2027-01-01T00:00:00Z"), std::string::npos) << expired;

    policy.time.at = at(2025, 12, 31);
    const std::string early = judge(good_leaf(), {ca.issuing()});
    expect_refusal(early, "not yet valid: ", FaultCode::expired);
    EXPECT_NE(early.find("2026-01-01T00:00:00Z"), std::string::npos) << early;
    EXPECT_NE(early.find("2025-12-31T00:00:00Z"), std::string::npos) << early;
    EXPECT_NE(early.find("clock"), std::string::npos) << early;
}

TEST_F(Verify, AnExpiredIssuerIsNamed) {
    policy.time.at = at(2036, 1, 1);
    const std::string sentence = judge(good_leaf(), {ca.issuing()});
    expect_refusal(sentence, "expired: the CA certificate", FaultCode::expired);
}

TEST_F(Verify, WithoutAClockOnlyTheFloorJudges) {
    policy.time = JudgingTime{at(2025, 1, 1), true};
    EXPECT_EQ(judge(good_leaf(), {ca.issuing()}), "good") << "not-before is ignored below the floor";
    policy.time = JudgingTime{at(2027, 6, 1), true};
    expect_refusal(judge(good_leaf(), {ca.issuing()}), "expired: ", FaultCode::expired);
    policy.time = JudgingTime{};
    EXPECT_EQ(judge(good_leaf(), {ca.issuing()}), "good") << "no time, no dates";
    policy.host = "other.example";
    expect_refusal(judge(good_leaf(), {ca.issuing()}), "wrong name: ", FaultCode::untrusted);
}

TEST_F(Verify, AnotherCaIsAnUnknownIssuer) {
    LittleCa other("theirs");
    const Certificate leaf = other.issue(server_request("prov.example"), key("leaf"));
    const std::string sentence = judge(leaf, {other.issuing(), other.root()});
    expect_refusal(sentence, "unknown issuer: ", FaultCode::untrusted);
    EXPECT_NE(sentence.find("theirs root"), std::string::npos) << sentence;
    expect_refusal(judge(leaf, {other.issuing()}), "unknown issuer: ", FaultCode::untrusted);
    anchors.clear();
    expect_refusal(judge(good_leaf(), {ca.issuing(), ca.root()}), "unknown issuer: ", FaultCode::untrusted);
}

TEST_F(Verify, ACaOfTheSameNameIsAnUnknownIssuer) {
    // Same names, other keys.
    SeededRandom random(99);
    const auto false_key = key("false root");
    const Signer false_root{*make_root(request(CertificateRole::root, "ours root"), false_key, random), false_key};
    const auto false_issuing_key = key("false issuing");
    const Signer false_issuing{
        ca.sign(request(CertificateRole::issuing, "ours issuing"), false_issuing_key, false_root), false_issuing_key};
    const Certificate leaf = ca.sign(server_request("prov.example"), key("leaf"), false_issuing);
    expect_refusal(judge(leaf, {false_issuing.certificate, false_root.certificate}),
                   "unknown issuer: ", FaultCode::untrusted);
    expect_refusal(judge(leaf, {ca.issuing()}), "unknown issuer: ", FaultCode::untrusted);
}

TEST_F(Verify, AMissingIntermediateIsTold) {
    const std::string alone = judge(good_leaf(), {});
    expect_refusal(alone, "unknown issuer or missing intermediate: ", FaultCode::untrusted);
    EXPECT_NE(alone.find("ours issuing"), std::string::npos) << alone;
    // It sent the root, so it is the one between that was forgotten.
    const std::string sentence = judge(good_leaf(), {ca.root()});
    expect_refusal(sentence, "missing intermediate: ", FaultCode::untrusted);
    EXPECT_NE(sentence.find("ours issuing"), std::string::npos) << sentence;
}

TEST_F(Verify, SelfSignedIsTold) {
    const TemporaryFolder folder;
    ASSERT_EQ(run("openssl req -x509 -newkey rsa:2048 -nodes -days 9000 -subj /CN=prov.example -addext "
                  "subjectAltName=DNS:prov.example -keyout " +
                  folder / "k.pem" + " -out " + folder / "c.pem")
                  .status,
              0);
    const auto certificate = Certificate::parse_pem(folder.get("c.pem"));
    ASSERT_TRUE(certificate.has_value());
    expect_refusal(judge(*certificate, {}), "self-signed: ", FaultCode::untrusted);
    anchors = {*certificate};
    policy.time = JudgingTime{};
    expect_refusal(judge(*certificate, {}), "wrong purpose: ", FaultCode::untrusted);
}

TEST_F(Verify, RevokedIsTold) {
    const Certificate leaf = good_leaf();
    policy.is_revoked = [&leaf](const Certificate& certificate) { return certificate == leaf; };
    expect_refusal(judge(leaf, {ca.issuing()}), "revoked: the server's certificate", FaultCode::untrusted);
    policy.is_revoked = [this](const Certificate& certificate) { return certificate == ca.issuing(); };
    expect_refusal(judge(leaf, {ca.issuing()}), "revoked: the CA certificate", FaultCode::untrusted);
}

TEST_F(Verify, EachPurposeWantsItsOwnCertificate) {
    expect_refusal(judge(device_leaf(), {ca.issuing()}), "wrong purpose: ", FaultCode::untrusted);
    policy.host.clear();
    policy.purpose = Purpose::client;
    EXPECT_EQ(judge(device_leaf(), {ca.issuing()}), "good");
    expect_refusal(judge(good_leaf(), {ca.issuing()}), "wrong purpose: ", FaultCode::untrusted);

    const Certificate registration = ca.issue(request(CertificateRole::registration, "ra"), key("ra"));
    expect_refusal(judge(registration, {ca.issuing()}), "wrong purpose: ", FaultCode::untrusted);
    policy.purpose = Purpose::registration;
    EXPECT_EQ(judge(registration, {ca.issuing()}), "good");
    expect_refusal(judge(device_leaf(), {ca.issuing()}), "wrong purpose: ", FaultCode::untrusted);
    expect_refusal(judge(good_leaf(), {ca.issuing()}), "wrong purpose: ", FaultCode::untrusted);
}

TEST_F(Verify, ACaIsNoLeafAndALeafIsNoCa) {
    policy.host.clear();
    for (const Purpose purpose : {Purpose::server, Purpose::client}) {
        policy.purpose = purpose;
        expect_refusal(judge(ca.issuing(), {}), "wrong purpose: ", FaultCode::untrusted);
    }
    // A device certificate that signs another one.
    policy.purpose = Purpose::client;
    const Signer device{device_leaf(), key("leaf")};
    const Certificate forged = ca.sign(request(CertificateRole::device, "00247F000000"), key("forged"), device);
    EXPECT_NE(judge(forged, {device.certificate, ca.issuing()}), "good");
    // A CA below one of path length zero.
    const Signer below{ca.sign(request(CertificateRole::issuing, "below"), key("below"), ca.issuing_signer()),
                       key("below")};
    const Certificate deep = ca.sign(request(CertificateRole::device, "00247F000000"), key("forged"), below);
    expect_refusal(judge(deep, {below.certificate, ca.issuing()}), "wrong purpose: ", FaultCode::untrusted);
}

TEST_F(Verify, ABrokenSignatureIsRefused) {
    std::string der = good_leaf().to_der();
    der.back() = static_cast<char>(der.back() ^ 1);
    const auto broken = Certificate::parse_der(der);
    ASSERT_TRUE(broken.has_value());
    expect_refusal(judge(*broken, {ca.issuing()}), "broken certificate: ", FaultCode::untrusted);
}

TEST_F(Verify, EveryCaThatIsSentMustBeHeldWhereThatIsAsked) {
    policy.sent_chain_must_be_held = true;
    const std::string sentence = judge(good_leaf(), {ca.issuing()});
    expect_refusal(sentence, "not held: ", FaultCode::untrusted);
    EXPECT_NE(sentence.find("ours issuing"), std::string::npos) << sentence;
    anchors = {ca.root(), ca.issuing()};
    EXPECT_EQ(judge(good_leaf(), {ca.issuing()}), "good");
    EXPECT_EQ(judge(good_leaf(), {ca.issuing(), ca.root()}), "good");
    EXPECT_EQ(judge(good_leaf(), {}), "good") << "a leaf alone needs its issuer only";
    anchors = {ca.issuing()};
    EXPECT_EQ(judge(good_leaf(), {ca.issuing()}), "good");
    expect_refusal(judge(good_leaf(), {ca.issuing(), ca.root()}), "not held: ", FaultCode::untrusted);
    LittleCa other("theirs");
    anchors = {ca.root(), ca.issuing()};
    expect_refusal(judge(good_leaf(), {ca.issuing(), other.root()}), "not held: ", FaultCode::untrusted);
    EXPECT_EQ(judge(good_leaf(), {ca.issuing(), other.issue(server_request("x.example"), key("x"))}), "good")
        << "the rule is about CAs";
}

// Same name, same key, another certificate: held is what is there byte for byte.
TEST_F(Verify, ACaOfTheSameKeyInAnotherCertificateIsNotHeld) {
    policy.sent_chain_must_be_held = true;
    anchors = {ca.root(), ca.issuing()};
    const Certificate again =
        ca.sign(request(CertificateRole::issuing, "ours issuing"), key("ours issuing"), ca.root_signer());
    expect_refusal(judge(good_leaf(), {again}), "not held: ", FaultCode::untrusted);
}

TEST_F(Verify, ARefusalNamesTheCertificateAtFaultAndItsPlace) {
    const Certificate leaf = good_leaf();
    const auto refusal = [&](const std::vector<Certificate>& sent) {
        return build_chain(leaf, sent, anchors, policy).error();
    };
    policy.host = "other.example";
    EXPECT_EQ(refusal({ca.issuing()}).at_fault, leaf);
    EXPECT_EQ(refusal({ca.issuing()}).depth, 0u);
    EXPECT_EQ(refusal({ca.issuing()}).path, (std::vector<Certificate>{leaf, ca.issuing(), ca.root()}));

    EXPECT_EQ(refusal({}).at_fault, leaf) << "the path ends here";
    EXPECT_EQ(refusal({}).path, std::vector<Certificate>{leaf});

    policy.is_revoked = [this](const Certificate& certificate) { return certificate == ca.issuing(); };
    EXPECT_EQ(refusal({ca.issuing()}).at_fault, ca.issuing());
    EXPECT_EQ(refusal({ca.issuing()}).depth, 1u);

    LittleCa other("theirs");
    policy.sent_chain_must_be_held = true;
    anchors = {ca.root(), ca.issuing()};
    EXPECT_EQ(refusal({ca.issuing(), other.root()}).at_fault, other.root());
    EXPECT_EQ(refusal({ca.issuing(), other.root()}).depth, std::nullopt) << "it does not stand in the path";
}

TEST_F(Verify, ATrustListTakesItsLeavesAndNoOthers) {
    const Certificate listed = good_leaf();
    policy.only_leaves = {listed};
    anchors.clear();
    EXPECT_EQ(judge(listed, {}), "good");
    EXPECT_EQ(judge(listed, {ca.issuing(), ca.root()}), "good") << "what else is sent does not matter";
    const auto chain = verify_chain(listed, {ca.issuing()}, {}, policy);
    ASSERT_TRUE(chain.has_value());
    EXPECT_EQ(chain->certificates(), std::vector<Certificate>{listed});

    anchors = {ca.root()};
    expect_refusal(judge(good_leaf(), {ca.issuing()}), "not in the trust list: ", FaultCode::untrusted);
    policy.only_leaves = std::vector<Certificate>{};
    expect_refusal(judge(listed, {ca.issuing()}), "not in the trust list: ", FaultCode::untrusted);
    policy.only_leaves = {ca.issuing(), ca.root()};
    expect_refusal(judge(listed, {ca.issuing()}), "not in the trust list: ", FaultCode::untrusted);
    expect_refusal(judge(ca.issuing(), {}), "wrong purpose: ", FaultCode::untrusted);
}

TEST_F(Verify, AListedLeafIsJudgedAllTheSame) {
    const Certificate listed = good_leaf();
    policy.only_leaves = {listed, device_leaf()};
    policy.host = "other.example";
    expect_refusal(judge(listed, {}), "wrong name: ", FaultCode::untrusted);
    policy.host.clear();
    expect_refusal(judge(policy.only_leaves->back(), {}), "wrong purpose: ", FaultCode::untrusted);
    policy.time.at = at(2027, 1, 2);
    expect_refusal(judge(listed, {}), "expired: ", FaultCode::expired);
    policy.time.at = at(2025, 1, 2);
    expect_refusal(judge(listed, {}), "not yet valid: ", FaultCode::expired);
    policy.time.is_floor = true;
    EXPECT_EQ(judge(listed, {}), "good");
    policy.is_revoked = [&listed](const Certificate& certificate) { return certificate == listed; };
    expect_refusal(judge(listed, {}), "revoked: ", FaultCode::untrusted);
}

TEST_F(Verify, AnAnchorIsNotAskedAboutRevocation) {
    policy.is_revoked = [this](const Certificate& certificate) { return certificate == ca.root(); };
    EXPECT_EQ(judge(good_leaf(), {ca.issuing()}), "good");
}

// Certificates that our builder does not make.
class VerifyForeign : public Verify {
protected:
    using Wish = test::ForeignWish;

    Certificate make(const Wish& wish) {
        return test::make_foreign(folder, legacy_ca.issuing_signer(), wish).certificate;
    }

    std::string judge_foreign(const Wish& wish) { return judge(make(wish), {legacy_ca.issuing()}); }

    void SetUp() override {
        anchors = {legacy_ca.root()};
        policy.time = JudgingTime{};
        policy.host.clear();
    }

    TemporaryFolder folder;
    LittleCa legacy_ca{"foreign", KeyType::rsa2048};
    const std::string san = "subjectAltName=DNS:prov.example\n";
};

TEST_F(VerifyForeign, APlainServerCertificateServes) {
    policy.host = "prov.example";
    EXPECT_EQ(judge_foreign({.extensions = san}), "good")
        << "no key identifiers, no key usages: nothing said, nothing refused";
}

TEST_F(VerifyForeign, AClientMustSayThatItIsOne) {
    policy.purpose = Purpose::client;
    EXPECT_EQ(judge_foreign({.extensions = "extendedKeyUsage=clientAuth\n"}), "good");
    expect_refusal(judge_foreign({.extensions = "keyUsage=digitalSignature\n"}),
                   "wrong purpose: ", FaultCode::untrusted);
    expect_refusal(judge_foreign({.extensions = "extendedKeyUsage=emailProtection\n"}),
                   "wrong purpose: ", FaultCode::untrusted);
}

TEST_F(VerifyForeign, ALeafWithCaTrueIsRefused) {
    expect_refusal(judge_foreign({.extensions = "basicConstraints=CA:TRUE\n" + san}),
                   "wrong purpose: ", FaultCode::untrusted);
}

TEST_F(VerifyForeign, NameConstraintsAndZeroSerialsAreBroken) {
    expect_refusal(judge_foreign({.extensions = "nameConstraints=permitted;DNS:example\n" + san}),
                   "broken certificate: ", FaultCode::untrusted);
    expect_refusal(judge_foreign({.extensions = san, .serial = "0"}), "broken certificate: ", FaultCode::untrusted);
}

TEST_F(VerifyForeign, WeakKeysAndHashesAreRefused) {
    expect_refusal(judge_foreign({.extensions = san, .key = "-newkey rsa:1024"}), "weak key: ", FaultCode::untrusted);
    expect_refusal(judge_foreign({.extensions = san, .digest = "-sha1"}), "weak signature: ", FaultCode::untrusted);
    expect_refusal(judge_foreign({.extensions = san, .digest = "-md5"}), "weak signature: ", FaultCode::untrusted);
    expect_refusal(judge_foreign({.extensions = san, .key = "-newkey ec -pkeyopt ec_paramgen_curve:P-192"}),
                   "weak key: ", FaultCode::untrusted);
}

TEST_F(VerifyForeign, TheLegacyFloorHolds) {
    policy.strength = Strength::legacy;
    EXPECT_EQ(judge_foreign({.extensions = san, .key = "-newkey rsa:1024"}), "good");
    expect_refusal(judge_foreign({.extensions = san, .key = "-newkey rsa:768"}), "weak key: ", FaultCode::untrusted);
    const Wish sha1{.extensions = san, .digest = "-sha1"};
    expect_refusal(judge_foreign(sha1), "weak signature: ", FaultCode::untrusted);
    policy.pinned_legacy_anchors = {legacy_ca.issuing()};
    expect_refusal(judge_foreign(sha1), "weak signature: ", FaultCode::untrusted);
    policy.pinned_legacy_anchors = {legacy_ca.root()};
    EXPECT_EQ(judge_foreign(sha1), "good");
    expect_refusal(judge_foreign({.extensions = san, .digest = "-md5"}), "weak signature: ", FaultCode::untrusted);
}

TEST_F(VerifyForeign, TheSecurityPolicysKeySizeRaisesTheFloorInTheWholeChain) {
    policy.min_rsa_bits = 1024;
    expect_refusal(judge_foreign({.extensions = san, .key = "-newkey rsa:1024"}), "weak key: ", FaultCode::untrusted);
    EXPECT_EQ(judge_foreign({.extensions = san, .key = "-newkey rsa:2048"}), "good");
    policy.min_rsa_bits = 2049;
    expect_refusal(judge_foreign({.extensions = san, .key = "-newkey rsa:2048"}), "weak key: ", FaultCode::untrusted);
    expect_refusal(judge_foreign({.extensions = san, .key = "-newkey rsa:3072"}), "weak key: the CA certificate",
                   FaultCode::untrusted);
    policy.strength = Strength::legacy;
    policy.min_rsa_bits = 1536;
    expect_refusal(judge_foreign({.extensions = san, .key = "-newkey rsa:1024"}), "weak key: ", FaultCode::untrusted);
    EXPECT_EQ(judge_foreign({.extensions = san}), "good") << "P-256 has no RSA bits";
}

TEST_F(VerifyForeign, AListedLeafMustBeStrongToo) {
    const auto judge_listed = [this](const Wish& wish) {
        const Certificate leaf = make(wish);
        policy.only_leaves = {leaf};
        return judge(leaf, {});
    };
    EXPECT_EQ(judge_listed({.extensions = san}), "good");
    expect_refusal(judge_listed({.extensions = san, .key = "-newkey rsa:1024"}), "weak key: ", FaultCode::untrusted);
    policy.strength = Strength::legacy;
    EXPECT_EQ(judge_listed({.extensions = san, .key = "-newkey rsa:1024"}), "good");
    expect_refusal(judge_listed({.extensions = san, .key = "-newkey rsa:768"}), "weak key: ", FaultCode::untrusted);
}

// A server's own certificate, below no CA, is what a trust list is for.
TEST_F(VerifyForeign, AListedLeafMayBeSignedByItself) {
    ASSERT_EQ(run("openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=prov.example -addext "
                  "basicConstraints=CA:FALSE -addext subjectAltName=DNS:prov.example -keyout " +
                  folder / "k.pem" + " -out " + folder / "c.pem")
                  .status,
              0);
    const Certificate leaf = *Certificate::parse_pem(folder.get("c.pem"));
    policy.host = "prov.example";
    expect_refusal(judge(leaf, {}), "self-signed: ", FaultCode::untrusted);
    policy.only_leaves = {leaf};
    EXPECT_EQ(judge(leaf, {}), "good");
}

TEST_F(VerifyForeign, SerialNumbersOfTheStandardAreWanted) {
    EXPECT_EQ(judge_foreign({.extensions = san, .serial = "0x7f" + std::string(38, 'f')}), "good") << "20 octets";
    for (const std::string& serial : {std::string("0"), std::string("-5"), "0x01" + std::string(40, '0')}) {
        SCOPED_TRACE(serial);
        expect_refusal(judge_foreign({.extensions = san, .serial = serial}),
                       "broken certificate: ", FaultCode::untrusted);
    }
}

TEST_F(VerifyForeign, KeysOfAnOddKindAreRefused) {
    expect_refusal(judge_foreign({.extensions = san, .key = "-newkey rsa:2050"}), "weak key: ", FaultCode::untrusted);
    ASSERT_EQ(run("openssl dsaparam -out " + folder / "dsa" + " 2048").status, 0);
    expect_refusal(judge_foreign({.extensions = san, .key = "-newkey dsa:" + folder / "dsa"}),
                   "weak key: ", FaultCode::untrusted);
    expect_refusal(judge_foreign({.extensions = san, .key = "-newkey ed25519"}), "weak key: ", FaultCode::untrusted);
}

TEST_F(VerifyForeign, AnExtendedKeyUsageThatIsEmptyPermitsNothing) {
    expect_refusal(judge_foreign({.extensions = "extendedKeyUsage=DER:3000\n" + san}),
                   "wrong purpose: ", FaultCode::untrusted);
}

TEST_F(VerifyForeign, DnsNamesThatNoHostCanHaveAreRefused) {
    EXPECT_EQ(judge_foreign({.extensions = "subjectAltName=DNS:sip_1.example\n"}), "good");
    for (const char* name : {".example", "_sip.example"}) {
        const std::string sentence =
            judge_foreign({.extensions = "subjectAltName=DNS:ok.example,DNS:" + std::string(name) + "\n"});
        expect_refusal(sentence, "broken certificate: ", FaultCode::untrusted);
        EXPECT_NE(sentence.find(name), std::string::npos) << sentence;
    }
}

TEST_F(VerifyForeign, AnUnknownCriticalExtensionIsRefused) {
    EXPECT_EQ(judge_foreign({.extensions = "1.2.3.4=DER:0500\n" + san}), "good");
    expect_refusal(judge_foreign({.extensions = "1.2.3.4=critical,DER:0500\n" + san}),
                   "broken certificate: ", FaultCode::untrusted);
}

// Certificates below a CA that our builder does not make.
class VerifyForeignCa : public VerifyForeign {
protected:
    std::string judge_below(const std::string& ca_extensions, const std::string& leaf_extensions) {
        const Signer limited = make_ca(ca_extensions);
        return judge(test::make_foreign(folder, limited, {.extensions = leaf_extensions}).certificate,
                     {limited.certificate});
    }

    Signer make_ca(const std::string& extensions) {
        return test::make_foreign(folder, legacy_ca.root_signer(),
                                  {.extensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n"
                                                 "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n" +
                                                 extensions,
                                   .name = "limited"});
    }
};

TEST_F(VerifyForeignCa, NameConstraintsMustBeCriticalAndHold) {
    EXPECT_EQ(judge_below("nameConstraints=critical,permitted;DNS:example\n", san), "good");
    expect_refusal(judge_below("nameConstraints=permitted;DNS:example\n", san),
                   "broken certificate: the CA certificate", FaultCode::untrusted);
    expect_refusal(judge_below("nameConstraints=critical,permitted;DNS:test\n", san),
                   "broken certificate: the server's certificate", FaultCode::untrusted);
    expect_refusal(judge_below("nameConstraints=critical,excluded;DNS:prov.example\n", san),
                   "broken certificate: the server's certificate", FaultCode::untrusted);
}

// CVE-2025-61727.
TEST_F(VerifyForeignCa, AWildcardDoesNotReachIntoAnExcludedName) {
    const std::string wildcard = "subjectAltName=DNS:*.Phones.example\n";
    EXPECT_EQ(judge_below("nameConstraints=critical,excluded;DNS:other.example\n", wildcard), "good");
    EXPECT_EQ(judge_below("nameConstraints=critical,excluded;DNS:a.b.phones.example\n", wildcard), "good")
        << "a wildcard stands for one label";
    for (const char* excluded : {"secret.phones.example", "phones.example", "example"}) {
        SCOPED_TRACE(excluded);
        expect_refusal(judge_below("nameConstraints=critical,excluded;DNS:" + std::string(excluded) + "\n", wildcard),
                       "broken certificate: the server's certificate", FaultCode::untrusted);
    }
}

TEST_F(VerifyForeignCa, APolicyThatACaAsksForMustBeThere) {
    const std::string asks = "certificatePolicies=1.2.3.4\npolicyConstraints=critical,requireExplicitPolicy:0\n";
    EXPECT_EQ(judge_below(asks, "certificatePolicies=1.2.3.4\n" + san), "good");
    expect_refusal(judge_below(asks, "certificatePolicies=1.2.3.5\n" + san),
                   "no common policy: ", FaultCode::untrusted);
    expect_refusal(judge_below(asks, san), "no common policy: ", FaultCode::untrusted);
    EXPECT_EQ(judge_below("certificatePolicies=1.2.3.4\n", san), "good") << "nobody asks for one";
}

// The authority key identifier of a self-signed root that names another key than its own.
TEST_F(VerifyForeignCa, KeyIdentifiersOfARootMustAgree) {
    const auto root_with = [this](const std::string& name, const std::string& own_identifier) {
        const std::string made_key = folder / name + ".key";
        const auto made = run("openssl req -x509 -newkey rsa:2048 -nodes -days 300 -subj /CN=" + name +
                              " -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign -addext "
                              "subjectKeyIdentifier=" +
                              own_identifier + " -addext authorityKeyIdentifier=" +
                              (own_identifier == "hash" ? "keyid" : "DER:3004800200ff") + " -keyout " + made_key +
                              " -out " + folder / name + ".pem");
        EXPECT_EQ(made.status, 0) << made.output;
        return Signer{*Certificate::parse_pem(folder.get(name + ".pem")),
                      *PrivateKey::parse_pem(Secret(folder.get(name + ".key")))};
    };
    const auto judge_under = [this](const Signer& root) {
        anchors = {root.certificate};
        return judge(test::make_foreign(folder, root, {.extensions = san}).certificate, {});
    };
    EXPECT_EQ(judge_under(root_with("agreeing", "hash")), "good");
    const std::string sentence = judge_under(root_with("disagreeing", "01020304"));
    expect_refusal(sentence, "broken certificate: the CA certificate", FaultCode::untrusted);
    EXPECT_NE(sentence.find("two keys"), std::string::npos) << sentence;
}

// Revocation lists as a policy carries them.
class VerifyWithLists : public VerifyForeign {
protected:
    using ListWish = test::ListWish;

    void SetUp() override {
        VerifyForeign::SetUp();
        policy.time.at = SystemClock().wall_now() + std::chrono::hours(1);  // what is made meanwhile has begun
        leaf = make({.extensions = san});
    }

    RevocationList list_of(const Signer& issuer, const ListWish& wish = {}) {
        return *RevocationList::parse_pem(test::make_foreign_list(folder, issuer, wish));
    }
    RevocationList root_list(const ListWish& wish = {}) { return list_of(legacy_ca.root_signer(), wish); }
    RevocationList issuing_list(const ListWish& wish = {}) { return list_of(legacy_ca.issuing_signer(), wish); }

    std::string judge_by(std::vector<RevocationList> lists) {
        policy.revocation_lists = std::move(lists);
        return judge(*leaf, {legacy_ca.issuing()});
    }

    std::optional<Certificate> leaf;
};

TEST_F(VerifyWithLists, EveryCertificateBelowTheAnchorNeedsOne) {
    EXPECT_EQ(judge_by({root_list(), issuing_list()}), "good");
    expect_refusal(judge_by({root_list()}), "no revocation list for the server's certificate", FaultCode::untrusted);
    expect_refusal(judge_by({issuing_list()}), "no revocation list for the CA certificate", FaultCode::untrusted);
    expect_refusal(judge_by({}), "no revocation list for ", FaultCode::untrusted);
    anchors = {legacy_ca.issuing()};
    EXPECT_EQ(judge_by({issuing_list()}), "good") << "an anchor needs none, self-signed or not";
}

TEST_F(VerifyWithLists, WhatTheyNameIsRevoked) {
    expect_refusal(judge_by({root_list(), issuing_list({.serials = {"1234"}})}), "revoked: the server's certificate",
                   FaultCode::untrusted);
    expect_refusal(judge_by({root_list({.serials = {legacy_ca.issuing().serial()}}), issuing_list()}),
                   "revoked: the CA certificate", FaultCode::untrusted);
    EXPECT_EQ(judge_by({root_list({.serials = {"1234"}}), issuing_list()}), "good") << "another CA's number";
    EXPECT_EQ(judge_by({root_list({.serials = {legacy_ca.root().serial()}}), issuing_list()}), "good")
        << "an anchor is not asked about revocation";
}

TEST_F(VerifyWithLists, OnlyTheIssuersSignatureCounts) {
    const Signer namesake{
        ca.sign(request(CertificateRole::issuing, "foreign issuing"), key("namesake"), ca.root_signer()),
        key("namesake")};
    ASSERT_EQ(namesake.certificate.subject(), legacy_ca.issuing().subject());
    // The same name, and no key identifier that would tell them apart.
    expect_refusal(judge_by({root_list(), list_of(namesake, {.extensions = "issuerAltName=DNS:x\n"})}),
                   "broken revocation list: ", FaultCode::untrusted);
    std::string der = issuing_list().to_der();
    der.back() = static_cast<char>(der.back() ^ 1);
    expect_refusal(judge_by({root_list(), *RevocationList::parse_der(der)}),
                   "broken revocation list: ", FaultCode::untrusted);
}

TEST_F(VerifyWithLists, TheyHoldForTheirTimeOnly) {
    const RevocationList old = issuing_list({.options = "-crl_lastupdate 20260101000000Z -crl_nextupdate "
                                                        "20260201000000Z"});
    const RevocationList later = issuing_list({.options = "-crl_lastupdate 20990101000000Z -crl_nextupdate "
                                                          "20990201000000Z"});
    expect_refusal(judge_by({root_list(), old}), "revocation list expired: ", FaultCode::expired);
    EXPECT_EQ(judge_by({root_list(), old, issuing_list()}), "good") << "a newer one stands beside it";
    expect_refusal(judge_by({root_list(), later}), "revocation list not yet valid: ", FaultCode::expired);
    policy.time.is_floor = true;
    EXPECT_EQ(judge_by({root_list(), later}), "good") << "a phone without a clock cannot tell";
}

TEST_F(VerifyWithLists, NumberAndStrongHashAreWanted) {
    expect_refusal(judge_by({root_list(), issuing_list({.is_version_one = true})}),
                   "broken revocation list: ", FaultCode::untrusted);
    expect_refusal(judge_by({root_list(), issuing_list({.options = "-md sha1"})}),
                   "broken revocation list: ", FaultCode::untrusted);
    LittleCa other("theirs");
    EXPECT_EQ(judge_by({root_list(), issuing_list(), list_of(other.root_signer(), {.is_version_one = true})}), "good")
        << "a list of nobody in the path does not matter";
}

// A list that speaks of CAs only says nothing of a leaf.
TEST_F(VerifyWithLists, TheirScopeCounts) {
    const auto limited_to = [this](const std::string& kind) {
        return issuing_list({.extensions = "issuingDistributionPoint=critical,@p\n[p]\n" + kind + "=TRUE\n"});
    };
    EXPECT_EQ(judge_by({root_list(), limited_to("onlyuser")}), "good");
    expect_refusal(judge_by({root_list(), limited_to("onlyCA")}), "no revocation list for ", FaultCode::untrusted);
}

class VerifyFileSigner : public VerifyForeign {
protected:
    void SetUp() override {
        VerifyForeign::SetUp();
        policy.purpose = Purpose::file_signer;
    }

    // The profile without the line that begins with `name`.
    static std::string without(const std::string& name) {
        std::string kept;
        for (const std::string_view line : split(test::file_signer_extensions, '\n')) {
            if (line.substr(0, name.size()) != name) kept += std::string(line) + "\n";
        }
        // OpenSSL's program adds the identifiers by itself otherwise.
        return name.find("KeyIdentifier") != name.npos ? kept + name + "=none\n" : kept;
    }
};

TEST_F(VerifyFileSigner, TheManualsProfileIsTaken) {
    EXPECT_EQ(judge_foreign({.extensions = test::file_signer_extensions}), "good");
    EXPECT_EQ(judge_foreign({.extensions = test::file_signer_extensions, .key = "-newkey rsa:2048"}), "good");
    const Wish small{.extensions = test::file_signer_extensions, .key = "-newkey rsa:1024"};
    expect_refusal(judge_foreign(small), "weak key: the file signer's certificate", FaultCode::untrusted);
    policy.strength = Strength::legacy;
    EXPECT_EQ(judge_foreign(small), "good");
}

TEST_F(VerifyFileSigner, EachPartOfTheProfileIsWanted) {
    for (const Strength strength : {Strength::modern, Strength::legacy}) {
        policy.strength = strength;
        for (const char* line : {"keyUsage", "extendedKeyUsage", "subjectKeyIdentifier", "authorityKeyIdentifier"}) {
            SCOPED_TRACE(line);
            expect_refusal(judge_foreign({.extensions = without(line)}), "wrong purpose: ", FaultCode::untrusted);
        }
        for (const char* other : {"extendedKeyUsage=codeSigning", "extendedKeyUsage=emailProtection",
                                  "extendedKeyUsage=serverAuth", "extendedKeyUsage=anyExtendedKeyUsage"}) {
            expect_refusal(judge_foreign({.extensions = without("extendedKeyUsage") + other}),
                           "wrong purpose: ", FaultCode::untrusted);
        }
        for (const char* other : {"keyUsage=keyEncipherment", "keyUsage=nonRepudiation"}) {
            expect_refusal(judge_foreign({.extensions = without("keyUsage") + other}),
                           "wrong purpose: ", FaultCode::untrusted);
        }
        expect_refusal(judge_foreign({.extensions = without("basicConstraints") + "basicConstraints=CA:TRUE"}),
                       "wrong purpose: ", FaultCode::untrusted);
    }
}

TEST_F(VerifyFileSigner, OneThatSignedItselfIsRefusedEvenWhenHeld) {
    ASSERT_EQ(run("openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=signer -addext "
                  "basicConstraints=critical,CA:TRUE -addext keyUsage=digitalSignature,keyCertSign -addext "
                  "extendedKeyUsage=codeSigning,emailProtection -keyout " +
                  folder / "k.pem" + " -out " + folder / "c.pem")
                  .status,
              0);
    const Certificate leaf = *Certificate::parse_pem(folder.get("c.pem"));
    expect_refusal(judge(leaf, {}), "self-signed: ", FaultCode::untrusted);
    anchors = {leaf};
    const std::string sentence = judge(leaf, {});
    expect_refusal(sentence, "wrong purpose: ", FaultCode::untrusted);
    EXPECT_NE(sentence.find("signed by itself"), std::string::npos) << sentence;
}

TEST_F(VerifyFileSigner, RevocationReachesIt) {
    policy.is_revoked = [](const Certificate& certificate) { return certificate.serial() == "1234"; };
    expect_refusal(judge_foreign({.extensions = test::file_signer_extensions}),
                   "revoked: the file signer's certificate", FaultCode::untrusted);
}

// A CA whose own issuer limited it to mail does not make code signers.
TEST_F(VerifyFileSigner, ACaLimitedToAnotherUseIsRefused) {
    const auto below = [this](const std::string& usages) {
        const Signer limited = test::make_foreign(
            folder, legacy_ca.root_signer(),
            {.extensions = "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\nsubjectKeyIdentifier=hash\n"
                           "authorityKeyIdentifier=keyid\n" +
                           usages,
             .name = "limited"});
        const Signer signer = test::make_foreign(folder, limited, {.extensions = test::file_signer_extensions});
        return judge(signer.certificate, {limited.certificate});
    };
    EXPECT_EQ(below(""), "good");
    EXPECT_EQ(below("extendedKeyUsage=codeSigning,emailProtection"), "good");
    expect_refusal(below("extendedKeyUsage=emailProtection"), "wrong purpose: the CA certificate",
                   FaultCode::untrusted);
    expect_refusal(below("extendedKeyUsage=codeSigning"), "wrong purpose: the CA certificate", FaultCode::untrusted);
}

}  // namespace
}  // namespace ringfence::crypto

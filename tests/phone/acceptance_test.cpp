#include "phone/acceptance.h"

#include <gmock/gmock.h>

#include "little_trust.h"
#include "phone/firmware_image.h"

namespace ringfence::phone {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class Acceptance : public ::testing::Test {
protected:
    Verdict judge(const std::string& section, const std::string& bytes, std::optional<Answer> answer = std::nullopt) {
        const Circumstances now{trust_, behaviour_, family(), {now_, false}, mac_, "1230", version_, latest_signature_};
        return accept({section, "file", "http://192.0.2.1/file", bytes}, now, answer);
    }

    void expect_accepted(const Verdict& verdict, const std::string& basis = "") {
        const auto* accepted = std::get_if<AcceptedFile>(&verdict);
        const auto* fault = std::get_if<Fault>(&verdict);
        ASSERT_NE(accepted, nullptr) << (fault == nullptr ? "a question" : fault->message);
        EXPECT_THAT(accepted->basis(), HasSubstr(basis));
    }

    void expect_refused(const Verdict& verdict, const std::string& reason, FaultCode code = FaultCode::untrusted) {
        const auto* fault = std::get_if<Fault>(&verdict);
        ASSERT_NE(fault, nullptr);
        EXPECT_EQ(fault->code, code) << fault->message;
        EXPECT_THAT(fault->message, HasSubstr(reason));
    }

    void expect_asked(const Verdict& verdict, Question::Kind kind, bool must_be_typed = false) {
        const auto* question = std::get_if<Question>(&verdict);
        const auto* fault = std::get_if<Fault>(&verdict);
        ASSERT_NE(question, nullptr) << (fault == nullptr ? "accepted" : fault->message);
        EXPECT_EQ(question->kind, kind);
        EXPECT_EQ(question->must_be_typed, must_be_typed);
    }

    void hold(std::string_view section, const std::string& bytes) {
        auto added = trust_.add_file(section, bytes);
        ASSERT_TRUE(added.has_value()) << added.error().message;
    }
    void hold_root() { hold(root_section, customer().root_pem()); }

    static Answer yes() { return {true, "yes", false, {}}; }
    static Answer no() { return {false, "no answer", false, {}}; }
    static Answer typed() { return {true, "typed", true, {}}; }
    static Answer password(const std::string& text) { return {true, "given", false, Secret(text)}; }

    const MacAddress mac_ = MacAddress::parse("00:24:7F:01:02:AB").value();
    TrustStore trust_;
    Behaviour behaviour_;
    WallTime now_ = test_time;
    std::string version_;
    std::optional<WallTime> latest_signature_;
};

TEST_F(Acceptance, FirstRootNeedsAFingerprint) {
    const auto verdict = judge("USER_KEYS", customer().root_pem());
    expect_asked(verdict, Question::Kind::fingerprint);
    EXPECT_EQ(std::get<Question>(verdict).fingerprints.sha256, fingerprints_of(customer().root_pem()).sha256);
    expect_accepted(judge("USER_KEYS", customer().root_pem(), yes()), "its fingerprint was accepted (yes)");
    expect_refused(judge("USER_KEYS", customer().root_pem(), no()), "no answer");
}

TEST_F(Acceptance, ManualBWantsTheFingerprintTyped) {
    hold(policy_section, "CUST_CERT_ACCEPT VAL_MANUAL_B\n");
    expect_asked(judge("USER_KEYS", customer().root_pem()), Question::Kind::fingerprint, true);
    expect_refused(judge("USER_KEYS", customer().root_pem(), yes()), "VAL_MANUAL_B");
    expect_accepted(judge("USER_KEYS", customer().root_pem(), typed()));
}

TEST_F(Acceptance, NoCheckDoesNotLetTheFirstRootIn) {
    hold(policy_section, "CUST_CERT_ACCEPT VAL_NO_CHECK\n");
    expect_asked(judge("USER_KEYS", customer().root_pem()), Question::Kind::fingerprint);
}

TEST_F(Acceptance, TheVendorsSignatureBringsTheFirstRootInSilently) {
    trust_ = TrustStore({vendor().root()});
    expect_accepted(judge("USER_KEYS", vendor().sign(customer().root_pem())), "signed by CN=Vendor signer");
    // Somebody else's signature is none that the phone can judge: the person decides.
    expect_asked(judge("USER_KEYS", stranger().sign(customer().root_pem())), Question::Kind::fingerprint);
}

TEST_F(Acceptance, InstalledRootMeetsItselfAgain) {
    hold_root();
    const auto verdict = judge("USER_KEYS", customer().root_pem());
    expect_accepted(verdict);
    EXPECT_TRUE(std::get<AcceptedFile>(verdict).is_already_installed());
}

TEST_F(Acceptance, LaterRootsAreSignedByAnInstalledOne) {
    hold_root();
    expect_refused(judge("USER_KEYS", stranger().root_pem()), "only if it is signed");
    expect_refused(judge("USER_KEYS", stranger().root_pem(), typed()), "only if it is signed");
    expect_refused(judge("USER_KEYS", stranger().sign(stranger().root_pem())), "the signer");
    expect_accepted(judge("USER_KEYS", customer().sign(stranger().root_pem())), "leads to CN=Customer root");
    std::string changed = customer().sign(stranger().root_pem());
    changed.insert(changed.find("-----BEGIN PKCS7"), "\n");
    expect_refused(judge("USER_KEYS", changed), "the signature does not belong", FaultCode::unauthenticated);
}

TEST_F(Acceptance, WhatTheRootThatATokenBroughtIssuedNeedsNoOtherProof) {
    const auto issuing = customer().issue(crypto::CertificateRole::issuing, "Customer issuing").certificate;
    const auto foreign = stranger().issue(crypto::CertificateRole::issuing, "Customer issuing").certificate;
    hold_root();
    expect_refused(judge("USER_KEYS", customer().root_pem() + issuing.to_pem()), "only if it is signed");
    hold(token_section, customer().root_pem());
    expect_accepted(judge("USER_KEYS", customer().root_pem() + issuing.to_pem()), "the root that enrolment brought");
    expect_accepted(judge("USER_KEYS", issuing.to_pem()), "the root that enrolment brought");
    expect_refused(judge("USER_KEYS", issuing.to_pem() + stranger().root_pem()), "only if it is signed");
    expect_refused(judge("USER_KEYS", foreign.to_pem()), "only if it is signed");
}

TEST_F(Acceptance, TheVendorDoesNotBringLaterCustomerRoots) {
    trust_ = TrustStore({vendor().root()});
    hold_root();
    expect_refused(judge("USER_KEYS", vendor().sign(stranger().root_pem())), "the signer");
}

TEST_F(Acceptance, NoCheckLetsLaterRootsInAndSaysSo) {
    hold_root();
    hold(policy_section, "CUST_CERT_ACCEPT VAL_NO_CHECK\n");
    const auto verdict = judge("USER_KEYS", stranger().root_pem());
    expect_accepted(verdict, "VAL_NO_CHECK");
    EXPECT_TRUE(std::get<AcceptedFile>(verdict).is_unchecked());
    // What is signed is judged by its signature all the same.
    expect_refused(judge("USER_KEYS", stranger().sign(stranger().root_pem())), "the signer");
}

TEST_F(Acceptance, SignersKeepTheManualsProfile) {
    hold_root();
    const auto& ca = customer();
    const auto server = ca.issue(crypto::CertificateRole::server, "a server");
    expect_refused(judge("USER_KEYS", Company::sign_by(server, stranger().root_pem())), "wrong purpose");
    const auto device = ca.issue(crypto::CertificateRole::device, "a device");
    expect_refused(judge("USER_KEYS", Company::sign_by(device, stranger().root_pem())), "wrong purpose");
    expect_refused(judge("USER_KEYS", Company::sign_by(ca.root_signer(), stranger().root_pem())), "");
}

TEST_F(Acceptance, AnEarlierSignedFileDoesNotComeBack) {
    hold_root();
    const std::string root = stranger().root_pem();
    latest_signature_ = test_time;
    expect_refused(judge("USER_KEYS", customer().sign(root, test_time - std::chrono::hours(1))), "earlier than");
    expect_accepted(judge("USER_KEYS", customer().sign(root, test_time)));
    expect_accepted(judge("USER_KEYS", customer().sign(root, test_time + std::chrono::hours(1))));
}

TEST_F(Acceptance, ASignatureForAnotherPhoneIsRefused) {
    using phonefile::SignedKind;
    hold_root();
    const auto other = MacAddress::parse("00:24:7F:01:02:AC").value();
    const std::string settings = "VMAIL 100\n";
    expect_accepted(judge("USER_CONFIG", customer().sign_as({SignedKind::settings, mac_}, settings)));
    expect_accepted(judge("DEVICE_CONFIG", customer().sign_as({SignedKind::settings, {}}, settings)));
    expect_refused(judge("USER_CONFIG", customer().sign_as({SignedKind::settings, other}, settings)),
                   "signed for another phone: 00:24:7f:01:02:ac");
    const std::string policy = "KEY_SIZE 2048\n";
    expect_accepted(judge("SEC_POLICY", customer().sign_as({SignedKind::policy, mac_}, policy)));
    expect_refused(judge("SEC_POLICY", customer().sign_as({SignedKind::policy, other}, policy)), "for another phone");
}

TEST_F(Acceptance, ASignatureForAnotherKindOfFileIsRefused) {
    using phonefile::SignedKind;
    hold_root();
    const std::string policy = "KEY_SIZE 2048\n";
    const std::string root = stranger().root_pem();
    const std::string list = trust_list_text("01/01/2026 00:00:00", "01/01/2027 00:00:00", {stranger().root()});
    const auto signs = [](SignedKind kind, const std::string& content) {
        return customer().sign_as({kind, {}}, content);
    };
    expect_accepted(judge("USER_KEYS", signs(SignedKind::root, root)));
    expect_accepted(judge("CTL", signs(SignedKind::trust_list, list)));
    expect_accepted(judge("", signs(SignedKind::manifest, "[DEVICE_CONFIG]\n")));
    expect_refused(judge("SEC_POLICY", signs(SignedKind::settings, policy)), "a file of another kind (settings)");
    expect_refused(judge("DEVICE_CONFIG", signs(SignedKind::policy, policy)), "a file of another kind (policy)");
    expect_refused(judge("DEVICE_CONFIG", signs(SignedKind::manifest, policy)), "another kind");
    expect_refused(judge("USER_KEYS", signs(SignedKind::trust_list, root)), "another kind");
    expect_refused(judge("CTL", signs(SignedKind::root, list)), "another kind");
    // VAL_NO_CHECK spares a later root the signature, and not the word of a signer.
    hold(policy_section, "CUST_CERT_ACCEPT VAL_NO_CHECK\n");
    expect_refused(judge("USER_KEYS", signs(SignedKind::trust_list, root)), "another kind");
}

TEST_F(Acceptance, AForeignSignersWordsAreNoLabelAndABrokenLabelIsRefused) {
    hold_root();
    const auto judge_described = [&](const std::string& description) {
        const auto signer = customer().issue(crypto::CertificateRole::file_signer, "Customer signer");
        return judge("SEC_POLICY", Company::sign_by(signer, "KEY_SIZE 2048\n", test_time, description));
    };
    expect_accepted(judge_described("the policy of 2026"));
    expect_refused(judge_described("Ringfence-Signed: kind=policy site=berlin"), "cannot be read",
                   FaultCode::malformed);
}

TEST_F(Acceptance, RootFilesHoldAuthoritiesOnly) {
    expect_refused(judge("USER_KEYS", leaf_pem(), yes()), "not a certificate authority's");
    expect_refused(judge("USER_KEYS", customer().root_pem() + "\n" + leaf_pem(), yes()), "");
    for (const std::string& bytes :
         {std::string(), std::string("<html>404</html>"), customer().root_pem().substr(0, 200)})
        expect_refused(judge("USER_KEYS", bytes, yes()), "", FaultCode::malformed);
    now_ = test_time + std::chrono::hours(24 * 400);
    expect_refused(judge("USER_KEYS", customer().root_pem(), yes()), "ended on", FaultCode::expired);
}

TEST_F(Acceptance, RootsInOneFileAreOneDecision) {
    expect_accepted(judge("USER_KEYS", customer().root_pem() + "\n" + stranger().root_pem(), yes()));
    hold_root();
    expect_refused(judge("USER_KEYS", customer().root_pem() + "\n" + stranger().root_pem()), "only if it is signed");
}

TEST_F(Acceptance, APolicyIsSignedOnceARootIsThere) {
    const std::string policy = "KEY_SIZE 2048\nSECURITY_LOG_UI_ENABLE YES\n";
    expect_asked(judge("SEC_POLICY", policy), Question::Kind::fingerprint);
    expect_accepted(judge("SEC_POLICY", policy, yes()));
    hold_root();
    expect_refused(judge("SEC_POLICY", policy, typed()), "only if it is signed");
    expect_accepted(judge("SEC_POLICY", customer().sign(policy)), "Customer");
    expect_refused(judge("SEC_POLICY", stranger().sign(policy)), "the signer");
    expect_refused(judge("SEC_POLICY", "hello\n", yes()), "no security policy", FaultCode::malformed);
    // Neither does VAL_NO_CHECK let a policy in.
    hold(policy_section, "CUST_CERT_ACCEPT VAL_NO_CHECK\n");
    expect_refused(judge("SEC_POLICY", policy), "only if it is signed");
}

TEST_F(Acceptance, APolicysOwnRuleGovernsTheNextPolicy) {
    hold(policy_section, "SEC_POLICY_ACCEPT VAL_MANUAL_B\n");
    expect_asked(judge("SEC_POLICY", "KEY_SIZE 2048\n"), Question::Kind::fingerprint, true);
}

TEST_F(Acceptance, ATrustListIsAlwaysSigned) {
    const std::string list = trust_list_text("01/01/2026 00:00:00", "01/01/2027 00:00:00", {stranger().root()});
    expect_refused(judge("CTL", list, typed()), "must be signed");
    expect_refused(judge("CTL", customer().sign(list)), "no root certificate is installed");
    hold_root();
    expect_accepted(judge("CTL", customer().sign(list)));
    expect_refused(judge("CTL", stranger().sign(list)), "the signer");
    const std::string ended = trust_list_text("01/01/2025 00:00:00", "01/01/2026 00:00:00", {stranger().root()});
    expect_refused(judge("CTL", customer().sign(ended)), "ended on", FaultCode::expired);
    const std::string undated = customer().sign(stranger().root_pem());
    expect_refused(judge("CTL", undated), "", FaultCode::malformed);
    const std::vector<crypto::Certificate> many(11, stranger().root());
    const std::string long_list = trust_list_text("01/01/2026 00:00:00", "01/01/2027 00:00:00", many);
    expect_refused(judge("CTL", customer().sign(long_list)), "", FaultCode::too_large);
}

TEST_F(Acceptance, ADeviceCertificateIsOpenedByItsPassword) {
    hold_root();
    const std::string p12 = customer().device_p12("phone", "secret-1");
    expect_asked(judge("DEV_CERT", p12), Question::Kind::password);
    expect_refused(judge("DEV_CERT", p12, no()), "was not given", FaultCode::unauthenticated);
    expect_refused(judge("DEV_CERT", p12, password("secret-2")), "password", FaultCode::unauthenticated);
    const auto verdict = judge("DEV_CERT", p12, password("secret-1"));
    expect_accepted(verdict, "CN=phone");
    const auto& accepted = std::get<AcceptedFile>(verdict);
    ASSERT_TRUE(accepted.identity().has_value());
    EXPECT_TRUE(accepted.identity()->key.matches(accepted.identity()->leaf));
    EXPECT_THAT(accepted.stored(), StartsWith("-----BEGIN PRIVATE KEY-----"));
    expect_refused(judge("DEV_CERT", "no pkcs12", password("secret-1")), "", FaultCode::malformed);
}

TEST_F(Acceptance, ADeviceCertificateKeepsThePolicy) {
    hold_root();
    const auto judge_p12 = [&](const std::string& bytes) { return judge("DEV_CERT", bytes, password("secret-1")); };
    expect_refused(judge_p12(customer().device_p12("ec phone", "secret-1", crypto::KeyType::p256)), "KEY_ALG_RSA");
    expect_refused(judge_p12(stranger().device_p12("foreign phone", "secret-1")), "the device certificate");
    behaviour_ = Behaviour();
    ASSERT_TRUE(behaviour_.set("certificate-issuer=any").has_value());
    expect_accepted(judge_p12(stranger().device_p12("foreign phone", "secret-1")));
    hold(policy_section, "KEY_SIZE 4096\n");
    expect_refused(judge_p12(customer().device_p12("phone", "secret-1")), "KEY_SIZE is 4096");
    now_ = test_time + std::chrono::hours(24 * 301);
    hold(policy_section, "KEY_SIZE 1024\n");
    expect_refused(judge_p12(customer().device_p12("phone", "secret-1")), "ended on", FaultCode::expired);
}

TEST_F(Acceptance, TheVendorsFilesAreJudgedWhereAVendorIsKnown) {
    for (const char* section : {"FW", "LANGUAGE", "LICENSING"})
        expect_accepted(judge(section, "bytes"), "taken unjudged");
    trust_ = TrustStore({vendor().root()});
    hold_root();
    expect_refused(judge("LANGUAGE", "bytes"), "authentication failed");
    expect_refused(judge("LANGUAGE", customer().sign("bytes")), "authentication failed");
    expect_accepted(judge("LANGUAGE", vendor().sign("bytes")), "Vendor");
    expect_accepted(judge("TONES", "bytes"), "taken as it came");
}

TEST_F(Acceptance, FirmwareIsASignedImageForThisModel) {
    trust_ = TrustStore({vendor().root()});
    const auto image = [](const std::string& load) { return vendor().sign(format_firmware_image({load, "payload"})); };
    version_ = "SIP12x004.04.09.00";
    const auto verdict = judge("FW", image("SIP12x004.04.09.00"));
    expect_accepted(verdict);
    EXPECT_TRUE(std::get<AcceptedFile>(verdict).is_runnable());
    expect_refused(judge("FW", image("SIP1140e04.04.09.00")), "not for model 1230");
    expect_refused(judge("FW", image("SIP12x004.03.00.00")), "the manifest announces SIP12x004.04.09.00");
    version_ = "04030000";
    expect_accepted(judge("FW", image("SIP12x004.03.00.00")));
    expect_refused(judge("FW", vendor().sign("payload")), "no firmware image", FaultCode::malformed);
    expect_refused(judge("FW", format_firmware_image({"SIP12x004.04.09.00", "payload"})), "authentication failed");
    // FORCED is the way down, so an earlier signature is fine here.
    latest_signature_ = test_time + std::chrono::hours(1);
    expect_accepted(judge("FW", image("SIP12x004.03.00.00")));
}

TEST_F(Acceptance, ConfigurationIsSignedWhereThePolicySaysSo) {
    const std::string file = "VMAIL 101\n";
    hold(policy_section, "SECURITY_POLICY_PARAM_CHANGE YES\n");
    expect_accepted(judge("DEVICE_CONFIG", file), "taken as it came");
    hold_root();
    for (const char* section : {"DEVICE_CONFIG", "USER_CONFIG", ""}) {
        expect_refused(judge(section, file), "SECURITY_POLICY_PARAM_CHANGE");
        const auto verdict = judge(section, customer().sign(file));
        expect_accepted(verdict, "Customer");
        EXPECT_EQ(std::get<AcceptedFile>(verdict).content(), file);
        expect_refused(judge(section, stranger().sign(file)), "the signer");
    }
    hold(policy_section, "SECURITY_POLICY_PARAM_CHANGE NO\n");
    expect_accepted(judge("DEVICE_CONFIG", file));
    expect_refused(judge("DEVICE_CONFIG", stranger().sign(file)), "the signer");
}

}  // namespace
}  // namespace ringfence::phone

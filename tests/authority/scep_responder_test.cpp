// The phone's side of SCEP asks a desk with a real registry, real keys and a real signer.
#include "authority/scep_responder.h"

#include <gtest/gtest.h>

#include <set>

#include "base/text.h"
#include "tests/authority/little_house.h"
#include "tests/crypto/foreign_scep.h"

namespace ringfence::authority {
namespace {

using crypto::Certificate;
using crypto::CertificationRequest;
using crypto::KeyType;
using crypto::PrivateKey;
using crypto::ScepAlgorithms;
using crypto::ScepCipher;
using crypto::ScepDigest;
using crypto::ScepFailure;
using crypto::ScepMessageType;
using crypto::ScepReply;
using crypto::ScepStatus;
using registry::EnrolmentProfile;
using registry::EventKind;
using test::key;
using test::LittleHouse;
using test::LittleOffice;

constexpr ScepAlgorithms modern{ScepCipher::aes128, ScepDigest::sha256};
constexpr std::string_view reply_type = "application/x-pki-message";

PrivateKey phone_key() { return key("scep phone", KeyType::rsa2048); }

// What a phone asks with: its request, and the certificate that signs the message.
struct Asking {
    CertificationRequest request;
    crypto::Signer signer;
};

class ScepResponderTest : public testing::Test {
protected:
    static ScepParts parts(EnrolmentProfile profile) {
        const auto& authority = LittleHouse::authority();
        const auto issuer = profile == EnrolmentProfile::legacy ? Issuer::legacy : Issuer::rsa;
        return {authority.registration(profile),
                authority.issuing(issuer),
                authority.root(),
                {authority.issuing(issuer)},
                profile};
    }

    // A first request, as the phone makes it: self-signed, under its default name.
    static Asking first_request(const std::string& challenge, const PrivateKey& subject = phone_key()) {
        const auto request = CertificationRequest::make({"NTIPP0102AB", "", {}, {}}, Secret(challenge), subject);
        return {*request,
                {*crypto::make_scep_signer(*request, subject, test::test_now, LittleHouse::random()), subject}};
    }
    Asking first_request(const TokenText& token) {
        return first_request(std::string(format_token_text(token).reveal()));
    }

    static crypto::ScepAttributes attributes(ScepMessageType type) {
        crypto::ScepAttributes made;
        made.type = type;
        made.transaction_id = "id/+=1";
        made.sender_nonce = std::string(crypto::scep_nonce_size, 'n');
        return made;
    }

    std::string message(const Asking& asking, ScepMessageType type = ScepMessageType::pkcs_request,
                        ScepAlgorithms algorithms = modern) {
        const std::string content = type == ScepMessageType::certificate_poll
                                        ? *crypto::format_issuer_and_subject(door.issuing, asking.request)
                                        : asking.request.to_der();
        return *crypto::format_scep_request({attributes(type), content}, asking.signer, door.registration.certificate,
                                            algorithms);
    }

    // A message whose envelope the openssl command made.
    std::string foreign_message(const Asking& asking, const std::string& options) {
        const auto envelope = test::openssl_envelope(asking.request.to_der(), options, door.registration.certificate,
                                                     asking.signer.certificate);
        return test::sign_scep_envelope(envelope, attributes(ScepMessageType::pkcs_request), asking.signer);
    }

    static Query query(const std::string& operation, const std::string& message) {
        Query made;
        made.operation = operation;
        made.message = message;
        made.is_post = true;
        made.source = "192.0.2.7";
        return made;
    }

    Reply post(const std::string& message) { return responder.answer(query("PKIOperation", message)); }

    ScepReply open(const Reply& reply, const Asking& asking) {
        EXPECT_EQ(reply.status, 200U) << reply.body;
        EXPECT_EQ(reply.content_type, reply_type);
        const auto asked = attributes(ScepMessageType::pkcs_request);
        auto opened = crypto::open_scep_reply(
            reply.body, {asked.transaction_id, asked.sender_nonce, {door.registration.certificate}, asking.signer, {}});
        EXPECT_TRUE(opened.has_value()) << opened.error().message;
        return opened ? *opened : ScepReply{};
    }

    Certificate expect_granted(const Reply& reply, const Asking& asking) {
        const auto opened = open(reply, asking);
        EXPECT_EQ(opened.status, ScepStatus::success);
        EXPECT_EQ(opened.certificates.size(), 1U);
        return opened.certificates.empty() ? door.issuing : opened.certificates.front();
    }

    void expect_refused(const Reply& reply, const Asking& asking, ScepFailure failure) {
        const auto opened = open(reply, asking);
        EXPECT_EQ(opened.status, ScepStatus::failure);
        EXPECT_EQ(opened.failure, failure);
        EXPECT_TRUE(opened.certificates.empty());
    }

    // All of them are refused for this, and look alike.
    void expect_alike(const std::vector<std::string>& messages, const Asking& asking, ScepFailure failure) {
        std::set<std::size_t> sizes;
        for (const auto& one : messages) {
            const auto reply = post(one);
            expect_refused(reply, asking, failure);
            EXPECT_TRUE(open(reply, asking).failure_text.empty());
            sizes.insert(reply.body.size());
        }
        EXPECT_EQ(sizes.size(), 1U);
    }

    // Messages around envelopes that are addressed rightly, in which one byte is another: of the encrypted key, which
    // then is nobody's, or of what is encrypted, so that now and then something opens.
    std::vector<std::string> damaged(const std::string& content, const Asking& asking, ScepMessageType type,
                                     const std::string& cipher) {
        const auto& ra = door.registration.certificate;
        const auto envelope = test::openssl_envelope(content, cipher + " ra", ra, ra);
        const std::string head_of_256_bytes("\x04\x82\x01\x00", 4);
        const auto key_begin = envelope.find(head_of_256_bytes) + head_of_256_bytes.size();
        EXPECT_LT(key_begin, envelope.size());
        std::vector<std::string> out;
        for (std::size_t step = 0; step < 20; ++step)
            for (const auto at : {key_begin + step, envelope.size() - 1 - step}) {
                std::string other = envelope;
                other[at] = static_cast<char>(other[at] ^ 1);
                out.push_back(test::sign_scep_envelope(other, attributes(type), asking.signer));
            }
        return out;
    }

    // Polls around envelopes of every kind: right ones, damaged ones, none.
    std::vector<std::string> polls(const Asking& asking) {
        constexpr auto type = ScepMessageType::certificate_poll;
        const auto content = *crypto::format_issuer_and_subject(door.issuing, asking.request);
        auto out = damaged(content, asking, type, "-aes128");
        for (const auto& other : {std::string("garbage"), std::string(), asking.request.to_der()})
            out.push_back(*crypto::format_scep_request({attributes(type), other}, asking.signer,
                                                       door.registration.certificate, modern));
        out.push_back(*crypto::format_scep_request({attributes(type), content}, asking.signer, door.issuing, modern));
        out.push_back(test::sign_scep_envelope("no envelope", attributes(type), asking.signer));
        out.push_back(message(asking, type));
        return out;
    }

    Certificate enrol(const Asking& asking) { return expect_granted(post(message(asking)), asking); }

    LittleHouse house;
    LittleOffice office{house};
    ScepParts door = parts(EnrolmentProfile::modern);
    ScepParts legacy_door = parts(EnrolmentProfile::legacy);
    ScepResponder responder{door, office.desk(), house.random()};
    ScepResponder legacy_responder{legacy_door, office.desk(), house.random()};
};

TEST_F(ScepResponderTest, SaysWhatItTakes) {
    const auto reply = responder.answer(query("GetCACaps", {}));
    EXPECT_EQ(reply.content_type, "text/plain");
    const auto capabilities = crypto::parse_scep_capabilities(reply.body);
    EXPECT_TRUE(capabilities.aes && capabilities.sha256 && capabilities.sha512 && capabilities.post &&
                capabilities.renewal);
    for (const char* old : {"DES", "SHA-1\n", "MD5"}) EXPECT_EQ(reply.body.find(old), std::string::npos) << old;
    const auto legacy = legacy_responder.answer(query("GetCACaps", {}));
    for (const char* old : {"DES3\n", "SHA-1\n"}) EXPECT_NE(legacy.body.find(old), std::string::npos) << old;
}

TEST_F(ScepResponderTest, ShowsItsAuthorities) {
    const auto reply = responder.answer(query("GetCACert", {}));
    EXPECT_EQ(reply.content_type, "application/x-x509-ca-ra-cert");
    const auto authority = crypto::parse_scep_authority(reply.body);
    ASSERT_TRUE(authority.has_value()) << authority.error().message;
    EXPECT_EQ(authority->ca, door.issuing);
    EXPECT_EQ(authority->encryption, door.registration.certificate) << "never the CA";
    EXPECT_NE(authority->encryption, authority->ca);
}

TEST_F(ScepResponderTest, AChallengeBringsTheCertificateOfTheInventory) {
    const auto asking = first_request(house.add_token(LittleHouse::phone, {.kind = registry::TokenKind::challenge}));
    const auto certificate = enrol(asking);
    EXPECT_EQ(certificate.common_name(), "00247F0102AB");
    EXPECT_EQ(certificate.dns_names(), std::vector<std::string>{"phone1.example.net"});
    EXPECT_TRUE(crypto::check_issued_by(certificate, door.issuing).has_value());
    EXPECT_EQ(enrol(asking), certificate) << "an answer that was lost";
}

TEST_F(ScepResponderTest, TheDefaultSubjectIdentifiesNobody) {
    const auto certificate = enrol(first_request(house.add_token(LittleHouse::other_phone)));
    EXPECT_EQ(certificate.common_name(), "00247F0102AC") << "though the request says NTIPP0102AB";
}

TEST_F(ScepResponderTest, TakesAGetWithFoldedBase64AndBlanks) {
    const auto asking = first_request(house.add_token(LittleHouse::phone));
    const std::string line = to_base64(message(asking));
    ASSERT_NE(line.find('+'), std::string::npos) << "some '+' becomes a blank on its way";
    std::string folded;
    for (std::size_t at = 0; at < line.size(); at += 64) folded += line.substr(at, 64) + "\n";
    auto asked = query("PKIOperation", {});
    asked.is_post = false;
    for (const auto& form : {line, folded, replace_all(line, "+", " "), replace_all(folded, "+", " ")}) {
        asked.message = form;
        expect_granted(responder.answer(asked), asking);
    }
}

TEST_F(ScepResponderTest, WhatIsNoMessageIsOneAndTheSame) {
    const auto asking = first_request(house.add_token(LittleHouse::phone));
    const std::string good = message(asking);
    std::string forged = good;
    forged.back() = static_cast<char>(forged.back() ^ 1);
    auto cut_get = query("PKIOperation", "MII");
    cut_get.is_post = false;
    const auto reply_of_ours = responder.answer(query("PKIOperation", message(first_request("x"))));
    const std::vector<Query> all{query("PKIOperation", {}),
                                 query("PKIOperation", "junk"),
                                 query("PKIOperation", good.substr(0, good.size() / 2)),
                                 query("PKIOperation", good + "x"),
                                 query("PKIOperation", forged),
                                 query("PKIOperation", to_base64(good)),
                                 query("PKIOperation", door.issuing.to_der()),
                                 query("PKIOperation", reply_of_ours.body),
                                 query("PKIOperation", std::string(crypto::max_scep_message + 1, '0')),
                                 query("GetNextCACert", {}),
                                 query({}, good),
                                 cut_get};
    for (const auto& one : all) {
        const auto reply = responder.answer(one);
        EXPECT_EQ(reply.status, 400U) << one.operation;
        EXPECT_EQ(reply.body, "This is no SCEP message.\n");
        EXPECT_EQ(reply.content_type, "text/plain");
    }
    EXPECT_EQ(office.signer().asked, 0U);
}

TEST_F(ScepResponderTest, EveryFaultInsideTheEnvelopeLooksTheSame) {
    const auto asking = first_request(house.add_token(LittleHouse::phone));
    const auto with = [&](const std::string& content, const Certificate& recipient) {
        return *crypto::format_scep_request({attributes(ScepMessageType::pkcs_request), content}, asking.signer,
                                            recipient, modern);
    };
    const auto& ra = door.registration.certificate;
    const auto csr = asking.request.to_der();
    std::string forged = csr;
    forged[forged.find("NTIPP")] = 'M';
    const auto other_ra = LittleHouse::authority().registration(EnrolmentProfile::legacy).certificate;
    const auto other_key = first_request(std::string(format_token_text(house.add_token(LittleHouse::phone)).reveal()),
                                         key("scep other", KeyType::rsa2048));
    std::vector<std::string> all{
        with("nonsense", ra),
        with({}, ra),
        with(csr.substr(0, csr.size() - 1), ra),
        with(csr + "x", ra),
        with(forged, ra),
        with(csr, other_ra),
        with(csr, door.issuing),
        with(other_key.request.to_der(), ra),  // signed with another key than the request's
        foreign_message(asking, "-aes128 ra other"),
        foreign_message(asking, "-aes128 other ra"),
        foreign_message(asking, "-aes128 -recip ra -keyopt rsa_padding_mode:oaep"),
        foreign_message(asking, "-aes128 -pwri_password x"),
        test::sign_scep_envelope("no envelope", attributes(ScepMessageType::pkcs_request), asking.signer),
    };
    for (auto& one : damaged(csr, asking, ScepMessageType::pkcs_request, "-aes128")) all.push_back(std::move(one));
    expect_alike(all, asking, ScepFailure::bad_message_check);
    EXPECT_EQ(office.signer().asked, 0U);
    enrol(asking);
}

// Or whoever polls around an envelope that others made has the RA's key tell him whether it opens.
TEST_F(ScepResponderTest, APollIsAnsweredAlikeWhateverItsEnvelopeHolds) {
    const auto asking = first_request(house.add_token(LittleHouse::phone, {.needs_approval = true}));
    expect_alike(polls(asking), asking, ScepFailure::bad_certificate_id);
    ASSERT_EQ(open(post(message(asking)), asking).status, ScepStatus::pending);
    for (const auto& one : polls(asking)) EXPECT_EQ(open(post(one), asking).status, ScepStatus::pending);
}

TEST_F(ScepResponderTest, AnOldCipherIsBadAlgWhetherOrNotItOpens) {
    const auto asking = first_request(house.add_token(LittleHouse::phone));
    for (const auto type : {ScepMessageType::pkcs_request, ScepMessageType::certificate_poll}) {
        auto all = damaged(asking.request.to_der(), asking, type, "-des3");
        all.push_back(message(asking, type, {ScepCipher::triple_des, ScepDigest::sha256}));
        expect_alike(all, asking, ScepFailure::bad_algorithm);
    }
}

TEST_F(ScepResponderTest, WithoutARightChallengeThereIsNothing) {
    for (const auto& challenge : {std::string(), std::string("guess"), std::string(64, '9')}) {
        const auto asking = first_request(challenge);
        expect_refused(post(message(asking)), asking, ScepFailure::bad_request);
    }
    EXPECT_EQ(office.signer().asked, 0U);
    EXPECT_TRUE(house.certificates_of(LittleHouse::phone).empty());
}

TEST_F(ScepResponderTest, WhoeverWaitsPolls) {
    const auto token = house.add_token(LittleHouse::phone, {.needs_approval = true});
    const auto asking = first_request(token);
    EXPECT_EQ(open(post(message(asking)), asking).status, ScepStatus::pending);
    const auto poll = message(asking, ScepMessageType::certificate_poll);
    EXPECT_EQ(open(post(poll), asking).status, ScepStatus::pending);
    std::int64_t id = 0;
    ASSERT_TRUE(house.registry().list_enrolments([&](const registry::Enrolment& enrolment) {
        id = enrolment.id;
        return false;
    }));
    ASSERT_TRUE(house.registry().decide_enrolment(id, registry::EnrolmentState::approved).has_value());
    const auto stranger = first_request(std::string(), key("scep other", KeyType::rsa2048));
    expect_refused(post(message(stranger, ScepMessageType::certificate_poll)), stranger,
                   ScepFailure::bad_certificate_id);
    EXPECT_EQ(expect_granted(post(poll), asking).common_name(), "00247F0102AB");
}

TEST_F(ScepResponderTest, ACertificateOfOursRenewsWhateverTheTypeSays) {
    const auto first = enrol(first_request(house.add_token(LittleHouse::phone)));
    int number = 0;
    for (const auto type : {ScepMessageType::pkcs_request, ScepMessageType::renewal_request}) {
        const auto next = key("scep renewal " + std::to_string(++number), KeyType::rsa2048);
        const Asking asking{*CertificationRequest::renew(first, Secret(), next), {first, phone_key()}};
        const auto renewed = expect_granted(post(message(asking, type)), asking);
        EXPECT_TRUE(next.matches(renewed));
        EXPECT_EQ(renewed.common_name(), "00247F0102AB");
    }
    EXPECT_EQ(house.events().count(EventKind::enrolment, "renewed"), 2U);
}

TEST_F(ScepResponderTest, ARenewalIsTheSignersDeviceWhateverItAsksFor) {
    const auto first = enrol(first_request(house.add_token(LittleHouse::phone)));
    const auto wish = CertificationRequest::make({"00247F0102AC", "", {"boss.example.net"}, {}}, Secret(),
                                                 key("scep other", KeyType::rsa2048));
    const Asking asking{*wish, {first, phone_key()}};
    const auto renewed = expect_granted(post(message(asking, ScepMessageType::renewal_request)), asking);
    EXPECT_EQ(renewed.common_name(), "00247F0102AB");
    EXPECT_EQ(renewed.dns_names(), std::vector<std::string>{"phone1.example.net"});
}

TEST_F(ScepResponderTest, ARevokedOrForeignCertificateRenewsNothing) {
    const auto first = enrol(first_request(house.add_token(LittleHouse::phone)));
    ASSERT_TRUE(
        house.registry().revoke_certificate_at(first.fingerprint_sha256(), registry::RevocationReason::key_compromise));
    const auto next = key("scep renewal 1", KeyType::rsa2048);
    const Asking revoked{*CertificationRequest::renew(first, Secret(), next), {first, phone_key()}};
    expect_refused(post(message(revoked, ScepMessageType::renewal_request)), revoked, ScepFailure::bad_request);

    test::LittleCa namesake("issuing-rsa", KeyType::rsa2048);
    auto wanted = test::request(crypto::CertificateRole::device, "00247F0102AB");
    const Asking foreign{*CertificationRequest::make({"00247F0102AB", "", {}, {}}, Secret(), phone_key()),
                         {namesake.issue(wanted, phone_key()), phone_key()}};
    expect_refused(post(message(foreign, ScepMessageType::renewal_request)), foreign, ScepFailure::bad_request);
    EXPECT_EQ(house.certificates_of(LittleHouse::phone).size(), 1U);
}

TEST_F(ScepResponderTest, AChallengeStandsInForACertificateThatRenewsNothingAnyMore) {
    const auto first = enrol(first_request(house.add_token(LittleHouse::phone)));
    ASSERT_TRUE(
        house.registry().revoke_certificate_at(first.fingerprint_sha256(), registry::RevocationReason::key_compromise));
    const auto next = key("scep renewal 1", KeyType::rsa2048);
    const auto renewal = [&](const Secret& challenge) {
        return Asking{*CertificationRequest::renew(first, challenge, next), {first, phone_key()}};
    };
    auto wrong = house.add_token(LittleHouse::phone, {.kind = registry::TokenKind::challenge, .replaces = true});
    const auto right = renewal(format_token_text(wrong));
    wrong.secret = Secret(wrong.secret == Secret("00000000") ? "11111111" : "00000000");
    const auto guess = renewal(format_token_text(wrong));
    expect_refused(post(message(guess, ScepMessageType::renewal_request)), guess, ScepFailure::bad_request);
    EXPECT_EQ(house.events().count(EventKind::alarm, "token-guessed"), 1U) << "it counts as any guess does";

    const auto certificate = expect_granted(post(message(right, ScepMessageType::renewal_request)), right);
    EXPECT_TRUE(next.matches(certificate));
    EXPECT_EQ(certificate.common_name(), "00247F0102AB");
    EXPECT_EQ(expect_granted(post(message(right, ScepMessageType::renewal_request)), right), certificate);
    EXPECT_EQ(house.events().count(EventKind::enrolment, "issued"), 2U);
    EXPECT_EQ(house.events().count(EventKind::enrolment, "renewed"), 0U);
}

TEST_F(ScepResponderTest, AChallengeIsLeftAloneWhileTheCertificateRenews) {
    const auto first = enrol(first_request(house.add_token(LittleHouse::phone)));
    const auto token = house.add_token(LittleHouse::phone, {.replaces = true});
    const auto next = key("scep renewal 1", KeyType::rsa2048);
    const Asking asking{*CertificationRequest::renew(first, format_token_text(token), next), {first, phone_key()}};
    expect_granted(post(message(asking, ScepMessageType::renewal_request)), asking);
    EXPECT_EQ(house.events().count(EventKind::enrolment, "renewed"), 1U);
    EXPECT_FALSE((*house.registry().find_token(token.reference))->is_spent);
}

TEST_F(ScepResponderTest, ServicesOfOursRenewNothingEither) {
    const auto ra = door.registration;
    const Asking asking{*CertificationRequest::make({"00247F0102AB", "", {}, {}}, Secret(), phone_key()), ra};
    expect_refused(post(message(asking, ScepMessageType::renewal_request)), asking, ScepFailure::bad_request);
    EXPECT_EQ(office.signer().asked, 0U);
}

TEST_F(ScepResponderTest, OldAlgorithmsAreForTheLegacyDoor) {
    const auto asking = first_request(house.add_token(LittleHouse::phone));
    for (const ScepAlgorithms old : {ScepAlgorithms{ScepCipher::triple_des, ScepDigest::sha256},
                                     ScepAlgorithms{ScepCipher::aes128, ScepDigest::sha1},
                                     ScepAlgorithms{ScepCipher::triple_des, ScepDigest::sha1}})
        expect_refused(post(message(asking, ScepMessageType::pkcs_request, old)), asking, ScepFailure::bad_algorithm);
    EXPECT_EQ(office.signer().asked, 0U);

    door = legacy_door;  // what the phone speaks to from here on
    const auto old_phone = first_request(house.add_token(LittleHouse::phone, {.profile = EnrolmentProfile::legacy}));
    const auto bytes = message(old_phone, ScepMessageType::pkcs_request, {ScepCipher::triple_des, ScepDigest::sha1});
    const auto reply = legacy_responder.answer(query("PKIOperation", bytes));
    const auto certificate = expect_granted(reply, old_phone);
    EXPECT_TRUE(crypto::check_issued_by(certificate, legacy_door.issuing).has_value());
    const auto answered = crypto::parse_scep_message(reply.body);
    EXPECT_EQ(answered->digest, ScepDigest::sha1) << "answered as it was asked";
}

TEST_F(ScepResponderTest, SingleDesIsBadAlgAtBothDoors) {
    const std::string des = "-provider legacy -provider default -des ra";
    const auto asking = first_request(house.add_token(LittleHouse::phone));
    expect_refused(post(foreign_message(asking, des)), asking, ScepFailure::bad_algorithm);
    door = legacy_door;
    const auto reply = legacy_responder.answer(query("PKIOperation", foreign_message(asking, des)));
    expect_refused(reply, asking, ScepFailure::bad_algorithm);
    EXPECT_EQ(office.signer().asked, 0U);
}

TEST_F(ScepResponderTest, ATokenOfOneDoorIsNoneAtTheOther) {
    const auto legacy = first_request(house.add_token(LittleHouse::phone, {.profile = EnrolmentProfile::legacy}));
    expect_refused(post(message(legacy)), legacy, ScepFailure::bad_request);
    const auto present = enrol(first_request(house.add_token(LittleHouse::phone)));
    door = legacy_door;
    const Asking renewal{*CertificationRequest::renew(present, Secret(), phone_key()), {present, phone_key()}};
    const auto reply =
        legacy_responder.answer(query("PKIOperation", message(renewal, ScepMessageType::renewal_request)));
    expect_refused(reply, renewal, ScepFailure::bad_request);
}

TEST_F(ScepResponderTest, WhatMayPassIsToBeTriedAgain) {
    const auto asking = first_request(house.add_token(LittleHouse::phone));
    office.signer().failures = 1;
    const auto reply = post(message(asking));
    EXPECT_EQ(reply.status, 503U);
    EXPECT_GT(reply.retry_after.value(), Duration::zero());
    enrol(asking);
}

}  // namespace
}  // namespace ringfence::authority

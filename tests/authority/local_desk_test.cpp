#include "authority/local_desk.h"

#include <gtest/gtest.h>

#include <set>

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/verify.h"
#include "tests/authority/little_house.h"

namespace ringfence::authority {
namespace {

using crypto::PrivateKey;
using registry::DeviceState;
using registry::EnrolmentProfile;
using registry::EnrolmentState;
using registry::EventKind;
using registry::RevocationReason;
using registry::TokenKind;
using test::FailingSigner;
using test::key;
using test::LittleHouse;
using test::LittleOffice;

const MacAddress phone = LittleHouse::phone;
const MacAddress other_phone = LittleHouse::other_phone;

constexpr Duration day = std::chrono::hours(24);

ShownSecret shown(const TokenText& token) { return {format_token_text(token)}; }

class LocalDeskTest : public testing::Test {
protected:
    static Application application(Credential credential, const PrivateKey& subject = key("desk phone")) {
        Application made;
        made.protocol = EnrolmentProtocol::scep;
        made.credential = std::move(credential);
        made.public_key = test::public_key_of(subject);
        made.transaction = "transaction";
        made.source = "192.0.2.7";
        made.wish = "CN=NTIPP999999";
        return made;
    }

    static ProvedCertificate holder_of(const Issued& issued) { return {issued.certificate.fingerprint_sha256()}; }

    Issued expect_issued(const Result<Decision>& decision) {
        if (decision && std::holds_alternative<Issued>(*decision)) return std::get<Issued>(*decision);
        ADD_FAILURE() << (decision ? std::string("it waits") : decision.error().message);
        const auto& root = house.authority().root();
        return {root, {}};
    }

    Issued enrol(const TokenText& token, const PrivateKey& subject = key("desk phone")) {
        return expect_issued(desk.apply(application(shown(token), subject)));
    }

    Issued renew(const Issued& present, const PrivateKey& subject) {
        return expect_issued(desk.apply(application(holder_of(present), subject)));
    }

    FaultCode refusal(const Application& wanted) {
        const auto decision = desk.apply(wanted);
        EXPECT_FALSE(decision.has_value());
        return decision ? FaultCode::internal : decision.error().code;
    }

    FaultCode refusal(Credential credential, const PrivateKey& subject = key("desk phone")) {
        return refusal(application(std::move(credential), subject));
    }

    DeviceState state_of(const MacAddress& device) { return registry.find_device(device).value()->state; }

    LittleHouse house;
    LittleOffice office{house};
    registry::Registry& registry = house.registry();
    ManualClock& clock = house.clock();
    LocalDesk& desk = office.desk();
    FailingSigner& signer = office.signer();
};

// --- a token --------------------------------------------------------------------------------------------------------

TEST_F(LocalDeskTest, ATokenBringsWhatTheInventorySaysAndNothingOfTheWish) {
    const auto issued = enrol(house.add_token(phone));
    const auto& certificate = issued.certificate;
    EXPECT_EQ(certificate.common_name(), "00247F0102AB");
    EXPECT_NE(certificate.subject().find("SN-1"), std::string::npos) << certificate.subject();
    EXPECT_EQ(certificate.subject().find("NTIPP"), std::string::npos) << certificate.subject();
    EXPECT_EQ(certificate.dns_names(), std::vector<std::string>{"phone1.example.net"});
    EXPECT_EQ(certificate.public_key_der(), test::public_key_of(key("desk phone")));
    ASSERT_EQ(issued.chain.size(), 2U);
    EXPECT_EQ(issued.chain.front(), house.authority().issuing(Issuer::p256));
    EXPECT_EQ(issued.chain.back(), house.authority().root());
    crypto::VerifyPolicy policy;
    policy.purpose = crypto::Purpose::client;
    policy.time.at = clock.wall_now();
    const auto judged = crypto::verify_chain(certificate, issued.chain, {house.authority().root()}, policy);
    EXPECT_TRUE(judged.has_value()) << judged.error().message;
}

TEST_F(LocalDeskTest, WhatWasIssuedIsOnRecord) {
    const auto issued = enrol(house.add_token(phone));
    const auto record = house.record_of(issued.certificate);
    EXPECT_EQ(record.device, phone);
    EXPECT_EQ(record.purpose, registry::CertificatePurpose::device);
    EXPECT_FALSE(record.legacy_lane);
    EXPECT_EQ(registry.get_certificate_der(record.fingerprint).value(), issued.certificate.to_der());
    EXPECT_EQ(state_of(phone), DeviceState::enrolled);
    EXPECT_EQ(house.events().count(EventKind::enrolment, "issued"), 1U);
    const auto& event = house.events().all.back();
    EXPECT_EQ(event.device, phone);
    EXPECT_EQ(event.source, "192.0.2.7");
    EXPECT_NE(event.detail.find(issued.certificate.serial()), std::string::npos) << event.detail;
    const auto enrolment =
        registry.find_enrolment("scep", "transaction", to_hex(crypto::sha256(issued.certificate.public_key_der())));
    ASSERT_TRUE(enrolment.has_value() && enrolment->has_value());
    EXPECT_EQ((*enrolment)->state, EnrolmentState::issued);
    EXPECT_EQ((*enrolment)->certificate, record.fingerprint);
}

TEST_F(LocalDeskTest, TheKeyDecidesWhichCaIssues) {
    const auto issued = enrol(house.add_token(phone), key("desk rsa", crypto::KeyType::rsa2048));
    EXPECT_EQ(issued.chain.front(), house.authority().issuing(Issuer::rsa));
    auto wanted = application(shown(house.add_token(other_phone, {.profile = EnrolmentProfile::legacy})),
                              key("desk rsa", crypto::KeyType::rsa2048));
    wanted.profile = EnrolmentProfile::legacy;
    const auto legacy = expect_issued(desk.apply(wanted));
    EXPECT_EQ(legacy.chain.front(), house.authority().issuing(Issuer::legacy));
    EXPECT_TRUE(house.record_of(legacy.certificate).legacy_lane);
}

TEST_F(LocalDeskTest, ATokenThatWasProvedServesAsOneThatWasShown) {
    const auto token = house.add_token(phone);
    const auto issued = expect_issued(desk.apply(application(ProvedToken{token.reference})));
    EXPECT_EQ(issued.certificate.common_name(), "00247F0102AB");
}

TEST_F(LocalDeskTest, WhateverIsWrongWithATokenIsOneAndTheSame) {
    auto wrong = house.add_token(phone);
    wrong.secret = make_token(house.random()).secret;
    const auto expired = house.add_token(phone, {.life = std::chrono::minutes(1)});
    const auto legacy = house.add_token(phone, {.profile = EnrolmentProfile::legacy});
    const auto withdrawn = house.add_token(phone);
    ASSERT_TRUE(registry.withdraw_token(withdrawn.reference).has_value());
    const auto stranger = make_token(house.random());
    clock.advance(std::chrono::minutes(1));

    const std::vector<Credential> all{ShownSecret{Secret("no token at all")},
                                      ShownSecret{Secret("")},
                                      shown(stranger),
                                      shown(wrong),
                                      shown(expired),
                                      shown(legacy),
                                      shown(withdrawn),
                                      ProvedToken{stranger.reference},
                                      ProvedToken{expired.reference},
                                      ProvedToken{legacy.reference},
                                      ProvedToken{""}};
    for (const auto& credential : all) EXPECT_EQ(refusal(credential), FaultCode::unauthenticated);
    EXPECT_EQ(signer.asked, 0U);
    EXPECT_EQ(state_of(phone), DeviceState::expected);
    EXPECT_EQ(house.events().count(EventKind::enrolment, "refused"), all.size());
    for (const auto& event : house.events().all)
        for (const auto& token : {wrong, expired, legacy, withdrawn, stranger})
            EXPECT_EQ(event.detail.find(token.secret.reveal()), std::string::npos) << event.detail;
}

TEST_F(LocalDeskTest, OneDevicesTokenNeverBringsAnothersCertificate) {
    auto wanted = application(shown(house.add_token(other_phone)));
    wanted.wish = "CN=00247F0102AB";
    const auto issued = expect_issued(desk.apply(wanted));
    EXPECT_EQ(issued.certificate.common_name(), "00247F0102AC");
    EXPECT_TRUE(issued.certificate.dns_names().empty());
    EXPECT_TRUE(house.certificates_of(phone).empty());
}

TEST_F(LocalDeskTest, AKeyThatNoCaTakesDoesNotSpendTheToken) {
    const auto token = house.add_token(phone);
    auto wanted = application(shown(token));
    for (const auto& bad : {std::string("no key"), std::string(),
                            test::foreign_public_key("-algorithm EC -pkeyopt ec_paramgen_curve:P-384"),
                            test::foreign_public_key("-algorithm RSA -pkeyopt rsa_keygen_bits:1024")}) {
        wanted.public_key = bad;
        EXPECT_EQ(refusal(wanted), FaultCode::forbidden);
    }
    EXPECT_EQ(house.events().count(EventKind::alarm, "second-enrolment"), 0U);
    enrol(token);
}

// --- guessing -------------------------------------------------------------------------------------------------------

TEST_F(LocalDeskTest, AChallengeLocksItselfAtTheFifthWrongTry) {
    const TokenText right = house.add_token(phone, {.kind = TokenKind::challenge});
    const TokenText other = house.add_token(other_phone, {.kind = TokenKind::challenge});
    const auto guess = [&](const TokenText& of) {
        return refusal(shown({of.reference, make_challenge(house.random()).secret}));
    };
    for (unsigned i = 0; i < registry::max_wrong_tries; ++i) EXPECT_EQ(guess(right), FaultCode::unauthenticated);
    EXPECT_EQ(refusal(shown(right)), FaultCode::unauthenticated) << "locked";
    EXPECT_EQ(house.events().count(EventKind::alarm, "token-guessed"), registry::max_wrong_tries);

    for (unsigned i = 0; i + 1 < registry::max_wrong_tries; ++i) guess(other);
    enrol(other);
}

TEST_F(LocalDeskTest, ATokenIsNeverLockedAndItsTriesAreToldOfNowAndThen) {
    const auto token = house.add_token(phone);
    const auto guess = [&] { return refusal(shown({token.reference, make_token(house.random()).secret})); };
    for (int i = 0; i < 20; ++i) EXPECT_EQ(guess(), FaultCode::unauthenticated);
    EXPECT_EQ(house.events().count(EventKind::alarm, "token-guessed"), 1U);
    clock.advance(WrongTries::quiet);
    guess();
    EXPECT_EQ(house.events().count(EventKind::alarm, "token-guessed"), 2U);
    const auto last_alarm = std::find_if(house.events().all.rbegin(), house.events().all.rend(),
                                         [](const registry::Event& event) { return event.kind == EventKind::alarm; });
    EXPECT_NE(last_alarm->detail.find("20 wrong secrets"), std::string::npos) << last_alarm->detail;
    EXPECT_EQ(last_alarm->device, phone);
    enrol(token);
}

// Whoever parses strangers' messages could say of any number that it was proved.
TEST_F(LocalDeskTest, AChallengeCannotBeProvedWithoutShowingItAndLosesNoTryByThat) {
    const TokenText challenge = house.add_token(phone, {.kind = TokenKind::challenge});
    EXPECT_EQ(refusal(ProvedToken{challenge.reference}), FaultCode::unauthenticated);
    for (int i = 0; i < 20; ++i) desk.note_wrong_secret(EnrolmentProtocol::cmp, challenge.reference, "192.0.2.9");
    EXPECT_EQ(house.events().count(EventKind::alarm, "token-guessed"), 1U);
    enrol(challenge);
}

TEST_F(LocalDeskTest, ReferencesThatAreNoneAreCountedTogether) {
    for (int i = 0; i < 20; ++i)
        desk.note_wrong_secret(EnrolmentProtocol::cmp, make_token(house.random()).reference, "192.0.2.9");
    EXPECT_EQ(house.events().count(EventKind::alarm, "token-guessed"), 1U);
    EXPECT_FALSE(house.events().all.back().device.has_value());
    EXPECT_EQ(house.events().all.back().source, "192.0.2.9");
}

TEST_F(LocalDeskTest, TheSecretOfATokenIsGivenAndADecoyForWhateverElse) {
    const auto token = house.add_token(phone);
    const auto expired = house.add_token(phone, {.life = std::chrono::minutes(1)});
    const auto legacy = house.add_token(phone, {.profile = EnrolmentProfile::legacy});
    const auto challenge = house.add_token(phone, {.kind = TokenKind::challenge});
    const auto stranger = make_token(house.random());
    clock.advance(std::chrono::minutes(1));
    EXPECT_EQ(desk.secret_of(token.reference).value(), token.secret);

    LittleOffice same_process(house);
    std::set<std::string> decoys;
    for (const auto& text : {expired, legacy, challenge, stranger}) {
        const Secret decoy = desk.secret_of(text.reference).value();
        EXPECT_NE(decoy, text.secret);
        EXPECT_FALSE(decoy.empty());
        EXPECT_EQ(same_process.desk().secret_of(text.reference).value(), decoy) << "as stable as a real one";
        decoys.insert(std::string(decoy.reveal()));
    }
    EXPECT_EQ(decoys.size(), 4U);
}

// --- once only ------------------------------------------------------------------------------------------------------

TEST_F(LocalDeskTest, TheSameKeyGetsTheSameCertificateAgain) {
    const auto token = house.add_token(phone);
    const auto first = enrol(token);
    auto again = application(shown(token));
    again.transaction = "another one";
    again.protocol = EnrolmentProtocol::est;
    const auto second = expect_issued(desk.apply(again));
    EXPECT_EQ(second.certificate, first.certificate);
    EXPECT_EQ(second.chain, first.chain);
    EXPECT_EQ(house.certificates_of(phone).size(), 1U);
    EXPECT_EQ(house.events().count(EventKind::alarm, "second-enrolment"), 0U);
}

TEST_F(LocalDeskTest, ASpentTokenWithAnotherKeyIsAnAlarm) {
    const auto token = house.add_token(phone);
    enrol(token);
    EXPECT_EQ(refusal(shown(token), key("thief")), FaultCode::unauthenticated);
    EXPECT_EQ(house.events().count(EventKind::alarm, "second-enrolment"), 1U);
    EXPECT_EQ(house.certificates_of(phone).size(), 1U);
}

TEST_F(LocalDeskTest, ASpentTokenHoldsForAnHourMoreForWhoeverLostTheAnswer) {
    const auto token = house.add_token(phone);
    const auto first = enrol(token);
    clock.advance(day + spent_token_grace - std::chrono::seconds(1));
    EXPECT_EQ(enrol(token).certificate, first.certificate);
    EXPECT_EQ(desk.secret_of(token.reference).value(), token.secret);
    clock.advance(std::chrono::seconds(1));
    EXPECT_EQ(refusal(shown(token)), FaultCode::unauthenticated);
    EXPECT_NE(desk.secret_of(token.reference).value(), token.secret);
}

TEST_F(LocalDeskTest, ACertificateThatWasRevokedIsNotHandedOutAgain) {
    const auto token = house.add_token(phone);
    const auto first = enrol(token);
    ASSERT_TRUE(registry.revoke_certificate_at(holder_of(first).fingerprint, RevocationReason::key_compromise));
    EXPECT_EQ(refusal(shown(token)), FaultCode::forbidden);
}

TEST_F(LocalDeskTest, ASecondEnrolmentIsRefusedAndAnAlarm) {
    const auto early = house.add_token(phone);
    const auto first = enrol(house.add_token(phone));
    EXPECT_EQ(refusal(shown(early), key("thief")), FaultCode::conflict);
    EXPECT_EQ(refusal(shown(house.add_token(phone)), key("thief")), FaultCode::conflict);
    EXPECT_EQ(house.events().count(EventKind::alarm, "second-enrolment"), 2U);
    EXPECT_EQ(house.events().all.back().device, phone);
    EXPECT_EQ(house.certificates_of(phone).size(), 1U);
    EXPECT_FALSE(house.record_of(first.certificate).revoked.has_value());

    ASSERT_TRUE(registry.note_state(phone, DeviceState::active).has_value());
    EXPECT_EQ(refusal(shown(early), key("thief")), FaultCode::conflict) << "also once it has shown itself";
}

TEST_F(LocalDeskTest, ATokenThatReplacesRevokesWhatWasBefore) {
    const auto first = enrol(house.add_token(phone));
    const auto renewed = renew(first, key("desk phone, renewed"));
    const auto replaced = enrol(house.add_token(phone, {.replaces = true}), key("desk phone, replaced"));
    for (const auto& old : {first, renewed}) {
        EXPECT_TRUE(house.record_of(old.certificate).revoked.has_value());
        EXPECT_EQ(house.record_of(old.certificate).reason, RevocationReason::superseded);
        EXPECT_EQ(refusal(holder_of(old)), FaultCode::unauthenticated);
    }
    EXPECT_FALSE(house.record_of(replaced.certificate).revoked.has_value());
    EXPECT_EQ(house.events().count(EventKind::alarm, "second-enrolment"), 0U);
}

TEST_F(LocalDeskTest, ARetiredDevicesTokenBringsNothing) {
    const auto token = house.add_token(phone);
    enrol(token);
    ASSERT_TRUE(registry.set_device_state(phone, DeviceState::retired).has_value());
    EXPECT_EQ(refusal(shown(token)), FaultCode::forbidden);
    const auto unused = house.add_token(other_phone);
    ASSERT_TRUE(registry.set_device_state(other_phone, DeviceState::retired).has_value());
    EXPECT_EQ(refusal(shown(unused)), FaultCode::unauthenticated) << "withdrawn with the device";
}

// --- a person decides -----------------------------------------------------------------------------------------------

class ApprovalTest : public LocalDeskTest {
protected:
    ApprovalTest() : token(house.add_token(phone, {.needs_approval = true})) {}

    static Inquiry inquiry() {
        return {EnrolmentProtocol::scep, "transaction", test::public_key_of(key("desk phone"))};
    }

    void decide(EnrolmentState decision) {
        std::int64_t id = 0;
        ASSERT_TRUE(registry.list_enrolments([&](const registry::Enrolment& enrolment) {
            if (enrolment.state == EnrolmentState::waiting) id = enrolment.id;
            return true;
        }));
        ASSERT_TRUE(registry.decide_enrolment(id, decision).has_value());
    }

    static bool waits(const Result<Decision>& decision) {
        return decision && std::holds_alternative<Waiting>(*decision);
    }

    TokenText token;
};

TEST_F(ApprovalTest, WhoeverWaitsGetsItOnceItIsApproved) {
    EXPECT_TRUE(waits(desk.apply(application(shown(token)))));
    EXPECT_TRUE(waits(desk.inquire(inquiry())));
    EXPECT_TRUE(waits(desk.apply(application(shown(token))))) << "asking again begins nothing new";
    EXPECT_EQ(signer.asked, 0U);
    EXPECT_EQ(state_of(phone), DeviceState::expected);
    decide(EnrolmentState::approved);
    const auto issued = expect_issued(desk.inquire(inquiry()));
    EXPECT_EQ(issued.certificate.common_name(), "00247F0102AB");
    EXPECT_EQ(expect_issued(desk.inquire(inquiry())).certificate, issued.certificate);
    EXPECT_EQ(enrol(token).certificate, issued.certificate);
}

TEST_F(ApprovalTest, WhatIsRefusedStaysRefused) {
    EXPECT_TRUE(waits(desk.apply(application(shown(token)))));
    decide(EnrolmentState::refused);
    EXPECT_EQ(desk.inquire(inquiry()).error().code, FaultCode::forbidden);
    EXPECT_EQ(refusal(shown(token)), FaultCode::forbidden);
    EXPECT_EQ(signer.asked, 0U);
}

TEST_F(ApprovalTest, NobodyElseLearnsOfIt) {
    EXPECT_TRUE(waits(desk.apply(application(shown(token)))));
    decide(EnrolmentState::approved);
    auto foreign_transaction = inquiry();
    foreign_transaction.transaction = "another";
    auto foreign_key = inquiry();
    foreign_key.public_key = test::public_key_of(key("thief"));
    auto foreign_protocol = inquiry();
    foreign_protocol.protocol = EnrolmentProtocol::cmp;
    for (const auto& foreign : {foreign_transaction, foreign_key, foreign_protocol})
        EXPECT_EQ(desk.inquire(foreign).error().code, FaultCode::not_found);
    EXPECT_EQ(signer.asked, 0U);
}

TEST_F(ApprovalTest, ApprovalDoesNotReplaceWhatWasEnrolledMeanwhile) {
    EXPECT_TRUE(waits(desk.apply(application(shown(token)))));
    const auto enrolled = enrol(house.add_token(phone), key("desk phone, quicker"));
    decide(EnrolmentState::approved);
    EXPECT_EQ(desk.inquire(inquiry()).error().code, FaultCode::conflict);
    EXPECT_EQ(house.events().count(EventKind::alarm, "second-enrolment"), 1U);
    EXPECT_FALSE(house.record_of(enrolled.certificate).revoked.has_value());
}

TEST_F(ApprovalTest, ApprovalOfATokenThatReplacesDoes) {
    const auto enrolled = enrol(house.add_token(phone), key("desk phone, quicker"));
    token = house.add_token(phone, {.needs_approval = true, .replaces = true});
    EXPECT_TRUE(waits(desk.apply(application(shown(token)))));
    EXPECT_FALSE(house.record_of(enrolled.certificate).revoked.has_value()) << "not before it is approved";
    decide(EnrolmentState::approved);
    expect_issued(desk.inquire(inquiry()));
    EXPECT_TRUE(house.record_of(enrolled.certificate).revoked.has_value());
}

TEST_F(ApprovalTest, ApprovalOfADeviceThatIsRetiredMeanwhileBringsNothing) {
    EXPECT_TRUE(waits(desk.apply(application(shown(token)))));
    decide(EnrolmentState::approved);
    ASSERT_TRUE(registry.set_device_state(phone, DeviceState::retired).has_value());
    EXPECT_EQ(desk.inquire(inquiry()).error().code, FaultCode::forbidden);
    EXPECT_TRUE(house.certificates_of(phone).empty());
}

// --- renewal --------------------------------------------------------------------------------------------------------

TEST_F(LocalDeskTest, ACertificateRenewsItselfAndHoldsMeanwhile) {
    const auto first = enrol(house.add_token(phone));
    const auto second = renew(first, key("desk phone, renewed"));
    EXPECT_EQ(second.certificate.common_name(), "00247F0102AB");
    EXPECT_NE(second.certificate.public_key_der(), first.certificate.public_key_der());
    EXPECT_FALSE(house.record_of(first.certificate).revoked.has_value());
    EXPECT_EQ(house.events().count(EventKind::enrolment, "renewed"), 1U);
}

TEST_F(LocalDeskTest, ARenewalSaysWhatTheInventorySaysNow) {
    const auto first = enrol(house.add_token(phone));
    auto device = *registry.find_device(phone).value();
    device.names = {"moved.example.net"};
    ASSERT_TRUE(registry.update_device(device).has_value());
    EXPECT_EQ(renew(first, key("desk phone, renewed")).certificate.dns_names(),
              std::vector<std::string>{"moved.example.net"});
}

TEST_F(LocalDeskTest, WhatIsNoPresentCertificateOfADeviceRenewsNothing) {
    const auto revoked = enrol(house.add_token(phone));
    ASSERT_TRUE(registry.revoke_certificate_at(holder_of(revoked).fingerprint, RevocationReason::unspecified));
    const auto server = house.authority().server_identities(crypto::TlsLane::modern).front().leaf;
    for (const auto& fingerprint :
         {holder_of(revoked).fingerprint, server.fingerprint_sha256(),
          house.authority().issuing(Issuer::rsa).fingerprint_sha256(), std::string(64, 'a'), std::string()})
        EXPECT_EQ(refusal(ProvedCertificate{fingerprint}), FaultCode::unauthenticated) << fingerprint;
    EXPECT_EQ(signer.asked, 1U);
}

TEST_F(LocalDeskTest, ACertificateThatHasEndedRenewsNothing) {
    const auto first = enrol(house.add_token(phone));
    clock.set_wall(first.certificate.not_after());
    renew(first, key("at the last moment"));
    clock.advance(std::chrono::seconds(1));
    EXPECT_EQ(refusal(holder_of(first), key("too late")), FaultCode::unauthenticated);
}

TEST_F(LocalDeskTest, NoCertificateRenewsAcrossTheLanes) {
    const auto& rsa = key("desk rsa", crypto::KeyType::rsa2048);
    auto wanted = application(shown(house.add_token(phone, {.profile = EnrolmentProfile::legacy})), rsa);
    wanted.profile = EnrolmentProfile::legacy;
    const auto legacy = expect_issued(desk.apply(wanted));
    EXPECT_EQ(refusal(holder_of(legacy), rsa), FaultCode::unauthenticated) << "old algorithms at the main door";
    const auto modern = enrol(house.add_token(other_phone), rsa);
    wanted.credential = holder_of(modern);
    EXPECT_EQ(refusal(wanted), FaultCode::unauthenticated);
    wanted.credential = holder_of(legacy);
    EXPECT_TRUE(house.record_of(expect_issued(desk.apply(wanted)).certificate).legacy_lane);
}

TEST_F(LocalDeskTest, ARetiredDeviceRenewsNothing) {
    const auto first = enrol(house.add_token(phone));
    ASSERT_TRUE(registry.set_device_state(phone, DeviceState::retired).has_value());
    EXPECT_EQ(refusal(holder_of(first), key("desk phone, renewed")), FaultCode::unauthenticated);
}

TEST_F(LocalDeskTest, ADeviceHasSoManyValidCertificatesAndNoMore) {
    const auto first = enrol(house.add_token(phone));
    for (std::size_t i = 1; i < registry::max_valid_certificates; ++i)
        renew(first, key("renewal " + std::to_string(i)));
    EXPECT_EQ(refusal(holder_of(first), key("one too many")), FaultCode::forbidden);
    const auto last = house.certificates_of(phone).back();
    ASSERT_TRUE(registry.revoke_certificate_at(last.fingerprint, RevocationReason::unspecified));
    EXPECT_EQ(refusal(holder_of(first), key("too soon")), FaultCode::forbidden);
    clock.advance(registry::renewal_memory);
    renew(first, key("another"));
    EXPECT_EQ(refusal(holder_of(first), key("one too many again")), FaultCode::forbidden);
}

// Whoever repeats a message of another, years later, gets what that other got, and nothing more.
TEST_F(LocalDeskTest, ARenewalWithTheSameKeyIsTheSameWhileWhatCameOfItIsGood) {
    const auto first = enrol(house.add_token(phone));
    const auto second = renew(first, key("desk phone, renewed"));
    clock.advance(100 * day);
    EXPECT_EQ(renew(first, key("desk phone, renewed")).certificate, second.certificate);
    EXPECT_EQ(house.certificates_of(phone).size(), 2U);
    ASSERT_TRUE(registry.revoke_certificate_at(holder_of(second).fingerprint, RevocationReason::unspecified));
    EXPECT_NE(renew(first, key("desk phone, renewed")).certificate, second.certificate);
}

TEST_F(LocalDeskTest, AThiefsRenewalsEndWithTheCertificateThatWasStolen) {
    const auto first = enrol(house.add_token(phone));
    signer.failures = 1;
    EXPECT_EQ(refusal(holder_of(first), key("thief")), FaultCode::unavailable);
    ASSERT_TRUE(registry.revoke_certificates_of(phone, RevocationReason::key_compromise).has_value());
    const Inquiry poll{EnrolmentProtocol::scep, "transaction", test::public_key_of(key("thief"))};
    EXPECT_EQ(desk.inquire(poll).error().code, FaultCode::unauthenticated);
    EXPECT_EQ(desk.inquire(poll).error().code, FaultCode::forbidden) << "it was refused for good";
    EXPECT_EQ(house.certificates_of(phone).size(), 1U);
}

TEST_F(LocalDeskTest, WhatIsRefusedForWantOfRoomLeavesNothingBehind) {
    const auto first = enrol(house.add_token(phone));
    for (std::size_t i = 1; i < registry::max_valid_certificates; ++i)
        renew(first, key("renewal " + std::to_string(i)));
    const auto count = [&] {
        std::size_t rows = 0;
        EXPECT_TRUE(registry.list_enrolments([&](const registry::Enrolment&) { return ++rows, true; }).has_value());
        return rows;
    };
    const std::size_t before = count();
    EXPECT_EQ(refusal(holder_of(first), key("one too many")), FaultCode::forbidden);
    EXPECT_EQ(count(), before);
    enrol(house.add_token(phone, {.replaces = true}), key("its owner"));
}

// --- when the signer is away ----------------------------------------------------------------------------------------

TEST_F(LocalDeskTest, NothingIsIssuedWithoutTheSignerAndARetryWorks) {
    const auto token = house.add_token(phone);
    signer.failures = 2;
    EXPECT_EQ(refusal(shown(token)), FaultCode::unavailable);
    EXPECT_TRUE(house.certificates_of(phone).empty());
    EXPECT_EQ(state_of(phone), DeviceState::expected);
    EXPECT_EQ(refusal(shown(token), key("thief")), FaultCode::unauthenticated) << "it is spent for the first key";
    EXPECT_EQ(
        desk.inquire({EnrolmentProtocol::scep, "transaction", test::public_key_of(key("desk phone"))}).error().code,
        FaultCode::unavailable);
    const auto issued = enrol(token);
    EXPECT_EQ(house.certificates_of(phone).size(), 1U);

    signer.failures = 1;
    EXPECT_EQ(refusal(holder_of(issued), key("desk phone, renewed")), FaultCode::unavailable);
    renew(issued, key("desk phone, renewed"));
}

TEST_F(LocalDeskTest, WhoeverEnrolsWhileTheSignerIsAwayIsNotReplacedByARetry) {
    const auto early = house.add_token(phone);
    signer.failures = 1;
    EXPECT_EQ(refusal(shown(early), key("thief")), FaultCode::unavailable);
    const auto enrolled = enrol(house.add_token(phone));
    EXPECT_EQ(refusal(shown(early), key("thief")), FaultCode::conflict);
    EXPECT_EQ(house.events().count(EventKind::alarm, "second-enrolment"), 1U);
    EXPECT_FALSE(house.record_of(enrolled.certificate).revoked.has_value());
}

// --- after issue ----------------------------------------------------------------------------------------------------

TEST_F(LocalDeskTest, OnlyWhatCmpIssuedAMomentAgoCanBeSentBack) {
    const auto issued = enrol(house.add_token(phone));
    EXPECT_TRUE(desk.confirm(holder_of(issued).fingerprint, true).has_value());
    EXPECT_FALSE(desk.confirm(holder_of(issued).fingerprint, false).has_value()) << "SCEP confirms nothing";
    clock.advance(confirmation_time);
    auto wanted = application(shown(house.add_token(other_phone)), key("other phone"));
    wanted.protocol = EnrolmentProtocol::cmp;
    const auto late = expect_issued(desk.apply(wanted));
    clock.advance(confirmation_time);
    EXPECT_FALSE(desk.confirm(holder_of(late).fingerprint, false).has_value()) << "too late";
    EXPECT_FALSE(house.record_of(late.certificate).revoked.has_value());
}

TEST_F(LocalDeskTest, WhoWouldNotHaveTheCertificateOfCmpHasItRevoked) {
    auto wanted = application(shown(house.add_token(phone)));
    wanted.protocol = EnrolmentProtocol::cmp;
    const auto issued = expect_issued(desk.apply(wanted));
    EXPECT_TRUE(desk.confirm(holder_of(issued).fingerprint, false).has_value());
    EXPECT_TRUE(house.record_of(issued.certificate).revoked.has_value());
    EXPECT_EQ(house.events().count(EventKind::enrolment, "revoked"), 1U);
    EXPECT_EQ(house.events().all.back().device, phone);
}

TEST_F(LocalDeskTest, OnlyADevicesCertificateCanBeRevokedFromOutside) {
    const auto server = house.authority().server_identities(crypto::TlsLane::modern).front().leaf;
    for (const auto& fingerprint :
         {server.fingerprint_sha256(), house.authority().root().fingerprint_sha256(), std::string(64, 'a')}) {
        EXPECT_FALSE(desk.confirm(fingerprint, false).has_value());
        EXPECT_EQ(desk.revoke({fingerprint}, 1).error().code, FaultCode::unauthenticated);
    }
    EXPECT_FALSE(house.record_of(server).revoked.has_value());
}

TEST_F(LocalDeskTest, ADeviceRevokesItsOwnCertificateOnce) {
    const auto issued = enrol(house.add_token(phone));
    EXPECT_TRUE(desk.revoke(holder_of(issued), static_cast<int>(RevocationReason::key_compromise)).has_value());
    EXPECT_EQ(house.record_of(issued.certificate).reason, RevocationReason::key_compromise);
    EXPECT_EQ(house.events().all.back().device, phone);
    EXPECT_EQ(desk.revoke(holder_of(issued), 1).error().code, FaultCode::unauthenticated);
}

TEST_F(LocalDeskTest, ADeviceSaysNothingOfTheCaWhenItGivesItsReason) {
    const auto first = enrol(house.add_token(phone));
    constexpr int hold = 6, none_at_all = 99;
    for (const int reason : {static_cast<int>(RevocationReason::ca_compromise), hold, none_at_all}) {
        const auto one = renew(first, key("reason " + std::to_string(reason)));
        EXPECT_TRUE(desk.revoke(holder_of(one), reason).has_value());
        EXPECT_EQ(house.record_of(one.certificate).reason, RevocationReason::unspecified);
    }
}

TEST_F(LocalDeskTest, TheStandingOfACertificateIsWhatIsRecorded) {
    const auto issued = enrol(house.add_token(phone));
    const auto issuer = house.authority().issuing(Issuer::p256).fingerprint_sha256();
    const auto other_issuer = house.authority().issuing(Issuer::rsa).fingerprint_sha256();
    const auto serial = issued.certificate.serial();
    EXPECT_EQ(desk.standing_of(issuer, serial)->state, CertificateStanding::State::good);
    EXPECT_EQ(desk.standing_of(other_issuer, serial)->state, CertificateStanding::State::unknown);
    EXPECT_EQ(desk.standing_of(issuer, "01")->state, CertificateStanding::State::unknown);
    ASSERT_TRUE(desk.revoke(holder_of(issued), static_cast<int>(RevocationReason::superseded)).has_value());
    const auto standing = desk.standing_of(issuer, serial).value();
    EXPECT_EQ(standing.state, CertificateStanding::State::revoked);
    EXPECT_EQ(standing.revoked, clock.wall_now());
    EXPECT_EQ(standing.reason, static_cast<int>(RevocationReason::superseded));
}

}  // namespace
}  // namespace ringfence::authority

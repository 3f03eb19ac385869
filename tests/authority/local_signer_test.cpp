#include "authority/local_signer.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "crypto/revocation_list.h"
#include "tests/authority/little_house.h"
#include "tests/suites/small_disk.h"

namespace ringfence::authority {
namespace {

using crypto::Certificate;
using crypto::KeyType;
using crypto::RevocationList;
using registry::RevocationReason;
using test::key;
using test::LittleHouse;
using test::public_key_of;
using test::run;
using test::TemporaryFolder;

const MacAddress phone = LittleHouse::phone;

// Nobody has its private part; whoever signs does not ask.
std::string rsa_public_key(unsigned bits) {
    const TemporaryFolder folder;
    folder.put("cnf",
               "asn1=SEQUENCE:spki\n[spki]\na=SEQUENCE:algorithm\nk=BITWRAP,SEQUENCE:key\n[algorithm]\n"
               "o=OID:rsaEncryption\nn=NULL\n[key]\nn=INTEGER:0x80" +
                   std::string(bits / 4 - 4, '0') + "01\ne=INTEGER:65537\n");
    const auto made = run("openssl asn1parse -noout -genconf " + folder / "cnf" + " -out " + folder / "der");
    EXPECT_EQ(made.status, 0) << made.output;
    return folder.get("der");
}

class LocalSignerTest : public testing::Test {
protected:
    // What the inventory allows.
    SigningOrder order(Issuer issuer = Issuer::p256) {
        const auto device = registry.find_device(phone).value();
        return {{phone, device->serial, device->names, issuer, house.authority().device_life(issuer).end},
                issuer == Issuer::p256 ? public_key_of(key("signer phone"))
                                       : public_key_of(key("signer phone", KeyType::rsa2048))};
    }

    LocalSigner make_signer(const ServiceUrls& urls = {}) {
        return {house.authority(), registry, house.random(), house.clock(), urls};
    }

    // As the registry holds it then.
    RevocationList new_list(LocalSigner& by, Issuer issuer) {
        EXPECT_TRUE(by.sign_revocation_list(issuer));
        const auto stored = registry.find_revocation_list(house.authority().issuing(issuer).fingerprint_sha256());
        return RevocationList::parse_published_der(stored.value()->der).value();
    }

    FaultCode refusal(const SigningOrder& wanted) {
        const auto made = signer.sign_device(wanted);
        EXPECT_FALSE(made.has_value());
        return made ? FaultCode::internal : made.error().code;
    }

    Certificate sign(const SigningOrder& wanted) {
        auto made = signer.sign_device(wanted);
        EXPECT_TRUE(made.has_value()) << made.error().message;
        return made ? *made : house.authority().root();
    }

    LittleHouse house;
    registry::Registry& registry = house.registry();
    LocalSigner signer = make_signer();
};

TEST_F(LocalSignerTest, SignsWhatTheInventorySaysAndRecordsIt) {
    for (const auto issuer : {Issuer::p256, Issuer::rsa, Issuer::legacy}) {
        const auto certificate = sign(order(issuer));
        EXPECT_EQ(certificate.common_name(), "00247F0102AB");
        EXPECT_EQ(certificate.dns_names(), std::vector<std::string>{"phone1.example.net"});
        EXPECT_EQ(certificate.issuer(), house.authority().issuing(issuer).subject());
        const auto record = house.record_of(certificate);
        EXPECT_EQ(record.device, phone);
        EXPECT_EQ(record.legacy_lane, issuer == Issuer::legacy);
        EXPECT_EQ(record.issuer, house.authority().issuing(issuer).fingerprint_sha256());
        EXPECT_EQ(registry.get_certificate_der(record.fingerprint).value(), certificate.to_der());
    }
}

TEST_F(LocalSignerTest, BoundsThatDifferFromTheInventoryAreRefused) {
    auto other_serial = order(), other_names = order(), more_names = order(), stranger = order(), neighbour = order();
    other_serial.bounds.serial = "SN-2";
    other_names.bounds.names = {"boss.example.net"};
    more_names.bounds.names.emplace_back("boss.example.net");
    stranger.bounds.device = *MacAddress::parse("00247FFFFFFF");
    neighbour.bounds.device = LittleHouse::other_phone;
    for (const auto& wanted : {other_serial, other_names, more_names, stranger, neighbour})
        EXPECT_EQ(refusal(wanted), FaultCode::forbidden);
    EXPECT_TRUE(house.certificates_of(phone).empty());
    EXPECT_TRUE(house.certificates_of(LittleHouse::other_phone).empty());
}

TEST_F(LocalSignerTest, ARetiredDeviceGetsNothing) {
    ASSERT_TRUE(registry.set_device_state(phone, registry::DeviceState::retired).has_value());
    EXPECT_EQ(refusal(order()), FaultCode::forbidden);
}

TEST_F(LocalSignerTest, EachCaTakesItsOwnKeys) {
    const auto p384 = test::foreign_public_key("-algorithm EC -pkeyopt ec_paramgen_curve:P-384");
    const auto p256 = public_key_of(key("signer phone"));
    const auto takes = [&](Issuer issuer, const std::string& public_key) {
        auto wanted = order(issuer);
        wanted.public_key = public_key;
        const auto made = signer.sign_device(wanted);
        EXPECT_TRUE(made || made.error().code == FaultCode::forbidden);
        return made.has_value();
    };
    EXPECT_TRUE(takes(Issuer::p256, p256));
    EXPECT_FALSE(takes(Issuer::p256, p384));
    EXPECT_FALSE(takes(Issuer::p256, rsa_public_key(2048)));

    EXPECT_FALSE(takes(Issuer::rsa, p256));
    EXPECT_FALSE(takes(Issuer::rsa, rsa_public_key(1024)));
    EXPECT_FALSE(takes(Issuer::rsa, rsa_public_key(2040)));
    EXPECT_TRUE(takes(Issuer::rsa, rsa_public_key(2048)));
    EXPECT_TRUE(takes(Issuer::rsa, rsa_public_key(4096)));

    EXPECT_FALSE(takes(Issuer::legacy, p256));
    EXPECT_FALSE(takes(Issuer::legacy, rsa_public_key(768)));
    EXPECT_TRUE(takes(Issuer::legacy, rsa_public_key(1024)));
}

TEST_F(LocalSignerTest, WhatIsNoKeyIsRefused) {
    auto wanted = order();
    for (const auto& bytes : {std::string(), std::string("key"), wanted.public_key + "x", rsa_public_key(8192)}) {
        wanted.public_key = bytes;
        EXPECT_FALSE(signer.sign_device(wanted).has_value());
    }
}

TEST_F(LocalSignerTest, NoDeviceGetsACertificateForAKeyOfOurs) {
    for (const auto& own : house.authority().own_certificates()) {
        const auto public_key = own.public_key();
        ASSERT_TRUE(public_key.has_value());
        auto wanted = order(public_key->is_p256() ? Issuer::p256 : Issuer::rsa);
        wanted.public_key = own.public_key_der();
        EXPECT_EQ(refusal(wanted), FaultCode::forbidden) << own.subject();
    }
}

TEST_F(LocalSignerTest, DatesAreTheSignersOwnAndNeverBeyondTheIssuers) {
    auto wanted = order();
    const auto life = house.authority().device_life(Issuer::p256);
    const auto second = std::chrono::seconds(1);
    EXPECT_EQ(sign(wanted).not_after(), std::chrono::floor<std::chrono::seconds>(life.end));
    wanted.bounds.not_after = WallTime::max();
    EXPECT_EQ(sign(wanted).not_after(), std::chrono::floor<std::chrono::seconds>(life.end));
    wanted.bounds.not_after = test::test_now + std::chrono::hours(1);
    EXPECT_EQ(sign(wanted).not_after(), test::test_now + std::chrono::hours(1));
    for (const auto end : {WallTime::min(), WallTime{}, life.begin - second}) {
        wanted.bounds.not_after = end;
        EXPECT_FALSE(signer.sign_device(wanted).has_value()) << "it would end before it begins";
    }
    const auto& issuing = house.authority().issuing(Issuer::p256);
    house.clock().set_wall(issuing.not_after() - std::chrono::hours(24));
    EXPECT_EQ(sign(order()).not_after(), issuing.not_after());
}

TEST_F(LocalSignerTest, CertificatesSayWhereRevocationIsToldOnlyWhereItCanBeReached) {
    const auto shown = [](const Certificate& certificate) {
        const TemporaryFolder folder;
        folder.put("cert", certificate.to_pem());
        return run("openssl x509 -noout -text -in " + folder / "cert").output;
    };
    EXPECT_EQ(shown(sign(order())).find("URI:"), std::string::npos);
    auto signer_with_door = make_signer({"http://prov.example.net"});
    const auto text = shown(signer_with_door.sign_device(order()).value());
    EXPECT_NE(text.find("URI:http://prov.example.net/crl/issuing-p256.crl"), std::string::npos) << text;
    EXPECT_NE(text.find("OCSP - URI:http://prov.example.net/ocsp"), std::string::npos) << text;
}

TEST_F(LocalSignerTest, WhatCannotBeRecordedIsNotHandedOut) {
    {
        const suites::SmallDisk full(0);
        EXPECT_EQ(refusal(order()), FaultCode::unavailable);
    }
    EXPECT_TRUE(house.certificates_of(phone).empty());
    sign(order());
    EXPECT_EQ(house.certificates_of(phone).size(), 1U);
}

// --- revocation lists -----------------------------------------------------------------------------------------------

TEST_F(LocalSignerTest, ARevocationListNamesWhatWasRevokedOfItsOwnCa) {
    const auto& issuing = house.authority().issuing(Issuer::p256);
    const auto good = sign(order()), revoked = sign(order()), of_other_ca = sign(order(Issuer::rsa));
    for (const auto& certificate : {revoked, of_other_ca})
        ASSERT_TRUE(registry.revoke_certificate_at(certificate.fingerprint_sha256(), RevocationReason::key_compromise));
    const auto list = new_list(signer, Issuer::p256);
    EXPECT_TRUE(list.is_signed_by(issuing));
    EXPECT_EQ(list.size(), 1U);
    EXPECT_TRUE(list.lists(revoked));
    EXPECT_FALSE(list.lists(good));
    EXPECT_EQ(list.this_update(), test::test_now);
    EXPECT_EQ(list.next_update(), test::test_now + LocalSigner::list_life);
    const auto other = new_list(signer, Issuer::rsa);
    EXPECT_TRUE(other.lists(of_other_ca));
    EXPECT_EQ(new_list(signer, Issuer::legacy).size(), 0U);
}

TEST_F(LocalSignerTest, TheNumberOfAListRisesWithTheClockAndAcrossSigners) {
    const auto seconds = test::test_now.time_since_epoch() / std::chrono::seconds(1);
    const auto number_after = [&](int lists) { return fmt::format("{:08x}", seconds + lists); };
    EXPECT_EQ(new_list(signer, Issuer::p256).number(), number_after(0));
    auto after_restart = make_signer();
    EXPECT_EQ(new_list(after_restart, Issuer::p256).number(), number_after(1));
    EXPECT_EQ(new_list(signer, Issuer::rsa).number(), number_after(0));
}

TEST_F(LocalSignerTest, WhatIsOverAnywayLeavesTheList) {
    const auto revoked = sign(order());
    ASSERT_TRUE(registry.revoke_certificate_at(revoked.fingerprint_sha256(), RevocationReason::superseded));
    house.clock().set_wall(revoked.not_after());
    EXPECT_EQ(new_list(signer, Issuer::p256).size(), 1U);
    house.clock().advance(std::chrono::seconds(1));
    EXPECT_EQ(new_list(signer, Issuer::p256).size(), 0U);
}

// --- the limit of its own -------------------------------------------------------------------------------------------

// Refused by the certificate builder, after the limit was asked: as dear to the limit as one that is signed, and quick.
TEST_F(LocalSignerTest, SoManyCertificatesAndNoMore) {
    auto wanted = order();
    wanted.bounds.not_after = WallTime{};
    for (std::uint32_t i = 0; i < LocalSigner::burst; ++i)
        if (refusal(wanted) == FaultCode::rate_limited) FAIL() << "after " << i;
    EXPECT_EQ(refusal(wanted), FaultCode::rate_limited);
    EXPECT_EQ(refusal(order()), FaultCode::rate_limited);
    house.clock().advance(LocalSigner::refill);
    sign(order());
    EXPECT_EQ(refusal(order()), FaultCode::rate_limited);
    house.clock().advance(10 * LocalSigner::refill);
    for (int i = 0; i < 10; ++i) sign(order());
    EXPECT_EQ(refusal(order()), FaultCode::rate_limited);
}

TEST_F(LocalSignerTest, WhatIsNotAllowedDoesNotUseUpTheLimit) {
    auto wanted = order();
    wanted.bounds.serial = "SN-2";
    for (std::uint32_t i = 0; i <= LocalSigner::burst; ++i)
        if (refusal(wanted) != FaultCode::forbidden) FAIL() << "after " << i;
    sign(order());
}

}  // namespace
}  // namespace ringfence::authority

#include "authority/revocation_publisher.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "authority/signer_wire.h"
#include "crypto/revocation_list.h"
#include "net/message_channel.h"
#include "tests/authority/little_house.h"

namespace ringfence::authority {
namespace {

using crypto::RevocationList;
using test::LittleHouse;

// The signer behind frames, as in another process.
class RevocationPublisherTest : public testing::Test {
protected:
    void refresh() { EXPECT_TRUE(publisher.refresh(house.registry(), remote)); }

    RevocationList published() { return RevocationList::parse_published_der(*publisher.find("issuing-p256")).value(); }

    // Certificates of the P-256 CA that were revoked at that time, as far as the registry knows of them.
    void add_revoked(unsigned count, WallTime revoked) {
        const auto added = house.registry().together([&]() -> Status {
            for (unsigned i = 0; i < count; ++i) {
                const auto text = fmt::format("{:08x}", ++serial);
                registry::CertificateRecord record;
                record.fingerprint = text;
                record.serial = text;
                record.purpose = registry::CertificatePurpose::device;
                record.not_before = test::test_now;
                record.not_after = test::test_now + std::chrono::hours(1000);
                record.revoked = revoked;
                record.issuer = house.authority().issuing(Issuer::p256).fingerprint_sha256();
                if (auto done = house.registry().add_certificate(record, {}); !done) return done;
            }
            return {};
        });
        ASSERT_TRUE(added) << added.error().message;
    }

    LittleHouse house;
    LocalSigner signer{house.authority(), house.registry(), house.random(), house.clock(), {}};
    RemoteSigner remote{[this](std::string_view question) -> Result<std::string> {
        std::string answer = answer_signing_frame(signer, question);
        EXPECT_LE(answer.size(), net::MessageChannel::max_message);
        return answer;
    }};
    RevocationPublisher publisher{house.authority(), house.clock()};
    unsigned serial = 0x10000000;
};

TEST_F(RevocationPublisherTest, AListStandsUntilSomethingIsRevokedOrADayIsOver) {
    EXPECT_FALSE(publisher.find("issuing-p256"));
    refresh();
    const auto first = published();
    EXPECT_EQ(first.size(), 0U);
    house.clock().advance(std::chrono::hours(1));
    refresh();
    EXPECT_EQ(published(), first);
    add_revoked(1, house.clock().wall_now());
    refresh();
    const auto second = published();
    EXPECT_EQ(second.size(), 1U);
    house.clock().advance(std::chrono::hours(1));
    refresh();
    EXPECT_EQ(published(), second);
    house.clock().advance(RevocationPublisher::renewed_after);
    refresh();
    EXPECT_FALSE(published() == second);
}

TEST_F(RevocationPublisherTest, ARevocationThatWasWrittenAfterItsTimeIsNotMissed) {
    house.clock().advance(std::chrono::hours(1));
    const WallTime before = house.clock().wall_now() - std::chrono::minutes(5);
    refresh();
    add_revoked(1, before);
    refresh();
    EXPECT_EQ(published().size(), 1U);
}

TEST_F(RevocationPublisherTest, AListOfAnyLengthReachesWhoPublishesIt) {
    add_revoked(12'000, test::test_now);
    refresh();
    EXPECT_EQ(published().size(), 12'000U);
    EXPECT_GT(publisher.find("issuing-p256")->size(), net::MessageChannel::max_message);
}

TEST_F(RevocationPublisherTest, WithoutASignerWhatThereIsIsPublished) {
    refresh();
    const auto first = published();
    add_revoked(1, test::test_now);
    RemoteSigner gone([](std::string_view) { return Result<std::string>(fail(FaultCode::unavailable, "gone")); });
    RevocationPublisher after_restart(house.authority(), house.clock());
    EXPECT_FALSE(after_restart.refresh(house.registry(), gone));
    EXPECT_EQ(*after_restart.find("issuing-p256"), first.to_der());
}

}  // namespace
}  // namespace ringfence::authority

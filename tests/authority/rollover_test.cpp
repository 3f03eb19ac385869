#include "authority/rollover.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "authority/authority.h"
#include "authority/offline_root.h"
#include "crypto/certificate_request.h"
#include "crypto/signed_data.h"
#include "crypto/verify.h"
#include "phonefile/signed_file.h"
#include "tests/crypto/program.h"
#include "tests/suites/failing_disk.h"

namespace ringfence::authority {
namespace {

namespace fs = std::filesystem;
using crypto::Certificate;
using suites::FailingDisk;
using test::TemporaryFolder;
using Stage = Rollover::Stage;

constexpr WallTime day(int year, unsigned month, unsigned number) {
    return std::chrono::sys_days{std::chrono::year{year} / month / number};
}

const MacAddress phone = *MacAddress::parse("00247F0102AB");

ServerNames names() { return {{"prov.example"}, {*IpAddress::parse("192.0.2.1")}}; }

template <typename T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(*result);
}
void must(const Status& status) {
    if (!status) throw std::runtime_error(status.error().message);
}

class RolloverTest : public testing::Test {
protected:
    // Making the first generation takes a second, so it is done once.
    void SetUp() override {
        static const TemporaryFolder original;
        static const bool is_made = [this] {
            must(Authority::create(original.path(), names(), disk, random, clock));
            return true;
        }();
        ASSERT_TRUE(is_made);
        fs::copy(original.path(), folder.path(), fs::copy_options::recursive);
        registry = must(registry::Registry::create(folder / "registry", clock, disk, random));
        must(registry->add_device({.mac = phone, .model = "1230"}));
    }

    std::unique_ptr<Authority> open() { return must(Authority::open(folder.path(), disk, random, clock)); }
    std::unique_ptr<Rollover> rollover() { return must(Rollover::open(folder.path(), disk, random, clock)); }
    std::unique_ptr<Rollover> rollover_on(Disk& other) {
        return must(Rollover::open(folder.path(), other, random, clock));
    }

    std::string sign(const std::string& content) {
        const auto authority = must(Authority::open(folder.path(), disk, random, clock, KeySet::files));
        const auto signature = must(crypto::sign_detached({content, ""}, authority->file_signer(),
                                                          authority->file_signer_chain(), clock.wall_now()));
        return must(phonefile::format_signed({content, signature}));
    }

    void announce() {
        const auto next = rollover();
        must(next->prepare());
        must(next->announce(sign(next->announcement())));
    }
    void finish() {
        const auto next = rollover();
        must(next->switch_over(sign(next->root_content()), *registry));
    }

    std::vector<Certificate> listed() {
        const std::string bytes = folder.get("root.pem");
        return must(Certificate::parse_bundle(phonefile::split_signed(bytes).content));
    }

    TemporaryFolder folder;
    SystemDisk disk;
    SystemRandom random;
    ManualClock clock{day(2026, 6, 1)};
    std::unique_ptr<registry::Registry> registry;
};

TEST_F(RolloverTest, AnAnnouncementHoldsBothGenerationsAndTheOldOneIssues) {
    const std::string before = folder.get("root.pem");
    const Certificate old_root = open()->root();
    announce();
    EXPECT_EQ(rollover()->stage(), Stage::announced);
    EXPECT_EQ(listed().size(), 6u);
    EXPECT_EQ(folder.get("root.pem").rfind(before, 0), 0u);
    const auto authority = open();
    EXPECT_TRUE(authority->announces_next());
    EXPECT_EQ(authority->root(), old_root);
    EXPECT_EQ(authority->root_file().bytes, folder.get("root.pem"));
}

TEST_F(RolloverTest, AfterTheSwitchTheNewOneIssuesAndTheOldOneStillVouches) {
    const auto before = open();
    announce();
    finish();
    const auto after = open();
    EXPECT_NE(after->root(), before->root());
    EXPECT_EQ(after->server_names().hosts, before->server_names().hosts);
    EXPECT_EQ(listed().size(), 3u);
    EXPECT_FALSE(after->announces_next());
    const std::vector<Certificate> issuers{after->issuing(Issuer::p256), before->issuing(Issuer::p256),
                                           after->issuing(Issuer::rsa), before->issuing(Issuer::rsa)};
    EXPECT_EQ(after->device_issuers(TlsLane::modern), issuers);

    // A set that holds the new file alone verifies the new server.
    crypto::VerifyPolicy policy;
    policy.host = "prov.example";
    policy.time.at = clock.wall_now();
    policy.sent_chain_must_be_held = true;
    const auto shown = after->server_identities(TlsLane::modern).back();
    EXPECT_TRUE(crypto::verify_chain(shown.leaf, shown.chain, listed(), policy).has_value());
    EXPECT_FALSE(crypto::verify_chain(shown.leaf, shown.chain, {before->root()}, policy).has_value());
    must(after->issue_device({phone}, *registry));
}

TEST_F(RolloverTest, ItCanBeDoneAgainAndAgain) {
    const Certificate first = open()->issuing(Issuer::rsa);
    for (int i = 0; i < 2; ++i) {
        announce();
        finish();
    }
    const auto ever = open()->issuing_ever(Issuer::rsa);
    EXPECT_EQ(ever.size(), 3u);
    EXPECT_EQ(ever.back(), first);
}

TEST_F(RolloverTest, LostKeysAreNoHindranceAsLongAsTheFileSignersIsThere) {
    for (const std::string name : {"root", "issuing-rsa", "issuing-p256", "issuing-legacy", "server-rsa"})
        must(disk.remove(folder / ("keys/" + name + ".key")));
    announce();
    finish();
    EXPECT_EQ(listed().size(), 3u);
    open();
}

TEST_F(RolloverTest, AbandonedItIsAsBefore) {
    const std::string before = folder.get("root.pem");
    announce();
    must(rollover()->abandon());
    EXPECT_EQ(folder.get("root.pem"), before);
    EXPECT_EQ(rollover()->stage(), Stage::none);
    EXPECT_FALSE(disk.exists(folder / "keys/2/root.key"));
    EXPECT_EQ(rollover()->abandon().error().code, FaultCode::conflict);
    announce();
    EXPECT_EQ(rollover()->stage(), Stage::announced);
}

TEST_F(RolloverTest, StepsOutOfOrderAreRefused) {
    EXPECT_EQ(rollover()->install("").error().code, FaultCode::conflict);
    announce();
    EXPECT_EQ(rollover()->prepare().error().code, FaultCode::conflict);
    EXPECT_EQ(rollover()->prepare_for_offline_root().error().code, FaultCode::conflict);
}

// Cut at the n-th change, the old generation counts as a whole; done again, it succeeds.
TEST_F(RolloverTest, CutAnywhereTheAnnouncementIsMadeWholeOrNotAtAll) {
    const Certificate old_root = open()->root();
    for (int changes : {0, 1, 2, 5, 9, 13, 17, 18, 19, 20, 21}) {
        FailingDisk failing;
        failing.fail_at(changes + 1);
        const auto next = rollover_on(failing);
        if (next->stage() == Stage::announced) break;
        auto done = next->prepare();
        if (done) done = next->announce(sign(next->announcement()));
        const auto authority = open();
        EXPECT_EQ(authority->root(), old_root);
        EXPECT_EQ(authority->announces_next(), done.has_value()) << "after " << changes << " changes";
    }
    if (rollover()->stage() == Stage::none) announce();
    EXPECT_EQ(listed().size(), 6u);
}

TEST_F(RolloverTest, CutAnywhereTheSwitchIsMadeWholeOrNotAtAll) {
    const Certificate old_root = open()->root();
    announce();
    const std::string root = sign(rollover()->root_content());
    bool is_done = false;
    for (int changes : {0, 1, 8, 30, 34, 35, 36, 37, 38}) {
        FailingDisk failing;
        failing.fail_at(changes + 1);
        is_done = rollover_on(failing)->switch_over(root, *registry).has_value();
        EXPECT_EQ(open()->root() == old_root, !is_done) << "after " << changes << " changes";
        if (is_done) break;
    }
    EXPECT_TRUE(is_done);
}

// ---- A root whose key is elsewhere

class OfflineRootTest : public testing::Test {
protected:
    std::string requests() { return must(disk.read(Authority::requests_path(server.path(), disk), 1 << 20)); }
    std::string sign(const OfflineRoot& root, const std::string& asked) {
        std::vector<Certificate> bundle{root.certificate()};
        const auto made = must(root.sign(asked, random, clock.wall_now()));
        bundle.insert(bundle.end(), made.begin(), made.end());
        return crypto::format_bundle(bundle);
    }

    TemporaryFolder server;
    TemporaryFolder vault;
    SystemDisk disk;
    SystemRandom random;
    ManualClock clock{day(2026, 6, 1)};
};

TEST_F(OfflineRootTest, TheAuthorityIsCompleteOnceTheRootHasSigned) {
    must(Authority::prepare(server.path(), names(), disk, random));
    EXPECT_TRUE(Authority::waits_for_root(server.path(), disk));
    const auto waiting = Authority::open(server.path(), disk, random, clock);
    ASSERT_FALSE(waiting.has_value());
    EXPECT_NE(waiting.error().message.find("waits for its root"), std::string::npos);

    const auto root = must(OfflineRoot::create(vault.path(), "Example AG", disk, random));
    const std::string signed_bundle = sign(root, requests());
    // Cut anywhere, it is done again with the same file.
    for (int changes : {0, 1, 7, 8, 9, 20, 44, 45}) {
        FailingDisk failing;
        failing.fail_at(changes + 1);
        EXPECT_FALSE(Authority::complete(server.path(), names(), signed_bundle, failing, random, clock).has_value());
        EXPECT_FALSE(Authority::open(server.path(), disk, random, clock).has_value());
    }
    must(Authority::complete(server.path(), names(), signed_bundle, disk, random, clock));
    const auto authority = must(Authority::open(server.path(), disk, random, clock));
    EXPECT_EQ(authority->root(), root.certificate());
    EXPECT_FALSE(disk.exists(server / "keys/root.key"));
    EXPECT_EQ(Authority::complete(server.path(), names(), signed_bundle, disk, random, clock).error().code,
              FaultCode::conflict);
}

TEST_F(OfflineRootTest, ItSignsWhatOurPlanHasAndNothingElse) {
    must(Authority::prepare(server.path(), names(), disk, random));
    const auto root = must(OfflineRoot::create(vault.path(), "Example AG", disk, random));
    const auto ours = must(crypto::CertificationRequest::parse_bundle(requests()));
    const auto bundle_of = [](const std::vector<crypto::CertificationRequest>& all) {
        std::string out;
        for (const auto& each : all) out += each.to_pem();
        return out;
    };
    const auto key = must(crypto::PrivateKey::generate(crypto::KeyType::p256));
    const auto stranger =
        must(crypto::CertificationRequest::make({"evil.example", "prov.example", {}, {}}, Secret(), key));
    const auto weak_key = must(
        crypto::CertificationRequest::make({ours[0].common_name(), ours[0].organization(), {}, {}}, Secret(), key));
    const auto odd_suffix = must(crypto::CertificationRequest::make(
        {"Ringfence Issuing CA RSA evil", ours[0].organization(), {}, {}}, Secret(), key));
    for (const auto& asked : {bundle_of({ours[0], ours[1]}), bundle_of({ours[0], ours[1], ours[2], stranger}),
                              bundle_of({ours[1], ours[0], ours[2]}), bundle_of({ours[0], ours[1], stranger}),
                              bundle_of({weak_key, ours[1], ours[2]}), bundle_of({odd_suffix, ours[1], ours[2]})}) {
        const auto made = root.sign(asked, random, clock.wall_now());
        ASSERT_FALSE(made.has_value());
        EXPECT_EQ(made.error().code, FaultCode::forbidden);
    }
    for (const auto& made : must(root.sign(requests(), random, clock.wall_now()))) EXPECT_TRUE(made.is_ca());
}

TEST_F(OfflineRootTest, OnlyTheAnswerToItsOwnRequestsIsTaken) {
    must(Authority::prepare(server.path(), names(), disk, random));
    const auto root = must(OfflineRoot::create(vault.path(), "Example AG", disk, random));
    const std::string old_answer = sign(root, requests());
    must(Authority::prepare(server.path(), names(), disk, random));  // new keys
    const std::string answer = sign(root, requests());
    const auto parsed = must(Certificate::parse_bundle(answer));
    const std::string shuffled = crypto::format_bundle({parsed[0], parsed[2], parsed[1], parsed[3]});
    const std::string without_root = crypto::format_bundle({parsed[1], parsed[1], parsed[2], parsed[3]});
    for (const auto& wrong : {old_answer, shuffled, without_root, parsed[0].to_pem()}) {
        const auto taken = Authority::complete(server.path(), names(), wrong, disk, random, clock);
        ASSERT_FALSE(taken.has_value());
        EXPECT_EQ(taken.error().code, FaultCode::untrusted);
    }
    must(Authority::complete(server.path(), names(), answer, disk, random, clock));
}

TEST_F(OfflineRootTest, ARootIsNeverOverwritten) {
    must(OfflineRoot::create(vault.path(), "Example AG", disk, random));
    const auto again = OfflineRoot::create(vault.path(), "Example AG", disk, random);
    ASSERT_FALSE(again.has_value());
    EXPECT_EQ(again.error().code, FaultCode::conflict);
    EXPECT_TRUE(OfflineRoot::open(vault.path(), disk).has_value());
}

// ---- Renewal

TEST_F(RolloverTest, WhatIsLostIsMadeAnewAndACutRenewalLeavesAWholeOne) {
    must(disk.remove(folder / "keys/file-signer.key"));
    EXPECT_FALSE(Authority::open(folder.path(), disk, random, clock).has_value());
    const auto renewing = must(Authority::open(folder.path(), disk, random, clock, KeySet::signer));
    must(renewing->renew(crypto::CertificateRole::file_signer, *registry));
    const Certificate renewed = open()->file_signer().certificate;
    for (int changes : {0, 1, 2, 3, 4}) {
        FailingDisk failing;
        failing.fail_at(changes + 1);
        const auto authority = must(Authority::open(folder.path(), failing, random, clock, KeySet::signer));
        EXPECT_FALSE(authority->renew(crypto::CertificateRole::file_signer, *registry).has_value());
        const Certificate now = open()->file_signer().certificate;  // its key fits
        EXPECT_EQ(now == renewed, changes < 4) << "after " << changes << " changes";
    }
    must(must(Authority::open(folder.path(), disk, random, clock, KeySet::signer))
             ->renew(crypto::CertificateRole::file_signer, *registry));
    EXPECT_FALSE(open()->file_signer().certificate == renewed);
    EXPECT_FALSE(disk.exists(folder / "keys/file-signer.next.key"));
}

}  // namespace
}  // namespace ringfence::authority

#include "authority/authority.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/pkcs12.h"
#include "crypto/verify.h"
#include "tests/crypto/program.h"

namespace ringfence::authority {
namespace {

using crypto::Certificate;
using crypto::KeyKind;
using crypto::KeyType;
using crypto::Purpose;
using crypto::Strength;
using registry::CertificatePurpose;
using test::run;
using test::TemporaryFolder;

constexpr WallTime day(int year, unsigned month, unsigned number) {
    return std::chrono::sys_days{std::chrono::year{year} / month / number};
}

const MacAddress phone = *MacAddress::parse("00247F0102AB");

ServerNames names() { return {{"prov.example"}, {*IpAddress::parse("192.0.2.1")}}; }

// A disk that fails every change from the n-th on, as one that is pulled or full.
class FailingDisk final : public Disk {
public:
    explicit FailingDisk(int changes) : left_(changes) {}
    Result<std::string> read(const std::string& path, std::size_t limit) override { return disk_.read(path, limit); }
    bool exists(const std::string& path) override { return disk_.exists(path); }
    Result<std::vector<std::string>> list(const std::string& directory) override { return disk_.list(directory); }
    Status write_new(const std::string& path, std::string_view bytes, mode_t mode) override {
        if (left_ == 0 && bytes.size() > 1) static_cast<void>(disk_.write_new(path, bytes.substr(0, 1), mode));
        return may_change() ? disk_.write_new(path, bytes, mode) : refused();
    }
    Status rename(const std::string& from, const std::string& to) override {
        return may_change() ? disk_.rename(from, to) : refused();
    }
    Status remove(const std::string& path) override { return may_change() ? disk_.remove(path) : refused(); }
    Status make_directory(const std::string& path, mode_t mode) override {
        return may_change() ? disk_.make_directory(path, mode) : refused();
    }

private:
    bool may_change() { return left_ > 0 && left_-- > 0; }
    static Status refused() { return fail(FaultCode::unavailable, "no space left on device"); }
    int left_;
    SystemDisk disk_;
};

class AuthorityTest : public testing::Test {
protected:
    void SetUp() override {
        auto made = Authority::create(folder.path(), names(), disk, random, clock);
        ASSERT_TRUE(made.has_value()) << made.error().message;
        authority = std::move(*made);
        auto store = registry::Registry::create(folder / "registry", clock, disk, random);
        ASSERT_TRUE(store.has_value()) << store.error().message;
        registry = std::move(*store);
        ASSERT_TRUE(registry->add_device({.mac = phone, .model = "1230"}).has_value());
    }

    // The certificates of a server, judged as a phone that holds the root file judges them.
    std::string judge_server(const crypto::TlsIdentity& identity, const std::string& host, crypto::JudgingTime time) {
        const auto anchors = Certificate::parse_bundle(authority->root_file().bytes);
        crypto::VerifyPolicy policy;
        policy.host = host;
        policy.time = time;
        const auto chain = crypto::verify_chain(identity.leaf, identity.chain, *anchors, policy);
        return chain ? "good" : chain.error().message;
    }

    IssuedDevice issue(KeyType key, TlsLane lane = TlsLane::modern) {
        auto issued = authority->issue_device({phone, key, lane}, *registry);
        if (!issued) ADD_FAILURE() << issued.error().message;
        return std::move(*issued);
    }

    TemporaryFolder folder;
    SystemDisk disk;
    SystemRandom random;
    ManualClock clock{day(2026, 6, 1)};
    std::unique_ptr<Authority> authority;
    std::unique_ptr<registry::Registry> registry;
};

TEST_F(AuthorityTest, KeysAreForTheirOwnerOnly) {
    const auto keys = *disk.list(folder / "keys");
    EXPECT_GE(keys.size(), 7u);
    for (const std::string& name : keys) {
        struct stat info {};
        ASSERT_EQ(::stat((folder / ("keys/" + name)).c_str(), &info), 0);
        EXPECT_EQ(info.st_mode & 0777, 0600u) << name;
    }
    struct stat directory {};
    ASSERT_EQ(::stat((folder / "keys").c_str(), &directory), 0);
    EXPECT_EQ(directory.st_mode & 0777, 0700u);
    EXPECT_EQ(folder.get("root.pem").find("PRIVATE"), std::string::npos);
}

TEST_F(AuthorityTest, OpenGivesWhatCreateMade) {
    auto opened = Authority::open(folder.path(), disk, random, clock);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    EXPECT_EQ((*opened)->own_certificates(), authority->own_certificates());
    EXPECT_EQ((*opened)->root_file().bytes, folder.get("root.pem"));
    EXPECT_EQ((*opened)->server_names().hosts, names().hosts);
    EXPECT_EQ((*opened)->server_names().addresses, names().addresses);
    const auto again = Authority::create(folder.path(), names(), disk, random, clock);
    ASSERT_FALSE(again.has_value());
    EXPECT_EQ(again.error().code, FaultCode::conflict);
}

TEST_F(AuthorityTest, TheRootFileHoldsWhatEitherLaneSends) {
    const auto held = Certificate::parse_bundle(authority->root_file().bytes);
    ASSERT_TRUE(held.has_value());
    ASSERT_EQ(held->size(), 3u);
    EXPECT_TRUE(held->front().is_self_issued());
    std::vector<Certificate> sent;
    for (const TlsLane lane : {TlsLane::modern, TlsLane::legacy}) {
        const auto identity = authority->server_identities(lane).back();
        EXPECT_EQ(identity.key.kind(), KeyKind::rsa);
        sent.insert(sent.end(), identity.chain.begin(), identity.chain.end());
    }
    EXPECT_EQ(sent, (std::vector<Certificate>{held->at(1), held->at(2)}));
}

TEST_F(AuthorityTest, FingerprintsAreThoseOfTheFile) {
    const RootFile& file = authority->root_file();
    EXPECT_EQ(file.path, folder / "root.pem");
    const auto sha1 = run("sha1sum <" + file.path).output;
    EXPECT_EQ(file.sha1, to_upper(sha1.substr(0, 40)));
    EXPECT_EQ(file.sha1_short, file.sha1.substr(0, 20));
    EXPECT_EQ(file.sha256, to_upper(run("sha256sum <" + file.path).output.substr(0, 64)));
}

TEST_F(AuthorityTest, OpensslVerifiesEveryCertificate) {
    const std::string root = folder.put("only-root.pem", authority->own_certificates().front().to_pem());
    for (const TlsLane lane : {TlsLane::modern, TlsLane::legacy}) {
        for (const crypto::TlsIdentity& identity : authority->server_identities(lane)) {
            folder.put("chain.pem", format_bundle(identity.chain));
            folder.put("leaf.pem", identity.leaf.to_pem());
            for (const char* name : {"-verify_hostname prov.example", "-verify_ip 192.0.2.1"}) {
                const auto result =
                    run("openssl verify -x509_strict -attime 1780272000 -purpose sslserver -CAfile " + root +
                        " -untrusted " + folder / "chain.pem" + " " + name + " " + folder / "leaf.pem");
                EXPECT_EQ(result.status, 0) << result.output;
            }
        }
    }
}

TEST_F(AuthorityTest, AModernServerIsGoodByNameAndAddressUnlessItsTimeIsOver) {
    const auto identities = authority->server_identities(TlsLane::modern);
    ASSERT_EQ(identities.size(), 2u);
    EXPECT_EQ(identities[0].key.kind(), KeyKind::ec);
    EXPECT_EQ(identities[1].key.kind(), KeyKind::rsa);
    for (const crypto::TlsIdentity& one : identities) {
        EXPECT_EQ(judge_server(one, "prov.example", {clock.wall_now()}), "good");
        EXPECT_EQ(judge_server(one, "192.0.2.1", {clock.wall_now()}), "good");
        EXPECT_EQ(judge_server(one, "prov.example", {clock.wall_now() - std::chrono::hours(23)}), "good");
        EXPECT_EQ(judge_server(one, "other.example", {clock.wall_now()}).find("wrong name: "), 0u);
        EXPECT_EQ(judge_server(one, "prov.example", {day(2040, 1, 1)}).find("expired: "), 0u);
    }
}

// A set without a battery clock wakes up in some old year; a 32-bit one ends in January 2038.
TEST_F(AuthorityTest, TheLegacyLaneHoldsFrom2000To2037) {
    const auto identities = authority->server_identities(TlsLane::legacy);
    ASSERT_EQ(identities.size(), 1u);
    for (const WallTime time : {day(2000, 1, 1), day(2006, 1, 1), day(2026, 6, 1), day(2037, 12, 31)}) {
        EXPECT_EQ(judge_server(identities[0], "192.0.2.1", {time}), "good") << format_time(time);
    }
    EXPECT_LT(identities[0].leaf.not_after(), day(2038, 1, 1));
    EXPECT_EQ(identities[0].leaf.key_bits(), 2048u);
}

TEST_F(AuthorityTest, ADeviceCertificateOfTheLegacyLaneOpensThatLaneOnly) {
    const auto judge = [this](const IssuedDevice& device, TlsLane lane) {
        crypto::VerifyPolicy policy;
        policy.purpose = Purpose::client;
        policy.time.at = clock.wall_now();
        policy.strength = lane == TlsLane::legacy ? Strength::legacy : Strength::modern;
        return crypto::verify_chain(device.certificate, device.chain, authority->device_issuers(lane), policy)
            .has_value();
    };
    const IssuedDevice rsa = issue(KeyType::rsa2048);
    const IssuedDevice p256 = issue(KeyType::p256);
    const IssuedDevice legacy = issue(KeyType::rsa2048, TlsLane::legacy);
    EXPECT_TRUE(judge(rsa, TlsLane::modern));
    EXPECT_TRUE(judge(p256, TlsLane::modern));
    EXPECT_TRUE(judge(legacy, TlsLane::legacy));
    EXPECT_TRUE(judge(rsa, TlsLane::legacy));
    EXPECT_FALSE(judge(p256, TlsLane::legacy)) << "its sets know RSA only";
    EXPECT_FALSE(judge(legacy, TlsLane::modern));

    EXPECT_EQ(rsa.certificate.common_name(), "00247F0102AB");
    EXPECT_TRUE(rsa.key.matches(rsa.certificate));
    EXPECT_EQ(p256.key.kind(), KeyKind::ec);
    EXPECT_EQ(legacy.certificate.not_before(), day(2000, 1, 1));
    EXPECT_LT(rsa.certificate.not_after(), day(2032, 1, 1));
}

TEST_F(AuthorityTest, ADeviceCertificateIsRecordedAndCanBeRevoked) {
    const IssuedDevice device = issue(KeyType::p256);
    const auto record = *registry->find_certificate(device.certificate.fingerprint_sha256());
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->serial, device.certificate.serial());
    EXPECT_EQ(record->purpose, CertificatePurpose::device);
    EXPECT_EQ(record->device, phone);
    EXPECT_EQ(record->not_after, device.certificate.not_after());
    EXPECT_FALSE(record->legacy_lane);
    EXPECT_FALSE(record->revoked.has_value());
    ASSERT_TRUE(registry->revoke_certificate(device.certificate.serial()).has_value());
    EXPECT_TRUE((*registry->find_certificate(device.certificate.fingerprint_sha256()))->revoked.has_value());
}

TEST_F(AuthorityTest, OpensslReadsTheDevicesPkcs12) {
    const IssuedDevice device = issue(KeyType::rsa2048, TlsLane::legacy);
    EXPECT_TRUE(crypto::is_typeable_password(device.pkcs12_password.reveal()));
    folder.put("device.p12", device.pkcs12);
    folder.put("p12.txt", device.pkcs12_password.reveal());
    const auto result =
        run("openssl pkcs12 -in " + folder / "device.p12" + " -passin file:" + folder / "p12.txt" + " -nokeys");
    ASSERT_EQ(result.status, 0) << result.output;
    const auto held = Certificate::parse_bundle(result.output);
    ASSERT_TRUE(held.has_value());
    EXPECT_EQ(*held, (std::vector<Certificate>{device.certificate, device.chain.front()}));
}

TEST_F(AuthorityTest, WhatCannotBeIssuedLeavesNoRecord) {
    const auto unknown = authority->issue_device({*MacAddress::parse("00247F999999"), KeyType::p256}, *registry);
    ASSERT_FALSE(unknown.has_value());
    EXPECT_EQ(unknown.error().code, FaultCode::not_found);
    const auto curve = authority->issue_device({phone, KeyType::p256, TlsLane::legacy}, *registry);
    ASSERT_FALSE(curve.has_value());
    EXPECT_EQ(curve.error().code, FaultCode::conflict);
    EXPECT_EQ(registry->counts()->certificates, 0u);
}

TEST_F(AuthorityTest, AnotherServerIsVerifiedByItsOwnNamesOnly) {
    for (const KeyType type : {KeyType::rsa2048, KeyType::p256}) {
        const auto host = authority->issue_host(
            {{"sip.example", "voice.example"}, {*IpAddress::parse("192.0.2.9")}, type}, *registry);
        ASSERT_TRUE(host.has_value()) << host.error().message;
        EXPECT_TRUE(host->key.matches(host->certificate));
        const crypto::TlsIdentity identity{host->certificate, host->chain, host->key};
        for (const char* name : {"sip.example", "voice.example", "192.0.2.9"})
            EXPECT_EQ(judge_server(identity, name, {clock.wall_now()}), "good") << name;
        for (const auto& name : names().hosts)
            EXPECT_EQ(judge_server(identity, name, {clock.wall_now()}).substr(0, 10), "wrong name") << name;
        const auto record = registry->find_certificate(host->certificate.fingerprint_sha256());
        ASSERT_TRUE(record.has_value() && record->has_value());
        EXPECT_EQ((*record)->purpose, CertificatePurpose::server);
        EXPECT_FALSE((*record)->device);
    }
    EXPECT_EQ(authority->issue_host({{}, {}}, *registry).error().code, FaultCode::malformed);
    EXPECT_EQ(authority->issue_host({{"a b"}, {}}, *registry).error().code, FaultCode::malformed);
}

TEST_F(AuthorityTest, RecordsItsOwnCertificatesOnce) {
    ASSERT_TRUE(authority->record_own(*registry).has_value());
    ASSERT_TRUE(authority->record_own(*registry).has_value());
    EXPECT_EQ(registry->counts()->certificates, authority->own_certificates().size());
    int servers = 0;
    ASSERT_TRUE(registry
                    ->list_certificates([&servers](const registry::CertificateRecord& record) {
                        servers += record.purpose == CertificatePurpose::server ? 1 : 0;
                        return true;
                    })
                    .has_value());
    EXPECT_EQ(servers, 3);
}

TEST_F(AuthorityTest, NewServerNamesLeaveTheRootFileAsItWas) {
    const std::string before = folder.get("root.pem");
    const ServerNames more{{"prov.example", "phones.example"},
                           {*IpAddress::parse("192.0.2.1"), *IpAddress::parse("::1")}};
    clock.advance(std::chrono::hours(24 * 30));
    ASSERT_TRUE(authority->issue_server(more, *registry).has_value());
    EXPECT_EQ(folder.get("root.pem"), before);
    auto opened = Authority::open(folder.path(), disk, random, clock);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    authority = std::move(*opened);
    EXPECT_EQ(authority->server_names().hosts, more.hosts);
    for (const TlsLane lane : {TlsLane::modern, TlsLane::legacy}) {
        for (const crypto::TlsIdentity& one : authority->server_identities(lane)) {
            EXPECT_EQ(judge_server(one, "phones.example", {clock.wall_now()}), "good");
            EXPECT_EQ(judge_server(one, "::1", {clock.wall_now()}), "good");
        }
    }
    EXPECT_EQ(registry->counts()->certificates, 3u);
}

// The keys of everybody else are not even there.
TEST_F(AuthorityTest, AProcessNeedsItsOwnKeysOnly) {
    struct Need {
        KeySet set;
        std::string_view prefix;
    };
    const std::filesystem::path keys = folder / "keys";
    const std::filesystem::path aside = folder / "aside";
    for (const Need& need : {Need{KeySet::server, "server-"}, Need{KeySet::signer, "issuing-"}}) {
        std::filesystem::copy(keys, aside);
        for (const auto& entry : std::filesystem::directory_iterator(aside)) {
            const auto name = entry.path().filename();
            if (!name.string().starts_with(need.prefix)) std::filesystem::remove(keys / name);
        }
        EXPECT_TRUE(Authority::open(folder.path(), disk, random, clock, need.set)) << need.prefix;
        EXPECT_FALSE(Authority::open(folder.path(), disk, random, clock, KeySet::all));
        std::filesystem::remove_all(keys);
        std::filesystem::rename(aside, keys);
    }
}

TEST_F(AuthorityTest, DamageIsTold) {
    const auto refusal = [this] {
        const auto opened = Authority::open(folder.path(), disk, random, clock);
        return opened ? std::string("opened") : std::string(to_string(opened.error().code));
    };
    const std::string key = folder.get("keys/server-p256.key");
    folder.put("keys/server-p256.key", folder.get("keys/issuing-p256.key"));
    EXPECT_EQ(refusal(), "corrupt");
    folder.put("keys/server-p256.key", "nonsense");
    EXPECT_EQ(refusal(), "corrupt");
    folder.put("keys/server-p256.key", key);
    EXPECT_EQ(refusal(), "opened");
    const std::string root = folder.get("root.pem");
    folder.put("root.pem", root + "\n");
    EXPECT_EQ(refusal(), "corrupt") << "sets compare the fingerprint of these bytes";
    std::filesystem::remove(folder / "root.pem");
    EXPECT_EQ(refusal(), "not_found");
}

TEST(AuthorityCreation, NamesAreChecked) {
    const TemporaryFolder folder;
    SystemDisk disk;
    SystemRandom random;
    const ManualClock clock{day(2026, 6, 1)};
    for (const ServerNames& bad :
         {ServerNames{}, ServerNames{{"a b"}, {IpAddress()}}, ServerNames{{"a.example"}, {}}}) {
        const auto made = Authority::create(folder.path(), bad, disk, random, clock);
        ASSERT_FALSE(made.has_value());
        EXPECT_EQ(made.error().code, FaultCode::malformed);
    }
    EXPECT_FALSE(disk.exists(folder / "root.pem"));
}

// The disk fails at the n-th change: never a root file without everything under it, and a second try works. Each try
// makes up to eight RSA keys, so not every n is tried: the first changes, some between, and the last ones all.
TEST(AuthorityCreation, ACutCreationIsNoneAndIsDoneAgain) {
    constexpr int parts = 13;
    constexpr int all = 2 + 2 * (parts + parts + 1);  // two directories; keys, certificates, the root file by rename
    SystemDisk good;
    SystemRandom random;
    const ManualClock clock{day(2026, 6, 1)};
    const TemporaryFolder folder;
    for (const int changes : {0, 1, 3, 4, all - 5, all - 4, all - 3, all - 2, all - 1}) {
        FailingDisk failing(changes);
        const auto made = Authority::create(folder.path(), names(), failing, random, clock);
        ASSERT_FALSE(made.has_value()) << "after " << changes << " changes";
        EXPECT_EQ(made.error().code, FaultCode::unavailable);
        const auto opened = Authority::open(folder.path(), good, random, clock);
        ASSERT_FALSE(opened.has_value()) << "after " << changes << " changes";
        EXPECT_EQ(opened.error().code, FaultCode::not_found);
    }
    FailingDisk enough(all);
    EXPECT_TRUE(Authority::create(folder.path(), names(), enough, random, clock).has_value());
    EXPECT_TRUE(Authority::open(folder.path(), good, random, clock).has_value());
}

}  // namespace
}  // namespace ringfence::authority

// The trust rules as a boot applies them, section by section: what a file changes for the files behind it.
#include <gmock/gmock.h>

#include "little_trust.h"
#include "phone/boot.h"
#include "phone/trust_review.h"

namespace ringfence::phone {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class BootTrust : public StagedNetwork {
protected:
    void serve(const std::string& name, const std::string& bytes) { served_["tftp://192.0.2.1/" + name] = bytes; }
    void serve_manifest(const std::string& text) { serve("1230SIP.cfg", text); }

    BootReport boot_with(const std::string& section, const std::string& name, const std::string& bytes,
                         const std::string& version = "1") {
        serve_manifest("[" + section + "]\nVERSION " + version + "\nFILENAME " + name + "\n");
        serve(name, bytes);
        return boot();
    }

    void install_root() {
        ASSERT_EQ(actions(boot_with("USER_KEYS", "root.pem", customer().root_pem())), "root.pem fetched\n");
    }

    TrustStore trust() {
        Flash opened = flash();
        auto loaded = TrustStore::load(opened, {});
        EXPECT_TRUE(loaded.has_value()) << loaded.error().message;
        return loaded.value_or(TrustStore());
    }

    void expect_event(const std::string& beginning) { EXPECT_THAT(flash().events(), Contains(StartsWith(beginning))); }
};

TEST_F(BootTrust, WhatFollowsARootIsJudgedByIt) {
    serve_manifest(
        "[USER_KEYS]\nVERSION 1\nFILENAME root.pem\n[SEC_POLICY]\nVERSION 1\nFILENAME policy.sig\n"
        "[CTL]\nFILENAME ctl.sig\n[USER_KEYS]\nVERSION 2\nFILENAME next.sig\n");
    serve("root.pem", customer().root_pem());
    serve("policy.sig", customer().sign("KEY_SIZE 2048\n"));
    serve("ctl.sig",
          customer().sign(trust_list_text("01/01/2026 00:00:00", "01/01/2028 00:00:00", {customer().root()})));
    serve("next.sig", customer().sign(stranger().root_pem()));
    EXPECT_EQ(actions(boot()), "root.pem fetched\npolicy.sig fetched\nctl.sig fetched\nnext.sig fetched\n");
    EXPECT_EQ(questions_.size(), 1u) << "one look at the first root buys the rest";
    EXPECT_EQ(trust().policy().key_size, 2048u);
    EXPECT_EQ(trust().customer_anchors().size(), 2u);
    EXPECT_TRUE(trust().trust_list().has_value());
    expect_event("0x0007 ");
}

TEST_F(BootTrust, APolicyThatWantsSignaturesGovernsManifestAndSettings) {
    install_root();
    boot_with("SEC_POLICY", "policy.sig", customer().sign("SECURITY_POLICY_PARAM_CHANGE YES\n"));
    const std::string manifest = "[DEVICE_CONFIG]\nVERSION 1\nFILENAME site.cfg\n[USER_CONFIG]\nVERSION 1\n";
    serve_manifest(manifest);
    auto report = boot();
    EXPECT_EQ(report.manifest.action, Action::refused);
    EXPECT_THAT(report.manifest.reason, HasSubstr("SECURITY_POLICY_PARAM_CHANGE"));

    serve_manifest(customer().sign(manifest));
    serve("site.cfg", customer().sign("VMAIL 100\n"));
    serve("SIP00247F0102AB.cfg", "VMAIL 666\n");
    EXPECT_EQ(actions(boot()), "site.cfg fetched\nSIP00247F0102AB.cfg refused\n");
    EXPECT_EQ(flash().state().settings.at("VMAIL").value, "100");
    EXPECT_EQ(flash().state().settings.size(), 1u) << "the signature's lines are no settings";

    // An older manifest of the same signer does not come back.
    serve_manifest(customer().sign(manifest, test_time - std::chrono::hours(1)));
    report = boot();
    EXPECT_EQ(report.manifest.action, Action::refused);
    EXPECT_THAT(report.manifest.reason, HasSubstr("earlier than"));
}

TEST_F(BootTrust, ATrustListIsAllThatIsBelievedUntilItEnds) {
    install_root();
    boot_with("CTL", "ctl.sig",
              customer().sign(trust_list_text("01/01/2026 00:00:00", "01/12/2026 00:00:00", {stranger().root()})));
    const std::string https = "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n";
    serve_manifest(https);
    served_["https://192.0.2.1/SIP00247F0102AB.cfg"] = "VMAIL 1\n";
    boot();
    ASSERT_EQ(orders_.size(), 2u);
    EXPECT_EQ(orders_[1].trust->only_leaves, std::vector{stranger().root()});

    clock_.set_wall(test_time + std::chrono::hours(24 * 30));
    server_time_ = clock_.wall_now();
    boot();
    EXPECT_FALSE(orders_[1].trust->only_leaves.has_value());
    EXPECT_FALSE(held("CTL").empty()) << "a clock may be wrong";
    boot();
    EXPECT_TRUE(held("CTL").empty()) << "a server proved the time";
    expect_event("0x0020 ");
    expect_event("0x0015 ");
}

TEST_F(BootTrust, ATrustListCountsFromItsFirstDayUnlessTheSwitchSaysOtherwise) {
    install_root();
    boot_with("CTL", "ctl.sig",
              customer().sign(trust_list_text("01/12/2026 00:00:00", "01/12/2027 00:00:00", {stranger().root()})));
    serve_manifest("[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n");
    boot();
    EXPECT_FALSE(orders_[1].trust->only_leaves.has_value());
    ASSERT_TRUE(behaviour_.set("trust-list-begin=ignored").has_value());
    boot();
    EXPECT_TRUE(orders_[1].trust->only_leaves.has_value());
}

TEST_F(BootTrust, AnUnreadableTrustListHasItsOwnEvent) {
    install_root();
    EXPECT_EQ(actions(boot_with("CTL", "ctl.sig", customer().sign(stranger().root_pem()))), "ctl.sig refused\n");
    expect_event("0x0021 ");
}

TEST_F(BootTrust, AnOldPolicyOrListDoesNotComeBackUnderAnotherName) {
    install_root();
    const WallTime before = test_time - std::chrono::hours(1);
    const auto list = [&](const std::string& ends) {
        return trust_list_text("01/01/2026 00:00:00", ends, {customer().root()});
    };
    boot_with("SEC_POLICY", "policy.sig", customer().sign("KEY_SIZE 2048\n"));
    EXPECT_EQ(actions(boot_with("SEC_POLICY", "old.sig", customer().sign("KEY_SIZE 1024\n", before), "2")),
              "old.sig refused\n");
    boot_with("CTL", "ctl.sig", customer().sign(list("01/12/2026 00:00:00")));
    const std::string old = customer().sign(list("01/12/2027 00:00:00"), before);
    EXPECT_EQ(actions(boot_with("CTL", "old.sig", old, "2")), "old.sig refused\n");
    // Nor when the list that it was replaced by has ended and is gone.
    {
        Flash opened = flash();
        ASSERT_TRUE(opened.forget("CTL").has_value());
    }
    EXPECT_EQ(actions(boot_with("CTL", "old.sig", old, "3")), "old.sig refused\n");
    EXPECT_TRUE(held("CTL").empty());
}

TEST_F(BootTrust, NoDownloadTakesARootAway) {
    serve_manifest("[USER_KEYS]\nVERSION 1\nFILENAME root.pem\n");
    serve("root.pem", customer().root_pem() + "\n" + stranger().root_pem());
    boot();
    // The same root alone brings nothing new, and its neighbour stays.
    EXPECT_EQ(actions(boot_with("USER_KEYS", "root.pem", customer().root_pem(), "2")), "root.pem kept\n");
    EXPECT_EQ(actions(boot_with("USER_KEYS", "r2.pem", customer().root_pem() + "\n", "3")), "r2.pem kept\n");
    EXPECT_EQ(held("USER_KEYS").size(), 1u);
    EXPECT_EQ(trust().customer_anchors().size(), 2u);
    // A signed one with a third root stands beside them.
    boot_with("USER_KEYS", "root.pem", customer().sign(vendor().root_pem()), "4");
    EXPECT_EQ(trust().customer_anchors().size(), 3u);
}

TEST_F(BootTrust, RootFilesAreBounded) {
    install_root();
    boot_with("SEC_POLICY", "policy.sig", customer().sign("CUST_CERT_ACCEPT VAL_NO_CHECK\n"));
    BootReport report;
    for (int i = 0; i < 20; ++i) {
        const Company company("Company " + std::to_string(i));
        report = boot_with("USER_KEYS", "root" + std::to_string(i) + ".pem", company.root_pem(), std::to_string(i + 2));
    }
    EXPECT_EQ(actions(report), "root19.pem refused\n");
    EXPECT_EQ(held("USER_KEYS").size(), 16u);
    expect_event("0x2021 ");
}

TEST_F(BootTrust, ADeviceCertificateGoesIntoItsProfile) {
    install_root();
    answer_ = {true, "given", false, Secret("secret-1")};
    const std::string name = "phone-*.p12";
    serve("phone-00247F0102AB.p12", customer().device_p12("phone", "secret-1"));
    const auto boot_p12 = [&](const std::string& more, const std::string& file = "phone-*.p12") {
        serve_manifest("[DEV_CERT]\nVERSION 4\n" + more + "FILENAME " + file +
                       "\n[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n");
        served_["https://192.0.2.1/SIP00247F0102AB.cfg"] = "VMAIL 1\n";
        return boot();
    };
    // A set's first profile is SCEP's.
    EXPECT_THAT(boot_p12("").sections.at(0).reason, HasSubstr("SCEP"));
    EXPECT_EQ(orders_.size(), 2u);
    EXPECT_EQ(orders_.back().identity, nullptr);

    {
        Flash opened = flash();
        DeviceProfile profile = opened.state().profile(1);
        profile.source = ProfileSource::pkcs12;
        profile.is_active = true;
        ASSERT_TRUE(opened.store_profile(1, profile).has_value());
    }
    EXPECT_EQ(actions(boot_p12("", "one.p12")), "one.p12 refused\nSIP00247F0102AB.cfg fetched\n") << "no '*'";
    EXPECT_EQ(actions(boot_p12("")), "phone-00247F0102AB.p12 fetched\nSIP00247F0102AB.cfg fetched\n");
    ASSERT_NE(orders_.back().identity, nullptr) << "the next HTTPS section shows it";
    EXPECT_EQ(orders_.back().identity->leaf.common_name(), "phone");
    EXPECT_EQ(version("DEV_CERT"), "4");
    EXPECT_EQ(actions(boot_p12("")), "phone-00247F0102AB.p12 kept\nSIP00247F0102AB.cfg fetched\n");
    // Another profile has a version of its own.
    EXPECT_EQ(actions(boot_p12("PROFILE 2\n")), "phone-00247F0102AB.p12 fetched\nSIP00247F0102AB.cfg fetched\n");
    EXPECT_EQ(version("DEV_CERT/2"), "4");
    EXPECT_EQ(actions(boot_p12("PROFILE 9\n")), "phone-00247F0102AB.p12 refused\nSIP00247F0102AB.cfg fetched\n");
    for (const auto& [path, bytes] : disk_.files()) EXPECT_THAT(bytes, Not(HasSubstr("secret-1"))) << path;

    Flash opened = flash();
    ASSERT_TRUE(opened.delete_identity(1).has_value());
    EXPECT_FALSE(opened.read_identity(1).has_value());
    EXPECT_EQ(opened.state().find_version("DEV_CERT"), nullptr);
    EXPECT_TRUE(opened.read_identity(2).has_value());
}

TEST_F(BootTrust, AWrongPasswordLeavesTheProfileAsItIs) {
    install_root();
    Flash opened = flash();
    ASSERT_TRUE(opened.store_profile(1, DeviceProfile()).has_value());
    answer_ = {true, "given", false, Secret("wrong")};
    const auto report = boot_with("DEV_CERT", "*.p12", "");
    serve("00247F0102AB.p12", customer().device_p12("phone", "secret-1"));
    EXPECT_EQ(actions(boot()), "00247F0102AB.p12 refused\n");
    EXPECT_TRUE(flash().state().profile(1).identity.empty());
    EXPECT_EQ(version("DEV_CERT"), "");
}

TEST_F(BootTrust, OldLoadsBeginNoTlsWithoutACertificate) {
    install_root();
    ASSERT_TRUE(behaviour_.set("tls-start=needs-certificate").has_value());
    serve_manifest("[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n");
    EXPECT_THAT(boot().sections.at(0).reason, HasSubstr("without a device certificate"));
    EXPECT_EQ(orders_.size(), 1u);
}

TEST_F(BootTrust, PolicyAndSwitchReachTheTlsConnection) {
    install_root();
    boot_with("SEC_POLICY", "policy.sig", customer().sign("KEY_SIZE 2048\n"));
    ASSERT_TRUE(behaviour_.set("server-chain=every-ca-installed").has_value());
    serve_manifest("[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n");
    boot();
    EXPECT_EQ(orders_.at(1).trust->min_rsa_bits, 2048u);
    EXPECT_TRUE(orders_.at(1).trust->sent_chain_must_be_held);
}

TEST_F(BootTrust, ThePhoneThatStaysOnLooksAtItsTrustByItself) {
    install_root();
    boot_with("CTL", "ctl.sig",
              customer().sign(trust_list_text("01/01/2026 00:00:00", "01/12/2026 00:00:00", {customer().root()})));
    Flash opened = flash();
    TrustStore store = trust();
    ASSERT_TRUE(keep_trust(opened, store, {test_time, false}).has_value());
    EXPECT_TRUE(store.trust_list().has_value());
    ASSERT_TRUE(keep_trust(opened, store, {test_time + std::chrono::hours(24 * 30), false}).has_value());
    EXPECT_TRUE(store.trust_list().has_value()) << "nobody proved that time";
    expect_event("0x0020 ");
}

TEST_F(BootTrust, WhatIsInstalledStaysUnderItsNameWhenItIsMetUnderAnother) {
    install_root();
    const std::string policy = customer().sign("KEY_SIZE 2048\n");
    const std::string list =
        customer().sign(trust_list_text("01/01/2026 00:00:00", "01/12/2026 00:00:00", {customer().root()}));
    boot_with("SEC_POLICY", "policy.sig", policy);
    boot_with("CTL", "ctl.sig", list);
    EXPECT_EQ(actions(boot_with("SEC_POLICY", "x1", policy, "2")), "x1 kept\n");
    EXPECT_EQ(actions(boot_with("CTL", "x2", list, "2")), "x2 kept\n");
    EXPECT_EQ(trust().policy().key_size, 2048u);
    EXPECT_TRUE(trust().trust_list().has_value());
}

TEST_F(BootTrust, ASignatureDoesNotMakeOneKindOfFileAnother) {
    install_root();
    const std::string list =
        customer().sign(trust_list_text("01/01/2026 00:00:00", "01/12/2026 00:00:00", {stranger().root()}));
    EXPECT_EQ(actions(boot_with("USER_KEYS", "ctl.sig", list, "2")), "ctl.sig refused\n");
    const std::string settings = customer().sign("VMAIL 101\nKEY_SIZE 1024\nBANNER hello\n");
    EXPECT_EQ(actions(boot_with("SEC_POLICY", "site.cfg", settings)), "site.cfg refused\n");
}

TEST_F(BootTrust, AHostileManifestKeepsThePhoneBusyForAWhileOnly) {
    std::string manifest;
    for (int i = 0; i < 300; ++i) manifest += "[CRL]\nFILENAME a\n";
    serve_manifest(manifest);
    boot();
    EXPECT_EQ(orders_.size(), 101u);
}

TEST_F(BootTrust, AnEndedRootIsAnEvent) {
    install_root();
    clock_.set_wall(test_time + std::chrono::hours(24 * 400));
    boot();
    expect_event("0x000B ");
}

}  // namespace
}  // namespace ringfence::phone

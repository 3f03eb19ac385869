#include "phone/boot.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "staged_network.h"

namespace ringfence::phone {
namespace {

using ::testing::HasSubstr;

class Boot : public StagedNetwork {
protected:
    void serve_manifest(const std::string& text) { served_["tftp://192.0.2.1/1230SIP.cfg"] = text; }

    void install_root() {
        serve_manifest("[USER_KEYS]\nFILENAME root.pem\n");
        served_["tftp://192.0.2.1/root.pem"] = root_pem("first");
        ASSERT_TRUE(boot().is_clean());
    }

    static std::string notes(const BootReport& report) {
        std::string out;
        for (const auto& note : report.notes)
            out += note.file + ":" + std::to_string(note.line) + " " + note.text + "\n";
        return out;
    }
};

TEST(ManifestName, FollowsFromTheModel) {
    EXPECT_EQ(manifest_name("1230").value_or(""), "1230SIP.cfg");
    EXPECT_EQ(manifest_name("1140e").value_or(""), "1140eSIP.cfg");
    for (const char* model : {"", "123", "12300", "1140E", "12xx", "../x", "1140ee"})
        EXPECT_FALSE(manifest_name(model).has_value()) << model;
}

TEST_F(Boot, WalksTheManifestInItsOrder) {
    serve_manifest(
        "[USER_KEYS]\nFILENAME root.pem\n"
        "[DEVICE_CONFIG]\nVERSION 000001\nPROTOCOL HTTP\nFILENAME common/site.cfg\n"
        "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTPS\n"
        "[FW]\nVERSION SIP12x004.04.09.00\nPROTOCOL FTP\nSERVER_IP 192.0.2.20\nFILENAME fw/a.bin\n");
    served_["tftp://192.0.2.1/root.pem"] = root_pem("first");
    served_["http://192.0.2.1/common/site.cfg"] = "SIP_DOMAIN1 example.net\n";
    served_["https://192.0.2.1/SIP00247F0102AB.cfg"] = "AUTOLOGIN_ENABLE NO\n";
    served_["ftp://192.0.2.20/fw/a.bin"] = "image";
    const auto report = boot();
    EXPECT_TRUE(report.is_clean()) << actions(report);
    EXPECT_EQ(actions(report),
              "root.pem fetched\ncommon/site.cfg fetched\nSIP00247F0102AB.cfg fetched\nfw/a.bin fetched\n");
    ASSERT_EQ(orders_.size(), 5u);
    EXPECT_FALSE(orders_[0].login);
    ASSERT_EQ(orders_[3].trust->anchors.size(), 1u);
    EXPECT_EQ(orders_[3].trust->anchors.front().to_pem(), root_pem("first"));
    EXPECT_EQ(orders_[4].login->user, "anonymous");
    EXPECT_EQ(held("FW")["fw/a.bin"], "image");
    EXPECT_EQ(version("FW"), "SIP12x004.04.09.00");
    EXPECT_EQ(flash().stage().stage, Stage::idle);
}

TEST_F(Boot, TheUrlNamesFolderOrManifest) {
    served_["http://[2001:db8::1]:8080/cfg/1230SIP.cfg"] = "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTP\n";
    served_["http://[2001:db8::1]:8080/SIP00247F0102AB.cfg"] = "VMAIL 101\n";
    EXPECT_TRUE(boot("http://[2001:db8::1]:8080/cfg/").is_clean());
    EXPECT_TRUE(boot("http://[2001:db8::1]:8080/cfg").is_clean());
    served_["http://[2001:db8::1]:8080/special.cfg"] = served_["http://[2001:db8::1]:8080/cfg/1230SIP.cfg"];
    EXPECT_TRUE(boot("http://[2001:db8::1]:8080/special.cfg").is_clean());
}

TEST_F(Boot, AutoTakesWhatIsNewerAndForcedTakesAll) {
    serve_manifest(
        "[FW]\nVERSION 000005\nFILENAME a.bin\n[TONES]\nDOWNLOAD_MODE FORCED\nVERSION 000005\nFILENAME t.wav\n");
    served_["tftp://192.0.2.1/a.bin"] = "one";
    served_["tftp://192.0.2.1/t.wav"] = "one";
    EXPECT_EQ(actions(boot()), "a.bin fetched\nt.wav fetched\n");
    served_["tftp://192.0.2.1/a.bin"] = "two";
    served_["tftp://192.0.2.1/t.wav"] = "two";
    EXPECT_EQ(actions(boot()), "a.bin kept\nt.wav fetched\n");
    EXPECT_EQ(orders_.size(), 2u) << "what is kept is not asked for";
    EXPECT_EQ(held("FW")["a.bin"], "one");
    serve_manifest("[FW]\nVERSION 6\nFILENAME a.bin\n[TONES]\nVERSION 000004\nFILENAME t.wav\n");
    EXPECT_EQ(actions(boot()), "a.bin fetched\nt.wav kept\n");
    // FORCED is also the way down: the stored version follows.
    serve_manifest("[FW]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nFILENAME a.bin\n");
    EXPECT_EQ(actions(boot()), "a.bin kept\n") << "the same image";
    EXPECT_EQ(orders_.size(), 2u);
    EXPECT_EQ(version("FW"), "000001");
}

TEST_F(Boot, AFailedFileKeepsTheOldOneAndItsVersion) {
    serve_manifest("[FW]\nVERSION 000001\nFILENAME a.bin\n[TONES]\nVERSION 000001\nFILENAME t.wav\n");
    served_["tftp://192.0.2.1/a.bin"] = "one";
    served_["tftp://192.0.2.1/t.wav"] = "one";
    ASSERT_TRUE(boot().is_clean());
    serve_manifest("[FW]\nVERSION 000002\nFILENAME gone.bin\n[TONES]\nVERSION 000002\nFILENAME t.wav\n");
    served_["tftp://192.0.2.1/t.wav"] = "two";
    const auto report = boot();
    EXPECT_FALSE(report.is_clean());
    EXPECT_EQ(actions(report), "gone.bin failed\nt.wav fetched\n") << "the boot goes on behind a failure";
    EXPECT_EQ(held("FW")["a.bin"], "one");
    EXPECT_EQ(version("FW"), "000001");
}

TEST_F(Boot, NoManifestKeepsEverything) {
    install_root();
    served_.clear();
    auto report = boot();
    EXPECT_EQ(report.manifest.action, Action::failed);
    EXPECT_FALSE(report.is_clean());
    EXPECT_TRUE(report.sections.empty());
    for (const char* text : {"", "<html>it works</html>", "# nothing but a comment\n"}) {
        serve_manifest(text);
        report = boot();
        EXPECT_EQ(report.manifest.action, Action::failed) << text;
    }
    serve_manifest(std::string(phonefile::max_file_size + 1, '#'));
    EXPECT_EQ(boot().manifest.action, Action::refused);
    EXPECT_EQ(held("USER_KEYS").size(), 1u);
    EXPECT_EQ(flash().stage().stage, Stage::idle);
}

TEST_F(Boot, FirstRootIsAQuestionOfItsFingerprint) {
    serve_manifest("[USER_KEYS]\nVERSION 000001\nFILENAME root.pem\n");
    served_["tftp://192.0.2.1/root.pem"] = root_pem("first");
    answer_ = {false, "no answer", false, {}};
    auto report = boot();
    EXPECT_EQ(actions(report), "root.pem refused\n");
    EXPECT_THAT(report.sections[0].reason, HasSubstr("no answer"));
    ASSERT_EQ(questions_.size(), 1u);
    EXPECT_EQ(questions_[0].fingerprints.sha1, fingerprints_of(root_pem("first")).sha1);
    EXPECT_TRUE(held("USER_KEYS").empty());
    EXPECT_EQ(version("USER_KEYS"), "");

    answer_ = {true, "given on the command line", true, {}};
    report = boot();
    EXPECT_EQ(actions(report), "root.pem fetched\n");
    EXPECT_THAT(flash().state().files.front().basis, HasSubstr("given on the command line"));
    EXPECT_THAT(flash().events(), ::testing::Contains(::testing::StartsWith("0x0007 [Information]")));
}

TEST_F(Boot, TheSameRootAgainAsksNobody) {
    install_root();
    const auto report = boot();
    EXPECT_EQ(actions(report), "root.pem kept\n");
    EXPECT_TRUE(report.is_clean());
    EXPECT_TRUE(questions_.empty());
    EXPECT_EQ(held("USER_KEYS").size(), 1u);
    // A version that comes with the same bytes is remembered.
    serve_manifest("[USER_KEYS]\nVERSION 000009\nFILENAME root.pem\n");
    EXPECT_EQ(actions(boot()), "root.pem kept\n");
    EXPECT_EQ(version("USER_KEYS"), "000009");
    EXPECT_EQ(actions(boot()), "root.pem kept\n");
    EXPECT_EQ(orders_.size(), 1u);
}

TEST_F(Boot, AnotherRootIsRefusedWithoutAQuestion) {
    install_root();
    served_["tftp://192.0.2.1/root.pem"] = root_pem("second");
    const auto report = boot();
    EXPECT_EQ(actions(report), "root.pem refused\n");
    EXPECT_TRUE(questions_.empty());
    EXPECT_EQ(held("USER_KEYS")["root.pem"], root_pem("first"));
}

TEST_F(Boot, OfSeveralRootFilesOnlyTheFirstMayBeUnsigned) {
    serve_manifest("[USER_KEYS]\nVERSION 000001\nFILENAME root.pem\nFILENAME other.pem\n");
    served_["tftp://192.0.2.1/root.pem"] = root_pem("first");
    served_["tftp://192.0.2.1/other.pem"] = root_pem("second");
    EXPECT_EQ(actions(boot()), "root.pem fetched\nother.pem refused\n");
    EXPECT_EQ(questions_.size(), 1u);
    EXPECT_EQ(version("USER_KEYS"), "") << "not all of the section is in";
}

TEST_F(Boot, HttpsNeedsAnInstalledRoot) {
    serve_manifest("[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n");
    served_["https://192.0.2.1/SIP00247F0102AB.cfg"] = "VMAIL 101\n";
    const auto report = boot();
    EXPECT_EQ(actions(report), "SIP00247F0102AB.cfg refused\n");
    EXPECT_EQ(orders_.size(), 1u) << "nobody was contacted";
    const auto direct = boot("https://192.0.2.1");
    EXPECT_EQ(direct.manifest.action, Action::refused);
    EXPECT_TRUE(orders_.empty());
}

TEST_F(Boot, ADamagedRootIsNotAFreshPhone) {
    install_root();
    for (auto& [path, bytes] : disk_.files())
        if (path.find("/files/") != std::string::npos) bytes += "x";
    const auto report = boot();
    EXPECT_EQ(report.manifest.action, Action::refused);
    EXPECT_FALSE(report.is_clean());
    EXPECT_TRUE(orders_.empty());
    EXPECT_TRUE(questions_.empty());
}

TEST_F(Boot, LoginsGoWhereTheyBelong) {
    install_root();
    device_login_ = Login{"T0024", Secret("device-secret")};
    const std::string manifest =
        "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\nFILENAME a.cfg\n"
        "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\nSRV_USER_NAME fleet\nSRV_USER_PASS fleet-pass\nSERVER_IP "
        "b.example\n"
        "[FW]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTP\nFILENAME fw.bin\n"
        "[TONES]\nDOWNLOAD_MODE FORCED\nPROTOCOL FTP\nFILENAME t.wav\n"
        "[LANGUAGE]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTP\nSRV_USER_NAME lang\nSRV_USER_PASS lang-pass\nFILENAME l.lng\n"
        "[IMAGES]\nDOWNLOAD_MODE FORCED\nPROTOCOL TFTP\nSRV_USER_NAME x\nSRV_USER_PASS y\nFILENAME i.png\n";
    serve_manifest(manifest);
    auto report = boot();
    ASSERT_EQ(orders_.size(), 7u);
    EXPECT_EQ(orders_[1].login->password.reveal(), "device-secret");
    EXPECT_EQ(orders_[2].login->password.reveal(), "fleet-pass");
    EXPECT_FALSE(orders_[3].login) << "the device's password stays off insecure wires";
    EXPECT_EQ(orders_[4].login->user, "anonymous");
    EXPECT_TRUE(orders_[4].login->password.empty());
    EXPECT_EQ(orders_[5].login->user, "lang");
    EXPECT_FALSE(orders_[6].login);
    EXPECT_THAT(notes(report), HasSubstr("login of [LANGUAGE] crosses the network in clear"));

    served_["ftp://192.0.2.1/1230SIP.cfg"] = manifest;
    report = boot("ftp://boot:url-secret@192.0.2.1");
    EXPECT_EQ(orders_[0].login->password.reveal(), "url-secret");
    EXPECT_EQ(orders_[1].login->password.reveal(), "device-secret");
    EXPECT_FALSE(orders_[3].login) << "the URL's login is for its own protocol and server";
    EXPECT_EQ(orders_[4].login->password.reveal(), "url-secret");

    std::string everything = notes(report);
    for (const auto& file : report.sections) everything += file.url + file.reason;
    for (const auto& entry : disk_.files()) everything += entry.second;
    for (const char* secret : {"device-secret", "fleet-pass", "lang-pass", "url-secret"})
        EXPECT_EQ(everything.find(secret), std::string::npos) << secret;
}

TEST_F(Boot, TheCertificateIsOfferedOverHttpsOnly) {
    install_root();
    identity_ = some_identity();
    serve_manifest(
        "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n[FW]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTP\nFILENAME a\n");
    boot();
    EXPECT_EQ(orders_[0].identity, nullptr);
    EXPECT_NE(orders_[1].identity, nullptr);
    EXPECT_EQ(orders_[2].identity, nullptr);
}

TEST_F(Boot, SettingsAreStickyAndLaterSectionsWin) {
    serve_manifest(
        "[DEVICE_CONFIG]\nVERSION 000001\nFILENAME site.cfg\n[USER_CONFIG]\nDOWNLOAD_MODE AUTO\nVERSION 000001\n");
    served_["tftp://192.0.2.1/site.cfg"] = "VMAIL 100\nBANNER site\nDNS_DOMAIN a.example\n";
    served_["tftp://192.0.2.1/SIP00247F0102AB.cfg"] = "VMAIL 200\n";
    ASSERT_TRUE(boot().is_clean());
    auto settings = flash().state().settings;
    EXPECT_EQ(settings.at("VMAIL").value, "200");
    EXPECT_EQ(settings.at("VMAIL").section, "USER_CONFIG");
    EXPECT_EQ(settings.at("BANNER").value, "site");

    // The shared file changes while the personal one is kept: the personal value still wins, and what the new file
    // leaves out stays.
    serve_manifest("[DEVICE_CONFIG]\nVERSION 000002\nFILENAME site.cfg\n[USER_CONFIG]\nVERSION 000001\n");
    served_["tftp://192.0.2.1/site.cfg"] = "VMAIL 101\nBANNER new\n";
    EXPECT_EQ(actions(boot()), "site.cfg fetched\nSIP00247F0102AB.cfg kept\n");
    settings = flash().state().settings;
    EXPECT_EQ(settings.at("VMAIL").value, "200");
    EXPECT_EQ(settings.at("BANNER").value, "new");
    EXPECT_EQ(settings.at("DNS_DOMAIN").value, "a.example");

    // The other order, the other winner.
    serve_manifest("[USER_CONFIG]\nVERSION 000001\n[DEVICE_CONFIG]\nVERSION 000003\nFILENAME site.cfg\n");
    EXPECT_EQ(actions(boot()), "SIP00247F0102AB.cfg kept\nsite.cfg fetched\n");
    EXPECT_EQ(flash().state().settings.at("VMAIL").value, "101");
}

TEST_F(Boot, ReportsWhatAPhoneWouldNotObey) {
    serve_manifest("[UNHEARD_OF]\nFILENAME x\n[DEVICE_CONFIG]\nVERSION 000001\nCOLOUR green\nFILENAME site.cfg\n" +
                   std::string(81, '#') + "\n[FW]\nVERSION 1\nFILENAME never.bin\n");
    served_["tftp://192.0.2.1/site.cfg"] = "VMAIL 100\nBANNER " + std::string(80, 'x') + "\nDNS_DOMAIN lost.example\n";
    const auto report = boot();
    EXPECT_TRUE(report.is_clean());
    EXPECT_EQ(actions(report), "site.cfg fetched\n");
    const auto settings = flash().state().settings;
    EXPECT_EQ(settings.size(), 1u) << "the over-long line and all behind it are dropped";
    const std::string told = notes(report);
    EXPECT_THAT(told, HasSubstr("1230SIP.cfg:1 "));
    EXPECT_THAT(told, HasSubstr("1230SIP.cfg:5 "));
    EXPECT_THAT(told, HasSubstr("1230SIP.cfg:7 "));
    EXPECT_THAT(told, HasSubstr("site.cfg:2 "));
}

TEST_F(Boot, AtMostFiveLanguages) {
    std::string manifest = "[LANGUAGE]\nVERSION 000001\n";
    for (int i = 1; i <= 6; ++i) {
        const std::string name = "l" + std::to_string(i) + ".lng";
        manifest += "FILENAME " + name + "\n";
        served_["tftp://192.0.2.1/" + name] = name;
    }
    serve_manifest(manifest);
    EXPECT_EQ(actions(boot()),
              "l1.lng fetched\nl2.lng fetched\nl3.lng fetched\nl4.lng fetched\nl5.lng fetched\nl6.lng refused\n");
    EXPECT_EQ(held("LANGUAGE").size(), 5u);
    EXPECT_EQ(version("LANGUAGE"), "000001");

    serve_manifest("[LANGUAGE]\nVERSION 000002\nFILENAME l6.lng\nFILENAME l1.lng\n");
    EXPECT_EQ(actions(boot()), "l6.lng refused\nl1.lng fetched\n") << "a stored name takes no further room";
    serve_manifest("[LANGUAGE]\nDELETE_FILES YES\nVERSION 000003\nFILENAME l6.lng\nFILENAME l1.lng\n");
    EXPECT_EQ(actions(boot()), "l6.lng fetched\nl1.lng fetched\n");
    EXPECT_EQ(held("LANGUAGE").size(), 2u);
}

TEST_F(Boot, DeleteFilesWaitsUntilTheNewOnesAreIn) {
    serve_manifest("[LANGUAGE]\nVERSION 000001\nFILENAME old.lng\n");
    served_["tftp://192.0.2.1/old.lng"] = "old";
    served_["tftp://192.0.2.1/a.lng"] = "a";
    ASSERT_TRUE(boot().is_clean());
    serve_manifest("[LANGUAGE]\nDELETE_FILES YES\nVERSION 000002\nFILENAME missing.lng\nFILENAME a.lng\n");
    EXPECT_EQ(actions(boot()), "missing.lng failed\na.lng fetched\n");
    EXPECT_EQ(held("LANGUAGE").count("old.lng"), 1u);
    EXPECT_EQ(version("LANGUAGE"), "000001");
    served_["tftp://192.0.2.1/missing.lng"] = "m";
    EXPECT_EQ(actions(boot()), "missing.lng fetched\na.lng fetched\n");
    EXPECT_EQ(held("LANGUAGE").count("old.lng"), 0u);
    EXPECT_EQ(version("LANGUAGE"), "000002");
}

TEST_F(Boot, RootsAreNeverDeletedByAManifest) {
    install_root();
    serve_manifest("[USER_KEYS]\nDELETE_FILES YES\nVERSION 000002\nFILENAME other.pem\n");
    served_["tftp://192.0.2.1/other.pem"] = root_pem("second");
    EXPECT_EQ(actions(boot()), "other.pem refused\n");
    EXPECT_EQ(held("USER_KEYS").size(), 1u);
}

TEST_F(Boot, StarBecomesTheMac) {
    serve_manifest("[DEVICE_CONFIG]\nVERSION 1\nFILENAME cfg/*/phone-*.cfg\n");
    served_["tftp://192.0.2.1/cfg/00247F0102AB/phone-00247F0102AB.cfg"] = "VMAIL 1\n";
    EXPECT_TRUE(boot().is_clean());
}

TEST_F(Boot, PromptYesAsksFirst) {
    serve_manifest("[FW]\nPROMPT YES\nVERSION 1\nFILENAME a.bin\n");
    served_["tftp://192.0.2.1/a.bin"] = "image";
    answer_ = {false, "no answer", false, {}};
    EXPECT_EQ(actions(boot()), "a.bin refused\n");
    EXPECT_EQ(orders_.size(), 1u);
    ASSERT_EQ(questions_.size(), 1u);
    EXPECT_EQ(questions_[0].kind, Question::Kind::consent);
    answer_ = {true, "yes", false, {}};
    EXPECT_EQ(actions(boot()), "a.bin fetched\n");
}

TEST_F(Boot, NamesThatLeadAstrayAreNotAskedFor) {
    serve_manifest("[FW]\nVERSION 1\nFILENAME ../../etc/passwd\n[TONES]\nVERSION 1\nFILENAME a\x01.wav\n");
    const auto report = boot();
    EXPECT_EQ(report.sections[0].action, Action::refused);
    EXPECT_EQ(orders_.size(), 1u);
}

// A phone whose own settings came over HTTPS, and then a server that nobody knows.
class RogueServer : public Boot {
protected:
    void SetUp() override {
        install_root();
        serve_manifest(
            "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n"
            "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL TFTP\nFILENAME common.cfg\n"
            "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\nFILENAME internal.cfg\n");
        served_["https://192.0.2.1/SIP00247F0102AB.cfg"] = "SIP_DOMAIN1 good.example\n";
        served_["https://192.0.2.1/internal.cfg"] = "DNS_DOMAIN good.example\n";
        served_["tftp://192.0.2.1/common.cfg"] = "SNTP_SERVER good.example\n";
    }

    // Against another server, where every name is served over every protocol.
    BootReport boot_astray(const std::string& manifest) {
        served_["http://198.51.100.9/1230SIP.cfg"] = manifest;
        for (const char* protocol : {"tftp", "ftp", "http"})
            for (const char* name : {"SIP00247F0102AB.cfg", "evil.cfg", "internal.cfg", "common.cfg"})
                served_[std::string(protocol) + "://198.51.100.9/" + name] =
                    "SIP_DOMAIN1 evil.example\nDNS_DOMAIN evil.example\nBANNER evil\nSNTP_SERVER evil.example\n"
                    "UNHEARD_OF evil\n";
        return boot("http://198.51.100.9");
    }

    std::string setting(const std::string& name) { return flash().state().settings.at(name).value; }
};

TEST_F(RogueServer, GetsNoUserConfigInByAClearWireUnderAnyName) {
    ASSERT_TRUE(boot().is_clean());
    const auto before = held("USER_CONFIG");
    for (const char* protocol : {"TFTP", "FTP", "HTTP"})
        for (const char* name : {"SIP*.cfg", "evil.cfg", "/evil.cfg"}) {
            const auto report = boot_astray(std::string("[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL ") + protocol +
                                            "\nSRV_USER_NAME u\nSRV_USER_PASS p\nFILENAME " + name + "\n");
            ASSERT_EQ(report.sections.size(), 1u);
            EXPECT_EQ(report.sections[0].action, Action::refused) << protocol << " " << name;
            EXPECT_THAT(report.sections[0].reason, HasSubstr("came over https before"));
            EXPECT_EQ(orders_.size(), 1u) << "the manifest only: no file and no login goes over this wire";
            EXPECT_EQ(held("USER_CONFIG"), before);
        }
    EXPECT_THAT(flash().events(), ::testing::Contains(::testing::StartsWith("0x2020 [Minor]")));
    EXPECT_EQ(setting("SIP_DOMAIN1"), "good.example");
}

TEST_F(RogueServer, GetsNoInternalDeviceConfigInByAClearWire) {
    ASSERT_TRUE(boot().is_clean());
    for (const char* name : {"internal.cfg", "/internal.cfg"}) {
        const auto report =
            boot_astray(std::string("[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTP\nFILENAME ") + name + "\n");
        EXPECT_EQ(report.sections.at(0).action, Action::refused) << name;
        EXPECT_EQ(orders_.size(), 1u);
    }
}

TEST_F(RogueServer, SetsNothingButPublicSettings) {
    ASSERT_TRUE(boot().is_clean());
    const auto report = boot_astray("[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTP\nFILENAME evil.cfg\n");
    EXPECT_EQ(actions(report), "evil.cfg fetched\n") << "a public file of a new name may come over any wire";
    EXPECT_EQ(setting("SIP_DOMAIN1"), "good.example");
    EXPECT_EQ(setting("DNS_DOMAIN"), "good.example");
    EXPECT_EQ(flash().state().settings.count("BANNER"), 0u);
    EXPECT_EQ(setting("SNTP_SERVER"), "evil.example") << "public settings come in clear";
    EXPECT_THAT(notes(report), HasSubstr("SIP_DOMAIN1, DNS_DOMAIN, BANNER and 1 more are left out"));
    EXPECT_EQ(notes(report).find("evil.example"), std::string::npos);
    EXPECT_EQ(held("DEVICE_CONFIG").count("internal.cfg"), 1u) << "what came over HTTPS makes no way";
}

TEST_F(RogueServer, GetsNothingElseInByAUserConfigThatNeverCameOverHttps) {
    serve_manifest("[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\nFILENAME internal.cfg\n");
    ASSERT_TRUE(boot().is_clean());
    boot_astray("[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTP\n");
    EXPECT_EQ(setting("DNS_DOMAIN"), "good.example");
    EXPECT_EQ(flash().state().settings.count("SIP_DOMAIN1"), 0u);
}

TEST_F(RogueServer, OverwritesNoPublicSettingThatCameOverHttps) {
    served_["https://192.0.2.1/internal.cfg"] = "SNTP_SERVER good.example\nDNS_DOMAIN good.example\n";
    ASSERT_TRUE(boot().is_clean());
    const auto report = boot_astray("[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTP\nFILENAME evil.cfg\n");
    EXPECT_EQ(setting("SNTP_SERVER"), "good.example");
    EXPECT_THAT(notes(report), HasSubstr("SNTP_SERVER keeps its value"));
}

// The genuine manifest comes in clear as well, so a number that only it can have given is no better than the rogue's.
class FrozenSection : public RogueServer {
protected:
    static std::string over_https(const std::string& version) {
        return "[DEVICE_CONFIG]\nVERSION " + version + "\nPROTOCOL HTTPS\nFILENAME corp.cfg\n";
    }

    void expect_thawed() {
        serve_manifest(over_https("000008"));
        served_["https://192.0.2.1/corp.cfg"] = "DNS_DOMAIN second.example\n";
        EXPECT_EQ(actions(boot()), "corp.cfg fetched\n");
        EXPECT_EQ(setting("DNS_DOMAIN"), "second.example");
        EXPECT_EQ(actions(boot()), "corp.cfg kept\n");
        EXPECT_EQ(version("DEVICE_CONFIG"), "000008");
    }

    void SetUp() override {
        install_root();
        serve_manifest(over_https("000007"));
        served_["https://192.0.2.1/corp.cfg"] = "DNS_DOMAIN first.example\n";
        ASSERT_TRUE(boot().is_clean());
    }
};

TEST_F(FrozenSection, ByAFileInClearThaws) {
    boot_astray("[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 2147483647\nPROTOCOL HTTP\nFILENAME evil.cfg\n");
    EXPECT_EQ(version("DEVICE_CONFIG"), "2147483647");
    EXPECT_EQ(held("DEVICE_CONFIG").count("corp.cfg"), 1u);
    expect_thawed();
    EXPECT_EQ(held("DEVICE_CONFIG").count("evil.cfg"), 0u);
}

TEST_F(FrozenSection, ByAFileInClearWithTheNextNumberThaws) {
    boot_astray("[DEVICE_CONFIG]\nVERSION 000008\nPROTOCOL HTTP\nFILENAME evil.cfg\n");
    EXPECT_EQ(version("DEVICE_CONFIG"), "000008");
    expect_thawed();
}

// The manual's version rule cannot tell two manifests in clear apart.
TEST_F(FrozenSection, ByACopiedManifestWithAnotherVersionThawsByForce) {
    served_["http://198.51.100.9/1230SIP.cfg"] = over_https("2147483647") + "SERVER_IP 192.0.2.1\n";
    EXPECT_EQ(actions(boot("http://198.51.100.9")), "corp.cfg fetched\n") << "genuine, with a number that is not";
    serve_manifest(over_https("000008"));
    const auto report = boot();
    EXPECT_EQ(actions(report), "corp.cfg kept\n");
    EXPECT_THAT(report.sections.at(0).reason, HasSubstr("older than the stored 2147483647"));
    serve_manifest(over_https("000008") + "DOWNLOAD_MODE FORCED\n");
    EXPECT_EQ(actions(boot()), "corp.cfg fetched\n");
    EXPECT_EQ(version("DEVICE_CONFIG"), "000008");
}

TEST_F(FrozenSection, OfFirmwareThawsByHttps) {
    serve_manifest("[FW]\nVERSION 000001\nPROTOCOL HTTPS\nFILENAME fw.bin\n");
    served_["https://192.0.2.1/fw.bin"] = "genuine";
    served_["http://198.51.100.9/fw.bin"] = served_["http://198.51.100.9/evil.bin"] = "evil";
    for (const std::string rogue : {"VERSION 2147483647\nFILENAME fw.bin\n", "VERSION 2147483647\nFILENAME evil.bin\n",
                                    "FILENAME fw.bin\n", "VERSION 000001\nFILENAME fw.bin\n"}) {
        ASSERT_TRUE(boot().is_clean());
        boot_astray("[FW]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTP\n" + rogue);
        EXPECT_THAT(held("FW"), ::testing::Contains(::testing::Pair(::testing::_, "evil"))) << rogue;
        EXPECT_EQ(actions(boot()), "fw.bin fetched\n");
        EXPECT_EQ(held("FW"), (std::map<std::string, std::string>{{"fw.bin", "genuine"}}));
    }
}

TEST_F(FrozenSection, OverClearWiresSaysWhichVersionItLostAgainst) {
    boot_astray("[TONES]\nVERSION 2147483647\nPROTOCOL HTTP\nFILENAME evil.cfg\n");
    serve_manifest("[TONES]\nVERSION 000001\nFILENAME t.wav\n");
    const auto report = boot();
    EXPECT_EQ(actions(report), "t.wav kept\n");
    EXPECT_THAT(report.sections.at(0).reason, HasSubstr("older than the stored 2147483647"));
}

TEST_F(Boot, DeletingFilesKeepsFiveOfThemAtMost) {
    std::vector<std::string> all;
    for (int round = 0; round < 3; ++round) {
        std::string manifest = fmt::format("[LANGUAGE]\nVERSION {:06}\nDELETE_FILES YES\n", round + 1);
        for (int i = 0; i < 5; ++i) all.insert(all.begin(), fmt::format("{}-{}.lng", round, i));
        for (const auto& name : all) {
            manifest += "FILENAME " + name + "\n";
            served_["tftp://192.0.2.1/" + name] = name;
        }
        serve_manifest(manifest);
        boot();
        EXPECT_EQ(held("LANGUAGE").size(), 5u) << round;
    }
}

TEST_F(RogueServer, DeletesNoLanguageThatCameOverHttps) {
    std::string manifest = "[LANGUAGE]\nVERSION 000001\nPROTOCOL HTTPS\n";
    for (const std::string name : {"1.lng", "2.lng", "3.lng", "4.lng"}) {
        manifest += "FILENAME " + name + "\n";
        served_["https://192.0.2.1/" + name] = name;
    }
    serve_manifest(manifest);
    ASSERT_TRUE(boot().is_clean());
    const auto report = boot_astray(
        "[LANGUAGE]\nDELETE_FILES YES\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTP\nFILENAME evil.cfg\nFILENAME common.cfg\n");
    EXPECT_EQ(actions(report), "evil.cfg fetched\ncommon.cfg refused\n");
    EXPECT_EQ(held("LANGUAGE").size(), 5u);
    EXPECT_EQ(held("LANGUAGE")["1.lng"], "1.lng");
    // Over HTTPS the same makes room.
    serve_manifest("[LANGUAGE]\nDELETE_FILES YES\nVERSION 000001\nPROTOCOL HTTPS\nFILENAME 1.lng\n");
    EXPECT_EQ(actions(boot()), "1.lng fetched\n");
    EXPECT_EQ(held("LANGUAGE").size(), 1u);
}

TEST_F(Boot, AVersionThatCameOverHttpsHoldsAgainstAnOlderOne) {
    install_root();
    const auto offer = [&](const std::string& protocol, const std::string& version) {
        served_[protocol + "://192.0.2.1/1230SIP.cfg"] =
            "[DEVICE_CONFIG]\nVERSION " + version + "\nPROTOCOL HTTPS\nFILENAME corp.cfg\n";
        return actions(boot(protocol + "://192.0.2.1"));
    };
    served_["https://192.0.2.1/corp.cfg"] = "DNS_DOMAIN a.example\n";
    EXPECT_EQ(offer("https", "000007"), "corp.cfg fetched\n");
    EXPECT_EQ(offer("https", "000006"), "corp.cfg kept\n");
    EXPECT_EQ(offer("tftp", "000006"), "corp.cfg kept\n");
    EXPECT_EQ(offer("tftp", "000009"), "corp.cfg fetched\n");
    EXPECT_EQ(offer("https", "000008"), "corp.cfg kept\n");
}

// A phone that took everything by HTTPS, the public file too, and then boots from a manifest in clear.
TEST_F(Boot, APublicDeviceConfigThatCameOverHttpsMayComeInClear) {
    install_root();
    const auto manifest = [](const std::string& protocol) {
        return "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL " + protocol + "\nFILENAME common.cfg\n";
    };
    served_["https://192.0.2.1/1230SIP.cfg"] = manifest("HTTPS");
    served_["https://192.0.2.1/common.cfg"] = served_["tftp://192.0.2.1/common.cfg"] = "SNTP_SERVER a.example\n";
    ASSERT_TRUE(boot("https://192.0.2.1").is_clean());
    serve_manifest(manifest("TFTP"));
    EXPECT_EQ(actions(boot()), "common.cfg fetched\n");

    served_["https://192.0.2.1/common.cfg"] = "SNTP_SERVER a.example\nDNS_DOMAIN a.example\n";
    ASSERT_TRUE(boot("https://192.0.2.1").is_clean());
    EXPECT_EQ(actions(boot()), "common.cfg refused\n") << "it is not public any more";
}

// A server on a clear wire that fills the flash, a file a boot.
TEST_F(Boot, SettingsOfClearWiresLeaveRoomInTheFlash) {
    install_root();
    serve_manifest("[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nFILENAME site.cfg\n");
    BootReport report;
    for (int round = 0; round < 3; ++round) {
        std::string flood = "BANNER round" + std::to_string(round) + "\n";
        for (int i = 0; i < 100; ++i) flood += "JUNK_" + std::to_string(round) + "_" + std::to_string(i) + " x\n";
        served_["tftp://192.0.2.1/site.cfg"] = flood;
        report = boot();
    }
    EXPECT_EQ(actions(report), "site.cfg refused\n");
    EXPECT_THAT(report.sections.at(0).reason, HasSubstr("unknown settings"));
    EXPECT_EQ(flash().state().settings.size(), 201u);
    EXPECT_EQ(flash().state().settings.at("BANNER").value, "round1") << "nothing half taken";

    served_["tftp://192.0.2.1/site.cfg"] = "BANNER known\nDNS_DOMAIN known.example\n";
    EXPECT_TRUE(boot().is_clean()) << "what the family knows always fits";
    serve_manifest("[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n");
    served_["https://192.0.2.1/SIP00247F0102AB.cfg"] = "";
    for (int i = 0; i < 1000; ++i)
        served_["https://192.0.2.1/SIP00247F0102AB.cfg"] += "OWN_" + std::to_string(i) + " x\n";
    EXPECT_TRUE(boot().is_clean());
}

TEST_F(Boot, AFileOfBadLinesDoesNotFillTheEventLog) {
    serve_manifest("[DEVICE_CONFIG]\nVERSION 000001\nFILENAME site.cfg\n");
    for (int i = 0; i < 5000; ++i) served_["tftp://192.0.2.1/site.cfg"] += "?\n";
    const auto report = boot();
    EXPECT_LT(report.notes.size(), 100u);
    EXPECT_THAT(notes(report), HasSubstr("4950 more lines are skipped"));
}

TEST_F(Boot, TheRestOfAWrappedPasswordIsShownNowhere) {
    serve_manifest("[DEVICE_CONFIG]\nVERSION 000001\nFILENAME site.cfg\n");
    served_["tftp://192.0.2.1/site.cfg"] =
        "AUTOLOGIN_PASSWD_KEY01\nCANARY20\nAUTOLOGIN_PASSWD_KEY02 first\nCANARY20\nBANNER\n";
    const auto report = boot();
    EXPECT_TRUE(report.is_clean());
    const auto settings = flash().state().settings;
    EXPECT_EQ(settings.count("CANARY20"), 0u);
    EXPECT_EQ(settings.count("BANNER"), 1u) << "a known setting may be empty";
    EXPECT_THAT(notes(report), HasSubstr("site.cfg:4 line 4 skipped"));
    std::string told = notes(report);
    for (const auto& event : flash().events()) told += event;
    EXPECT_EQ(told.find("CANARY"), std::string::npos);
}

TEST_F(RogueServer, GetsNoLoginInClearOnceTheSectionCameOverHttps) {
    ASSERT_TRUE(boot().is_clean());
    for (const char* protocol : {"HTTP", "FTP"}) {
        const auto report = boot_astray(std::string("[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL ") + protocol +
                                        "\nSRV_USER_NAME site\nSRV_USER_PASS site-pass\nFILENAME evil.cfg\n");
        ASSERT_EQ(orders_.size(), 2u);
        EXPECT_EQ(orders_[1].login ? orders_[1].login->user : "none",
                  protocol == std::string("FTP") ? "anonymous" : "none");
        EXPECT_THAT(notes(report), HasSubstr("the login of [DEVICE_CONFIG] is not sent over"));
    }
    // Neither does the URL's.
    served_["ftp://198.51.100.9/1230SIP.cfg"] =
        "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL FTP\nFILENAME evil.cfg\n";
    boot("ftp://boot:url-secret@198.51.100.9");
    ASSERT_EQ(orders_.size(), 2u);
    EXPECT_EQ(orders_[1].login->user, "anonymous");
}

TEST_F(Boot, TwoDeviceConfigsOnTwoWiresStayAsTheyAre) {
    install_root();
    const std::string both =
        "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL TFTP\nFILENAME common.cfg\n"
        "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\nFILENAME internal.cfg\n";
    serve_manifest(both);
    served_["https://192.0.2.1/internal.cfg"] = "DNS_DOMAIN a.example\n";
    served_["tftp://192.0.2.1/common.cfg"] = "BANNER hello\n";
    for (int round = 0; round < 3; ++round) {
        const auto report = boot();
        EXPECT_EQ(actions(report), "common.cfg fetched\ninternal.cfg fetched\n");
        EXPECT_EQ(notes(report), "");
    }
}

TEST_F(Boot, PublicFilesMayChangeTheWireAndThatIsAnEvent) {
    install_root();
    serve_manifest("[LANGUAGE]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\nFILENAME a.lng\n");
    served_["https://192.0.2.1/a.lng"] = "a";
    ASSERT_TRUE(boot().is_clean());
    serve_manifest("[LANGUAGE]\nDOWNLOAD_MODE FORCED\nPROTOCOL TFTP\nFILENAME a.lng\n");
    served_["tftp://192.0.2.1/a.lng"] = "b";
    const auto report = boot();
    EXPECT_EQ(actions(report), "a.lng fetched\n");
    EXPECT_THAT(notes(report), HasSubstr("came over https before and is announced over tftp now"));
    EXPECT_THAT(flash().events(), ::testing::Contains(::testing::StartsWith("0x2020 [Minor]")));
}

TEST_F(Boot, NothingFallsBackToAWeakerWire) {
    install_root();
    serve_manifest("[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n");
    served_["http://192.0.2.1/SIP00247F0102AB.cfg"] = "VMAIL 1\n";
    served_["tftp://192.0.2.1/SIP00247F0102AB.cfg"] = "VMAIL 1\n";
    EXPECT_EQ(actions(boot()), "SIP00247F0102AB.cfg failed\n");
    EXPECT_EQ(orders_.size(), 2u);
}

class ClockUnset : public Boot {
protected:
    void SetUp() override {
        install_root();
        device_login_ = Login{"T0024", Secret("device-secret")};
        identity_ = some_identity();
        serve_manifest("[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n");
        served_["https://192.0.2.1/SIP00247F0102AB.cfg"] = "VMAIL 1\n";
        clock_.set_wall(WallTime());
    }
};

TEST_F(ClockUnset, TheServerTellsTheTimeBeforeItGetsALogin) {
    server_time_ = test_time;
    EXPECT_TRUE(boot().is_clean());
    ASSERT_EQ(orders_.size(), 3u);
    EXPECT_TRUE(orders_[1].time.is_floor);
    EXPECT_FALSE(orders_[1].login);
    EXPECT_EQ(orders_[1].identity, nullptr);
    EXPECT_FALSE(orders_[2].time.is_floor);
    EXPECT_EQ(orders_[2].time.at, test_time);
    EXPECT_TRUE(orders_[2].login);
    EXPECT_EQ(flash().state().proved_time, test_time);
    // The proved time is the new floor: a clock that fell back to it is unset again.
    clock_.set_wall(test_time - std::chrono::hours(48));
    boot();
    EXPECT_TRUE(orders_[1].time.is_floor);
    EXPECT_EQ(orders_[1].time.at, test_time - std::chrono::hours(24));
}

TEST_F(ClockUnset, WithoutATimeNothingIsFetched) {
    EXPECT_EQ(actions(boot()), "SIP00247F0102AB.cfg refused\n");
    server_time_ = WallTime();
    EXPECT_EQ(actions(boot()), "SIP00247F0102AB.cfg refused\n");
    EXPECT_EQ(orders_.size(), 2u);
    EXPECT_TRUE(held("USER_CONFIG").empty());
}

TEST_F(ClockUnset, OfServersThatDisagreeTheFirstSetsTheClockAndNoneIsAheadOfIt) {
    server_time_ = test_time;
    serve_manifest(
        "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\nFILENAME a.cfg\n"
        "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n");
    served_["https://192.0.2.1/a.cfg"] = "VMAIL 1\n";
    dates_["https://192.0.2.1/SIP00247F0102AB.cfg"] = test_time + std::chrono::hours(24 * 300);
    EXPECT_TRUE(boot().is_clean());
    EXPECT_EQ(flash().state().proved_time, test_time);
}

// The phone's own clock is set and right, and the server's Date is ahead within the life of its certificate.
TEST_F(Boot, AServerAheadOfAClockThatIsSetLocksNobodyOut) {
    install_root();
    serve_manifest("[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n");
    served_["https://192.0.2.1/SIP00247F0102AB.cfg"] = "VMAIL 1\n";
    server_time_ = test_time + std::chrono::hours(24 * 300);
    EXPECT_TRUE(boot().is_clean());
    EXPECT_EQ(flash().state().proved_time, test_time);

    clock_.set_wall(test_time + std::chrono::hours(1));
    server_time_ = test_time + std::chrono::hours(1);
    EXPECT_TRUE(boot().is_clean());
    EXPECT_FALSE(orders_.back().time.is_floor);
    EXPECT_EQ(flash().state().proved_time, test_time + std::chrono::hours(1));
}

// The phone's own clock is ahead, but within the life of the server's certificate.
class ClockAhead : public Boot {
protected:
    void SetUp() override {
        install_root();
        serve_manifest("[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n");
        served_["https://192.0.2.1/SIP00247F0102AB.cfg"] = "VMAIL 1\n";
        clock_.set_wall(test_time + std::chrono::hours(24 * 200));
    }

    void expect_the_right_clock_works() {
        clock_.set_wall(test_time);
        server_time_ = test_time;
        EXPECT_TRUE(boot().is_clean());
        EXPECT_FALSE(orders_.back().time.is_floor);
        EXPECT_EQ(flash().state().proved_time, test_time);
    }
};

TEST_F(ClockAhead, OnlyTheServersDateIsProved) {
    server_time_ = test_time;
    EXPECT_TRUE(boot().is_clean());
    EXPECT_EQ(flash().state().proved_time, test_time);
    expect_the_right_clock_works();
}

TEST_F(ClockAhead, WithoutADateNothingIsProved) {
    EXPECT_TRUE(boot().is_clean());
    EXPECT_EQ(flash().state().proved_time, std::nullopt);
    expect_the_right_clock_works();
}

TEST_F(ClockAhead, ADateThatTheCertificateDoesNotReachIsNotProved) {
    server_time_ = test_time + std::chrono::hours(24 * 400);
    EXPECT_TRUE(boot().is_clean());
    EXPECT_EQ(flash().state().proved_time, std::nullopt);
    expect_the_right_clock_works();
}

TEST_F(ClockAhead, BeyondTheCertificateTheOldConfigurationIsKept) {
    server_time_ = test_time;
    clock_.set_wall(test_time + std::chrono::hours(24 * 3650));
    EXPECT_EQ(actions(boot()), "SIP00247F0102AB.cfg refused\n");
    expect_the_right_clock_works();
}

}  // namespace
}  // namespace ringfence::phone

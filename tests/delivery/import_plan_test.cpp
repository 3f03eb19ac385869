#include "delivery/import_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/random.h"
#include "crypto/certificate_builder.h"

namespace ringfence::delivery {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using trust::ContentClass;

constexpr std::string_view manifest_1230 =
    "[DEVICE_CONFIG]\nVERSION 2023081501\nPROTOCOL TFTP\nFILENAME common.cfg\n"
    "[USER_CONFIG]\nVERSION 000004\nPROTOCOL TFTP\n"
    "[FW]\nVERSION SIP12x004.04.09.00\nPROTOCOL TFTP\nFILENAME fw/SIP12x004.04.09.00.bin\n"
    "[LANGUAGE]\nVERSION 000017\nPROTOCOL HTTP\nFILENAME French.lng\n";
constexpr std::string_view device_file =
    "AUTOLOGIN_ID_KEY01 4711@voice.example.net\nAUTOLOGIN_PASSWD_KEY01 canary-5150\n";
constexpr std::string_view certificate_of_somebody =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBfTCCASOgAwIBAgIUWfL2Vf1cJwXxkO0rWb1m0y0Y0DAwCgYIKoZIzj0EAwIw\n"
    "-----END CERTIFICATE-----\n";

const family::Family& avaya() {
    static const auto family = [] {
        auto loaded = family::Family::load(RINGFENCE_SOURCE_DIR "/families/avaya-1200");
        if (!loaded) throw std::runtime_error(loaded.error().message);
        return std::move(*loaded);
    }();
    return family;
}

OldFile file(std::string path, std::string_view text) {
    return {.path = std::move(path), .size = text.size(), .text = std::string(text)};
}

ImportPlan plan(const std::vector<OldFile>& files, const ImportOptions& options = {}) {
    return plan_import(avaya(), files, options);
}

std::string all_words(const ImportItem& item) {
    std::string out;
    for (const auto& sentence : item.differences) out += sentence + "\n";
    for (const auto& sentence : item.problems) out += sentence + "\n";
    return out;
}

std::vector<std::string> names(const ImportItem& item) {
    std::vector<std::string> out;
    for (const auto& setting : item.settings) out.push_back(setting.name);
    return out;
}

TEST(ImportPlan, AnEmptyFolderGivesAnEmptyPlan) {
    const auto made = plan({});
    EXPECT_THAT(made.items, IsEmpty());
    EXPECT_THAT(made.obstacles, IsEmpty());
    EXPECT_EQ(made.version_floor, 0u);
}

TEST(ImportPlan, AManifestIsGeneratedAndItsVersionsSetTheFloor) {
    const auto made = plan({file("1230SIP.cfg", manifest_1230)});
    ASSERT_EQ(made.items.size(), 1u);
    const auto& item = made.items[0];
    EXPECT_EQ(item.kind, OldFileKind::manifest);
    EXPECT_EQ(item.action, ImportAction::generate);
    EXPECT_EQ(item.model, "1230");
    EXPECT_EQ(made.version_floor, 2023081502u);
    EXPECT_THAT(all_words(item), HasSubstr("[USER_CONFIG] was fetched over TFTP: it will be fetched over HTTPS"));
    EXPECT_THAT(all_words(item), HasSubstr("[DEVICE_CONFIG] was fetched over TFTP"));
    EXPECT_THAT(all_words(item), Not(HasSubstr("[LANGUAGE]")));
}

TEST(ImportPlan, AFloorThatNoNumberCanPassIsSaid) {
    const auto made = plan({file("1230SIP.cfg", "[LANGUAGE]\nVERSION 9999999999\nFILENAME a.lng\n")});
    EXPECT_EQ(made.version_floor, 0u);
    ASSERT_EQ(made.notes.size(), 1u);
    EXPECT_THAT(made.notes[0], HasSubstr("9999999999"));
}

TEST(ImportPlan, AFloorInTheReserveIsAnObstacle) {
    const auto made = plan({file("1230SIP.cfg", "[LANGUAGE]\nVERSION 2147483646\nFILENAME a.lng\n")});
    EXPECT_EQ(made.version_floor, 0u);
    ASSERT_EQ(made.obstacles.size(), 1u);
    EXPECT_THAT(made.obstacles[0], HasSubstr("2147483646"));
}

TEST(ImportPlan, TheLoadNameOfFirmwareIsNoVersionNumber) {
    const auto made = plan({file("1230SIP.cfg", "[FW]\nVERSION 2147483000\nFILENAME x.bin\n")});
    EXPECT_EQ(made.version_floor, 0u);
}

TEST(ImportPlan, LinesThatPhonesSkipAreTold) {
    const std::string long_line(90, 'x');
    const auto made = plan({file("1230SIP.cfg", "[FW]\nVERSION SIP12x004.04.09.00\nCOLOUR blue\nFILENAME a.bin\n# " +
                                                    long_line + "\n[LANGUAGE]\nFILENAME b.lng\n")});
    const auto words = all_words(made.items[0]);
    EXPECT_THAT(words, HasSubstr("line 3: phones skip it"));
    EXPECT_THAT(words, HasSubstr("5"));
    EXPECT_EQ(made.items[0].problems.size(), 2u);
}

TEST(ImportPlan, ADeviceFileBecomesSettingsOfThatDevice) {
    const auto made = plan({file("1230SIP.cfg", manifest_1230), file("SIP00247F0102AB.cfg", device_file)});
    const auto& item = made.items[1];
    EXPECT_EQ(item.kind, OldFileKind::device_settings);
    EXPECT_EQ(item.action, ImportAction::settings);
    EXPECT_EQ(item.model, "1230");  // the only model that has a manifest there
    EXPECT_EQ(item.mac->bare_upper(), "00247F0102AB");
    EXPECT_EQ(item.content_class, ContentClass::secret);
    EXPECT_THAT(names(item), ElementsAre("AUTOLOGIN_ID_KEY01", "AUTOLOGIN_PASSWD_KEY01"));
    EXPECT_EQ(item.settings[1].value.reveal(), "canary-5150");
    EXPECT_THAT(all_words(item), HasSubstr("it carries a password: will be served only over HTTPS to that device"));
    EXPECT_THAT(all_words(item), Not(HasSubstr("canary-5150")));
    EXPECT_THAT(made.obstacles, IsEmpty());
}

TEST(ImportPlan, WithRawADeviceFileStaysAsItIs) {
    const auto made =
        plan({file("SIP00247F0102AB.cfg", device_file)}, {.model = "1140e", .raw = true, .keep_manifests = false});
    const auto& item = made.items[0];
    EXPECT_EQ(item.action, ImportAction::keep);
    EXPECT_EQ(item.model, "1140e");
    EXPECT_EQ(item.content_class, ContentClass::secret);
    EXPECT_THAT(item.settings, IsEmpty());
}

TEST(ImportPlan, DevicesWithoutAModelStandInTheWay) {
    EXPECT_EQ(plan({file("SIP00247F0102AB.cfg", device_file)}).obstacles.size(), 1u);
    const auto two_models = plan({file("1220SIP.cfg", ""), file("1230SIP.cfg", ""),
                                  file("SIP00247F0102AB.cfg", device_file), file("SIP00247F0102AC.cfg", device_file)});
    EXPECT_EQ(two_models.obstacles.size(), 1u);
}

TEST(ImportPlan, UnknownNamesAndValuesThatDoNotFitAreLeftOut) {
    const auto made =
        plan({file("SIP00247F0102AB.cfg",
                   "SNTP_ENABLE PERHAPS\nNO_SUCH_NAME canary-1\nMY_PASSWORD canary-2\nSNTP_SERVER 192.0.2.1\n")},
             {.model = "1230", .raw = false, .keep_manifests = false});
    const auto& item = made.items[0];
    EXPECT_THAT(names(item), ElementsAre("SNTP_SERVER"));
    EXPECT_EQ(item.problems.size(), 3u);
    EXPECT_THAT(all_words(item), HasSubstr("line 2: NO_SUCH_NAME is no known setting; it is left out"));
    EXPECT_THAT(all_words(item), HasSubstr("carries a password"));
    EXPECT_THAT(all_words(item), Not(HasSubstr("canary")));
}

TEST(ImportPlan, TwoFilesOfOneSetAreNotMixed) {
    const auto made = plan({file("SIP00247F0102AB.cfg", device_file), file("SIP00247f0102ab.cfg", device_file)},
                           {.model = "1230", .raw = false, .keep_manifests = false});
    EXPECT_EQ(made.items[0].action, ImportAction::settings);
    EXPECT_EQ(made.items[1].action, ImportAction::leave);
}

TEST(ImportPlan, SharedSettingsAreGlobalOrOfTheModelsThatNameThem) {
    const std::vector<OldFile> files = {
        file("1220SIP.cfg", "[DEVICE_CONFIG]\nVERSION 000001\nFILENAME /all.cfg\n[DEVICE_CONFIG]\nFILENAME only.cfg\n"),
        file("1230SIP.cfg", "[DEVICE_CONFIG]\nVERSION 000001\nFILENAME all.cfg\n"),
        file("all.cfg", "SNTP_ENABLE YES\nSNTP_SERVER 192.0.2.1\n"), file("only.cfg", "ADMIN_PASSWORD canary-77\n")};
    const auto made = plan(files);
    const auto& all = made.items[2];
    EXPECT_EQ(all.kind, OldFileKind::shared_settings);
    EXPECT_EQ(all.action, ImportAction::settings);
    EXPECT_THAT(all.models, IsEmpty());
    const auto& only = made.items[3];
    EXPECT_THAT(only.models, ElementsAre("1220"));
    EXPECT_EQ(only.content_class, ContentClass::secret);
    EXPECT_THAT(all_words(only), Not(HasSubstr("canary")));
}

TEST(ImportPlan, ASettingThatStandsTwiceIsTold) {
    const auto made = plan({file("1230SIP.cfg", "[DEVICE_CONFIG]\nFILENAME a.cfg\n[DEVICE_CONFIG]\nFILENAME b.cfg\n"),
                            file("a.cfg", "BANNER one\n"), file("b.cfg", "BANNER two\n")});
    ASSERT_EQ(made.notes.size(), 1u);
    EXPECT_THAT(made.notes[0], HasSubstr("BANNER"));
}

TEST(ImportPlan, FirmwareIsKeptForTheModelsThatItSuits) {
    const auto made = plan({file("1140eSIP.cfg", "[FW]\nFILENAME fw/SIP12x004.04.09.00.bin\n"),
                            file("12xxSIP.cfg", "[FW]\nFILENAME fw/SIP12x004.04.09.00.bin\n"),
                            file("fw/SIP12x004.04.09.00.bin", "x"), file("fw/SIP12x004.03.00.00.bin", "x")});
    const auto& announced = made.items[2];
    EXPECT_EQ(announced.kind, OldFileKind::firmware);
    EXPECT_EQ(announced.content_class, ContentClass::public_);
    EXPECT_EQ(announced.section, "FW");
    EXPECT_EQ(announced.version, "SIP12x004.04.09.00");
    EXPECT_THAT(announced.announced_to, ElementsAre("1210", "1220", "1230"));
    EXPECT_THAT(announced.models, IsEmpty()) << "the manifest without a model announces it too";
    const auto& other = made.items[3];
    EXPECT_EQ(other.action, ImportAction::keep);
    EXPECT_EQ(other.section, "");
}

TEST(ImportPlan, WhatAManifestWillSayOtherwiseIsTold) {
    const auto made = plan(
        {file("1230SIP.cfg",
              "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 1\nPROTOCOL HTTPS\nSERVER_IP prov.old.example\nFILENAME "
              "a.cfg\n[USER_CONFIG]\nDOWNLOAD_MODE AUTO\nVERSION 1\nPROTOCOL HTTPS\n"
              "[FW]\nVERSION 04011300\nSERVER_IP 192.0.2.20\nFILENAME fw/SIP12x004.01.13.00.bin\n"),
         file("1230.cfg", "[FW]\nDOWNLOAD_MODE AUTO\nVERSION SIP12x004.01.13.00\nFILENAME fw/SIP12x004.01.13.00.bin\n"),
         file("1220SIP.cfg", "[FW]\nVERSION SIP12x004.01.13.00\nFILENAME fw/SIP12x004.01.13.00.bin\n"),
         file("fw/SIP12x004.01.13.00.bin", "x")});
    const std::string said = all_words(made.items[0]);
    EXPECT_THAT(said, HasSubstr("[DEVICE_CONFIG] names SERVER_IP prov.old.example: it will come from this server"));
    EXPECT_THAT(said, HasSubstr("[FW] names SERVER_IP 192.0.2.20"));
    EXPECT_THAT(said, HasSubstr("[DEVICE_CONFIG] was FORCED: it will be AUTO"));
    EXPECT_THAT(said, HasSubstr("[USER_CONFIG] was AUTO: it will be FORCED"));
    EXPECT_THAT(said, HasSubstr("[FW] stated VERSION 04011300: it will be SIP12x004.01.13.00"));
    EXPECT_THAT(all_words(made.items[1]), HasSubstr("[FW] was AUTO: it will be FORCED"));
    EXPECT_THAT(all_words(made.items[2]), Not(HasSubstr("[FW]")));
    EXPECT_THAT(made.items[3].announced_to, ElementsAre("1220", "1230"));
}

TEST(ImportPlan, FirmwareThatIsTooLargeToReadIsKnownByItsName) {
    const auto made = plan({{.path = "SIP12x004.04.09.00.bin", .size = 5u << 20}});
    EXPECT_EQ(made.items[0].kind, OldFileKind::firmware);
    EXPECT_EQ(made.items[0].action, ImportAction::keep);
    EXPECT_EQ(plan({{.path = "SIP12x004.04.09.00.bin", .size = max_import_file + 1}}).items[0].action,
              ImportAction::leave);
}

TEST(ImportPlan, LanguagesAndTonesArePublicAndAnnouncedWhereAManifestNamesThem) {
    const auto made = plan({file("1230SIP.cfg", manifest_1230), file("French.lng", "bonjour"),
                            file("German.LNG", "tag"), file("ring.wav", "RIFF")});
    EXPECT_EQ(made.items[1].section, "LANGUAGE");
    EXPECT_EQ(made.items[1].content_class, ContentClass::public_);
    EXPECT_EQ(made.items[2].kind, OldFileKind::language);
    EXPECT_EQ(made.items[2].section, "");
    EXPECT_EQ(made.items[3].kind, OldFileKind::tones);
}

TEST(ImportPlan, MoreLanguagesThanASetHoldsAreTold) {
    std::string manifest = "[LANGUAGE]\nVERSION 000001\n";
    std::vector<OldFile> files;
    for (const char* name : {"a.lng", "b.lng", "c.lng", "d.lng", "e.lng", "f.lng"}) {
        manifest += std::string("FILENAME ") + name + "\n";
        files.push_back(file(name, "words"));
    }
    files.push_back(file("1230SIP.cfg", manifest));
    const auto made = plan(files);
    ASSERT_EQ(made.notes.size(), 1u);
    EXPECT_THAT(made.notes[0], HasSubstr("at most 5 language files"));
}

TEST(ImportPlan, OtherSectionsAreInternal) {
    const auto made =
        plan({file("1230SIP.cfg", "[DIALING_PLAN]\nVERSION 000001\nFILENAME plan.txt\n"), file("plan.txt", "digits")});
    const auto& item = made.items[1];
    EXPECT_EQ(item.kind, OldFileKind::other_section);
    EXPECT_EQ(item.section, "DIALING_PLAN");
    EXPECT_EQ(item.content_class, ContentClass::internal);
    EXPECT_THAT(all_words(item), HasSubstr("only over HTTPS"));
}

TEST(ImportPlan, KeptManifestsArePublicUnlessTheyCarryALogin) {
    const ImportOptions keep{.model = "", .raw = false, .keep_manifests = true};
    const auto open = plan({file("1230SIP.cfg", manifest_1230)}, keep);
    EXPECT_EQ(open.items[0].action, ImportAction::keep);
    EXPECT_EQ(open.items[0].content_class, ContentClass::public_);
    EXPECT_THAT(all_words(open.items[0]), HasSubstr("will not be served that way"));

    const auto with_login = plan({file("1230SIP.cfg",
                                       "[USER_CONFIG]\nVERSION 000001\nPROTOCOL HTTPS\nSRV_USER_NAME fleet\n"
                                       "SRV_USER_PASS canary-3\n")},
                                 keep);
    EXPECT_EQ(with_login.items[0].content_class, ContentClass::secret);
    EXPECT_TRUE(with_login.items[0].is_manifest_with_login);
    EXPECT_THAT(all_words(with_login.items[0]), Not(HasSubstr("canary")));
}

TEST(ImportPlan, ALoginInAManifestIsNotTakenOver) {
    const auto made = plan({file("1230SIP.cfg",
                                 "[USER_CONFIG]\nVERSION 000001\nPROTOCOL HTTPS\nSRV_USER_NAME fleet\n"
                                 "SRV_USER_PASS canary-4\n")});
    EXPECT_THAT(all_words(made.items[0]), HasSubstr("the login of [USER_CONFIG] is not taken over"));
    EXPECT_THAT(all_words(made.items[0]), Not(HasSubstr("canary")));
}

TEST(ImportPlan, WhatIsNoCertificateIsNotServedAsOne) {
    const auto made = plan({file("root.pem", certificate_of_somebody)});
    EXPECT_EQ(made.items[0].kind, OldFileKind::root_certificate);
    EXPECT_EQ(made.items[0].action, ImportAction::leave);
}

TEST(ImportPlan, AnOldRootStaysToBeFetchedByItsName) {
    SystemRandom random;
    const auto key = crypto::PrivateKey::generate(crypto::KeyType::p256);
    ASSERT_TRUE(key);
    crypto::CertificateRequest request;
    request.role = crypto::CertificateRole::root;
    request.common_name = "Old Root";
    request.not_before = WallTime{} + std::chrono::hours(24 * 365 * 40);
    request.not_after = request.not_before + std::chrono::hours(24 * 365);
    const auto root = crypto::make_root(request, *key, random);
    ASSERT_TRUE(root);
    const auto made = plan({file("1230SIP.cfg", "[USER_KEYS]\nFILENAME old.pem\n"), file("old.pem", root->to_pem()),
                            file("spare.pem", root->to_pem())});
    for (const auto* item : {&made.items[1], &made.items[2]}) {
        EXPECT_EQ(item->kind, OldFileKind::root_certificate);
        EXPECT_EQ(item->action, ImportAction::keep);
        EXPECT_EQ(item->content_class, ContentClass::public_);
        EXPECT_EQ(item->section, "");  // [USER_KEYS] names our own root
        EXPECT_THAT(all_words(*item), HasSubstr("signed below it"));
    }
}

TEST(ImportPlan, PrivateKeysAreNeverServed) {
    const auto made =
        plan({file("1230SIP.cfg", "[USER_KEYS]\nFILENAME root.pem\n"),
              file("root.pem", "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n")});
    EXPECT_EQ(made.items[1].action, ImportAction::leave);
    EXPECT_THAT(all_words(made.items[1]), HasSubstr("private key"));
}

TEST(ImportPlan, NamesThatNoPhoneCanAskForAreLeft) {
    const auto made = plan({file("a\\b.lng", ""), file("\xff.wav", ""), file("trust/root.pem", "x")});
    for (const auto& item : made.items) EXPECT_EQ(item.action, ImportAction::leave) << item.old_path;
    EXPECT_EQ(made.items[1].old_path, "\\xff.wav");
}

TEST(ImportPlan, WhatIsNotKnownIsLeft) {
    const auto made = plan({file("notes.txt", "what is this"), file("spare.cfg", "SNTP_ENABLE YES\n"),
                            file("1230SIP.cfg.bak", manifest_1230)});
    EXPECT_EQ(made.items[0].kind, OldFileKind::unknown);
    EXPECT_EQ(made.items[1].kind, OldFileKind::shared_settings);
    EXPECT_EQ(made.items[2].kind, OldFileKind::unknown);
    for (const auto& item : made.items) EXPECT_EQ(item.action, ImportAction::leave);
}

// Whatever a folder holds, the plan has one item a file and never repeats a value.
TEST(ImportPlan, HoldsForFoldersFullOfNoise) {
    std::mt19937 random(7);
    const std::vector<std::string> paths = {"1230SIP.cfg", "12xxSIP.cfg",  "SIP00247F0102AB.cfg",   "common.cfg",
                                            "a.lng",       "1230Boot.cfg", "SIP12x004.04.09.00.bin"};
    const std::string_view pieces[] = {"[DEVICE_CONFIG]\n",
                                       "FILENAME common.cfg\n",
                                       "VERSION 000012\n",
                                       "SNTP_SERVER 192.0.2.1\n",
                                       "ADMIN_PASSWORD canary\n",
                                       "\xff\x00#\r\n",
                                       "FILENAME a.lng\n",
                                       "[LANGUAGE]\n",
                                       "[FW]\n",
                                       "[USER_CONFIG]\nSRV_USER_PASS canary\n"};
    for (int round = 0; round < 200; ++round) {
        std::vector<OldFile> files;
        for (const auto& path : paths) {
            std::string text;
            for (unsigned i = random() % 8; i > 0; --i) text += pieces[random() % std::size(pieces)];
            if (random() % 4 != 0) files.push_back(file(path, text));
        }
        const auto made = plan(files, {.model = "1230", .raw = round % 2 == 0, .keep_manifests = round % 3 == 0});
        ASSERT_EQ(made.items.size(), files.size());
        for (const auto& item : made.items) ASSERT_THAT(all_words(item), Not(HasSubstr("canary")));
    }
}

TEST(ImportPlan, AKeptManifestIsSecretForALoginThatPhonesDrop) {
    const std::string cut = "# " + std::string(90, 'x') + "\n";
    for (const std::string& secret :
         {cut + "SRV_USER_PASS canary\n", std::string("# SRV_USER_PASS canary\n"), cut + "admin_password=canary\n"}) {
        const auto made =
            plan({file("1230SIP.cfg", std::string(manifest_1230) + secret)}, {.model = "", .keep_manifests = true});
        EXPECT_EQ(made.items[0].content_class, ContentClass::secret) << secret;
        EXPECT_TRUE(made.items[0].is_manifest_with_login) << secret;
        EXPECT_THAT(all_words(made.items[0]), Not(HasSubstr("canary")));
    }
}

TEST(ImportPlan, AFileThatWouldOpenASecretIsLeftBehind) {
    const auto made = plan({file("1230SIP.cfg", manifest_1230), file("French.lng", "x\n# SSHPWD canary\n"),
                            file("loose.wav", "SSHPWD canary")});
    for (const std::size_t i : {1u, 2u}) {
        EXPECT_EQ(made.items[i].action, ImportAction::leave);
        EXPECT_THAT(all_words(made.items[i]), HasSubstr("SSHPWD is a secret"));
        EXPECT_THAT(all_words(made.items[i]), Not(HasSubstr("canary")));
    }
}

}  // namespace
}  // namespace ringfence::delivery

#include "family/family.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/disk.h"
#include "base/text.h"
#include "phonefile/settings_file.h"

namespace ringfence::family {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string directory = RINGFENCE_SOURCE_DIR "/families/avaya-1200";

const Family& avaya() {
    static const Family family = Family::load(directory).value();
    return family;
}

std::string shipped(const std::string& name) {
    SystemDisk disk;
    return disk.read(directory + "/" + name, 1024 * 1024).value();
}

std::string fault_of(const std::string& family_toml, const std::string& settings_toml) {
    const auto family = Family::parse(family_toml, settings_toml);
    return family ? "" : family.error().message;
}

std::string fault_of_setting(const std::string& line) {
    return fault_of(shipped("family.toml"), "[g]\n" + line + "\n");
}

std::string value_fault(std::string_view name, std::string_view value) {
    const SettingSpec* spec = avaya().find_setting(name);
    if (spec == nullptr) return "no such setting";
    const auto fits = check_value(*spec, value);
    return fits ? "" : fits.error().message;
}

struct Known {
    const char* path;
    Role role;
    const char* model;
};

class KnownPath : public testing::TestWithParam<Known> {};

TEST_P(KnownPath, IsRecognised) {
    const auto requested = avaya().recognise(GetParam().path);
    ASSERT_TRUE(requested);
    EXPECT_EQ(requested->role, GetParam().role);
    EXPECT_EQ(requested->model, GetParam().model);
    EXPECT_FALSE(requested->mac);
}

INSTANTIATE_TEST_SUITE_P(
    Avaya, KnownPath,
    testing::Values(Known{"1210SIP.cfg", Role::manifest, "1210"}, Known{"1220SIP.cfg", Role::manifest, "1220"},
                    Known{"1230SIP.cfg", Role::manifest, "1230"}, Known{"1120eSIP.cfg", Role::manifest, "1120e"},
                    Known{"1140eSIP.cfg", Role::manifest, "1140e"}, Known{"1165eSIP.cfg", Role::manifest, "1165e"},
                    Known{"12xxSIP.cfg", Role::manifest, ""}, Known{"12x0SIP.cfg", Role::manifest, ""},
                    Known{"12xxBoot.cfg", Role::boot_manifest, ""}, Known{"1220Boot.cfg", Role::boot_manifest, "1220"},
                    Known{"1210.cfg", Role::conversion_manifest, "1210"},
                    Known{"1220.cfg", Role::conversion_manifest, "1220"},
                    Known{"1230.cfg", Role::conversion_manifest, "1230"},
                    Known{"1120e.cfg", Role::conversion_manifest, "1120e"},
                    Known{"1140e.cfg", Role::conversion_manifest, "1140e"},
                    Known{"1165e.cfg", Role::conversion_manifest, "1165e"}));

TEST(Recognise, TakesTheMacInEitherCase) {
    for (const auto* path : {"SIP00247F0102AB.cfg", "SIP00247f0102ab.cfg", "SIP00247F0102aB.cfg"}) {
        const auto requested = avaya().recognise(path);
        ASSERT_TRUE(requested) << path;
        EXPECT_EQ(requested->role, Role::device_settings);
        EXPECT_EQ(requested->mac->bare_upper(), "00247F0102AB");
    }
}

TEST(Recognise, LeavesOtherPathsAlone) {
    for (const auto* path :
         {"", "1230sip.cfg", "1230SIP.CFG", "x/1230SIP.cfg", "/1230SIP.cfg", "1240SIP.cfg", "SIP.cfg",
          "SIP00247F0102A.cfg", "SIP00247F0102ABC.cfg", "SIP00247F0102AG.cfg", "sip00247F0102AB.cfg",
          "SIP00247F0102AB.CFG", "a/SIP00247F0102AB.cfg", "SIP00:24:7F:1.cfg", "common/site.cfg"})
        EXPECT_FALSE(avaya().recognise(path)) << path;
    EXPECT_FALSE(avaya().recognise(std::string("1230SIP.cfg\0", 12)));
}

TEST(Names, AreThoseThatAreRecognised) {
    for (const Model& model : avaya().models()) {
        const auto requested = avaya().recognise(avaya().manifest_name(model.name));
        ASSERT_TRUE(requested) << model.name;
        EXPECT_EQ(requested->model, model.name);
        EXPECT_TRUE(model.verifies_rsa_only && model.needs_legacy_tls);
    }
    EXPECT_EQ(avaya().models().size(), 6U);
    EXPECT_FALSE(avaya().has_model("1120E"));
    const auto mac = MacAddress::parse("00247f0102ab").value();
    EXPECT_EQ(avaya().device_settings_name(mac), "SIP00247F0102AB.cfg");
}

TEST(UserAgent, MayHoldOneOddByte) {
    for (const char odd : {'\x14', '\x16', '\x17', '\xFF'})
        EXPECT_TRUE(avaya().matches_user_agent(std::string("AVAYA/SIP12x0") + odd + "/04.01.13.00"));
    EXPECT_TRUE(avaya().matches_user_agent("AVAYA/SIP1140e\x17/04.04.09.00"));
    for (const auto* other : {"", "AVAYA/SIP12x0/04.01.13.00", "AVAYA/SIP12x0\x17/04.01.13.0", "curl/8.0",
                              "AVAYA/SIP12x0\x17/04.01.13.000", "AVAYA/SIP12x0\x17", "xAVAYA/SIP12x0\x17/04.01.13.00"})
        EXPECT_FALSE(avaya().matches_user_agent(other)) << other;
}

TEST(LoadName, FollowsTheModel) {
    EXPECT_TRUE(avaya().is_load_name("SIP12x004.04.09.00", "1230"));
    EXPECT_TRUE(avaya().is_load_name("SIP1120e04.04.09.00", ""));
    EXPECT_FALSE(avaya().is_load_name("SIP1120e04.04.09.00", "1230"));
    EXPECT_FALSE(avaya().is_load_name("04011300", "1230"));
    EXPECT_FALSE(avaya().is_load_name("SIP12x004.04.09", ""));
    EXPECT_EQ(avaya().find_load_name("fw/SIP12x004.04.09.00.bin"), "SIP12x004.04.09.00");
    EXPECT_EQ(avaya().find_load_name("SIP1165e04.04.09.00.bin"), "SIP1165e04.04.09.00");
    EXPECT_FALSE(avaya().find_load_name("fw/other.bin"));
    EXPECT_FALSE(avaya().find_load_name("fw/SIP12x004.04.09.00"));
}

TEST(Firmware, IsForOneModelOrForAllThatANameWithoutAModelStandsFor) {
    EXPECT_TRUE(avaya().is_firmware_for("SIP12x004.04.09.00", "1210"));
    EXPECT_FALSE(avaya().is_firmware_for("SIP12x004.04.09.00", "1140e"));
    EXPECT_TRUE(avaya().is_firmware_for("SIP12x004.04.09.00", ""));
    EXPECT_FALSE(avaya().is_firmware_for("SIP1140e04.04.09.00", ""));
    EXPECT_FALSE(avaya().is_firmware_for("SIP1140e04.04.09.00", "1165e"));
    const auto with_1100 = replace_all(shipped("family.toml"), "models = [\"1210\"", "models = [\"1140e\", \"1210\"");
    EXPECT_FALSE(Family::parse(with_1100, shipped("settings.toml"))->is_firmware_for("SIP12x004.04.09.00", ""));
    const auto unknown = replace_all(shipped("family.toml"), "models = [\"1210\"", "models = [\"1999\"");
    EXPECT_THAT(fault_of(unknown, shipped("settings.toml")), HasSubstr("1999"));
}

TEST(Sections, TrustComesFirstAndFirmwareAfterSettings) {
    using phonefile::SectionKind;
    const auto& order = avaya().section_order();
    const auto place = [&](SectionKind kind) { return std::find(order.begin(), order.end(), kind) - order.begin(); };
    EXPECT_EQ(order.size(), 14U);
    EXPECT_EQ(place(SectionKind::user_keys), 0);
    EXPECT_LT(place(SectionKind::ctl), place(SectionKind::device_config));
    EXPECT_LT(place(SectionKind::device_config), place(SectionKind::user_config));
    EXPECT_LT(place(SectionKind::user_config), place(SectionKind::fw));
    EXPECT_LT(place(SectionKind::fw), place(SectionKind::language));
    EXPECT_TRUE(avaya().is_public_by_default(SectionKind::fw));
    EXPECT_TRUE(avaya().is_public_by_default(SectionKind::user_keys));
    EXPECT_FALSE(avaya().is_public_by_default(SectionKind::device_config));
    EXPECT_FALSE(avaya().is_public_by_default(SectionKind::licensing));
}

TEST(Catalogue, HoldsTheNumberedFamilies) {
    for (const auto* name :
         {"SERVER_IP1_1", "SERVER_IP5_2", "SERVER_PORT3_2", "SERVER_TCP_PORT5_1", "SERVER_TLS_PORT1_1", "SIP_DOMAIN1",
          "SIP_DOMAIN5", "SIP_DOMAIN2_PROTOS", "SERVER_RETRIES4", "AUTOLOGIN_ID_KEY01", "AUTOLOGIN_AUTHID_KEY24",
          "AUTOLOGIN_PASSWD_KEY09", "AUDIO_CODEC5", "802.1P_CONTROL", "AVAYA_AUTOMATIC_QoS"}) {
        const SettingSpec* spec = avaya().find_setting(name);
        ASSERT_NE(spec, nullptr) << name;
        EXPECT_EQ(spec->name, name);
    }
    for (const auto* name : {"SERVER_IP6_1", "SERVER_IP1_3", "AUTOLOGIN_ID_KEY00", "AUTOLOGIN_ID_KEY1",
                             "AUTOLOGIN_ID_KEY25", "AUDIO_CODEC6", "sntp_server", "SIP_DOMAIN{1-5}", ""})
        EXPECT_EQ(avaya().find_setting(name), nullptr) << name;
}

// Every setting that the shipped samples use is known and its value is taken.
TEST(Catalogue, TakesTheSampleFiles) {
    SystemDisk disk;
    for (const auto* name : {"site-valid.cfg", "device-valid.cfg", "codec-with-blanks-crlf-valid.cfg"}) {
        const auto text = disk.read(std::string(RINGFENCE_SOURCE_DIR "/tests/corpus/settings/") + name, 65536).value();
        const auto file = phonefile::parse_settings_strict(text).value();
        for (const auto& line : file.lines) EXPECT_EQ(value_fault(line.name, line.value.reveal()), "") << line.name;
    }
}

TEST(Catalogue, MarksSecretsAndWhatMayTravelInClear) {
    for (const auto* name :
         {"AUTOLOGIN_PASSWD_KEY01", "AUTOLOGIN_PASSWD_KEY24", "ADMIN_PASSWORD", "SSHPWD", "E911_PASSWORD"})
        EXPECT_TRUE(avaya().find_setting(name)->is_secret) << name;
    std::vector<std::string> open;
    for (const auto& [name, spec] : avaya().settings()) {
        if (spec.is_public) open.push_back(name);
        const bool sounds_secret = name.find("PASSW") != std::string::npos || name.find("PWD") != std::string::npos;
        const bool is_about = name == "LOGOUT_WITHOUT_PASSWORD" || name == "ADMIN_PASSWORD_EXPIRY";
        EXPECT_EQ(spec.is_secret, sounds_secret && !is_about) << name;
    }
    EXPECT_THAT(
        open, testing::ElementsAre("DST_ENABLED", "FORCE_TIME_ZONE", "SNTP_ENABLE", "SNTP_SERVER", "TIMEZONE_OFFSET"));
}

TEST(Catalogue, LicensedSettingsHaveSafeValues) {
    const auto defaults = avaya().licence_defaults();
    const auto has = [&](std::string_view name, std::string_view value) {
        return std::any_of(defaults.begin(), defaults.end(),
                           [&](const auto& entry) { return entry.first == name && entry.second == value; });
    };
    EXPECT_TRUE(has("ENABLE_ANSWER_MODE", "NO"));
    EXPECT_TRUE(has("MAX_LOGINS", "1"));
    EXPECT_TRUE(has("SIP_TLS_PORT", "0"));
    EXPECT_TRUE(has("AVAYA_AUTOMATIC_QoS", "NO"));
    for (const auto& [name, value] : defaults) EXPECT_EQ(value_fault(name, value), "") << name;
    EXPECT_TRUE(avaya().find_setting("SIP_TLS_PORT")->needs_restart);
}

TEST(CheckValue, RefusesWhatAPhoneWouldMisread) {
    EXPECT_THAT(value_fault("BANNER", "Front #1"), HasSubstr("'#'"));
    EXPECT_THAT(value_fault("BANNER", "Caf\xC3\xA9"), HasSubstr("ASCII"));
    EXPECT_THAT(value_fault("BANNER", " Front"), HasSubstr("blank"));
    EXPECT_THAT(value_fault("BANNER", std::string(73, 'b')), HasSubstr("80 characters long"));
    EXPECT_EQ(value_fault("BANNER", std::string(72, 'b')), "");
    EXPECT_EQ(value_fault("BANNER", ""), "");
}

struct Taken {
    const char* name;
    const char* value;
    bool is_taken;
};

class ValueOf : public testing::TestWithParam<Taken> {};

TEST_P(ValueOf, IsTakenOrRefused) {
    EXPECT_EQ(value_fault(GetParam().name, GetParam().value).empty(), GetParam().is_taken)
        << GetParam().name << " " << GetParam().value << ": " << value_fault(GetParam().name, GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(
    Types, ValueOf,
    testing::Values(Taken{"SNTP_ENABLE", "YES", true}, Taken{"SNTP_ENABLE", "yes", false},
                    Taken{"SNTP_ENABLE", "1", false}, Taken{"AUTOLOGIN_ENABLE", "2", true},
                    Taken{"AUTOLOGIN_ENABLE", "USE_AUTOLOGIN_ID", true}, Taken{"AUTOLOGIN_ENABLE", "3", false},
                    Taken{"DSCP_MEDIA", "-1", true}, Taken{"DSCP_MEDIA", "63", true}, Taken{"DSCP_MEDIA", "64", false},
                    Taken{"DSCP_MEDIA", "", false}, Taken{"DSCP_MEDIA", "007", false}, Taken{"DSCP_MEDIA", "+7", false},
                    Taken{"DSCP_MEDIA", "7x", false}, Taken{"SERVER_PORT1_1", "0", false},
                    Taken{"SIP_TLS_PORT", "0", true}, Taken{"SERVER_PORT1_1", "65535", true},
                    Taken{"SERVER_PORT1_1", "65536", false}, Taken{"CONN_KEEP_ALIVE", "4", false},
                    Taken{"CONN_KEEP_ALIVE", "1800", true}, Taken{"SNTP_SERVER", "192.0.2.1", true},
                    Taken{"SNTP_SERVER", "2001:db8::1", true}, Taken{"SNTP_SERVER", "ntp.example.net", true},
                    Taken{"SNTP_SERVER", "300.1.1.1", false}, Taken{"SNTP_SERVER", "192.0.2.1:123", false},
                    Taken{"SNTP_SERVER", "a b", false}, Taken{"SNTP_SERVER", "", false},
                    Taken{"SNTP_SERVER", "-a.example", false}, Taken{"SERVER_IP1_1", "0.0.0.0", true},
                    Taken{"SERVER_IP1_2", "0.0.0.0", false}, Taken{"SERVER_IP1_2", "192.0.2.12", true},
                    Taken{"SIP_DOMAIN1_PROTOS", "UDP,TCP", true}, Taken{"SIP_DOMAIN1_PROTOS", "TLS,UDP", false},
                    Taken{"SIP_DOMAIN1_PROTOS", "UDP,TCP,TLS", true}, Taken{"SIP_DOMAIN1_PROTOS", "TLS", true},
                    Taken{"SIP_DOMAIN1_PROTOS", "UDP,UDP", false}, Taken{"SIP_DOMAIN1_PROTOS", "UDP, TCP", false},
                    Taken{"SIP_DOMAIN1_PROTOS", "", false}, Taken{"TIMEZONE_OFFSET", "-36000", true},
                    Taken{"TIMEZONE_OFFSET", "19800", true}, Taken{"TIMEZONE_OFFSET", "1234", false},
                    Taken{"TIMEZONE_OFFSET", "50401", false}, Taken{"SSHID", "abc", false},
                    Taken{"SSHID", "abcd", true}, Taken{"SSHID", "abcdefghijklm", false},
                    Taken{"AUDIO_CODEC3", "PCMU standard u-law", true}, Taken{"AUDIO_CODEC3", "PCMU", false},
                    Taken{"RECOVERY_LEVEL", "255", true}, Taken{"RECOVERY_LEVEL", "5", false}));

TEST(CheckValue, NeverShowsASecret) {
    for (const auto* name : {"AUTOLOGIN_PASSWD_KEY01", "SSHPWD"})
        for (const auto* value :
             {"canary#", "canary ", "canary-canary-canary-canary-canary-canary-canary-canary-canary-"})
            EXPECT_THAT(value_fault(name, value), testing::AllOf(Not(testing::IsEmpty()), Not(HasSubstr("canary"))));
}

TEST(Load, NamesAMissingFolder) {
    const auto family = Family::load(directory + "/absent");
    ASSERT_FALSE(family);
    EXPECT_EQ(family.error().code, FaultCode::not_found);
}

TEST(Load, RefusesWrongSettings) {
    EXPECT_EQ(fault_of_setting("A = { type = \"boolean\", purpose = \"p\" }"), "");
    EXPECT_THAT(fault_of_setting("A = { type = \"boolean\", default = \"MAYBE\", purpose = \"p\" }"),
                HasSubstr("settings.toml line 2: 'MAYBE' does not fit"));
    EXPECT_THAT(fault_of_setting("A = { type = \"integer\", min = 1, max = 5, default = \"6\", purpose = \"p\" }"),
                HasSubstr("from 1 to 5"));
    EXPECT_THAT(fault_of_setting("A = { type = \"integer\", purpose = \"p\" }"), HasSubstr("min and max"));
    EXPECT_THAT(fault_of_setting("A = { type = \"integer\", min = 5, max = 1, purpose = \"p\" }"), HasSubstr("above"));
    EXPECT_THAT(fault_of_setting("A = { type = \"colour\", purpose = \"p\" }"), HasSubstr("'colour' is no type"));
    EXPECT_THAT(fault_of_setting("A = { type = \"choice\", purpose = \"p\" }"), HasSubstr("allowed"));
    EXPECT_THAT(fault_of_setting("A = { type = \"text\" }"), HasSubstr("purpose is missing"));
    EXPECT_THAT(fault_of_setting("A = { type = \"text\", purpose = \"p\", sekret = true }"), HasSubstr("sekret"));
    EXPECT_THAT(fault_of_setting("A = { type = \"text\", purpose = \"p\", secret = true, class = \"public\" }"),
                HasSubstr("secret and public"));
    EXPECT_THAT(fault_of_setting(
                    "\"A{1-2}\" = { type = \"text\", purpose = \"p\" }\nA2 = { type = \"text\", purpose = \"p\" }"),
                HasSubstr("setting A2 stands twice"));
    EXPECT_THAT(fault_of_setting("\"A{2-1}\" = { type = \"text\", purpose = \"p\" }"), HasSubstr("number range"));
    EXPECT_THAT(fault_of_setting("\"A B\" = { type = \"text\", purpose = \"p\" }"), HasSubstr("setting's name"));
    EXPECT_THAT(fault_of_setting("A = 1"), HasSubstr("table A is missing"));
    EXPECT_THAT(fault_of_setting("A = ["), HasSubstr("settings.toml line"));
}

TEST(Load, RefusesAWrongFamily) {
    const std::string good = shipped("family.toml");
    const auto with = [&](const std::string& from, const std::string& to) {
        EXPECT_NE(good.find(from), std::string::npos) << from;
        return fault_of(replace_all(good, from, to), "");
    };
    EXPECT_EQ(fault_of(good, ""), "");
    EXPECT_THAT(with("\"1220SIP.cfg\"", "\"1230SIP.cfg\""), HasSubstr("stands for two manifests"));
    EXPECT_THAT(with("name = \"1220\"", "name = \"1230\""), HasSubstr("model 1230 stands twice"));
    EXPECT_THAT(with("SIP{MAC}.cfg", "SIP.cfg"), HasSubstr("{MAC}"));
    EXPECT_THAT(with("\"USER_KEYS\", \"SEC_POLICY\"", "\"USER_KERYS\", \"SEC_POLICY\""), HasSubstr("no section"));
    EXPECT_THAT(with("\"USER_KEYS\", \"SEC_POLICY\"", "\"SEC_POLICY\""), HasSubstr("each of the 14 sections"));
    EXPECT_THAT(with("line_length = 79", "line_length = 81"), HasSubstr("at most 79"));
    EXPECT_THAT(with("tone_files = 5", "tone_files = \"5\""), HasSubstr("tone_files must be a number"));
    EXPECT_THAT(with("{byte}", "{any}"), HasSubstr("user agent"));
    EXPECT_THAT(with("[limits]", "[limit]"), HasSubstr("limits is missing"));
    EXPECT_THAT(fault_of("", ""), HasSubstr("name is missing"));
}

}  // namespace
}  // namespace ringfence::family

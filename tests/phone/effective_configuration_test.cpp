#include "phone/effective_configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringfence::phone {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const family::Family& avaya() {
    static const auto family = family::Family::load(RINGFENCE_SOURCE_DIR "/families/avaya-1200");
    return *family;
}

phonefile::SettingsFile read(std::string_view text) { return read_settings(avaya(), text)->file; }

void lay(EffectiveSettings& settings, std::string_view text, const SettingsSource& source) {
    ASSERT_TRUE(overlay(settings, read(text), source, avaya()).has_value());
}

const SettingsSource site{"DEVICE_CONFIG", false, "site.cfg"};
const SettingsSource own{"USER_CONFIG", true, "SIP00247F0102AB.cfg"};

TEST(Provenance, IsTheFileAndLineThatSetTheValueLast) {
    EffectiveSettings settings;
    lay(settings, "# comment\nVMAIL 100\nBANNER a\nVMAIL 101\n", site);
    EXPECT_EQ(settings.at("VMAIL").file, "site.cfg");
    EXPECT_EQ(settings.at("VMAIL").line, 4u) << "of a repeated name the last holds";
    lay(settings, "\nVMAIL 101\n", own);
    EXPECT_EQ(settings.at("VMAIL").file, own.file);
    EXPECT_EQ(settings.at("VMAIL").line, 2u);
    EXPECT_EQ(settings.at("BANNER").file, "site.cfg") << "what stays keeps where it came from";
    EXPECT_EQ(settings.at("BANNER").line, 3u);
}

TEST(Provenance, OfAValueFromHttpsIsNotTakenByAClearWire) {
    EffectiveSettings settings;
    lay(settings, "SNTP_SERVER 192.0.2.1\n", own);
    lay(settings, "\n\nSNTP_SERVER 192.0.2.1\n", site);
    EXPECT_EQ(settings.at("SNTP_SERVER").file, own.file);
    EXPECT_EQ(settings.at("SNTP_SERVER").line, 1u);
}

class Effective : public ::testing::Test {
protected:
    void lay_and_keep(std::string_view text, const SettingsSource& source) {
        lay(settings_, text, source);
        installed_[{source.section, source.file}] = read(text);
    }
    EffectiveEntry entry(std::string_view name) const {
        for (auto& entry : effective_configuration(settings_, installed_, avaya()))
            if (entry.name == name) return entry;
        ADD_FAILURE() << name << " is missing";
        return {};
    }

    EffectiveSettings settings_;
    InstalledSettings installed_;
};

TEST_F(Effective, IsTypedByTheCatalogue) {
    lay_and_keep("SRTP_ENABLED YES\nVMAIL 101\nSIP_TLS_PORT 5061\nSERVER_IP1_1 192.0.2.1\nNEVER_HEARD_OF x\n", own);
    EXPECT_EQ(entry("SRTP_ENABLED").type, family::SettingType::boolean);
    EXPECT_EQ(entry("VMAIL").type, family::SettingType::text);
    EXPECT_EQ(entry("SERVER_IP1_1").type, family::SettingType::host);
    EXPECT_EQ(entry("NEVER_HEARD_OF").type, std::nullopt);
    EXPECT_TRUE(entry("SIP_TLS_PORT").is_default());
    EXPECT_FALSE(entry("SERVER_IP1_1").is_default());
    EXPECT_FALSE(entry("VMAIL").is_default()) << "it has none";
    for (const auto& entry : effective_configuration(settings_, installed_, avaya())) EXPECT_EQ(entry.misfit, "");
}

TEST_F(Effective, TellsWhatDoesNotFitWithoutTellingASecret) {
    lay_and_keep("SRTP_ENABLED maybe\nMAX_RING_TIME 5\nSSHPWD abc\n", own);
    EXPECT_THAT(entry("SRTP_ENABLED").misfit, HasSubstr("YES or NO"));
    EXPECT_THAT(entry("MAX_RING_TIME").misfit, HasSubstr("from 30 to 600"));
    EXPECT_NE(entry("SSHPWD").misfit, "");
    EXPECT_EQ(entry("SSHPWD").misfit.find("abc"), std::string::npos);
}

TEST_F(Effective, SecretsAreThoseOfTheCatalogueAndThoseThatSoundLikeOne) {
    lay_and_keep("AUTOLOGIN_PASSWD_KEY01 x\nADMIN_PASSWORD y\nOTHER_TOKEN z\nVMAIL 1\n", own);
    EXPECT_TRUE(entry("AUTOLOGIN_PASSWD_KEY01").is_secret);
    EXPECT_TRUE(entry("ADMIN_PASSWORD").is_secret);
    EXPECT_TRUE(entry("OTHER_TOKEN").is_secret);
    EXPECT_FALSE(entry("VMAIL").is_secret);
}

TEST_F(Effective, IsStickyWhatItsFileNamesNoLonger) {
    lay_and_keep("VMAIL 100\nBANNER a\n", own);
    EXPECT_FALSE(entry("VMAIL").is_sticky);
    lay_and_keep("VMAIL 100\n", own);
    EXPECT_FALSE(entry("VMAIL").is_sticky);
    EXPECT_TRUE(entry("BANNER").is_sticky);
    EXPECT_EQ(entry("BANNER").setting.value, "a");
    EXPECT_EQ(entry("BANNER").setting.line, 2u);
    installed_.clear();
    EXPECT_TRUE(entry("VMAIL").is_sticky);
}

InstalledFile stored(std::string section, std::string name, std::string sha256) {
    InstalledFile file;
    file.section = std::move(section);
    file.name = std::move(name);
    file.sha256 = std::move(sha256);
    return file;
}

TEST(StateChange, IsEmptyWithoutOne) {
    FlashState state;
    state.settings["VMAIL"] = {"1", "USER_CONFIG"};
    state.files.push_back(stored("USER_KEYS", "root.pem", "aa"));
    EXPECT_TRUE(changes_between(state, state, avaya()).empty());
    FlashState moved = state;
    moved.settings["VMAIL"].file = "other.cfg";
    EXPECT_TRUE(changes_between(state, moved, avaya()).empty()) << "the value is the same";
}

TEST(StateChange, NamesWhatIsNewOtherOrGone) {
    FlashState before;
    before.settings = {{"VMAIL", {"1", "USER_CONFIG"}}, {"BANNER", {"a", "USER_CONFIG"}}, {"SSH", {"NO", "X"}}};
    before.files = {stored("USER_KEYS", "root.pem", "aa"), stored("FW", "fw.bin", "bb")};
    FlashState after;
    after.settings = {{"VMAIL", {"2", "USER_CONFIG"}}, {"SSH", {"NO", "X"}}, {"hunter2", {"rest", "X"}}};
    after.files = {stored("USER_KEYS", "root.pem", "aa"), stored("FW", "fw.bin", "cc"), stored("TONES", "t", "d")};
    const auto change = changes_between(before, after, avaya());
    EXPECT_THAT(change.settings, ElementsAre("BANNER", "VMAIL"));
    EXPECT_EQ(change.unknown_settings, 1u) << "its name may be half a password";
    EXPECT_THAT(change.sections, ElementsAre("FW", "TONES"));
}

}  // namespace
}  // namespace ringfence::phone

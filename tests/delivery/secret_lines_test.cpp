#include "delivery/secret_lines.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "base/text.h"
#include "phonefile/line.h"

namespace ringfence::delivery {
namespace {

const family::Family& avaya() {
    static const auto family = [] {
        auto loaded = family::Family::load(RINGFENCE_SOURCE_DIR "/families/avaya-1200");
        if (!loaded) throw std::runtime_error(loaded.error().message);
        return std::move(*loaded);
    }();
    return family;
}

std::string found(std::string_view text) {
    const auto secret = find_secret_line(avaya(), text);
    return secret ? std::to_string(secret->line) + " " + secret->name : "";
}

std::string masked(std::string_view text) { return mask_secrets(avaya(), text); }

std::string in_utf16(std::string_view text) {
    std::string out = "\xff\xfe";
    for (const char c : text) out += {c, '\0'};
    return out;
}

TEST(SecretLines, AreFoundWhereverTheyStand) {
    const std::string long_comment = "# " + std::string(90, 'x') + "\n";
    EXPECT_EQ(found("[FW]\nSRV_USER_PASS canary\n"), "2 SRV_USER_PASS");
    EXPECT_EQ(found(long_comment + "SRV_USER_PASS canary\n"), "2 SRV_USER_PASS");
    EXPECT_EQ(found("# srv_user_pass canary"), "1 SRV_USER_PASS");
    EXPECT_EQ(found("PROTOCOL HTTPS # Srv_User_Pass: canary"), "1 SRV_USER_PASS");
    EXPECT_EQ(found("\nADMIN_PASSWORD=canary\r\n"), "2 ADMIN_PASSWORD");
    EXPECT_EQ(found("BANNER hello\rSSHPWD canary\r"), "1 SSHPWD");
    EXPECT_EQ(found("\"autologin_passwd_key07\": \"canary\""), "1 AUTOLOGIN_PASSWD_KEY07");
    EXPECT_EQ(found("SRV_USER_PASSWORD canary"), "1 SRV_USER_PASSWORD");
    EXPECT_EQ(found("ADMIN_PASSWORD\ncanary\n"), "2 ADMIN_PASSWORD");
    EXPECT_EQ(found(in_utf16("VERSION 1\nSRV_USER_PASS canary\n")), "2 SRV_USER_PASS");
    EXPECT_TRUE(find_secret_line(avaya(), "SRV_USER_PASS canary")->is_login);
    EXPECT_FALSE(find_secret_line(avaya(), "SSHPWD canary")->is_login);
}

TEST(SecretLines, ANameWithoutAValueAndOtherNamesAreNone) {
    for (const std::string_view text :
         {"", "\n\n", "SRV_USER_PASS\nVERSION 1\n", "SRV_USER_PASS #\n[FW]\n", "SRV_USER_NAME fleet\n",
          "ADMIN_PASSWORD_EXPIRY 0\n", "LOGOUT_WITHOUT_PASSWORD YES\n", "ADMIN_PASSWORD\nBANNER\n"})
        EXPECT_EQ(found(text), "") << text;
}

TEST(SecretLines, LargeTextsAreReadAndLargeProgramsAreNot) {
    const std::string secret = "\nADMIN_PASSWORD canary\n";
    EXPECT_EQ(found(std::string(phonefile::max_file_size, 'x') + secret), "2 ADMIN_PASSWORD");
    EXPECT_EQ(found(std::string(phonefile::max_file_size, '\x01') + secret), "");
}

TEST(SecretLines, AreMasked) {
    for (const std::string_view text :
         {"admin_password canary", "XYZ_PASSWORD canary", "ADMIN_PASSWORD=canary", "srv_user_pass canary",
          "# SRV_USER_PASS canary", "BANNER hello # old password: canary", "ADMIN_PASSWORD half#canary",
          "ADMIN_PASSWORD\ncanary", "XYZ a\ncanary", "[FW] SRV_USER_PASS canary", "VERSION 1 SSHPWD canary",
          "?? canary", "=canary", "#XYZ_PASSWORD canary"}) {
        EXPECT_EQ(masked(text).find("canary"), std::string::npos) << text;
        EXPECT_EQ(split(masked(text), '\n').size(), split(text, '\n').size()) << text;
    }
    EXPECT_EQ(masked("SSHPWD canary\nBANNER x\n"), "SSHPWD ********\nBANNER x\n");
}

TEST(SecretLines, WhatMayBeShownStaysAsItIs) {
    for (const std::string_view text :
         {"", "\n", "[USER_CONFIG]\r\nVERSION 000001\r\nPROTOCOL HTTPS\r\n", "srv_user_name fleet\n# for Berlin\n",
          "banner hello world\n802.1P_MEDIA=6\nAVAYA_AUTOMATIC_QoS NO\n", "bonjour\n"})
        EXPECT_EQ(masked(text), text);
}

std::map<std::size_t, std::string> unfit(std::string_view text) {
    return find_unfit_settings(avaya(), phonefile::parse_settings_as_phone(text).value());
}

TEST(unfit_settings, tell_what_a_phone_does_not_take) {
    EXPECT_TRUE(unfit("BANNER hello\nSSHPWD secret\n").empty());
    EXPECT_EQ(unfit("NO_SUCH_NAME x\n").at(1), "NO_SUCH_NAME is no known setting");
    EXPECT_TRUE(unfit("BANNER x\nSNTP_ENABLE MAYBE\n").contains(2));
}

TEST(unfit_settings, never_tell_the_tail_of_a_wrapped_secret) {
    for (const auto* text :
         {"SSHPWD\nCANARY20\n", "SSHPWD abc\nCANARY20\n", "SSHPWD abc\nCANARY20 def\n",
          "SSHPWD abc\n\n# note\nCANARY20 def\n", "SSHPWD abc\nmore\nCANARY20 def\n", "MY_PASSWORD abc\nCANARY20 def\n",
          "BANNER x\nCANARY20\n", "SSHPWD a\nCANARY20 b\nSSHPWD c\n", "SSHPWD a\nCANARY20\nSSHPWD c\nCANARY20\n"}) {
        const auto reading = phonefile::parse_settings_as_phone(text).value();
        const auto lines = find_unfit_settings(avaya(), reading);
        EXPECT_FALSE(lines.empty()) << text;
        for (const auto& [line, reason] : lines) EXPECT_EQ(reason.find("CANARY"), std::string::npos) << text << reason;
        for (const auto& drop : reading.dropped)
            EXPECT_EQ((drop.text + drop.reason).find("CANARY"), std::string::npos) << text;
    }
}

}  // namespace
}  // namespace ringfence::delivery

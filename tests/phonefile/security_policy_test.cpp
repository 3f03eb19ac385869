#include "phonefile/security_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>

#include "base/disk.h"

namespace ringfence::phonefile {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

SecurityPolicyReading read(std::string_view text) { return parse_security_policy_as_phone(text).value(); }

TEST(SecurityPolicyAsPhone, EmptyFileIsTheManualsDefaults) {
    const SecurityPolicy policy = read("# nothing\n").policy;
    EXPECT_FALSE(policy.certificate_admin_ui || policy.security_log_ui || policy.signed_configuration);
    EXPECT_EQ(policy.key_size, 1024U);
    EXPECT_EQ(policy.customer_certificates, Acceptance::manual_a);
    EXPECT_EQ(policy.security_policy, Acceptance::manual_a);
}

TEST(SecurityPolicyAsPhone, ReadsEveryParameterAndItsLine) {
    const auto reading = read(
        "CERT_ADMIN_UI_ENABLE YES\r\nSECURITY_LOG_UI_ENABLE  YES # log\nKEY_SIZE 2048\nKEY_ALGORITHM KEY_ALG_RSA\n"
        "TLS_CIPHER RSA_WITH_AES_256_CBC_SHA\nCUST_CERT_ACCEPT VAL_NO_CHECK\nSEC_POLICY_ACCEPT VAL_MANUAL_B\n"
        "SECURITY_POLICY_PARAM_CHANGE YES");
    EXPECT_THAT(reading.dropped, IsEmpty());
    EXPECT_THAT(reading.lines, SizeIs(8));
    EXPECT_EQ(reading.lines.at(PolicyParameter::key_size), 3U);
    EXPECT_EQ(reading.lines.at(PolicyParameter::signed_configuration), 8U);
    EXPECT_TRUE(reading.policy.certificate_admin_ui && reading.policy.security_log_ui);
    EXPECT_EQ(reading.policy.key_size, 2048U);
    EXPECT_EQ(reading.policy.customer_certificates, Acceptance::no_check);
    EXPECT_EQ(reading.policy.security_policy, Acceptance::manual_b);
    EXPECT_TRUE(reading.policy.signed_configuration);
}

TEST(SecurityPolicyAsPhone, ABadValueLeavesTheDefaultAndIsListed) {
    for (const std::string line :
         {"CERT_ADMIN_UI_ENABLE 1", "SECURITY_LOG_UI_ENABLE yes", "KEY_SIZE 1023", "KEY_SIZE 16385", "KEY_SIZE -1",
          "KEY_SIZE 2048 bits", "KEY_SIZE", "KEY_ALGORITHM KEY_ALG_EC", "TLS_CIPHER RSA_WITH_RC4_128_MD5",
          "CUST_CERT_ACCEPT VAL_NONE", "SEC_POLICY_ACCEPT VAL_NO_CHECK", "SECURITY_POLICY_PARAM_CHANGE"}) {
        const auto reading = read("# head\n" + line + "\n");
        EXPECT_EQ(reading.policy, SecurityPolicy()) << line;
        EXPECT_THAT(reading.lines, IsEmpty()) << line;
        ASSERT_THAT(reading.dropped, SizeIs(1)) << line;
        EXPECT_EQ(reading.dropped[0].line, 2U) << line;
        EXPECT_THAT(reading.dropped[0].reason, HasSubstr("no phone knows this value")) << line;
    }
}

TEST(SecurityPolicyAsPhone, WhatASettingsFileDropsIsDroppedHereToo) {
    const auto reading = read("KEY_SIZE 2048\nKEY_SIZE 4096\n[X]\nkey_size 1024\nSSHPWD canary\n" +
                              std::string(max_line_read + 1, 'x') + "\nCUST_CERT_ACCEPT VAL_NO_CHECK\n");
    EXPECT_EQ(reading.policy.key_size, 4096U);
    EXPECT_EQ(reading.policy.customer_certificates, Acceptance::manual_a);
    ASSERT_THAT(reading.dropped, SizeIs(5));
    EXPECT_EQ(reading.dropped[3].line, 5U);
    EXPECT_THAT(reading.dropped[3].text, Not(HasSubstr("canary")));
    EXPECT_EQ(reading.dropped[4].last_line, 7U);
}

TEST(SecurityPolicyAsPhone, RefusesOnlyWhatIsTooLarge) {
    const auto refused = parse_security_policy_as_phone(std::string(max_file_size + 1, '\n'));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, FaultCode::too_large);
    EXPECT_THAT(refused.error().message, HasSubstr("security policy"));
}

TEST(SecurityPolicyStrict, NamesTheFirstBadLine) {
    EXPECT_THAT(parse_security_policy_strict("KEY_SIZE 2048\nKEY_SIZ 1\n").error().message, HasSubstr("line 2: "));
    EXPECT_TRUE(parse_security_policy_strict("KEY_SIZE 2048\n"));
}

TEST(SecurityPolicyWriter, WritesEveryParameter) {
    EXPECT_EQ(format_security_policy({}).value(),
              "CERT_ADMIN_UI_ENABLE NO\nSECURITY_LOG_UI_ENABLE NO\nKEY_SIZE 1024\nKEY_ALGORITHM KEY_ALG_RSA\n"
              "TLS_CIPHER RSA_WITH_AES_256_CBC_SHA\nCUST_CERT_ACCEPT VAL_MANUAL_A\nSEC_POLICY_ACCEPT VAL_MANUAL_A\n"
              "SECURITY_POLICY_PARAM_CHANGE NO\n");
}

TEST(SecurityPolicyWriter, RefusesWhatNoPolicyHas) {
    SecurityPolicy policy;
    policy.key_size = 512;
    EXPECT_FALSE(format_security_policy(policy));
    policy = {};
    policy.security_policy = Acceptance::no_check;
    EXPECT_FALSE(format_security_policy(policy));
}

RC_GTEST_PROP(SecurityPolicyProperty, WrittenIsRead, (bool a, bool b, bool c)) {
    SecurityPolicy policy;
    policy.certificate_admin_ui = a;
    policy.security_log_ui = b;
    policy.signed_configuration = c;
    policy.key_size = *rc::gen::inRange(SecurityPolicy::lowest_key_size, SecurityPolicy::highest_key_size + 1);
    policy.customer_certificates = *rc::gen::element(Acceptance::manual_a, Acceptance::manual_b, Acceptance::no_check);
    policy.security_policy = *rc::gen::element(Acceptance::manual_a, Acceptance::manual_b);
    RC_ASSERT(parse_security_policy_strict(format_security_policy(policy).value()).value() == policy);
}

TEST(SecurityPolicyCorpus, VerdictsHold) {
    SystemDisk disk;
    std::size_t files = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(RINGFENCE_SOURCE_DIR "/tests/corpus/security_policy")) {
        const std::string stem = entry.path().stem().string();
        const auto strict = parse_security_policy_strict(disk.read(entry.path().string(), 2 * max_file_size).value());
        EXPECT_EQ(strict.has_value(), stem.ends_with("-valid"))
            << stem << ": " << (strict ? "" : strict.error().message);
        EXPECT_TRUE(stem.ends_with("-valid") || stem.ends_with("-invalid")) << stem;
        ++files;
    }
    EXPECT_GE(files, 8U);
}

}  // namespace
}  // namespace ringfence::phonefile

#include "network/radius_files.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ringfence::network {

namespace {

registry::Switch switch_named(const std::string& name, const std::string& secret) {
    registry::Switch out{.name = name, .network = *Network::parse("192.0.2.0/28")};
    out.secret = Secret(secret);
    return out;
}

RadiusPlan plan() {
    RadiusPlan out;
    out.folder = "/etc/ringfence-radius";
    out.logs = "/var/log/freeradius";
    out.server = "http://127.0.0.1:18120";
    out.cache = "http://127.0.0.1:18121";
    out.password = Secret("canary-basic");
    out.tls = {"chain\n", Secret("key\n"), "authorities\n"};
    out.switches = {switch_named("attic", "canary-switch-secret")};
    return out;
}

std::string content(const std::vector<RadiusFile>& files, std::string_view name) {
    const auto file = std::find_if(files.begin(), files.end(), [&](const auto& each) { return each.name == name; });
    return file == files.end() ? "" : std::string(file->content.reveal());
}

TEST(RadiusFiles, SayWhereAndWith) {
    const auto files = format_radius_files(plan());
    ASSERT_TRUE(files);
    EXPECT_EQ(content(*files, "clients.conf"),
              "# Switches (ringfence radius switch add).\n"
              "client switch_1 {\n\tipv4addr = 192.0.2.0/28\n\tsecret = \"canary-switch-secret\"\n"
              "\tshortname = \"attic\"\n\trequire_message_authenticator = yes\n}\n");
    EXPECT_TRUE(content(*files, "radiusd.conf").starts_with(radius_mark));
    EXPECT_NE(content(*files, "radiusd.conf").find("confdir = /etc/ringfence-radius\n"), std::string::npos);
    EXPECT_NE(content(*files, "modules.conf").find("password = \"canary-basic\""), std::string::npos);
    EXPECT_EQ(content(*files, "eap.key"), "key\n");
    EXPECT_EQ(content(*files, "eap-legacy.key"), "");
}

TEST(RadiusFiles, KeepSecretsWhereTheyBelong) {
    const auto files = format_radius_files(plan());
    for (const RadiusFile& file : *files) {
        if (file.name != "clients.conf") {
            EXPECT_EQ(file.content.reveal().find("canary-switch"), std::string_view::npos) << file.name;
        }
        if (file.name != "modules.conf" && file.name != radius_password_file) {
            EXPECT_EQ(file.content.reveal().find("canary-basic"), std::string_view::npos) << file.name;
        }
    }
}

TEST(RadiusFiles, HoldOldTlsOnlyInItsLane) {
    const auto modern = format_radius_files(plan());
    for (const RadiusFile& file : *modern) {
        EXPECT_EQ(file.content.reveal().find("SECLEVEL"), std::string_view::npos) << file.name;
        EXPECT_EQ(file.content.reveal().find("eap_legacy"), std::string_view::npos) << file.name;
        EXPECT_EQ(file.content.reveal().find("\"1.0\""), std::string_view::npos) << file.name;
    }
    RadiusPlan old = plan();
    old.legacy_tls = RadiusTls{"old chain\n", Secret("old key\n"), "old authorities\n"};
    const auto legacy = format_radius_files(old);
    EXPECT_NE(content(*legacy, "modules.conf").find("eap eap_legacy {"), std::string::npos);
    EXPECT_EQ(content(*legacy, "eap-legacy.key"), "old key\n");
}

TEST(RadiusFiles, TakeNoTextThatFreeRadiusWouldReadOtherwise) {
    for (const char* text : {"", "a b", "a\"b", "a'b", "a\\b", "${confdir}", "%{User-Name}", "a\nb", "caf\xc3\xa9"}) {
        RadiusPlan named = plan();
        named.switches = {switch_named(text, "good-secret")};
        EXPECT_EQ(format_radius_files(named).error().code, FaultCode::malformed) << text;
        RadiusPlan secret = plan();
        secret.switches = {switch_named("good", text)};
        const auto refused = format_radius_files(secret);
        ASSERT_FALSE(refused) << text;
        if (*text != '\0') {
            EXPECT_EQ(refused.error().message.find(text), std::string::npos);
        }
    }
}

TEST(RadiusFiles, ShowACertificateToAnotherMachineAndThePasswordToTheCacheAlone) {
    RadiusPlan far = plan();
    far.server = "https://prov.example.test:18122";
    const auto files = format_radius_files(far);
    const std::string modules = content(*files, "modules.conf");
    const std::size_t cache = modules.find("rest ringfence_cache");
    ASSERT_NE(cache, std::string::npos);
    EXPECT_GT(modules.find("canary-basic"), cache);
    EXPECT_LT(modules.find("certificate_file = ${confdir}/eap.pem"), cache);
}

}  // namespace

}  // namespace ringfence::network

#include "phone/port_settings.h"

#include <gtest/gtest.h>

namespace ringfence::phone {
namespace {

PortSettings typed(PortMode mode) {
    PortSettings settings;
    settings.mode = mode;
    settings.id1 = "outer";
    settings.password = Secret("canary");
    return settings;
}

constexpr PortMaterial everything{true, true};

TEST(PortSettings, EachFieldIsTypedByItsName) {
    PortSettings settings;
    const std::pair<std::string_view, std::string_view> typed[] = {
        {"eap-mode", "PEAP"},       {"eap-id1", "outer"},      {"eap-id2", "inner"},
        {"eap-password", "canary"}, {"eap-inner", "mschapv2"}, {"eap-server-name", "Radius.Example.Test"}};
    for (const auto& [name, text] : typed) {
        const auto field = parse_port_field(name);
        ASSERT_TRUE(field.has_value()) << name;
        EXPECT_EQ(to_string(*field), name);
        EXPECT_TRUE(set_port_field(settings, *field, text).has_value()) << name;
    }
    EXPECT_EQ(settings, (PortSettings{PortMode::peap, "outer", "inner", Secret("canary"), TunnelMethod::mschapv2,
                                      "radius.example.test"}));
    for (const auto field : all_port_fields()) EXPECT_TRUE(set_port_field(settings, field, "").has_value());
    EXPECT_EQ(settings, PortSettings());
    EXPECT_FALSE(parse_port_field("eap-moon"));
}

TEST(PortSettings, DisabledErasesTheRest) {
    auto settings = typed(PortMode::md5);
    EXPECT_TRUE(set_port_field(settings, PortField::mode, "tls").has_value());
    EXPECT_EQ(settings.id1, "outer");
    EXPECT_TRUE(set_port_field(settings, PortField::mode, "disabled").has_value());
    EXPECT_EQ(settings, PortSettings());
}

TEST(PortSettings, TheTunnelsIdentityIsTheFirstOneWithoutAnother) {
    auto settings = typed(PortMode::peap);
    EXPECT_EQ(settings.tunnel_identity(), "outer");
    settings.id2 = "inner";
    EXPECT_EQ(settings.tunnel_identity(), "inner");
}

TEST(PortSettings, RefusesWhatNoFieldTakesAndKeepsWhatItHad) {
    const std::string canary = "canary\n";
    for (const auto& [field, text] : {std::pair{PortField::mode, std::string("wpa")},
                                      {PortField::tunnel, "gtc"},
                                      {PortField::id1, "a\nb"},
                                      {PortField::id2, std::string("a\0b", 3)},
                                      {PortField::password, canary},
                                      {PortField::server_name, "not a name"},
                                      {PortField::server_name, "192.0.2.1"},
                                      {PortField::id1, std::string(max_identity_size + 1, 'x')},
                                      {PortField::password, std::string(max_port_password_size + 1, 'x')}}) {
        auto settings = typed(PortMode::md5);
        const auto set = set_port_field(settings, field, text);
        ASSERT_FALSE(set.has_value()) << to_string(field);
        EXPECT_EQ(settings, typed(PortMode::md5));
        EXPECT_EQ(set.error().message.find("canary"), std::string::npos);
        EXPECT_EQ(set.error().message.find("xxx"), std::string::npos);
    }
    PortSettings longest;
    EXPECT_TRUE(set_port_field(longest, PortField::id1, std::string(max_identity_size, 'x')).has_value());
    EXPECT_TRUE(set_port_field(longest, PortField::password, std::string(max_port_password_size, 'x')).has_value());
}

TEST(PortSettings, WhatAModeNeedsComesBeforeIt) {
    const auto told = [](PortSettings settings, PortMaterial material) {
        const auto checked = check_port_material(settings, material);
        return checked ? std::string() : checked.error().message;
    };
    EXPECT_EQ(told({}, {}), "");
    for (const auto mode : {PortMode::md5, PortMode::peap, PortMode::tls}) {
        EXPECT_EQ(told(typed(mode), everything), "");
        auto nameless = typed(mode);
        nameless.id1.clear();
        EXPECT_NE(told(nameless, everything).find("eap-id1 must be typed in"), std::string::npos);
        auto open = typed(mode);
        open.password = Secret();
        EXPECT_EQ(told(open, everything).empty(), mode == PortMode::tls);
    }
    EXPECT_EQ(told(typed(PortMode::md5), {}), "");
    EXPECT_EQ(told(typed(PortMode::peap), {false, true}),
              "a root certificate must be installed before eap-mode is peap");
    EXPECT_EQ(told(typed(PortMode::peap), {true, false}), "");
    EXPECT_EQ(told(typed(PortMode::tls), {false, true}), "a root certificate must be installed before eap-mode is tls");
    EXPECT_EQ(told(typed(PortMode::tls), {true, false}),
              "a device certificate must be installed before eap-mode is tls");
}

}  // namespace
}  // namespace ringfence::phone

#include "phone/baresip_configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"

namespace ringfence::phone {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const family::Family& avaya() {
    static const auto family = family::Family::load(RINGFENCE_SOURCE_DIR "/families/avaya-1200");
    return *family;
}

class Baresip : public ::testing::Test {
protected:
    Baresip() {
        around_.folder = "/etc/phone/baresip";
        around_.has_roots = true;
        set({{"SIP_DOMAIN1", "voice.example"},
             {"SERVER_IP1_1", "sip.example"},
             {"SIP_DOMAIN1_PROTOS", "TCP,TLS"},
             {"AUTOLOGIN_ENABLE", "USE_AUTOLOGIN_ID"},
             {"AUTOLOGIN_ID_KEY01", "4711@voice.example"},
             {"AUTOLOGIN_PASSWD_KEY01", "secret"}});
    }

    void set(const std::vector<std::pair<std::string, std::string>>& values) {
        for (const auto& [name, value] : values) settings_[name].value = value;
    }
    BaresipConfiguration translate() {
        auto made = translate_baresip(settings_, avaya(), around_);
        EXPECT_TRUE(made.has_value()) << made.error().message;
        return made.value_or(BaresipConfiguration());
    }
    std::string accounts() { return std::string(translate().accounts.reveal()); }
    std::string config() { return translate().config; }

    // The account is refused with a sentence that holds no part of the value, and no line is left of it.
    void expect_refused(std::string_view what) {
        const auto made = translate();
        EXPECT_EQ(made.account_count, 0u) << what;
        EXPECT_EQ(made.accounts.reveal(), "") << what;
        ASSERT_FALSE(made.refused.empty()) << what;
        EXPECT_THAT(made.refused.front(), HasSubstr("AUTOLOGIN_ID_KEY01 is refused: "));
    }

    EffectiveSettings settings_;
    BaresipSurroundings around_;
};

TEST_F(Baresip, AnAccountIsOneLine) {
    EXPECT_EQ(accounts(),
              "<sip:4711@voice.example;transport=tls>;auth_user=\"4711\";auth_pass=\"secret\";regint=3600;"
              "outbound=\"sip:sip.example:5061;transport=tls\";audio_codecs=G722/16000/1\n");
    set({{"AUTOLOGIN_AUTHID_KEY01", "login"}, {"SERVER_TLS_PORT1_1", "5999"}});
    EXPECT_THAT(accounts(), HasSubstr(";auth_user=\"login\""));
    EXPECT_THAT(accounts(), HasSubstr("sip:sip.example:5999"));
    EXPECT_THAT(translate().refused, IsEmpty());
}

TEST_F(Baresip, TlsIsTakenWhereverItIsListed) {
    for (const char* listed : {"TLS", "TCP,TLS", "TLS,TCP", "UDP,TCP,TLS"}) {
        set({{"SIP_DOMAIN1_PROTOS", listed}});
        EXPECT_THAT(accounts(), HasSubstr(";transport=tls>")) << listed;
    }
    set({{"SIP_DOMAIN1_PROTOS", "TCP,UDP"}});
    EXPECT_THAT(accounts(), HasSubstr(";transport=tcp>"));
    EXPECT_THAT(accounts(), HasSubstr("sip:sip.example:5060;transport=tcp"));
    EXPECT_TRUE(translate().servers.dns_names.empty());
    settings_.erase("SIP_DOMAIN1_PROTOS");
    EXPECT_THAT(accounts(), HasSubstr(";transport=udp>")) << "the default";
}

TEST_F(Baresip, ProtocolsThatCannotBeReadAreNotTakenForTheDefault) {
    for (const char* listed : {"TLS,", "tls", "UDP,TLS", "TLS,SCTP"}) {
        set({{"SIP_DOMAIN1_PROTOS", listed}});
        expect_refused(listed);
    }
}

TEST_F(Baresip, WithoutARootThereIsNoTlsAccount) {
    around_.has_roots = false;
    expect_refused("no root");
    EXPECT_THAT(config(), Not(HasSubstr("sip_cafile")));
}

TEST_F(Baresip, TheServersThatTlsMayReachAreThoseOfTheSettings) {
    EXPECT_THAT(translate().servers.dns_names, ElementsAre("voice.example", "sip.example"));
    EXPECT_THAT(config(), HasSubstr("sip_cafile /etc/phone/baresip/roots.pem\n"));
    set({{"SERVER_IP1_1", "2001:db8::7"}});
    const auto made = translate();
    EXPECT_THAT(made.servers.dns_names, ElementsAre("voice.example"));
    EXPECT_THAT(made.servers.addresses, ElementsAre(*IpAddress::parse("2001:db8::7")));
    EXPECT_THAT(std::string(made.accounts.reveal()), HasSubstr("outbound=\"sip:[2001:db8::7]:5061;"));
    settings_.erase("SERVER_IP1_1");
    EXPECT_THAT(accounts(), Not(HasSubstr("outbound"))) << "found by DNS";
    EXPECT_THAT(translate().servers.dns_names, ElementsAre("voice.example"));
}

TEST_F(Baresip, OpenSslIsToldToVerify) {
    EXPECT_THAT(translate().openssl, HasSubstr("VerifyMode = Peer\n"));
    EXPECT_EQ(translate().start,
              "#!/bin/sh\n# Made by ringfence-phone.\n"
              "OPENSSL_CONF=/etc/phone/baresip/openssl.cnf exec baresip -f /etc/phone/baresip \"$@\"\n");
}

TEST_F(Baresip, AnAccountBelongsToTheServerOfItsDomain) {
    set({{"SIP_DOMAIN3", "other.example"},
         {"SERVER_IP3_1", "192.0.2.3"},
         {"SIP_DOMAIN3_PROTOS", "TCP"},
         {"AUTOLOGIN_ID_KEY01", "4711@OTHER.example"}});
    EXPECT_THAT(accounts(), HasSubstr("outbound=\"sip:192.0.2.3:5060;transport=tcp\""));
    set({{"AUTOLOGIN_ID_KEY01", "4711@third.example"}});
    expect_refused("a domain that is none");
    set({{"AUTOLOGIN_ID_KEY01", "4711"}});
    EXPECT_THAT(accounts(), HasSubstr("<sip:4711@voice.example;")) << "the first domain";
}

TEST_F(Baresip, AccountsAreAsManyAsASetLogsIn) {
    set({{"AUTOLOGIN_ID_KEY02", "4712@voice.example"},
         {"AUTOLOGIN_PASSWD_KEY02", "b"},
         {"AUTOLOGIN_ID_KEY24", "4724@voice.example"},
         {"AUTOLOGIN_PASSWD_KEY24", "c"}});
    EXPECT_EQ(translate().account_count, 1u);
    EXPECT_THAT(translate().remarks, Contains("AUTOLOGIN_ID_KEY02 is beyond MAX_LOGINS, 1"));
    set({{"MAX_LOGINS", "2"}});
    EXPECT_EQ(translate().account_count, 2u);
    set({{"MAX_LOGINS", "24"}});
    EXPECT_THAT(accounts(), HasSubstr("<sip:4724@"));
    set({{"AUTOLOGIN_PASSWD_KEY01", ""}});
    EXPECT_EQ(translate().account_count, 2u) << "one that is refused takes no other's place";
}

TEST_F(Baresip, WithoutAutomaticLoginThereIsNoAccount) {
    for (const char* value : {"NO", "0"}) {
        set({{"AUTOLOGIN_ENABLE", value}});
        EXPECT_EQ(accounts(), "");
        EXPECT_THAT(translate().remarks, Contains(HasSubstr("AUTOLOGIN_ENABLE is NO")));
    }
    settings_.erase("AUTOLOGIN_ENABLE");
    EXPECT_EQ(accounts(), "") << "the default is NO";
}

TEST_F(Baresip, HostileValuesAreRefused) {
    for (const char* id :
         {"4711;transport=udp@voice.example", "4711>@voice.example", "47 11@voice.example", "@voice.example", "4711@",
          "4711@voice.example;lr", "a@b@voice.example", "4711\n@voice.example", "sip:4711@voice.example",
          "4711@voice.example>;regint=0", "4711%00@voice.example", "\"4711@voice.example"}) {
        set({{"AUTOLOGIN_ID_KEY01", id}});
        expect_refused(id);
    }
    set({{"AUTOLOGIN_ID_KEY01", "4711@voice.example"}});
    for (const char* text :
         {"a\";regint=0;b=\"", "a;outbound=sip:evil.example", "a b", "a\\", "a\nb", "a\r<sip:x@y>", "\"", ";"}) {
        set({{"AUTOLOGIN_PASSWD_KEY01", text}});
        expect_refused(text);
        EXPECT_THAT(translate().refused.front(), Not(HasSubstr("evil"))) << "no value is told";
        set({{"AUTOLOGIN_PASSWD_KEY01", "good"}, {"AUTOLOGIN_AUTHID_KEY01", text}});
        expect_refused(text);
        settings_.erase("AUTOLOGIN_AUTHID_KEY01");
    }
    for (const char* host : {"sip.example;lr", "a b", "[::1]", "sip.example:5060", "\"x"}) {
        set({{"SERVER_IP1_1", host}});
        expect_refused(host);
    }
    set({{"SERVER_IP1_1", "sip.example"}, {"VMAIL", "101>\n<sip:x@y"}});
    EXPECT_EQ(translate().contacts, "");
    EXPECT_EQ(translate().account_count, 1u);
    EXPECT_THAT(translate().refused, Contains(HasSubstr("VMAIL")));
}

TEST_F(Baresip, SurroundingsThatCannotStandInALineAreRefused) {
    const auto refuses = [&](auto change) {
        auto around = around_;
        change(around);
        return !translate_baresip(settings_, avaya(), around).has_value();
    };
    EXPECT_TRUE(refuses([](auto& a) { a.folder = "/a b"; }));
    EXPECT_TRUE(refuses([](auto& a) { a.folder = "relative"; }));
    EXPECT_TRUE(refuses([](auto& a) { a.folder = "/a'$(x)"; }));
    EXPECT_TRUE(refuses([](auto& a) { a.module_folder = "/a\nmodule x.so"; }));
    EXPECT_TRUE(refuses([](auto& a) { a.audio = "alsa"; }));
    EXPECT_TRUE(refuses([](auto& a) { a.audio = "../x,default"; }));
    EXPECT_TRUE(refuses([](auto& a) { a.interface = "eth0 x"; }));
    EXPECT_TRUE(refuses([](auto& a) { a.dns_servers = {"dns.example:53"}; }));
    EXPECT_TRUE(refuses([](auto& a) { a.dns_servers = {"192.0.2.1"}; }));
    EXPECT_FALSE(refuses([](auto& a) { a.dns_servers = {"192.0.2.1:53", "[2001:db8::1]:53"}; }));
}

TEST_F(Baresip, CodecsKeepTheirOrderAndBringTheirModules) {
    set({{"AUDIO_CODEC1", "PCMU standard u-law"},
         {"AUDIO_CODEC2", "G729 codec"},
         {"AUDIO_CODEC3", "G722 wideband codec"},
         {"AUDIO_CODEC4", "PCMA standard a-law"}});
    const auto made = translate();
    EXPECT_THAT(std::string(made.accounts.reveal()), HasSubstr(";audio_codecs=PCMU/8000/1,G722/16000/1,PCMA/8000/1"));
    EXPECT_THAT(made.config, HasSubstr("module g711.so\nmodule g722.so\n"));
    EXPECT_THAT(made.remarks, Contains("AUDIO_CODEC2: baresip has no G729 codec"));
    settings_.clear();
    set({{"AUDIO_CODEC1", "G729 codec"}});
    EXPECT_THAT(translate().remarks, Contains("no codec is left, so there will be no calls"));
}

TEST_F(Baresip, MediaIsEncryptedAsTheSettingsSay) {
    EXPECT_THAT(config(), Not(HasSubstr("srtp")));
    set({{"SRTP_ENABLED", "YES"}, {"SRTP_MODE", "SecureOnly"}});
    EXPECT_THAT(accounts(), HasSubstr(";mediaenc=srtp-mand\n"));
    EXPECT_THAT(config(), HasSubstr("module srtp.so\n"));
    EXPECT_THAT(translate().remarks, Not(Contains(HasSubstr("clear"))));
    set({{"SRTP_MODE", "BE-Cap Neg"}});
    EXPECT_THAT(accounts(), HasSubstr(";mediaenc=srtp\n"));
    EXPECT_THAT(translate().remarks, Contains(HasSubstr("a call may stay clear")));
    set({{"SIP_DOMAIN1_PROTOS", "UDP"}});
    EXPECT_THAT(translate().remarks,
                Contains("an account without TLS carries the keys of its encrypted calls in clear"));
}

TEST_F(Baresip, PortsAndMarksAreTakenOver) {
    EXPECT_THAT(config(), HasSubstr("sip_listen 0.0.0.0:5060\n"));
    EXPECT_THAT(config(), HasSubstr("rtp_tos 184\nrtp_ports 50000-50100\n"));
    EXPECT_THAT(config(), HasSubstr("call_local_timeout 120\ncall_max_calls 10\n"));
    set({{"RTP_MIN_PORT", "20000"},
         {"RTP_MAX_PORT", "20200"},
         {"DSCP_MEDIA", "34"},
         {"SIP_UDP_PORT", "6000"},
         {"SIP_TCP_PORT", "6000"},
         {"SIP_TLS_PORT", "0"}});
    EXPECT_THAT(config(), HasSubstr("sip_listen 0.0.0.0:6000\n"));
    EXPECT_THAT(config(), HasSubstr("rtp_tos 136\nrtp_ports 20000-20200\n"));
    EXPECT_THAT(translate().remarks, Contains("SIP_TLS_PORT 0: baresip listens at 6001"));
    set({{"RTP_MAX_PORT", "20000"}, {"DSCP_MEDIA", "-1"}});
    EXPECT_THAT(config(), Not(HasSubstr("rtp_ports")));
    EXPECT_THAT(translate().refused, Contains(HasSubstr("RTP_MIN_PORT")));
    EXPECT_THAT(translate().remarks, Contains(HasSubstr("DSCP_MEDIA -1")));
    around_.sip_port = 7000;
    EXPECT_THAT(config(), HasSubstr("sip_listen 0.0.0.0:7000\n"));
}

TEST_F(Baresip, TheMailboxIsAContactAndWatched) {
    set({{"VMAIL", "101"}});
    EXPECT_EQ(translate().contacts, "\"Voice mail\" <sip:101@voice.example>\n");
    EXPECT_THAT(config(), HasSubstr("module_app mwi.so\n"));
    set({{"VMAIL", "box@mail.example"}});
    EXPECT_EQ(translate().contacts, "\"Voice mail\" <sip:box@mail.example>\n");
}

TEST_F(Baresip, WhatHasNoCounterpartIsListed) {
    set({{"BANNER", "x"},
         {"E911_PROXY", "192.0.2.1"},
         {"REGISTER_RETRY_TIME", "60"},
         {"hunter2", "rest"},
         {"SERVER_IP1_2", "192.0.2.2"}});
    const auto made = translate();
    EXPECT_THAT(made.untranslated, ElementsAre("BANNER", "E911_PROXY", "REGISTER_RETRY_TIME", "SERVER_IP1_2"));
    EXPECT_EQ(made.unknown_settings, 1u);
}

TEST_F(Baresip, AValueThatDoesNotFitIsReplacedByItsDefaultAndSaidSo) {
    set({{"MAX_RING_TIME", "x\nmodule evil.so"}});
    EXPECT_THAT(config(), HasSubstr("call_local_timeout 120\n"));
    EXPECT_THAT(config(), Not(HasSubstr("evil")));
    EXPECT_THAT(translate().refused,
                Contains(AllOf(HasSubstr("MAX_RING_TIME"), HasSubstr("its default"), Not(HasSubstr("evil")))));
}

// Whatever the values: as many lines as accounts, each closed as it was opened, and no quote or semicolon from a value.
RC_GTEST_FIXTURE_PROP(Baresip, NoValueLeavesItsField, ()) {
    // What a line of baresip is made of, so that many values nearly fit.
    const auto hostile = rc::gen::container<std::string>(
        rc::gen::element('a', '1', '@', '.', ';', '"', '\\', '<', '>', '=', ':', ' ', '\n', '\r', '%', ','));
    for (const char* name : {"AUTOLOGIN_ID_KEY01", "AUTOLOGIN_AUTHID_KEY01", "AUTOLOGIN_PASSWD_KEY01", "SERVER_IP1_1",
                             "SERVER_TLS_PORT1_1", "VMAIL", "AUDIO_CODEC1", "SRTP_MODE"})
        if (*rc::gen::arbitrary<bool>()) set({{name, *hostile}});
    const auto made = translate();
    const std::string text(made.accounts.reveal());
    RC_ASSERT(static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) == made.account_count);
    RC_ASSERT(std::count(text.begin(), text.end(), '"') == static_cast<std::ptrdiff_t>(made.account_count) * 6 ||
              std::count(text.begin(), text.end(), '"') == static_cast<std::ptrdiff_t>(made.account_count) * 4);
    RC_ASSERT(text.empty() || text.starts_with("<sip:"));
    RC_ASSERT(std::count(made.contacts.begin(), made.contacts.end(), '\n') <= 1);
    for (const auto line : split(made.config, '\n'))
        RC_ASSERT(line.empty() || line[0] == '#' || line.find(' ') != line.npos);
}

}  // namespace
}  // namespace ringfence::phone

#include "server/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ringfence::server {
namespace {

using ::testing::HasSubstr;

const std::string head = "[server]\nhost = \"prov.example.net\"\naddress = \"192.0.2.10\"\n";

std::string complaint(const std::string& toml) {
    const auto settings = parse_settings(toml);
    if (settings) return "no complaint";
    EXPECT_EQ(settings.error().code, FaultCode::malformed);
    return settings.error().message;
}

TEST(Settings, TheDefaultFileIsReadWhole) {
    const WallTime now = *parse_time("2026-11-23T06:10:00Z");
    const std::string text = format_default_settings("prov.example.net", "192.0.2.10", {"1220", "1230"}, now);
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = text.find('\n', begin);
        EXPECT_LE(end - begin, 120U) << text.substr(begin, end - begin);
        begin = end + 1;
    }
    const auto settings = parse_settings(text);
    ASSERT_TRUE(settings) << settings.error().message;
    EXPECT_EQ(settings->installation.host, "prov.example.net");
    EXPECT_EQ(settings->installation.address, "192.0.2.10");
    EXPECT_EQ(settings->installation.realm, "ringfence");
    ASSERT_EQ(settings->listeners.size(), 4U);
    EXPECT_EQ(settings->listeners[0].endpoint.to_string(), "0.0.0.0:69");
    EXPECT_EQ(settings->listeners[3].wire, trust::Wire::https);
    EXPECT_EQ(settings->listeners[3].client_certificates, crypto::ClientCertificates::ask);
    EXPECT_EQ(settings->listeners[3].challenge, protocol::ChallengeKind::basic);
    EXPECT_FALSE(settings->installation.legacy_lane) << "no door, no lane";
    ASSERT_TRUE(settings->legacy);
    EXPECT_EQ(settings->legacy->models, (std::vector<std::string>{"1220", "1230"}));
    EXPECT_EQ(format_time(*settings->legacy->closes), "2029-11-22T06:10:00Z");
}

// Every line that the file shows behind '#' as a setting must be one that is understood.
TEST(Settings, TheDefaultFilesExamplesAreUnderstood) {
    std::string text = format_default_settings("prov.example.net", "192.0.2.10", {"1230"}, WallTime{});
    std::string uncommented;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = text.find('\n', begin);
        std::string line = text.substr(begin, end - begin);
        const std::string bare = line.substr(std::min<std::size_t>(2, line.size()));
        const bool is_example = line.rfind("# ", 0) == 0 && (bare.find(" = ") != std::string::npos || bare[0] == '[');
        uncommented += (is_example ? bare : line) + "\n";
        begin = end + 1;
    }
    const auto settings = parse_settings(uncommented);
    ASSERT_TRUE(settings) << settings.error().message << uncommented;
    EXPECT_EQ(settings->listeners.size(), 7U);
    EXPECT_EQ(settings->radius.terms.session, network::AdmissionTerms().session);
    EXPECT_FALSE(settings->radius.has_legacy_eap);
    ASSERT_TRUE(settings->passive_ports);
    EXPECT_EQ(settings->passive_ports->last, 50099);
    EXPECT_EQ(settings->limits.transfers, DoorLimits().transfers);
    EXPECT_EQ(settings->limits.connections, DoorLimits().connections);
    EXPECT_EQ(settings->drain_time, ServerSettings().drain_time);
    EXPECT_EQ(settings->loops, 0U);
    EXPECT_EQ(settings->enrolment.workers, 0U);
}

TEST(Settings, TheRadiusDoorIsForThisMachineAlone) {
    const auto door = [](const std::string& kind, const std::string& at) {
        return head + "[[listen]]\ndoor = \"" + kind + "\"\nat = \"" + at + "\"\n";
    };
    for (const char* at : {"127.0.0.1", "127.9.9.9:1", "[::1]:18120"}) EXPECT_TRUE(parse_settings(door("radius", at)));
    for (const char* at : {"0.0.0.0", "192.0.2.10", "[::]:18120"})
        EXPECT_THAT(complaint(door("radius", at)), HasSubstr("radius-tls")) << at;
    const auto far = parse_settings(door("radius-tls", "0.0.0.0"));
    ASSERT_TRUE(far);
    EXPECT_EQ(far->listeners.back().client_certificates, crypto::ClientCertificates::require);
    EXPECT_EQ(far->listeners.back().endpoint.port, standard_port(trust::Wire::radius_tls));
}

TEST(Settings, WhatSwitchesAreToldIsBounded) {
    const auto terms =
        parse_settings(head + "[radius]\nonboarding = \"7\"\nproduction = \"42\"\nsession_seconds = 60\n")
            ->radius.terms;
    EXPECT_EQ(terms.onboarding, "7");
    EXPECT_EQ(terms.production, "42");
    EXPECT_EQ(terms.session, std::chrono::seconds(60));
    EXPECT_THAT(complaint(head + "[radius]\nsession_seconds = 59\n"), HasSubstr("from 60 to 86400"));
    EXPECT_THAT(complaint(head + "[radius]\nonboarding = \"a b\"\n"), HasSubstr("[radius] onboarding must be"));
    EXPECT_THAT(complaint(head + "[radius]\nproduction = \"\"\n"), HasSubstr("[radius] production must be"));
    EXPECT_THAT(complaint(head + "[radius]\nlegacy_eap = true\n"), HasSubstr("needs a [legacy] table"));
}

TEST(Settings, EnrolmentIsThereUnlessItIsTurnedOff) {
    const auto absent = parse_settings(head)->enrolment;
    EXPECT_TRUE(absent.scep && absent.est && absent.cmp && absent.ocsp && absent.login && !absent.scep_legacy_closes);
    const auto some =
        parse_settings(head + "[enrolment]\nest = false\ncmp = false\nlogin = false\nworkers = 3\n")->enrolment;
    EXPECT_TRUE(some.scep && !some.est && !some.cmp && some.ocsp && !some.login);
    EXPECT_EQ(some.workers, 3U);
    EXPECT_THAT(complaint(head + "[enrolment]\nscep = 1\n"), HasSubstr("[enrolment] scep must be true or false"));
    EXPECT_THAT(complaint(head + "[enrolment]\nsceep = true\n"), HasSubstr("knows no key 'sceep'"));
    EXPECT_THAT(complaint(head + "[enrolment]\nworkers = -1\n"), HasSubstr("workers must be a number"));
}

TEST(Settings, DhcpLeadsToTheInstallationUnlessItSaysOtherwise) {
    const auto absent = parse_settings(head)->dhcp;
    EXPECT_EQ(absent.server, "192.0.2.10");
    EXPECT_EQ(absent.vlan_option, 232);
    const auto told = parse_settings(std::string(head) +
                                     "[dhcp]\nserver = \"https://prov.example.net/\"\nvlan_ids = [100, 200]\n"
                                     "vlan_option = 247\ntime_servers = [\"192.0.2.5\"]\n")
                          ->dhcp;
    EXPECT_EQ(told.server, "https://prov.example.net/");
    EXPECT_EQ(told.vlan_ids, (std::vector<std::uint16_t>{100, 200}));
    EXPECT_EQ(told.vlan_option, 247);
    EXPECT_EQ(told.time_servers.at(0).to_string(), "192.0.2.5");
    for (const auto* wrong :
         {"server = \"prov\"", "server = \"ftp://u:canary@prov/\"", "option_43 = \"a\\u0007\"",
          "option_43 = \"VLAN-A:1\"", "vlan_ids = [0]", "vlan_ids = [4095]", "vlan_ids = \"1\"", "vlan_option = 43",
          "vlan_option = 131", "time_servers = [\"prov\"]", "time_servers = [\"::1\"]", "lease = 1"}) {
        const auto refused = parse_settings(std::string(head) + "[dhcp]\n" + wrong + "\n");
        ASSERT_FALSE(refused) << wrong;
        EXPECT_EQ(refused.error().message.find("canary"), std::string::npos);
        EXPECT_NE(refused.error().message.find("[dhcp]"), std::string::npos) << refused.error().message;
    }
}

TEST(Settings, OldScepHasAClosingDate) {
    const std::string table = head + "[enrolment]\nscep_legacy = true\n";
    EXPECT_THAT(complaint(table), HasSubstr("scep_legacy_closes must be a date"));
    EXPECT_THAT(complaint(table + "scep_legacy_closes = \"soon\"\n"), HasSubstr("scep_legacy_closes must be a date"));
    const auto open = parse_settings(table + "scep_legacy_closes = \"2030-01-01T00:00:00Z\"\n");
    ASSERT_TRUE(open);
    EXPECT_EQ(format_time(*open->enrolment.scep_legacy_closes), "2030-01-01T00:00:00Z");
    const auto closed = parse_settings(head + "[enrolment]\nscep_legacy_closes = \"2030-01-01T00:00:00Z\"\n");
    ASSERT_TRUE(closed);
    EXPECT_FALSE(closed->enrolment.scep_legacy_closes);
}

TEST(Settings, AnUnknownKeyIsRefusedByItsName) {
    EXPECT_EQ(complaint(head + "hots = \"x\"\n"), "line 4: [server] knows no key 'hots'");
    EXPECT_EQ(complaint("colour = 1\n" + head), "line 1: the file knows no key 'colour'");
    EXPECT_EQ(complaint(head + "[[listen]]\ndoor = \"http\"\nat = \"127.0.0.1:80\"\nport = 80\n"),
              "line 7: [[listen]] knows no key 'port'");
    EXPECT_EQ(complaint(head + "[limits]\nphones = 3\n"), "line 5: [limits] knows no key 'phones'");
    EXPECT_EQ(complaint(head + "[legacy]\nmodels = [\"1230\"]\ncloses = \"2030-01-01T00:00:00Z\"\nsecret = 1\n"),
              "line 7: [legacy] knows no key 'secret'");
}

TEST(Settings, WhatIsWrongIsSaid) {
    EXPECT_EQ(complaint(""), "[server] is missing");
    EXPECT_THAT(complaint("this is [not toml"), HasSubstr("line 1: "));
    EXPECT_THAT(complaint("[server]\naddress = \"192.0.2.1\"\n"), HasSubstr("host is missing"));
    EXPECT_THAT(complaint("[server]\nhost = \"a\"\naddress = \"b\"\n"), HasSubstr("must be an IP address"));
    for (const char* host : {"a b", "a # c", "10.0.0.300", "prov.", "prov:443"}) {
        EXPECT_THAT(complaint("[server]\nhost = \"" + std::string(host) + "\"\naddress = \"192.0.2.1\"\n"),
                    HasSubstr("host must be a DNS name"))
            << host;
    }
    EXPECT_THAT(complaint(head + "loops = -1\n"), HasSubstr("loops must be a number from 0 to 256"));
    EXPECT_THAT(complaint(head + "loops = \"two\"\n"), HasSubstr("loops must be a number"));
    EXPECT_THAT(complaint(head + "realm = \"a\\u0007\"\n"), HasSubstr("realm must be printable ASCII"));
    EXPECT_THAT(complaint(head + "passive_ports = \"9-3\"\n"), HasSubstr("must be two ports"));
    EXPECT_THAT(complaint("listen = 3\n" + head), HasSubstr("must be tables: [[listen]]"));
    EXPECT_THAT(complaint("legacy = 3\n" + head), HasSubstr("[legacy]"));
    const std::string door = head + "[[listen]]\ndoor = \"https\"\nat = \"192.0.2.10:443\"\n";
    EXPECT_EQ(complaint(door), "no complaint");
    EXPECT_THAT(complaint(door + "client_certificates = \"maybe\"\n"), HasSubstr("\"off\", \"ask\" or \"require\""));
    EXPECT_THAT(complaint(door + "challenge = \"ntlm\"\n"), HasSubstr("\"basic\", \"digest-md5\""));
    EXPECT_THAT(complaint(head + "[[listen]]\ndoor = \"gopher\"\nat = \"192.0.2.10:70\"\n"), HasSubstr("door must be"));
    EXPECT_THAT(complaint(head + "[[listen]]\ndoor = \"http\"\nat = \"nowhere\"\n"), HasSubstr("at must be"));
    EXPECT_THAT(complaint(head + "[[listen]]\ndoor = \"http\"\nat = \"192.0.2.10:80\"\nchallenge = \"basic\"\n"),
                HasSubstr("https doors only"));
    EXPECT_EQ(complaint(door + "[[listen]]\ndoor = \"http\"\nat = \"192.0.2.10:443\"\n"),
              "two doors listen on 192.0.2.10:443");
}

TEST(Settings, TheLegacyLaneIsNamedAndEnds) {
    const std::string door = head + "[[listen]]\ndoor = \"https-legacy\"\nat = \"192.0.2.11\"\n";
    EXPECT_THAT(complaint(door), HasSubstr("needs a [legacy] table"));
    EXPECT_THAT(complaint(door + "[legacy]\ncloses = \"2030-01-01T00:00:00Z\"\n"), HasSubstr("must name the models"));
    EXPECT_THAT(complaint(door + "[legacy]\nmodels = [\"1230\"]\n"), HasSubstr("closes must be a date"));
    const std::string lane = "[legacy]\nmodels = [\"1230\"]\ncloses = \"2030-01-01T00:00:00Z\"\n";
    for (const char* server : {"a b # c", "192.0.2.11:443", "https://a"}) {
        EXPECT_THAT(complaint(door + lane + "server = \"" + server + "\"\n"), HasSubstr("[legacy] server must be"));
    }
    EXPECT_THAT(complaint(door + "[legacy]\nmodels = [\"1230\"]\ncloses = \"9999-01-01T00:00:00Z\"\n"),
                HasSubstr("closes must be before 2038"));
    const auto without_server = parse_settings(door + lane);
    ASSERT_TRUE(without_server);
    EXPECT_EQ(without_server->listeners[0].endpoint.to_string(), "192.0.2.11:443");
    ASSERT_TRUE(without_server->installation.legacy_lane) << "a site may have a server of its own for it";
    EXPECT_EQ(without_server->installation.legacy_lane->server, "");
    const std::string longest = std::string(60, 'a') + "." + std::string(8, 'b');
    EXPECT_TRUE(parse_settings(door + lane + "server = \"" + longest + "\"\n"));
    EXPECT_THAT(complaint(door + lane + "server = \"a" + longest + "\"\n"), HasSubstr("SERVER_IP"));
    const auto with_server = parse_settings(door + lane + "server = \"192.0.2.11\"\n");
    ASSERT_TRUE(with_server);
    ASSERT_TRUE(with_server->installation.legacy_lane);
    EXPECT_EQ(with_server->installation.legacy_lane->server, "192.0.2.11");
}

TEST(Settings, ListenersAreReplacedAndKeepWhatTheFileSaysOfTheirDoor) {
    auto settings = parse_settings(head +
                                   "[[listen]]\ndoor = \"https\"\nat = \"192.0.2.10:443\"\n"
                                   "client_certificates = \"require\"\nchallenge = \"digest-sha256\"\n");
    ASSERT_TRUE(settings);
    ASSERT_TRUE(replace_listeners(*settings, {"https=127.0.0.1:8443", "tftp=[::1]:6969", "ftp=[::]", "http=0.0.0.0"}));
    ASSERT_EQ(settings->listeners.size(), 4U);
    EXPECT_EQ(settings->listeners[0].client_certificates, crypto::ClientCertificates::require);
    EXPECT_EQ(settings->listeners[0].challenge, protocol::ChallengeKind::digest_sha256);
    EXPECT_EQ(settings->listeners[1].endpoint.to_string(), "[::1]:6969");
    EXPECT_EQ(settings->listeners[2].endpoint.to_string(), "[::]:21");
    EXPECT_EQ(settings->listeners[3].endpoint.to_string(), "0.0.0.0:80");
    for (const char* wrong : {"https", "gopher=127.0.0.1:70", "tftp=127.0.0.1:99999", "tftp=", "=127.0.0.1:1"}) {
        EXPECT_FALSE(replace_listeners(*settings, {wrong})) << wrong;
    }
    EXPECT_FALSE(replace_listeners(*settings, {"https-legacy=127.0.0.1:443"})) << "no [legacy] table";
    EXPECT_FALSE(replace_listeners(*settings, {"http=127.0.0.1:80", "ftp=127.0.0.1:80"}));
    EXPECT_TRUE(replace_listeners(*settings, {"http=127.0.0.1:69", "tftp=127.0.0.1:69"})) << "TCP beside UDP";
}

TEST(Settings, AFileThatNobodyWroteByHandIsRefused) {
    const auto settings = parse_settings(head + "#" + std::string(max_settings_size, 'x'));
    ASSERT_FALSE(settings);
    EXPECT_EQ(settings.error().code, FaultCode::too_large);
}

}  // namespace
}  // namespace ringfence::server

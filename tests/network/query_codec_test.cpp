#include "network/query_codec.h"

#include <gtest/gtest.h>

namespace ringfence::network {

namespace {

const WallTime now = *parse_time("2026-05-01T08:00:00Z");

TEST(Query, ReadsWhatFreeRadiusSays) {
    const auto query = parse_query(
        "identity=a%26b&hardware=00-24-7F-01-02-AB&certificate=000AbC&lane=legacy&nas=192.0.2.5&from=127.0.0.1"
        "&nas_name=sw&port_id=Gi1%2F0%2F7&port=10107");
    ASSERT_TRUE(query);
    EXPECT_EQ(query->claim.identity, "a&b");
    EXPECT_EQ(query->claim.hardware->bare_upper(), "00247F0102AB");
    EXPECT_EQ(query->claim.certificate, "0abc");
    EXPECT_TRUE(query->claim.is_on_legacy_lane);
    EXPECT_EQ(query->place.switch_address.to_string(), "127.0.0.1");
    EXPECT_EQ(query->place.told_address->to_string(), "192.0.2.5");
    EXPECT_EQ(query->place.switch_name, "sw");
    EXPECT_EQ(query->place.port, "Gi1/0/7");
    EXPECT_EQ(query->place.port_number, 10107U);
    EXPECT_EQ(query->place.hardware, "00-24-7F-01-02-AB");
}

TEST(Query, MayLackAllButTheIdentity) {
    const auto query = parse_query("identity=x&hardware=&certificate=&nas=&from=::1&port=7&more=y");
    ASSERT_TRUE(query);
    EXPECT_FALSE(query->claim.hardware);
    EXPECT_TRUE(query->claim.certificate.empty());
    EXPECT_EQ(query->place.switch_address.to_string(), "::1");
    EXPECT_EQ(query->place.port, "7");
}

TEST(Query, ReadsAMacAsAllSwitchesWriteIt) {
    for (const char* form : {"00-24-7F-01-02-AB", "00:24:7f:01:02:ab", "0024.7f01.02ab", "00247F0102AB",
                             "0024-7f01-02ab", "00247f-0102ab", "00%2024%207f%2001%2002%20ab", "0024:7f01:02ab%20"}) {
        const auto query = parse_query(std::string("identity=x&hardware=") + form);
        ASSERT_TRUE(query && query->claim.hardware) << form;
        EXPECT_EQ(query->claim.hardware->bare_upper(), "00247F0102AB");
    }
    for (const char* form : {"0024.7f01.02a", "00247f.0102abc", "port-7", "00247f0102ag", "00_24_7f_01_02_ab", "-"})
        EXPECT_FALSE(parse_query(std::string("identity=x&hardware=") + form)->claim.hardware) << form;
}

TEST(Query, RefusesWhatIsNone) {
    for (const char* form : {"", "identity", "identity=", "hardware=x", "identity=x&identity=y", "identity=%zz"})
        EXPECT_EQ(parse_query(form).error().code, FaultCode::malformed) << form;
    EXPECT_TRUE(parse_query("identity=" + std::string(253, 'x')));
    EXPECT_EQ(parse_query("identity=" + std::string(254, 'x')).error().code, FaultCode::too_large);
    EXPECT_EQ(parse_query("identity=x&more=" + std::string(max_query, 'x')).error().code, FaultCode::too_large);
}

TEST(Answer, TellsThePasswordWithEverySign) {
    Credential credential;
    credential.password = Secret("a\"b\\c%d");
    EXPECT_EQ(format_credential(credential, {}, now).reveal(),
              R"({"control:Cleartext-Password":{"op":":=","do_xlat":false,"value":["a\"b\\\\c%d"]}})");
}

TEST(Answer, OfACertificateSaysNothing) {
    EXPECT_EQ(format_credential({.takes_certificate = true}, {}, now).reveal(), "{}");
}

TEST(Answer, TellsTheSegmentAndHowLong) {
    const AdmissionTerms terms{"7", "42", std::chrono::hours(1)};
    const auto told = [&](std::optional<WallTime> ends) {
        const auto segment = ends ? trust::Segment::onboarding : trust::Segment::production;
        return format_admission({segment, ends}, terms, now);
    };
    EXPECT_EQ(told({}), R"({"reply:Tunnel-Private-Group-Id":{"op":":=","do_xlat":false,"value":["42"]},)"
                        R"("reply:Session-Timeout":{"op":":=","do_xlat":false,"value":["3600"]}})");
    EXPECT_NE(told(now + std::chrono::minutes(10)).find(R"("value":["600"])"), std::string::npos);
    EXPECT_NE(told(now + std::chrono::minutes(10)).find(R"("value":["7"])"), std::string::npos);
    EXPECT_NE(told(now + std::chrono::hours(10)).find(R"("value":["3600"])"), std::string::npos);
    EXPECT_NE(told(now + std::chrono::seconds(1)).find(R"("value":["60"])"), std::string::npos);
    Credential credential;
    credential.admission = Admission{trust::Segment::onboarding, now + std::chrono::minutes(10)};
    EXPECT_NE(format_credential(credential, terms, now).reveal().find(R"("control:Tunnel-Private-Group-Id")"),
              std::string_view::npos);
}

}  // namespace

}  // namespace ringfence::network

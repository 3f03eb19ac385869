#include "phonefile/trust_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>

#include "base/disk.h"

namespace ringfence::phonefile {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string dates = "NOT_VALID_BEFORE: 01/02/2026 00:00:00\nNOT_VALID_AFTER: 31/12/2030 23:59:59\n";
const std::string certificate = "-----BEGIN CERTIFICATE-----\nMIIB+/==\nQUJD\n-----END CERTIFICATE-----\n";

TrustListReading read(std::string_view text) { return parse_trust_list_as_phone(text).value(); }

Fault fault_of(std::string_view text) {
    const auto reading = parse_trust_list_as_phone(text);
    return reading ? Fault{FaultCode::internal, "accepted"} : reading.error();
}

std::string repeat(const std::string& text, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += text;
    return out;
}

TEST(TrustListAsPhone, ReadsDatesDayFirstInUtc) {
    const auto reading = read(dates + certificate);
    EXPECT_THAT(reading.dropped, IsEmpty());
    EXPECT_EQ(format_time(reading.list.not_before), "2026-02-01T00:00:00Z");
    EXPECT_EQ(format_time(reading.list.not_after), "2030-12-31T23:59:59Z");
    EXPECT_THAT(reading.list.certificates, ElementsAre(certificate));
}

TEST(TrustListAsPhone, TakesOtherLineEndsBlanksAndOrder) {
    const auto reading = read(
        "\r\n-----BEGIN CERTIFICATE----- \r\n MIIB+/==\r\nQUJD\r\n-----END CERTIFICATE-----\r\n\r\n"
        "NOT_VALID_AFTER:31/12/2030   23:59:59\r\nNOT_VALID_BEFORE:\t01/02/2026 00:00:00");
    EXPECT_THAT(reading.dropped, IsEmpty());
    EXPECT_EQ(reading.list, read(dates + certificate).list);
}

TEST(TrustListAsPhone, UnreadableDatesAreMalformed) {
    for (const std::string date :
         {"", "2026-02-01 00:00:00", "31/02/2026 00:00:00", "1/2/2026 00:00:00", "01/02/26 00:00:00",
          "02/13/2026 00:00:00", "01/02/2026", "01/02/2026 24:00:00", "01/02/2026 00:00", "01/02/2026 00:00:00 UTC",
          "01/02/2026T00:00:00", "01/02/2026/00 00:00:00", "-1/02/2026 00:00:00"}) {
        const auto fault =
            fault_of("NOT_VALID_AFTER: 31/12/2030 23:59:59\nNOT_VALID_BEFORE: " + date + "\n" + certificate);
        EXPECT_EQ(fault.code, FaultCode::malformed) << date;
        EXPECT_THAT(fault.message, HasSubstr("line 2")) << date;
    }
    EXPECT_EQ(fault_of(certificate).code, FaultCode::malformed);
    EXPECT_EQ(fault_of(dates + dates + certificate).code, FaultCode::malformed);
    EXPECT_EQ(fault_of("NOT_VALID_BEFORE: 01/02/2026 00:00:00\n" + certificate).code, FaultCode::malformed);
    EXPECT_THAT(
        fault_of("NOT_VALID_BEFORE: 01/02/2026 00:00:01\nNOT_VALID_AFTER: 01/02/2026 00:00:00\n" + certificate).message,
        HasSubstr("ends before it begins"));
}

TEST(TrustListAsPhone, BadCertificatesAreMalformed) {
    for (const std::string text :
         {"", "-----BEGIN CERTIFICATE-----\nMIIB\n", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
          "-----BEGIN CERTIFICATE-----\nMI IB\n-----END CERTIFICATE-----\n",
          "-----BEGIN CERTIFICATE-----\nMIIB\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
          "-----BEGIN CERTIFICATE-----\nMIIB\n\n-----END CERTIFICATE-----\n"})
        EXPECT_EQ(fault_of(dates + text).code, FaultCode::malformed) << text;
}

TEST(TrustListAsPhone, KeepsToTheManualsLimits) {
    EXPECT_THAT(read(dates + repeat(certificate, 10)).list.certificates, SizeIs(10));
    EXPECT_EQ(fault_of(dates + repeat(certificate, 11)).code, FaultCode::too_large);
    const std::string text = dates + certificate;
    EXPECT_EQ(read(text + std::string(max_trust_list_size - text.size(), '\n')).list, read(text).list);
    EXPECT_EQ(fault_of(text + std::string(max_trust_list_size - text.size() + 1, '\n')).code, FaultCode::too_large);
}

TEST(TrustListAsPhone, OtherLinesAreListed) {
    const auto reading = read("# list\n" + dates + "Subject: CN=lab\n" + certificate);
    ASSERT_THAT(reading.dropped, SizeIs(2));
    EXPECT_EQ(reading.dropped[1].line, 4U);
    EXPECT_EQ(reading.dropped[1].text, "Subject: CN=lab");
    EXPECT_THAT(reading.list.certificates, SizeIs(1));
    EXPECT_THAT(parse_trust_list_strict("# list\n" + dates + certificate).error().message, HasSubstr("line 1: "));
    EXPECT_TRUE(parse_trust_list_strict(dates + certificate));
}

TEST(TrustListWriter, RefusesWhatCouldNotBeReadBack) {
    const TrustList good = read(dates + certificate).list;
    const auto is_refused = [&](auto change) {
        TrustList list = good;
        change(list);
        return !format_trust_list(list);
    };
    EXPECT_EQ(format_trust_list(good).value(), dates + certificate);
    EXPECT_TRUE(is_refused([](TrustList& list) { list.not_before += Duration(1); }));
    EXPECT_TRUE(is_refused([](TrustList& list) { list.not_after = list.not_before - Duration(1000); }));
    EXPECT_TRUE(is_refused([](TrustList& list) { list.not_after += std::chrono::days(3'000'000); }));
    EXPECT_TRUE(is_refused([](TrustList& list) { list.certificates.clear(); }));
    EXPECT_TRUE(is_refused([](TrustList& list) { list.certificates.emplace_back(""); }));
    EXPECT_TRUE(is_refused([](TrustList& list) { list.certificates[0].pop_back(); }));
    EXPECT_TRUE(is_refused([](TrustList& list) { list.certificates[0] += list.certificates[0]; }));
    EXPECT_TRUE(is_refused([](TrustList& list) { list.certificates.resize(11, certificate); }));
}

RC_GTEST_PROP(TrustListProperty, WrittenIsRead, ()) {
    const auto seconds = [] {
        return std::chrono::seconds(*rc::gen::inRange<std::int64_t>(-62167219200, 253402300799));
    };
    TrustList list;
    list.not_before = WallTime(seconds());
    list.not_after = std::max(list.not_before, WallTime(seconds()));
    list.certificates.resize(*rc::gen::inRange<std::size_t>(1, max_trust_list_certificates + 1), certificate);
    RC_ASSERT(parse_trust_list_strict(format_trust_list(list).value()).value() == list);
}

TEST(TrustListCorpus, VerdictsHold) {
    SystemDisk disk;
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(RINGFENCE_SOURCE_DIR "/tests/corpus/trust_list")) {
        const std::string stem = entry.path().stem().string();
        const auto strict = parse_trust_list_strict(disk.read(entry.path().string(), 64 * 1024).value());
        EXPECT_EQ(strict.has_value(), stem.ends_with("-valid"))
            << stem << ": " << (strict ? "" : strict.error().message);
        EXPECT_TRUE(stem.ends_with("-valid") || stem.ends_with("-invalid")) << stem;
        ++files;
    }
    EXPECT_GE(files, 10U);
}

}  // namespace
}  // namespace ringfence::phonefile

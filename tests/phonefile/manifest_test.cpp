#include "phonefile/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/disk.h"
#include "base/text.h"

namespace ringfence::phonefile {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

ManifestReading read(std::string_view text) { return parse_manifest_as_phone(text).value(); }

std::string strict_fault(std::string_view text) {
    const auto manifest = parse_manifest_strict(text);
    return manifest ? "" : manifest.error().message;
}

Section built(SectionKind kind) {
    Section section;
    section.kind = kind;
    section.version = kind == SectionKind::fw ? "SIP12x004.04.09.00" : "000001";
    section.filenames = {"a/b.cfg"};
    return section;
}

std::string format_fault(const Section& section) {
    const auto text = format_manifest({{section}});
    return text ? "" : text.error().message;
}

TEST(ManifestAsPhone, FillsDefaultsAndKeepsLines) {
    const auto reading =
        read("# head\r\n[DEVICE_CONFIG]   # all sets\r\n  VERSION   000007 # bump\r\nFILENAME\tsite a.cfg\r\n");
    EXPECT_THAT(reading.dropped, IsEmpty());
    ASSERT_THAT(reading.manifest.sections, SizeIs(1));
    const Section& section = reading.manifest.sections[0];
    EXPECT_EQ(section.kind, SectionKind::device_config);
    EXPECT_EQ(section.version, "000007");
    EXPECT_EQ(section.download_mode, DownloadMode::automatic);
    EXPECT_EQ(section.protocol, Protocol::tftp);
    EXPECT_THAT(section.filenames, ElementsAre("site a.cfg"));
    EXPECT_EQ(section.profile, 1U);
    EXPECT_EQ(section.purpose, -1);
    EXPECT_FALSE(section.prompt || section.delete_files || section.prompt_authname);
    EXPECT_EQ(section.line, 2U);
    EXPECT_EQ(section.keyword_lines.at(Keyword::version), 3U);
    EXPECT_EQ(section.keyword_lines.at(Keyword::filename), 4U);
}

TEST(ManifestAsPhone, ReadsEveryKeyword) {
    const auto reading = read(
        "[DEV_CERT]\nVERSION 000004\nDOWNLOAD_MODE FORCED\nFILENAME phone-*.p12\nPROTOCOL HTTPS\n"
        "SERVER_IP prov.example.net\nSRV_USER_NAME fleet\nSRV_USER_PASS pass word\nPROMPT YES\nDELETE_FILES YES\n"
        "PROMPT_AUTHNAME_ENABLE YES\nPROFILE 2\nPURPOSE 5\nSECURITY_MODE 0\n");
    EXPECT_THAT(reading.dropped, IsEmpty());
    const Section& section = reading.manifest.sections.at(0);
    EXPECT_EQ(section.download_mode, DownloadMode::forced);
    EXPECT_EQ(section.protocol, Protocol::https);
    EXPECT_EQ(section.server, "prov.example.net");
    EXPECT_EQ(section.user_name, "fleet");
    EXPECT_EQ(section.password.reveal(), "pass word");
    EXPECT_TRUE(section.prompt && section.delete_files && section.prompt_authname);
    EXPECT_EQ(section.profile, 2U);
    EXPECT_EQ(section.purpose, 5);
    EXPECT_EQ(section.security_mode, "0");
}

TEST(ManifestAsPhone, KeepsRepeatedSectionsInOrderAndKnowsSecondNames) {
    const auto reading = read("[FW]\nFILENAME a\n[IMAGE]\nFILENAME b\n[FW]\nFILENAME c\n[POLICY]\nFILENAME d\n");
    EXPECT_THAT(reading.dropped, IsEmpty());
    std::vector<SectionKind> kinds;
    for (const Section& section : reading.manifest.sections) kinds.push_back(section.kind);
    EXPECT_THAT(kinds, ElementsAre(SectionKind::fw, SectionKind::images, SectionKind::fw, SectionKind::sec_policy));
}

TEST(ManifestAsPhone, RepeatsFilenameOnlyWhereTheManualDoes) {
    for (const auto* name : {"LANGUAGE", "TONES", "USER_KEYS"}) {
        const auto reading = read("[" + std::string(name) + "]\nFILENAME a\nFILENAME b\n");
        EXPECT_THAT(reading.dropped, IsEmpty()) << name;
        EXPECT_THAT(reading.manifest.sections.at(0).filenames, ElementsAre("a", "b")) << name;
    }
    const auto reading = read("[FW]\nFILENAME a\nFILENAME b\n");
    EXPECT_THAT(reading.manifest.sections.at(0).filenames, ElementsAre("b"));
    ASSERT_THAT(reading.dropped, SizeIs(1));
    EXPECT_EQ(reading.dropped[0].line, 2U);
}

TEST(ManifestAsPhone, UserConfigNeedsNoFilenameAndBareVersionIsBorne) {
    const auto reading = read("[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION");
    EXPECT_THAT(reading.dropped, IsEmpty());
    EXPECT_EQ(reading.manifest.sections.at(0).version, "");
}

TEST(ManifestAsPhone, LineOfEightyIsReadAndLongerEndsTheFile) {
    const std::string fits = "FILENAME " + std::string(max_line_read - 9, 'f');
    const auto whole = read("[FW]\n" + fits + "\r\nVERSION SIP1\n");
    EXPECT_THAT(whole.dropped, IsEmpty());
    EXPECT_EQ(whole.manifest.sections.at(0).version, "SIP1");

    const auto cut = read("[FW]\nVERSION SIP1\n" + fits + "f\n[DEVICE_CONFIG]\nFILENAME x\n");
    EXPECT_THAT(cut.manifest.sections, IsEmpty());
    ASSERT_THAT(cut.dropped, SizeIs(2));
    EXPECT_EQ(cut.dropped[0].line, 1U);
    EXPECT_EQ(cut.dropped[1].line, 3U);
    EXPECT_EQ(cut.dropped[1].last_line, 5U);
    EXPECT_THAT(cut.dropped[1].reason, HasSubstr("everything after it"));
}

TEST(ManifestAsPhone, LongCommentEndsTheFileToo) {
    const auto reading = read("[FW]\nFILENAME a\n#" + std::string(max_line_read, '-') + "\nVERSION SIP1");
    EXPECT_EQ(reading.manifest.sections.at(0).version, "");
    ASSERT_THAT(reading.dropped, SizeIs(1));
    EXPECT_EQ(reading.dropped[0].line, 3U);
    EXPECT_EQ(reading.dropped[0].last_line, 4U);
}

TEST(ManifestAsPhone, SkipsUnknownSectionsWhole) {
    const auto reading =
        read("[USER_KERYS]\nFILENAME a\n\nPROTOCOL HTTP\n[CTL]\nFILENAME b\n[fw]\nFILENAME c\n[FW\nFILENAME d\n");
    ASSERT_THAT(reading.manifest.sections, SizeIs(1));
    EXPECT_EQ(reading.manifest.sections[0].kind, SectionKind::ctl);
    ASSERT_THAT(reading.dropped, SizeIs(3));
    EXPECT_EQ(reading.dropped[0].line, 1U);
    EXPECT_EQ(reading.dropped[0].last_line, 4U);
    EXPECT_THAT(reading.dropped[0].reason, HasSubstr("[USER_KEYS]"));
    EXPECT_EQ(reading.dropped[1].line, 7U);
    EXPECT_EQ(reading.dropped[2].line, 9U);
}

TEST(ManifestAsPhone, SkipsUnknownKeywordsAndValues) {
    const auto reading = read(
        "VERSION 1\n[FW]\nfilename x\nFILENAME a\nDOWNLOAD_MODE MAYBE\nPROMPT yes\nPROFILE 0\nPURPOSE 3x\nCOLOUR "
        "red\n");
    const Section& section = reading.manifest.sections.at(0);
    EXPECT_EQ(section.download_mode, DownloadMode::automatic);
    EXPECT_FALSE(section.prompt);
    EXPECT_EQ(section.profile, 1U);
    EXPECT_EQ(section.purpose, -1);
    std::vector<std::size_t> lines;
    for (const Dropped& dropped : reading.dropped) lines.push_back(dropped.line);
    EXPECT_THAT(lines, ElementsAre(1, 3, 5, 6, 7, 8, 9));
}

TEST(ManifestAsPhone, NeverFallsBackWhenProtocolOrServerIsUnreadable) {
    for (const auto* line : {"PROTOCOL HTTPSS", "PROTOCOL https", "PROTOCOL", "SERVER_IP http://a/", "SERVER_IP a b"}) {
        const auto reading = read("[USER_CONFIG]\nSRV_USER_NAME u\nSRV_USER_PASS p\n" + std::string(line) + "\n");
        EXPECT_THAT(reading.manifest.sections, IsEmpty()) << line;
        ASSERT_THAT(reading.dropped, SizeIs(1)) << line;
        EXPECT_EQ(reading.dropped[0].line, 4U);
        EXPECT_THAT(reading.dropped[0].reason, HasSubstr("skipped"));
    }
}

TEST(ManifestAsPhone, LastOfRepeatedKeywordHolds) {
    const auto reading = read("[FW]\nFILENAME a\nVERSION 1\nSRV_USER_PASS canary\nVERSION 2\nSRV_USER_PASS other\n");
    EXPECT_EQ(reading.manifest.sections.at(0).version, "2");
    ASSERT_THAT(reading.dropped, SizeIs(2));
    EXPECT_EQ(reading.dropped[0].line, 3U);
    EXPECT_EQ(reading.dropped[1].line, 4U);
}

TEST(ManifestAsPhone, NoDroppedLineShowsASecret) {
    const std::string tail(max_line_read, 'x');
    for (const std::string& line :
         {std::string("srv_user_pass canary"), std::string("SRV_USER_PASS=canary"), std::string("SRV_USER_PAS canary"),
          "SRV_USER_PASS canary " + tail, std::string("canary"), std::string("SRV_USER_PASS canary\nSRV_USER_PASS x"),
          "# canary " + tail,
          std::string("SRV_USER_PASS can\x01"
                      "ary canary"),
          std::string("SERVER_IP ftp://u:canary@h"), std::string("=canary canary"),
          std::string("\xEF\xBB\xBFSRV_USER_PASS canary")}) {
        const auto reading = read("[FW]\nFILENAME a\n" + line + "\n");
        ASSERT_THAT(reading.dropped, Not(IsEmpty())) << line;
        for (const Dropped& dropped : reading.dropped) {
            EXPECT_THAT(dropped.text, Not(HasSubstr("canary"))) << line;
            EXPECT_THAT(dropped.reason, Not(HasSubstr("canary"))) << line;
        }
    }
}

TEST(ManifestAsPhone, KeepsBytesAboveAscii) {
    const auto reading = read("[TONES]\nFILENAME caf\xC3\xA9.wav\n");
    EXPECT_THAT(reading.dropped, IsEmpty());
    EXPECT_THAT(reading.manifest.sections.at(0).filenames, ElementsAre("caf\xC3\xA9.wav"));
}

TEST(ManifestAsPhone, RefusesOnlyWhatIsTooLarge) {
    EXPECT_TRUE(parse_manifest_as_phone(std::string(max_file_size, '\n')));
    const auto refused = parse_manifest_as_phone(std::string(max_file_size + 1, '\n'));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, FaultCode::too_large);
}

TEST(ManifestStrict, NamesTheFirstBadLine) {
    EXPECT_THAT(strict_fault("[FW]\nFILENAME a\nCOLOUR red\n[X]\n"), HasSubstr("line 3: "));
    EXPECT_THAT(strict_fault("[FW]\nFILENAME \xC3\xA9\nCOLOUR red\n"), HasSubstr("line 2: "));
    EXPECT_THAT(strict_fault("[FW]\nCOLOUR red\nFILENAME \xC3\xA9\n"), HasSubstr("line 2: "));
    EXPECT_THAT(strict_fault("[FW]\nVERSION SIP1\n"), HasSubstr("line 1: "));
    EXPECT_EQ(strict_fault("# caf\xC3\xA9\n[FW]\nFILENAME a\n"), "");
}

TEST(ManifestWriter, AlwaysWritesProtocolAndKeepsOrder) {
    Section keys = built(SectionKind::user_keys);
    keys.version.clear();
    Section user = built(SectionKind::user_config);
    user.filenames.clear();
    user.download_mode = DownloadMode::forced;
    user.protocol = Protocol::https;
    user.server = "prov.example.net";
    user.user_name = "fleet";
    user.password = Secret("not-a-real-one");
    EXPECT_EQ(format_manifest({{keys, user}}).value(),
              "[USER_KEYS]\nDOWNLOAD_MODE AUTO\nPROTOCOL TFTP\nFILENAME a/b.cfg\n\n"
              "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 000001\nPROTOCOL HTTPS\nSERVER_IP prov.example.net\n"
              "SRV_USER_NAME fleet\nSRV_USER_PASS not-a-real-one\n");
}

TEST(ManifestWriter, RefusesWhatAPhoneWouldMisread) {
    for (const auto* name : {"a#b", "caf\xC3\xA9", " a", "a ", "a b", "a\tb", "a\nPROTOCOL TFTP", "", "a\x7F"}) {
        Section section = built(SectionKind::device_config);
        section.filenames = {name};
        EXPECT_NE(format_fault(section), "") << name;
    }
    Section section = built(SectionKind::device_config);
    section.filenames = {std::string(max_line_written - 9, 'f')};
    EXPECT_EQ(format_fault(section), "");
    section.filenames[0] += 'f';
    EXPECT_THAT(format_fault(section), HasSubstr("80 characters long"));
}

TEST(ManifestWriter, RefusalNeverShowsThePassword) {
    for (const std::string& password :
         {std::string("canary#1"), std::string("canary "), std::string(90, 'c') + "canary"}) {
        Section section = built(SectionKind::device_config);
        section.user_name = "u";
        section.password = Secret(password);
        EXPECT_THAT(format_fault(section), HasSubstr("SRV_USER_PASS"));
        EXPECT_THAT(format_fault(section), Not(HasSubstr("canary")));
    }
}

TEST(ManifestWriter, RefusesImpossibleSections) {
    Section section = built(SectionKind::device_config);
    section.filenames.clear();
    EXPECT_THAT(format_fault(section), HasSubstr("section [DEVICE_CONFIG]: it needs a FILENAME"));
    section.filenames = {"a", "b"};
    EXPECT_THAT(format_fault(section), HasSubstr("only one FILENAME"));
    section = built(SectionKind::device_config);
    section.password = Secret("p");
    EXPECT_THAT(format_fault(section), HasSubstr("without a user name"));
    section = built(SectionKind::device_config);
    section.server = "http://a";
    EXPECT_THAT(format_fault(section), HasSubstr("SERVER_IP"));
}

TEST(ManifestWriter, HoldsVersionsToTheManual) {
    for (const auto* version : {"", "12345", "12345678901", "2147483648", "00001a", "-00001"}) {
        Section section = built(SectionKind::device_config);
        section.version = version;
        EXPECT_THAT(format_fault(section), HasSubstr("VERSION")) << version;
    }
    for (const auto* version : {"000001", "2023081501", "2147483647"}) {
        Section section = built(SectionKind::device_config);
        section.version = version;
        EXPECT_EQ(format_fault(section), "") << version;
    }
    Section firmware = built(SectionKind::fw);
    firmware.version = "SIP1120e04.04.09.00";
    EXPECT_EQ(format_fault(firmware), "");
    firmware.version += "0";
    EXPECT_THAT(format_fault(firmware), HasSubstr("19"));
}

std::string any_word(std::size_t longest) {
    // Printable ASCII without blank and '#'.
    const auto character = rc::gen::map(rc::gen::inRange(0, 93), [](int i) {
        const char c = static_cast<char>('!' + i);
        return c >= '#' ? static_cast<char>(c + 1) : c;
    });
    const auto length = *rc::gen::inRange<std::size_t>(1, longest + 1);
    return *rc::gen::container<std::string>(length, character);
}

std::string any_version(SectionKind kind) {
    if (kind == SectionKind::fw) return any_word(max_firmware_version_length);
    std::string digits = std::to_string(*rc::gen::inRange<std::uint64_t>(0, max_version));
    return std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits;
}

Section any_section() {
    Section section;
    section.kind = *rc::gen::map(rc::gen::inRange(0, 14), [](int i) { return static_cast<SectionKind>(i); });
    section.version = any_version(section.kind);
    section.download_mode = *rc::gen::element(DownloadMode::automatic, DownloadMode::forced);
    const int most = takes_several_files(section.kind) ? 5 : 1;
    const int least = section.kind == SectionKind::user_config ? 0 : 1;
    const int files = *rc::gen::inRange(least, most + 1);
    for (int i = 0; i < files; ++i) section.filenames.push_back(any_word(70));
    section.protocol = *rc::gen::element(Protocol::tftp, Protocol::ftp, Protocol::http, Protocol::https);
    section.server = *rc::gen::element<std::string>("", "prov.example.net", "192.0.2.1", "2001:db8::1");
    if (*rc::gen::arbitrary<bool>()) {
        section.user_name = any_word(40);
        if (*rc::gen::arbitrary<bool>()) section.password = Secret(any_word(65));
    }
    section.prompt = *rc::gen::arbitrary<bool>();
    section.delete_files = *rc::gen::arbitrary<bool>();
    section.prompt_authname = *rc::gen::arbitrary<bool>();
    section.profile = *rc::gen::inRange(1U, 4U);
    section.purpose = *rc::gen::inRange(-1, 64);
    if (*rc::gen::arbitrary<bool>()) section.security_mode = any_word(4);
    return section;
}

RC_GTEST_PROP(ManifestProperty, WhatIsWrittenIsReadBack, ()) {
    Manifest manifest;
    const auto count = *rc::gen::inRange(0, 8);
    for (int i = 0; i < count; ++i) manifest.sections.push_back(any_section());
    const std::string text = format_manifest(manifest).value();
    RC_ASSERT(parse_manifest_strict(text).value() == manifest);
    RC_ASSERT(read(text).dropped.empty());
    RC_ASSERT(read(replace_all(text, "\n", "\r\n")).manifest == manifest);
}

// Whatever the values are: refused, or read back as they were.
RC_GTEST_PROP(ManifestProperty, WriterRefusesOrIsRead, (std::string name, std::string password)) {
    Section section = built(SectionKind::device_config);
    section.filenames = {name};
    section.user_name = "u";
    section.password = Secret(password);
    const Manifest manifest{{section}};
    const auto text = format_manifest(manifest);
    if (text) RC_ASSERT(parse_manifest_strict(*text).value() == manifest);
}

RC_GTEST_PROP(ManifestProperty, StrictIsThePhonesReadingWithNothingDropped, ()) {
    const auto line = rc::gen::element<std::string>("[FW]", "[CTL]", "[X]", "FILENAME a", "VERSION 1", "PROTOCOL HTTP",
                                                    "PROTOCOL X", "SERVER_IP a", "junk", "# c", "", "PROMPT YES");
    std::string text;
    for (const auto& part : *rc::gen::container<std::vector<std::string>>(line)) text += part + "\n";
    const auto reading = read(text);
    const auto strict = parse_manifest_strict(text);
    RC_ASSERT(strict.has_value() == reading.dropped.empty());
    if (strict) RC_ASSERT(*strict == reading.manifest);
}

TEST(ManifestCorpus, VerdictsHold) {
    SystemDisk disk;
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(RINGFENCE_SOURCE_DIR "/tests/corpus/manifest")) {
        const std::string stem = entry.path().stem().string();
        const auto text = disk.read(entry.path().string(), 2 * max_file_size).value();
        const auto strict = parse_manifest_strict(text);
        EXPECT_EQ(strict.has_value(), stem.ends_with("-valid"))
            << stem << ": " << (strict ? "" : strict.error().message);
        EXPECT_TRUE(stem.ends_with("-valid") || stem.ends_with("-invalid")) << stem;
        ++files;
    }
    EXPECT_GE(files, 12U);
}

TEST(Version, ComparesNumbersAsNumbersAndTheRestAsText) {
    EXPECT_TRUE(is_newer("000010", "9").newer);
    EXPECT_FALSE(is_newer("000007", "7").newer);
    EXPECT_TRUE(is_newer("100000000000000000000000", "99999999999999999999999").newer);
    EXPECT_TRUE(is_newer("SIP12x004.04.09.00", "SIP12x004.03.12.00").newer);
    EXPECT_FALSE(is_newer("SIP12x004.04.09.00", "SIP12x004.04.09.00").newer);
    EXPECT_FALSE(is_newer("SIP12x004.03.12.00", "SIP12x004.04.09.00").newer);
    EXPECT_TRUE(is_newer("000001", "").newer);
    EXPECT_FALSE(is_newer("", "").newer);
    EXPECT_FALSE(is_newer("", "1").newer);
}

TEST(Version, SaysWhenSpellingsAreMixed) {
    const auto upgrade = is_newer("SIP12x004.04.09.00", "99999999");
    EXPECT_TRUE(upgrade.newer);
    EXPECT_THAT(upgrade.reason, HasSubstr("compared as text"));
    const auto never = is_newer("99999999", "SIP12x003.00.00.00");
    EXPECT_FALSE(never.newer);
    EXPECT_THAT(never.reason, HasSubstr("compared as text"));
    EXPECT_THAT(is_newer("2", "1").reason, "version 2 is newer than the stored 1");
}

RC_GTEST_PROP(VersionProperty, OfTwoVersionsAtMostOneIsNewer, (std::uint64_t a, std::uint64_t b)) {
    const std::string x = std::to_string(a);
    const std::string y = std::to_string(b);
    RC_ASSERT(is_newer(x, y).newer == (a > b));
    RC_ASSERT(!(is_newer(x, "S" + y).newer && is_newer("S" + y, x).newer));
}

TEST(Filename, StarBecomesTheMac) {
    const auto mac = MacAddress::parse("00:24:7f:01:02:ab").value();
    EXPECT_EQ(expand_filename("phone-*.p12", mac), "phone-00247F0102AB.p12");
    EXPECT_EQ(expand_filename("*/*", mac), "00247F0102AB/00247F0102AB");
    EXPECT_EQ(expand_filename("plain", mac), "plain");
}

}  // namespace
}  // namespace ringfence::phonefile

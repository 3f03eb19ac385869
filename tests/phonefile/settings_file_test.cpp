#include "phonefile/settings_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <set>

#include "base/disk.h"

namespace ringfence::phonefile {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

SettingsReading read(std::string_view text) { return parse_settings_as_phone(text).value(); }

std::string value_of(const SettingsFile& file, std::string_view name) {
    const SettingLine* line = file.find(name);
    return line == nullptr ? "absent" : std::string(line->value.reveal());
}

std::string format_fault(std::string name, std::string value) {
    const auto text = format_settings({{{std::move(name), Secret(std::move(value)), 0}}});
    return text ? "" : text.error().message;
}

TEST(SettingsAsPhone, ValueRunsToTheEndOfTheLine) {
    const auto reading =
        read("# head\r\nAUDIO_CODEC1  PCMU standard u-law  # first\r\n802.1P_DATA 6\nBANNER \nDST_ENABLED");
    EXPECT_THAT(reading.dropped, IsEmpty());
    EXPECT_EQ(value_of(reading.file, "AUDIO_CODEC1"), "PCMU standard u-law");
    EXPECT_EQ(reading.file.find("AUDIO_CODEC1")->line, 2U);
    EXPECT_EQ(value_of(reading.file, "802.1P_DATA"), "6");
    EXPECT_EQ(value_of(reading.file, "BANNER"), "");
    EXPECT_EQ(value_of(reading.file, "DST_ENABLED"), "");
    EXPECT_EQ(reading.file.find("dst_enabled"), nullptr);
}

TEST(SettingsAsPhone, LastOfARepeatedNameHolds) {
    const auto reading = read("A 1\nB 2\nA 3\n");
    ASSERT_THAT(reading.file.lines, SizeIs(2));
    EXPECT_EQ(value_of(reading.file, "A"), "3");
    ASSERT_THAT(reading.dropped, SizeIs(1));
    EXPECT_EQ(reading.dropped[0].line, 1U);
}

TEST(SettingsAsPhone, LongLineEndsTheFile) {
    const std::string longest = "BANNER " + std::string(max_line_read - 7, 'b');
    EXPECT_THAT(read(longest + "\nA 1\n").dropped, IsEmpty());
    const auto cut = read("A 1\n" + longest + "b\nA 2\n\nB 3");
    EXPECT_EQ(value_of(cut.file, "A"), "1");
    EXPECT_THAT(cut.file.lines, SizeIs(1));
    ASSERT_THAT(cut.dropped, SizeIs(1));
    EXPECT_EQ(cut.dropped[0].line, 2U);
    EXPECT_EQ(cut.dropped[0].last_line, 5U);
}

TEST(SettingsAsPhone, NoDroppedLineShowsAValue) {
    const std::string tail(max_line_read, 'x');
    for (const std::string& line :
         {std::string("[X] canary"), std::string("SSHPWD=canary"), std::string("A canary\nA 2"), "SSHPWD canary" + tail,
          std::string("SSHPWD can\x02 canary"), "#canary" + tail, std::string("!canary x")}) {
        const auto reading = read(line);
        ASSERT_THAT(reading.dropped, SizeIs(1)) << line;
        EXPECT_THAT(reading.dropped[0].text, Not(HasSubstr("canary"))) << line;
        EXPECT_THAT(reading.dropped[0].reason, Not(HasSubstr("canary"))) << line;
    }
}

TEST(SettingsAsPhone, RefusesOnlyWhatIsTooLarge) {
    const auto refused = parse_settings_as_phone(std::string(max_file_size + 1, '\n'));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, FaultCode::too_large);
}

TEST(SettingsStrict, NamesTheFirstBadLine) {
    EXPECT_THAT(parse_settings_strict("A 1\n[FW]\n").error().message, HasSubstr("line 2: "));
    EXPECT_THAT(parse_settings_strict("A 1\nB caf\xC3\xA9\n").error().message, HasSubstr("line 2: "));
    EXPECT_THAT(parse_settings_strict("A 1\nA 2\n").error().message, HasSubstr("line 1: "));
    EXPECT_TRUE(parse_settings_strict("A 1 # caf\xC3\xA9\n"));
}

TEST(SettingsWriter, WritesPlainLines) {
    const SettingsFile file{{{"AUDIO_CODEC1", Secret("G729 codec"), 0}, {"BANNER", Secret(), 0}}};
    EXPECT_EQ(format_settings(file).value(), "AUDIO_CODEC1 G729 codec\nBANNER \n");
}

TEST(SettingsWriter, RefusesWhatAPhoneWouldMisread) {
    EXPECT_THAT(format_fault("A", "x#y"), HasSubstr("'#'"));
    EXPECT_THAT(format_fault("A", "caf\xC3\xA9"), HasSubstr("ASCII"));
    EXPECT_THAT(format_fault("A", "x\ny"), HasSubstr("ASCII"));
    EXPECT_THAT(format_fault("A", " x"), HasSubstr("blank"));
    EXPECT_THAT(format_fault("A", "x "), HasSubstr("blank"));
    EXPECT_THAT(format_fault("A B", "x"), HasSubstr("name"));
    EXPECT_THAT(format_fault("", "x"), HasSubstr("name"));
    EXPECT_EQ(format_fault("A", std::string(77, 'x')), "");
    EXPECT_THAT(format_fault("A", std::string(78, 'x')), HasSubstr("80 characters long"));
    EXPECT_FALSE(format_settings({{{"A", Secret("1"), 0}, {"A", Secret("2"), 0}}}));
    EXPECT_THAT(format_fault("SSHPWD", "canary#"), Not(HasSubstr("canary")));
}

// Whatever the value is: refused, or read back as it was.
RC_GTEST_PROP(SettingsProperty, WriterRefusesOrIsRead, ()) {
    const auto printable = rc::gen::map(rc::gen::inRange(32, 127), [](int c) { return static_cast<char>(c); });
    const auto value = rc::gen::oneOf(rc::gen::arbitrary<std::string>(), rc::gen::container<std::string>(printable));
    const SettingsFile file{{{"BANNER", Secret(*value), 0}}};
    const auto text = format_settings(file);
    RC_CLASSIFY(text.has_value(), "written");
    if (!text) return;
    RC_ASSERT(parse_settings_strict(*text).value() == file);
    RC_ASSERT(read(*text).dropped.empty());
}

RC_GTEST_PROP(SettingsProperty, CleanFilesAreAlwaysWritten, ()) {
    SettingsFile file;
    std::set<std::string> names;
    for (const int number : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 9999)))
        if (const std::string name = "NAME_" + std::to_string(number); names.insert(name).second)
            file.lines.push_back({name, Secret("v " + std::to_string(number)), 0});
    RC_ASSERT(parse_settings_strict(format_settings(file).value()).value() == file);
}

TEST(SettingsCorpus, VerdictsHold) {
    SystemDisk disk;
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(RINGFENCE_SOURCE_DIR "/tests/corpus/settings")) {
        const std::string stem = entry.path().stem().string();
        const auto text = disk.read(entry.path().string(), 2 * max_file_size).value();
        const auto strict = parse_settings_strict(text);
        EXPECT_EQ(strict.has_value(), stem.ends_with("-valid"))
            << stem << ": " << (strict ? "" : strict.error().message);
        EXPECT_TRUE(stem.ends_with("-valid") || stem.ends_with("-invalid")) << stem;
        ++files;
    }
    EXPECT_GE(files, 8U);
}

}  // namespace
}  // namespace ringfence::phonefile

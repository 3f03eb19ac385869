#include "phone/flash.h"

#include <gtest/gtest.h>

#include "crypto/hash.h"
#include "staged_network.h"

namespace ringfence::phone {
namespace {

class FlashTest : public ::testing::Test {
protected:
    Flash open() {
        auto flash = Flash::open(disk_, "/flash", clock_);
        EXPECT_TRUE(flash.has_value()) << flash.error().message;
        EXPECT_TRUE(flash->recover().has_value());
        return std::move(*flash);
    }

    static AcceptedFile accepted(std::string section, std::string name, std::string bytes) {
        const TrustStore trust;
        const Behaviour behaviour;
        const auto mac = MacAddress::parse("00247F0102AB").value();
        const Circumstances now{trust, behaviour, family(), {test_time, false}, mac, "1230", {}, {}};
        auto verdict = accept({std::move(section), std::move(name), "http://192.0.2.1/x", std::move(bytes)}, now,
                              Answer{true, "yes", false, {}});
        EXPECT_TRUE(std::holds_alternative<AcceptedFile>(verdict));
        return std::get<AcceptedFile>(std::move(verdict));
    }

    static Status install(Flash& flash, const AcceptedFile& file, const Commit& commit) {
        const auto& [section, name] = std::pair(file.file().section, file.file().name);
        for (const Stage stage : {Stage::fetching_manifest, Stage::reading_manifest, Stage::deciding, Stage::fetching,
                                  Stage::accepting, Stage::installing}) {
            auto entered = flash.enter({stage, section, name});
            if (!entered) return entered;
        }
        auto done = flash.install(file, commit);
        EXPECT_TRUE(flash.enter({Stage::reporting, "", ""}).has_value());
        EXPECT_TRUE(flash.enter({Stage::idle, "", ""}).has_value());
        return done;
    }

    MemoryDisk disk_;
    ManualClock clock_{test_time};
};

TEST_F(FlashTest, FreshFromTheFactoryHoldsNothing) {
    const Flash flash = open();
    EXPECT_TRUE(flash.state().files.empty());
    EXPECT_TRUE(flash.state().versions.empty());
    EXPECT_EQ(flash.stage().stage, Stage::idle);
    EXPECT_FALSE(flash.interrupted());
    EXPECT_TRUE(flash.events().empty());
}

TEST_F(FlashTest, RemembersEverythingByteForByte) {
    const std::string bytes = std::string("\0\xff binary\r\n", 11) + std::string(3000, 'x');
    const std::string name = "a b%20c\xc3\xa9#.lng";
    Flash flash = open();
    Commit commit;
    commit.version = SectionVersion{"000 7%", true};
    commit.settings = EffectiveSettings{{"BANNER", {"", "DEVICE_CONFIG"}},
                                        {"VMAIL", {"a b % \t#", "USER_CONFIG", true, "a b.cfg", 12}},
                                        {"DNS_DOMAIN", {"x", "USER_CONFIG", false, "c", 3}}};
    commit.proved_time = test_time;
    ASSERT_TRUE(install(flash, accepted("LANGUAGE", name, bytes), commit).has_value());

    Flash again = open();
    ASSERT_EQ(again.state().files.size(), 1u);
    const InstalledFile& file = again.state().files.front();
    EXPECT_EQ(file.name, name);
    EXPECT_EQ(file.section, "LANGUAGE");
    EXPECT_EQ(file.source, "http://192.0.2.1/x");
    EXPECT_EQ(file.size, bytes.size());
    EXPECT_EQ(file.installed_at, test_time);
    EXPECT_EQ(again.read(file).value_or(""), bytes);
    ASSERT_NE(again.state().find_version("LANGUAGE"), nullptr);
    EXPECT_EQ(*again.state().find_version("LANGUAGE"), *commit.version);
    EXPECT_EQ(again.state().settings.at("BANNER").value, "");
    EXPECT_EQ(again.state().settings.at("VMAIL").value, "a b % \t#");
    EXPECT_TRUE(again.state().settings.at("VMAIL").came_by_https);
    EXPECT_FALSE(again.state().settings.at("BANNER").came_by_https);
    EXPECT_EQ(again.state().settings.at("VMAIL").file, "a b.cfg");
    EXPECT_EQ(again.state().settings.at("VMAIL").line, 12u);
    EXPECT_EQ(again.state().settings.at("DNS_DOMAIN").file, "c");
    EXPECT_FALSE(again.state().settings.at("DNS_DOMAIN").came_by_https);
    EXPECT_EQ(again.state().settings.at("BANNER").file, "");
    EXPECT_TRUE(again.state().seen_over_https.empty());
    EXPECT_EQ(again.state().proved_time, test_time);
}

TEST_F(FlashTest, RemembersParametersUntilTheyAreErased) {
    ParameterMemory memory;
    memory.manual[Parameter::device_password] = Secret(" p%w \xff");
    memory.manual[Parameter::provisioning_server] = Secret("https://u:p@prov.example.net/a b");
    memory.automatic[Parameter::provisioning_server] = {Secret("192.0.2.1"), Source::dhcp, Source::dhcp};
    memory.automatic[Parameter::vlan_ids] = {Secret("1+2"), Source::lldp, Source::lldp};
    Flash flash = open();
    ASSERT_TRUE(flash.remember(memory).has_value());
    EXPECT_EQ(flash.state().parameters, memory);
    EXPECT_EQ(open().state().parameters, memory);
    ASSERT_TRUE(flash.remember({}).has_value());
    EXPECT_EQ(open().state().parameters, ParameterMemory());
    ASSERT_TRUE(flash.remember(memory).has_value());
    ASSERT_TRUE(Flash::erase(disk_, "/flash").has_value());
    EXPECT_EQ(open().state().parameters, ParameterMemory());
}

TEST_F(FlashTest, FaultWhileParametersAreWrittenLeavesTheOldOrTheNewOnes) {
    ParameterMemory before;
    before.manual[Parameter::host_name] = Secret("before");
    ParameterMemory after;
    after.manual[Parameter::host_name] = Secret("after");
    std::size_t faults = 0;
    for (const Breakage breakage : {Breakage::refused, Breakage::half_done, Breakage::unproved, Breakage::dead}) {
        for (std::size_t change = 1;; ++change) {
            disk_.heal();
            Flash flash = open();
            ASSERT_TRUE(flash.remember(before).has_value());
            disk_.break_at(change, breakage);
            const bool is_done = flash.remember(after).has_value();
            const bool has_broken = disk_.has_broken();
            disk_.heal();
            const ParameterMemory found = open().state().parameters;
            EXPECT_TRUE(found == after || (found == before && !is_done));
            if (breakage != Breakage::dead) {
                EXPECT_EQ(flash.state().parameters, found);
            }
            if (!has_broken) break;
            ++faults;
        }
    }
    EXPECT_GE(faults, 4U);
}

TEST_F(FlashTest, IsPrivate) {
    Flash flash = open();
    ASSERT_TRUE(install(flash, accepted("FW", "fw.bin", "image"), {}).has_value());
    ASSERT_TRUE(flash.log({EventCode::boot_started, Severity::information, "x"}).has_value());
    for (const auto& [path, bytes] : disk_.files()) EXPECT_EQ(disk_.modes().at(path), private_file) << path;
    EXPECT_EQ(disk_.modes().at("/flash/files"), private_directory);
}

TEST_F(FlashTest, ReplacedAndDroppedContentsLeave) {
    Flash flash = open();
    ASSERT_TRUE(install(flash, accepted("LANGUAGE", "a", "one"), {}).has_value());
    ASSERT_TRUE(install(flash, accepted("LANGUAGE", "b", "two"), {}).has_value());
    Commit commit;
    commit.keep_only = {"a"};
    ASSERT_TRUE(install(flash, accepted("LANGUAGE", "a", "three"), commit).has_value());
    EXPECT_EQ(flash.state().files.size(), 1u);
    EXPECT_EQ(disk_.list("/flash/files")->size(), 1u);
}

TEST_F(FlashTest, SharedContentsStayAsLongAsOneNeedsThem) {
    Flash flash = open();
    ASSERT_TRUE(install(flash, accepted("LANGUAGE", "a", "same"), {}).has_value());
    ASSERT_TRUE(install(flash, accepted("TONES", "b", "same"), {}).has_value());
    ASSERT_TRUE(install(flash, accepted("LANGUAGE", "a", "other"), {}).has_value());
    EXPECT_EQ(flash.read(*flash.state().find_file("TONES", "b")).value_or(""), "same");
}

TEST_F(FlashTest, ChangedContentsAreNoticed) {
    Flash flash = open();
    ASSERT_TRUE(install(flash, accepted("FW", "fw.bin", "image"), {}).has_value());
    const std::string path = "/flash/files/" + flash.state().files.front().sha256;
    disk_.files()[path] = "imaged";
    EXPECT_EQ(flash.read(flash.state().files.front()).error().code, FaultCode::corrupt);
    disk_.files().erase(path);
    EXPECT_EQ(flash.read(flash.state().files.front()).error().code, FaultCode::corrupt);
    // Installing the file again mends it.
    ASSERT_TRUE(install(flash, accepted("FW", "fw.bin", "image"), {}).has_value());
    EXPECT_EQ(flash.read(flash.state().files.front()).value_or(""), "image");
}

TEST_F(FlashTest, AnyChangedByteOfTheIndexIsNoticed) {
    Flash flash = open();
    Commit commit;
    commit.version = SectionVersion{"000001"};
    ASSERT_TRUE(install(flash, accepted("FW", "fw.bin", "image"), commit).has_value());
    const std::string good = disk_.files()["/flash/index"];
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 0x01);
        disk_.files()["/flash/index"] = bad;
        const auto opened = Flash::open(disk_, "/flash", clock_);
        ASSERT_FALSE(opened.has_value()) << "byte " << i;
        EXPECT_EQ(opened.error().code, FaultCode::corrupt);
        disk_.files()["/flash/index"] = good.substr(0, i);
        EXPECT_FALSE(Flash::open(disk_, "/flash", clock_).has_value()) << "cut at " << i;
    }
}

TEST_F(FlashTest, TellsWhereABootWasCutOff) {
    {
        Flash flash = open();
        ASSERT_TRUE(flash.enter({Stage::fetching_manifest, "", "1230SIP.cfg"}).has_value());
        ASSERT_TRUE(flash.enter({Stage::reading_manifest, "", "1230SIP.cfg"}).has_value());
        ASSERT_TRUE(flash.enter({Stage::deciding, "FW", "a b.bin"}).has_value());
    }
    disk_.files()["/flash/index.new~"] = "half";
    disk_.files()["/flash/files/stray"] = "half";
    const Flash flash = open();
    ASSERT_TRUE(flash.interrupted());
    EXPECT_EQ(flash.interrupted()->stage, Stage::deciding);
    EXPECT_EQ(flash.interrupted()->section, "FW");
    EXPECT_EQ(flash.interrupted()->file, "a b.bin");
    EXPECT_EQ(flash.stage().stage, Stage::idle);
    EXPECT_TRUE(disk_.files().empty());
    EXPECT_FALSE(open().interrupted());
}

TEST_F(FlashTest, LogIsBoundedAndItsNumbersGoOn) {
    constexpr std::uint64_t events = 1000;
    for (std::uint64_t i = 1; i <= events; ++i) {
        Flash flash = open();
        ASSERT_TRUE(flash.log({EventCode::file_kept, Severity::information, "event " + std::to_string(i)}).has_value());
    }
    constexpr std::size_t one_line = 512;
    EXPECT_LE(disk_.files()["/flash/events.log"].size(), Flash::log_limit + one_line);
    EXPECT_LE(disk_.files()["/flash/events.old"].size(), Flash::log_limit + one_line);
    const auto lines = open().events();
    ASSERT_GT(lines.size(), 100u);
    EXPECT_LT(lines.size(), events);
    for (std::size_t i = 0; i < lines.size(); ++i)
        EXPECT_EQ(parse_running_number(lines[i]), events - lines.size() + 1 + i);
}

TEST_F(FlashTest, EraseLeavesNothing) {
    Flash flash = open();
    ASSERT_TRUE(install(flash, accepted("FW", "fw.bin", "image"), {}).has_value());
    ASSERT_TRUE(flash.log({EventCode::boot_started, Severity::information, "x"}).has_value());
    disk_.files()["/flash/index"] = "damaged";
    ASSERT_TRUE(Flash::erase(disk_, "/flash").has_value());
    EXPECT_TRUE(disk_.files().empty());
    EXPECT_TRUE(Flash::erase(disk_, "/nowhere").has_value());
}

}  // namespace
}  // namespace ringfence::phone

// Firmware: judged, installed, and a set that comes to rest whatever the manifest says.
#include <gmock/gmock.h>

#include "little_trust.h"
#include "phone/boot.h"
#include "phone/firmware_image.h"

namespace ringfence::phone {
namespace {

using ::testing::HasSubstr;

class BootFirmware : public StagedNetwork {
protected:
    void SetUp() override { vendor_anchors_ = {vendor().root()}; }

    void serve(const std::string& name, const std::string& bytes) { served_["tftp://192.0.2.1/" + name] = bytes; }

    void announce(const std::string& load, const std::string& mode = "AUTO", const std::string& more = "") {
        serve("1230SIP.cfg", "[FW]\nDOWNLOAD_MODE " + mode + "\nVERSION " + load + "\nFILENAME fw.bin\n" + more);
        serve("fw.bin", image(load));
    }
    // Each is signed once, because no two signatures are the same.
    static const std::string& image(const std::string& load, std::size_t size = 100) {
        static std::map<std::pair<std::string, std::size_t>, std::string> made;
        auto& bytes = made[{load, size}];
        if (bytes.empty()) bytes = vendor().sign(format_firmware_image({load, std::string(size, 'x')}));
        return bytes;
    }

    static constexpr const char* older = "SIP12x004.03.00.00";
    static constexpr const char* newer = "SIP12x004.04.09.00";
};

TEST_F(BootFirmware, AnInstalledImageRestartsTheSetOnce) {
    for (const char* mode : {"AUTO", "FORCED"}) {
        ASSERT_TRUE(Flash::erase(disk_, folder).has_value());
        announce(older, mode);
        const auto reports = boot_to_rest();
        ASSERT_EQ(reports.size(), 2u) << mode;
        EXPECT_EQ(actions(reports[0]), "fw.bin fetched\n");
        EXPECT_THAT(reports[0].restart->reason, HasSubstr(older));
        EXPECT_EQ(actions(reports[1]), "fw.bin kept\n");
        EXPECT_EQ(boot_to_rest().size(), 1u) << "the same image under " << mode << " is no boot loop";
        EXPECT_EQ(version("FW"), older);
    }
}

TEST_F(BootFirmware, ForcedIsTheWayDown) {
    announce(newer);
    boot_to_rest();
    announce(older);
    EXPECT_EQ(actions(boot()), "fw.bin kept\n");
    announce(older, "FORCED");
    EXPECT_EQ(boot_to_rest().size(), 2u);
    EXPECT_EQ(version("FW"), older);
}

TEST_F(BootFirmware, AServerThatChangesItsImageAtEveryBootDoesNotKeepTheSetRestarting) {
    std::size_t boots = 0;
    for (bool restarts = true; restarts && boots < 10; ++boots) {
        announce(boots % 2 == 0 ? older : newer, "FORCED");
        restarts = boot().restart.has_value();
    }
    EXPECT_EQ(boots, restart_limit + 1);
}

TEST_F(BootFirmware, WhatStandsBehindFirmwareWaitsForTheRestart) {
    announce(older, "AUTO", "[TONES]\nVERSION 1\nFILENAME t.wav\n");
    serve("t.wav", "tone");
    auto reports = boot_to_rest();
    ASSERT_EQ(reports.size(), 2u);
    EXPECT_EQ(actions(reports[0]), "fw.bin fetched\n");
    EXPECT_EQ(actions(reports[1]), "fw.bin kept\nt.wav fetched\n");

    ASSERT_TRUE(Flash::erase(disk_, folder).has_value());
    ASSERT_TRUE(behaviour_.set("firmware-restart=at-end").has_value());
    EXPECT_EQ(actions(boot_to_rest().front()), "fw.bin fetched\nt.wav fetched\n");
}

TEST_F(BootFirmware, AForeignImageIsRefusedAndTheOldOneStays) {
    announce(older);
    boot_to_rest();
    announce(newer);
    serve("fw.bin", stranger().sign(format_firmware_image({newer, "evil"})));
    const auto report = boot();
    EXPECT_EQ(actions(report), "fw.bin refused\n");
    EXPECT_THAT(report.sections[0].reason, HasSubstr("authentication failed"));
    EXPECT_FALSE(report.restart);
    EXPECT_EQ(held("FW")["fw.bin"], image(older));
    EXPECT_EQ(version("FW"), older);
}

TEST_F(BootFirmware, WithoutAVendorNothingRuns) {
    vendor_anchors_.clear();
    announce(older);
    serve("fw.bin", "whatever");
    EXPECT_EQ(boot_to_rest().size(), 1u);
}

TEST_F(BootFirmware, WhatWasTakenUnjudgedIsJudgedOnceAVendorIsKnown) {
    vendor_anchors_.clear();
    announce(newer);
    serve("fw.bin", "junk");
    EXPECT_EQ(actions(boot()), "fw.bin fetched\n");
    EXPECT_EQ(actions(boot()), "fw.bin kept\n");
    vendor_anchors_ = {vendor().root()};
    EXPECT_EQ(actions(boot()), "fw.bin refused\n");
    announce(newer);
    EXPECT_EQ(boot_to_rest().size(), 2u);
    EXPECT_EQ(held("FW")["fw.bin"], image(newer));
}

TEST_F(BootFirmware, ALargeImageTakesTheBootLoader) {
    image_room_ = 4096;
    serve("1230SIP.cfg", std::string("[TONES]\nVERSION 1\nFILENAME t.wav\n[FW]\nDOWNLOAD_MODE FORCED\nVERSION ") +
                             newer + "\nFILENAME fw.bin\n");
    serve("t.wav", "tone");
    serve("fw.bin", image(newer, 10000));
    const auto reports = boot_to_rest();
    ASSERT_EQ(reports.size(), 3u);
    EXPECT_EQ(reports[0].load, "sip");
    EXPECT_EQ(actions(reports[0]), "t.wav fetched\nfw.bin kept\n");
    EXPECT_EQ(reports[1].load, "boot-loader");
    EXPECT_EQ(actions(reports[1]), "fw.bin fetched\n") << "it obeys [FW] only";
    EXPECT_EQ(reports[2].load, "sip");
    EXPECT_EQ(actions(reports[2]), "t.wav kept\nfw.bin kept\n");
    EXPECT_EQ(held("FW")["fw.bin"], image(newer, 10000));
}

TEST_F(BootFirmware, ABootLoaderThatFailsGivesTheSetBack) {
    image_room_ = 4096;
    announce(newer);
    serve("fw.bin", stranger().sign(format_firmware_image({newer, std::string(10000, 'x')})));
    const auto reports = boot_to_rest();
    ASSERT_EQ(reports.size(), 3u);
    EXPECT_EQ(actions(reports[1]), "fw.bin refused\n");
    EXPECT_EQ(reports[2].load, "sip");
    EXPECT_FALSE(reports[2].is_clean());
    EXPECT_TRUE(held("FW").empty());
}

TEST_F(BootFirmware, ARestartThatCannotBeWrittenDownIsNone) {
    load_ = Load::boot_loader;
    for (const auto breakage : {Breakage::dead, Breakage::refused}) {
        for (std::size_t change = 1; change < 20; ++change) {
            auto opened = Flash::open(disk_, folder, clock_);
            ASSERT_TRUE(opened.has_value() && opened->recover().has_value());
            disk_.break_at(change, breakage);
            BootSession session(settings_for("tftp://192.0.2.1"), family(), *opened, clock_);
            Step step = session.start();
            while (const auto* order = std::get_if<FetchOrder>(&step))
                step = session.fetched(StagedNetwork::serve(*order));
            const bool has_broken = disk_.has_broken();
            disk_.heal();
            if (session.report().restart) {
                EXPECT_EQ(opened->stage().stage, Stage::idle) << change;
            }
            if (!has_broken) break;
        }
        ASSERT_TRUE(Flash::erase(disk_, folder).has_value());
    }
}

TEST_F(BootFirmware, TheBootLoaderWithoutAServerGivesTheSetBack) {
    load_ = Load::boot_loader;
    const auto reports = boot_to_rest();
    ASSERT_EQ(reports.size(), 2u);
    EXPECT_EQ(reports[1].load, "sip");
}

TEST_F(BootFirmware, TheBootLoadersManifestIsASwitch) {
    load_ = Load::boot_loader;
    boot();
    EXPECT_EQ(orders_.at(0).path, "1230SIP.cfg");
    ASSERT_TRUE(Flash::erase(disk_, folder).has_value());
    ASSERT_TRUE(behaviour_.set("boot-loader-manifest=boot").has_value());
    boot();
    EXPECT_EQ(orders_.at(0).path, "12xxBoot.cfg");
}

TEST_F(BootFirmware, TheUnistimLoadBecomesTheSipLoad) {
    load_ = Load::unistim;
    serve("1230.cfg", std::string("[TONES]\nVERSION 1\nFILENAME t.wav\n[FW]\nDOWNLOAD_MODE FORCED\nVERSION ") + newer +
                          "\nPROTOCOL TFTP\nFILENAME fw.bin\n");
    serve("fw.bin", image(newer));
    announce(newer);
    const auto reports = boot_to_rest();
    ASSERT_EQ(reports.size(), 2u);
    EXPECT_EQ(reports[0].load, "unistim");
    EXPECT_EQ(reports[0].manifest.file, "1230.cfg");
    EXPECT_EQ(actions(reports[0]), "fw.bin fetched\n");
    EXPECT_EQ(reports[1].load, "sip");
    EXPECT_EQ(reports[1].manifest.file, "1230SIP.cfg");
}

TEST_F(BootFirmware, TheUnistimLoadKnowsTftpOnly) {
    load_ = Load::unistim;
    EXPECT_EQ(boot("http://192.0.2.1").manifest.action, Action::refused);
    EXPECT_TRUE(orders_.empty());
    serve("1230.cfg",
          std::string("[FW]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTP\nVERSION ") + newer + "\nFILENAME fw.bin\n");
    EXPECT_TRUE(boot().sections.empty());
}

TEST_F(BootFirmware, VersionsInTwoSpellingsAreASwitch) {
    announce(newer);
    boot_to_rest();
    serve("1230SIP.cfg", "[FW]\nVERSION 04049900\nFILENAME fw.bin\n");
    EXPECT_EQ(actions(boot()), "fw.bin kept\n") << "as text, a digit comes before a letter";
    ASSERT_TRUE(behaviour_.set("load-names=by-digits").has_value());
    EXPECT_NE(actions(boot()), "");
    EXPECT_EQ(orders_.size(), 2u) << "04049900 is newer than 04040900";
}

TEST_F(BootFirmware, ForceRebootRestartsOnceWhenSomethingChanged) {
    serve("1230SIP.cfg", "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 1\nFILENAME site.cfg\n");
    serve("site.cfg", "FORCE_REBOOT YES\nVMAIL 100\n");
    EXPECT_EQ(boot_to_rest().size(), 2u);
    EXPECT_EQ(boot_to_rest().size(), 1u);
    serve("site.cfg", "FORCE_REBOOT YES\nVMAIL 101\n");
    EXPECT_EQ(boot_to_rest().size(), 2u);
}

TEST_F(BootFirmware, AChangeThatNeedsARestartGetsOne) {
    serve("1230SIP.cfg", "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nVERSION 1\nFILENAME site.cfg\n");
    serve("site.cfg", "DNS_DOMAIN a.example\nVMAIL 100\n");
    EXPECT_EQ(boot_to_rest().size(), 1u) << "what a phone gets first it takes before anything starts";
    serve("site.cfg", "DNS_DOMAIN a.example\nVMAIL 101\n");
    EXPECT_EQ(boot_to_rest().size(), 1u);
    serve("site.cfg", "DNS_DOMAIN b.example\nVMAIL 101\n");
    EXPECT_EQ(boot_to_rest().size(), 2u);
}

}  // namespace
}  // namespace ringfence::phone

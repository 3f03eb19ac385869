// The flash breaks at every single change of a boot. Whatever happens: what is installed is the old or the new, whole;
// a boot that calls itself clean has installed everything; and the next boot repairs the rest and leaves nothing over.
#include <gtest/gtest.h>

#include "staged_network.h"

namespace ringfence::phone {
namespace {

using Contents = std::map<std::string, std::string>;

class BootFault : public StagedNetwork, public ::testing::WithParamInterface<Breakage> {
protected:
    static constexpr const char* sections[] = {"USER_KEYS", "DEVICE_CONFIG", "USER_CONFIG", "LANGUAGE", "FW"};

    void serve_generation(int generation) {
        const std::string n = std::to_string(generation);
        served_.clear();
        served_["tftp://192.0.2.1/1230SIP.cfg"] =
            "[USER_KEYS]\nVERSION 00000" + n + "\nFILENAME root.pem\n[DEVICE_CONFIG]\nVERSION 00000" + n +
            "\nFILENAME site.cfg\n[USER_CONFIG]\nVERSION 00000" + n + "\nPROTOCOL HTTPS\n[LANGUAGE]\nVERSION 00000" +
            n + "\nDELETE_FILES YES\nFILENAME both.lng\nFILENAME only" + n + ".lng\n[FW]\nVERSION 00000" + n +
            "\nFILENAME fw.bin\n";
        served_["tftp://192.0.2.1/root.pem"] = root_pem("first");
        served_["tftp://192.0.2.1/site.cfg"] = "SNTP_SERVER site" + n + "\nVMAIL site" + n + "\n";
        served_["https://192.0.2.1/SIP00247F0102AB.cfg"] = "VMAIL own" + n + "\n";
        served_["tftp://192.0.2.1/both.lng"] = "both" + n;
        served_["tftp://192.0.2.1/only" + n + ".lng"] = "only" + n;
        served_["tftp://192.0.2.1/fw.bin"] = "firmware" + n;
    }

    Contents contents_of(int generation) {
        serve_generation(generation);
        Contents out;
        for (const auto& [url, bytes] : served_) out[url.substr(url.rfind('/') + 1)] = bytes;
        out.erase("1230SIP.cfg");
        return out;
    }

    struct Found {
        FlashState state;
        Stage stage = Stage::idle;
        std::map<std::string, Contents> by_section;
        Contents all;
    };

    Found find_everything() {
        Flash opened = flash();
        Found found{opened.state(), opened.stage().stage, {}, {}};
        for (const auto& file : opened.state().files) {
            auto bytes = opened.read(file);
            EXPECT_TRUE(bytes.has_value()) << file.name << ": " << bytes.error().message;
            found.by_section[file.section][file.name] = bytes.value_or("unreadable");
        }
        for (const auto& [section, files] : found.by_section) found.all.insert(files.begin(), files.end());
        return found;
    }

    // Old or new whole, and no version without its files. `before` is 0 for a phone that held nothing.
    void expect_whole(int before, int after) {
        const Contents old_files = before > 0 ? contents_of(before) : Contents();
        const Contents new_files = contents_of(after);
        Found found = find_everything();
        for (const auto& [name, bytes] : found.all) {
            const bool is_old = old_files.count(name) > 0 && old_files.at(name) == bytes;
            const bool is_new = new_files.count(name) > 0 && new_files.at(name) == bytes;
            EXPECT_TRUE(is_old || is_new) << name << " is neither the old nor the new file";
        }
        for (const auto& [section, version] : found.state.versions) {
            EXPECT_FALSE(found.by_section[section].empty()) << section;
            if (version.text != "00000" + std::to_string(after)) continue;
            for (const auto& [name, bytes] : found.by_section[section]) EXPECT_EQ(new_files.at(name), bytes) << section;
        }
        // The settings are those of the files that are in.
        const auto& settings = found.state.settings;
        if (found.all.count("SIP00247F0102AB.cfg") > 0) {
            EXPECT_EQ("VMAIL " + settings.at("VMAIL").value + "\n", found.all["SIP00247F0102AB.cfg"]);
        }
        if (found.all.count("site.cfg") > 0) {
            EXPECT_EQ(found.all["site.cfg"].find("SNTP_SERVER " + settings.at("SNTP_SERVER").value + "\n"), 0u);
        } else {
            EXPECT_EQ(settings.count("SNTP_SERVER"), 0u);
        }
    }

    void expect_complete(int generation) {
        const Found found = find_everything();
        const std::string n = std::to_string(generation);
        for (const char* section : sections) EXPECT_EQ(version(section), "00000" + n) << section;
        EXPECT_EQ(found.all, contents_of(generation));
        EXPECT_EQ(found.state.settings.at("VMAIL").value, "own" + n);
        EXPECT_EQ(found.state.settings.at("SNTP_SERVER").value, "site" + n);
        EXPECT_EQ(found.stage, Stage::idle);
    }

    void expect_nothing_left_over() {
        const auto names = disk_.list("/flash");
        ASSERT_TRUE(names.has_value());
        EXPECT_EQ(*names, (std::vector<std::string>{"events.log", "files", "index"}));
        EXPECT_EQ(disk_.list("/flash/files")->size(), flash().state().files.size());
    }

    // Breaks each change of the flash (write, rename, removal, new folder) of a boot from `before` to `after` in turn;
    // returns how many there were.
    std::size_t break_every_change(int before, int after) {
        if (before > 0) {
            serve_generation(before);
            EXPECT_TRUE(boot().is_clean());
        }
        const MemoryDisk start = disk_;
        for (std::size_t n = 1;; ++n) {
            SCOPED_TRACE("change " + std::to_string(n));
            disk_ = start;
            serve_generation(after);
            disk_.break_at(n, GetParam());
            const auto report = boot();
            const bool has_broken = disk_.has_broken();
            disk_.heal();
            expect_whole(before, after);
            if (report.is_clean()) expect_complete(after);
            serve_generation(after);
            const auto repaired = boot();
            EXPECT_TRUE(repaired.is_clean()) << actions(repaired) << repaired.flash_fault;
            expect_complete(after);
            expect_nothing_left_over();
            if (!has_broken) return n - 1;
            if (::testing::Test::HasFailure()) return n;
        }
    }
};

TEST_P(BootFault, FaultAtTheNthFlashWriteForEveryNOfTheFirstBoot) { EXPECT_GT(break_every_change(0, 1), 80u); }

TEST_P(BootFault, FaultAtTheNthFlashWriteForEveryNOfAnUpdate) { EXPECT_GT(break_every_change(1, 2), 80u); }

std::string name_of(const ::testing::TestParamInfo<Breakage>& info) {
    static constexpr const char* names[] = {"Refused", "HalfDone", "Unproved", "Dead"};
    return names[static_cast<std::size_t>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(Breakages, BootFault,
                         ::testing::Values(Breakage::refused, Breakage::half_done, Breakage::unproved, Breakage::dead),
                         name_of);

class DiskFull : public BootFault {};

TEST_P(DiskFull, KeepsTheOldConfiguration) {
    serve_generation(1);
    ASSERT_TRUE(boot().is_clean());
    const MemoryDisk start = disk_;
    bool was_ever_clean = false;
    for (std::size_t room = 0; room < 40000 && !was_ever_clean; room += 97) {
        SCOPED_TRACE("room for " + std::to_string(room));
        disk_ = start;
        serve_generation(2);
        disk_.fill_up_to(room);
        was_ever_clean = boot().is_clean();
        disk_.heal();
        expect_whole(1, 2);
        serve_generation(2);
        EXPECT_TRUE(boot().is_clean());
        expect_complete(2);
        expect_nothing_left_over();
    }
    EXPECT_TRUE(was_ever_clean);
}

INSTANTIATE_TEST_SUITE_P(Full, DiskFull, ::testing::Values(Breakage::refused));

}  // namespace
}  // namespace ringfence::phone

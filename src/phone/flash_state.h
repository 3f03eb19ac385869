// What a phone's flash holds, as a value and as the text of its index: one line for each fact, the words parted by
// blanks, and a checksum at the end. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "phone/device_profile.h"
#include "phone/parameters.h"
#include "phone/port_settings.h"
#include "phone/settings_store.h"
#include "phone/wire_rule.h"

namespace ringfence::phone {

struct InstalledFile {
    std::string section;
    std::string name;    // as the manifest named it, '*' expanded
    std::string source;  // URL without login
    std::string basis;   // why it was accepted
    std::string sha256;  // 64 lower-case hex digits
    std::size_t size = 0;
    WallTime installed_at{};

    bool came_by_https() const { return std::string_view(source).starts_with("https://"); }
};

// The program that runs on the set.
enum class Load {
    sip,          // what provisions
    boot_loader,  // BootC: obeys [FW] only, has room for any image, and restarts into what it installed
    unistim,      // what sets are sold with: obeys [FW] only, over TFTP
};
std::string_view to_string(Load load);  // "sip", "boot-loader", "unistim"
std::optional<Load> parse_load(std::string_view name);

struct FlashState {
    std::map<std::string, SectionVersion, std::less<>> versions;  // by version_key()
    std::vector<InstalledFile> files;                             // in order of first installation
    std::set<std::string, std::less<>> seen_over_https;           // every section of which a file ever came over HTTPS
    EffectiveSettings settings;
    ParameterMemory parameters;
    PortSettings port;                           // typed
    std::optional<WallTime> proved_time;         // the latest Date of a server whose certificate was good at that time
    std::map<unsigned, DeviceProfile> profiles;  // those that differ from the factory's
    // The latest signing time of what was taken, by signature_key(): nothing that was signed before comes back, also
    // when the file that it stood for is gone.
    std::map<std::string, WallTime, std::less<>> latest_signatures;
    std::optional<Load> load;  // that the next boot begins with; empty: nothing chose one
    unsigned restarts = 0;     // in a row, since a boot that asked for none

    DeviceProfile profile(unsigned index) const;
    std::optional<WallTime> latest_signature(std::string_view section, std::string_view name) const;
    const SectionVersion* find_version(std::string_view section) const;
    const InstalledFile* find_file(std::string_view section, std::string_view name) const;
    std::vector<const InstalledFile*> files_of(std::string_view section) const;
};

// Under which the version of a section is stored: its name, and for device certificates beyond the first their profile.
std::string version_key(std::string_view section, unsigned profile);

// What an earlier signature is measured by: the section where it holds one file of any name, else the file; of the
// manifest (no section) the manifest.
std::string signature_key(std::string_view section, std::string_view name);

std::string format_index(const FlashState& state);
// corrupt unless it is, byte for byte, what format_index made.
Result<FlashState> parse_index(std::string_view text);

// One word of the index: what could break a line or a word apart is percent-encoded.
std::string escape_word(std::string_view text);
Result<std::string> unescape_word(std::string_view word);

}  // namespace ringfence::phone

// The phone's flash: a folder (0700, files 0600) on a Disk. One index names everything that counts: versions, installed
// files with their hash, effective settings, parameters. It is replaced whole, and contents stand beside it under their
// hash, so a crash or fault at any write leaves the old state or the new one, never a mixture. The stage file is the
// journal of the boot under way. Not thread-safe; one program at a time.
//
//   index        see above; absent: a phone fresh from the factory
//   files/HASH   contents that the index names; others are left-overs, removed by recover()
//   stage        the stage entered last, with section and file
//   events.log, events.old   the event log, rotated at log_limit
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/disk.h"
#include "base/result.h"
#include "phone/acceptance.h"
#include "phone/boot_stage.h"
#include "phone/event_log.h"
#include "phone/flash_state.h"

namespace ringfence::phone {

// Where the last boot stood.
struct StageMark {
    Stage stage = Stage::idle;
    std::string section;  // empty outside a section
    std::string file;
};

// What is committed together with an accepted file.
struct Commit {
    std::string version_key;                            // empty: the file's section
    std::optional<SectionVersion> version;              // the section's new version
    bool replaces_namesake = true;                      // else a file of the same name stays beside it
    std::vector<std::string> supersedes;                // hashes of the section's files that go
    std::optional<unsigned> profile;                    // a device certificate's, which takes the identity
    std::int32_t purpose = all_purposes;                // of that profile from now on
    std::optional<Load> load;                           // what runs after the next restart
    std::optional<std::vector<std::string>> keep_only;  // other files of the section go, by the wire rule
    std::optional<EffectiveSettings> settings;          // the whole store as it shall be
    std::optional<WallTime> proved_time;                // taken if later than the stored one
};

class Flash {
public:
    static constexpr std::size_t log_limit = std::size_t{32} * 1024;          // bytes per log file: some hundred events
    static constexpr std::size_t index_limit = std::size_t{4} * 1024 * 1024;  // far above what a manifest can name
    static constexpr std::size_t file_limit = std::size_t{64} * 1024 * 1024;  // above the largest firmware

    // Reads; changes nothing. A folder that does not exist is a phone fresh from the factory. corrupt when the index is
    // not what was stored.
    static Result<Flash> open(Disk& disk, std::string folder, const Clock& clock);

    // Makes the folder, removes what a crash left over, and leaves the stage idle. Call once before a boot.
    Status recover();

    // Where the boot before recover() was cut off; empty when it had come to its end.
    const std::optional<StageMark>& interrupted() const { return interrupted_; }

    const FlashState& state() const { return state_; }
    const StageMark& stage() const { return stage_; }

    // corrupt when the bytes are not those that were installed.
    Result<std::string> read(const InstalledFile& file);

    // Stores the stage; what follows may then be done. The step must be legal.
    Status enter(StageMark next);

    // The only way in for a file. After a Fault the state is the old one or, if only the disk's last confirmation
    // failed, the new one: state() tells.
    Status install(const AcceptedFile& file, const Commit& commit);

    // When the manifest that is obeyed was signed; an earlier one is not taken any more. Empty changes nothing.
    Status note_manifest(std::optional<WallTime> signed_at);

    // A proved time that came with no file. Stored where it is later than the stored one by time_spacing at least.
    static constexpr Duration time_spacing = std::chrono::hours(24);  // flash wears out
    Status note_time(std::optional<WallTime> proved);

    // How the boot ends: with a restart into `load`, or without one. Only at Stage::reporting, or where no stage
    // was entered.
    Status end_boot(std::optional<Load> restart_into);

    // All files and the version of a section go. Only between boots, or before the first file of one.
    Status forget(std::string_view section);

    // Only between boots. A profile's identity stays what it is.
    Status store_profile(unsigned index, DeviceProfile profile);
    struct Enrolment {
        unsigned profile = 1;
        crypto::ClientIdentity identity;
        std::vector<crypto::Certificate> authorities;  // become customer roots
        std::string authority_name;
        ProfileSource protocol = ProfileSource::scep;
        std::string source;  // URL without login
        std::string basis;
    };
    // What an enrolment brought, in one step: identity, authorities, and the profile is the protocol's and active.
    Status store_enrolment(const Enrolment& enrolment);
    // The profile's certificate and key go, with its version; the profile stays.
    Status delete_identity(unsigned index);
    // not_found when the profile holds none; corrupt.
    Result<crypto::ClientIdentity> read_identity(unsigned index);
    // Of the first profile that is active and has one: what the phone shows to servers. not_found, corrupt.
    Result<crypto::ClientIdentity> read_active_identity();

    // Replaces the parameters' memory; nothing is written when it is the same. After a Fault as for install().
    Status remember(const ParameterMemory& parameters);

    // Of 802.1X. Disabled is stored without anything else.
    Status store_port(const PortSettings& port);

    Status log(const Event& event);
    std::vector<std::string> events() const;  // oldest first, as stored

    // Factory reset: everything of ours in the folder goes, versions and roots first. Works on a damaged flash too.
    static Status erase(Disk& disk, const std::string& folder);

private:
    Flash(Disk& disk, std::string folder, const Clock& clock)
        : disk_(&disk), clock_(&clock), folder_(std::move(folder)) {}

    std::string path(std::string_view name) const;
    std::string content_path(std::string_view sha256) const;
    Status load();
    Status load_log();
    Status store(const FlashState& next);
    Status store_and_tidy(const FlashState& next);
    Status store_content(const std::string& sha256, std::string_view bytes);
    Result<std::string> read_content(const std::string& sha256, std::string_view name);
    Status remove_leftovers();

    Disk* disk_;
    const Clock* clock_;
    std::string folder_;
    FlashState state_;
    StageMark stage_;
    std::optional<StageMark> interrupted_;
    std::string log_;
    std::string old_log_;
    std::uint64_t next_event_ = 1;
};

}  // namespace ringfence::phone

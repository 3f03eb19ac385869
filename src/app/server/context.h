// The installation that a command works on, each part opened when it is first asked for, and the way back to the
// person: output, and the events that tell who changed what.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "app/server/command.h"
#include "app/server/output.h"
#include "authority/authority.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/random.h"
#include "family/family.h"
#include "registry/event_log.h"
#include "registry/registry.h"
#include "server/settings.h"

namespace ringfence::app {

// What was done, for the event log. Sentences hold no secrets.
struct Change {
    std::string outcome;  // "device-added"
    std::string detail;   // "a 1230 at site berlin"; the person's name is put before it
    std::optional<MacAddress> device{};
    std::string site{};
    std::string path{};
    registry::EventKind kind = registry::EventKind::changed;
};

class Context {
public:
    // `directory` as --data gave it.
    Context(std::string directory, Output& output) : directory_(std::move(directory)), output_(output) {}
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    const std::string& directory() const { return directory_; }
    Output& output() { return output_; }
    const Clock& clock() const { return clock_; }
    Disk& disk() { return disk_; }
    Random& random() { return random_; }

    // The pointers live as long as this object and are never null. Faults: not_found when there is no installation.
    Result<const server::ServerSettings*> settings();
    Result<const family::Family*> family();
    Result<registry::Registry*> registry();
    Result<authority::Authority*> authority();
    Result<registry::EventLog*> event_log();

    // The authority opened anew, since certificates and CAs may have changed, with no more keys than needed, so that a
    // lost one does not stand in the way.
    Result<std::unique_ptr<authority::Authority>> open_authority(authority::KeySet keys);

    // Tells the event log. A change that stands is not undone when it cannot be told; the person is warned.
    void note(const Change& change);
    // Before a secret is shown: a Fault when it cannot be told, and then nothing may be shown.
    Status note_reveal(const Change& change);

    // forbidden when root works on a folder that belongs to somebody else. Asked before the settings are read.
    Status check_owner() const;

private:
    std::string directory_;
    Output& output_;
    SystemClock clock_;
    SystemDisk disk_;
    SystemRandom random_;
    std::unique_ptr<server::ServerSettings> settings_;
    std::unique_ptr<family::Family> family_;
    std::unique_ptr<registry::Registry> registry_;
    std::unique_ptr<authority::Authority> authority_;
    std::unique_ptr<registry::EventLog> event_log_;
};

// DIR/ringfence.toml: its presence marks a finished installation.
std::string settings_path(const std::string& directory);
Result<server::ServerSettings> load_settings(const std::string& directory, Disk& disk);

// The phone family, from `folder` or from where Ringfence was installed when that is empty.
Result<family::Family> load_family(const std::string& folder);

// not_found, with the models that there are, when the family does not know this one.
Status require_model(const family::Family& family, const std::string& model);

// A remark on standard error that is no failure.
void remark(std::string_view sentence);

}  // namespace ringfence::app

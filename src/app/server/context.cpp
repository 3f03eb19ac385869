#include "app/server/context.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/text.h"

namespace ringfence::app {

namespace {

std::string user_name(uid_t user) {
    const passwd* entry = ::getpwuid(user);
    return entry != nullptr ? printable(entry->pw_name) : fmt::format("user {}", user);
}

}  // namespace

Context::~Context() {
    if (!event_log_) return;
    if (const auto flushed = event_log_->flush(); !flushed)
        remark("the event log does not have this: " + flushed.error().message);
}

Result<const server::ServerSettings*> Context::settings() {
    if (settings_) return settings_.get();
    if (const auto owned = check_owner(); !owned) return fail(owned.error());
    auto loaded = load_settings(directory_, disk_);
    if (!loaded) return fail(std::move(loaded).error());
    settings_ = std::make_unique<server::ServerSettings>(std::move(*loaded));
    return settings_.get();
}

Result<const family::Family*> Context::family() {
    if (family_) return family_.get();
    const auto known = settings();
    if (!known) return fail(known.error());
    auto loaded = load_family((*known)->families);
    if (!loaded) return fail(std::move(loaded).error());
    family_ = std::make_unique<family::Family>(std::move(*loaded));
    return family_.get();
}

Result<registry::Registry*> Context::registry() {
    if (registry_) return registry_.get();
    if (const auto known = settings(); !known) return fail(known.error());
    auto opened = registry::Registry::open(directory_, clock_, disk_);
    if (!opened) return fail(std::move(opened).error());
    registry_ = std::move(*opened);
    return registry_.get();
}

Result<authority::Authority*> Context::authority() {
    if (authority_) return authority_.get();
    if (const auto known = settings(); !known) return fail(known.error());
    auto opened = open_authority(authority::KeySet::all);
    if (!opened) return fail(std::move(opened).error());
    authority_ = std::move(*opened);
    return authority_.get();
}

Result<std::unique_ptr<authority::Authority>> Context::open_authority(authority::KeySet keys) {
    return authority::Authority::open(directory_, disk_, random_, clock_, keys);
}

Result<registry::EventLog*> Context::event_log() {
    if (event_log_) return event_log_.get();
    auto opened = registry::EventLog::open(directory_, clock_);
    if (!opened) return fail(std::move(opened).error());
    event_log_ = std::move(*opened);
    return event_log_.get();
}

void Context::note(const Change& change) {
    const auto log = event_log();
    if (!log) return remark("the event log does not have this: " + log.error().message);
    registry::Event event;
    event.kind = change.kind;
    event.device = change.device;
    event.site = change.site;
    event.path = change.path;
    event.outcome = change.outcome;
    event.detail = user_name(::getuid()) + ": " + change.detail;
    (*log)->record(std::move(event));
}

Status Context::note_reveal(const Change& change) {
    const auto log = event_log();
    if (!log) return fail(log.error().within("a secret is shown only when the event log can tell of it"));
    Change revealed = change;
    revealed.kind = registry::EventKind::revealed;
    note(revealed);
    auto flushed = (*log)->flush();
    if (!flushed) return fail(flushed.error().within("a secret is shown only when the event log can tell of it"));
    return {};
}

// The server runs as the folder's owner; files that root makes there would shut it out.
Status Context::check_owner() const {
    struct stat facts {};
    if (::geteuid() != 0 || ::stat(directory_.c_str(), &facts) != 0 || facts.st_uid == 0) return {};
    const std::string owner = user_name(facts.st_uid);
    return fail(FaultCode::forbidden,
                fmt::format("{0} belongs to {1}: run this as {1}, for example with sudo -u {1}", directory_, owner));
}

std::string settings_path(const std::string& directory) {
    return directory + "/" + std::string(server::settings_file_name);
}

Result<server::ServerSettings> load_settings(const std::string& directory, Disk& disk) {
    const std::string path = settings_path(directory);
    auto text = disk.read(path, server::max_settings_size);
    if (!text && text.error().code == FaultCode::not_found)
        return fail(FaultCode::not_found,
                    fmt::format("{} is no Ringfence installation; ringfence init makes one", directory));
    if (!text) return fail(std::move(text).error());
    auto settings = server::parse_settings(*text);
    if (!settings) return fail(std::move(settings).error().within(path));
    return settings;
}

Result<family::Family> load_family(const std::string& folder) {
    const std::string families = folder.empty() ? family::find_families(RINGFENCE_FAMILIES) : folder;
    auto family = family::Family::load(families + "/" + std::string(family::avaya_1200));
    if (!family) return fail(std::move(family).error().within("loading the phone family"));
    return family;
}

Status require_model(const family::Family& family, const std::string& model) {
    if (family.has_model(model)) return {};
    std::string known;
    for (const auto& each : family.models()) known += (known.empty() ? "" : ", ") + each.name;
    return fail(FaultCode::not_found, fmt::format("there is no model '{}'; known are {}", printable(model), known));
}

void remark(std::string_view sentence) {
    std::fflush(stdout);
    std::fprintf(stderr, "ringfence: note: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
}

}  // namespace ringfence::app


#include "app/phone/commands.h"
#include "app/phone/effective_report.h"
#include "app/phone/output.h"
#include "app/phone/phone_family.h"
#include "app/phone/report.h"
#include "app/phone/state_folder.h"
#include "base/clock.h"
#include "base/disk.h"
#include "phone/effective_configuration.h"
#include "phone/fingerprint.h"
#include "phone/flash.h"
#include "phone/trust_store.h"
#include "phonefile/signed_file.h"

namespace ringfence::app {

namespace {

Result<std::vector<RootView>> view_roots(phone::Flash& flash) {
    std::vector<RootView> out;
    for (const auto* file : flash.state().files_of(phone::root_section)) {
        auto bytes = flash.read(*file);
        if (!bytes) return fail(std::move(bytes.error()));
        const auto fingerprints = phone::fingerprints_of(*bytes);
        RootView view{file->name, fingerprints.sha1, fingerprints.sha256, {}};
        const auto held = phone::read_root_file(phonefile::split_signed(*bytes).content);
        if (!held) return fail(held.error());
        for (const auto& certificate : held->certificates) view.subjects.push_back(certificate.subject());
        out.push_back(std::move(view));
    }
    return out;
}

std::vector<std::pair<unsigned, std::string>> view_leaves(phone::Flash& flash) {
    std::vector<std::pair<unsigned, std::string>> out;
    for (const auto& [index, profile] : flash.state().profiles) {
        if (profile.identity.empty()) continue;
        const auto identity = flash.read_identity(index);
        out.emplace_back(index, identity ? identity->leaf.subject() : identity.error().message);
    }
    return out;
}

Result<FlashView> view(phone::Flash& flash, Disk& disk, const std::string& folder) {
    auto roots = view_roots(flash);
    if (!roots) return fail(std::move(roots.error()));
    FlashView out{std::move(*roots), {}, {}, view_leaves(flash), {}};
    if (const auto note = phone::PortStore(disk, folder).load_note()) out.port = *note;
    auto trust = phone::TrustStore::load(flash, {});
    if (trust)
        out.trust = std::move(*trust);
    else
        out.trust_fault = trust.error().message;
    return out;
}

int show_effective(const ShowOptions& options, phone::Flash& flash) {
    const auto family = load_phone_family();
    if (!family) return complain(family.error().message, exit_failed);
    const auto entries =
        phone::effective_configuration(flash.state().settings, phone::installed_settings(flash, *family), *family);
    const auto unknown = options.unknown ? UnknownSettings::shown : UnknownSettings::masked;
    print(options.json ? effective_json(entries, unknown) + "\n" : effective_text(entries, unknown));
    return finish_output(exit_done);
}

}  // namespace

int show(const ShowOptions& options) {
    SystemDisk disk;
    const SystemClock clock;
    auto flash = open_existing_flash(disk, options.state, clock);
    if (!flash) return complain(flash.error().message, exit_failed);
    if (options.effective) return show_effective(options, *flash);
    const auto shown = view(*flash, disk, options.state);
    if (!shown) return complain(shown.error().message, exit_failed);
    print(options.json ? show_json(*flash, *shown) + "\n" : show_text(*flash, *shown));
    return finish_output(exit_done);
}

}  // namespace ringfence::app

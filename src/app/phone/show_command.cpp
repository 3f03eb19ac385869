#include "app/phone/commands.h"
#include "app/phone/output.h"
#include "app/phone/report.h"
#include "app/phone/state_folder.h"
#include "base/clock.h"
#include "base/disk.h"
#include "crypto/certificate.h"
#include "phone/fingerprint.h"
#include "phone/flash.h"

namespace ringfence::app {

namespace {

Result<std::vector<RootView>> view_roots(phone::Flash& flash) {
    std::vector<RootView> out;
    for (const auto* file : flash.state().files_of(phone::root_section)) {
        auto bytes = flash.read(*file);
        if (!bytes) return fail(std::move(bytes.error()));
        const auto fingerprints = phone::fingerprints_of(*bytes);
        RootView view{file->name, fingerprints.sha1, fingerprints.sha256, {}};
        const auto certificates = crypto::Certificate::parse_bundle(*bytes);
        if (!certificates) return fail(certificates.error());
        for (const auto& certificate : *certificates) view.subjects.push_back(certificate.subject());
        out.push_back(std::move(view));
    }
    return out;
}

}  // namespace

int show(const StateOptions& options) {
    SystemDisk disk;
    const SystemClock clock;
    if (!may_hold_flash(disk, options.state)) return complain(options.state + " is no phone's flash", exit_failed);
    auto flash = phone::Flash::open(disk, options.state, clock);
    if (!flash) return complain(flash.error().message, exit_failed);
    auto roots = view_roots(*flash);
    if (!roots) return complain(roots.error().message, exit_failed);
    print(options.json ? show_json(*flash, *roots) + "\n" : show_text(*flash, *roots));
    return finish_output(exit_done);
}

}  // namespace ringfence::app

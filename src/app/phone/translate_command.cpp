#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "app/phone/boot_options.h"
#include "app/phone/commands.h"
#include "app/phone/output.h"
#include "app/phone/phone_family.h"
#include "app/phone/state_folder.h"
#include "app/phone/translate_report.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/random.h"
#include "crypto/limited_anchors.h"
#include "family/family.h"
#include "phone/flash.h"
#include "phone/trust_store.h"

namespace ringfence::app {

namespace {

using phone::BaresipConfiguration;

constexpr mode_t private_program = 0700;
constexpr std::size_t config_limit = std::size_t{64} * 1024;  // ours is below 2 kB
constexpr std::string_view made_by_us = "# Made by ringfence-phone";

// As configuration lines name it.
Result<std::string> absolute_folder(const std::string& path) {
    std::error_code error;
    std::string out = std::filesystem::absolute(path, error).lexically_normal().string();
    if (error) return fail(FaultCode::unavailable, path + " cannot be found");
    while (out.size() > 1 && out.back() == '/') out.pop_back();
    return out;
}

// What is not ours is not overwritten. Ours is known by the file that is written first.
Status check_folder(Disk& disk, const std::string& folder) {
    if (!disk.exists(folder)) return {};
    const auto names = disk.list(folder);
    if (!names) return fail(names.error());
    const auto first = disk.read(fmt::format("{}/{}", folder, phone::baresip_openssl_name), config_limit);
    if (first && first->starts_with(made_by_us)) return {};
    const auto is_left_over = [](const std::string& name) { return name.ends_with(Disk::temporary_suffix); };
    if (std::all_of(names->begin(), names->end(), is_left_over)) return {};
    return fail(FaultCode::conflict, folder + " holds something else than a configuration made here");
}

// Those that no revocation list names; a trust list's servers are no roots.
Result<std::vector<crypto::Certificate>> read_roots(phone::Flash& flash) {
    const auto trust = phone::TrustStore::load(flash, {});
    if (!trust) return fail(trust.error());
    return trust->without_revoked(trust->customer_anchors());
}

// The certificate with its chain and its key in one file, as baresip reads it. Empty: there is none.
Result<Secret> read_identity(const TranslateOptions& options, phone::Flash& flash) {
    const auto identity =
        options.certificate.empty() ? flash.read_active_identity() : load_identity(options.certificate, options.key);
    if (!identity && identity.error().code == FaultCode::not_found && options.certificate.empty()) return Secret();
    if (!identity) return fail(identity.error());
    std::string pem = identity->leaf.to_pem() + crypto::format_bundle(identity->chain);
    pem += identity->key.to_pem().reveal();
    return Secret(std::move(pem));
}

// Empty: no account uses TLS.
Result<std::string> limited_roots(const std::vector<crypto::Certificate>& roots, crypto::PermittedHosts servers,
                                  const std::vector<std::string>& further_names) {
    if (servers.dns_names.empty() && servers.addresses.empty()) return std::string();
    for (const auto& name : further_names) {
        if (const auto address = IpAddress::parse(name))
            servers.addresses.push_back(*address);
        else
            servers.dns_names.push_back(name);
    }
    SystemRandom random;
    const auto limited = crypto::limit_anchors(roots, servers, random);
    if (!limited) return fail(limited.error());
    return crypto::format_bundle(*limited);
}

// What is empty goes. The config is last: it names the others.
Status write_files(Disk& disk, const std::string& folder, const BaresipConfiguration& made, const std::string& roots,
                   const Secret& identity) {
    struct Piece {
        std::string_view name;
        std::string_view bytes;
        mode_t mode;
        bool is_optional;
    };
    const Piece pieces[] = {{phone::baresip_openssl_name, made.openssl, private_file, false},
                            {phone::baresip_roots_name, roots, private_file, true},
                            {phone::baresip_identity_name, identity.reveal(), private_file, true},
                            {"contacts", made.contacts, private_file, false},
                            {"accounts", made.accounts.reveal(), private_file, false},
                            {"start", made.start, private_program, false},
                            {"config", made.config, private_file, false}};
    auto status = disk.make_directory(folder, private_directory);
    for (const auto& piece : pieces) {
        if (!status) return status;
        const std::string path = fmt::format("{}/{}", folder, piece.name);
        const bool goes = piece.is_optional && piece.bytes.empty();
        status = goes ? disk.remove(path) : disk.replace(path, piece.bytes, piece.mode);
    }
    return status;
}

}  // namespace

int translate_baresip(const TranslateOptions& options) {
    if (options.certificate.empty() != options.key.empty())
        return complain("--certificate and --key go together", exit_misused);
    SystemDisk disk;
    const SystemClock clock;
    const auto family = load_phone_family();
    if (!family) return complain(family.error().message, exit_failed);
    auto flash = open_existing_flash(disk, options.state, clock);
    if (!flash) return complain(flash.error().message, exit_failed);
    const auto folder = absolute_folder(options.out);
    if (!folder) return complain(folder.error().message, exit_failed);
    if (auto ours = check_folder(disk, *folder); !ours) return complain(ours.error().message, exit_failed);
    const auto roots = read_roots(*flash);
    if (!roots) return complain(roots.error().message, exit_failed);
    const auto identity = read_identity(options, *flash);
    if (!identity) return complain(identity.error().message, exit_failed);

    phone::BaresipSurroundings surroundings;
    surroundings.folder = *folder;
    if (!options.module_folder.empty()) surroundings.module_folder = options.module_folder;
    if (!options.audio.empty()) surroundings.audio = options.audio;
    if (options.sip_port > 0) surroundings.sip_port = options.sip_port;
    surroundings.interface = options.interface;
    surroundings.dns_servers = options.dns_servers;
    surroundings.has_roots = !roots->empty();
    surroundings.has_identity = !identity->empty();
    const auto made = phone::translate_baresip(flash->state().settings, *family, surroundings);
    if (!made) return complain(made.error().message, exit_misused);
    const auto limited = limited_roots(*roots, made->servers, options.server_names);
    if (!limited) return complain(limited.error().message, exit_failed);
    if (auto written = write_files(disk, *folder, *made, *limited, *identity); !written)
        return complain(written.error().message, exit_failed);
    print(options.json ? translation_json(*made, *folder) + "\n" : translation_text(*made, *folder));
    return finish_output(made->refused.empty() ? exit_done : exit_failed);
}

}  // namespace ringfence::app

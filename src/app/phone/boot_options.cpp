#include "app/phone/boot_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "app/phone/first_line.h"
#include "app/phone/lease_file.h"
#include "base/disk.h"
#include "crypto/certificate.h"
#include "crypto/private_key.h"
#include "phone/dhcp_environment.h"

namespace ringfence::app {

namespace {

auto misused(std::string sentence) {
    return tl::unexpected<Complaint>(Complaint{{FaultCode::malformed, std::move(sentence)}, exit_misused});
}
auto misused(const Fault& fault) { return misused(fault.message); }
auto failed(Fault fault) { return tl::unexpected<Complaint>(Complaint{std::move(fault), exit_failed}); }

Checked<std::optional<Secret>> read_server(const BootOptions& options) {
    constexpr auto server = phone::Parameter::provisioning_server;
    if (options.url.empty() && options.url_file.empty()) return std::nullopt;
    if (!options.url.empty() && !options.url_file.empty()) return misused("give one of --url and --url-file");
    if (phone::holds_secret(server, Secret(options.url)))
        return misused(
            "a password in --url can be read in the list of processes; write the URL into a file and give its name "
            "with "
            "--url-file");
    Secret text(options.url);
    if (!options.url_file.empty()) {
        auto line = read_first_line(options.url_file);
        if (!line) return failed(std::move(line.error()));
        text = std::move(*line);
    }
    auto checked = phone::check_parameter(server, text.reveal());
    if (!checked) return misused(checked.error());
    return std::move(*checked);
}

Checked<std::optional<protocol::DhcpLease>> read_lease(const BootOptions& options) {
    SystemDisk disk;
    std::vector<protocol::DhcpLease> offers;
    auto paths = options.dhcp_leases;
    if (paths.empty() && disk.exists(lease_path(options.state))) paths.push_back(lease_path(options.state));
    for (const auto& path : paths) {
        const auto text = disk.read(path, phone::dhcp_environment_limit);
        if (!text) return failed(text.error());
        auto lease = phone::parse_dhcp_environment(*text);
        if (!lease) return failed(std::move(lease.error()).within(path));
        offers.push_back(std::move(*lease));
    }
    const auto* longest = protocol::choose_lease(offers);
    return longest == nullptr ? std::nullopt : std::optional(*longest);
}

Checked<std::vector<phone::ExpectedFingerprint>> read_fingerprints(const BootOptions& options) {
    std::vector<phone::ExpectedFingerprint> out;
    for (const auto& text : options.accepted_fingerprints) {
        auto expected = phone::ExpectedFingerprint::parse(text);
        if (!expected) return misused(expected.error());
        out.push_back(std::move(*expected));
    }
    if (options.accepted_fingerprint_file.empty()) return out;
    auto line = read_first_line(options.accepted_fingerprint_file);
    if (!line) return failed(std::move(line.error()));
    auto expected = phone::ExpectedFingerprint::parse(line->reveal());
    if (!expected) return failed(expected.error().within(options.accepted_fingerprint_file));
    out.push_back(std::move(*expected));
    return out;
}

Checked<std::optional<phone::Login>> read_device_login(const BootOptions& options) {
    if (options.device_id.empty() != options.password_file.empty())
        return misused("--device-id and --password-file go together");
    if (options.device_id.empty()) return std::optional<phone::Login>();
    auto password = read_first_line(options.password_file);
    if (!password) return failed(std::move(password.error()));
    return phone::Login{options.device_id, std::move(*password)};
}

Checked<phone::FetcherSettings> read_fetcher_settings(const BootOptions& options) {
    phone::FetcherSettings fetcher;
    if (!options.ports.empty()) {
        auto ports = phone::parse_port_map(options.ports);
        if (!ports) return misused(ports.error());
        fetcher.ports = std::move(*ports);
    }
    if (options.patience_seconds > 0) fetcher.patience.set_stall(std::chrono::seconds(options.patience_seconds));
    return fetcher;
}

Checked<std::shared_ptr<const crypto::ClientIdentity>> read_identity(const BootOptions& options) {
    if (options.certificate.empty() != options.key.empty()) return misused("--certificate and --key go together");
    if (options.certificate.empty()) return std::shared_ptr<const crypto::ClientIdentity>();
    auto identity = load_identity(options.certificate, options.key);
    if (!identity) return failed(std::move(identity.error()));
    return std::make_shared<const crypto::ClientIdentity>(std::move(*identity));
}

Checked<std::vector<crypto::Certificate>> read_vendor_roots(const BootOptions& options) {
    if (options.vendor_roots.empty()) return std::vector<crypto::Certificate>();
    SystemDisk disk;
    const auto pem = disk.read(options.vendor_roots, crypto::Certificate::max_bundle_size);
    if (!pem) return failed(pem.error());
    auto roots = crypto::Certificate::parse_bundle(*pem);
    if (!roots) return failed(std::move(roots.error()).within(options.vendor_roots));
    return std::move(*roots);
}

Checked<phone::Behaviour> read_switches(const BootOptions& options) {
    phone::Behaviour behaviour;
    for (const auto& assignment : options.switches)
        if (auto set = behaviour.set(assignment); !set) return misused(set.error());
    return behaviour;
}

Checked<phone::Load> read_load(const BootOptions& options) {
    if (options.load.empty()) return phone::Load::sip;
    const auto load = phone::parse_load(options.load);
    if (!load) return misused("a load is sip, boot-loader or unistim");
    return *load;
}

Checked<GivenAnswers> read_answers(const BootOptions& options) {
    GivenAnswers answers;
    auto fingerprints = read_fingerprints(options);
    if (!fingerprints) return tl::unexpected<Complaint>(std::move(fingerprints.error()));
    answers.fingerprints = std::move(*fingerprints);
    if (!options.consent.empty()) answers.consent = options.consent == "yes";
    if (options.certificate_password_file.empty()) return answers;
    auto password = read_first_line(options.certificate_password_file);
    if (!password) return failed(std::move(password.error()));
    answers.certificate_password = std::move(*password);
    return answers;
}

}  // namespace

Result<crypto::ClientIdentity> load_identity(const std::string& certificate_path, const std::string& key_path) {
    SystemDisk disk;
    auto pem = disk.read(certificate_path, crypto::Certificate::max_bundle_size);
    if (!pem) return fail(std::move(pem.error()));
    auto certificates = crypto::Certificate::parse_bundle(*pem);
    if (!certificates) return fail(std::move(certificates.error()).within(certificate_path));
    auto key_pem = disk.read(key_path, crypto::PrivateKey::max_pem_size);
    if (!key_pem) return fail(std::move(key_pem.error()));
    auto key = crypto::PrivateKey::parse_pem(Secret(std::move(*key_pem)));
    if (!key) return fail(std::move(key.error()).within(key_path));
    if (!key->matches(certificates->front()))
        return fail(FaultCode::conflict, fmt::format("{} is not the key of {}", key_path, certificate_path));
    std::vector<crypto::Certificate> chain(certificates->begin() + 1, certificates->end());
    return crypto::ClientIdentity{certificates->front(), std::move(chain), std::move(*key)};
}

unsigned readers_of_standard_input(const BootOptions& options) {
    return static_cast<unsigned>(options.password_file == standard_input) +
           static_cast<unsigned>(options.certificate_password_file == standard_input) +
           static_cast<unsigned>(options.accepted_fingerprint_file == standard_input) +
           static_cast<unsigned>(options.url_file == standard_input);
}

Checked<Prepared> prepare(const BootOptions& options) {
    const auto mac = MacAddress::parse(options.mac);
    if (!mac) return misused(mac.error());
    if (const auto name = phone::manifest_name(options.model); !name) return misused(name.error());
    if (!options.on_change.empty() && options.on_change.front() != '/')
        return misused("--on-change takes the absolute path of a program");
    if (readers_of_standard_input(options) > 1) return misused("only one option can read standard input");
    const auto pass_on = [](Complaint& complaint) { return tl::unexpected<Complaint>(std::move(complaint)); };
    auto load = read_load(options);
    if (!load) return pass_on(load.error());
    auto behaviour = read_switches(options);
    if (!behaviour) return pass_on(behaviour.error());
    auto server = read_server(options);
    if (!server) return pass_on(server.error());
    auto lease = read_lease(options);
    if (!lease) return pass_on(lease.error());
    auto answers = read_answers(options);
    if (!answers) return pass_on(answers.error());
    auto login = read_device_login(options);
    if (!login) return pass_on(login.error());
    auto identity = read_identity(options);
    if (!identity) return pass_on(identity.error());
    auto vendor_roots = read_vendor_roots(options);
    if (!vendor_roots) return pass_on(vendor_roots.error());
    auto fetcher = read_fetcher_settings(options);
    if (!fetcher) return pass_on(fetcher.error());
    fetcher->http_login = behaviour->value(phone::Switch::http_login);
    fetcher->is_ftp_active = behaviour->is(phone::Switch::ftp_mode, "active");

    phone::BootSettings settings{*mac, options.model, Url{}, std::move(*login)};
    settings.identity = std::move(*identity);
    settings.vendor_anchors = std::move(*vendor_roots);
    settings.behaviour = *behaviour;
    settings.load = *load;
    if (options.image_room > 0) settings.image_room = std::min(options.image_room, phone::firmware_limit);
    return Prepared{std::move(settings),
                    std::move(*server),
                    {*mac, std::move(*lease), {}},
                    std::move(*fetcher),
                    std::move(*answers)};
}

}  // namespace ringfence::app

#include "authority/authority.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "authority/certificate_record.h"
#include "authority/local_signer.h"
#include "base/text.h"
#include "crypto/certificate_builder.h"
#include "crypto/hash.h"
#include "crypto/pkcs12.h"

namespace ringfence::authority {

namespace {

using crypto::Certificate;
using crypto::CertificateRequest;
using crypto::CertificateRole;
using crypto::KeyType;
using crypto::PrivateKey;
using crypto::Signer;
using crypto::TlsIdentity;

constexpr WallTime legacy_begin = std::chrono::sys_days{std::chrono::year{2000} / 1 / 1};
constexpr WallTime root_end = std::chrono::sys_days{std::chrono::year{2038} / 1 / 1} - std::chrono::seconds(1);
constexpr std::size_t name_suffix_bytes = 4;  // tells two installations' CAs apart in error sentences
constexpr std::size_t max_subject_part = 64;  // RFC 5280 appendix A.1
constexpr std::size_t short_fingerprint_digits = 20;

constexpr std::string_view root_path = "root.pem";

// Everything that the authority keeps: a key and its certificate each.
enum class Part {
    root,
    issuing_rsa,
    issuing_p256,
    issuing_legacy,
    server_rsa,
    server_p256,
    server_legacy,
    registration_rsa,
    registration_legacy,
    ocsp_rsa,
    ocsp_p256,
    ocsp_legacy,
    file_signer
};
constexpr std::size_t part_count = 13;

struct PartPlan {
    Part part;
    std::string_view file;  // stem of keys/*.key and pki/*.pem
    CertificateRole role;
    KeyType key;
    Part issuer;  // itself: self-signed
    bool legacy_dates;
    int days;  // when the dates are not the legacy ones
    std::string_view name;
};

// Issuers stand before what they sign.
constexpr std::array<PartPlan, part_count> plans{{
    {Part::root, "root", CertificateRole::root, KeyType::rsa2048, Part::root, true, 0, "Root CA"},
    {Part::issuing_rsa, "issuing-rsa", CertificateRole::issuing, KeyType::rsa2048, Part::root, false, issuing_days,
     "Issuing CA RSA"},
    {Part::issuing_p256, "issuing-p256", CertificateRole::issuing, KeyType::p256, Part::root, false, issuing_days,
     "Issuing CA P-256"},
    {Part::issuing_legacy, "issuing-legacy", CertificateRole::issuing, KeyType::rsa2048, Part::root, true, 0,
     "Issuing CA Legacy"},
    {Part::server_rsa, "server-rsa", CertificateRole::server, KeyType::rsa2048, Part::issuing_rsa, false, server_days,
     "server"},
    {Part::server_p256, "server-p256", CertificateRole::server, KeyType::p256, Part::issuing_p256, false, server_days,
     "server"},
    {Part::server_legacy, "server-legacy", CertificateRole::server, KeyType::rsa2048, Part::issuing_legacy, true, 0,
     "server"},
    {Part::registration_rsa, "registration-rsa", CertificateRole::registration, KeyType::rsa2048, Part::issuing_rsa,
     false, issuing_days, "Registration"},
    {Part::registration_legacy, "registration-legacy", CertificateRole::registration, KeyType::rsa2048,
     Part::issuing_legacy, true, 0, "Registration Legacy"},
    // Nobody but clients of this century asks them, so they all have the cheap key.
    {Part::ocsp_rsa, "ocsp-rsa", CertificateRole::ocsp_signer, KeyType::p256, Part::issuing_rsa, false, issuing_days,
     "OCSP RSA"},
    {Part::ocsp_p256, "ocsp-p256", CertificateRole::ocsp_signer, KeyType::p256, Part::issuing_p256, false, issuing_days,
     "OCSP P-256"},
    {Part::ocsp_legacy, "ocsp-legacy", CertificateRole::ocsp_signer, KeyType::p256, Part::issuing_legacy, true, 0,
     "OCSP Legacy"},
    {Part::file_signer, "file-signer", CertificateRole::file_signer, KeyType::rsa2048, Part::issuing_rsa, false,
     issuing_days, "File Signer"},
}};

constexpr std::size_t index_of(Part part) { return static_cast<std::size_t>(part); }
constexpr const PartPlan& plan_of(Part part) { return plans[index_of(part)]; }

constexpr bool plans_are_in_order() {
    for (std::size_t i = 0; i < part_count; ++i) {
        if (index_of(plans[i].part) != i) return false;
        if (index_of(plans[i].issuer) > i) return false;
    }
    return true;
}
static_assert(plans_are_in_order());

// Which process has need of a part's key.
bool needs_key(KeySet set, const PartPlan& plan) {
    switch (set) {
        case KeySet::all: return true;
        case KeySet::server: return plan.role == CertificateRole::server;
        case KeySet::signer: return plan.role == CertificateRole::issuing;
        case KeySet::registrar:
            return plan.role == CertificateRole::registration || plan.role == CertificateRole::ocsp_signer;
    }
    return false;
}

Part issuing_part(Issuer issuer) {
    switch (issuer) {
        case Issuer::rsa: return Part::issuing_rsa;
        case Issuer::p256: return Part::issuing_p256;
        case Issuer::legacy: return Part::issuing_legacy;
    }
    return Part::issuing_rsa;
}

Part ocsp_part(Issuer issuer) {
    switch (issuer) {
        case Issuer::rsa: return Part::ocsp_rsa;
        case Issuer::p256: return Part::ocsp_p256;
        case Issuer::legacy: return Part::ocsp_legacy;
    }
    return Part::ocsp_rsa;
}

CertificateLife life_from(WallTime now, int days, WallTime issuer_end) {
    const auto seconds_now = std::chrono::floor<std::chrono::seconds>(now);
    return {seconds_now - std::chrono::days(back_dated_days),
            std::min<WallTime>(seconds_now + std::chrono::days(days), issuer_end)};
}

std::string cut(const std::string& text) { return text.substr(0, max_subject_part); }

Status check_names(const ServerNames& names) {
    if (names.hosts.empty() || names.addresses.empty()) {
        return fail(FaultCode::malformed, "the server needs a DNS name and an address for its certificates");
    }
    return {};
}

RootFile describe_root_file(std::string path, std::string bytes) {
    RootFile file;
    file.path = std::move(path);
    file.sha1 = to_upper(to_hex(crypto::sha1(bytes)));
    file.sha1_short = file.sha1.substr(0, short_fingerprint_digits);
    file.sha256 = to_upper(to_hex(crypto::sha256(bytes)));
    file.bytes = std::move(bytes);
    return file;
}

Status record_once(registry::Registry& registry, const registry::CertificateRecord& record) {
    auto known = registry.find_certificate(record.fingerprint);
    if (!known) return fail(std::move(known).error());
    if (known->has_value()) return {};
    return registry.add_certificate(record);
}

class Files {
public:
    Files(Disk& disk, std::string directory) : disk_(disk), directory_(std::move(directory)) {}

    std::string path(std::string_view name) const { return fmt::format("{}/{}", directory_, name); }
    bool exists(std::string_view name) const { return disk_.exists(path(name)); }

    Status make_directories() {
        for (const std::string_view name : {"keys", "pki"}) {
            if (auto made = disk_.make_directory(path(name), private_directory); !made) return made;
        }
        return {};
    }

    Status save_key(Part part, const PrivateKey& key) {
        return disk_.replace(key_path(part), key.to_pem().reveal(), private_file);
    }
    Status save_certificate(Part part, const Certificate& certificate) {
        return disk_.replace(certificate_path(part), certificate.to_pem(), public_file);
    }
    Status save_public(std::string_view name, std::string_view bytes) {
        return disk_.replace(path(name), bytes, public_file);
    }

    Result<std::string> load_public(std::string_view name) {
        return disk_.read(path(name), Certificate::max_bundle_size);
    }

    bool has_key(Part part) const { return disk_.exists(key_path(part)); }

    Result<Certificate> load_certificate(Part part) {
        auto pem = disk_.read(certificate_path(part), Certificate::max_bundle_size);
        if (!pem) return damaged(certificate_path(part), std::move(pem).error());
        auto certificate = Certificate::parse_pem(*pem);
        if (!certificate) return damaged(certificate_path(part), std::move(certificate).error());
        return *certificate;
    }

    // That of `certificate`.
    Result<PrivateKey> load_key(Part part, const Certificate& certificate) {
        auto key_pem = disk_.read(key_path(part), PrivateKey::max_pem_size);
        if (!key_pem) return damaged(key_path(part), std::move(key_pem).error());
        auto key = PrivateKey::parse_pem(Secret(std::move(*key_pem)));
        if (!key) return damaged(key_path(part), std::move(key).error());
        if (!key->matches(certificate)) {
            return fail(FaultCode::corrupt,
                        fmt::format("{} does not belong to {}", key_path(part), certificate_path(part)));
        }
        return *key;
    }

private:
    std::string key_path(Part part) const { return path(fmt::format("keys/{}.key", plan_of(part).file)); }
    std::string certificate_path(Part part) const { return path(fmt::format("pki/{}.pem", plan_of(part).file)); }

    static tl::unexpected<Fault> damaged(const std::string& path, Fault fault) {
        // A disk that cannot be read now is not a damaged authority.
        if (fault.code != FaultCode::unavailable) fault.code = FaultCode::corrupt;
        return fail(std::move(fault).within(path));
    }

    Disk& disk_;
    std::string directory_;
};

}  // namespace

struct Authority::Parts {
    Parts(Files taken, Random& random_in, const Clock& clock_in)
        : files(std::move(taken)), random(random_in), clock(clock_in) {}

    const Certificate& certificate(Part part) const { return *certificates[index_of(part)]; }
    bool has_key(Part part) const { return keys[index_of(part)].has_value(); }
    const PrivateKey& key(Part part) const {
        RINGFENCE_ASSERT(has_key(part));
        return *keys[index_of(part)];
    }
    Signer at(Part part) const { return {certificate(part), key(part)}; }

    // For a part whose issuer is there already.
    Result<Certificate> certify(const PartPlan& plan, const PrivateKey& key, const ServerNames& names,
                                const std::string& suffix) {
        CertificateRequest request;
        request.role = plan.role;
        request.organization = cut(names.hosts.front());
        const WallTime issuer_end = plan.part == plan.issuer ? root_end : certificate(plan.issuer).not_after();
        const CertificateLife life = plan.legacy_dates ? CertificateLife{legacy_begin, issuer_end}
                                                       : life_from(clock.wall_now(), plan.days, issuer_end);
        request.not_before = life.begin;
        request.not_after = life.end;
        if (plan.role == CertificateRole::server) {
            request.common_name = cut(names.hosts.front());
            request.dns_names = names.hosts;
            request.addresses = names.addresses;
        } else {
            request.common_name = fmt::format("Ringfence {} {}", plan.name, suffix);
        }
        if (plan.part == plan.issuer) return crypto::make_root(request, key, random);
        return crypto::sign_certificate(request, key, at(plan.issuer), random);
    }

    // Nothing of this counts before root.pem stands, which is written last.
    Status make_all(const ServerNames& names) {
        if (auto made = files.make_directories(); !made) return made;
        const std::string suffix = to_hex(random.bytes(name_suffix_bytes));
        for (const PartPlan& plan : plans) {
            if (auto made = make_part(plan, names, suffix); !made) return made;
        }
        return files.save_public(root_path, root_bundle());
    }

    Status make_part(const PartPlan& plan, const ServerNames& names, const std::string& suffix) {
        auto key = PrivateKey::generate(plan.key);
        if (!key) return fail(std::move(key).error());
        auto certificate = certify(plan, *key, names, suffix);
        if (!certificate) return fail(std::move(certificate).error());
        if (auto saved = files.save_key(plan.part, *key); !saved) return saved;
        if (auto saved = files.save_certificate(plan.part, *certificate); !saved) return saved;
        certificates[index_of(plan.part)] = *certificate;
        keys[index_of(plan.part)] = *key;
        return {};
    }

    Status load(KeySet wanted) {
        for (const PartPlan& plan : plans) {
            auto certificate = files.load_certificate(plan.part);
            if (!certificate) return fail(std::move(certificate).error());
            certificates[index_of(plan.part)] = *certificate;
            if (!needs_key(wanted, plan)) continue;
            auto key = files.load_key(plan.part, *certificate);
            if (!key) return fail(std::move(key).error());
            keys[index_of(plan.part)] = *key;
        }
        return {};
    }

    std::string root_bundle() const {
        return crypto::format_bundle(
            {certificate(Part::root), certificate(Part::issuing_rsa), certificate(Part::issuing_legacy)});
    }

    Status take_root_file() {
        auto bytes = files.load_public(root_path);
        if (!bytes) return fail(std::move(bytes).error());
        if (*bytes != root_bundle()) {
            return fail(FaultCode::corrupt,
                        fmt::format("{} does not hold the CAs of this installation", files.path(root_path)));
        }
        root_file = describe_root_file(files.path(root_path), std::move(*bytes));
        const Certificate& server = certificate(Part::server_rsa);
        take_names({server.dns_names(), server.addresses()});
        return {};
    }

    registry::CertificateRecord record_of(Part part, const Certificate& own) const {
        const PartPlan& plan = plan_of(part);
        auto record =
            describe_certificate(own, certificate(plan.issuer),
                                 plan.role == CertificateRole::server ? registry::CertificatePurpose::server
                                                                      : registry::CertificatePurpose::authority);
        record.legacy_lane = part == Part::issuing_legacy || plan.issuer == Part::issuing_legacy;
        return record;
    }

    void take_names(ServerNames taken) {
        names = std::move(taken);
        organization = cut(names.hosts.front());
    }

    TlsIdentity identity(Part server) const {
        return {certificate(server), {certificate(plan_of(server).issuer)}, key(server)};
    }

    Files files;
    Random& random;
    const Clock& clock;
    std::array<std::optional<Certificate>, part_count> certificates;  // all set once made or loaded
    std::array<std::optional<PrivateKey>, part_count> keys;           // those of the KeySet
    RootFile root_file;
    ServerNames names;
    std::string organization;
};

Authority::Authority(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Authority::~Authority() = default;

Result<std::unique_ptr<Authority>> Authority::create(const std::string& directory, const ServerNames& names, Disk& disk,
                                                     Random& random, const Clock& clock) {
    if (auto checked = check_names(names); !checked) return fail(std::move(checked).error());
    auto parts = std::make_unique<Parts>(Files(disk, directory), random, clock);
    if (parts->files.exists(root_path)) {
        return fail(FaultCode::conflict, fmt::format("{} exists already", parts->files.path(root_path)));
    }
    if (auto made = parts->make_all(names); !made) return fail(std::move(made).error());
    if (auto taken = parts->take_root_file(); !taken) return fail(std::move(taken).error());
    return std::unique_ptr<Authority>(new Authority(std::move(parts)));
}

Result<std::unique_ptr<Authority>> Authority::open(const std::string& directory, Disk& disk, Random& random,
                                                   const Clock& clock, KeySet wanted) {
    auto parts = std::make_unique<Parts>(Files(disk, directory), random, clock);
    if (!parts->files.exists(root_path)) {
        return fail(FaultCode::not_found, fmt::format("there is no certificate authority in {}", directory));
    }
    if (auto loaded = parts->load(wanted); !loaded) return fail(std::move(loaded).error());
    if (auto taken = parts->take_root_file(); !taken) return fail(std::move(taken).error());
    return std::unique_ptr<Authority>(new Authority(std::move(parts)));
}

const RootFile& Authority::root_file() const { return parts_->root_file; }

std::vector<TlsIdentity> Authority::server_identities(TlsLane lane) const {
    if (lane == TlsLane::legacy) return {parts_->identity(Part::server_legacy)};
    return {parts_->identity(Part::server_p256), parts_->identity(Part::server_rsa)};
}

std::vector<Certificate> Authority::device_issuers(TlsLane lane) const {
    // What the main door takes is strong enough for the lane; never the other way round.
    if (lane == TlsLane::legacy)
        return {parts_->certificate(Part::issuing_legacy), parts_->certificate(Part::issuing_rsa)};
    return {parts_->certificate(Part::issuing_p256), parts_->certificate(Part::issuing_rsa)};
}

const std::string& Authority::organization() const { return parts_->organization; }

CertificateLife Authority::device_life(Issuer issuer) const {
    CertificateLife life = life_from(parts_->clock.wall_now(), device_days, issuing(issuer).not_after());
    if (issuer == Issuer::legacy) life.begin = legacy_begin;
    return life;
}

const Certificate& Authority::root() const { return parts_->certificate(Part::root); }

const Certificate& Authority::issuing(Issuer issuer) const { return parts_->certificate(issuing_part(issuer)); }

Signer Authority::issuing_signer(Issuer issuer) const { return parts_->at(issuing_part(issuer)); }

Signer Authority::registration(registry::EnrolmentProfile profile) const {
    return parts_->at(profile == registry::EnrolmentProfile::legacy ? Part::registration_legacy
                                                                    : Part::registration_rsa);
}

Signer Authority::ocsp_signer(Issuer issuer) const { return parts_->at(ocsp_part(issuer)); }

Signer Authority::file_signer() const { return parts_->at(Part::file_signer); }

std::vector<Certificate> Authority::file_signer_chain() const {
    return {parts_->certificate(plan_of(Part::file_signer).issuer)};
}

std::vector<Certificate> Authority::own_certificates() const {
    std::vector<Certificate> certificates;
    certificates.reserve(plans.size());
    for (const PartPlan& plan : plans) certificates.push_back(parts_->certificate(plan.part));
    return certificates;
}

const ServerNames& Authority::server_names() const { return parts_->names; }

Status Authority::record_own(registry::Registry& registry) const {
    for (const PartPlan& plan : plans) {
        auto recorded = record_once(registry, parts_->record_of(plan.part, parts_->certificate(plan.part)));
        if (!recorded) return recorded;
    }
    return {};
}

Result<IssuedDevice> Authority::issue_device(const DeviceRequest& wanted, registry::Registry& registry) {
    const bool legacy = wanted.lane == TlsLane::legacy;
    if (legacy && wanted.key != KeyType::rsa2048) {
        return fail(FaultCode::conflict, "the legacy lane's sets know RSA keys only");
    }
    auto device = registry.find_device(wanted.mac);
    if (!device) return fail(std::move(device).error());
    if (!*device) return fail(FaultCode::not_found, "there is no device " + wanted.mac.colons());
    Bounds bounds{wanted.mac, (*device)->serial, (*device)->names};
    if (legacy)
        bounds.issuer = Issuer::legacy;
    else if (wanted.key == KeyType::p256)
        bounds.issuer = Issuer::p256;
    bounds.not_after = device_life(bounds.issuer).end;

    auto key = PrivateKey::generate(wanted.key);
    if (!key) return fail(std::move(key).error());
    auto public_key = key->public_key();
    if (!public_key) return fail(std::move(public_key).error());
    LocalSigner signer(*this, registry, parts_->random, parts_->clock, wanted.urls);
    auto certificate = signer.sign_device({bounds, public_key->to_der()});
    if (!certificate) return fail(std::move(certificate).error());
    const std::vector<Certificate> chain{issuing(bounds.issuer)};
    Secret password = crypto::make_pkcs12_password(parts_->random);
    auto pkcs12 = crypto::format_pkcs12({*key, *certificate, chain, wanted.mac.bare_upper()}, password);
    if (!pkcs12) return fail(std::move(pkcs12).error());
    return IssuedDevice{*key, *certificate, chain, std::move(*pkcs12), std::move(password)};
}

Result<IssuedHost> Authority::issue_host(const HostRequest& wanted, registry::Registry& registry) {
    const Part issuing = wanted.key == KeyType::rsa2048 ? Part::issuing_rsa : Part::issuing_p256;
    const Signer signer = parts_->at(issuing);
    const CertificateLife life = life_from(parts_->clock.wall_now(), server_days, signer.certificate.not_after());
    CertificateRequest request;
    request.role = CertificateRole::server;
    request.dns_names = wanted.hosts;
    request.addresses = wanted.addresses;
    if (!wanted.hosts.empty())
        request.common_name = cut(wanted.hosts.front());
    else if (!wanted.addresses.empty())
        request.common_name = wanted.addresses.front().to_string();
    request.organization = organization();
    request.not_before = life.begin;
    request.not_after = life.end;

    auto key = PrivateKey::generate(wanted.key);
    if (!key) return fail(std::move(key).error());
    auto certificate = crypto::sign_certificate(request, *key, signer, parts_->random);
    if (!certificate) return fail(std::move(certificate).error());
    const auto record = describe_certificate(*certificate, signer.certificate, registry::CertificatePurpose::server);
    if (auto added = registry.add_certificate(record); !added) return fail(std::move(added).error());
    return IssuedHost{*key, *certificate, {signer.certificate}};
}

Status Authority::issue_server(const ServerNames& names, registry::Registry& registry) {
    if (auto checked = check_names(names); !checked) return checked;
    std::vector<std::pair<Part, Certificate>> made;
    for (const PartPlan& plan : plans) {
        if (plan.role != CertificateRole::server) continue;
        auto certificate = parts_->certify(plan, parts_->key(plan.part), names, {});
        if (!certificate) return fail(std::move(certificate).error());
        made.emplace_back(plan.part, std::move(*certificate));
    }
    for (const auto& [part, certificate] : made) {
        auto recorded = record_once(registry, parts_->record_of(part, certificate));
        if (!recorded) return recorded;
    }
    for (const auto& [part, certificate] : made) {
        if (auto saved = parts_->files.save_certificate(part, certificate); !saved) return saved;
        parts_->certificates[index_of(part)] = certificate;
    }
    parts_->take_names(names);
    return {};
}

}  // namespace ringfence::authority

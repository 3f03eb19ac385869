#include "authority/authority.h"

#include <fmt/format.h>

#include "authority/certificate_record.h"
#include "authority/generation.h"
#include "authority/local_signer.h"
#include "base/text.h"
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

constexpr std::size_t short_fingerprint_digits = 20;
constexpr unsigned first_generation = 1;

Part ocsp_part(Issuer issuer) {
    switch (issuer) {
        case Issuer::rsa: return Part::ocsp_rsa;
        case Issuer::p256: return Part::ocsp_p256;
        case Issuer::legacy: return Part::ocsp_legacy;
    }
    return Part::ocsp_rsa;
}

std::string path_of_root(const std::string& directory) { return fmt::format("{}/{}", directory, root_path); }

RootFile describe_root_file(std::string path, std::string bytes) {
    RootFile file;
    file.path = std::move(path);
    file.sha1 = to_upper(to_hex(crypto::sha1(bytes)));
    file.sha1_short = file.sha1.substr(0, short_fingerprint_digits);
    file.sha256 = to_upper(to_hex(crypto::sha256(bytes)));
    file.bytes = std::move(bytes);
    return file;
}

Status require_none(const std::string& directory, Disk& disk) {
    if (!disk.exists(path_of_root(directory))) return {};
    return fail(FaultCode::conflict, fmt::format("{} exists already", path_of_root(directory)));
}

// root.pem is written last: it marks a finished authority.
Status finish(Generation& generation, const std::string& directory, const ServerNames& names, Disk& disk,
              Random& random, WallTime now) {
    if (auto made = generation.make_the_rest(names, random, now); !made) return made;
    return disk.replace(path_of_root(directory), generation.root_bundle(), public_file);
}

}  // namespace

struct Authority::Parts {
    Parts(Standing taken, std::string directory, Random& random_in, const Clock& clock_in)
        : standing(std::move(taken)),
          random(random_in),
          clock(clock_in),
          root_file(describe_root_file(path_of_root(directory), standing.root_file)) {
        take_names(standing.present.server_names());
    }

    Generation& present() { return standing.present; }
    const Generation& present() const { return standing.present; }
    const Certificate& certificate(Part part) const { return present().certificate(part); }

    void take_names(ServerNames taken) {
        names = std::move(taken);
        organization = cut_to_subject(names.hosts.front());
    }

    Standing standing;
    Random& random;
    const Clock& clock;
    RootFile root_file;
    ServerNames names;
    std::string organization;
};

Authority::Authority(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Authority::~Authority() = default;

Result<std::unique_ptr<Authority>> Authority::create(const std::string& directory, const ServerNames& names, Disk& disk,
                                                     Random& random, const Clock& clock) {
    if (auto checked = check_names(names); !checked) return fail(std::move(checked).error());
    if (auto none = require_none(directory, disk); !none) return fail(std::move(none).error());
    Generation first(disk, directory, first_generation);
    const WallTime now = clock.wall_now();
    auto made = first.make_authorities(cut_to_subject(names.hosts.front()), random, now);
    if (made) made = finish(first, directory, names, disk, random, now);
    if (!made) return fail(std::move(made).error());
    return open(directory, disk, random, clock);
}

Status Authority::prepare(const std::string& directory, const ServerNames& names, Disk& disk, Random& random) {
    if (auto checked = check_names(names); !checked) return checked;
    if (auto none = require_none(directory, disk); !none) return none;
    return Generation(disk, directory, first_generation).make_requests(cut_to_subject(names.hosts.front()), random);
}

std::string Authority::requests_path(const std::string& directory, Disk& disk) {
    return Generation(disk, directory, first_generation).requests_path();
}

Status Authority::complete(const std::string& directory, const ServerNames& names, std::string_view certificates,
                           Disk& disk, Random& random, const Clock& clock) {
    if (auto checked = check_names(names); !checked) return checked;
    if (auto none = require_none(directory, disk); !none) return none;
    Generation first(disk, directory, first_generation);
    if (!first.waits_for_root())
        return fail(FaultCode::not_found, fmt::format("nothing in {} waits for a root's signature", directory));
    if (auto taken = first.take_certificates(certificates); !taken) return taken;
    if (auto loaded = first.load_authorities(Generation::AuthorityKeys::issuing); !loaded) return loaded;
    return finish(first, directory, names, disk, random, clock.wall_now());
}

bool Authority::waits_for_root(const std::string& directory, Disk& disk) {
    return !disk.exists(path_of_root(directory)) && Generation(disk, directory, first_generation).waits_for_root();
}

Result<std::unique_ptr<Authority>> Authority::open(const std::string& directory, Disk& disk, Random& random,
                                                   const Clock& clock, KeySet wanted) {
    auto standing = load_standing(disk, directory, wanted);
    if (!standing) return fail(std::move(standing).error());
    return std::unique_ptr<Authority>(
        new Authority(std::make_unique<Parts>(std::move(*standing), directory, random, clock)));
}

const RootFile& Authority::root_file() const { return parts_->root_file; }

std::vector<TlsIdentity> Authority::server_identities(TlsLane lane) const {
    const Generation& present = parts_->present();
    if (lane == TlsLane::legacy) return {present.identity(Part::server_legacy)};
    return {present.identity(Part::server_p256), present.identity(Part::server_rsa)};
}

std::vector<Certificate> Authority::device_issuers(TlsLane lane) const {
    // What the main door takes is strong enough for the lane; never the other way round.
    auto out = issuing_ever(lane == TlsLane::legacy ? Issuer::legacy : Issuer::p256);
    const auto strong = issuing_ever(Issuer::rsa);
    out.insert(out.end(), strong.begin(), strong.end());
    return out;
}

std::vector<Certificate> Authority::issuing_ever(Issuer issuer) const {
    std::vector<Certificate> out{issuing(issuer)};
    const auto& former = parts_->standing.former;
    for (auto generation = former.rbegin(); generation != former.rend(); ++generation)
        out.push_back(generation->certificate(issuing_part(issuer)));
    return out;
}

bool Authority::announces_next() const { return parts_->standing.announced.has_value(); }

const std::string& Authority::organization() const { return parts_->organization; }

CertificateLife Authority::device_life(Issuer issuer) const {
    CertificateLife life = life_from(parts_->clock.wall_now(), device_days, issuing(issuer).not_after());
    if (issuer == Issuer::legacy) life.begin = legacy_life().begin;
    return life;
}

const Certificate& Authority::root() const { return parts_->certificate(Part::root); }

std::vector<Certificate> Authority::roots_ever() const {
    std::vector<Certificate> out{root()};
    const auto& former = parts_->standing.former;
    for (auto generation = former.rbegin(); generation != former.rend(); ++generation)
        out.push_back(generation->certificate(Part::root));
    return out;
}

const Certificate& Authority::issuing(Issuer issuer) const { return parts_->certificate(issuing_part(issuer)); }

Signer Authority::issuing_signer(Issuer issuer) const { return parts_->present().at(issuing_part(issuer)); }

Signer Authority::registration(registry::EnrolmentProfile profile) const {
    return parts_->present().at(profile == registry::EnrolmentProfile::legacy ? Part::registration_legacy
                                                                              : Part::registration_rsa);
}

Signer Authority::ocsp_signer(Issuer issuer) const { return parts_->present().at(ocsp_part(issuer)); }

Signer Authority::file_signer() const { return parts_->present().at(Part::file_signer); }

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
        auto recorded = record_once(registry, parts_->present().record_of(plan.part));
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
    const bool legacy = wanted.lane == TlsLane::legacy;
    if (legacy && wanted.key != KeyType::rsa2048) {
        return fail(FaultCode::conflict, "the legacy lane's sets know RSA keys only");
    }
    const Part modern = wanted.key == KeyType::rsa2048 ? Part::issuing_rsa : Part::issuing_p256;
    const Signer signer = parts_->present().at(legacy ? Part::issuing_legacy : modern);
    CertificateLife life = life_from(parts_->clock.wall_now(), server_days, signer.certificate.not_after());
    if (legacy) life.begin = legacy_life().begin;
    CertificateRequest request;
    request.role = CertificateRole::server;
    request.is_client = wanted.is_client;
    request.dns_names = wanted.hosts;
    request.addresses = wanted.addresses;
    if (!wanted.hosts.empty())
        request.common_name = cut_to_subject(wanted.hosts.front());
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
        const auto key = parts_->present().key(plan.part).public_key();
        if (!key) return fail(key.error());
        auto certificate = certify(plan, *key, {cut_to_subject(names.hosts.front()), {}, names},
                                   parts_->present().at(plan.issuer), parts_->random, parts_->clock.wall_now());
        if (!certificate) return fail(std::move(certificate).error());
        made.emplace_back(plan.part, std::move(*certificate));
    }
    for (const auto& [part, certificate] : made) {
        auto recorded = record_once(registry, parts_->present().record_of(part, certificate));
        if (!recorded) return recorded;
    }
    for (const auto& [part, certificate] : made) {
        if (auto saved = parts_->present().save_certificate(part, certificate); !saved) return saved;
    }
    parts_->take_names(names);
    return {};
}

Status Authority::renew(CertificateRole role, registry::Registry& registry) {
    RINGFENCE_ASSERT(role != CertificateRole::root && role != CertificateRole::issuing);
    for (const PartPlan& plan : plans) {
        if (plan.role != role) continue;
        auto renewed = parts_->present().renew(plan.part, parts_->random, parts_->clock.wall_now());
        if (renewed) renewed = record_once(registry, parts_->present().record_of(plan.part));
        if (!renewed) return renewed;
    }
    return {};
}

}  // namespace ringfence::authority

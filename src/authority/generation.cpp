#include "authority/generation.h"

#include <fmt/format.h>

#include <algorithm>

#include "authority/certificate_record.h"
#include "base/text.h"
#include "crypto/certificate_request.h"
#include "crypto/verify.h"
#include "phonefile/signed_file.h"

namespace ringfence::authority {

using crypto::Certificate;
using crypto::CertificateRequest;
using crypto::CertificateRole;
using crypto::CertificationRequest;
using crypto::KeyType;
using crypto::PrivateKey;

namespace {

constexpr WallTime legacy_begin = std::chrono::sys_days{std::chrono::year{2000} / 1 / 1};
constexpr WallTime root_end = std::chrono::sys_days{std::chrono::year{2038} / 1 / 1} - std::chrono::seconds(1);
constexpr std::size_t name_suffix_bytes = 4;  // tells two installations' CAs apart in error sentences
constexpr std::array<Part, 3> issuing_parts{Part::issuing_rsa, Part::issuing_p256, Part::issuing_legacy};
constexpr unsigned first_generation = 1;
constexpr unsigned max_generations = 1000;  // one a day for years; a loop's end

}  // namespace

const std::array<PartPlan, part_count> plans{{
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

namespace {

// Which process has need of a part's key.
bool needs_key(KeySet set, const PartPlan& plan) {
    switch (set) {
        case KeySet::all: return true;
        case KeySet::server: return plan.role == CertificateRole::server;
        case KeySet::signer: return plan.role == CertificateRole::issuing;
        case KeySet::registrar:
            return plan.role == CertificateRole::registration || plan.role == CertificateRole::ocsp_signer;
        case KeySet::files: return plan.role == CertificateRole::file_signer;
        case KeySet::none: return false;
    }
    return false;
}

tl::unexpected<Fault> damaged(const std::string& path, Fault fault) {
    // A disk that cannot be read now is not a damaged authority.
    if (fault.code != FaultCode::unavailable) fault.code = FaultCode::corrupt;
    return fail(std::move(fault).within(path));
}

CertificateRequest request_for(const PartPlan& plan, const PartSubject& subject, const CertificateLife& life) {
    CertificateRequest request;
    request.role = plan.role;
    request.organization = subject.organization;
    request.not_before = life.begin;
    request.not_after = life.end;
    if (plan.role != CertificateRole::server) {
        request.common_name = common_name_of(plan, subject.suffix);
        return request;
    }
    request.common_name = cut_to_subject(subject.names.hosts.front());
    request.dns_names = subject.names.hosts;
    request.addresses = subject.names.addresses;
    return request;
}

}  // namespace

Part issuing_part(Issuer issuer) {
    switch (issuer) {
        case Issuer::rsa: return Part::issuing_rsa;
        case Issuer::p256: return Part::issuing_p256;
        case Issuer::legacy: return Part::issuing_legacy;
    }
    return Part::issuing_rsa;
}

CertificateLife legacy_life() { return {legacy_begin, root_end}; }

CertificateLife life_from(WallTime now, int days, WallTime issuer_end) {
    const auto seconds_now = std::chrono::floor<std::chrono::seconds>(now);
    return {seconds_now - std::chrono::days(back_dated_days),
            std::min<WallTime>(seconds_now + std::chrono::days(days), issuer_end)};
}

std::string cut_to_subject(const std::string& text) { return text.substr(0, max_subject_part); }

Status check_names(const ServerNames& names) {
    if (names.hosts.empty() || names.addresses.empty())
        return fail(FaultCode::malformed, "the server needs a DNS name and an address for its certificates");
    return {};
}

std::string make_suffix(Random& random) { return to_hex(random.bytes(name_suffix_bytes)); }

std::string common_name_of(const PartPlan& plan, std::string_view suffix) {
    return fmt::format("Ringfence {} {}", plan.name, suffix);
}

Result<Certificate> certify_root(const PartSubject& subject, const PrivateKey& key, Random& random) {
    return crypto::make_root(request_for(plan_of(Part::root), subject, legacy_life()), key, random);
}

Result<Certificate> certify(const PartPlan& plan, const crypto::PublicKey& key, const PartSubject& subject,
                            const crypto::Signer& issuer, Random& random, WallTime now) {
    const WallTime issuer_end = issuer.certificate.not_after();
    const CertificateLife life =
        plan.legacy_dates ? CertificateLife{legacy_begin, issuer_end} : life_from(now, plan.days, issuer_end);
    return crypto::sign_certificate(request_for(plan, subject, life), key, issuer, random);
}

Status record_once(registry::Registry& registry, const registry::CertificateRecord& record) {
    auto known = registry.find_certificate(record.fingerprint);
    if (!known) return fail(std::move(known).error());
    if (known->has_value()) return {};
    return registry.add_certificate(record);
}

// ---- What is there

Generation::Generation(Disk& disk, std::string directory, unsigned number)
    : disk_(disk), directory_(std::move(directory)), number_(number) {}

const PrivateKey& Generation::key(Part part) const {
    RINGFENCE_ASSERT(has_key(part));
    return *keys_[index_of(part)];
}

crypto::TlsIdentity Generation::identity(Part server) const {
    return {certificate(server), {certificate(plan_of(server).issuer)}, key(server)};
}

ServerNames Generation::server_names() const {
    const Certificate& server = certificate(Part::server_rsa);
    return {server.dns_names(), server.addresses()};
}

std::vector<Certificate> Generation::root_certificates() const {
    return {certificate(Part::root), certificate(Part::issuing_rsa), certificate(Part::issuing_legacy)};
}

registry::CertificateRecord Generation::record_of(Part part, const Certificate& certificate) const {
    const PartPlan& plan = plan_of(part);
    auto record = describe_certificate(certificate, this->certificate(plan.issuer),
                                       plan.role == CertificateRole::server ? registry::CertificatePurpose::server
                                                                            : registry::CertificatePurpose::authority);
    record.legacy_lane = part == Part::issuing_legacy || plan.issuer == Part::issuing_legacy;
    return record;
}

std::string Generation::suffix() const {
    const std::string name = certificate(Part::issuing_rsa).common_name();
    return name.substr(name.rfind(' ') + 1);
}

// ---- On disk

std::string Generation::path(std::string_view folder, std::string_view name) const {
    if (number_ == first_generation) return fmt::format("{}/{}/{}", directory_, folder, name);
    return fmt::format("{}/{}/{}/{}", directory_, folder, number_, name);
}
std::string Generation::key_path(Part part) const { return path("keys", fmt::format("{}.key", plan_of(part).file)); }
std::string Generation::next_key_path(Part part) const {
    return path("keys", fmt::format("{}.next.key", plan_of(part).file));
}
std::string Generation::certificate_path(Part part) const {
    return path("pki", fmt::format("{}.pem", plan_of(part).file));
}

bool Generation::exists() const { return disk_.exists(certificate_path(Part::root)); }

Status Generation::make_folders() {
    for (const std::string_view folder : {"keys", "pki"}) {
        std::string name = path(folder, "");
        name.pop_back();
        if (auto made = disk_.make_directory(name, private_directory); !made) return made;
    }
    return {};
}

Status Generation::load_certificate(Part part) {
    auto pem = disk_.read(certificate_path(part), Certificate::max_bundle_size);
    if (!pem) return damaged(certificate_path(part), std::move(pem).error());
    auto certificate = Certificate::parse_pem(*pem);
    if (!certificate) return damaged(certificate_path(part), std::move(certificate).error());
    certificates_[index_of(part)] = std::move(*certificate);
    return {};
}

Result<PrivateKey> Generation::read_key(const std::string& path) {
    auto pem = disk_.read(path, PrivateKey::max_pem_size);
    if (!pem) return damaged(path, std::move(pem).error());
    auto key = PrivateKey::parse_pem(Secret(std::move(*pem)));
    if (!key) return damaged(path, std::move(key).error());
    return key;
}

// A renewal that was cut short after its certificate was written left the key under its next name.
Status Generation::load_key(Part part) {
    auto key = read_key(key_path(part));
    if (!key || !key->matches(certificate(part)))
        if (auto next = read_key(next_key_path(part)); next && next->matches(certificate(part))) key = std::move(next);
    if (!key) return fail(std::move(key).error());
    if (!key->matches(certificate(part)))
        return fail(FaultCode::corrupt,
                    fmt::format("{} does not belong to {}", key_path(part), certificate_path(part)));
    keys_[index_of(part)] = std::move(*key);
    return {};
}

Status Generation::load(KeySet wanted) {
    for (const PartPlan& plan : plans) {
        if (auto loaded = load_certificate(plan.part); !loaded) return loaded;
        if (!needs_key(wanted, plan)) continue;
        // It may be kept elsewhere, and only a new CA has need of it.
        if (plan.part == Part::root && !disk_.exists(key_path(plan.part))) continue;
        if (auto loaded = load_key(plan.part); !loaded) return loaded;
    }
    return {};
}

Status Generation::load_authorities(AuthorityKeys keys) {
    for (const PartPlan& plan : plans) {
        if (!plan.is_authority()) continue;
        if (auto loaded = load_certificate(plan.part); !loaded) return loaded;
        if (keys == AuthorityKeys::none || plan.part == Part::root) continue;
        if (auto loaded = load_key(plan.part); !loaded) return loaded;
    }
    return {};
}

Status Generation::save_certificate(Part part, const Certificate& certificate) {
    auto saved = disk_.replace(certificate_path(part), certificate.to_pem(), public_file);
    if (saved) certificates_[index_of(part)] = certificate;
    return saved;
}

Status Generation::keep(Part part, const PrivateKey& key, const Certificate& certificate) {
    if (auto saved = disk_.replace(key_path(part), key.to_pem().reveal(), private_file); !saved) return saved;
    keys_[index_of(part)] = key;
    return save_certificate(part, certificate);
}

Status Generation::discard() {
    if (auto removed = disk_.remove(requests_path()); !removed) return removed;
    for (const PartPlan& plan : plans)
        for (const auto& file : {certificate_path(plan.part), key_path(plan.part), next_key_path(plan.part)})
            if (auto removed = disk_.remove(file); !removed) return removed;
    return {};
}

// ---- Making

Status Generation::make_part(const PartPlan& plan, const PartSubject& subject, Random& random, WallTime now) {
    auto key = PrivateKey::generate(plan.key);
    if (!key) return fail(std::move(key).error());
    auto public_key = key->public_key();
    if (!public_key) return fail(std::move(public_key).error());
    auto certificate = plan.part == Part::root ? certify_root(subject, *key, random)
                                               : certify(plan, *public_key, subject, at(plan.issuer), random, now);
    if (!certificate) return fail(std::move(certificate).error());
    return keep(plan.part, *key, *certificate);
}

Status Generation::make_authorities(const std::string& organization, Random& random, WallTime now) {
    if (auto made = make_folders(); !made) return made;
    const PartSubject subject{organization, make_suffix(random)};
    for (const PartPlan& plan : plans) {
        if (!plan.is_authority()) continue;
        if (auto made = make_part(plan, subject, random, now); !made) return made;
    }
    return {};
}

Status Generation::make_requests(const std::string& organization, Random& random) {
    if (auto made = make_folders(); !made) return made;
    const std::string suffix = make_suffix(random);
    std::string requests;
    for (const Part part : issuing_parts) {
        const auto key = PrivateKey::generate(plan_of(part).key);
        if (!key) return fail(key.error());
        const crypto::RequestedNames names{common_name_of(plan_of(part), suffix), organization, {}, {}};
        const auto request = CertificationRequest::make(names, Secret(), *key);
        if (!request) return fail(request.error());
        if (auto saved = disk_.replace(key_path(part), key->to_pem().reveal(), private_file); !saved) return saved;
        requests += request->to_pem();
    }
    return disk_.replace(requests_path(), requests, public_file);
}

Status Generation::take_certificates(std::string_view bundle) {
    const auto requests_pem = disk_.read(requests_path(), Certificate::max_bundle_size);
    if (!requests_pem) return fail(requests_pem.error());
    const auto requests = CertificationRequest::parse_bundle(*requests_pem);
    if (!requests) return damaged(requests_path(), requests.error());
    const auto answers = Certificate::parse_bundle(bundle);
    if (!answers) return fail(answers.error());
    if (requests->size() != issuing_parts.size() || answers->size() != issuing_parts.size() + 1)
        return fail(FaultCode::untrusted, "this must be the root's certificate and those of three issuing CAs");
    const Certificate& root = answers->front();
    if (!root.is_ca() || !root.is_self_issued())
        return fail(FaultCode::untrusted, "the first certificate is not a root's");
    for (std::size_t i = 0; i < issuing_parts.size(); ++i) {
        const Certificate& answer = (*answers)[i + 1];
        const CertificationRequest& request = (*requests)[i];
        if (!answer.is_ca() || answer.issuer() != root.subject() || answer.subject() != request.subject() ||
            answer.public_key_der() != request.public_key_der())
            return fail(FaultCode::untrusted, fmt::format("the certificate of {} is not what {} asks for",
                                                          printable(answer.subject()), requests_path()));
    }
    if (auto saved = save_certificate(Part::root, root); !saved) return saved;
    for (std::size_t i = 0; i < issuing_parts.size(); ++i)
        if (auto saved = save_certificate(issuing_parts[i], (*answers)[i + 1]); !saved) return saved;
    return {};
}

// As a set judges them that holds the root file, and refuses a chain with a CA that it does not hold.
Status Generation::check_servers(WallTime now) const {
    for (const Part server : {Part::server_rsa, Part::server_legacy}) {
        crypto::VerifyPolicy policy;
        policy.host = server_names().hosts.front();
        policy.time.at = now;
        policy.sent_chain_must_be_held = true;
        const auto shown = identity(server);
        const auto verified = crypto::verify_chain(shown.leaf, shown.chain, root_certificates(), policy);
        if (!verified) return fail(Fault(verified.error()).within("sets would refuse this server"));
    }
    return {};
}

Status Generation::make_the_rest(const ServerNames& names, Random& random, WallTime now) {
    const PartSubject subject{cut_to_subject(names.hosts.front()), suffix(), names};
    for (const PartPlan& plan : plans) {
        if (plan.is_authority()) continue;
        if (auto made = make_part(plan, subject, random, now); !made) return made;
    }
    return check_servers(now);
}

Status Generation::renew(Part part, Random& random, WallTime now) {
    const PartPlan& plan = plan_of(part);
    // What an earlier renewal left under its next name may be the key that counts.
    if (const auto left = read_key(next_key_path(part)); left && left->matches(certificate(part)))
        if (auto moved = disk_.rename(next_key_path(part), key_path(part)); !moved) return moved;
    const auto key = PrivateKey::generate(plan.key);
    if (!key) return fail(key.error());
    const auto public_key = key->public_key();
    if (!public_key) return fail(public_key.error());
    const PartSubject subject{cut_to_subject(server_names().hosts.front()), suffix(), server_names()};
    const auto certificate = certify(plan, *public_key, subject, at(plan.issuer), random, now);
    if (!certificate) return fail(certificate.error());
    if (auto saved = disk_.replace(next_key_path(part), key->to_pem().reveal(), private_file); !saved) return saved;
    if (auto saved = save_certificate(part, *certificate); !saved) return saved;
    keys_[index_of(part)] = *key;
    return disk_.rename(next_key_path(part), key_path(part));
}

// ---- Which one counts

namespace {

// The generation that this root belongs to.
Result<Generation> find_generation(Disk& disk, const std::string& directory, const Certificate& root) {
    for (unsigned number = first_generation; number <= max_generations; ++number) {
        Generation generation(disk, directory, number);
        if (!generation.exists()) break;
        auto loaded = generation.load_authorities(Generation::AuthorityKeys::none);
        if (!loaded) return fail(std::move(loaded).error());
        if (generation.certificate(Part::root) == root) return generation;
    }
    return fail(FaultCode::corrupt,
                fmt::format("{}/{} does not hold the CAs of this installation", directory, root_path));
}

Fault no_authority(Disk& disk, const std::string& directory) {
    const Generation first(disk, directory, first_generation);
    if (!first.waits_for_root())
        return {FaultCode::not_found, fmt::format("there is no certificate authority in {}", directory)};
    return {FaultCode::not_found,
            fmt::format("the certificate authority waits for its root: have {} signed where the root is kept "
                        "(ringfence root sign), then ringfence ca install",
                        first.requests_path())};
}

}  // namespace

Result<Standing> load_standing(Disk& disk, const std::string& directory, KeySet wanted) {
    const std::string path = fmt::format("{}/{}", directory, root_path);
    if (!disk.exists(path)) return fail(no_authority(disk, directory));
    auto bytes = disk.read(path, Certificate::max_bundle_size);
    if (!bytes) return fail(std::move(bytes).error());
    const std::string_view content = phonefile::split_signed(*bytes).content;
    const auto listed = Certificate::parse_bundle(content);
    if (!listed) return damaged(path, listed.error());
    auto found = find_generation(disk, directory, listed->front());
    if (!found) return fail(std::move(found).error());
    if (auto loaded = found->load(wanted); !loaded) return fail(std::move(loaded).error());

    Standing out{{}, std::move(*found), std::nullopt, {}};
    std::vector<Certificate> expected = out.present.root_certificates();
    if (listed->size() > expected.size()) {
        out.announced.emplace(disk, directory, out.present.number() + 1);
        auto loaded = out.announced->load_authorities(Generation::AuthorityKeys::none);
        if (!loaded) return fail(std::move(loaded).error());
        const auto next = out.announced->root_certificates();
        expected.insert(expected.end(), next.begin(), next.end());
    }
    if (content != crypto::format_bundle(expected))
        return fail(FaultCode::corrupt, fmt::format("{} does not hold the CAs of this installation", path));
    for (unsigned number = first_generation; number < out.present.number(); ++number) {
        Generation& former = out.former.emplace_back(disk, directory, number);
        auto loaded = former.load_authorities(Generation::AuthorityKeys::none);
        if (!loaded) return fail(std::move(loaded).error());
    }
    out.root_file = std::move(*bytes);
    return out;
}

}  // namespace ringfence::authority

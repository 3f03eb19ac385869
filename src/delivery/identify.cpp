#include "delivery/identify.h"

#include <utility>

#include "crypto/hash.h"

namespace ringfence::delivery {

namespace {

using trust::Proof;

// Ours have 8 to 12 characters; longer names are nobody's, and would only fill tables.
constexpr std::size_t max_user_length = 64;

const protocol::Hashes& hashes() {
    static const protocol::Hashes instance{crypto::md5, crypto::sha256};
    return instance;
}

// Checked in place of a login that does not exist, so that both cost the same.
const registry::Login& decoy_login() {
    static const registry::Login instance = [] {
        registry::Login login;
        login.ha1_md5 = Secret(std::string(32, '0'));
        login.ha1_sha256 = Secret(std::string(64, '0'));
        return login;
    }();
    return instance;
}

Identity proved(const Request& request, Proof proof, registry::Device device) {
    Identity out;
    out.asker = {.wire = request.wire, .proof = proof, .device = device.mac};
    out.device = std::move(device);
    return out;
}

Result<Identity> identify_by_certificate(const Request& request, registry::Lookup& lookup) {
    auto certificate = lookup.find_certificate(request.certificate_fingerprint);
    if (!certificate) return fail(std::move(certificate).error());
    const auto& record = *certificate;
    if (!record || record->revoked || !record->is_of_device())
        return nobody(request, "the client certificate is not one of our devices'");
    auto device = lookup.find_device(*record->device);
    if (!device) return fail(std::move(device).error());
    if (!*device) return nobody(request, "the client certificate's device is no longer in the inventory");
    if (!(*device)->is_in_service())
        return nobody(request, "the client certificate's device is " + (*device)->why_out());
    return proved(request, Proof::device_certificate, std::move(**device));
}

const std::string& user_of(const protocol::Authorization& authorization) {
    return std::visit([](const auto& login) -> const std::string& { return login.user; }, authorization);
}

bool verify_password(const Shared& shared, const Request& request, const registry::Login& login) {
    const std::string& realm = shared.installation.realm;
    if (const auto* basic = std::get_if<protocol::BasicLogin>(&*request.authorization))
        return protocol::verify_basic(*basic, realm, login.ha1_sha256, hashes().sha256);
    const auto& digest = std::get<protocol::DigestLogin>(*request.authorization);
    const protocol::DigestedRequest digested{request.method, request.path, realm};
    const Secret& ha1 = digest.algorithm == protocol::DigestAlgorithm::md5 ? login.ha1_md5 : login.ha1_sha256;
    return protocol::verify_digest(digest, digested, ha1, hashes());
}

bool is_replay_safe(const Shared& shared, const protocol::Authorization& authorization, SteadyTime now) {
    const auto* digest = std::get_if<protocol::DigestLogin>(&authorization);
    if (digest == nullptr) return true;
    return shared.nonces.use(digest->nonce, digest->nonce_count, now) == protocol::NonceUse::fresh;
}

Result<Identity> identify_by_login(const Shared& shared, const Request& request, registry::Lookup& lookup) {
    const std::string& user = user_of(*request.authorization);
    if (user.size() > max_user_length) return nobody(request, "unknown user");
    const std::string source = request.source.to_string();
    const SteadyTime now = shared.clock.steady_now();
    auto found = lookup.find_login(user);
    if (!found) return fail(std::move(found).error());
    // A login that does not exist, or is not to be tried now, costs the same work.
    const bool may_attempt = *found && shared.limits.may_attempt(user, source, (*found)->kind, now);
    const registry::Login& login = may_attempt ? **found : decoy_login();
    const bool is_right = verify_password(shared, request, login);
    const auto rejected = [&](std::string remark) {
        Identity out = nobody(request, std::move(remark));
        if (*found) out.attempted = (*found)->device;
        return out;
    };
    if (!*found) return rejected("unknown user");
    if (!may_attempt) return rejected("too many wrong passwords for this login lately");
    if (!is_right) {
        shared.limits.attempt_failed(user, source, login.kind, now);
        return rejected("wrong password");
    }
    std::optional<registry::Device> device;
    if (login.device) {
        auto known = lookup.find_device(*login.device);
        if (!known) return fail(std::move(known).error());
        if (!*known) return rejected("the login's device is no longer in the inventory");
        if (!(*known)->is_in_service()) return rejected("right password, but this device is " + (*known)->why_out());
        // Answered like a wrong password, or the answer would confirm a right one.
        if ((*known)->requires_certificate)
            return rejected("right password, but this device must show its certificate");
        device = std::move(*known);
    }
    if (!is_replay_safe(shared, *request.authorization, now)) {
        Identity out = rejected("Digest nonce used up or replayed");
        out.stale_nonce = true;
        return out;
    }
    shared.limits.attempt_succeeded(user, source, now);
    if (device) {
        Identity out = proved(request, Proof::device_password, std::move(*device));
        if (login.is_next) out.next_login = login.user;
        return out;
    }
    Identity out = nobody(request);
    out.asker.proof = Proof::site_login;
    out.site_of_login = login.site;
    return out;
}

}  // namespace

Identity nobody(const Request& request, std::string remark) {
    Identity out;
    out.asker.wire = request.wire;
    out.remark = std::move(remark);
    return out;
}

Result<Identity> identify(const Shared& shared, const Request& request, registry::Lookup& lookup) {
    if (!trust::is_https(request.wire)) return nobody(request);
    if (!request.certificate_fingerprint.empty()) return identify_by_certificate(request, lookup);
    if (request.authorization) return identify_by_login(shared, request, lookup);
    return nobody(request);
}

}  // namespace ringfence::delivery

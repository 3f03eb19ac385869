#include "authority/local_desk.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/token_text.h"
#include "crypto/hash.h"
#include "crypto/public_key.h"
#include "registry/device_state.h"

namespace ringfence::authority {

using registry::DeviceState;
using registry::Enrolment;
using registry::EnrolmentProfile;
using registry::EnrolmentState;
using registry::EnrolmentToken;
using registry::EventKind;
using registry::TokenKind;

namespace {

constexpr std::size_t max_recorded_wish = 100;
constexpr std::size_t max_recorded_reference = 16;

tl::unexpected<Fault> wrong_credential(std::string why) { return fail(FaultCode::unauthenticated, std::move(why)); }

std::string hash_of_key(std::string_view public_key) { return to_hex(crypto::sha256(public_key)); }

// What a device may give as the reason. Others speak of the CA, or of a hold that only an administrator could end.
registry::RevocationReason reason_from(int number) {
    using registry::RevocationReason;
    for (const auto reason : {RevocationReason::key_compromise, RevocationReason::affiliation_changed,
                              RevocationReason::superseded, RevocationReason::cessation_of_operation})
        if (number == static_cast<int>(reason)) return reason;
    return RevocationReason::unspecified;
}

}  // namespace

std::string_view to_string(EnrolmentProtocol protocol) {
    switch (protocol) {
        case EnrolmentProtocol::scep: return "scep";
        case EnrolmentProtocol::est: return "est";
        case EnrolmentProtocol::cmp: return "cmp";
    }
    return {};
}

Result<LocalDesk::Key> LocalDesk::read_key(const std::string& der, EnrolmentProfile profile) {
    auto key = crypto::PublicKey::parse_der(der);
    if (!key) return fail(FaultCode::forbidden, "the key is none that we take: " + key.error().message);
    Issuer issuer = key->kind() == crypto::KeyKind::rsa ? Issuer::rsa : Issuer::p256;
    if (profile == EnrolmentProfile::legacy) issuer = Issuer::legacy;
    if (auto taken = check_key(*key, issuer); !taken) return fail(std::move(taken).error());
    return Key{der, issuer};
}

void LocalDesk::record(Happening happening) {
    registry::Event event;
    event.time = commons_.clock.wall_now();
    event.kind = happening.kind;
    event.device = happening.device;
    event.source = std::move(happening.source);
    event.outcome = std::move(happening.outcome);
    event.detail = std::move(happening.detail);
    commons_.events.record(std::move(event));
}

Result<Decision> LocalDesk::apply(const Application& application) {
    const auto decided = [&]() -> Result<Decision> {
        if (const auto* certificate = std::get_if<ProvedCertificate>(&application.credential))
            return apply_with_certificate(application, certificate->fingerprint);
        auto token = find_right_token(application);
        if (!token) return fail(std::move(token).error());
        return apply_with_token(application, *token);
    }();
    if (!decided && decided.error().code != FaultCode::conflict) {
        record({.outcome = "refused",
                .source = application.source,
                .detail = fmt::format("{}, asked for {}: {}", to_string(application.protocol),
                                      printable(application.wish, max_recorded_wish), decided.error().message)});
    }
    return decided;
}

// Whatever is wrong with it looks the same from outside; the sentence is for our log.
Result<EnrolmentToken> LocalDesk::find_right_token(const Application& application) {
    std::string reference;
    Secret shown;
    if (const auto* proved = std::get_if<ProvedToken>(&application.credential)) {
        reference = proved->reference;
    } else {
        const auto text = parse_token_text(std::get<ShownSecret>(application.credential).text.reveal());
        if (!text) return wrong_credential("what was shown is no token");
        reference = text->reference;
        shown = text->secret;
    }
    auto token = find_usable_token(reference);
    if (!token) return fail(std::move(token).error());
    if (!*token) return wrong_credential("the token is unknown, expired or locked");
    if ((*token)->profile != application.profile) return wrong_credential("the token is for another door");
    if (std::holds_alternative<ProvedToken>(application.credential)) return **token;
    if (!equal_in_constant_time((*token)->secret.reveal(), shown.reveal())) {
        note_wrong_secret(application.protocol, reference, application.source);
        return wrong_credential("the token's secret is wrong");
    }
    return **token;
}

Result<std::optional<EnrolmentToken>> LocalDesk::find_usable_token(std::string_view reference) {
    auto token = registry_.find_token(reference);
    if (!token || !*token) return token;
    const WallTime now = commons_.clock.wall_now();
    const Duration grace = (*token)->is_spent ? spent_token_grace : Duration::zero();
    if ((*token)->expires + grace <= now) return std::optional<EnrolmentToken>();
    if ((*token)->kind == TokenKind::challenge && (*token)->wrong_tries >= registry::max_wrong_tries)
        return std::optional<EnrolmentToken>();
    return token;
}

Result<Decision> LocalDesk::apply_with_token(const Application& application, const EnrolmentToken& token) {
    auto device = registry_.find_device(token.device);
    if (!device) return fail(std::move(device).error());
    if (!*device || (*device)->state == DeviceState::retired)
        return fail(FaultCode::forbidden, token.device.colons() + " is in the inventory no more");
    if (!token.is_spent && has_certificate((*device)->state) && !token.replaces) {
        record({.kind = EventKind::alarm,
                .outcome = "second-enrolment",
                .device = token.device,
                .source = application.source,
                .detail = "a token was used for a device that has a certificate; nothing was issued"});
        return fail(FaultCode::conflict, token.device.colons() + " has a certificate already");
    }
    Enrolment enrolment{.device = token.device};
    enrolment.token = token.reference;
    enrolment.state = token.needs_approval ? EnrolmentState::waiting : EnrolmentState::approved;
    return begin(application, std::move(enrolment));
}

Result<Decision> LocalDesk::apply_with_certificate(const Application& application, const std::string& fingerprint) {
    auto present = find_renewable(application, fingerprint);
    if (!present) return fail(std::move(present).error());
    Enrolment enrolment{.device = *present->device};
    enrolment.renews = fingerprint;
    enrolment.state = EnrolmentState::approved;
    return begin(application, std::move(enrolment));
}

Result<registry::CertificateRecord> LocalDesk::find_renewable(const Application& application,
                                                              const std::string& fingerprint) {
    auto found = registry_.find_certificate(fingerprint);
    if (!found) return fail(std::move(found).error());
    if (!*found || (*found)->purpose != registry::CertificatePurpose::device || !(*found)->device)
        return wrong_credential("the certificate is no device's of ours");
    const registry::CertificateRecord& present = **found;
    if (present.revoked) return wrong_credential("the certificate was revoked");
    if (commons_.clock.wall_now() > present.not_after) return wrong_credential("the certificate has ended");
    // What old algorithms vouch for must not become a certificate that the main door takes.
    if (present.legacy_lane != (application.profile == EnrolmentProfile::legacy))
        return wrong_credential("the certificate is of another door");
    auto device = registry_.find_device(*present.device);
    if (!device) return fail(std::move(device).error());
    if (!*device || (*device)->state == DeviceState::retired)
        return fail(FaultCode::forbidden, present.device->colons() + " is in the inventory no more");
    return present;
}

Result<Decision> LocalDesk::begin(const Application& application, Enrolment enrolment) {
    enrolment.protocol = to_string(application.protocol);
    enrolment.transaction = application.transaction;
    enrolment.public_key = hash_of_key(application.public_key);
    enrolment.profile = application.profile;
    enrolment.source = application.source;
    // Before a token is spent for a key that no CA takes.
    const auto key = read_key(application.public_key, application.profile);
    if (!key) return fail(key.error());
    auto begun = registry_.begin_enrolment(enrolment);
    if (!begun && begun.error().code == FaultCode::conflict) {
        record({.kind = EventKind::alarm,
                .outcome = "second-enrolment",
                .device = enrolment.device,
                .source = application.source,
                .detail = "a token that was spent came again with another key; nothing was issued"});
        return wrong_credential("the token was spent for another key");
    }
    if (!begun) return fail(std::move(begun).error());
    return proceed(*begun, *key);
}

Result<Decision> LocalDesk::inquire(const Inquiry& inquiry) {
    auto found =
        registry_.find_enrolment(to_string(inquiry.protocol), inquiry.transaction, hash_of_key(inquiry.public_key));
    if (!found) return fail(std::move(found).error());
    if (!*found) return fail(FaultCode::not_found, "no enrolment of that transaction and key was begun");
    const auto key = read_key(inquiry.public_key, (*found)->profile);
    if (!key) return fail(key.error());
    return proceed(**found, *key);
}

Result<Decision> LocalDesk::proceed(const Enrolment& enrolment, const Key& key) {
    switch (enrolment.state) {
        case EnrolmentState::waiting: return Decision(Waiting{});
        case EnrolmentState::refused: return fail(FaultCode::forbidden, "an administrator refused it");
        case EnrolmentState::issued: return hand_out(enrolment.certificate);
        case EnrolmentState::approved: return issue(enrolment, key);
    }
    return fail(FaultCode::internal, "an enrolment has no such state");
}

Status LocalDesk::check_room_for_another(const MacAddress& device) {
    const WallTime now = commons_.clock.wall_now();
    std::size_t valid = 0;
    const auto listed = registry_.list_certificates_of(device, [&](const registry::CertificateRecord& record) {
        if (!record.revoked && record.not_after > now) ++valid;
        return true;
    });
    if (!listed) return listed;
    if (valid < max_valid_certificates) return {};
    return fail(FaultCode::forbidden, device.colons() + " has too many valid certificates; revoke some");
}

Result<Decision> LocalDesk::issue(const Enrolment& enrolment, const Key& key) {
    auto device = registry_.find_device(enrolment.device);
    if (!device) return fail(std::move(device).error());
    if (!*device) return fail(FaultCode::forbidden, enrolment.device.colons() + " is in the inventory no more");
    if (auto room = check_room_for_another(enrolment.device); !room) return fail(std::move(room).error());

    const Bounds bounds{enrolment.device, (*device)->serial, (*device)->names, key.issuer,
                        commons_.authority.device_life(key.issuer).end};
    auto certificate = signer_.sign_device({bounds, key.der});
    if (!certificate) return fail(std::move(certificate).error());
    const std::string fingerprint = certificate->fingerprint_sha256();
    if (auto finished = registry_.finish_enrolment(enrolment.id, fingerprint); !finished)
        return fail(std::move(finished).error());
    if (auto retired = retire_replaced(enrolment, fingerprint); !retired) return fail(std::move(retired).error());
    record({.outcome = enrolment.renews.empty() ? "issued" : "renewed",
            .device = enrolment.device,
            .source = enrolment.source,
            .detail = fmt::format("{}, serial {}, until {}", enrolment.protocol, certificate->serial(),
                                  format_time(certificate->not_after()))});
    return Decision(Issued{*certificate, chain_of(key.issuer)});
}

// Whoever enrols a device anew has its key from before nowhere any more.
Status LocalDesk::retire_replaced(const Enrolment& enrolment, const std::string& kept) {
    if (!enrolment.renews.empty()) return {};
    std::vector<std::string> older;
    const auto listed =
        registry_.list_certificates_of(enrolment.device, [&](const registry::CertificateRecord& record) {
            if (!record.revoked && record.fingerprint != kept) older.push_back(record.fingerprint);
            return true;
        });
    if (!listed) return listed;
    for (const auto& fingerprint : older) {
        auto revoked = registry_.revoke_certificate_at(fingerprint, registry::RevocationReason::superseded);
        if (!revoked && revoked.error().code != FaultCode::conflict) return revoked;
    }
    return {};
}

Result<Decision> LocalDesk::hand_out(const std::string& fingerprint) {
    auto record_found = registry_.find_certificate(fingerprint);
    if (!record_found) return fail(std::move(record_found).error());
    if (!*record_found || (*record_found)->revoked)
        return fail(FaultCode::forbidden, "the certificate that was issued then holds no more");
    auto der = registry_.get_certificate_der(fingerprint);
    if (!der) return fail(std::move(der).error());
    auto certificate = crypto::Certificate::parse_der(*der);
    if (!certificate) return fail(FaultCode::corrupt, "a stored certificate is damaged");
    for (const Issuer issuer : {Issuer::rsa, Issuer::p256, Issuer::legacy})
        if (commons_.authority.issuing(issuer).fingerprint_sha256() == (*record_found)->issuer)
            return Decision(Issued{*certificate, chain_of(issuer)});
    return fail(FaultCode::forbidden, "the CA that issued it then is no more");
}

std::vector<crypto::Certificate> LocalDesk::chain_of(Issuer issuer) const {
    return {commons_.authority.issuing(issuer), commons_.authority.root()};
}

Result<Secret> LocalDesk::secret_of(std::string_view reference) {
    auto token = find_usable_token(reference);
    if (!token) return fail(std::move(token).error());
    // A challenge's few digits could be found offline from one message.
    if (*token && (*token)->kind == TokenKind::token && (*token)->profile == EnrolmentProfile::modern)
        return (*token)->secret;
    return Secret(to_hex(crypto::hmac_sha256(commons_.decoy_key.reveal(), reference)));
}

void LocalDesk::note_wrong_secret(EnrolmentProtocol protocol, std::string_view reference, std::string_view source) {
    const auto token = registry_.find_token(reference);
    if (!token) return;
    const std::string name = printable(reference, max_recorded_reference);
    std::string detail;
    if (*token && (*token)->kind == TokenKind::challenge) {
        const auto tries = registry_.note_wrong_try(reference);
        if (!tries) return;
        detail = fmt::format("{}: wrong try {} of {} at challenge {}{}", to_string(protocol), *tries,
                             registry::max_wrong_tries, name,
                             *tries >= registry::max_wrong_tries ? ", which is locked now" : "");
    } else {
        const std::uint64_t count = commons_.wrong_tries.note(*token ? reference : "", commons_.clock.steady_now());
        if (count == 0) return;
        detail = fmt::format("{}: {} wrong secrets for {}", to_string(protocol), count,
                             *token ? "token " + name : "tokens that are none");
    }
    record({.kind = EventKind::alarm,
            .outcome = "token-guessed",
            .device = *token ? std::optional((*token)->device) : std::nullopt,
            .source = std::string(source),
            .detail = std::move(detail)});
}

Status LocalDesk::confirm(std::string_view fingerprint, bool is_accepted) {
    if (is_accepted) return {};
    return revoke_of_device({fingerprint, registry::RevocationReason::cessation_of_operation, "it would not have it"});
}

Status LocalDesk::revoke(const ProvedCertificate& holder, int reason) {
    return revoke_of_device({holder.fingerprint, reason_from(reason), "by the device itself"});
}

// Whoever parses strangers' messages says which certificate: a server's or a CA's is out of its reach.
Status LocalDesk::revoke_of_device(const Revocation& revocation) {
    auto found = registry_.find_certificate(revocation.fingerprint);
    if (!found) return fail(std::move(found).error());
    if (!*found || !(*found)->device || (*found)->revoked) return wrong_credential("the certificate holds no more");
    auto revoked = registry_.revoke_certificate_at(revocation.fingerprint, revocation.reason);
    if (!revoked) return revoked;
    record({.outcome = "revoked",
            .device = (*found)->device,
            .detail = fmt::format("serial {}, {}", (*found)->serial, revocation.why)});
    return {};
}

Result<CertificateStanding> LocalDesk::standing_of(std::string_view issuer, std::string_view serial) {
    auto found = registry_.find_certificate_of(issuer, serial);
    if (!found) return fail(std::move(found).error());
    CertificateStanding standing;
    if (!*found) return standing;
    standing.state = (*found)->revoked ? CertificateStanding::State::revoked : CertificateStanding::State::good;
    standing.revoked = (*found)->revoked;
    standing.reason = static_cast<int>((*found)->reason);
    return standing;
}

}  // namespace ringfence::authority

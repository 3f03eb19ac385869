#include "authority/local_desk.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/token_text.h"
#include "crypto/hash.h"
#include "crypto/public_key.h"

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

tl::unexpected<Fault> wrong_credential(std::string why) { return fail(FaultCode::unauthenticated, std::move(why)); }

tl::unexpected<Fault> no_such_token() { return wrong_credential("there is no such token"); }

std::string hash_of_key(std::string_view public_key) { return to_hex(crypto::sha256(public_key)); }

// A challenge's few digits could be found offline from one message.
bool can_be_proved(const EnrolmentToken& token) {
    return token.kind == TokenKind::token && token.profile == EnrolmentProfile::modern;
}

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
    if (const auto* proved = std::get_if<ProvedToken>(&application.credential)) {
        auto token = find_usable_token(proved->reference, application.profile);
        // Whoever says so may have been taken over: a reference is no proof where the secret could not have been one.
        if (token && !can_be_proved(*token)) return no_such_token();
        return token;
    }
    const auto shown = parse_token_text(std::get<ShownSecret>(application.credential).text.reveal());
    if (!shown) return wrong_credential("what was shown is no token");
    auto token = find_usable_token(shown->reference, application.profile);
    if (!token) return token;
    auto right = token->kind == TokenKind::challenge ? is_right_challenge(*token, shown->secret, application)
                                                     : is_right_secret(*token, shown->secret, application);
    if (!right) return fail(std::move(right).error());
    if (!*right) return wrong_credential("the token's secret is wrong");
    return token;
}

Result<bool> LocalDesk::is_right_secret(const EnrolmentToken& token, const Secret& shown,
                                        const Application& application) {
    if (equal_in_constant_time(token.secret.reveal(), shown.reveal())) return true;
    note_wrong_secret(application.protocol, token.reference, application.source);
    return false;
}

// A try is taken before it is judged, so that many at once are no more tries than one after the other.
Result<bool> LocalDesk::is_right_challenge(const EnrolmentToken& token, const Secret& shown,
                                           const Application& application) {
    const auto tries = registry_.take_try(token.reference);
    if (!tries) return fail(tries.error());
    if (!*tries) return false;
    if (equal_in_constant_time(token.secret.reveal(), shown.reveal())) {
        if (auto given_back = registry_.give_back_try(token.reference); !given_back)
            return fail(std::move(given_back).error());
        return true;
    }
    record({.kind = EventKind::alarm,
            .outcome = "token-guessed",
            .device = token.device,
            .source = application.source,
            .detail = fmt::format("{}: wrong try {} of {} at challenge {}{}", to_string(application.protocol), **tries,
                                  registry::max_wrong_tries, token.reference,
                                  **tries >= registry::max_wrong_tries ? ", which is locked now" : "")});
    return false;
}

Result<EnrolmentToken> LocalDesk::find_usable_token(std::string_view reference, EnrolmentProfile profile) {
    auto token = registry_.find_token(reference);
    if (!token) return fail(std::move(token).error());
    if (!*token) return no_such_token();
    const Duration grace = (*token)->is_spent ? spent_token_grace : Duration::zero();
    if ((*token)->expires + grace <= commons_.clock.wall_now()) return wrong_credential("the token is over");
    if ((*token)->profile != profile) return wrong_credential("the token is for another door");
    return **token;
}

Result<Decision> LocalDesk::apply_with_token(const Application& application, const EnrolmentToken& token) {
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
    if (!*found || !(*found)->is_of_device()) return wrong_credential("the certificate is no device's of ours");
    const registry::CertificateRecord& present = **found;
    if (present.revoked) return wrong_credential("the certificate was revoked");
    if (commons_.clock.wall_now() > present.not_after) return wrong_credential("the certificate has ended");
    // What old algorithms vouch for must not become a certificate that the main door takes.
    if (present.legacy_lane != (application.profile == EnrolmentProfile::legacy))
        return wrong_credential("the certificate is of another door");
    auto device = registry_.find_device(*present.device);
    if (!device) return fail(std::move(device).error());
    if (!*device || !(*device)->is_in_service())
        return fail(FaultCode::forbidden, present.device->colons() + " is in service no more");
    return present;
}

Result<Decision> LocalDesk::begin(const Application& application, Enrolment enrolment) {
    // Before a token is spent for a key that no CA takes.
    auto key = read_key(application.public_key, application.profile);
    if (!key) return fail(std::move(key).error());
    enrolment.protocol = to_string(application.protocol);
    enrolment.transaction = application.transaction;
    enrolment.public_key = hash_of_key(application.public_key);
    enrolment.profile = application.profile;
    enrolment.source = application.source;
    auto begun = registry_.begin_enrolment(enrolment);
    if (!begun) return refuse_beginning(enrolment, std::move(begun).error());
    return proceed(*begun, *key);
}

tl::unexpected<Fault> LocalDesk::refuse_beginning(const Enrolment& enrolment, Fault fault) {
    switch (fault.code) {
        case FaultCode::not_found: return wrong_credential(std::move(fault.message));
        case FaultCode::too_large: return fail(FaultCode::forbidden, std::move(fault.message));
        case FaultCode::conflict:
            raise_second_enrolment(enrolment, "a token that was spent came again with another key");
            return wrong_credential(std::move(fault.message));
        case FaultCode::forbidden:
            raise_second_enrolment(enrolment, "a token was used for a device that has a certificate");
            return fail(FaultCode::conflict, std::move(fault.message));
        default: return fail(std::move(fault));
    }
}

void LocalDesk::raise_second_enrolment(const Enrolment& enrolment, std::string_view what) {
    if (commons_.wrong_tries.note("second " + enrolment.token, commons_.clock.steady_now()) == 0) return;
    record({.kind = EventKind::alarm,
            .outcome = "second-enrolment",
            .device = enrolment.device,
            .source = enrolment.source,
            .detail = fmt::format("{}; nothing was issued", what)});
}

Result<Decision> LocalDesk::inquire(const Inquiry& inquiry) {
    auto found =
        registry_.find_enrolment(to_string(inquiry.protocol), inquiry.transaction, hash_of_key(inquiry.public_key));
    if (!found) return fail(std::move(found).error());
    if (!*found) return fail(FaultCode::not_found, "no enrolment of that transaction and key was begun");
    auto key = read_key(inquiry.public_key, (*found)->profile);
    if (!key) return fail(std::move(key).error());
    return proceed(**found, *key);
}

Result<Decision> LocalDesk::proceed(const Enrolment& enrolment, const Key& key) {
    switch (enrolment.state) {
        case EnrolmentState::waiting: return Decision(Waiting{});
        case EnrolmentState::refused: return fail(FaultCode::forbidden, "it was refused");
        case EnrolmentState::issued: return hand_out(enrolment.certificate);
        case EnrolmentState::approved: return resume(enrolment, key);
    }
    return fail(FaultCode::internal, "an enrolment has no such state");
}

Result<Decision> LocalDesk::resume(const Enrolment& begun, const Key& key) {
    auto enrolment = registry_.resume_enrolment(begun.id);
    if (!enrolment) return fail(std::move(enrolment).error());
    if (enrolment->state == EnrolmentState::refused) return lose_right(*enrolment);
    if (enrolment->state != EnrolmentState::approved) return proceed(*enrolment, key);
    return issue(*enrolment, key);
}

tl::unexpected<Fault> LocalDesk::lose_right(const Enrolment& enrolment) {
    if (enrolment.token.empty()) return wrong_credential("the certificate that it renews holds no more");
    raise_second_enrolment(enrolment, "a token that was used has been overtaken by another certificate");
    return fail(FaultCode::conflict, enrolment.device.colons() + " got another certificate meanwhile, or is retired");
}

Result<Decision> LocalDesk::issue(const Enrolment& enrolment, const Key& key) {
    auto device = registry_.find_device(enrolment.device);
    if (!device) return fail(std::move(device).error());
    if (!*device) return fail(FaultCode::forbidden, enrolment.device.colons() + " is in service no more");
    const Bounds bounds{enrolment.device, (*device)->serial, (*device)->names, key.issuer,
                        commons_.authority.device_life(key.issuer).end};
    auto certificate = signer_.sign_device({bounds, key.der});
    if (!certificate) return fail(std::move(certificate).error());
    const std::string fingerprint = certificate->fingerprint_sha256();
    auto finished = registry_.finish_enrolment(enrolment.id, fingerprint);
    if (!finished) return fail(std::move(finished).error());
    if (finished->enrolment.state == EnrolmentState::refused) return lose_right(finished->enrolment);
    // Somebody with the same key and right was quicker.
    if (finished->enrolment.certificate != fingerprint) return hand_out(finished->enrolment.certificate);
    std::string detail = fmt::format("{}, serial {}, until {}", enrolment.protocol, certificate->serial(),
                                     format_time(certificate->not_after()));
    if (finished->superseded > 0) detail += fmt::format("; {} of before revoked", finished->superseded);
    record({.outcome = enrolment.renews.empty() ? "issued" : "renewed",
            .device = enrolment.device,
            .source = enrolment.source,
            .detail = std::move(detail)});
    return Decision(Issued{*certificate, chain_of(key.issuer)});
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
    auto token = find_usable_token(reference, EnrolmentProfile::modern);
    if (token && can_be_proved(*token)) return token->secret;
    if (!token && token.error().code != FaultCode::unauthenticated) return fail(std::move(token).error());
    return Secret(to_hex(crypto::hmac_sha256(commons_.decoy_key.reveal(), reference)));
}

// Nothing is counted against the token: its secret cannot be guessed, and whoever holds it must not be locked out.
void LocalDesk::note_wrong_secret(EnrolmentProtocol protocol, std::string_view reference, std::string_view source) {
    const auto token = registry_.find_token(reference);
    if (!token) return;
    const std::uint64_t count = commons_.wrong_tries.note(*token ? reference : "", commons_.clock.steady_now());
    if (count == 0) return;
    record({.kind = EventKind::alarm,
            .outcome = "token-guessed",
            .device = *token ? std::optional((*token)->device) : std::nullopt,
            .source = std::string(source),
            .detail = fmt::format("{}: {} wrong secrets for {}", to_string(protocol), count,
                                  *token ? "token " + (*token)->reference : "tokens that are none")});
}

// Only what was issued a moment ago by the protocol that asks: whoever parses strangers' messages names it.
Status LocalDesk::confirm(std::string_view fingerprint, bool is_accepted) {
    if (is_accepted) return {};
    auto enrolment = registry_.find_enrolment_of(fingerprint);
    if (!enrolment) return fail(std::move(enrolment).error());
    auto certificate = registry_.find_certificate(fingerprint);
    if (!certificate) return fail(std::move(certificate).error());
    const bool is_fresh =
        *enrolment && (*enrolment)->protocol == to_string(EnrolmentProtocol::cmp) && *certificate &&
        commons_.clock.wall_now() - (*certificate)->not_before < std::chrono::days(back_dated_days) + confirmation_time;
    if (!is_fresh) return wrong_credential("there is no certificate that waits to be confirmed");
    return revoke_of_device({fingerprint, registry::RevocationReason::cessation_of_operation, "it would not have it"});
}

Status LocalDesk::revoke(const ProvedCertificate& holder, int reason) {
    return revoke_of_device({holder.fingerprint, reason_from(reason), "by the device itself"});
}

// Whoever parses strangers' messages says which certificate: a server's or a CA's is out of its reach.
Status LocalDesk::revoke_of_device(const Revocation& revocation) {
    auto found = registry_.find_certificate(revocation.fingerprint);
    if (!found) return fail(std::move(found).error());
    if (!*found || !(*found)->is_of_device() || (*found)->revoked)
        return wrong_credential("the certificate holds no more");
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

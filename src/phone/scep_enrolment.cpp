#include "phone/scep_enrolment.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "crypto/hash.h"

namespace ringfence::phone {

namespace {

using crypto::Certificate;
using crypto::ScepMessageType;
using crypto::ScepStatus;

constexpr std::size_t capabilities_limit = 4 * 1024;  // a dozen keywords
constexpr int max_chain = 4;                          // CAs between the accepted one and the leaf
constexpr std::string_view message_type = "application/x-pki-message";

Status judge_dates(const Certificate& certificate, const crypto::JudgingTime& time) {
    if (time.is_after(certificate.not_after()))
        return fail(FaultCode::expired,
                    fmt::format("the certificate of {} ended on {}", printable(certificate.subject()),
                                format_time(certificate.not_after())));
    if (time.is_before(certificate.not_before()))
        return fail(FaultCode::expired,
                    fmt::format("the certificate of {} begins on {} only; if that is wrong, set the clock",
                                printable(certificate.subject()), format_time(certificate.not_before())));
    return {};
}

Status judge_dates(const crypto::ScepAuthority& authority, const crypto::JudgingTime& time) {
    for (const auto* certificate : {&authority.ca, &authority.encryption})
        if (auto judged = judge_dates(*certificate, time); !judged) return judged;
    return {};
}

// From the leaf's issuer up to `ca`, which is the last.
Result<std::vector<Certificate>> find_chain(const Certificate& leaf, const std::vector<Certificate>& sent,
                                            const Certificate& ca) {
    std::vector<Certificate> chain;
    const Certificate* below = &leaf;
    for (int step = 0; step < max_chain; ++step) {
        auto issued = crypto::check_issued_by(*below, ca);
        if (issued) {
            chain.push_back(ca);
            return chain;
        }
        const auto next = std::find_if(sent.begin(), sent.end(), [&](const Certificate& one) {
            return !(one == *below) && crypto::check_issued_by(*below, one).has_value();
        });
        if (next == sent.end()) return fail(std::move(issued.error()));
        chain.push_back(*next);
        below = &*next;
    }
    return fail(FaultCode::untrusted, "the chain of the new certificate is too long");
}

std::string describe_failure(const crypto::ScepReply& reply) {
    std::string out = "the authority refused the request";
    if (reply.failure) out += fmt::format(": {}", to_string(*reply.failure));
    if (!reply.failure_text.empty()) out += fmt::format(" ({})", printable(reply.failure_text));
    return out;
}

}  // namespace

Fingerprints thumbprint_of(const Certificate& authority, Thumbprint kind) {
    return fingerprints_of(kind == Thumbprint::certificate ? authority.to_der() : authority.public_key_der());
}

ScepEnrolment::ScepEnrolment(ScepSettings settings, Random& random)
    : EnrolmentSession(settings), settings_(std::move(settings)), random_(&random) {}

EnrolmentStep ScepEnrolment::start() {
    asking_ = Asking::capabilities;
    auto order = order_for("GetCACaps", settings_.ca_name);
    order.size_limit = capabilities_limit;
    return order;
}

EnrolmentStep ScepEnrolment::fetched(FetchOutcome outcome) {
    switch (asking_) {
        case Asking::capabilities: return read_capabilities(outcome);
        case Asking::authority: return read_authority(outcome);
        case Asking::certificate: return read_reply(outcome);
    }
    return Finished{};
}

FetchOrder ScepEnrolment::order_for(std::string_view operation, const std::string& message) const {
    FetchOrder order = settings_.server;
    order.query = fmt::format("operation={}", operation);
    if (!message.empty()) order.query += "&message=" + percent_encode(message);
    order.size_limit = crypto::max_scep_message;
    return order;
}

// Some servers close the connection when they are asked this (RFC 8894 section 3.5.2); then the oldest way is taken.
EnrolmentStep ScepEnrolment::read_capabilities(const FetchOutcome& outcome) {
    if (outcome.body)
        capabilities_ = crypto::parse_scep_capabilities(*outcome.body);
    else
        report_.notes.push_back("the server does not say what it can do: " + outcome.body.error().message);
    asking_ = Asking::authority;
    return order_for("GetCACert", settings_.ca_name);
}

EnrolmentStep ScepEnrolment::read_authority(const FetchOutcome& outcome) {
    if (!outcome.body) return fail_with(outcome.body.error().within("asking for the authority's certificate"));
    auto authority = crypto::parse_scep_authority(*outcome.body);
    if (!authority) return refuse(authority.error());
    authority_ = std::move(*authority);
    report_.authority = authority_->ca.subject();
    report_.fingerprints = thumbprint_of(authority_->ca, settings_.thumbprint);
    if (auto judged = judge_dates(*authority_, settings_.time); !judged) return refuse(judged.error());
    if (auto why = reason_to_believe()) return believe(std::move(*why));
    Question question;
    question.kind = Question::Kind::fingerprint;
    question.section = "SCEP";
    question.file = report_.authority;
    question.fingerprints = report_.fingerprints;
    return question;
}

// Empty: the authority is unknown.
std::optional<std::string> ScepEnrolment::reason_to_believe() const {
    for (const auto& known : settings_.known_authorities) {
        if (known == authority_->ca) return "it is an installed root";
        if (crypto::check_issued_by(authority_->ca, known) && judge_dates(known, settings_.time))
            return "an installed root issued it";
    }
    if (settings_.pending && settings_.pending->authority == authority_->ca)
        return "it was accepted when this enrolment began";
    return std::nullopt;
}

EnrolmentStep ScepEnrolment::answered(const Answer& answer) {
    if (answer.yes) return believe("its fingerprint was accepted: " + answer.how);
    return end(Outcome::refused, fmt::format("the authority's fingerprint was not accepted ({}): SHA-1 {}", answer.how,
                                             in_pairs(report_.fingerprints.sha1)));
}

EnrolmentStep ScepEnrolment::believe(std::string why) {
    report_.accepted_by = std::move(why);
    return begin_request();
}

bool ScepEnrolment::renews() const {
    if (!settings_.present || !judge_dates(settings_.present->leaf, settings_.time)) return false;
    const auto issued = [&](const crypto::Certificate& ca) {
        return crypto::check_issued_by(settings_.present->leaf, ca).has_value();
    };
    if (issued(authority_->ca)) return true;
    // An authority may stand in the place of an older one whose certificates it still takes (RFC 8894 section 2.3).
    // With a challenge there is a surer way.
    const auto& known = settings_.known_authorities;
    return settings_.challenge.reveal().empty() && std::any_of(known.begin(), known.end(), issued);
}

// What an earlier run kept is of this authority too, and its request can still be signed.
bool ScepEnrolment::goes_on() const {
    const bool is_of_ours = phone::goes_on(settings_, EnrolmentKind::first) ||
                            (renews() && phone::goes_on(settings_, EnrolmentKind::renewal));
    return is_of_ours && settings_.pending->authority == authority_->ca;
}

EnrolmentStep ScepEnrolment::begin_request() {
    if (goes_on()) {
        pending_ = settings_.pending;
    } else {
        const auto kind = renews() ? EnrolmentKind::renewal : EnrolmentKind::first;
        auto made = begin_enrolment(settings_, {kind, authority_->ca, crypto::KeyType::rsa2048}, *random_);
        if (!made) return fail_with(made.error());
        pending_ = std::move(*made);
    }
    report_.is_renewal = !pending_->key.matches(pending_->signer);
    auto request = make_request();
    if (!request) return fail_with(request.error());
    request_ = std::move(*request);
    // The same key gives the same id, so that a request that is sent again is no second one (RFC 8894 section 3.2.1.1).
    report_.transaction_id = to_hex(crypto::sha256(request_->public_key_der()));
    if (pending_->is_acknowledged) return send();
    return Keep{*pending_};
}

Result<crypto::CertificationRequest> ScepEnrolment::make_request() const {
    if (report_.is_renewal)
        return crypto::CertificationRequest::renew(settings_.present->leaf, settings_.challenge, pending_->key);
    return crypto::CertificationRequest::make({settings_.common_name, "", {}, {}}, settings_.challenge, pending_->key);
}

const crypto::PrivateKey& ScepEnrolment::signing_key() const {
    return report_.is_renewal ? settings_.present->key : pending_->key;
}

EnrolmentStep ScepEnrolment::kept(const Status& stored) {
    if (!stored) return fail_with(stored.error().within("storing the key"));
    return pending_->is_acknowledged ? wait_for_decision() : send();
}

EnrolmentStep ScepEnrolment::waited() { return send(); }

EnrolmentStep ScepEnrolment::send() {
    auto message = make_message();
    if (!message) return fail_with(message.error());
    asking_ = Asking::certificate;
    if (!capabilities_.post) return order_for("PKIOperation", to_base64(*message));
    auto order = order_for("PKIOperation", "");
    order.upload = Upload{std::string(message_type), std::move(*message)};
    return order;
}

Result<std::string> ScepEnrolment::make_message() {
    crypto::ScepRequest out;
    out.attributes.transaction_id = report_.transaction_id;
    out.attributes.sender_nonce = sender_nonce_ = random_->bytes(crypto::scep_nonce_size);
    if (pending_->is_acknowledged) {
        out.attributes.type = ScepMessageType::certificate_poll;
        auto names = crypto::format_issuer_and_subject(authority_->ca, *request_);
        if (!names) return names;
        out.content = std::move(*names);
    } else {
        const bool says_renewal = report_.is_renewal && capabilities_.renewal;
        out.attributes.type = says_renewal ? ScepMessageType::renewal_request : ScepMessageType::pkcs_request;
        out.content = request_->to_der();
    }
    auto message = crypto::format_scep_request(out, {pending_->signer, signing_key()}, authority_->encryption,
                                               crypto::choose_algorithms(capabilities_));
    wipe(out.content);  // it may hold the challenge
    return message;
}

EnrolmentStep ScepEnrolment::read_reply(const FetchOutcome& outcome) {
    if (!outcome.body) return fail_with(outcome.body.error().within("asking for the certificate"));
    auto reply = crypto::open_scep_reply(*outcome.body, {report_.transaction_id,
                                                         sender_nonce_,
                                                         authority_->signers,
                                                         {pending_->signer, signing_key()},
                                                         settings_.single_des});
    if (!reply) return fail_with(reply.error());
    switch (reply->status) {
        case ScepStatus::success: return take_certificates(reply->certificates);
        case ScepStatus::failure: return end(Outcome::refused, describe_failure(*reply));
        case ScepStatus::pending: break;
    }
    if (std::exchange(pending_->is_acknowledged, true)) return wait_for_decision();
    return Keep{*pending_};
}

EnrolmentStep ScepEnrolment::take_certificates(const std::vector<Certificate>& certificates) {
    const auto leaf = std::find_if(certificates.begin(), certificates.end(), [&](const Certificate& one) {
        return one.public_key_der() == request_->public_key_der();
    });
    if (leaf == certificates.end())
        return end(Outcome::refused, "what the authority sent is not a certificate for this phone's key");
    if (leaf->is_ca()) return end(Outcome::refused, "the authority sent a CA's certificate in place of a phone's");
    auto chain = find_chain(*leaf, certificates, authority_->ca);
    if (!chain) return refuse(chain.error());
    // It begins when it was issued, which is later than this run began.
    if (auto judged = judge_dates(*leaf, {settings_.time.at, true}); !judged) return refuse(judged.error());
    return take({{*leaf, std::move(*chain), pending_->key}, {authority_->ca}});
}

}  // namespace ringfence::phone

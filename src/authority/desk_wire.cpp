#include "authority/desk_wire.h"

#include "authority/field_codec.h"
#include "crypto/public_key.h"

namespace ringfence::authority {

namespace {

using registry::EnrolmentProfile;

constexpr std::size_t max_header = 1024;
constexpr std::size_t max_short = 256;  // a fingerprint, reference, address, login
constexpr std::size_t max_chain = 8;
constexpr std::uint64_t max_reason = 10;

enum class Call { apply, inquire, secret, wrong_secret, confirm, revoke, standing };
enum class CredentialKind { secret, token, certificate };

FieldWriter begin_given() {
    FieldWriter frame;
    frame.flag(true);
    return frame;
}

FieldWriter begin_call(Call call) {
    FieldWriter frame;
    frame.number(static_cast<std::uint64_t>(call));
    return frame;
}

void write_credential(FieldWriter& frame, const Credential& credential) {
    frame.number(credential.index());
    if (const auto* shown = std::get_if<ShownSecret>(&credential)) frame.text(shown->text.reveal());
    if (const auto* token = std::get_if<ProvedToken>(&credential)) frame.text(token->reference);
    if (const auto* certificate = std::get_if<ProvedCertificate>(&credential)) frame.text(certificate->fingerprint);
}

Credential read_credential(FieldReader& frame) {
    const auto kind = frame.choice(CredentialKind::certificate);
    if (kind == CredentialKind::secret) return ShownSecret{frame.secret(max_short)};
    if (kind == CredentialKind::token) return ProvedToken{frame.text(max_short)};
    return ProvedCertificate{frame.text(max_short)};
}

std::string format_decision(const Result<Decision>& decision) {
    if (!decision) return format_refusal(decision.error());
    FieldWriter frame = begin_given();
    const auto* issued = std::get_if<Issued>(&*decision);
    frame.flag(issued != nullptr);
    if (issued != nullptr) frame.certificates({issued->certificate}).certificates(issued->chain);
    return frame.take();
}

Result<Decision> parse_decision(const Result<std::string>& answered) {
    if (!answered) return fail(answered.error());
    FieldReader frame(*answered);
    if (!frame.flag()) return fail(frame.fault());
    if (!frame.flag()) {
        if (auto read = frame.finish(); !read) return fail(std::move(read).error());
        return Decision(Waiting{});
    }
    const auto certificates = frame.certificates(1);
    auto chain = frame.certificates(max_chain);
    if (auto read = frame.finish(); !read) return fail(std::move(read).error());
    if (certificates.empty()) return fail(FaultCode::internal, "the desk gave no certificate");
    return Decision(Issued{certificates.front(), std::move(chain)});
}

Status parse_done(const Result<std::string>& answered) {
    if (!answered) return fail(answered.error());
    FieldReader frame(*answered);
    if (!frame.flag()) return fail(frame.fault());
    return frame.finish();
}

std::string format_done(const Status& done) { return done ? begin_given().take() : format_refusal(done.error()); }

}  // namespace

Result<Decision> RemoteDesk::apply(const Application& application) {
    FieldWriter frame = begin_call(Call::apply);
    frame.number(static_cast<std::uint64_t>(application.protocol))
        .number(static_cast<std::uint64_t>(application.profile));
    write_credential(frame, application.credential);
    frame.text(application.public_key).text(application.transaction).text(application.source).text(application.wish);
    return parse_decision(exchange_(frame.take()));
}

Result<Decision> RemoteDesk::inquire(const Inquiry& inquiry) {
    FieldWriter frame = begin_call(Call::inquire);
    frame.number(static_cast<std::uint64_t>(inquiry.protocol)).text(inquiry.transaction).text(inquiry.public_key);
    return parse_decision(exchange_(frame.take()));
}

Result<Secret> RemoteDesk::secret_of(std::string_view reference) {
    auto answered = exchange_(begin_call(Call::secret).text(reference).take());
    if (!answered) return fail(std::move(answered).error());
    FieldReader frame(*answered);
    if (!frame.flag()) return fail(frame.fault());
    Secret secret = frame.secret(max_short);
    if (auto read = frame.finish(); !read) return fail(std::move(read).error());
    return secret;
}

void RemoteDesk::note_wrong_secret(EnrolmentProtocol protocol, std::string_view reference, std::string_view source) {
    FieldWriter frame = begin_call(Call::wrong_secret);
    frame.number(static_cast<std::uint64_t>(protocol)).text(reference).text(source);
    static_cast<void>(exchange_(frame.take()));
}

Status RemoteDesk::confirm(std::string_view fingerprint, bool is_accepted) {
    return parse_done(exchange_(begin_call(Call::confirm).text(fingerprint).flag(is_accepted).take()));
}

Status RemoteDesk::revoke(const ProvedCertificate& holder, int reason) {
    const auto number = static_cast<std::uint64_t>(reason);
    return parse_done(exchange_(begin_call(Call::revoke).text(holder.fingerprint).number(number).take()));
}

Result<CertificateStanding> RemoteDesk::standing_of(std::string_view issuer, std::string_view serial) {
    auto answered = exchange_(begin_call(Call::standing).text(issuer).text(serial).take());
    if (!answered) return fail(std::move(answered).error());
    FieldReader frame(*answered);
    if (!frame.flag()) return fail(frame.fault());
    CertificateStanding standing;
    standing.state = frame.choice(CertificateStanding::State::unknown);
    standing.revoked = frame.optional_time();
    standing.reason = static_cast<int>(frame.number(max_reason));
    if (auto read = frame.finish(); !read) return fail(std::move(read).error());
    return standing;
}

namespace {

std::string answer_apply(EnrolmentDesk& desk, FieldReader& frame) {
    Application application;
    application.protocol = frame.choice(EnrolmentProtocol::cmp);
    application.profile = frame.choice(EnrolmentProfile::legacy);
    application.credential = read_credential(frame);
    application.public_key = frame.text(crypto::PublicKey::max_size);
    application.transaction = frame.text(registry::max_transaction);
    application.source = frame.text(max_short);
    application.wish = frame.text(max_header);
    if (auto read = frame.finish(); !read) return format_refusal(read.error());
    return format_decision(desk.apply(application));
}

std::string answer_inquire(EnrolmentDesk& desk, FieldReader& frame) {
    Inquiry inquiry;
    inquiry.protocol = frame.choice(EnrolmentProtocol::cmp);
    inquiry.transaction = frame.text(registry::max_transaction);
    inquiry.public_key = frame.text(crypto::PublicKey::max_size);
    if (auto read = frame.finish(); !read) return format_refusal(read.error());
    return format_decision(desk.inquire(inquiry));
}

std::string answer_secret(EnrolmentDesk& desk, FieldReader& frame) {
    const std::string reference = frame.text(max_short);
    if (auto read = frame.finish(); !read) return format_refusal(read.error());
    const auto secret = desk.secret_of(reference);
    if (!secret) return format_refusal(secret.error());
    return begin_given().text(secret->reveal()).take();
}

std::string answer_wrong_secret(EnrolmentDesk& desk, FieldReader& frame) {
    const auto protocol = frame.choice(EnrolmentProtocol::cmp);
    const std::string reference = frame.text(max_short);
    const std::string source = frame.text(max_short);
    if (auto read = frame.finish(); !read) return format_refusal(read.error());
    desk.note_wrong_secret(protocol, reference, source);
    return begin_given().take();
}

std::string answer_confirm(EnrolmentDesk& desk, FieldReader& frame) {
    const std::string fingerprint = frame.text(max_short);
    const bool is_accepted = frame.flag();
    if (auto read = frame.finish(); !read) return format_refusal(read.error());
    return format_done(desk.confirm(fingerprint, is_accepted));
}

std::string answer_revoke(EnrolmentDesk& desk, FieldReader& frame) {
    const ProvedCertificate holder{frame.text(max_short)};
    const auto reason = static_cast<int>(frame.number(max_reason));
    if (auto read = frame.finish(); !read) return format_refusal(read.error());
    return format_done(desk.revoke(holder, reason));
}

std::string answer_standing(EnrolmentDesk& desk, FieldReader& frame) {
    const std::string issuer = frame.text(max_short);
    const std::string serial = frame.text(max_short);
    if (auto read = frame.finish(); !read) return format_refusal(read.error());
    const auto standing = desk.standing_of(issuer, serial);
    if (!standing) return format_refusal(standing.error());
    return begin_given()
        .number(static_cast<std::uint64_t>(standing->state))
        .optional_time(standing->revoked)
        .number(static_cast<std::uint64_t>(standing->reason))
        .take();
}

}  // namespace

std::string answer_desk_frame(EnrolmentDesk& desk, std::string_view bytes) {
    FieldReader frame(bytes);
    switch (frame.choice(Call::standing)) {
        case Call::apply: return answer_apply(desk, frame);
        case Call::inquire: return answer_inquire(desk, frame);
        case Call::secret: return answer_secret(desk, frame);
        case Call::wrong_secret: return answer_wrong_secret(desk, frame);
        case Call::confirm: return answer_confirm(desk, frame);
        case Call::revoke: return answer_revoke(desk, frame);
        case Call::standing: return answer_standing(desk, frame);
    }
    return format_refusal({FaultCode::malformed, "the desk knows no such call"});
}

}  // namespace ringfence::authority

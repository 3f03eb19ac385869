// Enrolment tokens.
#include "base/text.h"
#include "registry/parts.h"

namespace ringfence::registry {

namespace {

// As read_token() reads it.
constexpr char select_token[] =
    "SELECT reference, secret, kind, mac, profile, needs_approval, replaces, created, expires, wrong_tries,"
    " EXISTS(SELECT 1 FROM enrolments e WHERE e.token = reference) FROM tokens";
constexpr auto by_reference = join_sql(select_token, " WHERE reference = ?");
constexpr auto newest_first = join_sql(select_token, " ORDER BY id DESC");

Result<EnrolmentToken> read_token(const Registry::Parts& parts, const Statement& row) {
    auto device = row.mac(3);
    if (!device) return fail(std::move(device.error()));
    EnrolmentToken out{.device = *device};
    out.reference = row.text(0);
    auto secret = parts.open_sealed(row.blob(1), {"token", out.reference, device->bare_upper()});
    if (!secret) return fail(std::move(secret.error()).within("the token " + out.reference));
    out.secret = std::move(*secret);
    out.kind = static_cast<TokenKind>(row.integer(2));
    out.profile = static_cast<EnrolmentProfile>(row.integer(4));
    out.needs_approval = row.integer(5) != 0;
    out.replaces = row.integer(6) != 0;
    out.created = row.time(7);
    out.expires = row.time(8);
    out.wrong_tries = static_cast<unsigned>(row.integer(9));
    out.is_spent = row.integer(10) != 0;
    return out;
}

Fault no_token(std::string_view reference) {
    return {FaultCode::not_found, "There is no token " + printable(reference, max_name_length) + "."};
}

}  // namespace

Status Registry::add_token(const EnrolmentToken& token) {
    RINGFENCE_ASSERT(!token.secret.empty());
    auto named = check_name("A token's reference", token.reference);
    if (!named) return named;
    return in_transaction(*parts_->database, [&]() -> Status {
        auto in_service = parts_->require_in_service(token.device);
        if (!in_service) return in_service;
        const std::string secret = parts_->seal(token.secret, {"token", token.reference, token.device.bare_upper()});
        auto added = parts_->database->run(
            "INSERT INTO tokens(reference, secret, kind, mac, profile, needs_approval, replaces, created, expires)"
            " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            token.reference, Blob{secret}, static_cast<int>(token.kind), token.device, static_cast<int>(token.profile),
            token.needs_approval, token.replaces, token.created, token.expires);
        if (!added) return added;
        if (parts_->database->changed_rows() == 0)
            return fail(FaultCode::conflict, "There is a token " + token.reference + " already.");
        return {};
    });
}

Result<std::optional<EnrolmentToken>> Registry::find_token(std::string_view reference) {
    return find_row(parts_->database->statement(by_reference.data(), reference),
                    [this](const Statement& row) { return read_token(*parts_, row); });
}

Status Registry::list_tokens(const std::function<bool(const EnrolmentToken&)>& each) {
    return list_rows(
        parts_->database->statement(newest_first.data()),
        [this](const Statement& row) { return read_token(*parts_, row); }, each);
}

Status Registry::withdraw_token(std::string_view reference) {
    return in_transaction(*parts_->database, [&]() -> Status {
        auto spent = parts_->database->exists("SELECT 1 FROM enrolments WHERE token = ?", reference);
        if (!spent) return fail(std::move(spent.error()));
        if (*spent) return fail(FaultCode::conflict, "That token is spent; there is nothing left to withdraw.");
        auto removed = parts_->database->run("DELETE FROM tokens WHERE reference = ?", reference);
        if (!removed) return removed;
        if (parts_->database->changed_rows() == 0) return fail(no_token(reference));
        return {};
    });
}

Result<std::optional<unsigned>> Registry::take_try(std::string_view reference) {
    auto tries = in_transaction(*parts_->database, [&]() {
        return parts_->database->number(
            "UPDATE tokens SET wrong_tries = wrong_tries + 1 WHERE reference = ? AND kind = ? AND wrong_tries < ?"
            " RETURNING wrong_tries",
            reference, static_cast<int>(TokenKind::challenge), max_wrong_tries);
    });
    if (!tries && tries.error().code == FaultCode::not_found) return std::optional<unsigned>();
    if (!tries) return fail(std::move(tries.error()));
    return std::optional<unsigned>(static_cast<unsigned>(*tries));
}

Status Registry::give_back_try(std::string_view reference) {
    return parts_->database->run(
        "UPDATE tokens SET wrong_tries = wrong_tries - 1 WHERE reference = ? AND wrong_tries > 0", reference);
}

}  // namespace ringfence::registry

// Enrolments: from the request to the certificate.
#include <fmt/format.h>

#include "base/text.h"
#include "registry/parts.h"

namespace ringfence::registry {

namespace {

constexpr std::size_t max_transaction = 256;

// As read_enrolment() reads it.
constexpr char select_enrolment[] =
    "SELECT id, protocol, transaction_id, public_key, mac, token, renews, profile, state, source, certificate, "
    "received,"
    " decided FROM enrolments";
constexpr auto by_id = join_sql(select_enrolment, " WHERE id = ?");
constexpr auto by_token = join_sql(select_enrolment, " WHERE token = ?");
constexpr auto newest_by_key = join_sql(
    select_enrolment, " WHERE public_key = ? AND protocol = ? AND transaction_id = ? ORDER BY id DESC LIMIT 1");
constexpr auto newest_renewal_by_key =
    join_sql(select_enrolment, " WHERE public_key = ? AND renews = ? AND received > ? ORDER BY id DESC LIMIT 1");
constexpr auto newest_first = join_sql(select_enrolment, " ORDER BY id DESC");

Result<Enrolment> read_enrolment(const Statement& row) {
    auto device = row.mac(4);
    if (!device) return fail(std::move(device.error()));
    Enrolment out{.device = *device};
    out.id = row.integer(0);
    out.protocol = row.text(1);
    out.transaction = row.blob(2);
    out.public_key = row.text(3);
    out.token = row.text(5);
    out.renews = row.text(6);
    out.profile = static_cast<EnrolmentProfile>(row.integer(7));
    out.state = static_cast<EnrolmentState>(row.integer(8));
    out.source = row.text(9);
    out.certificate = row.text(10);
    out.received = row.time(11);
    out.decided = row.optional_time(12);
    return out;
}

Status check_enrolment(const Enrolment& enrolment) {
    RINGFENCE_ASSERT(enrolment.token.empty() != enrolment.renews.empty());
    RINGFENCE_ASSERT(enrolment.state == EnrolmentState::waiting || enrolment.state == EnrolmentState::approved);
    auto key = check_name("An enrolment's public key", enrolment.public_key);
    if (!key) return key;
    if (enrolment.transaction.size() > max_transaction)
        return fail(FaultCode::too_large,
                    fmt::format("A transaction's identifier may have at most {} bytes.", max_transaction));
    return {};
}

// What was begun with the same right to a certificate. Whoever begins holds the write lock, so nothing comes between.
Result<std::optional<Enrolment>> find_begun(Database& database, const Enrolment& wanted, WallTime now) {
    if (!wanted.token.empty()) return find_row(database.statement(by_token.data(), wanted.token), read_enrolment);
    return find_row(
        database.statement(newest_renewal_by_key.data(), wanted.public_key, wanted.renews, now - renewal_retry),
        read_enrolment);
}

// Looked at once more under the write lock: it may have been withdrawn, locked or revoked since somebody looked.
Status require_right(Database& database, const Enrolment& wanted, WallTime now) {
    auto holds =
        wanted.token.empty()
            ? database.exists("SELECT 1 FROM certificates WHERE fingerprint = ? AND mac = ? AND revoked IS NULL",
                              wanted.renews, wanted.device)
            : database.exists(
                  "SELECT 1 FROM tokens WHERE reference = ? AND mac = ? AND expires > ?"
                  " AND (kind <> ? OR wrong_tries < ?)",
                  wanted.token, wanted.device, now, static_cast<int>(TokenKind::challenge), max_wrong_tries);
    if (!holds) return fail(std::move(holds.error()));
    if (*holds) return {};
    return fail(FaultCode::not_found, "Device " + wanted.device.colons() +
                                          (wanted.token.empty() ? " has no such certificate that could be renewed."
                                                                : " has no such token that could be used."));
}

Result<Enrolment> add_enrolment(Database& database, Enrolment enrolment, WallTime now) {
    auto added = database.run(
        "INSERT INTO enrolments(protocol, transaction_id, public_key, mac, token, renews, profile, state, source,"
        " received) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        enrolment.protocol, Blob{enrolment.transaction}, enrolment.public_key, enrolment.device,
        or_null(enrolment.token), or_null(enrolment.renews), static_cast<int>(enrolment.profile),
        static_cast<int>(enrolment.state), enrolment.source, now);
    if (!added) return fail(std::move(added.error()));
    enrolment.id = database.last_id();
    enrolment.received = now;
    enrolment.certificate.clear();
    enrolment.decided.reset();
    return enrolment;
}

Result<Enrolment> get_enrolment(Database& database, std::int64_t id) {
    auto found = find_row(database.statement(by_id.data(), id), read_enrolment);
    if (!found) return fail(std::move(found.error()));
    if (!*found) return fail(FaultCode::not_found, fmt::format("There is no enrolment {}.", id));
    return std::move(**found);
}

Fault is_already(const Enrolment& enrolment) {
    return {FaultCode::conflict, fmt::format("Enrolment {} is {} already.", enrolment.id, to_string(enrolment.state))};
}

}  // namespace

Result<Enrolment> Registry::begin_enrolment(const Enrolment& enrolment) {
    auto sound = check_enrolment(enrolment);
    if (!sound) return fail(std::move(sound.error()));
    const auto now = parts_->clock.wall_now();
    return in_transaction(*parts_->database, [&]() -> Result<Enrolment> {
        auto begun = find_begun(*parts_->database, enrolment, now);
        if (!begun) return fail(std::move(begun.error()));
        if (*begun && (*begun)->public_key != enrolment.public_key)
            return fail(FaultCode::conflict, "Token " + enrolment.token + " was used with another key.");
        if (*begun) return std::move(**begun);
        auto right = require_right(*parts_->database, enrolment, now);
        if (!right) return fail(std::move(right.error()));
        return add_enrolment(*parts_->database, enrolment, now);
    });
}

Result<std::optional<Enrolment>> Registry::find_enrolment(std::int64_t id) {
    return find_row(parts_->database->statement(by_id.data(), id), read_enrolment);
}

Result<std::optional<Enrolment>> Registry::find_enrolment(std::string_view protocol, std::string_view transaction,
                                                          std::string_view public_key) {
    return find_row(parts_->database->statement(newest_by_key.data(), public_key, protocol, Blob{transaction}),
                    read_enrolment);
}

Status Registry::decide_enrolment(std::int64_t id, EnrolmentState decision) {
    RINGFENCE_ASSERT(decision == EnrolmentState::approved || decision == EnrolmentState::refused);
    return in_transaction(*parts_->database, [&]() -> Status {
        auto enrolment = get_enrolment(*parts_->database, id);
        if (!enrolment) return fail(std::move(enrolment.error()));
        if (enrolment->state != EnrolmentState::waiting) return fail(is_already(*enrolment));
        return parts_->database->run("UPDATE enrolments SET state = ?, decided = ? WHERE id = ?",
                                     static_cast<int>(decision), parts_->clock.wall_now(), id);
    });
}

Status Registry::finish_enrolment(std::int64_t id, std::string_view certificate) {
    auto named = check_name("A certificate's fingerprint", certificate);
    if (!named) return named;
    return in_transaction(*parts_->database, [&]() -> Status {
        auto enrolment = get_enrolment(*parts_->database, id);
        if (!enrolment) return fail(std::move(enrolment.error()));
        if (enrolment->state == EnrolmentState::waiting)
            return fail(FaultCode::conflict, fmt::format("Enrolment {} waits for somebody to decide.", id));
        if (enrolment->state != EnrolmentState::approved) return fail(is_already(*enrolment));
        auto finished = parts_->database->run("UPDATE enrolments SET state = ?, certificate = ? WHERE id = ?",
                                              static_cast<int>(EnrolmentState::issued), certificate, id);
        return finished ? parts_->advance(enrolment->device, DeviceState::enrolled) : finished;
    });
}

Status Registry::list_enrolments(const std::function<bool(const Enrolment&)>& each) {
    return list_rows(parts_->database->statement(newest_first.data()), read_enrolment, each);
}

Result<Withdrawn> Registry::withdraw_pending() {
    return in_transaction(*parts_->database, [this]() { return parts_->withdraw_pending(std::nullopt); });
}

Result<Withdrawn> Registry::Parts::withdraw_pending(const std::optional<MacAddress>& mac) {
    const auto count = [this](Status done) -> Result<std::uint64_t> {
        if (!done) return fail(std::move(done.error()));
        return static_cast<std::uint64_t>(database->changed_rows());
    };
    auto tokens =
        count(database->run("DELETE FROM tokens WHERE (?1 IS NULL OR mac = ?1)"
                            " AND NOT EXISTS(SELECT 1 FROM enrolments e WHERE e.token = reference)",
                            mac));
    if (!tokens) return fail(std::move(tokens.error()));
    auto enrolments =
        count(database->run("UPDATE enrolments SET state = ?2, decided = ?3 WHERE (?1 IS NULL OR mac = ?1)"
                            " AND state IN (?4, ?5)",
                            mac, static_cast<int>(EnrolmentState::refused), clock.wall_now(),
                            static_cast<int>(EnrolmentState::waiting), static_cast<int>(EnrolmentState::approved)));
    if (!enrolments) return fail(std::move(enrolments.error()));
    auto files =
        count(database->run("UPDATE one_time_files SET burned = ?2, content = NULL WHERE (?1 IS NULL OR mac = ?1)"
                            " AND burned IS NULL",
                            mac, clock.wall_now()));
    if (!files) return fail(std::move(files.error()));
    return Withdrawn{*tokens, *enrolments, *files};
}

}  // namespace ringfence::registry

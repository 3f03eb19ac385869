// Enrolments: from the request to the certificate.
#include <fmt/format.h>

#include "registry/parts.h"

namespace ringfence::registry {

namespace {

// As read_enrolment() reads it.
constexpr char select_enrolment[] =
    "SELECT id, protocol, transaction_id, public_key, mac, token, renews, profile, state, source, certificate, "
    "received,"
    " decided FROM enrolments";
constexpr auto by_id = join_sql(select_enrolment, " WHERE id = ?");
constexpr auto by_certificate = join_sql(select_enrolment, " WHERE certificate = ?");
constexpr auto by_token = join_sql(select_enrolment, " WHERE token = ?");
constexpr auto newest_by_key = join_sql(
    select_enrolment, " WHERE public_key = ? AND protocol = ? AND transaction_id = ? ORDER BY id DESC LIMIT 1");
// Refused ones gave nothing, and what came of one that was issued may be gone.
constexpr auto living_renewal_by_key = join_sql(
    select_enrolment,
    " WHERE public_key = ? AND renews = ? AND state <> ? AND (state <> ? OR EXISTS(SELECT 1 FROM certificates c WHERE"
    " c.fingerprint = enrolments.certificate AND c.revoked IS NULL AND c.not_after >= ?)) ORDER BY id DESC LIMIT 1");
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
        database.statement(living_renewal_by_key.data(), wanted.public_key, wanted.renews,
                           static_cast<int>(EnrolmentState::refused), static_cast<int>(EnrolmentState::issued), now),
        read_enrolment);
}

Status require(Result<bool> holds, FaultCode code, std::string otherwise) {
    if (!holds) return fail(std::move(holds.error()));
    if (*holds) return {};
    return fail(code, std::move(otherwise));
}

Status require_usable_token(Database& database, const Enrolment& wanted, WallTime now) {
    auto usable = require(
        database.exists("SELECT 1 FROM tokens WHERE reference = ? AND mac = ? AND expires > ?"
                        " AND (kind <> ? OR wrong_tries <= ?)",
                        wanted.token, wanted.device, now, static_cast<int>(TokenKind::challenge), max_wrong_tries),
        FaultCode::not_found, "Device " + wanted.device.colons() + " has no token that could be used.");
    if (!usable) return usable;
    return require(
        database.exists("SELECT 1 FROM devices d JOIN tokens t ON t.mac = d.mac"
                        " WHERE t.reference = ? AND (t.replaces OR d.state NOT IN (?, ?))",
                        wanted.token, static_cast<int>(DeviceState::enrolled), static_cast<int>(DeviceState::active)),
        FaultCode::forbidden, "Device " + wanted.device.colons() + " has a certificate already.");
}

Status require_good_certificate(Database& database, const Enrolment& wanted, WallTime now) {
    return require(database.exists("SELECT 1 FROM certificates WHERE fingerprint = ? AND mac = ? AND revoked IS NULL"
                                   " AND not_after >= ?",
                                   wanted.renews, wanted.device, now),
                   FaultCode::not_found,
                   "Device " + wanted.device.colons() + " has no such certificate that could be renewed.");
}

Status require_room(Database& database, const Enrolment& wanted, WallTime now) {
    auto taken = database.number(
        "SELECT (SELECT count(*) FROM certificates WHERE mac = ?1 AND purpose = ?2 AND revoked IS NULL AND not_after > "
        "?3)"
        " + (SELECT count(*) FROM enrolments WHERE mac = ?1 AND renews IS NOT NULL AND state IN (?4, ?5)"
        " AND received > ?6)"
        " + (SELECT count(*) FROM enrolments e JOIN certificates c ON c.fingerprint = e.certificate WHERE e.mac = ?1"
        " AND e.renews IS NOT NULL AND e.received > ?7 AND c.revoked IS NOT NULL)",
        wanted.device, static_cast<int>(CertificatePurpose::device), now, static_cast<int>(EnrolmentState::waiting),
        static_cast<int>(EnrolmentState::approved), now - renewal_patience, now - renewal_memory);
    if (!taken) return fail(std::move(taken.error()));
    if (static_cast<std::size_t>(*taken) < max_valid_certificates) return {};
    return fail(FaultCode::too_large,
                "Device " + wanted.device.colons() + " has too many good certificates; revoke some.");
}

Status require_right_to_begin(Database& database, const Enrolment& wanted, WallTime now) {
    if (!wanted.token.empty()) return require_usable_token(database, wanted, now);
    auto good = require_good_certificate(database, wanted, now);
    return good ? require_room(database, wanted, now) : good;
}

// Whether what was begun may still end with a certificate. A certificate of the same key is its own, from a try that
// was cut short.
Result<bool> still_holds(Database& database, const Enrolment& begun, WallTime now) {
    if (!begun.renews.empty()) {
        const auto good = require_good_certificate(database, begun, now);
        if (!good && good.error().code != FaultCode::not_found) return fail(good.error());
        return good.has_value();
    }
    return database.exists(
        "SELECT 1 FROM tokens t JOIN devices d ON d.mac = t.mac WHERE t.reference = ?1 AND d.state <> ?2 AND "
        "(t.replaces"
        " OR NOT EXISTS(SELECT 1 FROM certificates c WHERE c.mac = t.mac AND c.purpose = ?3 AND c.revoked IS NULL"
        " AND c.not_after > ?4 AND c.public_key <> ?5))",
        begun.token, static_cast<int>(DeviceState::retired), static_cast<int>(CertificatePurpose::device), now,
        begun.public_key);
}

Status set_state(Database& database, Enrolment& enrolment, EnrolmentState state, WallTime now) {
    enrolment.state = state;
    enrolment.decided = now;
    return database.run("UPDATE enrolments SET state = ?, decided = ? WHERE id = ?", static_cast<int>(state), now,
                        enrolment.id);
}

Status refuse_unless_it_holds(Database& database, Enrolment& enrolment, WallTime now) {
    if (enrolment.state != EnrolmentState::waiting && enrolment.state != EnrolmentState::approved) return {};
    const auto holds = still_holds(database, enrolment, now);
    if (!holds) return fail(holds.error());
    return *holds ? Status() : set_state(database, enrolment, EnrolmentState::refused, now);
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
        auto right = require_right_to_begin(*parts_->database, enrolment, now);
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

Result<std::optional<Enrolment>> Registry::find_enrolment_of(std::string_view certificate) {
    return find_row(parts_->database->statement(by_certificate.data(), certificate), read_enrolment);
}

Result<Enrolment> Registry::resume_enrolment(std::int64_t id) {
    return in_transaction(*parts_->database, [&]() -> Result<Enrolment> {
        auto enrolment = get_enrolment(*parts_->database, id);
        if (!enrolment) return enrolment;
        auto judged = refuse_unless_it_holds(*parts_->database, *enrolment, parts_->clock.wall_now());
        if (!judged) return fail(std::move(judged.error()));
        return enrolment;
    });
}

Status Registry::decide_enrolment(std::int64_t id, EnrolmentState decision) {
    RINGFENCE_ASSERT(decision == EnrolmentState::approved || decision == EnrolmentState::refused);
    return in_transaction(*parts_->database, [&]() -> Status {
        auto enrolment = get_enrolment(*parts_->database, id);
        if (!enrolment) return fail(std::move(enrolment.error()));
        const bool is_open = enrolment->state == EnrolmentState::waiting ||
                             (enrolment->state == EnrolmentState::approved && decision == EnrolmentState::refused);
        if (!is_open) return fail(is_already(*enrolment));
        return set_state(*parts_->database, *enrolment, decision, parts_->clock.wall_now());
    });
}

Result<FinishedEnrolment> Registry::finish_enrolment(std::int64_t id, std::string_view certificate) {
    auto named = check_name("A certificate's fingerprint", certificate);
    if (!named) return fail(std::move(named.error()));
    const auto now = parts_->clock.wall_now();
    return in_transaction(*parts_->database, [&]() -> Result<FinishedEnrolment> {
        auto enrolment = get_enrolment(*parts_->database, id);
        if (!enrolment) return fail(std::move(enrolment.error()));
        auto judged = refuse_unless_it_holds(*parts_->database, *enrolment, now);
        if (!judged) return fail(std::move(judged.error()));
        if (enrolment->state == EnrolmentState::issued && enrolment->certificate == certificate)
            return FinishedEnrolment{std::move(*enrolment)};
        if (enrolment->state != EnrolmentState::approved) {
            auto revoked = parts_->revoke_useless(certificate);
            if (!revoked) return fail(std::move(revoked.error()));
            return FinishedEnrolment{std::move(*enrolment)};
        }
        return parts_->issue(std::move(*enrolment), certificate);
    });
}

Result<FinishedEnrolment> Registry::Parts::issue(Enrolment enrolment, std::string_view certificate) {
    enrolment.state = EnrolmentState::issued;
    enrolment.certificate = certificate;
    auto finished = database->run("UPDATE enrolments SET state = ?, certificate = ? WHERE id = ?",
                                  static_cast<int>(EnrolmentState::issued), certificate, enrolment.id);
    if (finished) finished = advance(enrolment.device, DeviceState::enrolled);
    if (!finished) return fail(std::move(finished.error()));
    if (!enrolment.renews.empty()) return FinishedEnrolment{std::move(enrolment)};
    // Whoever enrols a device anew has its key from before nowhere any more.
    auto superseded = revoke_others(enrolment.device, certificate);
    if (!superseded) return fail(std::move(superseded.error()));
    return FinishedEnrolment{std::move(enrolment), *superseded};
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

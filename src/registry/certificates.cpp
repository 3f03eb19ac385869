#include "base/text.h"
#include "registry/parts.h"

namespace ringfence::registry {

namespace {

// An RFC 2253 subject of ours is far shorter; a foreign one must not fill the disk.
constexpr std::size_t max_subject_length = 512;

// fingerprint, serial, subject, purpose, mac, legacy_lane, not_before, not_after, revoked
Result<CertificateRecord> read_certificate(const Statement& row) {
    CertificateRecord out;
    out.fingerprint = row.text(0);
    out.serial = row.text(1);
    out.subject = row.text(2);
    out.purpose = static_cast<CertificatePurpose>(row.integer(3));
    auto device = row.optional_mac(4);
    if (!device) return fail(std::move(device.error()));
    out.device = *device;
    out.legacy_lane = row.integer(5) != 0;
    out.not_before = row.time(6);
    out.not_after = row.time(7);
    out.revoked = row.optional_time(8);
    return out;
}

// Marks what `rows` holds as revoked, and answers what was not before.
Result<std::vector<CertificateRecord>> revoke_rows(Database& database, Statement rows, WallTime now) {
    std::vector<CertificateRecord> fresh;
    bool any = false;
    auto read = Database::each_row(std::move(rows), [&](const Statement& row) -> Status {
        auto certificate = read_certificate(row);
        if (!certificate) return fail(std::move(certificate.error()));
        any = true;
        if (certificate->revoked) return {};
        certificate->revoked = now;
        fresh.push_back(std::move(*certificate));
        return {};
    });
    if (!read) return fail(std::move(read.error()));
    if (!any) return fail(FaultCode::not_found, "There is no such certificate.");
    if (fresh.empty()) return fail(FaultCode::conflict, "That was revoked already.");
    for (const auto& certificate : fresh) {
        auto marked =
            database.run("UPDATE certificates SET revoked = ? WHERE fingerprint = ?", now, certificate.fingerprint);
        if (!marked) return fail(std::move(marked.error()));
    }
    return fresh;
}

}  // namespace

Result<std::optional<CertificateRecord>> Registry::find_certificate(std::string_view fingerprint) {
    auto row = parts_->database->statement(
        "SELECT fingerprint, serial, subject, purpose, mac, legacy_lane, not_before, not_after, revoked"
        " FROM certificates WHERE fingerprint = ?",
        fingerprint);
    auto there = row.step();
    if (!there) return fail(std::move(there.error()));
    if (!*there) return std::optional<CertificateRecord>();
    auto certificate = read_certificate(row);
    if (!certificate) return fail(std::move(certificate.error()));
    return std::optional<CertificateRecord>(std::move(*certificate));
}

Status Registry::add_certificate(const CertificateRecord& certificate) {
    auto fingerprint = check_name("A certificate's fingerprint", certificate.fingerprint);
    if (!fingerprint) return fingerprint;
    auto serial = check_name("A certificate's serial number", certificate.serial);
    if (!serial) return serial;
    return in_transaction(*parts_->database, [&]() -> Status {
        auto device = certificate.device ? parts_->require_device(*certificate.device) : Status();
        if (!device) return device;
        auto added = parts_->database->run(
            "INSERT INTO certificates(fingerprint, serial, subject, purpose, mac, legacy_lane, not_before, not_after,"
            " revoked) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            certificate.fingerprint, to_lower(certificate.serial), printable(certificate.subject, max_subject_length),
            static_cast<int>(certificate.purpose), certificate.device, certificate.legacy_lane, certificate.not_before,
            certificate.not_after, certificate.revoked);
        if (!added) return added;
        if (parts_->database->changed_rows() == 0)
            return fail(FaultCode::conflict, "Certificate " + certificate.serial + " is recorded already.");
        return {};
    });
}

Result<std::vector<CertificateRecord>> Registry::revoke_certificate(std::string_view serial) {
    return in_transaction(*parts_->database, [&]() {
        return revoke_rows(
            *parts_->database,
            parts_->database->statement(
                "SELECT fingerprint, serial, subject, purpose, mac, legacy_lane, not_before, not_after, revoked"
                " FROM certificates WHERE serial = ? ORDER BY id",
                to_lower(serial)),
            parts_->clock.wall_now());
    });
}

Result<std::vector<CertificateRecord>> Registry::revoke_certificates_of(const MacAddress& mac) {
    return in_transaction(*parts_->database, [&]() {
        return revoke_rows(
            *parts_->database,
            parts_->database->statement(
                "SELECT fingerprint, serial, subject, purpose, mac, legacy_lane, not_before, not_after, revoked"
                " FROM certificates WHERE mac = ? ORDER BY id",
                mac),
            parts_->clock.wall_now());
    });
}

Status Registry::Parts::revoke(WallTime now, const MacAddress& mac) {
    return database->run("UPDATE certificates SET revoked = ? WHERE mac = ? AND revoked IS NULL", now, mac);
}

Status Registry::list_certificates(const std::function<bool(const CertificateRecord&)>& each) {
    auto row = parts_->database->statement(
        "SELECT fingerprint, serial, subject, purpose, mac, legacy_lane, not_before, not_after, revoked"
        " FROM certificates ORDER BY id");
    while (true) {
        auto there = row.step();
        if (!there) return fail(std::move(there.error()));
        if (!*there) return {};
        auto certificate = read_certificate(row);
        if (!certificate) return fail(std::move(certificate.error()));
        if (!each(*certificate)) return {};
    }
}

}  // namespace ringfence::registry

#include <fmt/format.h>

#include <limits>

#include "base/text.h"
#include "registry/parts.h"

namespace ringfence::registry {

namespace {

// An RFC 2253 subject of ours is far shorter; a foreign one must not fill the disk.
constexpr std::size_t max_subject_length = 512;
constexpr std::size_t max_certificate_size = 16u << 10;                              // ours have below 2 KiB
constexpr std::uint64_t max_list_number = std::numeric_limits<std::int64_t>::max();  // what a column holds

// As read_certificate() reads it.
constexpr char select_certificate[] =
    "SELECT fingerprint, serial, subject, purpose, mac, legacy_lane, not_before, not_after, revoked, issuer,"
    " public_key, reason FROM certificates";

constexpr auto by_fingerprint = join_sql(select_certificate, " WHERE fingerprint = ?");
constexpr auto by_serial = join_sql(select_certificate, " WHERE serial = ? ORDER BY id");
constexpr auto by_issuer_and_serial = join_sql(select_certificate, " WHERE serial = ? AND issuer = ?");
constexpr auto by_device = join_sql(select_certificate, " WHERE mac = ? ORDER BY id");
constexpr auto valid_by_device =
    join_sql(select_certificate, " WHERE mac = ? AND purpose = 0 AND revoked IS NULL AND not_after >= ? ORDER BY id");
constexpr auto all_of_them = join_sql(select_certificate, " ORDER BY id");
constexpr auto revoked_by_issuer =
    join_sql(select_certificate, " WHERE issuer = ? AND not_after >= ? AND revoked IS NOT NULL ORDER BY id");

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
    out.issuer = row.text(9);
    out.public_key = row.text(10);
    out.reason = static_cast<RevocationReason>(row.integer(11));
    return out;
}

struct Revocation {
    WallTime at{};
    RevocationReason reason = RevocationReason::unspecified;
};

// Whose last good certificate was revoked has no claim to a login that was handed out for it.
Status drop_login_without_certificate(Database& database, const MacAddress& mac, WallTime now) {
    auto has_good = database.exists(
        "SELECT 1 FROM certificates WHERE mac = ? AND purpose = ? AND revoked IS NULL AND not_after > ?", mac,
        static_cast<int>(CertificatePurpose::device), now);
    if (!has_good) return fail(std::move(has_good.error()));
    return *has_good ? Status() : drop_handed_out_login(database, mac);
}

Status mark_revoked(Database& database, const CertificateRecord& certificate, const Revocation& revocation) {
    auto marked = database.run("UPDATE certificates SET revoked = ?, reason = ? WHERE fingerprint = ?", revocation.at,
                               static_cast<int>(revocation.reason), certificate.fingerprint);
    if (!marked || !certificate.is_of_device()) return marked;
    return drop_login_without_certificate(database, *certificate.device, revocation.at);
}

// Marks what `rows` holds as revoked, and answers what was not before.
Result<std::vector<CertificateRecord>> revoke_rows(Database& database, Statement rows, const Revocation& revocation) {
    std::vector<CertificateRecord> fresh;
    bool any = false;
    auto read = list_rows(std::move(rows), read_certificate, [&](CertificateRecord& certificate) {
        any = true;
        if (certificate.revoked) return true;
        certificate.revoked = revocation.at;
        certificate.reason = revocation.reason;
        fresh.push_back(std::move(certificate));
        return true;
    });
    if (!read) return fail(std::move(read.error()));
    if (!any) return fail(FaultCode::not_found, "There is no such certificate.");
    if (fresh.empty()) return fail(FaultCode::conflict, "That was revoked already.");
    for (const auto& certificate : fresh) {
        auto marked = mark_revoked(database, certificate, revocation);
        if (!marked) return fail(std::move(marked.error()));
    }
    return fresh;
}

Status check_certificate(const CertificateRecord& certificate, std::string_view der) {
    auto fingerprint = check_name("A certificate's fingerprint", certificate.fingerprint);
    if (!fingerprint) return fingerprint;
    auto serial = check_name("A certificate's serial number", certificate.serial);
    if (!serial) return serial;
    auto issuer = check_name("A certificate's issuer", certificate.issuer, MayBeEmpty::yes);
    if (!issuer) return issuer;
    auto key = check_name("A certificate's public key", certificate.public_key, MayBeEmpty::yes);
    if (!key) return key;
    if (der.size() > max_certificate_size)
        return fail(FaultCode::too_large,
                    fmt::format("Certificate {} has more than {} bytes.", certificate.serial, max_certificate_size));
    return {};
}

}  // namespace

Result<std::optional<CertificateRecord>> Registry::find_certificate(std::string_view fingerprint) {
    return find_row(parts_->database->statement(by_fingerprint.data(), fingerprint), read_certificate);
}

Result<std::optional<CertificateRecord>> Registry::find_certificate_of(std::string_view issuer,
                                                                       std::string_view serial) {
    return find_row(parts_->database->statement(by_issuer_and_serial.data(), to_lower(serial), issuer),
                    read_certificate);
}

Result<std::vector<CertificateRecord>> Registry::valid_certificates_of(const MacAddress& mac, WallTime now) {
    std::vector<CertificateRecord> out;
    auto listed = list_rows(parts_->database->statement(valid_by_device.data(), mac, now), read_certificate,
                            [&](CertificateRecord& certificate) {
                                out.push_back(std::move(certificate));
                                return true;
                            });
    if (!listed) return fail(std::move(listed.error()));
    return out;
}

Status Registry::add_certificate(const CertificateRecord& certificate, std::string_view der) {
    auto sound = check_certificate(certificate, der);
    if (!sound) return sound;
    return in_transaction(*parts_->database, [&]() -> Status {
        auto admitted = certificate.device ? parts_->require_in_service(*certificate.device) : Status();
        if (!admitted) return admitted;
        auto added = parts_->database->run(
            "INSERT INTO certificates(fingerprint, serial, subject, purpose, mac, legacy_lane, not_before, not_after,"
            " revoked, issuer, public_key, reason, der) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            certificate.fingerprint, to_lower(certificate.serial), printable(certificate.subject, max_subject_length),
            static_cast<int>(certificate.purpose), certificate.device, certificate.legacy_lane, certificate.not_before,
            certificate.not_after, certificate.revoked, certificate.issuer, certificate.public_key,
            static_cast<int>(certificate.reason), der.empty() ? std::nullopt : std::optional<Blob>(Blob{der}));
        if (!added) return added;
        if (parts_->database->changed_rows() == 0)
            return fail(FaultCode::conflict, "Certificate " + certificate.serial + " is recorded already.");
        return certificate.is_of_device() ? parts_->advance(*certificate.device, DeviceState::enrolled) : Status();
    });
}

Result<std::string> Registry::get_certificate_der(std::string_view fingerprint) {
    auto row = parts_->database->statement("SELECT der FROM certificates WHERE fingerprint = ? AND der IS NOT NULL",
                                           fingerprint);
    auto there = row.step();
    if (!there) return fail(std::move(there.error()));
    if (!*there) return fail(FaultCode::not_found, "The registry does not hold the bytes of that certificate.");
    return std::string(row.blob(0));
}

Result<std::vector<CertificateRecord>> Registry::revoke_certificate(std::string_view serial, RevocationReason reason) {
    return in_transaction(*parts_->database, [&]() {
        return revoke_rows(*parts_->database, parts_->database->statement(by_serial.data(), to_lower(serial)),
                           {parts_->clock.wall_now(), reason});
    });
}

Result<std::vector<CertificateRecord>> Registry::revoke_certificates_of(const MacAddress& mac,
                                                                        RevocationReason reason) {
    return in_transaction(*parts_->database, [&]() {
        return revoke_rows(*parts_->database, parts_->database->statement(by_device.data(), mac),
                           {parts_->clock.wall_now(), reason});
    });
}

Status Registry::revoke_certificate_at(std::string_view fingerprint, RevocationReason reason) {
    return in_transaction(*parts_->database, [&]() -> Status {
        auto revoked = revoke_rows(*parts_->database, parts_->database->statement(by_fingerprint.data(), fingerprint),
                                   {parts_->clock.wall_now(), reason});
        if (!revoked) return fail(std::move(revoked.error()));
        return {};
    });
}

Result<std::size_t> Registry::supersede_certificates(const MacAddress& mac, std::string_view kept) {
    return in_transaction(*parts_->database, [&]() { return parts_->revoke_others(mac, kept); });
}

Status Registry::Parts::revoke_useless(std::string_view fingerprint) {
    return database->run("UPDATE certificates SET revoked = ?, reason = ? WHERE fingerprint = ? AND revoked IS NULL",
                         clock.wall_now(), static_cast<int>(RevocationReason::superseded), fingerprint);
}

Result<std::size_t> Registry::Parts::revoke_others(const MacAddress& mac, std::string_view kept) {
    auto revoked = database->run(
        "UPDATE certificates SET revoked = ?, reason = ? WHERE mac = ? AND fingerprint <> ? AND revoked IS NULL",
        clock.wall_now(), static_cast<int>(RevocationReason::superseded), mac, kept);
    if (!revoked) return fail(std::move(revoked.error()));
    const auto count = static_cast<std::size_t>(database->changed_rows());
    if (count == 0) return count;
    auto dropped = drop_handed_out_login(*database, mac);
    if (!dropped) return fail(std::move(dropped.error()));
    return count;
}

Status Registry::Parts::revoke_all(const MacAddress& mac, RevocationReason reason) {
    return database->run("UPDATE certificates SET revoked = ?, reason = ? WHERE mac = ? AND revoked IS NULL",
                         clock.wall_now(), static_cast<int>(reason), mac);
}

Status Registry::list_certificates(const std::function<bool(const CertificateRecord&)>& each) {
    return list_rows(parts_->database->statement(all_of_them.data()), read_certificate, each);
}

Status Registry::list_certificates_of(const MacAddress& mac,
                                      const std::function<bool(const CertificateRecord&)>& each) {
    return list_rows(parts_->database->statement(by_device.data(), mac), read_certificate, each);
}

Status Registry::list_revoked(std::string_view issuer, WallTime now,
                              const std::function<bool(const CertificateRecord&)>& each) {
    return list_rows(parts_->database->statement(revoked_by_issuer.data(), issuer, now), read_certificate, each);
}

// ---- Revocation lists

Status Registry::store_revocation_list(const StoredRevocationList& list) {
    RINGFENCE_ASSERT(!list.der.empty());
    auto issuer = check_name("A revocation list's issuer", list.issuer);
    if (!issuer) return issuer;
    if (list.number > max_list_number)
        return fail(FaultCode::malformed, "A revocation list's number must have at most 63 bits.");
    auto stored = parts_->database->run(
        "INSERT INTO revocation_lists(issuer, number, der, made, next_update) VALUES(?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET number = excluded.number, der = excluded.der, made = excluded.made,"
        " next_update = excluded.next_update WHERE excluded.number > number",
        list.issuer, list.number, Blob{list.der}, list.made, list.next_update);
    if (!stored) return stored;
    if (parts_->database->changed_rows() == 0)
        return fail(FaultCode::conflict,
                    "The registry holds a revocation list of that issuer that is as new or newer.");
    return {};
}

Result<std::optional<StoredRevocationList>> Registry::find_revocation_list(std::string_view issuer) {
    const auto read = [&](const Statement& row) -> Result<StoredRevocationList> {
        return StoredRevocationList{.issuer = std::string(issuer),
                                    .number = static_cast<std::uint64_t>(row.integer(0)),
                                    .der = std::string(row.blob(1)),
                                    .made = row.time(2),
                                    .next_update = row.time(3)};
    };
    return find_row(parts_->database->statement(
                        "SELECT number, der, made, next_update FROM revocation_lists WHERE issuer = ?", issuer),
                    read);
}

}  // namespace ringfence::registry

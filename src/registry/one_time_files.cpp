// Files that are fetched once.
#include <fmt/format.h>

#include "base/text.h"
#include "registry/parts.h"

namespace ringfence::registry {

namespace {

// A PKCS#12 with a chain of three certificates has below 8 KiB.
constexpr std::size_t max_one_time_file = 64u << 10;

// As read_file() reads it.
constexpr char select_file[] =
    "SELECT path, section, mac, version, certificate, created, expires, fetched_by, fetched, handed_over, burned"
    " FROM one_time_files";
constexpr auto by_path = join_sql(select_file, " WHERE path = ?");
constexpr auto by_device = join_sql(select_file, " WHERE mac = ? ORDER BY path");
constexpr auto all_of_them = join_sql(select_file, " ORDER BY path");

Result<OneTimeFile> read_file(const Statement& row) {
    auto device = row.mac(2);
    if (!device) return fail(std::move(device.error()));
    OneTimeFile out{.device = *device};
    out.path = row.text(0);
    out.section = row.text(1);
    out.version = row.text(3);
    out.certificate = row.text(4);
    out.created = row.time(5);
    out.expires = row.time(6);
    out.fetched_by = row.text(7);
    out.fetched = row.optional_time(8);
    out.handed_over = row.optional_time(9);
    out.burned = row.optional_time(10);
    return out;
}

Status check_file(const OneTimeFile& file, std::string_view bytes) {
    auto path = check_name("A file's path", file.path, MayBeEmpty::no, max_path_length);
    if (!path) return path;
    if (file.path.front() == '/') return fail(FaultCode::malformed, "A file's path must not begin with a slash.");
    auto section = check_name("A section's name", file.section, MayBeEmpty::yes);
    if (!section) return section;
    if (bytes.size() > max_one_time_file)
        return fail(FaultCode::too_large,
                    fmt::format("A file that is fetched once may have at most {} bytes.", max_one_time_file));
    return {};
}

// What becomes of a file when `source` asks for it.
Lookup::Claim judge(const OneTimeFile& file, const std::string& source, WallTime now) {
    if (file.burned || now >= file.expires) return Lookup::Claim::gone;
    if (file.fetched_by.empty()) return Lookup::Claim::first;
    const bool is_in_time = !file.handed_over || now - *file.handed_over < one_time_grace;
    return file.fetched_by == source && is_in_time ? Lookup::Claim::again : Lookup::Claim::burned;
}

Status burn(Database& database, std::string_view path, WallTime now) {
    return database.run("UPDATE one_time_files SET burned = ?, content = NULL WHERE path = ? AND burned IS NULL", now,
                        path);
}

// Who asks second may be the set that it was made for. A set that proved itself is left alone, or whoever stands inside
// a window could put it out of service by asking for its file.
// All that it has goes, since whoever had the file and its password may have renewed it, or been handed a login.
Status revoke_unproved(Database& database, const OneTimeFile& file, WallTime now) {
    if (file.certificate.empty()) return {};
    auto revoked = database.run(
        "UPDATE certificates SET revoked = ?, reason = ? WHERE mac = ? AND revoked IS NULL"
        " AND EXISTS(SELECT 1 FROM devices d WHERE d.mac = certificates.mac AND d.state < ?)",
        now, static_cast<int>(RevocationReason::key_compromise), file.device, static_cast<int>(DeviceState::active));
    if (!revoked || database.changed_rows() == 0) return revoked;
    return drop_handed_out_login(database, file.device);
}

// Of what nobody can get any more the bytes are not kept either.
Status forget_spent(Database& database, WallTime now) {
    return database.run(
        "UPDATE one_time_files SET burned = ?1, content = NULL WHERE burned IS NULL"
        " AND (expires <= ?1 OR handed_over <= ?2)",
        now, now - one_time_grace);
}

}  // namespace

Status Registry::put_one_time_file(const OneTimeFile& file, std::string_view bytes) {
    auto sound = check_file(file, bytes);
    if (!sound) return sound;
    return in_transaction(*parts_->database, [&]() -> Status {
        auto in_service = parts_->require_in_service(file.device);
        if (!in_service) return in_service;
        auto forgotten = forget_spent(*parts_->database, parts_->clock.wall_now());
        if (!forgotten) return forgotten;
        auto before = find_one_time_file(file.path);
        if (!before) return fail(std::move(before.error()));
        if (*before && (*before)->device != file.device)
            return fail(FaultCode::conflict, "The file " + file.path + " is another device's.");
        auto version = file.section.empty() ? parts_->next_version() : parts_->raise_section(file.section);
        if (!version) return fail(std::move(version.error()));
        const std::string content =
            parts_->seal(Secret(std::string(bytes)), {"one-time-file", file.path, file.device.bare_upper()});
        auto put = parts_->database->run(
            "INSERT OR REPLACE INTO one_time_files(path, section, mac, version, certificate, created, expires, content)"
            " VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            file.path, file.section, file.device, format_version(*version), file.certificate, file.created,
            file.expires, Blob{content});
        if (!put) return put;
        return parts_->bump_generation();
    });
}

Result<std::optional<OneTimeFile>> Registry::find_one_time_file(std::string_view path) {
    return find_row(parts_->database->statement(by_path.data(), path), read_file);
}

Result<std::vector<OneTimeFile>> Registry::one_time_files_of(const MacAddress& mac) {
    std::vector<OneTimeFile> out;
    auto read = list_rows(parts_->database->statement(by_device.data(), mac), read_file, [&](OneTimeFile& file) {
        out.push_back(std::move(file));
        return true;
    });
    if (!read) return fail(std::move(read.error()));
    return out;
}

Status Registry::list_one_time_files(const std::function<bool(const OneTimeFile&)>& each) {
    return list_rows(parts_->database->statement(all_of_them.data()), read_file, each);
}

Result<Lookup::Claim> Registry::claim_one_time_file(std::string_view path, const IpAddress& source, WallTime now) {
    end_snapshot();
    // Flushed to the disk: after a power cut nobody gets it a second time.
    const ShortWait wait(*parts_->database, request_wait);
    return in_transaction(*parts_->database, [&]() -> Result<Claim> {
        auto file = find_one_time_file(path);
        if (!file) return fail(std::move(file.error()));
        if (!*file) return Claim::gone;
        const Claim claim = judge(**file, source.to_string(), now);
        Status kept;
        if (claim == Claim::first)
            kept = parts_->database->run("UPDATE one_time_files SET fetched_by = ?, fetched = ? WHERE path = ?",
                                         source.to_string(), now, path);
        else if (claim != Claim::again)
            kept = burn(*parts_->database, path, now);
        if (!kept) return fail(std::move(kept.error()));
        if (claim != Claim::burned || (*file)->fetched_by == source.to_string()) return claim;
        if (auto revoked = revoke_unproved(*parts_->database, **file, now); !revoked)
            return fail(std::move(revoked.error()));
        return claim;
    });
}

Status Registry::note_handed_over(std::string_view path, WallTime now) {
    end_snapshot();
    const ShortWait wait(*parts_->database, request_wait);
    // The first time counts, or repetitions would stretch the grace without end.
    return parts_->database->run(
        "UPDATE one_time_files SET handed_over = ? WHERE path = ? AND fetched IS NOT NULL AND handed_over IS NULL", now,
        path);
}

Result<Body> Registry::open_one_time_file(std::string_view path) {
    auto row = parts_->database->statement(
        "SELECT mac, content FROM one_time_files WHERE path = ? AND content IS NOT NULL", path);
    auto there = row.step();
    if (!there) return fail(std::move(there.error()));
    if (!*there) return fail(FaultCode::not_found, "Nobody gets " + printable(path, max_path_length) + " any more.");
    auto device = row.mac(0);
    if (!device) return fail(std::move(device.error()));
    auto bytes = parts_->open_sealed(row.blob(1), {"one-time-file", path, device->bare_upper()});
    if (!bytes) return fail(std::move(bytes.error()).within(printable(path, max_path_length)));
    return Body{std::make_shared<const std::string>(bytes->reveal())};
}

}  // namespace ringfence::registry

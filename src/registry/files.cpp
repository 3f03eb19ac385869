// Files and the version counter.
#include <fmt/format.h>

#include <limits>
#include <set>

#include "base/text.h"
#include "registry/parts.h"

namespace ringfence::registry {

namespace {

// Every one stands in every snapshot; a raw file per device of a large installation fits.
constexpr std::int64_t max_files = 600'000;

struct Stored {
    std::string section;
    std::string sha256;
};

Result<std::optional<Stored>> find_stored(Database& database, std::string_view path, std::string_view model,
                                          std::string_view site) {
    auto row = database.statement("SELECT section, sha256 FROM files WHERE path = ? AND model = ? AND site = ?", path,
                                  model, site);
    auto there = row.step();
    if (!there) return fail(std::move(there.error()));
    if (!*there) return std::optional<Stored>();
    return std::optional<Stored>(Stored{std::string(row.text(0)), std::string(row.text(1))});
}

Status check_file(const FileRecord& file) {
    auto path = check_name("A file's path", file.path, MayBeEmpty::no, max_path_length);
    if (!path) return path;
    if (file.path.front() == '/') return fail(FaultCode::malformed, "A file's path must not begin with a slash.");
    auto section = check_name("A section's name", file.section, MayBeEmpty::yes);
    if (!section) return section;
    auto model = check_name("A model's name", file.model, MayBeEmpty::yes);
    if (!model) return model;
    auto version = check_name("A version", file.version, MayBeEmpty::yes, max_version_text);
    if (!version) return version;
    if (file.section == firmware_section && file.version.empty())
        return fail(FaultCode::malformed, "A file in section FW needs its load name as version.");
    return {};
}

// Of a version or floor that somebody chose.
Status check_chosen_version(std::uint64_t version) {
    if (version <= highest_chosen_version) return {};
    return fail(FaultCode::malformed,
                fmt::format("A version or floor must be at most {}: phones take none above {}, and the last {} numbers "
                            "are kept for the changes to come.",
                            highest_chosen_version, highest_version, version_reserve));
}

// The section's number becomes the one that was asked for.
Status force_section(Database& database, const FileRecord& file) {
    const auto wanted = parse_number(file.version);
    if (!wanted || *wanted == 0)
        return fail(FaultCode::malformed, "The version of section " + file.section + " must be a number.");
    if (auto fits = check_chosen_version(*wanted); !fits) return fits;
    auto shown = database.number("SELECT coalesce(max(version), 0) FROM sections WHERE name = ?", file.section);
    if (!shown) return fail(std::move(shown.error()));
    if (static_cast<std::int64_t>(*wanted) <= *shown)
        return fail(FaultCode::conflict, fmt::format("Section {} stands at version {}; phones fetch only a higher one.",
                                                     file.section, *shown));
    auto counted = database.run("UPDATE state SET last_version = max(last_version, ?)", *wanted);
    if (!counted) return counted;
    return database.run(
        "INSERT INTO sections(name, version) VALUES(?, ?) ON CONFLICT DO UPDATE SET version = excluded.version",
        file.section, *wanted);
}

}  // namespace

Result<std::uint32_t> Registry::Parts::next_version() {
    auto last = database->number("SELECT max(last_version + 1, version_floor) FROM state");
    if (!last) return fail(std::move(last.error()));
    if (*last > highest_version)
        return fail(FaultCode::conflict,
                    "The version numbers are used up, since phones take none above 2147483647; the phones must forget "
                    "theirs (Erase User Data) before the counter can start anew.");
    auto counted = database->run("UPDATE state SET last_version = ?", *last);
    if (!counted) return fail(std::move(counted.error()));
    return static_cast<std::uint32_t>(*last);
}

Result<std::uint32_t> Registry::Parts::raise_section(std::string_view section) {
    auto version = next_version();
    if (!version) return version;
    auto raised = database->run(
        "INSERT INTO sections(name, version) VALUES(?, ?) ON CONFLICT DO UPDATE SET version = excluded.version",
        section, *version);
    if (!raised) return fail(std::move(raised.error()));
    return version;
}

// Nothing keeps a file from being removed, not even a counter that has come to its end.
Status Registry::Parts::raise_section_for_removal(std::string_view section) {
    if (section.empty()) return {};
    auto raised = raise_section(section);
    if (!raised && raised.error().code != FaultCode::conflict) return fail(std::move(raised.error()));
    return {};
}

void Registry::Parts::discard_released() {
    // Inside a larger change the rows may come back.
    if (database->in_transaction() || released.empty()) return;
    // The change stands; bytes that could not be removed are an orphan that check reports.
    static_cast<void>(in_transaction(*database, [&]() -> Status {
        for (const auto& sha256 : released) {
            auto used = database->exists("SELECT 1 FROM files WHERE sha256 = ?", sha256);
            if (!used) return fail(std::move(used.error()));
            if (*used) continue;
            auto removed = shared->contents.remove(sha256);
            if (!removed) return removed;
        }
        return {};
    }));
    released.clear();
}

Result<FileRecord> Registry::put_file(FileRecord file, std::string_view bytes) {
    auto sound = check_file(file);
    if (!sound) return fail(std::move(sound.error()));
    if (bytes.size() > max_file_size)
        return fail(FaultCode::too_large, fmt::format("{} has {} bytes; a file may have at most {}.", file.path,
                                                      bytes.size(), max_file_size));
    file.sha256 = ContentStore::name_of(bytes);
    file.size = bytes.size();
    file.put_at = parts_->clock.wall_now();

    auto put = in_transaction(*parts_->database, [&]() -> Status {
        auto site = parts_->require_site(file.site);
        if (!site) return site;
        auto owner = file.owner ? parts_->require_device(*file.owner) : Status();
        if (!owner) return owner;
        auto before = find_stored(*parts_->database, file.path, file.model, file.site);
        if (!before) return fail(std::move(before.error()));
        if (*before && (*before)->sha256 != file.sha256) parts_->released.push_back((*before)->sha256);
        auto room = *before ? Status() : parts_->require_room_for_file(max_files);
        if (!room) return room;
        auto versioned = parts_->version_file(file, *before ? (*before)->section : std::string());
        if (!versioned) return versioned;
        // Bytes before the row: a crash in between leaves an orphan, never a row without bytes.
        const bool is_secret = file.content_class == trust::ContentClass::secret || file.is_manifest_with_login;
        auto kept = parts_->shared->contents.put(file.sha256, bytes, is_secret ? AtRest::sealed : AtRest::clear);
        if (!kept) return fail(std::move(kept.error()).within("storing " + file.path));
        auto stored = parts_->database->run(
            "INSERT INTO files(path, model, site, section, content_class, owner, manifest_with_login, sha256, size, "
            "version,"
            " put_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET section = excluded.section,"
            " content_class = excluded.content_class, owner = excluded.owner,"
            " manifest_with_login = excluded.manifest_with_login, sha256 = excluded.sha256, size = excluded.size,"
            " version = excluded.version, put_at = excluded.put_at",
            file.path, file.model, file.site, file.section, static_cast<int>(file.content_class), file.owner,
            file.is_manifest_with_login, file.sha256, file.size, file.version, file.put_at);
        if (!stored) return stored;
        return parts_->bump_generation();
    });
    parts_->discard_released();
    if (!put) return fail(std::move(put.error()));
    return file;
}

Status Registry::Parts::require_room_for_file(std::int64_t limit) {
    auto count = database->number("SELECT count(*) FROM files");
    if (!count) return fail(std::move(count.error()));
    if (*count >= limit) return fail(FaultCode::too_large, fmt::format("There may be at most {} files.", limit));
    return {};
}

Status Registry::Parts::version_file(FileRecord& file, const std::string& section_before) {
    if (!section_before.empty() && section_before != file.section) {
        auto raised = raise_section(section_before);
        if (!raised) return fail(std::move(raised.error()));
    }
    if (file.section.empty()) return {};
    if (!file.version.empty() && file.section != firmware_section) return force_section(*database, file);
    auto raised = raise_section(file.section);
    if (!raised) return fail(std::move(raised.error()));
    if (file.version.empty()) file.version = format_version(*raised);
    return {};
}

Status Registry::remove_file(std::string_view path, std::string_view model, std::string_view site) {
    auto removed = in_transaction(*parts_->database, [&]() -> Status {
        auto stored = find_stored(*parts_->database, path, model, site);
        if (!stored) return fail(std::move(stored.error()));
        if (!*stored)
            return fail(FaultCode::not_found,
                        fmt::format("There is no file {} for that model and site.", printable(path, max_path_length)));
        parts_->released.push_back((*stored)->sha256);
        auto raised = parts_->raise_section_for_removal((*stored)->section);
        if (!raised) return raised;
        auto deleted =
            parts_->database->run("DELETE FROM files WHERE path = ? AND model = ? AND site = ?", path, model, site);
        if (!deleted) return deleted;
        return parts_->bump_generation();
    });
    parts_->discard_released();
    return removed;
}

Status Registry::Parts::remove_files_of(const MacAddress& mac) {
    std::set<std::string> sections;
    auto read = Database::each_row(database->statement("SELECT section, sha256 FROM files WHERE owner = ?", mac),
                                   [&](const Statement& row) -> Status {
                                       sections.emplace(row.text(0));
                                       released.emplace_back(row.text(1));
                                       return {};
                                   });
    if (!read || sections.empty()) return read;
    for (const auto& section : sections) {
        auto raised = raise_section_for_removal(section);
        if (!raised) return raised;
    }
    auto removed = database->run("DELETE FROM files WHERE owner = ?", mac);
    if (!removed) return removed;
    return bump_generation();
}

Result<VersionCounter> Registry::versions() {
    auto row = parts_->database->statement("SELECT last_version, version_floor FROM state");
    auto there = row.step();
    if (!there) return fail(std::move(there.error()));
    return VersionCounter{static_cast<std::uint32_t>(row.integer(0)), static_cast<std::uint32_t>(row.integer(1))};
}

Status Registry::raise_version_floor(std::uint32_t floor) {
    if (auto fits = check_chosen_version(floor); !fits) return fits;
    return in_transaction(*parts_->database, [&]() -> Status {
        auto raised = parts_->database->run("UPDATE state SET version_floor = ? WHERE version_floor < ?", floor, floor);
        if (!raised) return raised;
        if (parts_->database->changed_rows() == 0) return {};
        auto lifted = parts_->raise_sections_below(floor);
        if (!lifted) return lifted;
        return parts_->bump_generation();
    });
}

Status Registry::renumber_sections(std::uint32_t last) {
    return in_transaction(*parts_->database, [&]() -> Status {
        auto counted = parts_->database->run("UPDATE state SET last_version = max(last_version, ?)", last);
        if (!counted) return counted;
        auto renumbered = parts_->raise_sections_below(std::numeric_limits<std::uint32_t>::max());
        if (!renumbered) return renumbered;
        return parts_->bump_generation();
    });
}

Status Registry::Parts::raise_sections_below(std::uint32_t floor) {
    std::vector<std::string> low;
    auto read =
        Database::each_row(database->statement("SELECT name FROM sections WHERE version < ? ORDER BY name", floor),
                           [&](const Statement& row) -> Status {
                               low.emplace_back(row.text(0));
                               return {};
                           });
    if (!read) return read;
    for (const auto& section : low) {
        auto raised = raise_section(section);
        if (!raised) return fail(std::move(raised.error()));
    }
    return {};
}

}  // namespace ringfence::registry

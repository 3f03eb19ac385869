#include "registry/backup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <set>
#include <system_error>

#include "base/text.h"
#include "crypto/passphrase.h"
#include "registry/archive.h"
#include "registry/parts.h"
#include "registry/schema.h"

namespace ringfence::registry {

namespace {

namespace fs = std::filesystem;

// "file 600 SIZE PATH"; ours are far shorter.
constexpr std::size_t max_line = 1024;
constexpr std::size_t max_entry_path = 512;
// Added where nobody knows what was given out after the backup. One change a second is more than anybody makes for
// long, but an import or a version set by hand jumps ahead; two thousand such restores fit below the reserve.
constexpr std::uint32_t restore_margin = 1'000'000;

// What an installation consists of; a name that ends in '/' is a folder. All else in the directory (sockets, logs,
// leftovers) is no part of it, and an archive that names it is refused.
constexpr std::array<std::string_view, 7> members = {"ringfence.toml", "root.pem", "registry.db", "events.db",
                                                     "keys/",          "pki/",     "content/"};

bool is_member(std::string_view path) {
    if (path.size() > max_entry_path || printable(path, max_entry_path) != path) return false;
    for (const auto segment : split(path, '/'))
        if (segment.empty() || segment == "." || segment == "..") return false;
    return std::any_of(members.begin(), members.end(), [path](std::string_view member) {
        return member.back() == '/' ? path.substr(0, member.size()) == member : path == member;
    });
}

// Everything else may hold secrets, whatever mode an archive claims for it.
bool is_public(std::string_view path) {
    if (path == "root.pem") return true;
    return path.substr(0, 4) == "pki/" && path.size() > 4 && path.substr(path.size() - 4) == ".pem";
}

std::string without_last_slashes(std::string path) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

// Removes a file or folder of ours when it dies, unless it was kept.
class Scaffold {
public:
    explicit Scaffold(std::string path) : path_(std::move(path)) { clear(); }
    Scaffold(const Scaffold&) = delete;
    Scaffold& operator=(const Scaffold&) = delete;
    ~Scaffold() { clear(); }
    const std::string& path() const { return path_; }
    void keep() { path_.clear(); }

private:
    void clear() {
        std::error_code ignored;
        if (!path_.empty()) fs::remove_all(path_, ignored);
    }
    std::string path_;
};

// ---- backup

struct Source {
    std::string path;  // in the archive
    std::string from;  // on disk
};

// A consistent copy, also while others write. It is as secret as its original.
Status copy_database(const std::string& from, const std::string& to) {
    auto made = OpenFile::create(to, private_file);
    if (!made) return fail(std::move(made.error()));
    auto database = Database::open(from, Database::Mode::read_write);
    if (!database) return fail(std::move(database.error()));
    return (*database)->run("VACUUM INTO ?", to);
}

Status add_file(ArchiveWriter& archive, const Source& source) {
    auto file = OpenFile::open(source.from);
    if (!file) return fail(std::move(file.error()));
    struct stat facts {};
    if (::stat(source.from.c_str(), &facts) != 0) return fail(FaultCode::unavailable, source.from + " went away.");
    const auto mode = is_public(source.path) && (facts.st_mode & 044) != 0 ? public_file : private_file;
    auto size = file->size();
    if (!size) return fail(std::move(size.error()));
    auto written = archive.write(fmt::format("file {:o} {} {}\n", mode, *size, source.path));
    std::string piece(max_backup_record, '\0');
    for (std::uint64_t left = *size; written && left > 0;) {
        auto got = file->read(piece.data(), static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size())));
        if (!got) return fail(std::move(got.error()));
        if (*got == 0) return fail(FaultCode::unavailable, source.from + " changed during the backup; try again.");
        written = archive.write(std::string_view(piece).substr(0, *got));
        left -= *got;
    }
    return written;
}

Status add_content(ArchiveWriter& archive, ContentStore& contents, const std::string& sha256) {
    auto stored = contents.read_stored(sha256);
    if (!stored) return fail(std::move(stored.error()));
    auto written = archive.write(
        fmt::format("file {:o} {} content/{}/{}\n", private_file, stored->size(), sha256.substr(0, 2), sha256));
    return written ? archive.write(*stored) : written;
}

Result<std::vector<std::string>> contents_named_by(const std::string& database_path) {
    auto database = Database::open(database_path, Database::Mode::read_write);
    if (!database) return fail(std::move(database.error()));
    std::vector<std::string> out;
    auto rows = (*database)->statement("SELECT DISTINCT sha256 FROM files ORDER BY sha256");
    auto read = Database::each_row(std::move(rows), [&](const Statement& row) -> Status {
        out.emplace_back(row.text(0));
        return {};
    });
    if (!read) return fail(std::move(read.error()));
    return out;
}

Result<std::vector<Source>> plain_files(const std::string& directory) {
    std::vector<Source> out;
    std::error_code error;
    for (const auto& name : {"ringfence.toml", "root.pem"})
        if (fs::is_regular_file(fs::path(directory) / name, error)) out.push_back({name, directory + "/" + name});
    for (const auto& folder : {"keys", "pki"}) {
        if (!fs::exists(fs::path(directory) / folder, error)) continue;
        for (fs::recursive_directory_iterator it(fs::path(directory) / folder, error), end; !error && it != end;
             it.increment(error)) {
            if (!it->is_regular_file(error) || it->is_symlink(error)) continue;
            const std::string path = fs::path(it->path()).lexically_relative(directory).string();
            if (!is_member(path))
                return fail(FaultCode::malformed, "The name of " + printable(path) + " cannot be backed up.");
            out.push_back({path, it->path().string()});
        }
        if (error) return fail(FaultCode::unavailable, directory + "/" + folder + ": " + error.message());
    }
    std::sort(out.begin(), out.end(), [](const Source& a, const Source& b) { return a.path < b.path; });
    return out;
}

// ---- restore

struct Entry {
    mode_t mode = private_file;
    std::uint64_t size = 0;
    std::string path;
};

Fault damaged() { return {FaultCode::corrupt, "The backup is cut off or damaged."}; }

Result<Entry> parse_entry(std::string_view line) {
    const auto words = split(line, ' ');
    if (words.size() < 4 || words[0] != "file" || (words[1] != "600" && words[1] != "644")) return fail(damaged());
    const auto size = parse_number(words[2]);
    if (!size) return fail(damaged());
    const auto path = line.substr(words[0].size() + words[1].size() + words[2].size() + 3);
    if (!is_member(path))
        return fail(FaultCode::malformed, "The backup names a file that no installation has: " + printable(path) + ".");
    const auto mode = is_public(path) && words[1] == "644" ? public_file : private_file;
    return Entry{mode, *size, std::string(path)};
}

Status extract(ArchiveReader& archive, const Entry& entry, const std::string& stage, Disk& disk) {
    const std::string path = stage + "/" + entry.path;
    auto made = disk.make_directory(path.substr(0, path.rfind('/')), private_directory);
    if (!made) return made;
    auto file = OpenFile::create(path, entry.mode);
    if (!file) return fail(std::move(file.error()));
    return archive.read(entry.size, [&](std::string_view piece) { return file->write(piece); });
}

struct Extracted {
    WallTime made{};
    std::uint64_t files = 0;
};

Result<Extracted> extract_all(ArchiveReader& archive, const std::string& stage, Disk& disk) {
    auto line = archive.read_line(max_line);
    if (!line) return fail(std::move(line.error()));
    constexpr std::string_view made_word = "made ";
    if (line->substr(0, made_word.size()) != made_word) return fail(damaged());
    auto made = parse_time(std::string_view(*line).substr(made_word.size()));
    if (!made) return fail(damaged());

    Extracted out{*made, 0};
    std::uint64_t bytes = 0;
    while (true) {
        line = archive.read_line(max_line);
        if (!line) return fail(std::move(line.error()));
        if (*line == fmt::format("end {}", out.files)) break;
        auto entry = parse_entry(*line);
        if (!entry) return fail(std::move(entry.error()));
        if (++out.files > max_backup_files || entry->size > max_backup_bytes - bytes)
            return fail(FaultCode::too_large, "The backup holds more than any installation has.");
        bytes += entry->size;
        auto extracted = extract(archive, *entry, stage, disk);
        if (!extracted) return fail(std::move(extracted.error()));
    }
    auto whole = archive.finish();
    if (!whole) return fail(std::move(whole.error()));
    return out;
}

// A jump of the clock must not use up the numbers for good.
std::uint32_t after_pause(std::uint32_t last, Duration pause) {
    const auto seconds = std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::seconds>(pause).count(), 0);
    const std::uint64_t wanted = last + static_cast<std::uint64_t>(seconds) + restore_margin;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, std::max(last, highest_chosen_version)));
}

// The installation that is replaced.
struct Predecessor {
    std::string directory;
    std::string copy;  // of its registry, brought to this program's schema: an older one may have written it
};

Status copy_registry(const Predecessor& previous) {
    if (::access(registry_path(previous.directory).c_str(), F_OK) != 0)
        return fail(FaultCode::not_found, previous.directory + " holds no registry.");
    auto copied = copy_database(registry_path(previous.directory), previous.copy);
    if (!copied) return fail(std::move(copied.error()).within(previous.directory));
    auto migrated = open_registry_database(previous.copy, Database::Mode::read_write);
    if (!migrated) return fail(std::move(migrated.error()).within(previous.directory));
    return {};
}

// The restored registry, with that of the installation that it replaces attached as `previous`.
class Succession {
public:
    static Result<Succession> begin(const std::string& stage, const Predecessor& previous) {
        auto database = Database::open(registry_path(stage), Database::Mode::read_write);
        if (!database) return fail(std::move(database.error()));
        auto attached = (*database)->run("ATTACH ? AS previous", previous.copy);
        if (!attached) return fail(std::move(attached.error()).within(previous.directory));
        auto fits = check(**database, previous.directory);
        if (!fits) return fail(std::move(fits.error()));
        return Succession(std::move(*database));
    }

    Result<std::uint32_t> last_version() {
        auto last = database_->number("SELECT max(last_version, version_floor) FROM previous.state");
        if (!last) return fail(std::move(last.error()));
        return static_cast<std::uint32_t>(*last);
    }

    Result<std::vector<MacAddress>> removed_devices() {
        std::vector<MacAddress> out;
        auto rows =
            database_->statement("SELECT mac FROM main.devices WHERE mac NOT IN (SELECT mac FROM previous.devices)");
        auto read = Database::each_row(std::move(rows), [&](const Statement& row) -> Status {
            auto mac = row.mac(0);
            if (!mac) return fail(std::move(mac.error()));
            out.push_back(*mac);
            return {};
        });
        if (!read) return fail(std::move(read.error()));
        return out;
    }

    // Both registries have one sealing key, so a login is good in either.
    Status carry_over(CarriedOver& out) {
        return in_transaction(*database_, [&]() -> Status {
            auto done = run(out.revoked,
                            "UPDATE main.certificates AS c SET revoked = p.revoked, reason = p.reason"
                            " FROM previous.certificates AS p WHERE p.fingerprint = c.fingerprint AND p.revoked IS NOT "
                            "NULL AND c.revoked IS NULL");
            if (done)
                done = run(out.logins,
                           "DELETE FROM main.logins WHERE NOT EXISTS(SELECT 1 FROM previous.logins AS p"
                           " WHERE p.user = logins.user AND p.hashes = logins.hashes)");
            std::uint64_t ignored = 0;
            // Those that were issued and revoked since belong into the next revocation list.
            if (done)
                done = run(ignored,
                           "INSERT INTO main.certificates(fingerprint, serial, subject, purpose, mac, legacy_lane,"
                           " not_before, not_after, revoked, issuer, public_key, reason, der)"
                           " SELECT fingerprint, serial, subject, purpose, mac, legacy_lane, not_before, not_after,"
                           " revoked, issuer, public_key, reason, der FROM previous.certificates"
                           " WHERE revoked IS NOT NULL"
                           " AND fingerprint NOT IN (SELECT fingerprint FROM main.certificates)");
            if (done)
                done = run(ignored,
                           "INSERT INTO main.revocation_lists SELECT * FROM previous.revocation_lists AS p WHERE true"
                           " ON CONFLICT DO UPDATE SET number = excluded.number, der = excluded.der,"
                           " made = excluded.made, next_update = excluded.next_update"
                           " WHERE excluded.number > revocation_lists.number");
            if (done) done = run(ignored, "DELETE FROM main.next_logins");
            if (done)
                done = run(ignored,
                           "INSERT INTO main.logins SELECT user, mac, site, kind, hashes, password, handed_out"
                           " FROM previous.logins WHERE user NOT IN (SELECT user FROM main.logins)"
                           " AND (mac IN (SELECT mac FROM main.devices) OR site IN (SELECT name FROM main.sites))");
            if (done)
                done = run(ignored,
                           "INSERT INTO main.next_logins SELECT user, mac, kind, hashes FROM previous.next_logins"
                           " WHERE mac IN (SELECT mac FROM main.devices)");
            // What was demanded of a device is demanded still, what retired stays so, and a downgrade is known as one.
            if (done)
                done = run(ignored,
                           "UPDATE main.devices AS d SET state = max(d.state, p.state),"
                           " requires_certificate = max(d.requires_certificate, p.requires_certificate),"
                           " last_proved = coalesce(max(d.last_proved, p.last_proved), d.last_proved, p.last_proved)"
                           " FROM previous.devices AS p WHERE p.mac = d.mac");
            if (done)
                done = run(ignored,
                           "UPDATE main.state SET version_floor = max(version_floor,"
                           " (SELECT version_floor FROM previous.state)), generation = generation + 1");
            return done;
        });
    }

private:
    explicit Succession(std::unique_ptr<Database> database) : database_(std::move(database)) {}

    // The probe was sealed once, when the registry was made.
    static Status check(Database& database, const std::string& previous) {
        auto same = database.number("SELECT p.probe IS r.probe FROM previous.state AS p, main.state AS r");
        if (!same) return fail(std::move(same.error()).within(previous));
        if (*same == 0) return fail(FaultCode::conflict, previous + " is another installation than the backup's.");
        auto newer = database.number(
            "SELECT p.generation >= r.generation AND p.last_version >= r.last_version"
            " FROM previous.state AS p, main.state AS r");
        if (!newer) return fail(std::move(newer.error()).within(previous));
        if (*newer == 0)
            return fail(FaultCode::conflict, previous + " is older than the backup, so it replaces nothing.");
        return {};
    }

    Status run(std::uint64_t& changed, const char* sql) {
        auto done = database_->run(sql);
        changed = static_cast<std::uint64_t>(database_->changed_rows());
        return done;
    }

    std::unique_ptr<Database> database_;
};

// What was taken away since the backup stays away. Answers the last version that the previous installation gave out.
Result<std::uint32_t> carry_over(Registry& registry, const std::string& previous, CarriedOver& out) {
    const Scaffold copy(registry.directory() + "/previous.db");
    const Predecessor predecessor{previous, copy.path()};
    auto copied = copy_registry(predecessor);
    if (!copied) return fail(std::move(copied.error()));
    auto succession = Succession::begin(registry.directory(), predecessor);
    if (!succession) return fail(std::move(succession.error()));
    auto removed = succession->removed_devices();
    if (!removed) return fail(std::move(removed.error()));
    for (const auto& mac : *removed) {
        auto gone = registry.remove_device(mac);
        if (!gone) return fail(std::move(gone.error()));
    }
    out.devices = removed->size();
    auto carried = succession->carry_over(out);
    if (!carried) return fail(std::move(carried.error()).within(previous));
    return succession->last_version();
}

// Whoever stands in the network of a window of yesterday must not find it open.
Result<std::size_t> close_windows(Registry& registry) {
    auto catalogue = registry.catalogue();
    if (!catalogue) return fail(std::move(catalogue.error()));
    for (const auto& window : (*catalogue)->windows) {
        auto closed = registry.close_window(window.id);
        if (!closed) return fail(std::move(closed.error()));
    }
    return (*catalogue)->windows.size();
}

Status check_extracted(Registry& registry) {
    auto sound = registry.verify_database();
    if (!sound) return sound;
    auto contents = registry.verify_contents();
    if (!contents) return fail(std::move(contents.error()));
    if (!contents->sound()) return fail(FaultCode::corrupt, "The backup lacks the bytes of some of its files.");
    return {};
}

// Checks what was extracted as a server would, moves the versions on, and takes back what must not come back.
Status settle(const std::string& stage, const std::string& previous, const Clock& clock, Disk& disk, Restored& out) {
    auto registry = Registry::open(stage, clock, disk);
    if (!registry) return fail(std::move(registry.error()));
    auto sound = check_extracted(**registry);
    if (!sound) return sound;
    auto versions = (*registry)->versions();
    if (!versions) return fail(std::move(versions.error()));
    std::uint32_t last = after_pause(versions->last, clock.wall_now() - out.made);
    if (!previous.empty()) {
        auto known = carry_over(**registry, previous, out.carried.emplace());
        if (!known) return fail(std::move(known.error()));
        last = *known;
    }
    // After the comparison with the predecessor, because it counts as a change.
    auto closed = close_windows(**registry);
    if (!closed) return fail(std::move(closed.error()));
    out.windows_closed = *closed;
    auto withdrawn = (*registry)->withdraw_pending();
    if (!withdrawn) return fail(std::move(withdrawn.error()));
    out.withdrawn = *withdrawn;
    auto renumbered = (*registry)->renumber_sections(last);
    if (!renumbered) return renumbered;
    versions = (*registry)->versions();
    if (!versions) return fail(std::move(versions.error()));
    out.last_version = versions->last;
    return {};
}

Status require_empty(const std::string& directory, Disk& disk) {
    if (!disk.exists(directory)) return {};
    auto names = disk.list(directory);
    if (!names) return fail(std::move(names.error()));
    if (!names->empty()) return fail(FaultCode::conflict, directory + " is not empty; restore into a new directory.");
    return {};
}

// Thousands of small files: one flush for all instead of one each.
Status sync_all(const std::string& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int done = fd < 0 ? -1 : ::syncfs(fd);
    const int error = errno;
    if (fd >= 0) ::close(fd);
    if (done != 0) return fail(FaultCode::unavailable, directory + ": " + std::generic_category().message(error));
    return {};
}

}  // namespace

Result<BackupMade> backup(const std::string& directory_in, const std::string& archive_path,
                          const std::optional<Secret>& passphrase, const Clock& clock, Disk& disk, Random& random) {
    const std::string directory = without_last_slashes(directory_in);
    if (!disk.exists(registry_path(directory))) return fail(FaultCode::not_found, directory + " holds no registry.");
    if (disk.exists(archive_path)) return fail(FaultCode::conflict, archive_path + " exists already.");

    std::optional<crypto::SealingKey> key;
    auto sealing_key = load_sealing_key(directory, disk);
    if (!sealing_key) return fail(std::move(sealing_key.error()));
    const std::string salt = random.bytes(crypto::passphrase_salt_size);
    if (passphrase) {
        auto derived = crypto::derive_sealing_key(*passphrase, salt);
        if (!derived) return fail(std::move(derived.error()));
        key = std::move(*derived);
    }

    const Scaffold registry_copy(archive_path + ".registry~");
    const Scaffold events_copy(archive_path + ".events~");
    Scaffold partial(archive_path + std::string(Disk::temporary_suffix));
    const auto made = clock.wall_now();
    auto copied = copy_database(registry_path(directory), registry_copy.path());
    if (!copied) return fail(std::move(copied.error()));
    auto files = plain_files(directory);
    if (!files) return fail(std::move(files.error()));
    files->push_back({"registry.db", registry_copy.path()});
    if (disk.exists(events_path(directory))) {
        copied = copy_database(events_path(directory), events_copy.path());
        if (!copied) return fail(std::move(copied.error()));
        files->push_back({"events.db", events_copy.path()});
    }
    auto contents = contents_named_by(registry_copy.path());
    if (!contents) return fail(std::move(contents.error()));

    auto file = OpenFile::create(partial.path(), private_file);
    if (!file) return fail(std::move(file.error()));
    auto archive = ArchiveWriter::begin(std::move(*file), key, salt);
    if (!archive) return fail(std::move(archive.error()));
    auto done = archive->write("made " + format_time(made) + "\n");
    for (std::size_t i = 0; done && i < files->size(); ++i) done = add_file(*archive, (*files)[i]);
    ContentStore store(content_directory(directory), disk, std::move(*sealing_key), 0);
    for (std::size_t i = 0; done && i < contents->size(); ++i) done = add_content(*archive, store, (*contents)[i]);
    const std::uint64_t count = files->size() + contents->size();
    if (done) done = archive->write(fmt::format("end {}\n", count));
    if (done) done = archive->finish();
    if (done) done = disk.rename(partial.path(), archive_path);
    if (!done) return fail(std::move(done.error()).within("backing up " + directory));
    partial.keep();
    return BackupMade{count, archive->written(), key.has_value()};
}

Result<Restored> restore(const std::string& archive_path, const std::string& directory_in,
                         const RestoreOptions& options, const Clock& clock, Disk& disk) {
    const std::string directory = without_last_slashes(directory_in);
    auto empty = require_empty(directory, disk);
    if (!empty) return fail(std::move(empty.error()));
    auto file = OpenFile::open(archive_path);
    if (!file) return fail(std::move(file.error()));
    auto archive = ArchiveReader::begin(std::move(*file), options.passphrase);
    if (!archive) return fail(std::move(archive.error()));

    Scaffold stage(directory + ".restoring~");
    auto made = disk.make_directory(stage.path(), private_directory);
    if (!made) return fail(std::move(made.error()));
    auto extracted = extract_all(*archive, stage.path(), disk);
    if (!extracted) return fail(std::move(extracted.error()).within("restoring " + archive_path));
    Restored restored{.made = extracted->made, .files = extracted->files};
    auto settled = settle(stage.path(), without_last_slashes(options.previous), clock, disk, restored);
    if (!settled) return fail(std::move(settled.error()).within("restoring " + archive_path));
    auto kept = sync_all(stage.path());
    // Replaces an empty directory too; fails when somebody filled it meanwhile.
    if (kept) kept = disk.rename(stage.path(), directory);
    if (!kept) return fail(std::move(kept.error()));
    stage.keep();
    return restored;
}

}  // namespace ringfence::registry

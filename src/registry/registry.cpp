#include "registry/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "registry/parts.h"
#include "registry/schema.h"

namespace ringfence::registry {

namespace {

constexpr std::string_view probe_text = "ringfence";

std::string place_name(std::initializer_list<std::string_view> parts) {
    std::string out;
    for (const auto part : parts) {
        if (!out.empty()) out += '\n';  // no name holds one
        out += part;
    }
    return out;
}

// A key that an interrupted creation left is as good as a new one.
Result<crypto::SealingKey> load_or_make_key(const std::string& directory, Disk& disk, Random& random) {
    if (disk.exists(sealing_key_path(directory))) return load_sealing_key(directory, disk);
    auto key = crypto::SealingKey::generate(random);
    auto saved = disk.replace(sealing_key_path(directory), key.save().reveal(), private_file);
    if (!saved) return fail(std::move(saved.error()).within("writing the sealing key"));
    return key;
}

// Tells a wrong key now, with one sentence, instead of at each value later.
Status check_key(Registry::Parts& parts) {
    std::string probe;
    {
        auto row = parts.database->statement("SELECT probe FROM state");
        auto there = row.step();
        if (!there) return fail(std::move(there.error()));
        if (!*there) return fail(FaultCode::corrupt, "The registry has lost its state row; restore a backup.");
        probe = row.blob(0);
    }
    if (probe.empty())
        return parts.database->run("UPDATE state SET probe = ? WHERE probe IS NULL",
                                   Blob{parts.seal(Secret(std::string(probe_text)), {"state", "probe"})});
    auto opened = parts.open_sealed(probe, {"state", "probe"});
    if (!opened || opened->reveal() != probe_text)
        return fail(FaultCode::corrupt,
                    "keys/seal.key is not the key that sealed this registry; restore the right one.");
    return {};
}

}  // namespace

Result<crypto::SealingKey> load_sealing_key(const std::string& directory, Disk& disk) {
    auto bytes = disk.read(sealing_key_path(directory), crypto::SealingKey::size);
    if (!bytes) return fail(std::move(bytes.error()).within("reading the sealing key"));
    auto key = crypto::SealingKey::load(Secret(std::move(*bytes)));
    if (!key) return fail(std::move(key.error()).within("reading the sealing key"));
    return key;
}

Status check_name(std::string_view what, std::string_view text, MayBeEmpty may_be_empty, std::size_t limit) {
    if (text.empty() && may_be_empty == MayBeEmpty::yes) return {};
    const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (!text.empty() && text.size() <= limit && printable && trim(text).size() == text.size()) return {};
    return fail(FaultCode::malformed,
                fmt::format("{} must have 1 to {} printable ASCII characters and no blank at its ends.", what, limit));
}

LightWrites::LightWrites(Database& database, Duration wait) : database_(database), wait_(database, wait) {
    if (!database_.in_transaction()) static_cast<void>(database_.script("PRAGMA synchronous = NORMAL"));
}

LightWrites::~LightWrites() {
    if (!database_.in_transaction()) static_cast<void>(database_.script("PRAGMA synchronous = FULL"));
}

Registry::Registry(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Registry::~Registry() { static_cast<void>(parts_->write_notes()); }

Result<std::unique_ptr<Registry>> Registry::Parts::assemble(const std::string& directory, const Clock& clock,
                                                            Disk& disk, std::unique_ptr<Database> database,
                                                            crypto::SealingKey key,
                                                            std::shared_ptr<SharedMemory> shared) {
    std::unique_ptr<Parts> parts(new Parts{
        directory, clock, disk, std::move(key), std::move(database), std::move(shared), -1, nullptr, {}, {}, {}});
    auto right = check_key(*parts);
    if (!right) return fail(std::move(right.error()));
    return std::unique_ptr<Registry>(new Registry(std::move(parts)));
}

Result<std::unique_ptr<Registry>> Registry::create(const std::string& directory, const Clock& clock, Disk& disk,
                                                   Random& random) {
    if (disk.exists(registry_path(directory)))
        return fail(FaultCode::conflict, directory + " holds a registry already.");
    for (const auto& folder : {directory, keys_directory(directory), content_directory(directory)}) {
        auto made = disk.make_directory(folder, private_directory);
        if (!made) return fail(std::move(made.error()));
    }
    auto key = load_or_make_key(directory, disk, random);
    if (!key) return fail(std::move(key.error()));
    auto database = open_registry_database(registry_path(directory), Database::Mode::read_write_create);
    if (!database) return fail(std::move(database.error()));
    auto shared = std::make_shared<SharedMemory>(content_directory(directory), disk, *key);
    return Parts::assemble(directory, clock, disk, std::move(*database), std::move(*key), std::move(shared));
}

Result<std::unique_ptr<Registry>> Registry::open(const std::string& directory, const Clock& clock, Disk& disk) {
    if (!disk.exists(registry_path(directory)))
        return fail(FaultCode::not_found, directory + " holds no registry; make one with 'ringfence init'.");
    auto key = load_sealing_key(directory, disk);
    if (!key) return fail(std::move(key.error()));
    auto database = open_registry_database(registry_path(directory), Database::Mode::read_write);
    if (!database) return fail(std::move(database.error()));
    auto shared = std::make_shared<SharedMemory>(content_directory(directory), disk, *key);
    return Parts::assemble(directory, clock, disk, std::move(*database), std::move(*key), std::move(shared));
}

Result<std::unique_ptr<Registry>> Registry::open_another() const {
    auto database = open_registry_database(registry_path(parts_->directory), Database::Mode::read_write);
    if (!database) return fail(std::move(database.error()));
    return Parts::assemble(parts_->directory, parts_->clock, parts_->disk, std::move(*database), parts_->key,
                           parts_->shared);
}

const std::string& Registry::directory() const { return parts_->directory; }

void Registry::set_wait(Duration wait) { parts_->database->set_wait(wait); }

Status Registry::Parts::bump_generation() { return database->run("UPDATE state SET generation = generation + 1"); }

Result<Secret> Registry::Parts::open_sealed(std::string_view sealed,
                                            std::initializer_list<std::string_view> place) const {
    return key.open(sealed, place_name(place));
}

std::string Registry::Parts::seal(const Secret& value, std::initializer_list<std::string_view> place) const {
    return key.seal(value, place_name(place));
}

void Registry::begin_snapshot() {
    RINGFENCE_ASSERT(!parts_->database->in_transaction());
    auto transaction = Transaction::begin(*parts_->database, Transaction::Kind::read);
    // Without one each look-up goes by itself, and says what is wrong.
    if (transaction) parts_->snapshot.emplace(std::move(*transaction));
}

void Registry::end_snapshot() { parts_->snapshot.reset(); }

Result<std::shared_ptr<const Catalogue>> Registry::catalogue() {
    // What this object has not committed may still be rolled back, so nobody may keep it.
    if (parts_->database->in_transaction() && !parts_->snapshot) return load_catalogue(*parts_);
    auto now = parts_->database->number("SELECT generation FROM state");
    if (!now) return fail(std::move(now.error()));
    if (*now == parts_->generation) return parts_->catalogue;
    auto transaction = Transaction::begin(*parts_->database, Transaction::Kind::read);
    if (!transaction) return fail(std::move(transaction.error()));
    now = parts_->database->number("SELECT generation FROM state");
    if (!now) return fail(std::move(now.error()));

    SharedMemory& shared = *parts_->shared;
    const std::lock_guard lock(
        shared.mutex);  // while it loads, the other loops wait for this snapshot, not for their own
    if (shared.generation != *now) {
        auto loaded = load_catalogue(*parts_);
        if (!loaded) return loaded;
        // A loop that is a little behind must not take the newer snapshot from the others.
        if (*now < shared.generation) return loaded;
        shared.catalogue = std::move(*loaded);
        shared.generation = *now;
    }
    parts_->catalogue = shared.catalogue;
    parts_->generation = *now;
    return parts_->catalogue;
}

Result<Body> Registry::open_content(std::string_view sha256) { return parts_->shared->contents.open(sha256); }

Status Registry::together(const std::function<Status()>& changes) {
    auto changed = in_transaction(*parts_->database, changes);
    parts_->discard_released();
    return changed;
}

Result<RegistryCounts> Registry::counts() {
    auto row = parts_->database->statement(
        "SELECT (SELECT count(*) FROM devices), (SELECT count(*) FROM sites), (SELECT count(*) FROM files),"
        " (SELECT count(*) FROM certificates)");
    auto there = row.step();
    if (!there) return fail(std::move(there.error()));
    return RegistryCounts{static_cast<std::uint64_t>(row.integer(0)), static_cast<std::uint64_t>(row.integer(1)),
                          static_cast<std::uint64_t>(row.integer(2)), static_cast<std::uint64_t>(row.integer(3))};
}

Status Registry::verify_database() {
    auto row = parts_->database->statement("PRAGMA integrity_check(1)");
    auto there = row.step();
    if (!there) return fail(std::move(there.error()));
    if (row.text(0) != "ok")
        return fail(FaultCode::corrupt, "registry.db is damaged: " + printable(row.text(0)) + "; restore a backup.");
    auto dangling = parts_->database->exists("PRAGMA foreign_key_check");
    if (!dangling) return fail(std::move(dangling.error()));
    if (*dangling) return fail(FaultCode::corrupt, "registry.db has rows that lead nowhere; restore a backup.");
    return {};
}

Result<ContentReport> Registry::verify_contents() {
    ContentReport report;
    std::set<std::string, std::less<>> used;
    auto rows = parts_->database->statement("SELECT path, sha256 FROM files ORDER BY path, model, site");
    auto walked = Database::each_row(std::move(rows), [&](const Statement& row) -> Status {
        used.emplace(row.text(1));
        auto body = parts_->shared->contents.read(row.text(1));
        if (body) return {};
        if (body.error().code == FaultCode::not_found)
            report.missing.emplace_back(row.text(0));
        else
            report.corrupt.emplace_back(row.text(0));
        return {};
    });
    if (!walked) return fail(std::move(walked.error()));
    auto entries = parts_->shared->contents.list();
    if (!entries) return fail(std::move(entries.error()));
    for (const auto& entry : *entries)
        if (used.count(entry.sha256) == 0) report.orphans.push_back(entry.name);
    return report;
}

Result<std::size_t> Registry::discard_orphans() {
    // Under the write lock, as put_file() is, so that no content is taken away while its row is on the way.
    return in_transaction(*parts_->database, [this]() -> Result<std::size_t> {
        auto entries = parts_->shared->contents.list();
        if (!entries) return fail(std::move(entries.error()));
        std::size_t discarded = 0;
        for (const auto& entry : *entries) {
            auto used = parts_->database->exists("SELECT 1 FROM files WHERE sha256 = ?", entry.sha256);
            if (!used) return fail(std::move(used.error()));
            if (*used) continue;
            auto removed = parts_->shared->contents.remove(entry);
            if (!removed) return fail(std::move(removed.error()));
            ++discarded;
        }
        return discarded;
    });
}

}  // namespace ringfence::registry

// What the Registry's source files share; nobody else includes it.
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/seal.h"
#include "registry/content_store.h"
#include "registry/registry.h"
#include "registry/sqlite.h"

namespace ringfence::registry {

// What the registries of one process share. Thread-safe.
struct SharedMemory {
    SharedMemory(std::string content, Disk& disk, crypto::SealingKey key)
        : contents(std::move(content), disk, std::move(key)) {}
    ContentStore contents;
    std::mutex mutex;  // guards what follows
    std::int64_t generation = -1;
    std::shared_ptr<const Catalogue> catalogue;
};

// What the request path noted of a device while another writer was at work.
struct UnwrittenNote {
    std::optional<WallTime> proved{};
    std::optional<WallTime> proved_legacy{};
    std::optional<DeviceState> state{};
};

struct Registry::Parts {
    std::string directory;
    const Clock& clock;
    Disk& disk;
    crypto::SealingKey key;
    std::unique_ptr<Database> database;
    std::shared_ptr<SharedMemory> shared;
    std::int64_t generation = -1;  // of the catalogue below
    std::shared_ptr<const Catalogue> catalogue;
    std::optional<Transaction> snapshot;  // of a request that is being answered
    std::map<MacAddress, UnwrittenNote> unwritten_notes;
    std::vector<std::string> released;  // content that a file used no more; perhaps another still does

    static Result<std::unique_ptr<Registry>> assemble(const std::string& directory, const Clock& clock, Disk& disk,
                                                      std::unique_ptr<Database> database, crypto::SealingKey key,
                                                      std::shared_ptr<SharedMemory> shared);

    Status bump_generation();
    Result<std::uint32_t> next_version();
    // Gives the section the counter's next number.
    Result<std::uint32_t> raise_section(std::string_view section);
    Status raise_section_for_removal(std::string_view section);
    // Keeps the note in memory when there is no room for more, or another writer is at work.
    Status note(const MacAddress& mac, const UnwrittenNote& note);
    Status write_notes();
    // A certificate that nobody was given.
    Status revoke_useless(std::string_view fingerprint);
    // How many of the device's others were revoked; a handed-out login goes with them.
    Result<std::size_t> revoke_others(const MacAddress& mac, std::string_view kept);
    // The last step of finish_enrolment.
    Result<FinishedEnrolment> issue(Enrolment enrolment, std::string_view certificate);
    Status revoke_all(const MacAddress& mac, RevocationReason reason);
    Result<std::optional<DeviceState>> find_state(const MacAddress& mac);
    Status require_in_service(const MacAddress& mac);  // not_found; forbidden when it is retired
    // Moves the device on when that is a step from where it stands; else nothing.
    Status advance(const MacAddress& mac, DeviceState state);
    // Takes from a device whatever could let it in, but for its login, which identify refuses.
    Status retire(const MacAddress& mac);
    // Of one device, or of all.
    Result<Withdrawn> withdraw_pending(const std::optional<MacAddress>& mac);
    // Removes the bytes that were released and that no file uses any more, once the outermost change is over.
    void discard_released();
    Status require_site(std::string_view name);
    Status require_device(const MacAddress& mac);
    Result<Secret> open_sealed(std::string_view sealed, std::initializer_list<std::string_view> place) const;
    std::string seal(const Secret& value, std::initializer_list<std::string_view> place) const;
    Result<std::vector<Setting>> read_settings(Statement rows, const SettingScope& scope);
    Status check_scope(const SettingScope& scope);
    Status settings_changed(const SettingScope& scope);
    Status require_room_for_file(std::int64_t limit);
    // Raises what the file's move from `section_before` concerns, and fills in its version.
    Status version_file(FileRecord& file, const std::string& section_before);
    Status remove_files_of(const MacAddress& mac);
    Status raise_sections_below(std::uint32_t floor);
};

// A phone waits seconds for its answer; another writer is done sooner.
inline constexpr Duration request_wait = std::chrono::seconds(1);

// Writes of the request path wait no longer than this. Put back when it dies.
class ShortWait {
public:
    ShortWait(Database& database, Duration wait) : database_(database), before_(database.wait()) {
        database_.set_wait(wait);
    }
    ShortWait(const ShortWait&) = delete;
    ShortWait& operator=(const ShortWait&) = delete;
    ~ShortWait() { database_.set_wait(before_); }

private:
    Database& database_;
    Duration before_;
};

// Those that are not worth a disk flush each either.
class LightWrites {
public:
    LightWrites(Database& database, Duration wait);
    LightWrites(const LightWrites&) = delete;
    LightWrites& operator=(const LightWrites&) = delete;
    ~LightWrites();

private:
    Database& database_;
    ShortWait wait_;
};

// The first row as `read` (Statement -> Result<T>) has it; absent when there is none.
template <typename Read>
auto find_row(Statement row, const Read& read) -> Result<std::optional<typename decltype(read(row))::value_type>> {
    using Row = std::optional<typename decltype(read(row))::value_type>;
    auto there = row.step();
    if (!there) return fail(std::move(there.error()));
    if (!*there) return Row();
    auto value = read(row);
    if (!value) return fail(std::move(value.error()));
    return Row(std::move(*value));
}

// Hands each row, as `read` has it, to `each` until that returns false.
template <typename Read, typename Each>
Status list_rows(Statement row, const Read& read, const Each& each) {
    while (true) {
        auto there = row.step();
        if (!there) return fail(std::move(there.error()));
        if (!*there) return {};
        auto value = read(row);
        if (!value) return fail(std::move(value.error()));
        if (!each(*value)) return {};
    }
}

Result<crypto::SealingKey> load_sealing_key(const std::string& directory, Disk& disk);

// The login that a device was handed for its certificate, used or not. One that somebody typed or was told stays.
Status drop_handed_out_login(Database& database, const MacAddress& mac);

// not_found when there is none.
Result<Window> load_window(Database& database, std::int64_t id);

// The whole shared part, read from one consistent state.
Result<std::shared_ptr<const Catalogue>> load_catalogue(Registry::Parts& parts);

enum class MayBeEmpty { no, yes };
// malformed unless `text` is a name as registry.h has it. `what` begins the sentence: "A site's name".
Status check_name(std::string_view what, std::string_view text, MayBeEmpty may_be_empty = MayBeEmpty::no,
                  std::size_t limit = max_name_length);

// NULL in the database for an empty name.
inline std::optional<std::string_view> or_null(std::string_view name) {
    if (name.empty()) return std::nullopt;
    return name;
}

}  // namespace ringfence::registry

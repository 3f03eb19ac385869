#include <fmt/format.h>

#include "base/text.h"
#include "registry/parts.h"

namespace ringfence::registry {

namespace {

// Each stands in every snapshot and is looked through for every request.
constexpr std::int64_t max_open_windows = 100;
// Who came through a window is kept this long after it closed, for its report.
constexpr Duration visitors_kept = std::chrono::hours(24 * 90);

Status check_window(const Window& window, WallTime now) {
    if (window.closes <= now) return fail(FaultCode::malformed, "A window must close in the future.");
    if (window.networks.empty()) return fail(FaultCode::malformed, "A window needs at least one network.");
    if (window.networks.size() > max_networks)
        return fail(FaultCode::too_large, fmt::format("A window may have at most {} networks.", max_networks));
    if (window.devices.size() > max_window_devices)
        return fail(FaultCode::too_large, fmt::format("A window may name at most {} devices.", max_window_devices));
    return {};
}

Status store_window(Database& database, Window& window) {
    auto stored =
        database.run("INSERT INTO windows(opened, closes, count, used, hands_out_login) VALUES(?, ?, ?, 0, ?)",
                     window.opened, window.closes, window.count, window.hands_out_login);
    if (!stored) return stored;
    window.id = database.last_id();
    for (const auto& network : window.networks) {
        auto kept = database.run("INSERT OR IGNORE INTO window_networks(window, network) VALUES(?, ?)", window.id,
                                 network.to_string());
        if (!kept) return kept;
    }
    for (const auto& mac : window.devices) {
        auto kept = database.run("INSERT OR IGNORE INTO window_devices(window, mac) VALUES(?, ?)", window.id, mac);
        if (!kept) return kept;
    }
    return {};
}

enum class Room {
    over,
    full,
    visited,
    unnamed,  // it came in as an address, before it said which device it is
    there
};

Result<Room> room_in(Database& database, std::int64_t window, const WindowVisitor& visitor, WallTime now) {
    auto row = database.statement(
        "SELECT count, used, EXISTS(SELECT 1 FROM window_visitors WHERE window = ?1 AND visitor = ?2),"
        " EXISTS(SELECT 1 FROM window_visitors WHERE window = ?1 AND visitor = ?4)"
        " FROM windows WHERE id = ?1 AND closed IS NULL AND closes > ?3",
        window, visitor.name, now, visitor.address);
    auto there = row.step();
    if (!there) return fail(std::move(there.error()));
    if (!*there) return Room::over;
    if (row.integer(2) != 0) return Room::visited;
    if (row.integer(3) != 0) return Room::unnamed;
    const std::int64_t limit = row.integer(0) == 0 ? max_window_visitors : row.integer(0);
    return row.integer(1) < limit ? Room::there : Room::full;
}

bool needs_entry(Room room) { return room == Room::unnamed || room == Room::there; }

Status check_visitor(const WindowVisitor& visitor) {
    auto named = check_name("A visitor", visitor.name);
    return named ? check_name("A visitor's address", visitor.address) : named;
}

Status add_visitor(Database& database, std::int64_t window, const WindowVisitor& visitor) {
    auto added = database.run("INSERT INTO window_visitors(window, visitor) VALUES(?, ?)", window, visitor.name);
    return added ? database.run("UPDATE windows SET used = used + 1 WHERE id = ?", window) : added;
}

// The place that it has goes over to its name: one phone takes one.
Status name_visitor(Database& database, std::int64_t window, const WindowVisitor& visitor) {
    return database.run("UPDATE window_visitors SET visitor = ? WHERE window = ? AND visitor = ?", visitor.name, window,
                        visitor.address);
}

}  // namespace

Result<Window> Registry::open_window(Window window) {
    const auto now = parts_->clock.wall_now();
    auto sound = check_window(window, now);
    if (!sound) return fail(std::move(sound.error()));
    window.opened = now;
    window.used = 0;
    window.closed.reset();
    auto opened = in_transaction(*parts_->database, [&]() -> Status {
        auto open = parts_->database->number("SELECT count(*) FROM windows WHERE closed IS NULL AND closes > ?", now);
        if (!open) return fail(std::move(open.error()));
        if (*open >= max_open_windows)
            return fail(FaultCode::conflict, fmt::format("At most {} windows may be open at once.", max_open_windows));
        auto forgotten = parts_->database->run(
            "DELETE FROM window_visitors WHERE window IN (SELECT id FROM windows WHERE closes < ?)",
            now - visitors_kept);
        if (!forgotten) return forgotten;
        auto stored = store_window(*parts_->database, window);
        if (!stored) return stored;
        return parts_->bump_generation();
    });
    if (!opened) return fail(std::move(opened.error()));
    return window;
}

Status Registry::close_window(std::int64_t id) {
    return in_transaction(*parts_->database, [&]() -> Status {
        const auto now = parts_->clock.wall_now();
        auto window = load_window(*parts_->database, id);
        if (!window) return fail(std::move(window.error()));
        if (window->closed || window->closes <= now)
            return fail(FaultCode::conflict, fmt::format("Window {} is closed already.", id));
        auto closed = parts_->database->run("UPDATE windows SET closed = ? WHERE id = ?", now, id);
        if (!closed) return closed;
        return parts_->bump_generation();
    });
}

Result<std::vector<Window>> Registry::list_windows(std::size_t newest) {
    std::vector<Window> out;
    auto rows = parts_->database->statement("SELECT id FROM windows ORDER BY id DESC LIMIT ?",
                                            static_cast<std::uint64_t>(newest));
    auto read = Database::each_row(std::move(rows), [&](const Statement& row) -> Status {
        auto window = load_window(*parts_->database, row.integer(0));
        if (!window) return fail(std::move(window.error()));
        out.push_back(std::move(*window));
        return {};
    });
    if (!read) return fail(std::move(read.error()));
    return out;
}

Result<bool> Registry::may_enter_window(std::int64_t window, const WindowVisitor& visitor) {
    auto named = check_visitor(visitor);
    if (!named) return fail(std::move(named.error()));
    auto room = room_in(*parts_->database, window, visitor, parts_->clock.wall_now());
    if (!room) return fail(std::move(room.error()));
    return *room != Room::over && *room != Room::full;
}

Result<bool> Registry::enter_window(std::int64_t window, const WindowVisitor& visitor) {
    auto named = check_visitor(visitor);
    if (!named) return fail(std::move(named.error()));
    const auto now = parts_->clock.wall_now();
    // Most requests come from phones that are in already; they need no write.
    auto room = room_in(*parts_->database, window, visitor, now);
    if (!room) return fail(std::move(room.error()));
    if (!needs_entry(*room)) return *room == Room::visited;

    end_snapshot();
    const LightWrites light(*parts_->database, request_wait);
    return in_transaction(*parts_->database, [&]() -> Result<bool> {
        auto still = room_in(*parts_->database, window, visitor, now);
        if (!still) return fail(std::move(still.error()));
        if (!needs_entry(*still)) return *still == Room::visited;
        const Status entered = *still == Room::unnamed ? name_visitor(*parts_->database, window, visitor)
                                                       : add_visitor(*parts_->database, window, visitor);
        if (!entered) return fail(entered.error());
        return true;
    });
}

}  // namespace ringfence::registry

#include "registry/sqlite.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/disk.h"

namespace ringfence::registry {

namespace {

FaultCode code_for(int error) {
    switch (error & 0xff) {
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: return FaultCode::corrupt;
        case SQLITE_CONSTRAINT: return FaultCode::conflict;
        case SQLITE_ERROR:
        case SQLITE_MISUSE:
        case SQLITE_RANGE: return FaultCode::internal;
        default: return FaultCode::unavailable;
    }
}

// SQLite creates files by the umask alone; its WAL and shared memory take the mode of the database.
Status create_private(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, private_file);
    if (fd < 0) return fail(FaultCode::unavailable, path + ": " + std::generic_category().message(errno));
    ::close(fd);
    return {};
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      in_use_(std::exchange(other.in_use_, nullptr)),
      error_(other.error_),
      position_(other.position_) {}

Statement::~Statement() {
    if (in_use_ == nullptr) {
        sqlite3_finalize(statement_);
        return;
    }
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
    *in_use_ = false;
}

Result<bool> Statement::step() {
    if (error_ != SQLITE_OK) return fail(database_.fault(error_));
    const int answer = sqlite3_step(statement_);
    if (answer == SQLITE_ROW) return true;
    if (answer == SQLITE_DONE) return false;
    return fail(database_.fault(answer));
}

Status Statement::run() {
    while (true) {
        auto row = step();
        if (!row) return fail(std::move(row.error()));
        if (!*row) return {};
    }
}

std::string_view Statement::text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    if (bytes == nullptr) return {};
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::string_view Statement::blob(int column) const {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    if (bytes == nullptr) return {};
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::optional<WallTime> Statement::optional_time(int column) const {
    if (is_null(column)) return std::nullopt;
    return time(column);
}

Result<MacAddress> Statement::mac(int column) const {
    auto mac = MacAddress::parse(text(column));
    if (!mac) return fail(FaultCode::corrupt, "The registry holds a MAC address that is none.");
    return mac;
}

Result<std::optional<MacAddress>> Statement::optional_mac(int column) const {
    if (is_null(column)) return std::nullopt;
    auto found = mac(column);
    if (!found) return fail(std::move(found.error()));
    return std::optional<MacAddress>(*found);
}

void Statement::bind(std::string_view text) { bind_text(text, SQLITE_TRANSIENT); }

void Statement::bind(Borrowed text) { bind_text(text.text, SQLITE_STATIC); }

void Statement::bind_text(std::string_view text, sqlite3_destructor_type lifetime) {
    const int answer = sqlite3_bind_text64(statement_, ++position_, text.data() == nullptr ? "" : text.data(),
                                           text.size(), lifetime, SQLITE_UTF8);
    if (error_ == SQLITE_OK) error_ = answer;
}

void Statement::bind(Blob blob) {
    // No pointer would be NULL, which an empty blob is not.
    const int answer =
        sqlite3_bind_blob64(statement_, ++position_, blob.bytes.data() == nullptr ? "" : blob.bytes.data(),
                            blob.bytes.size(), SQLITE_TRANSIENT);
    if (error_ == SQLITE_OK) error_ = answer;
}

void Statement::bind(std::int64_t number) {
    const int answer = sqlite3_bind_int64(statement_, ++position_, number);
    if (error_ == SQLITE_OK) error_ = answer;
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path, Mode mode) {
    if (mode == Mode::read_write_create) {
        auto created = create_private(path);
        if (!created) return fail(std::move(created.error()));
    } else if (::access(path.c_str(), F_OK) != 0) {
        return fail(FaultCode::not_found, path + " does not exist.");
    }
    sqlite3* handle = nullptr;
    const int answer = sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    std::unique_ptr<Database> database(new Database(handle));
    if (answer != SQLITE_OK) return fail(database->fault(answer).within(path));
    sqlite3_extended_result_codes(handle, 1);
    database->set_wait(usual_wait);
    // FULL: a version number that a phone has seen must not be lost with the power. 16 MiB of pages hold the hot part
    // of 100,000 devices.
    auto settled = database->script(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;"
        "PRAGMA cache_size = -16384; PRAGMA temp_store = MEMORY;");
    if (!settled) return fail(std::move(settled.error()).within(path));
    return database;
}

Database::~Database() {
    for (auto& [sql, prepared] : prepared_) sqlite3_finalize(prepared->statement);
    sqlite3_close_v2(handle_);
}

Statement Database::prepare(const char* sql) {
    auto& slot = prepared_[sql];
    if (!slot) slot = std::make_unique<Prepared>();
    int error = SQLITE_OK;
    // A statement that is already walking its rows further up the stack gets a twin.
    if (slot->in_use) {
        sqlite3_stmt* twin = nullptr;
        error = sqlite3_prepare_v3(handle_, sql, -1, 0, &twin, nullptr);
        return Statement(*this, twin, nullptr, error);
    }
    if (slot->statement == nullptr)
        error = sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &slot->statement, nullptr);
    if (error != SQLITE_OK) return Statement(*this, nullptr, nullptr, error);
    slot->in_use = true;
    return Statement(*this, slot->statement, &slot->in_use, SQLITE_OK);
}

Status Database::script(const char* sql) {
    const int answer = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
    if (answer != SQLITE_OK) return fail(fault(answer));
    return {};
}

Fault Database::fault(int error) const {
    const char* text = sqlite3_errstr(error);
    if ((error & 0xff) == SQLITE_BUSY)
        return {FaultCode::unavailable, "The registry is busy with another change; try again."};
    if ((error & 0xff) == SQLITE_FULL)
        return {FaultCode::unavailable, "The disk is full; the registry kept nothing of this change."};
    return {code_for(error), fmt::format("The registry's database failed: {} ({}).", text, error)};
}

Result<Transaction> Transaction::begin(Database& database, Kind kind) {
    const bool nested = database.transactions_ > 0;
    // After some errors (disk full among them) SQLite rolls everything back by itself; what follows must not be
    // committed on its own.
    if (nested && !database.in_transaction())
        return fail(FaultCode::unavailable, "An earlier part of this change failed, so the registry keeps none of it.");
    auto begun = database.run(nested ? "SAVEPOINT inner" : kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN");
    if (!begun) return fail(std::move(begun.error()));
    ++database.transactions_;
    return Transaction(database, nested);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)), nested_(other.nested_) {}

Transaction::~Transaction() {
    if (database_ == nullptr) return;
    --database_->transactions_;
    if (!database_->in_transaction()) return;
    if (nested_) static_cast<void>(database_->run("ROLLBACK TO inner"));
    static_cast<void>(database_->run(nested_ ? "RELEASE inner" : "ROLLBACK"));
}

Status Transaction::commit() {
    if (!database_->in_transaction())
        return fail(FaultCode::unavailable, "An earlier part of this change failed, so the registry keeps none of it.");
    auto committed = database_->run(nested_ ? "RELEASE inner" : "COMMIT");
    if (!committed) return committed;
    --database_->transactions_;
    database_ = nullptr;
    return {};
}

Status migrate(Database& database, const Migration* steps, std::size_t count) {
    while (true) {
        auto transaction = Transaction::begin(database);
        if (!transaction) return fail(std::move(transaction.error()));
        auto version = database.number("PRAGMA user_version");
        if (!version) return fail(std::move(version.error()));
        if (*version > static_cast<std::int64_t>(count))
            return fail(
                FaultCode::conflict,
                fmt::format("A newer Ringfence wrote this database (schema {}, this program knows {}); use that one.",
                            *version, count));
        if (*version == static_cast<std::int64_t>(count)) return {};
        const auto next = static_cast<std::size_t>(*version);
        auto done = database.script(steps[next].sql);
        if (done) done = database.script(fmt::format("PRAGMA user_version = {}", next + 1).c_str());
        if (done) done = transaction->commit();
        if (!done) return fail(std::move(done.error()).within(fmt::format("schema step {}", next + 1)));
    }
}

}  // namespace ringfence::registry

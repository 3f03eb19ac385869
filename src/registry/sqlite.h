// SQLite behind a thin, owning wrapper; the only header here that knows it. A Database is one connection, for one
// thread at a time.
#pragma once

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mac_address.h"
#include "base/result.h"

namespace ringfence::registry {

// Bytes that are not text.
struct Blob {
    std::string_view bytes;
};

// Text that is not copied: it must stay where it is until the statement was run.
struct Borrowed {
    std::string_view text;
};

// Two literals as one, so that statements which read the same columns name them once. Use its data().
template <std::size_t A, std::size_t B>
constexpr std::array<char, A + B - 1> join_sql(const char (&first)[A], const char (&second)[B]) {
    std::array<char, A + B - 1> out{};
    std::copy_n(first, A - 1, out.begin());
    std::copy_n(second, B, out.begin() + A - 1);
    return out;
}

class Database;

// A prepared statement with its arguments, borrowed from its Database for one use. A failed preparation or binding
// shows at the first step(). Columns count from 0; views live until the next step.
class Statement {
public:
    Statement(Statement&& other) noexcept;
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;
    Statement& operator=(Statement&&) = delete;
    ~Statement();

    Result<bool> step();  // true: there is a row
    Status run();         // for statements whose rows nobody wants

    std::string_view text(int column) const;
    std::string_view blob(int column) const;
    std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
    bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
    WallTime time(int column) const { return WallTime(Duration(integer(column))); }
    std::optional<WallTime> optional_time(int column) const;
    Result<MacAddress> mac(int column) const;  // corrupt when it is none
    Result<std::optional<MacAddress>> optional_mac(int column) const;

    // Binds the next argument.
    void bind(std::string_view text);
    void bind(const char* text) { bind(std::string_view(text)); }
    void bind(const std::string& text) { bind(std::string_view(text)); }
    void bind(Borrowed text);
    void bind(Blob blob);
    void bind(std::int64_t number);
    void bind(std::uint64_t number) { bind(static_cast<std::int64_t>(number)); }
    void bind(int number) { bind(std::int64_t{number}); }
    void bind(std::uint32_t number) { bind(std::int64_t{number}); }
    void bind(bool flag) { bind(std::int64_t{flag}); }
    void bind(WallTime time) { bind(std::int64_t{time.time_since_epoch().count()}); }
    void bind(const MacAddress& mac) { bind(mac.bare_upper()); }
    template <typename T>
    void bind(const std::optional<T>& value) {
        if (value)
            bind(*value);
        else
            ++position_;  // an argument that was not bound is NULL
    }

private:
    friend class Database;
    void bind_text(std::string_view text, sqlite3_destructor_type lifetime);
    Statement(Database& database, sqlite3_stmt* statement, bool* in_use, int error)
        : database_(database), statement_(statement), in_use_(in_use), error_(error) {}

    Database& database_;
    sqlite3_stmt* statement_;
    bool* in_use_;  // of the cache; null: this statement is its own
    int error_;
    int position_ = 0;
};

class Database {
public:
    // How long a change waits for another writer before it is `unavailable`.
    static constexpr Duration usual_wait = std::chrono::seconds(10);

    enum class Mode { read_write, read_write_create };
    // Creates with mode 0600. not_found when it is absent and may not be created.
    static Result<std::unique_ptr<Database>> open(const std::string& path, Mode mode);
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    ~Database();

    // `sql` is a literal, or join_sql() of two: the cache keeps its address.
    template <typename... Arguments>
    Statement statement(const char* sql, const Arguments&... arguments) {
        Statement out = prepare(sql);
        (out.bind(arguments), ...);
        return out;
    }
    template <typename... Arguments>
    Status run(const char* sql, const Arguments&... arguments) {
        return statement(sql, arguments...).run();
    }
    // The first column of the first row; not_found when there is none.
    template <typename... Arguments>
    Result<std::int64_t> number(const char* sql, const Arguments&... arguments) {
        auto row = statement(sql, arguments...);
        auto there = row.step();
        if (!there) return fail(std::move(there.error()));
        if (!*there) return fail(FaultCode::not_found, "There is no such row.");
        return row.integer(0);
    }
    template <typename... Arguments>
    Result<bool> exists(const char* sql, const Arguments&... arguments) {
        return statement(sql, arguments...).step();
    }
    // Calls `visit` (which takes the Statement and returns a Status) for each row.
    template <typename Visit>
    static Status each_row(Statement row, const Visit& visit) {
        while (true) {
            auto there = row.step();
            if (!there) return fail(std::move(there.error()));
            if (!*there) return {};
            Status visited = visit(row);
            if (!visited) return visited;
        }
    }
    // Any number of statements without arguments.
    Status script(const char* sql);

    std::int64_t changed_rows() const { return sqlite3_changes64(handle_); }
    std::int64_t last_id() const { return sqlite3_last_insert_rowid(handle_); }
    bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }
    Duration wait() const { return wait_; }
    void set_wait(Duration wait) {
        wait_ = wait;
        sqlite3_busy_timeout(handle_, static_cast<int>(wait.count()));
    }
    sqlite3* handle() { return handle_; }

    // Never holds a value of a row, since SQLite's own texts name columns at most.
    Fault fault(int error) const;

private:
    struct Prepared {
        sqlite3_stmt* statement = nullptr;
        bool in_use = false;
    };

    friend class Transaction;
    explicit Database(sqlite3* handle) : handle_(handle) {}
    Statement prepare(const char* sql);

    sqlite3* handle_;
    Duration wait_{};
    int transactions_ = 0;  // open ones, nested ones counted
    std::unordered_map<const char*, std::unique_ptr<Prepared>> prepared_;
};

// Begins at construction; rolled back when it dies uncommitted. One inside another is a savepoint.
class Transaction {
public:
    enum class Kind { read, write };
    static Result<Transaction> begin(Database& database, Kind kind = Kind::write);
    Transaction(Transaction&& other) noexcept;
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction();

    Status commit();

private:
    Transaction(Database& database, bool nested) : database_(&database), nested_(nested) {}
    Database* database_;  // null: over
    bool nested_;
};

// Runs `body` (which returns a Result) in a transaction and commits when it succeeds.
template <typename Body>
auto in_transaction(Database& database, const Body& body) -> decltype(body()) {
    auto transaction = Transaction::begin(database);
    if (!transaction) return fail(std::move(transaction.error()));
    auto result = body();
    if (!result) return result;
    auto committed = transaction->commit();
    if (!committed) return fail(std::move(committed.error()));
    return result;
}

// One step of a schema. Steps are only ever added: a database that was written in the field holds a prefix of them.
struct Migration {
    const char* sql;
};

// Brings the database up to the last step, each in its own transaction; PRAGMA user_version counts them. conflict when
// the database knows more steps than this program.
Status migrate(Database& database, const Migration* steps, std::size_t count);

}  // namespace ringfence::registry

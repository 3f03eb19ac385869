#include "registry/schema.h"

#include <fmt/format.h>

#include <array>

namespace ringfence::registry {

namespace {

// Names are text as the administrator wrote them; MAC addresses are MacAddress::bare_upper(); times are milliseconds
// since 1970. An empty model or site of a file means every one, and so is no reference.
constexpr std::array<Migration, 6> registry_steps = {{
    {R"sql(
CREATE TABLE state(
    id INTEGER PRIMARY KEY CHECK(id = 1),
    generation INTEGER NOT NULL,     -- rises with every change of what a Catalogue holds
    last_version INTEGER NOT NULL,
    version_floor INTEGER NOT NULL,
    probe BLOB                       -- sealed; tells a wrong sealing key at once
) STRICT;
INSERT INTO state VALUES(1, 1, 1, 0, NULL);

CREATE TABLE sites(
    name TEXT PRIMARY KEY,
    server TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE site_networks(
    network TEXT PRIMARY KEY,
    site TEXT NOT NULL REFERENCES sites ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX site_networks_by_site ON site_networks(site);

CREATE TABLE devices(
    mac TEXT PRIMARY KEY,
    model TEXT NOT NULL,
    site TEXT REFERENCES sites,
    requires_certificate INTEGER NOT NULL,
    added INTEGER NOT NULL,
    last_proved INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_by_site ON devices(site) WHERE site IS NOT NULL;

CREATE TABLE logins(
    user TEXT PRIMARY KEY,
    mac TEXT UNIQUE REFERENCES devices ON DELETE CASCADE,
    site TEXT UNIQUE REFERENCES sites ON DELETE CASCADE,
    kind INTEGER NOT NULL CHECK(kind IN (0, 1)),
    hashes BLOB NOT NULL,            -- sealed: both HA1
    password BLOB,                   -- sealed; of a site only
    CHECK((mac IS NULL) <> (site IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE shared_settings(
    layer INTEGER NOT NULL CHECK(layer IN (0, 1, 2)),
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    value BLOB,                      -- sealed; NULL: unset again
    PRIMARY KEY(layer, key, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE device_settings(
    mac TEXT NOT NULL REFERENCES devices ON DELETE CASCADE,
    name TEXT NOT NULL,
    value BLOB,
    PRIMARY KEY(mac, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE files(
    path TEXT NOT NULL,
    model TEXT NOT NULL,
    site TEXT NOT NULL,
    section TEXT NOT NULL,
    content_class INTEGER NOT NULL CHECK(content_class IN (0, 1, 2)),
    owner TEXT REFERENCES devices ON DELETE CASCADE,
    manifest_with_login INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    version TEXT NOT NULL,
    put_at INTEGER NOT NULL,
    PRIMARY KEY(path, model, site)
) STRICT, WITHOUT ROWID;
CREATE INDEX files_by_content ON files(sha256);
CREATE INDEX files_by_owner ON files(owner) WHERE owner IS NOT NULL;
CREATE TABLE sections(
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL CHECK(version BETWEEN 1 AND 2147483647)
) STRICT, WITHOUT ROWID;

-- What every installation announces from its first day.
INSERT INTO sections VALUES('DEVICE_CONFIG', 1), ('USER_CONFIG', 1), ('USER_KEYS', 1);

CREATE TABLE windows(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    opened INTEGER NOT NULL,
    closes INTEGER NOT NULL,
    count INTEGER NOT NULL,
    used INTEGER NOT NULL,
    hands_out_login INTEGER NOT NULL,
    closed INTEGER
) STRICT;
CREATE TABLE window_networks(
    window INTEGER NOT NULL REFERENCES windows ON DELETE CASCADE,
    network TEXT NOT NULL,
    PRIMARY KEY(window, network)
) STRICT, WITHOUT ROWID;
CREATE TABLE window_devices(
    window INTEGER NOT NULL REFERENCES windows ON DELETE CASCADE,
    mac TEXT NOT NULL,
    PRIMARY KEY(window, mac)
) STRICT, WITHOUT ROWID;
CREATE TABLE window_visitors(
    window INTEGER NOT NULL REFERENCES windows ON DELETE CASCADE,
    visitor TEXT NOT NULL,
    PRIMARY KEY(window, visitor)
) STRICT, WITHOUT ROWID;

CREATE TABLE certificates(
    id INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL UNIQUE,
    serial TEXT NOT NULL,
    subject TEXT NOT NULL,
    purpose INTEGER NOT NULL CHECK(purpose IN (0, 1, 2)),
    mac TEXT,                        -- no reference: the record outlives its device
    legacy_lane INTEGER NOT NULL,
    not_before INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    revoked INTEGER
) STRICT;
CREATE INDEX certificates_by_serial ON certificates(serial);
CREATE INDEX certificates_by_mac ON certificates(mac) WHERE mac IS NOT NULL;
)sql"},
    {R"sql(
ALTER TABLE devices ADD COLUMN last_proved_legacy INTEGER;
)sql"},
    // NULL: nobody has said yet.
    {R"sql(
ALTER TABLE state ADD COLUMN realm TEXT;
)sql"},
    {R"sql(
ALTER TABLE sites ADD COLUMN legacy_server TEXT NOT NULL DEFAULT '';
)sql"},
    // Enrolment. Numbers of state, reason, kind, profile and evidence are those of the enums.
    {R"sql(
ALTER TABLE devices ADD COLUMN serial TEXT NOT NULL DEFAULT '';
ALTER TABLE devices ADD COLUMN names TEXT NOT NULL DEFAULT '';   -- parted by single blanks
ALTER TABLE devices ADD COLUMN state INTEGER NOT NULL DEFAULT 0 CHECK(state BETWEEN 0 AND 4);

ALTER TABLE certificates ADD COLUMN issuer TEXT NOT NULL DEFAULT '';
ALTER TABLE certificates ADD COLUMN public_key TEXT NOT NULL DEFAULT '';
ALTER TABLE certificates ADD COLUMN reason INTEGER NOT NULL DEFAULT 0;
ALTER TABLE certificates ADD COLUMN der BLOB;
CREATE UNIQUE INDEX certificates_by_issuer ON certificates(issuer, serial) WHERE issuer <> '';
CREATE INDEX certificates_revoked ON certificates(issuer, not_after) WHERE revoked IS NOT NULL;
UPDATE devices SET state = CASE
    WHEN EXISTS(SELECT 1 FROM certificates c WHERE c.mac = devices.mac AND c.purpose = 0 AND c.revoked IS NULL) THEN 2
    WHEN last_proved IS NOT NULL THEN 1
    ELSE 0 END;

CREATE TABLE revocation_lists(
    issuer TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    der BLOB NOT NULL,
    made INTEGER NOT NULL,
    next_update INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens(
    id INTEGER PRIMARY KEY,
    reference TEXT NOT NULL UNIQUE,
    secret BLOB NOT NULL,            -- sealed
    kind INTEGER NOT NULL CHECK(kind IN (0, 1)),
    mac TEXT NOT NULL REFERENCES devices ON DELETE CASCADE,
    profile INTEGER NOT NULL CHECK(profile IN (0, 1)),
    needs_approval INTEGER NOT NULL,
    replaces INTEGER NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    wrong_tries INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX tokens_by_device ON tokens(mac);

CREATE TABLE enrolments(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    protocol TEXT NOT NULL,
    transaction_id BLOB NOT NULL,
    public_key TEXT NOT NULL,
    mac TEXT NOT NULL REFERENCES devices ON DELETE CASCADE,
    token TEXT UNIQUE REFERENCES tokens(reference) ON DELETE CASCADE,  -- so it serves one key, whoever races for it
    renews TEXT,
    profile INTEGER NOT NULL CHECK(profile IN (0, 1)),
    state INTEGER NOT NULL CHECK(state BETWEEN 0 AND 3),
    source TEXT NOT NULL,
    certificate TEXT NOT NULL DEFAULT '',
    received INTEGER NOT NULL,
    decided INTEGER,
    CHECK((token IS NULL) <> (renews IS NULL))
) STRICT;
CREATE INDEX enrolments_by_key ON enrolments(public_key, protocol, transaction_id);
CREATE INDEX enrolments_by_device ON enrolments(mac);
CREATE INDEX enrolments_by_certificate ON enrolments(certificate) WHERE certificate IS NOT NULL;

CREATE TABLE one_time_files(
    path TEXT PRIMARY KEY,
    section TEXT NOT NULL,
    mac TEXT NOT NULL REFERENCES devices ON DELETE CASCADE,
    version TEXT NOT NULL,
    certificate TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    fetched_by TEXT NOT NULL DEFAULT '',
    fetched INTEGER,
    handed_over INTEGER,
    burned INTEGER,
    content BLOB                     -- sealed; NULL once nobody gets it any more
) STRICT, WITHOUT ROWID;
CREATE INDEX one_time_files_by_device ON one_time_files(mac);

CREATE TABLE device_anchors(
    mac TEXT NOT NULL REFERENCES devices ON DELETE CASCADE,
    anchor TEXT NOT NULL,
    evidence INTEGER NOT NULL CHECK(evidence IN (0, 1, 2)),
    at INTEGER NOT NULL,
    PRIMARY KEY(mac, anchor)
) STRICT, WITHOUT ROWID;

-- It was handed out for a certificate, and goes with it.
ALTER TABLE logins ADD COLUMN handed_out INTEGER NOT NULL DEFAULT 0;
CREATE TABLE next_logins(
    user TEXT PRIMARY KEY,
    mac TEXT NOT NULL UNIQUE REFERENCES devices ON DELETE CASCADE,
    kind INTEGER NOT NULL CHECK(kind IN (0, 1)),
    hashes BLOB NOT NULL             -- sealed as those of logins are, so that they can move there
) STRICT, WITHOUT ROWID;
)sql"},
    // The network door. Numbers of kind, change, proof and segment are those of the enums.
    {R"sql(
ALTER TABLE devices ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;

ALTER TABLE state ADD COLUMN lookup_password BLOB;   -- sealed

CREATE TABLE network_logins(
    identity TEXT PRIMARY KEY,
    mac TEXT NOT NULL UNIQUE REFERENCES devices ON DELETE CASCADE,
    password BLOB NOT NULL,          -- sealed
    kind INTEGER NOT NULL CHECK(kind IN (0, 1)),
    is_provisioning_login INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE switches(
    name TEXT PRIMARY KEY,
    network TEXT NOT NULL UNIQUE,
    secret BLOB NOT NULL,            -- sealed
    change INTEGER NOT NULL CHECK(change BETWEEN 0 AND 2),
    port INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE device_ports(
    mac TEXT NOT NULL,               -- no reference: a device that was removed must still be put out of its port
    switch TEXT NOT NULL,
    port TEXT NOT NULL,
    told_address TEXT,               -- NULL: the switch told none of its own
    switch_name TEXT NOT NULL,
    port_number INTEGER NOT NULL,
    hardware TEXT NOT NULL,
    identity TEXT NOT NULL,
    proof INTEGER NOT NULL CHECK(proof IN (0, 1)),
    segment INTEGER NOT NULL CHECK(segment IN (0, 1)),
    since INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY(mac, switch, port)
) STRICT, WITHOUT ROWID;

-- Written with whatever it tells of, so that who follows it misses nothing. NULL: everybody's standing may have changed.
CREATE TABLE network_journal(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    mac TEXT
) STRICT;
CREATE TRIGGER network_journal_forgets AFTER INSERT ON network_journal BEGIN
    DELETE FROM network_journal WHERE id <= new.id - 100000;
END;
CREATE TRIGGER devices_added AFTER INSERT ON devices BEGIN
    INSERT INTO network_journal(mac) VALUES(new.mac);
END;
CREATE TRIGGER devices_removed AFTER DELETE ON devices BEGIN
    INSERT INTO network_journal(mac) VALUES(old.mac);
END;
CREATE TRIGGER devices_changed
AFTER UPDATE OF state, disabled, model, site, requires_certificate, last_proved ON devices
WHEN new.state <> old.state OR new.disabled <> old.disabled OR new.model <> old.model OR new.site IS NOT old.site
    OR new.requires_certificate <> old.requires_certificate OR (old.last_proved IS NULL AND new.last_proved IS NOT NULL)
BEGIN
    INSERT INTO network_journal(mac) VALUES(new.mac);
END;
CREATE TRIGGER certificates_added AFTER INSERT ON certificates WHEN new.mac IS NOT NULL BEGIN
    INSERT INTO network_journal(mac) VALUES(new.mac);
END;
CREATE TRIGGER certificates_revoked_now AFTER UPDATE OF revoked ON certificates WHEN new.mac IS NOT NULL BEGIN
    INSERT INTO network_journal(mac) VALUES(new.mac);
END;
CREATE TRIGGER network_logins_added AFTER INSERT ON network_logins BEGIN
    INSERT INTO network_journal(mac) VALUES(new.mac);
END;
CREATE TRIGGER network_logins_removed AFTER DELETE ON network_logins BEGIN
    INSERT INTO network_journal(mac) VALUES(old.mac);
END;
CREATE TRIGGER device_ports_added AFTER INSERT ON device_ports BEGIN
    INSERT INTO network_journal(mac) VALUES(new.mac);
END;
CREATE TRIGGER device_ports_changed AFTER UPDATE ON device_ports BEGIN
    INSERT INTO network_journal(mac) VALUES(new.mac);
END;
CREATE TRIGGER windows_opened AFTER INSERT ON windows BEGIN
    INSERT INTO network_journal(mac) VALUES(NULL);
END;
CREATE TRIGGER windows_closed AFTER UPDATE OF closed ON windows BEGIN
    INSERT INTO network_journal(mac) VALUES(NULL);
END;
)sql"},
}};

constexpr std::array<Migration, 2> events_steps = {{
    {R"sql(
CREATE TABLE events(
    id INTEGER PRIMARY KEY AUTOINCREMENT,   -- never used twice, so that a follower misses nothing
    time INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    mac TEXT,
    site TEXT NOT NULL,
    wire TEXT NOT NULL,
    source TEXT NOT NULL,
    path TEXT NOT NULL,
    proof TEXT NOT NULL,
    outcome TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_mac ON events(mac, id) WHERE mac IS NOT NULL;
)sql"},
    // Numbers of kind and retention are those of EventKind and Retention.
    {R"sql(
ALTER TABLE events ADD COLUMN retention INTEGER NOT NULL DEFAULT 0;
UPDATE events SET retention = CASE
    WHEN kind = 0 AND proof IN ('device-password', 'device-certificate') THEN 1
    WHEN kind IN (2, 3) OR (kind = 1 AND mac IS NOT NULL) THEN 2
    WHEN kind IN (5, 6, 7, 8, 9) THEN 3
    ELSE 0 END;
-- Kept with every change of events, so that nobody has to count millions of rows.
CREATE TABLE event_counts(
    retention INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    gone INTEGER NOT NULL            -- of this retention there is none up to this id, so no search begins below it
) STRICT;
INSERT INTO event_counts
    SELECT column1, (SELECT count(*) FROM events WHERE retention = column1), 0 FROM (VALUES(0), (1), (2), (3));
)sql"},
}};

// PRAGMA application_id marks our files: "RFr1" and "RFe1".
constexpr std::int64_t registry_mark = 0x52467231;
constexpr std::int64_t events_mark = 0x52466531;

template <std::size_t N>
Result<std::unique_ptr<Database>> open_marked(const std::string& path, Database::Mode mode, std::int64_t mark,
                                              const std::array<Migration, N>& steps) {
    auto database = Database::open(path, mode);
    if (!database) return database;
    auto found = (*database)->number("PRAGMA application_id");
    if (!found) return fail(std::move(found.error()).within(path));
    auto tables = (*database)->number("SELECT count(*) FROM sqlite_schema");
    if (!tables) return fail(std::move(tables.error()).within(path));
    if (*found != mark && *tables != 0) return fail(FaultCode::conflict, path + " is not a database of Ringfence.");
    if (*found != mark) {
        auto marked = (*database)->script(fmt::format("PRAGMA application_id = {}", mark).c_str());
        if (!marked) return fail(std::move(marked.error()).within(path));
    }
    auto migrated = migrate(**database, steps.data(), steps.size());
    if (!migrated) return fail(std::move(migrated.error()).within(path));
    return database;
}

}  // namespace

std::string registry_path(const std::string& directory) { return directory + "/registry.db"; }
std::string events_path(const std::string& directory) { return directory + "/events.db"; }
std::string content_directory(const std::string& directory) { return directory + "/content"; }
std::string keys_directory(const std::string& directory) { return directory + "/keys"; }
std::string sealing_key_path(const std::string& directory) { return keys_directory(directory) + "/seal.key"; }

Result<std::unique_ptr<Database>> open_registry_database(const std::string& path, Database::Mode mode) {
    return open_marked(path, mode, registry_mark, registry_steps);
}

Result<std::unique_ptr<Database>> open_events_database(const std::string& path, Database::Mode mode) {
    return open_marked(path, mode, events_mark, events_steps);
}

}  // namespace ringfence::registry

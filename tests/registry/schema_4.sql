-- A registry as Ringfence wrote it before it knew enrolment: schema 4, with a device of each sort.
PRAGMA application_id = 1380348465;

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

ALTER TABLE devices ADD COLUMN last_proved_legacy INTEGER;

ALTER TABLE state ADD COLUMN realm TEXT;

ALTER TABLE sites ADD COLUMN legacy_server TEXT NOT NULL DEFAULT '';

PRAGMA user_version = 4;
INSERT INTO sites VALUES('oslo', '', '');
INSERT INTO devices(mac, model, site, requires_certificate, added, last_proved) VALUES
    ('00247F000001', '1230', 'oslo', 0, 1777622400000, NULL),
    ('00247F000002', '1230', NULL, 0, 1777622400000, 1777622400000),
    ('00247F000003', '1230', NULL, 1, 1777622400000, 1777622400000),
    ('00247F000004', '1230', NULL, 1, 1777622400000, NULL);
INSERT INTO certificates(fingerprint, serial, subject, purpose, mac, legacy_lane, not_before, not_after, revoked) VALUES
    ('aa', '0a', 'CN=three', 0, '00247F000003', 0, 1777622400000, 1877622400000, NULL),
    ('bb', '0b', 'CN=four', 0, '00247F000004', 0, 1777622400000, 1877622400000, 1777622400001),
    ('cc', '0b', 'CN=server', 1, NULL, 0, 1777622400000, 1877622400000, NULL);

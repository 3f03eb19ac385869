// Backup and restore of a whole installation: one file that holds consistent copies of both databases, the content that
// they name, keys/, pki/, the root files and ringfence.toml. The sealing key is among them: without a passphrase the
// archive opens every secret of the installation, and `sealed` in the answer says so.
//
// Format: the line "ringfence-backup 1 plain" or "ringfence-backup 1 sealed SALT", then records of a 4-byte big-endian
// length and that many bytes; sealed archives seal each record, bound to its place. End to end the records say "made
// TIME\n", for each file "file MODE SIZE PATH\n" and its bytes, then "end COUNT\n". One last record holds a SHA-256
// chained over the header and all others. Nothing follows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/disk.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "registry/registry.h"

namespace ringfence::registry {

inline constexpr std::size_t max_backup_record = 256u << 10;     // memory that a hostile archive can claim
inline constexpr std::uint64_t max_backup_files = 1'000'000;     // inodes that it can claim
inline constexpr std::uint64_t max_backup_bytes = 256ull << 30;  // disk that it can claim

struct BackupMade {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;  // of the archive
    bool sealed = false;
};

// Writes `archive` (mode 0600) whole or not at all; conflict when it exists. The server may run meanwhile.
// Faults: not_found (no installation there), unavailable, corrupt (a stored file is not what was put).
Result<BackupMade> backup(const std::string& directory, const std::string& archive,
                          const std::optional<Secret>& passphrase, const Clock& clock, Disk& disk, Random& random);

struct RestoreOptions {
    std::optional<Secret> passphrase;
    // The installation that this one replaces, if it can still be read: versions do not fall below its own, and what
    // was revoked, removed or changed there since the backup stays so.
    std::string previous;
};

// What was taken away since the backup, and does not come back.
struct CarriedOver {
    std::uint64_t revoked = 0;  // certificates
    std::uint64_t devices = 0;  // removed, with all that is theirs
    std::uint64_t logins = 0;   // changed or removed; a changed one is good as it was changed
};

struct Restored {
    WallTime made{};  // when the backup was made
    std::uint64_t files = 0;
    std::uint32_t last_version = 0;  // every section shows a number up to this one, above what phones hold
    std::size_t windows_closed = 0;
    Withdrawn withdrawn{};
    std::optional<CarriedOver> carried{};  // with RestoreOptions::previous only
};

// Into an absent or empty directory (else conflict), whole or not at all; every window is closed, what was pending of
// enrolment (unspent tokens, undecided enrolments, files that are fetched once) is withdrawn, because it may have been
// used since, and every section gets a new number. Phones may hold versions given out after the backup was made.
// `previous` knows them; without it the counter goes up by a million and one for each second since, at most to
// highest_chosen_version, which a version or floor that was set by hand after the backup may still exceed. Faults:
// unauthenticated (wrong passphrase, or one is needed), malformed or corrupt (not a backup, cut or changed), too_large,
// conflict (newer format or database; `previous` is another installation or older than the backup), not_found
// (`previous` holds none), unavailable.
Result<Restored> restore(const std::string& archive, const std::string& directory, const RestoreOptions& options,
                         const Clock& clock, Disk& disk);

}  // namespace ringfence::registry

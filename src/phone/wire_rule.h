// The wire rule: over TFTP, FTP and HTTP anybody on the way may have written what comes, and that never weakens what
// came over HTTPS from a verified server (docs/TRUST.md).
//
//   version   A stored version counts against an offer only as far as nobody could have made it up: judge_version().
//   file      A file of a clear wire takes no other file's place that came over HTTPS, whatever DELETE_FILES says. It
//             takes that of the same name only where the section is public by nature: FW, LANGUAGE, TONES; the stored
//             version then counts as one of a clear wire, so that the next offer over HTTPS takes the place back.
//   section   Once a section came over HTTPS it comes over nothing else until a reset. Exempt are what is public by
//             nature; USER_KEYS, whose files are judged by their bytes; and DEVICE_CONFIG under another name or public
//             in whole, because phones are given a public one in clear beside an internal one.
//   setting   Once a setting came over HTTPS, files of clear wires set public ones only (SettingSpec::is_public), and
//             none to another value than came over HTTPS.
//   room      What clear wires can leave in the flash is bounded, far below what it holds: settings by
//             unknown_clear_limit and the catalogue, files by one a section and five of languages and of tones.
//
// Nobody can tell two offers over clear wires apart: there the manual's rules hold, and the genuine one may lose
// against a version that somebody made up. The report names that version.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "phonefile/manifest.h"

namespace ringfence::phone {

// Who could have made up a version.
enum class VersionProof {
    none,      // everybody on the way: the file came over a clear wire
    file,      // everybody on the way, but the file came over HTTPS; the manifest that gave the number did not
    complete,  // nobody: file and manifest came over HTTPS
};
std::string_view to_string(VersionProof proof);  // "clear", "https", "proved"
std::optional<VersionProof> parse_version_proof(std::string_view name);

struct StoredVersion {
    std::string text;  // as the manifest wrote it
    VersionProof proof = VersionProof::none;

    friend bool operator==(const StoredVersion&, const StoredVersion&) = default;
};

struct VersionOffer {
    std::string text;
    VersionProof proof = VersionProof::none;
    bool holds_files = true;  // the phone holds the files of these names, as they came over HTTPS
};

// Whether what is offered is wanted under AUTO. An offer over a clear wire must be newer than what is stored, as in the
// manual. One over HTTPS must be newer than a `complete` version; of a `file` version it must differ, or name files
// that the phone does not hold, since a manifest that somebody copied with another VERSION or FILENAME would freeze the
// section otherwise; a `none` version does not count. `stored` may be null.
phonefile::VersionVerdict judge_version(const VersionOffer& offered, const StoredVersion* stored);

// What may come over HTTPS once and in clear later, because it is the same for every phone.
bool is_public_by_nature(phonefile::SectionKind kind);

bool is_settings(phonefile::SectionKind kind);  // DEVICE_CONFIG and USER_CONFIG

}  // namespace ringfence::phone

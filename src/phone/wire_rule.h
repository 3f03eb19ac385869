// The wire rule: over TFTP, FTP and HTTP anybody on the way may have written what comes, and that never weakens what
// came over HTTPS from a verified server (docs/TRUST.md).
//
//   version   One that came over a clear wire does not count against an offer over HTTPS: judge_version().
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
// Nobody can tell two offers over clear wires apart, nor two manifests: there the manual's rules hold, and the genuine
// one may lose against a version that somebody made up. The report names that version; FORCED is the way past it.
#pragma once

#include <string>
#include <string_view>

#include "phonefile/manifest.h"

namespace ringfence::phone {

struct SectionVersion {
    std::string text;            // as the manifest wrote it
    bool came_by_https = false;  // the section's file, whatever brought the manifest

    friend bool operator==(const SectionVersion&, const SectionVersion&) = default;
};

struct VersionSpelling {
    bool by_digits = false;  // "SIP12x004.04.09.00" counts as 04040900 (reference 2.5)
};

// Whether what is offered is wanted under AUTO: when it is newer than what is stored, as in the manual, and besides
// when it is offered over HTTPS while the stored version came over a clear wire. `stored` may be null.
phonefile::VersionVerdict judge_version(const SectionVersion& offered, const SectionVersion* stored,
                                        VersionSpelling spelling);

// What may come over HTTPS once and in clear later, because it is the same for every phone.
bool is_public_by_nature(phonefile::SectionKind kind);

bool is_settings(phonefile::SectionKind kind);  // DEVICE_CONFIG and USER_CONFIG

}  // namespace ringfence::phone

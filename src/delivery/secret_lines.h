// Secrets in the raw text of a file, as somebody who reads its bytes would find them: in comments, in lines that phones
// drop, in any section, in any case, as "NAME value" or "NAME=value". What phones make of the text does not matter
// here, because the bytes are served as they are. Pure and thread-safe. No answer holds a value.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "family/family.h"
#include "phonefile/settings_file.h"

namespace ringfence::delivery {

struct SecretLine {
    std::size_t line = 0;   // from 1: where the value stands
    std::string name;       // in upper case: a secret setting of the family, or a form of SRV_USER_PASS
    bool is_login = false;  // SRV_USER_PASS
};

// The first line that names a secret and gives it a value, on the same line or as a lone word on the next one. NUL
// bytes are passed over, so that UTF-16 is read too. Names of secrets are letters, digits and '_'. Nothing for bytes
// above phonefile::max_file_size that are no text: firmware holds names of settings by accident.
std::optional<SecretLine> find_secret_line(const family::Family& family, std::string_view bytes);

// Whether a name that the family does not know looks as if its value were better not shown.
bool sounds_secret(std::string_view name);

// What is wrong with lines of a settings file, by line: names that the family does not know, values that it does not
// take. A name is told only where it cannot be the tail of a secret that was wrapped onto further lines.
std::map<std::size_t, std::string> find_unfit_settings(const family::Family& family,
                                                       const phonefile::SettingsReading& reading);

// For showing: every value whose name is no setting or manifest keyword that may be shown becomes masked_secret, and so
// does a comment that may hold one. A lone word is masked where it may be the tail of a wrapped secret. Lines keep
// their number; NUL bytes go.
std::string mask_secrets(const family::Family& family, std::string_view text);

}  // namespace ringfence::delivery

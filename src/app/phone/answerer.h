// Who answers a set's prompts: what was given beforehand, or a person at a terminal. No answer means no.
#pragma once

#include <optional>
#include <vector>

#include "base/secret.h"
#include "phone/acceptance.h"
#include "phone/fingerprint.h"

namespace ringfence::app {

// The answers that need nobody, one for each prompt of reference 5.3, 5.4 and 2.3.
struct GivenAnswers {
    std::vector<phone::ExpectedFingerprint> fingerprints;
    std::optional<Secret> certificate_password;  // of a PKCS#12 file; may be empty
    std::optional<bool> consent;                 // to every PROMPT YES
};

class Answerer {
public:
    // `may_ask_person`: standard input is free and a terminal.
    Answerer(GivenAnswers given, bool may_ask_person) : given_(std::move(given)), may_ask_person_(may_ask_person) {}

    phone::Answer answer(const phone::Question& question) const;

private:
    std::optional<phone::Answer> find_given(const phone::Question& question) const;
    GivenAnswers given_;
    bool may_ask_person_;
};

}  // namespace ringfence::app

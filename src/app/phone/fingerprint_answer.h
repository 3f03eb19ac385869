// Who answers the fingerprint dialog: what was given beforehand, or a person at a terminal. No answer means no.
#pragma once

#include <vector>

#include "phone/boot.h"

namespace ringfence::app {

class Answerer {
public:
    // `may_ask_person`: standard input is free and a terminal.
    Answerer(std::vector<phone::ExpectedFingerprint> expected, bool may_ask_person)
        : expected_(std::move(expected)), may_ask_person_(may_ask_person) {}

    phone::Answer answer(const phone::Question& question) const;

private:
    std::vector<phone::ExpectedFingerprint> expected_;
    bool may_ask_person_;
};

}  // namespace ringfence::app

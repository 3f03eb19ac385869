// How a segment is told to a switch, and when it asks again: the administrator's settings.
#pragma once

#include <string>

#include "base/clock.h"

namespace ringfence::network {

struct AdmissionTerms {
    std::string onboarding = "onboarding";  // a VLAN's name or number (RFC 3580 section 3.31)
    std::string production = "production";
    Duration session = std::chrono::hours(1);
    friend bool operator==(const AdmissionTerms&, const AdmissionTerms&) = default;
};
// Below that, switches and phones would do nothing but log in.
inline constexpr Duration shortest_session = std::chrono::seconds(60);
// A port of a device that left stays open no longer.
inline constexpr Duration longest_session = std::chrono::hours(24);

}  // namespace ringfence::network

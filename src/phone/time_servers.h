// Whom a phone asks for the time, and how the boot session asks for it: as a value, answered by the driver.
// Pure and thread-safe.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "phone/parameters.h"
#include "phone/settings_store.h"

namespace ringfence::phone {

// Each that is dead costs a wait.
inline constexpr std::size_t max_time_servers = 4;

struct TimeSources {
    const ParameterMemory& memory;
    const EffectiveSettings& settings;
    std::vector<IpAddress> lease;        // option 42
    bool needs_sntp_enable_yes = false;  // as a set; else the setting's server is asked unless SNTP_ENABLE is NO
};

// Addresses and names, each once, at most max_time_servers: the one that was typed, DHCP's, that of the setting
// SNTP_SERVER, and the last that came by itself.
std::vector<std::string> time_servers(const TimeSources& sources);

struct TimeOrder {
    std::vector<std::string> servers;  // never empty; the first that answers
};

struct TimeOutcome {
    Result<WallTime> time;  // unavailable when none answers, with a sentence about each
    std::string server;     // that answered
};

}  // namespace ringfence::phone

// How often wrong secrets are told of. A token's secret has 130 bits, so guessing it is hopeless and need not be
// stopped, and stopping it would lock out whoever holds the right one; but each try must not fill the log. Nor must
// a token that comes again for what it cannot have; it is counted under a name of its own. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace ringfence::authority {

class WrongTries {
public:
    static constexpr std::size_t max_references = 4096;  // one guesser can name millions; then all are counted as one
    static constexpr Duration quiet = std::chrono::minutes(10);

    // Counts one. The number since it was last told, if it is to be told now: the first, and one each `quiet`.
    std::uint64_t note(std::string_view reference, SteadyTime now);

private:
    struct Count {
        std::uint64_t untold = 0;
        SteadyTime told{};
    };
    std::mutex mutex_;
    std::unordered_map<std::string, Count> counts_;
};

}  // namespace ringfence::authority

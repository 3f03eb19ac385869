// Asks time servers by SNTP, over UDP and one after the other. Blocks for `inquiry_patience` at most, because a phone
// that cannot know the time boots all the same. Thread-safe.
#pragma once

#include <atomic>

#include "base/clock.h"
#include "crypto/verify.h"
#include "phone/flash_state.h"
#include "phone/time_servers.h"

namespace ringfence::app {

inline constexpr Duration inquiry_patience = std::chrono::seconds(6);
inline constexpr Duration answer_patience = std::chrono::seconds(1);
// A datagram may be lost, and a port that was just opened may lose the first ones.
inline constexpr unsigned tries_of_one_server = 2;

// `stop` may be null; once it is true the inquiry ends.
phone::TimeOutcome ask_time(const phone::TimeOrder& order, const std::atomic<bool>* stop);

// What to judge a server by that is asked once, by this machine's clock. A time server is asked only where the clock
// may be ahead, and its word is a floor, as that of an unset clock: who is good by the phone's own clock stays good, so
// a false time locks nobody out.
crypto::JudgingTime time_for_one_try(const phone::FlashState& state, const std::atomic<bool>* stop);

}  // namespace ringfence::app

// When a phone that stays on looks for updates by itself (reference 1.5): once a day, at AUTO_UPDATE_TIME seconds after
// midnight and a random time within AUTO_UPDATE_TIME_RANGE hours, so that a fleet does not come at once. Pure.
#pragma once

#include <chrono>
#include <optional>

#include "base/clock.h"
#include "base/random.h"
#include "phone/settings_store.h"

namespace ringfence::phone {

struct UpdateWindow {
    std::chrono::seconds begin{};     // after midnight
    std::chrono::hours length{1};     // 1 to 6
    std::chrono::seconds from_gmt{};  // of the phone's midnight, east positive

    friend bool operator==(const UpdateWindow&, const UpdateWindow&) = default;
};

// Empty unless AUTO_UPDATE is YES. What is absent or no number in its range has its default.
std::optional<UpdateWindow> read_update_window(const EffectiveSettings& settings);

// A time after `now`, each of the window equally likely. `last` is when the daily check ran before; a window that it
// lies in is over for it.
WallTime next_update(const UpdateWindow& window, WallTime now, std::optional<WallTime> last, Random& random);

// How long to wait after `failures` boots in a row that reached no server: it doubles to an hour, and is spread,
// because a power cut starts a whole fleet at once.
Duration retry_wait(unsigned failures, Random& random);

}  // namespace ringfence::phone

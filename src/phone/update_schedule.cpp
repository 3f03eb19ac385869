#include "phone/update_schedule.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace ringfence::phone {

namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr seconds day = hours(24);
constexpr int usual_begin = 2;                             // seconds after midnight, as families/avaya-1200 has it
constexpr int longest_window = 6;                          // hours (reference 1.5)
constexpr int farthest_zone = 14 * 3600;                   // seconds; no place on earth is farther from Greenwich
constexpr Duration first_retry = std::chrono::minutes(1);  // a server that restarts is back by then
constexpr unsigned most_doublings = 6;                     // to 64 minutes, cut at the longest
constexpr Duration longest_retry = std::chrono::hours(1);  // a branch that comes back is served within it

std::optional<int> find_number(const EffectiveSettings& settings, std::string_view name, int least, int most) {
    const auto found = settings.find(name);
    if (found == settings.end()) return std::nullopt;
    const std::string& text = found->second.value;
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < least || number > most)
        return std::nullopt;
    return number;
}

Duration below(Duration bound, Random& random) {
    return Duration(static_cast<Duration::rep>(random.below(static_cast<std::uint64_t>(bound.count()))));
}

}  // namespace

std::optional<UpdateWindow> read_update_window(const EffectiveSettings& settings) {
    const auto wanted = settings.find("AUTO_UPDATE");
    if (wanted == settings.end() || wanted->second.value != "YES") return std::nullopt;
    UpdateWindow window;
    constexpr int last_second = 86399;
    window.begin = seconds(find_number(settings, "AUTO_UPDATE_TIME", 0, last_second).value_or(usual_begin));
    window.length = hours(find_number(settings, "AUTO_UPDATE_TIME_RANGE", 1, longest_window).value_or(1));
    window.from_gmt = seconds(find_number(settings, "TIMEZONE_OFFSET", -farthest_zone, farthest_zone).value_or(0));
    return window;
}

WallTime next_update(const UpdateWindow& window, WallTime now, std::optional<WallTime> last, Random& random) {
    const auto local_midnight = std::chrono::floor<std::chrono::days>(now + window.from_gmt);
    const Duration chance = below(window.length, random);
    // The window of the day before may still be open after midnight.
    for (WallTime begin = local_midnight - window.from_gmt + window.begin - day;; begin += day) {
        const bool is_over_for_it = last && *last >= begin && *last < begin + window.length;
        if (begin + chance > now && !is_over_for_it) return begin + chance;
    }
}

Duration retry_wait(unsigned failures, Random& random) {
    const Duration doubled = first_retry * (1LL << std::min(failures, most_doublings));
    const Duration wait = std::min(doubled, longest_retry);
    return wait / 2 + below(wait, random);
}

}  // namespace ringfence::phone

#include "phone/event_log.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "base/text.h"

namespace ringfence::phone {

namespace {

constexpr std::array<std::string_view, 7> weekdays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
// A sentence with an address and a fingerprint fits; a hostile file name does not fill the log.
constexpr std::size_t text_limit = 400;

std::string log_time(WallTime time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
    return fmt::format("{} {} {:02} {:02}:{:02}:{:02} {:04}", weekdays[std::chrono::weekday(day).c_encoding()],
                       months[static_cast<unsigned>(date.month()) - 1], static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                       static_cast<int>(date.year()));
}

std::string_view base_name(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace

std::string format_event(const Event& event, WallTime time, std::uint64_t running_number) {
    return fmt::format("0x{:04X} [{}] [{}] [{}] [{} : {}] - {}", static_cast<unsigned>(event.code),
                       event.severity == Severity::minor ? "Minor" : "Information", log_time(time), running_number,
                       base_name(event.file), event.line, printable(event.text, text_limit));
}

std::optional<std::uint64_t> parse_running_number(std::string_view line) {
    constexpr int brackets_before = 2;  // severity and time
    std::size_t at = 0;
    for (int i = 0; i < brackets_before; ++i) {
        at = line.find(']', at);
        if (at == std::string_view::npos) return std::nullopt;
        ++at;
    }
    const auto open = line.find('[', at);
    const auto close = line.find(']', at);
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
    return parse_number(line.substr(open + 1, close - open - 1));
}

}  // namespace ringfence::phone

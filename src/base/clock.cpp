#include "base/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace ringfence {

namespace chrono = std::chrono;

namespace {

struct CivilTime {
    chrono::year_month_day date;
    chrono::hh_mm_ss<chrono::seconds> time;
    chrono::weekday weekday;
};

CivilTime civil(WallTime time) {
    const auto day = chrono::floor<chrono::days>(time);
    const auto seconds = chrono::floor<chrono::seconds>(time - day);
    return {chrono::year_month_day(day), chrono::hh_mm_ss<chrono::seconds>(seconds), chrono::weekday(day)};
}

}  // namespace

WallTime SystemClock::wall_now() const { return chrono::floor<chrono::milliseconds>(chrono::system_clock::now()); }

SteadyTime SystemClock::steady_now() const { return chrono::floor<chrono::milliseconds>(chrono::steady_clock::now()); }

std::string format_time(WallTime time) {
    const auto [date, clock, weekday] = civil(time);
    static_cast<void>(weekday);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                       clock.minutes().count(), clock.seconds().count());
}

Result<Duration> parse_duration(std::string_view text) {
    struct Unit {
        char letter;
        chrono::seconds length;
    };
    static constexpr std::array units = {Unit{'s', chrono::seconds(1)}, Unit{'m', chrono::minutes(1)},
                                         Unit{'h', chrono::hours(1)}, Unit{'d', chrono::hours(24)}};
    const auto unit = std::find_if(units.begin(), units.end(),
                                   [&](const Unit& each) { return !text.empty() && text.back() == each.letter; });
    const auto count = parse_number(text.substr(0, text.empty() ? 0 : text.size() - 1));
    if (unit == units.end() || !count)
        return fail(FaultCode::malformed, "a time is written as in 90s, 30m, 24h or 30d");
    constexpr std::uint64_t most = 1'000'000;  // far from where a Duration overflows
    if (*count > most) return fail(FaultCode::too_large, "the time is too long");
    return Duration(unit->length) * static_cast<std::int64_t>(*count);
}

// Digit by digit, because every HTTP answer carries two of them.
std::string format_http_date(WallTime time) {
    static constexpr std::array days = {"Sun, ", "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, "};
    static constexpr std::array months = {" Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ",
                                          " Jul ", " Aug ", " Sep ", " Oct ", " Nov ", " Dec "};
    const auto [date, clock, weekday] = civil(time);
    const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
    std::string out;
    out.reserve(std::string_view("Mon, 23 Nov 2026 06:10:09 GMT").size());
    const auto add_two_digits = [&out](auto number) {
        out += static_cast<char>('0' + number / 10);
        out += static_cast<char>('0' + number % 10);
    };
    out += days[weekday.c_encoding()];
    add_two_digits(static_cast<unsigned>(date.day()));
    out += months[static_cast<unsigned>(date.month()) - 1];
    add_two_digits(year / 100 % 100);
    add_two_digits(year % 100);
    out += ' ';
    add_two_digits(clock.hours().count());
    out += ':';
    add_two_digits(clock.minutes().count());
    out += ':';
    add_two_digits(clock.seconds().count());
    out += " GMT";
    return out;
}

Result<WallTime> parse_time(std::string_view text) {
    static constexpr std::string_view shape = "dddd-dd-ddTdd:dd:ddZ";
    const auto malformed = [&] {
        return fail(FaultCode::malformed, "'" + printable(text) + "' is not a time like 2026-11-23T06:10:00Z");
    };
    if (text.size() != shape.size()) return malformed();
    for (std::size_t i = 0; i < shape.size(); ++i)
        if (shape[i] == 'd' ? !is_ascii_digit(text[i]) : text[i] != shape[i]) return malformed();
    const auto number = [&](std::size_t at, std::size_t count) {
        return static_cast<unsigned>(*parse_number(text.substr(at, count)));
    };
    const chrono::year_month_day date{chrono::year(static_cast<int>(number(0, 4))), chrono::month(number(5, 2)),
                                      chrono::day(number(8, 2))};
    if (!date.ok() || number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 59) return malformed();
    return WallTime(chrono::sys_days(date) + chrono::hours(number(11, 2)) + chrono::minutes(number(14, 2)) +
                    chrono::seconds(number(17, 2)));
}

}  // namespace ringfence

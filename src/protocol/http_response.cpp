#include "protocol/http_response.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/text.h"

namespace ringfence::protocol {

namespace {

constexpr std::size_t usual_head_size = 384;  // of a file's answer, with room to spare

constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct DateParts {
    std::string_view day;
    std::string_view month;
    std::string_view year;
    std::string_view time;  // "06:10:00"
};

std::optional<unsigned> parse_digits(std::string_view text, unsigned max) {
    const auto number = parse_number(text);
    if (!number || *number > max) return std::nullopt;
    return static_cast<unsigned>(*number);
}

std::optional<Duration> parse_time_of_day(std::string_view text) {
    const auto parts = split(text, ':');
    if (text.size() != 8 || parts.size() != 3) return std::nullopt;
    const auto hour = parse_digits(parts[0], 23);
    const auto minute = parse_digits(parts[1], 59);
    const auto second = parse_digits(parts[2], 60);  // 60: a leap second
    if (!hour || !minute || !second) return std::nullopt;
    return std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
}

std::optional<WallTime> compose_date(const DateParts& parts) {
    const auto day = parse_digits(trim(parts.day), 31);
    const auto* month = std::find(months.begin(), months.end(), parts.month);
    auto year = parse_digits(parts.year, 9999);
    const auto time = parse_time_of_day(parts.time);
    if (!day || month == months.end() || !year || !time) return std::nullopt;
    // RFC 850 years have two digits; ours are all after 1970.
    if (parts.year.size() == 2) *year += *year < 70 ? 2000 : 1900;
    const std::chrono::year_month_day date(std::chrono::year(static_cast<int>(*year)),
                                           std::chrono::month(static_cast<unsigned>(month - months.begin()) + 1),
                                           std::chrono::day(*day));
    if (!date.ok()) return std::nullopt;
    return WallTime(std::chrono::sys_days(date)) + *time;
}

WallTime whole_seconds(WallTime time) { return std::chrono::floor<std::chrono::seconds>(time); }

// RFC 9110 section 8.8.3.2, weak comparison, as If-None-Match wants it.
bool names_etag(std::string_view list, std::string_view etag) {
    if (trim(list) == "*") return true;
    for (auto candidate : split(list, ',')) {
        candidate = trim(candidate);
        if (candidate.substr(0, 2) == "W/") candidate.remove_prefix(2);
        if (candidate == etag) return true;
    }
    return false;
}

bool is_unchanged(const HttpRequest& request, const HttpFile& file) {
    if (!request.if_none_match.empty()) return names_etag(request.if_none_match, file.etag);
    const auto since = parse_http_date(request.if_modified_since);
    return since && whole_seconds(file.modified) <= *since;
}

// RFC 9110 section 13.1.5: a strong ETag or the exact date.
bool range_still_applies(std::string_view if_range, const HttpFile& file) {
    if (if_range.empty()) return true;
    if (if_range.front() == '"') return if_range == file.etag;
    const auto date = parse_http_date(if_range);
    return date && *date == whole_seconds(file.modified);
}

// "bytes=a-b", "bytes=a-" or "bytes=-n" (RFC 9110 section 14.1.2).
HttpPart choose_range(std::string_view range, std::uint64_t size) {
    const HttpPart whole{200, 0, size};
    const HttpPart unsatisfiable{416, 0, 0};
    constexpr std::string_view unit = "bytes=";
    if (!equals_ignoring_case(range.substr(0, unit.size()), unit)) return whole;
    const auto spec = trim(range.substr(unit.size()));
    const auto dash = spec.find('-');
    if (dash == std::string_view::npos) return whole;
    const auto first_text = spec.substr(0, dash);
    const auto last_text = spec.substr(dash + 1);
    const auto first = parse_number(first_text);
    const auto last = parse_number(last_text);
    // What is no number, and so a list too, is no range of ours.
    if ((!first && !first_text.empty()) || (!last && !last_text.empty()) || (!first && !last)) return whole;

    if (!first) {
        if (*last == 0 || size == 0) return unsatisfiable;
        const auto length = std::min(*last, size);
        return {206, size - length, length};
    }
    if (last && *last < *first) return whole;
    if (*first >= size) return unsatisfiable;
    const auto end = last ? std::min(*last, size - 1) : size - 1;
    return {206, *first, end - *first + 1};
}

bool is_header_text(std::string_view value) {
    return std::none_of(value.begin(), value.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

}  // namespace

unsigned http_status(FaultCode code) {
    switch (code) {
        case FaultCode::malformed: return 400;
        case FaultCode::too_large: return 431;  // of a request, only its head can be
        case FaultCode::unauthenticated: return 401;
        case FaultCode::forbidden:
        case FaultCode::untrusted:
        case FaultCode::expired:
        case FaultCode::not_found: return 404;
        case FaultCode::conflict: return 409;
        case FaultCode::rate_limited: return 429;
        case FaultCode::unavailable: return 503;
        case FaultCode::corrupt:
        case FaultCode::internal: break;
    }
    return 500;
}

std::string_view http_reason(unsigned status) {
    switch (status) {
        case 200: return "OK";
        case 202: return "Accepted";
        case 206: return "Partial Content";
        case 304: return "Not Modified";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 408: return "Request Timeout";
        case 409: return "Conflict";
        case 411: return "Length Required";
        case 413: return "Content Too Large";
        case 415: return "Unsupported Media Type";
        case 416: return "Range Not Satisfiable";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 500: return "Internal Server Error";
        case 503: return "Service Unavailable";
        default: return "Unknown";
    }
}

HttpPart choose_part(const HttpRequest& request, const HttpFile& file) {
    if (is_unchanged(request, file)) return {304, 0, 0};
    // RFC 9110 section 14.2: Range means something for GET only.
    if (request.method != "GET" || request.range.empty() || !range_still_applies(request.if_range, file))
        return {200, 0, file.size};
    return choose_range(request.range, file.size);
}

std::optional<WallTime> parse_http_date(std::string_view text) {
    const auto comma = text.find(',');
    const auto words = split(comma == std::string_view::npos ? text : trim(text.substr(comma + 1)), ' ');
    if (comma == 3 && words.size() == 5 && words[4] == "GMT")  // Sun, 06 Nov 1994 08:49:37 GMT
        return words[2].size() == 4 ? compose_date({words[0], words[1], words[2], words[3]}) : std::nullopt;
    if (comma != std::string_view::npos && words.size() == 3 && words[2] == "GMT") {  // Sunday, 06-Nov-94 08:49:37 GMT
        const auto date = split(words[0], '-');
        return date.size() == 3 && date[2].size() == 2 ? compose_date({date[0], date[1], date[2], words[1]})
                                                       : std::nullopt;
    }
    constexpr std::size_t asctime_length = 24;  // Sun Nov  6 08:49:37 1994
    if (comma == std::string_view::npos && text.size() == asctime_length)
        return compose_date({text.substr(8, 2), text.substr(4, 3), text.substr(20, 4), text.substr(11, 8)});
    return std::nullopt;
}

std::string format_response_head(const HttpResponseHead& head) {
    std::string out;
    out.reserve(usual_head_size);
    const auto add = [&out](std::string_view name, std::string_view value) {
        RINGFENCE_ASSERT(is_header_text(value));
        if (value.empty()) return;
        out.append(name).append(": ").append(value).append("\r\n");
    };
    out.append("HTTP/1.1 ").append(std::to_string(head.status)).append(" ").append(http_reason(head.status));
    out.append("\r\n");
    add("Date", format_http_date(head.date));
    if (head.content_length) add("Content-Length", std::to_string(*head.content_length));
    add("Content-Type", head.content_type);
    add("ETag", head.etag);
    if (head.modified) add("Last-Modified", format_http_date(*head.modified));
    if (head.accepts_ranges) add("Accept-Ranges", "bytes");
    add("Content-Range", head.content_range);
    add("WWW-Authenticate", head.www_authenticate);
    add("Allow", head.allow);
    if (head.no_store) add("Cache-Control", "no-store");
    if (head.retry_after) {
        const auto seconds = std::chrono::ceil<std::chrono::seconds>(*head.retry_after);
        add("Retry-After", std::to_string(seconds.count()));
    }
    // Said either way: HTTP/1.0 clients assume close, HTTP/1.1 ones the contrary.
    add("Connection", head.keep_alive ? "keep-alive" : "close");
    out += "\r\n";
    return out;
}

std::string format_content_range(const HttpPart& part, std::uint64_t file_size) {
    if (part.status != 206) return fmt::format("bytes */{}", file_size);
    return fmt::format("bytes {}-{}/{}", part.first, part.first + part.length - 1, file_size);
}

}  // namespace ringfence::protocol

// Writing HTTP response heads, and deciding what a GET of one file gets: the whole, a part, or nothing new (RFC 9110).
// Pure. No response is compressed, chunked or redirected: old phones know none of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "protocol/http_request.h"

namespace ringfence::protocol {

// The one table from our faults to statuses. Absent and forbidden give the same.
unsigned http_status(FaultCode code);
std::string_view http_reason(unsigned status);  // "Not Found"

// The file that a path names, as far as HTTP cares.
struct HttpFile {
    std::uint64_t size = 0;
    std::string_view etag;  // quoted, strong
    WallTime modified{};
};

// What to send of it.
struct HttpPart {
    unsigned status = 200;  // 200, 206, 304 or 416
    std::uint64_t first = 0;
    std::uint64_t length = 0;  // bytes of the file from `first`; 0 with 304 and 416
};

// RFC 9110 sections 13.1.2, 13.1.3, 13.1.5 and 14.2, in the order of 13.2.2. If-None-Match wins over
// If-Modified-Since. More than one range, or a range in another unit, is answered with the whole file.
HttpPart choose_part(const HttpRequest& request, const HttpFile& file);

// The three forms of RFC 9110 section 5.6.7; empty when it is none of them.
std::optional<WallTime> parse_http_date(std::string_view text);

struct HttpResponseHead {
    unsigned status = 200;
    WallTime date{};
    std::optional<std::uint64_t> content_length;  // none only for 304; for HEAD the length that GET would have
    std::string_view content_type;                // empty: no header
    std::string_view etag;                        // empty: no header
    std::optional<WallTime> modified;             // Last-Modified
    bool accepts_ranges = false;
    std::string_view content_range;       // from format_content_range(); empty: no header
    std::string_view www_authenticate;    // from format_challenge(); empty: no header
    std::string_view allow;               // with 405; empty: no header
    std::optional<Duration> retry_after;  // in whole seconds, rounded up
    bool no_store = false;                // Cache-Control: nobody on the way keeps it
    bool keep_alive = false;
};

// The head, up to and with the empty line. No Server header: it would only help an attacker. A value must hold no CR,
// LF or NUL.
std::string format_response_head(const HttpResponseHead& head);

// What a peer waits for that holds its body back (RFC 9110 section 10.1.1).
inline constexpr std::string_view continue_head = "HTTP/1.1 100 Continue\r\n\r\n";

// "bytes 0-99/1234" for a part, "bytes */1234" for 416.
std::string format_content_range(const HttpPart& part, std::uint64_t file_size);

}  // namespace ringfence::protocol

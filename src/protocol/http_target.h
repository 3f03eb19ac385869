// What an HTTP request target names (RFC 9112 section 3.2, RFC 3986). Pure.
#pragma once

#include <string>
#include <string_view>

namespace ringfence::protocol {

struct HttpTarget {
    // Percent-decoded, one leading '/' removed, no query; dot segments are left for the pipeline to refuse. Of a
    // malformed target: its raw bytes without the query ("//" before them if they begin with no '/'), which no file's
    // path can be.
    std::string path;
    // Not a path or http(s) URL, or it holds (raw or encoded) a control byte, NUL or backslash, an encoded '/', a raw
    // non-ASCII byte, '#', or a '%' without two hex digits. Answer it as any absent path is answered.
    bool is_malformed = false;
    std::string authority;  // host and port of an absolute-form target; else empty
};

HttpTarget parse_http_target(std::string_view target);

}  // namespace ringfence::protocol

// Reading HTTP/1.1 responses from a byte stream, for a client of our own server (RFC 9112): bodies with Content-Length
// only, each bounded. The grammar is Boost.Beast's parser. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace ringfence::protocol {

// The status line and all headers with their ends.
inline constexpr std::size_t max_http_reply_head = 4096;

struct HttpReply {
    unsigned status = 0;
    bool keep_alive = false;  // false: the server closes
    Secret body{};            // may hold one
};

class HttpReplyReader {
public:
    explicit HttpReplyReader(std::size_t max_body) : max_body_(max_body) {}
    ~HttpReplyReader();
    HttpReplyReader(const HttpReplyReader&) = delete;
    HttpReplyReader& operator=(const HttpReplyReader&) = delete;

    // Give no more than one read brings before next() is asked.
    void add(std::string_view bytes);
    // The next whole response; empty when more bytes are needed. Faults: malformed (also an interim response and any
    // body without Content-Length), too_large; then nothing more can be read.
    Result<std::optional<HttpReply>> next();

private:
    struct Head {
        unsigned status = 0;
        bool keep_alive = false;
        std::size_t body_size = 0;
    };
    Result<Head> parse_head(std::string_view bytes) const;

    std::size_t max_body_;
    std::string buffer_;
    std::optional<Head> head_;
};

}  // namespace ringfence::protocol

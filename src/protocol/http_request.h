// Reading HTTP/1.0 and HTTP/1.1 requests from a byte stream, one after another (RFC 9112). The grammar is Boost.Beast's
// parser; what is ours is the bound, the target, and the one byte in an old phone's User-Agent that Beast refuses.
// One thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace ringfence::protocol {

// The request line and all headers with their ends. Several times what any phone or browser of ours sends.
inline constexpr std::size_t max_http_head = 16 * 1024;
// The longest body that is taken: a CMP request with its chain is below 16 kB. A body of no use to us is read and
// dropped up to this, so that the connection can be kept.
inline constexpr std::uint64_t max_http_body = 64 * 1024;

// What became of a request's body.
enum class HttpBody {
    unread,          // there is none, or nobody wants it
    read,            // it is whole
    too_large,       // more than max_http_body: answer 413
    without_length,  // wanted, but chunked or in another transfer coding: answer 411
};

struct HttpRequest {
    std::string method;                // as sent: methods are case-sensitive
    std::string target;                // as sent
    std::string target_path;           // as HttpTarget::path
    bool target_is_malformed = false;  // answer as an absent path; target_path then names nothing
    std::string query;                 // of the target, as sent: between '?' and '#'
    unsigned version = 11;             // 10 or 11
    bool keep_alive = false;           // false: answer and close
    std::string host;                  // Host, or the authority of an absolute-form target
    std::string user_agent;            // original bytes; control and non-ASCII bytes are possible
    // Raw values; empty: the header is absent.
    Secret authorization;  // for parse_authorization()
    std::string range;
    std::string if_none_match;
    std::string if_modified_since;
    std::string if_range;
    HttpBody body_state = HttpBody::unread;
    std::string body;  // empty unless it was read
};

class HttpRequestReader {
public:
    // Whether the body of the request with this head is wanted. Asked once for each request that has one.
    using WantsBody = std::function<bool(const HttpRequest& head)>;

    // Without a function no body is wanted.
    explicit HttpRequestReader(WantsBody wants_body = {}) : wants_body_(std::move(wants_body)) {}
    ~HttpRequestReader();
    HttpRequestReader(const HttpRequestReader&) = delete;
    HttpRequestReader& operator=(const HttpRequestReader&) = delete;

    // Adds bytes from the peer. The door reads no more while a request is being answered, so what waits here is bounded
    // by what one read brings.
    void add(std::string_view bytes);

    // The next whole request, its body read or dropped; empty when more bytes are needed, and always after a request
    // whose keep_alive is false. A body that cannot be had (chunked, longer than max_http_body, or unwanted and
    // announced by "Expect: 100-continue") is not waited for: the request comes at once with keep_alive false.
    // A missing Host is let pass in HTTP/1.1 too: whether old phones send one is not known, and nothing depends on it.
    // Faults: malformed (answer 400), too_large (431); then nothing more can be read: answer and close.
    Result<std::optional<HttpRequest>> next();

    // True once for a request whose wanted body the peer holds back until it is told "100 Continue" (RFC 9110 section
    // 10.1.1). Ask when next() gave nothing.
    bool take_continue();

    // True when a request has begun but is not whole: the door's idle time is then the shorter one.
    bool is_inside_request() const { return !buffer_.empty() || body_left_ > 0; }

private:
    Result<std::optional<HttpRequest>> take_request();
    std::optional<HttpRequest> take_body();
    void drop(std::size_t count);

    WantsBody wants_body_;
    std::string buffer_;
    std::size_t searched_ = 0;            // bytes of buffer_ that hold no end of the head
    std::optional<HttpRequest> request_;  // read, but its body is still to come
    std::uint64_t body_left_ = 0;
    bool expects_continue_ = false;
    bool is_finished_ = false;
};

}  // namespace ringfence::protocol

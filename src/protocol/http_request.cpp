#include "protocol/http_request.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <utility>

#include "base/text.h"
#include "protocol/http_target.h"

namespace ringfence::protocol {

namespace {

namespace http = boost::beast::http;

constexpr std::string_view line_end = "\r\n";
constexpr std::string_view head_end = "\r\n\r\n";

tl::unexpected<Fault> malformed() { return fail(FaultCode::malformed, "the HTTP request is malformed"); }

bool is_refused_by_beast(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t' && c != '\r' && c != '\n') || byte == 0x7F;
}

// The set's User-Agent is "AVAYA/SIP12x0", one odd byte (0x14, 0x16, 0x17 or 0xFF seen), "/" and a version (12x0, SIP
// 4.0 and 4.1). Beast refuses a request with a control byte in a header, so in this one header they become '?' before
// Beast sees them. Returns the original value.
std::string take_user_agent(std::string& head) {
    constexpr std::string_view name = "user-agent:";
    std::string original;
    for (auto at = head.find(line_end); at != std::string::npos; at = head.find(line_end, at)) {
        at += line_end.size();
        if (!equals_ignoring_case(std::string_view(head).substr(at, name.size()), name)) continue;
        const auto begin = head.begin() + static_cast<std::ptrdiff_t>(at + name.size());
        const auto end = std::search(begin, head.end(), line_end.begin(), line_end.end());
        std::string_view value(&*begin, static_cast<std::size_t>(end - begin));
        while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
        while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
        original = value;
        std::replace_if(begin, end, is_refused_by_beast, '?');
    }
    return original;
}

std::string query_of(std::string_view target) {
    const auto mark = target.find('?');
    if (mark == std::string_view::npos) return {};
    const auto query = target.substr(mark + 1);
    return std::string(query.substr(0, query.find('#')));
}

struct Head {
    HttpRequest request;
    std::uint64_t body_length = 0;
    bool is_coded = false;  // in another form than Content-Length says
    bool expects_continue = false;
};

Result<Head> parse_head(std::string bytes) {
    Head head;
    HttpRequest& request = head.request;
    request.user_agent = take_user_agent(bytes);

    http::request_parser<http::empty_body> parser;
    parser.header_limit(max_http_head);
    parser.skip(true);  // the body is ours to take or drop
    boost::beast::error_code error;
    parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    wipe(bytes);
    if (error || !parser.is_header_done()) return malformed();

    const auto& message = parser.get();
    const unsigned version = message.version();
    if (version < 10 || version > 19) return malformed();
    request.version = version == 10 ? 10 : 11;
    request.keep_alive = message.keep_alive();
    request.method = std::string(message.method_string());
    request.target = std::string(message.target());

    for (const auto field : {http::field::host, http::field::authorization, http::field::expect})
        if (message.count(field) > 1) return malformed();
    const auto value = [&message](http::field name) { return std::string(message[name]); };
    request.authorization = Secret(value(http::field::authorization));
    request.range = value(http::field::range);
    request.if_none_match = value(http::field::if_none_match);
    request.if_modified_since = value(http::field::if_modified_since);
    request.if_range = value(http::field::if_range);
    request.query = query_of(request.target);

    auto target = parse_http_target(request.target);
    request.target_path = std::move(target.path);
    request.target_is_malformed = target.is_malformed;
    request.host = target.authority.empty() ? value(http::field::host) : std::move(target.authority);

    const auto length = parser.content_length();
    head.body_length = length ? *length : 0;
    head.is_coded = message.count(http::field::transfer_encoding) > 0;
    head.expects_continue = equals_ignoring_case(value(http::field::expect), "100-continue");
    return head;
}

// Decides what becomes of the body; afterwards body_length is what is to be waited for.
void settle_body(Head& head, const HttpRequestReader::WantsBody& wants_body) {
    HttpRequest& request = head.request;
    if (head.body_length == 0 && !head.is_coded) return;
    const bool is_wanted = wants_body && wants_body(request);
    const bool is_too_large = head.body_length > max_http_body;
    if (is_wanted) {
        request.body_state = head.is_coded  ? HttpBody::without_length
                             : is_too_large ? HttpBody::too_large
                                            : HttpBody::read;
    }
    if (!head.is_coded && !is_too_large && (is_wanted || !head.expects_continue)) return;
    request.keep_alive = false;
    head.body_length = 0;
}

}  // namespace

HttpRequestReader::~HttpRequestReader() { wipe(buffer_); }

void HttpRequestReader::add(std::string_view bytes) {
    if (!is_finished_) buffer_ += bytes;
}

Result<std::optional<HttpRequest>> HttpRequestReader::next() {
    if (is_finished_) return std::nullopt;
    if (request_) return take_body();
    auto request = take_request();
    if (!request) {
        is_finished_ = true;
        wipe(buffer_);
    }
    return request;
}

Result<std::optional<HttpRequest>> HttpRequestReader::take_request() {
    // RFC 9112 section 2.2: empty lines before a request line are passed over.
    std::size_t blank = 0;
    while (buffer_.compare(blank, line_end.size(), line_end) == 0) blank += line_end.size();
    if (blank > 0) {
        drop(blank);
        searched_ = 0;
    }
    const auto end = buffer_.find(head_end, searched_);
    const std::size_t size = end == std::string::npos ? buffer_.size() : end + head_end.size();
    if (size > max_http_head) return fail(FaultCode::too_large, "the HTTP request's head is too long");
    if (end == std::string::npos) {
        searched_ = size - std::min(size, head_end.size() - 1);
        return std::nullopt;
    }
    auto head = parse_head(buffer_.substr(0, size));
    if (!head) return fail(head.error());
    drop(size);
    searched_ = 0;
    settle_body(*head, wants_body_);
    body_left_ = head->body_length;
    request_ = std::move(head->request);
    // HTTP/1.0 knows no such thing, whatever it says.
    expects_continue_ = head->expects_continue && request_->version > 10 && request_->body_state == HttpBody::read;
    return take_body();
}

std::optional<HttpRequest> HttpRequestReader::take_body() {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, buffer_.size()));
    if (request_->body_state == HttpBody::read) request_->body.append(buffer_, 0, count);
    drop(count);
    body_left_ -= count;
    if (body_left_ > 0) return std::nullopt;
    auto request = std::move(request_);
    request_.reset();
    if (!request->keep_alive) {
        is_finished_ = true;
        wipe(buffer_);
    }
    return request;
}

bool HttpRequestReader::take_continue() {
    // Who has begun to send does not wait for it.
    return request_ && request_->body.empty() && std::exchange(expects_continue_, false);
}

// Overwrites what it drops, since a head may hold a password.
void HttpRequestReader::drop(std::size_t count) {
    if (count == 0) return;
    std::string rest = buffer_.substr(count);
    wipe(buffer_);
    buffer_ = std::move(rest);
}

}  // namespace ringfence::protocol

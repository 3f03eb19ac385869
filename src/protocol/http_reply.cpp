#include "protocol/http_reply.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

namespace ringfence::protocol {

namespace {

namespace http = boost::beast::http;

constexpr std::string_view head_end = "\r\n\r\n";

tl::unexpected<Fault> malformed() { return fail(FaultCode::malformed, "the HTTP response is malformed"); }

}  // namespace

HttpReplyReader::~HttpReplyReader() { wipe(buffer_); }

// Grown by hand, since a string that grows by itself leaves its bytes where it was.
void HttpReplyReader::add(std::string_view bytes) {
    if (buffer_.size() + bytes.size() > buffer_.capacity()) {
        std::string larger;
        larger.reserve(2 * (buffer_.size() + bytes.size()));
        larger += buffer_;
        wipe(buffer_);
        buffer_ = std::move(larger);
    }
    buffer_ += bytes;
}

Result<HttpReplyReader::Head> HttpReplyReader::parse_head(std::string_view bytes) const {
    http::response_parser<http::empty_body> parser;
    parser.header_limit(max_http_reply_head);
    parser.skip(true);
    boost::beast::error_code error;
    parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
    if (error || !parser.is_header_done()) return malformed();
    const auto& message = parser.get();
    const auto length = parser.content_length();
    constexpr unsigned first_final = 200;
    if (message.version() != 11 || message.result_int() < first_final || !length) return malformed();
    if (message.count(http::field::transfer_encoding) > 0) return malformed();
    if (*length > max_body_) return fail(FaultCode::too_large, "the HTTP response's body is too long");
    return Head{message.result_int(), message.keep_alive(), static_cast<std::size_t>(*length)};
}

Result<std::optional<HttpReply>> HttpReplyReader::next() {
    if (!head_) {
        const auto end = buffer_.find(head_end);
        const std::size_t size = end == std::string::npos ? buffer_.size() : end + head_end.size();
        if (size > max_http_reply_head) return fail(FaultCode::too_large, "the HTTP response's head is too long");
        if (end == std::string::npos) return std::nullopt;
        auto head = parse_head(std::string_view(buffer_).substr(0, size));
        if (!head) return fail(std::move(head.error()));
        head_ = *head;
        buffer_.erase(0, size);
    }
    if (buffer_.size() < head_->body_size) return std::nullopt;
    HttpReply reply{head_->status, head_->keep_alive, Secret(buffer_.substr(0, head_->body_size))};
    std::string rest = buffer_.substr(head_->body_size);
    wipe(buffer_);
    buffer_ = std::move(rest);
    head_.reset();
    return std::optional<HttpReply>(std::move(reply));
}

}  // namespace ringfence::protocol

#include "connection.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <charconv>

namespace ringfence::bench {

namespace {

constexpr std::size_t read_size = 64 * 1024;
constexpr std::size_t max_head = 16 * 1024;

std::uint64_t content_length(std::string_view head) {
    constexpr std::string_view name = "\r\ncontent-length:";
    std::string lower(head);
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    auto at = lower.find(name);
    require(at != std::string::npos, "an answer without Content-Length");
    at = lower.find_first_not_of(' ', at + name.size());
    std::uint64_t length = 0;
    std::from_chars(lower.data() + at, lower.data() + lower.size(), length);
    return length;
}

}  // namespace

void require(bool holds, std::string_view what) {
    if (holds) return;
    char reason[256] = "";
    if (const auto code = ERR_get_error()) ERR_error_string_n(code, reason, sizeof reason);
    throw LoadFailed(fmt::format("{} {}", what, reason));
}

Context make_context(const TlsLoad& load) {
    if (load.root_file.empty()) return nullptr;
    Context context(SSL_CTX_new(TLS_client_method()));
    require(context != nullptr, "no TLS context");
    const int version = load.version == "1.2" ? TLS1_2_VERSION : TLS1_3_VERSION;
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    require(SSL_CTX_load_verify_locations(context.get(), load.root_file.c_str(), nullptr) == 1, "root file");
    require(SSL_CTX_set1_sigalgs_list(context.get(), load.signature.c_str()) == 1, "signature algorithms");
    if (!load.certificate_file.empty()) {
        require(SSL_CTX_use_certificate_chain_file(context.get(), load.certificate_file.c_str()) == 1, "certificate");
        require(SSL_CTX_use_PrivateKey_file(context.get(), load.key_file.c_str(), SSL_FILETYPE_PEM) == 1, "key");
    }
    return context;
}

Connection::Connection(std::uint16_t port, SSL_CTX* context) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    require(socket_ >= 0, "socket");
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    require(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "connect");
    if (context == nullptr) return;
    ssl_.reset(SSL_new(context));
    SSL_set_fd(ssl_.get(), socket_);
    require(SSL_connect(ssl_.get()) == 1, "TLS handshake");
    require(SSL_session_reused(ssl_.get()) == 0, "a resumed session is no full handshake");
}

Connection::~Connection() {
    if (ssl_) SSL_shutdown(ssl_.get());
    ::close(socket_);
}

void Connection::send(std::string_view bytes) {
    const auto sent = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                           : ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    require(sent == static_cast<ssize_t>(bytes.size()), "send");
}

bool Connection::receive(std::string& to) {
    char buffer[read_size];
    const auto got = ssl_ ? SSL_read(ssl_.get(), buffer, sizeof buffer) : ::recv(socket_, buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    to.append(buffer, static_cast<std::size_t>(got));
    return true;
}

std::optional<std::string> exchange(Connection& connection, const std::string& request) {
    connection.send(request);
    std::string answer;
    std::size_t end_of_head = std::string::npos;
    while (end_of_head == std::string::npos) {
        if (!connection.receive(answer)) return std::nullopt;
        end_of_head = answer.find("\r\n\r\n");
        require(end_of_head != std::string::npos || answer.size() < max_head, "an answer without end of its head");
    }
    const auto head = std::string_view(answer).substr(0, end_of_head);
    require(head.starts_with("HTTP/1.1 200 "), head.substr(0, head.find('\r')));
    const auto length = content_length(head);
    while (answer.size() < end_of_head + 4 + length) require(connection.receive(answer), "a cut answer");
    return answer.substr(end_of_head + 4, length);
}

}  // namespace ringfence::bench

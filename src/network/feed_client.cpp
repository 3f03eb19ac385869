#include "network/feed_client.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "network/feed.h"

namespace ringfence::network {

namespace {

constexpr std::string_view feed_path = "/network/v1/feed?";

// Any address of the peer's family.
net::SocketAddress any_address(const Endpoint& peer) {
    Endpoint local;
    if (!peer.address.is_v4()) local.address = IpAddress::from_v6({});
    return net::SocketAddress(local);
}

std::string name_end(const net::Ended& ended, const net::Stream& stream) {
    if (ended.why == net::Ended::Why::timed_out) return "it did not answer in time";
    const bool has_reason = stream.tls() != nullptr && !stream.tls()->failure().message.empty();
    return has_reason ? stream.tls()->failure().message : "the connection ended";
}

std::string name_status(unsigned status) {
    if (status == 401) return "it does not know our password";
    return fmt::format("it answered with status {}", status);
}

}  // namespace

FeedClient::FeedClient(net::EventLoop& loop, AnswerCache& cache, Random& random, FeedServer server)
    : loop_(loop),
      cache_(cache),
      random_(random),
      server_(std::move(server)),
      retry_(loop.deadlines(), [this] { connect(); }),
      connect_deadline_(loop.deadlines(), [this] { lose("it did not take the connection in time"); }) {}

FeedClient::~FeedClient() = default;

void FeedClient::connect() {
    auto socket = net::connect_tcp(any_address(server_.endpoint), server_.endpoint);
    if (!socket) return lose(socket.error().message);
    connect_deadline_.set(loop_.now() + connect_time);
    const net::Watch::Calls calls{[] {}, [this] { begin(); }};
    connecting_ = std::make_unique<net::Watch>(loop_, std::move(*socket), calls);
    connecting_->await_writable();
}

void FeedClient::begin() {
    connect_deadline_.clear();
    net::Descriptor socket = connecting_->release();
    connecting_.reset();
    if (!net::is_connected(socket.get())) return lose("it takes no connection");
    std::optional<crypto::TlsConnection> tls;
    if (server_.tls) {
        crypto::ClientPolicy policy{
            server_.tls->trust, server_.tls->host, {loop_.clock().wall_now()}, server_.tls->identity};
        auto secured = crypto::connect_tls(socket.get(), std::move(policy));
        if (!secured) return lose(secured.error().message);
        tls = std::move(*secured);
    }
    refusal_.clear();
    reader_ = std::make_unique<protocol::HttpReplyReader>(max_feed_text);
    stream_ = std::make_unique<net::Stream>(loop_, std::move(socket), *this, std::move(tls));
    stream_->set_deadline(loop_.now() + handshake_time);
    const bool is_bare = !server_.tls;
    stream_->start();
    if (is_bare && stream_) ask();
}

void FeedClient::ask() {
    const FeedQuestion question = cache_.next_question();
    std::string head = fmt::format("GET {}{} HTTP/1.1\r\nHost: {}\r\n", feed_path, format_feed_question(question),
                                   server_.tls ? server_.tls->host : server_.endpoint.to_string());
    if (!server_.authorization.empty()) head += fmt::format("Authorization: {}\r\n", server_.authorization.reveal());
    head += "\r\n";
    stream_->set_deadline(loop_.now() + question.wait + answer_time);
    stream_->send(std::move(head));
}

void FeedClient::on_bytes(std::string_view bytes) {
    reader_->add(bytes);
    auto reply = reader_->next();
    if (!reply) return lose(reply.error().message);
    if (*reply) take(**reply);
}

void FeedClient::take(const protocol::HttpReply& reply) {
    constexpr unsigned ok = 200;
    if (reply.status != ok) return lose(name_status(reply.status));
    auto page = parse_feed_page(reply.body.reveal());
    if (!page) return lose(page.error().message);
    if (auto taken = cache_.take(std::move(*page), loop_.clock().wall_now()); !taken)
        log::error("what was withdrawn may still stand on this disk: " + taken.error().message);
    pause_ = shortest_pause;
    if (cache_.is_current()) tell_heard();
    if (!reply.keep_alive) return lose("it closes the connection");
    ask();
}

void FeedClient::on_ended(const net::Ended& ended) { lose(refusal_.empty() ? name_end(ended, *stream_) : refusal_); }

void FeedClient::lose(const std::string& why) {
    connecting_.reset();
    connect_deadline_.clear();
    stream_.reset();
    cache_.lose_contact();
    retry_.set(loop_.now() + pause_ + Duration(random_.below(static_cast<std::uint64_t>(pause_ / Duration(2)) + 1)));
    pause_ = std::min(2 * pause_, longest_pause);
    if (was_heard_ == false) return;
    was_heard_ = false;
    log::warning(fmt::format("the server at {} is not heard: {}; answering for {} devices from what was kept",
                             server_.endpoint.to_string(), why, cache_.size()));
}

void FeedClient::tell_heard() {
    if (was_heard_ == true) return;
    was_heard_ = true;
    log::info(
        fmt::format("the server at {} is heard; {} devices are kept", server_.endpoint.to_string(), cache_.size()));
}

}  // namespace ringfence::network

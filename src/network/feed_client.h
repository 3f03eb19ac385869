// Follows the server's feed into an answer cache: one connection that is kept, one question at a time, and a new
// connection after a growing pause when it is lost. What happens is told in the log, once per change.
// On its loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/ip_address.h"
#include "base/random.h"
#include "base/secret.h"
#include "crypto/tls_client.h"
#include "net/stream.h"
#include "network/answer_cache.h"
#include "protocol/http_reply.h"

namespace ringfence::network {

// By mutual TLS, with a certificate that our authority issued to this host.
struct FeedTls {
    std::string host;  // that the server's certificate names
    crypto::ServerTrust trust;
    crypto::ClientIdentity identity;
};

struct FeedServer {
    Endpoint endpoint;
    Secret authorization{};  // the header's value for the bare door of this machine; empty under TLS
    std::optional<FeedTls> tls{};
};

class FeedClient final : public net::StreamOwner {
public:
    static constexpr Duration connect_time = std::chrono::seconds(5);
    static constexpr Duration handshake_time = std::chrono::seconds(10);
    // Beyond what it was asked to wait.
    static constexpr Duration answer_time = std::chrono::seconds(10);
    // Until it tries again: twice as long each time, and up to a half more by chance, so that many caches do not come
    // at once. A revocation reaches us no later than the longest after the server is back.
    static constexpr Duration shortest_pause = std::chrono::milliseconds(200);
    static constexpr Duration longest_pause = std::chrono::seconds(5);

    // All outlive the client.
    FeedClient(net::EventLoop& loop, AnswerCache& cache, Random& random, FeedServer server);
    ~FeedClient() override;

    void start() { connect(); }

private:
    void connect();
    void begin();
    void ask();
    void take(const protocol::HttpReply& reply);
    void lose(const std::string& why);
    void tell_heard();

    void on_secured() override { ask(); }
    void on_not_secured(const std::string& reason) override { refusal_ = reason; }
    void on_bytes(std::string_view bytes) override;
    void on_sent() override {}
    void on_ended(const net::Ended& ended) override;

    net::EventLoop& loop_;
    AnswerCache& cache_;
    Random& random_;
    FeedServer server_;

    std::unique_ptr<net::Watch> connecting_;
    std::unique_ptr<protocol::HttpReplyReader> reader_;
    std::unique_ptr<net::Stream> stream_;
    std::string refusal_;  // why the handshake failed
    net::Deadline retry_;
    net::Deadline connect_deadline_;
    Duration pause_ = shortest_pause;
    std::optional<bool> was_heard_;  // what the log says; empty: nothing yet
};

}  // namespace ringfence::network

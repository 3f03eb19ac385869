#include "eap_load.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/random.h"
#include "crypto/hash.h"
#include "net/socket.h"
#include "protocol/radius_packet.h"

namespace ringfence::bench {

namespace {

using Clock = std::chrono::steady_clock;
using protocol::RadiusAttribute;
using protocol::RadiusCode;
using protocol::RadiusPacket;

constexpr auto repeat_after = std::chrono::seconds(2);
constexpr int max_repeats = 5;
constexpr char eap_request = 1, eap_response = 2;  // RFC 3748 section 4
constexpr char eap_identity = 1, eap_md5 = 4;      // section 5
constexpr std::size_t challenge_at = 6, challenge_size = 16;

const protocol::RadiusHashes& radius_hashes() {
    static const protocol::RadiusHashes hashes{crypto::md5, crypto::hmac_md5};
    return hashes;
}

std::string eap_answer(char identifier, std::string_view data) {
    const std::size_t size = 4 + data.size();
    return std::string{eap_response, identifier, static_cast<char>(size >> 8), static_cast<char>(size)} +
           std::string(data);
}

std::string answer_challenge(const std::string& request, const EapUser& user) {
    if (request.size() < challenge_at + challenge_size || request[0] != eap_request || request[4] != eap_md5)
        throw LoadFailed("the server asks for something else than MD5");
    const char identifier = request[1];
    const std::string hash = crypto::md5(identifier + user.password + request.substr(challenge_at, challenge_size));
    return eap_answer(identifier, std::string{eap_md5, static_cast<char>(hash.size())} + hash);
}

// One login after another, on a socket of its own, as each port of a switch has one at a time.
class Line {
public:
    explicit Line(const EapLoad& load)
        : load_(load),
          peer_(Endpoint{IpAddress::parse("127.0.0.1").value(), load.port}),
          socket_(
              net::bind_udp_answering(net::SocketAddress(Endpoint{IpAddress::parse("127.0.0.1").value(), 0})).value()) {
    }

    int socket() const { return socket_.get(); }
    bool is_busy() const { return user_ != nullptr; }
    std::uint64_t repeated() const { return repeated_; }

    void begin(const EapUser& user) {
        user_ = &user;
        begun_ = Clock::now();
        ask(eap_answer(1, eap_identity + user.identity), std::nullopt);
    }

    // How long the login took, when it is done.
    std::optional<double> take() {
        std::array<char, protocol::max_radius_packet> buffer{};
        const auto datagram = net::receive_datagram_plain(socket_.get(), buffer.data(), buffer.size());
        if (!datagram || !is_busy()) return std::nullopt;
        const auto answer = protocol::open_answer(datagram->bytes, request_, load_.secret, radius_hashes());
        if (!answer && answer.error().code == FaultCode::conflict) return std::nullopt;  // to a packet sent twice
        if (!answer) throw LoadFailed(answer.error().message);
        if (answer->code == RadiusCode::access_challenge) {
            const auto state = answer->find(RadiusAttribute::state);
            ask(answer_challenge(answer->join(RadiusAttribute::eap_message), *user_), state);
            return std::nullopt;
        }
        if (answer->code != RadiusCode::access_accept) throw LoadFailed("refused: " + user_->identity);
        user_ = nullptr;
        return std::chrono::duration<double, std::milli>(Clock::now() - begun_).count();
    }

    void repeat_if_due(Clock::time_point now) {
        if (!is_busy() || now - sent_ < repeat_after) return;
        if (++repeats_ > max_repeats) throw LoadFailed("the server is silent");
        ++repeated_;
        send();
    }

private:
    void ask(const std::string& eap, std::optional<std::string_view> state) {
        RadiusPacket packet{.identifier = ++identifier_,
                            .authenticator = random_.bytes(protocol::radius_authenticator_size)};
        packet.add(RadiusAttribute::user_name, user_->identity);
        packet.add_nas_address(peer_.endpoint().address);
        packet.add(RadiusAttribute::nas_port, user_->port);
        packet.add(RadiusAttribute::calling_station_id, user_->hardware);
        packet.add(RadiusAttribute::eap_message, eap);
        if (state) packet.add(RadiusAttribute::state, *state);
        request_ = protocol::format_signed_request(std::move(packet), load_.secret, radius_hashes());
        repeats_ = 0;
        send();
    }

    void send() {
        sent_ = Clock::now();
        net::send_datagram(socket_.get(), request_, peer_);
    }

    const EapLoad& load_;
    net::SocketAddress peer_;
    net::Descriptor socket_;
    SystemRandom random_;
    const EapUser* user_ = nullptr;
    std::uint8_t identifier_ = 0;
    std::string request_;
    Clock::time_point begun_{};
    Clock::time_point sent_{};
    int repeats_ = 0;
    std::uint64_t repeated_ = 0;
};

double percentile(const std::vector<double>& sorted, double part) {
    return sorted[static_cast<std::size_t>(static_cast<double>(sorted.size() - 1) * part)];
}

}  // namespace

EapFigures run_eap(const EapLoad& load, const std::vector<EapUser>& users) {
    RINGFENCE_ASSERT(users.size() > load.outstanding && load.operations > 0);
    std::vector<Line> lines;
    std::vector<pollfd> sockets;
    for (unsigned i = 0; i < load.outstanding; ++i) {
        lines.emplace_back(load);
        sockets.push_back({lines.back().socket(), POLLIN, 0});
    }
    std::uint64_t begun = 0;
    const auto begin_next = [&](Line& line) {
        if (begun < load.operations) line.begin(users[begun++ % users.size()]);
    };
    std::vector<double> times;
    const auto start = Clock::now();
    for (Line& line : lines) begin_next(line);
    while (times.size() < load.operations) {
        static_cast<void>(::poll(sockets.data(), sockets.size(), 100));
        const auto now = Clock::now();
        for (std::size_t i = 0; i < lines.size(); ++i) {
            lines[i].repeat_if_due(now);
            if ((sockets[i].revents & POLLIN) == 0) continue;
            const auto took = lines[i].take();
            if (!took) continue;
            times.push_back(*took);
            begin_next(lines[i]);
        }
    }
    EapFigures out;
    out.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    std::sort(times.begin(), times.end());
    out.p50_ms = percentile(times, 0.5);
    out.p99_ms = percentile(times, 0.99);
    for (const Line& line : lines) out.repeated += line.repeated();
    return out;
}

}  // namespace ringfence::bench

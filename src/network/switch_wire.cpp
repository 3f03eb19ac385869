#include "network/switch_wire.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "crypto/hash.h"

namespace ringfence::network {

namespace {

using protocol::RadiusCode;

const protocol::RadiusHashes& radius_hashes() {
    static const protocol::RadiusHashes hashes{crypto::md5, crypto::hmac_md5};
    return hashes;
}

std::optional<ChangeAnswer> find_answer(const ChangeOrder& order, RadiusCode code) {
    if (code == (order.is_coa() ? RadiusCode::coa_ack : RadiusCode::disconnect_ack)) return ChangeAnswer::done;
    if (code == (order.is_coa() ? RadiusCode::coa_nak : RadiusCode::disconnect_nak)) return ChangeAnswer::refused;
    return std::nullopt;
}

}  // namespace

Result<SwitchWire> SwitchWire::open(const Clock& clock, Random& random) {
    SwitchWire out(clock, random);
    auto v4 = net::bind_udp_answering(net::SocketAddress(Endpoint{}));
    if (!v4) return fail(std::move(v4.error()));
    out.v4_ = std::move(*v4);
    if (auto v6 = net::bind_udp_answering(net::SocketAddress(Endpoint{IpAddress::from_v6({})})))
        out.v6_ = std::move(*v6);
    return out;
}

std::size_t SwitchWire::in_flight_to(const IpAddress& address) const {
    return static_cast<std::size_t>(std::count_if(in_flight_.begin(), in_flight_.end(), [&](const auto& entry) {
        return entry.second.order.port.switch_address == address;
    }));
}

// Random, so that after a restart a switch does not take a new request for one that it knows (RFC 5176 section 2.3).
std::uint8_t SwitchWire::free_identifier() {
    auto out = static_cast<std::uint8_t>(random_->below(256));
    while (in_flight_.count(out) != 0) ++out;
    return out;
}

void SwitchWire::begin(ChangeOrder order) {
    RINGFENCE_ASSERT(has_room());
    const std::uint8_t identifier = free_identifier();
    auto packet = make_change_request(order, clock_->wall_now());
    packet.identifier = identifier;
    Exchange exchange{.order = std::move(order)};
    exchange.begun = clock_->steady_now();
    exchange.peer = net::SocketAddress(Endpoint{exchange.order.port.switch_address, exchange.order.at.port});
    exchange.request = protocol::format_signed_request(std::move(packet), exchange.order.at.secret, radius_hashes());
    exchange.wait = shaken(first_wait);
    send(exchange);
    in_flight_.emplace(identifier, std::move(exchange));
}

// The same bytes each time, so that the switch sees a repetition; its Event-Timestamp is good for minutes.
void SwitchWire::send(Exchange& exchange) {
    const auto& socket = exchange.order.port.switch_address.is_v4() ? v4_ : v6_;
    if (socket.valid()) net::send_datagram(socket.get(), exchange.request, exchange.peer);
    if (exchange.sends > 0) exchange.wait = shaken(exchange.wait * 2);
    ++exchange.sends;
    exchange.due = clock_->steady_now() + exchange.wait;
}

Duration SwitchWire::shaken(Duration wait) {
    const auto tenth = static_cast<std::uint64_t>(wait.count() / 10);
    return wait - Duration(tenth) + Duration(random_->below(2 * tenth + 1));
}

std::vector<ChangeEnd> SwitchWire::wait(Duration longest) {
    std::vector<ChangeEnd> ends;
    poll_sockets(longest);
    for (const auto* socket : {&v4_, &v6_})
        if (socket->valid()) receive(*socket, ends);
    send_due(ends);
    return ends;
}

void SwitchWire::poll_sockets(Duration longest) {
    const SteadyTime now = clock_->steady_now();
    for (const auto& [identifier, exchange] : in_flight_)
        longest = std::clamp(exchange.due - now, Duration::zero(), longest);
    std::array<pollfd, 2> sockets = {{{v4_.get(), POLLIN, 0}, {v6_.get(), POLLIN, 0}}};
    // Whatever it says, the sockets are looked at.
    static_cast<void>(::poll(sockets.data(), sockets.size(), static_cast<int>(longest.count())));
}

void SwitchWire::receive(const net::Descriptor& socket, std::vector<ChangeEnd>& ends) {
    std::array<char, protocol::max_radius_packet> buffer{};
    // Not more than could be meant for us, so that nobody keeps us here.
    for (std::size_t i = 0; i < max_in_flight; ++i) {
        const auto datagram = net::receive_datagram_plain(socket.get(), buffer.data(), buffer.size());
        if (!datagram) return;
        take(datagram->bytes, datagram->peer, ends);
    }
}

void SwitchWire::take(std::string_view bytes, const net::SocketAddress& peer, std::vector<ChangeEnd>& ends) {
    const auto read = protocol::parse_radius(bytes);
    if (!read) return;
    const auto asked = in_flight_.find(read->identifier);
    if (asked == in_flight_.end() || !(asked->second.peer == peer)) return;
    Exchange& exchange = asked->second;
    const auto opened = protocol::open_answer(bytes, exchange.request, exchange.order.at.secret, radius_hashes());
    if (!opened) return;
    const auto answer = find_answer(exchange.order, opened->code);
    if (!answer) return;
    ends.push_back({std::move(exchange.order), *answer, opened->find_number(protocol::RadiusAttribute::error_cause),
                    exchange.begun});
    in_flight_.erase(asked);
}

void SwitchWire::send_due(std::vector<ChangeEnd>& ends) {
    const SteadyTime now = clock_->steady_now();
    for (auto entry = in_flight_.begin(); entry != in_flight_.end();) {
        Exchange& exchange = entry->second;
        const bool is_over = exchange.due <= now && exchange.sends == max_sends;
        if (exchange.due <= now && !is_over) send(exchange);
        if (is_over) ends.push_back({.order = std::move(exchange.order), .begun = exchange.begun});
        entry = is_over ? in_flight_.erase(entry) : std::next(entry);
    }
}

}  // namespace ringfence::network

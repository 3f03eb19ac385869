#include "server/tftp_door.h"

#include "base/log.h"
#include "protocol/tftp_session.h"

namespace ringfence::server {

using protocol::TftpEnd;
using protocol::TftpErrorCode;
using protocol::TftpReadRequest;
using protocol::TftpReadSession;

namespace {

// Requests taken in one go before the transfers get their turn.
constexpr int request_batch = 32;

// A phone that fell silent after the last block mostly has it: its last acknowledgement was lost. But somebody who
// never acknowledged anything may not even exist, since anybody can write any sender on a datagram.
delivery::Delivered delivered(const protocol::TftpResult& result, std::uint64_t size) {
    const bool complete =
        result.end == TftpEnd::complete || (result.end == TftpEnd::unconfirmed && result.bytes_acknowledged > 0);
    return {.bytes = complete ? size : result.bytes_acknowledged, .complete = complete};
}

}  // namespace

class TftpDoor::Transfer {
public:
    Transfer(TftpDoor& door, net::Descriptor socket, const net::SocketAddress& peer, std::string request,
             delivery::Answer answer, TftpReadSession session)
        : door_(door),
          peer_(peer),
          request_(std::move(request)),
          answer_(std::move(answer)),
          session_(std::move(session)),
          begun_(door.parts_.loop.now()),
          pace_(begun_, answer_.body.view().size()),
          deadline_(door.parts_.loop.deadlines(), [this] { on_deadline(); }),
          watch_(door.parts_.loop, std::move(socket), {[this] { on_readable(); }, {}}) {}

    ~Transfer() {
        const delivery::Delivered end = delivered(session_.result(), answer_.body.view().size());
        door_.parts_.pipeline->record(std::move(answer_.ticket), end);
    }

    void start() {
        const SteadyTime now = door_.parts_.loop.now();
        send(session_.start(now));
        if (!go_on()) return;
        watch_.await_readable();
    }

    // The same request again: the phone did not see our answer yet, and the session sends that again by itself.
    bool is_for(std::string_view request) const { return request == request_; }

    bool was_heard() const { return session_.was_heard(); }
    SteadyTime begun() const { return begun_; }
    std::optional<std::uint64_t> find_too_slow() {
        const std::uint64_t left = answer_.body.view().size() - session_.result().bytes_acknowledged;
        return pace_.find_too_slow(door_.parts_.loop.now(), left);
    }

    // For another phone's sake; only one that was heard is told, since no other is known to exist.
    void let_go() {
        session_.give_up();
        send({protocol::format_error(FaultCode::unavailable)});
    }

private:
    void on_readable() {
        std::string& buffer = door_.parts_.loop.scratch();
        // In lock-step nothing more is waiting, and asking would cost a call for each block.
        const auto datagram = net::receive_datagram_plain(watch_.descriptor(), buffer.data(), buffer.size());
        if (datagram && datagram->peer == peer_) {
            const auto answers = session_.on_datagram(datagram->bytes, door_.parts_.loop.now());
            if (session_.was_heard() && !door_.parts_.pipeline->confirm(answer_.ticket)) return refuse();
            send(answers);
            if (!go_on()) return;
        } else if (datagram) {
            const std::string error = protocol::format_error(TftpErrorCode::unknown_transfer, "no transfer of yours");
            net::send_datagram(watch_.descriptor(), error, datagram->peer);
        }
        watch_.await_readable();
    }

    void on_deadline() {
        send(session_.on_deadline(door_.parts_.loop.now()));
        if (session_.was_heard() && session_.result().end == protocol::TftpEnd::cut)
            send({protocol::format_error(FaultCode::unavailable)});
        go_on();
    }

    void send(const std::vector<std::string>& datagrams) const {
        for (const std::string& datagram : datagrams) net::send_datagram(watch_.descriptor(), datagram, peer_);
    }

    // Ends the transfer, and this object with it.
    void refuse() {
        net::send_datagram(watch_.descriptor(), protocol::format_error(FaultCode::not_found), peer_);
        door_.end(peer_.endpoint());
    }

    // False when the transfer is over; then it is gone.
    bool go_on() {
        if (session_.is_done()) {
            door_.end(peer_.endpoint());
            return false;
        }
        if (const auto deadline = session_.deadline()) deadline_.set(*deadline);
        return true;
    }

    TftpDoor& door_;
    net::SocketAddress peer_;
    std::string request_;
    delivery::Answer answer_;  // holds the body that the session reads
    TftpReadSession session_;
    SteadyTime begun_;
    Pace pace_;
    net::Deadline deadline_;
    net::Watch watch_;
};

TftpDoor::TftpDoor(LoopParts& parts, net::Descriptor socket, std::shared_ptr<const DoorSettings> settings)
    : parts_(parts), settings_(std::move(settings)), local_(settings_->listener.endpoint) {
    watch_ =
        std::make_unique<net::Watch>(parts.loop, std::move(socket), net::Watch::Calls{[this] { on_requests(); }, {}});
    watch_->await_readable();
}

TftpDoor::~TftpDoor() = default;

void TftpDoor::drain() {
    draining_ = true;
    watch_.reset();
}

void TftpDoor::on_requests() {
    std::string& buffer = parts_.loop.scratch();
    for (int i = 0; i < request_batch; ++i) {
        const auto datagram = net::receive_datagram(watch_->descriptor(), buffer.data(), buffer.size());
        if (!datagram) break;
        on_request(*datagram);
    }
    watch_->await_readable();
}

void TftpDoor::on_request(const net::Datagram& datagram) {
    const auto packet = protocol::parse_tftp(datagram.bytes);
    if (!packet) {
        // Whatever it was, it was not from one of ours; an answer would only serve to reflect forged datagrams.
        return;
    }
    if (const auto* read = std::get_if<TftpReadRequest>(&*packet)) return begin(*read, datagram);
    if (std::holds_alternative<protocol::TftpWriteRequest>(*packet)) {
        refuse(protocol::format_error(TftpErrorCode::access_violation, "nothing can be written here"), datagram);
    }
}

void TftpDoor::begin(const TftpReadRequest& read, const net::Datagram& datagram) {
    const Endpoint peer = datagram.peer.endpoint();
    if (const auto running = transfers_.find(peer); running != transfers_.end()) {
        if (running->second->is_for(datagram.bytes)) return;
        // The phone started anew, from the same port: what it asked before it will not take any more.
        end(peer);
    }
    // It asks again after a while, and by then others are done.
    if (transfers_.size() >= settings_->limits.transfers && !make_room()) return;

    delivery::Request request;
    request.wire = trust::Wire::tftp;
    request.path = read.filename;
    if (!request.path.empty() && request.path.front() == '/') request.path.erase(0, 1);
    request.source = peer.address;
    const std::string asked(datagram.bytes);
    delivery::Answer answer = parts_.pipeline->answer(request);
    if (answer.outcome != delivery::Outcome::content) {
        const bool failed = answer.outcome == delivery::Outcome::unavailable;
        refuse(protocol::format_error(failed ? FaultCode::unavailable : FaultCode::not_found), datagram);
        parts_.pipeline->record(std::move(answer.ticket), {});
        return;
    }
    protocol::TftpLimits limits;
    limits.longest_transfer = longest_delivery(answer.body.view().size());
    auto session = TftpReadSession::open(read, answer.body.view(), limits);
    if (!session) {
        refuse(protocol::format_error(session.error().code), datagram);
        parts_.pipeline->record(std::move(answer.ticket), {});
        return;
    }
    auto socket = net::bind_udp_answering(answering_address(datagram));
    if (!socket) {
        log::warning(socket.error().within("a TFTP transfer").message);
        parts_.pipeline->record(std::move(answer.ticket), {});
        return;
    }
    const auto transfer = std::make_shared<Transfer>(*this, std::move(*socket), datagram.peer, asked, std::move(answer),
                                                     std::move(*session));
    transfers_.emplace(peer, transfer);
    transfer->start();
}

net::SocketAddress TftpDoor::answering_address(const net::Datagram& datagram) const {
    return datagram.asked.size() > 0 ? datagram.asked : local_;
}

void TftpDoor::refuse(std::string_view error, const net::Datagram& datagram) const {
    const auto socket = net::bind_udp_answering(answering_address(datagram));
    if (socket) net::send_datagram(socket->get(), error, datagram.peer);
}

TftpDoor::Transfers::const_iterator TftpDoor::find_unheard() const {
    auto oldest = transfers_.end();
    for (auto it = transfers_.begin(); it != transfers_.end(); ++it) {
        if (it->second->was_heard()) continue;
        if (oldest == transfers_.end() || it->second->begun() < oldest->second->begun()) oldest = it;
    }
    return oldest;
}

bool TftpDoor::make_room() {
    // Requests with forged senders must not keep those out who acknowledge.
    if (const auto unheard = find_unheard(); unheard != transfers_.end()) {
        transfers_.erase(unheard);
        return true;
    }
    const auto slowest =
        find_slowest(transfers_, [](const auto& transfer) { return transfer.second->find_too_slow(); });
    if (slowest == transfers_.end()) return false;
    slowest->second->let_go();
    transfers_.erase(slowest);
    return true;
}

void TftpDoor::end(const Endpoint& peer) { transfers_.erase(peer); }

}  // namespace ringfence::server

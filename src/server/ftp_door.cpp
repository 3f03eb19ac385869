#include "server/ftp_door.h"

#include "base/log.h"
#include "net/stream.h"
#include "protocol/ftp_session.h"

namespace ringfence::server {

using protocol::FtpSession;
using protocol::FtpStep;

namespace {

// Sets and clients log in at once.
constexpr Duration login_time = std::chrono::seconds(10);
// From the login or a transfer to the next one. A set asks within a second; a person at a client gets some time
// to type. No other command renews it, or whoever says NOOP could stay for ever.
constexpr Duration idle_time = std::chrono::seconds(60);
// A transfer that was cut renews it too, so that a phone can go on where it stopped (REST); but so often in a row only,
// or whoever cuts his own transfers could stay for ever.
constexpr unsigned most_cuts_in_row = 5;
// For the last reply, once the connection is to be closed.
constexpr Duration closing_time = std::chrono::seconds(10);
// From the request for a file until its data connection stands.
constexpr Duration connect_time = std::chrono::seconds(30);
// How many passive ports are tried before the range counts as used up.
constexpr unsigned passive_tries = 64;

}  // namespace

// One control connection with at most one data connection.
class FtpDoor::Connection : public net::StreamOwner, public std::enable_shared_from_this<Connection> {
public:
    Connection(FtpDoor& door, net::Accepted accepted, const net::SocketAddress& local)
        : door_(door),
          local_(local),
          peer_(accepted.peer.endpoint()),
          session_({.local = local.endpoint(), .peer = peer_}),
          data_owner_(*this),
          idle_(loop().deadlines(), [this] { run(session_.on_idle()); }),
          connect_deadline_(loop().deadlines(), [this] { on_no_data_connection(); }),
          control_(loop(), std::move(accepted.socket), *this) {}

    ~Connection() override { record_cut(); }

    void start() {
        begin_waiting(login_time);
        control_.start();
        run(session_.start());
    }

    // Since when it may fetch a file and does not; empty while one is on its way, or when it leaves.
    std::optional<SteadyTime> waiting_since() const {
        if (closing_ || (retrieval_ && data_)) return std::nullopt;
        return waiting_since_;
    }

    std::optional<std::uint64_t> find_too_slow() {
        if (closing_ || !retrieval_ || !data_) return std::nullopt;
        return retrieval_->pace.find_too_slow(now(), data_->unacknowledged());
    }

    void let_go() {
        closing_ = true;
        closed_ = true;
        record_cut();
        drop_data_connection();
        control_.set_deadline(now() + closing_time);
        control_.finish(net::Stream::Rest::none);
    }

    void drain() {
        closing_ = true;
        if (!session_.is_busy()) finish();
    }

private:
    // The data connection is a stream of its own: what it tells means something else than the control connection's.
    class DataOwner final : public net::StreamOwner {
    public:
        explicit DataOwner(Connection& connection) : connection_(connection) {}
        void on_bytes(std::string_view) override {}  // a phone has nothing to say here
        void on_sent() override { connection_.on_data_sent(); }
        void on_ended(const net::Ended&) override { connection_.on_data_ended(); }

    private:
        Connection& connection_;
    };

    // What RETR asked for, until it is sent or given up.
    struct Retrieval {
        delivery::Answer answer;
        std::uint64_t offset = 0;
        Pace pace;
    };

    net::EventLoop& loop() const { return door_.parts_.loop; }
    SteadyTime now() const { return loop().now(); }

    void on_bytes(std::string_view bytes) override { run(session_.on_bytes(bytes)); }

    void on_sent() override {
        if (!replies_.empty()) {
            control_.send(std::exchange(replies_, {}));
        } else if (closing_ && !session_.is_busy()) {
            finish();
        }
    }

    void on_ended(const net::Ended&) override { door_.end(*this); }

    void begin_waiting(Duration at_most) {
        waiting_since_ = now();
        wait_ends_ = now() + at_most;
    }

    void begin_waiting_after_cut() {
        if (++cuts_in_row_ <= most_cuts_in_row) begin_waiting(idle_time);
    }

    void run(FtpStep step) {
        const auto self = shared_from_this();
        reply(step.replies);
        for (const protocol::FtpAction& action : step.actions) {
            std::visit([this](const auto& what) { carry_out(what); }, action);
        }
        if (!was_logged_in_ && session_.is_logged_in()) {
            was_logged_in_ = true;
            begin_waiting(idle_time);
        }
        if (session_.is_busy() || closing_) {
            idle_.clear();
        } else {
            idle_.set(wait_ends_);
        }
    }

    void reply(const std::string& text) {
        if (text.empty()) return;
        replies_ += text;
        if (!control_.is_sending() && !closed_) control_.send(std::exchange(replies_, {}));
    }

    void finish() {
        if (closed_) return;
        closed_ = true;
        drop_data_connection();
        control_.finish(net::Stream::Rest::expected);
    }

    // ---- Actions

    void carry_out(const protocol::FtpOpenPassive&) {
        drop_data_connection();
        auto socket = listen_passive();
        if (!socket) {
            log::warning(socket.error().within("FTP data connection").message);
            return run(session_.passive_failed());
        }
        const auto address = net::local_address(socket->get());
        if (!address) return run(session_.passive_failed());
        passive_ = std::make_unique<net::TcpListener>(
            loop(), std::move(*socket), [this](net::Accepted accepted) { on_data_accepted(std::move(accepted)); });
        run(session_.passive_opened(address->endpoint().port));
    }

    void carry_out(const protocol::FtpRetrieve& retrieve) {
        delivery::Answer answer = ask(retrieve.path, Purpose::fetch);
        const bool is_content = answer.outcome == delivery::Outcome::content;
        if (!is_content || retrieve.offset > answer.body.view().size()) {
            drop_data_connection();
            return run(session_.transfer_failed(refusal(answer)));
        }
        retrieval_ = Retrieval{std::move(answer), retrieve.offset, {}};
        connect_deadline_.set(now() + connect_time);
        if (retrieve.connect_to) return connect(*retrieve.connect_to);
        if (data_) begin_transfer();
    }

    void carry_out(const protocol::FtpFindSize& find) {
        delivery::Answer answer = ask(find.path, Purpose::facts);
        if (answer.outcome != delivery::Outcome::content) return run(session_.lookup_failed(refusal(answer)));
        const std::uint64_t size = answer.body.view().size();
        door_.parts_.pipeline->record(std::move(answer.ticket), {.only_asked = true});
        run(session_.size_is(size));
    }

    void carry_out(const protocol::FtpFindModified& find) {
        delivery::Answer answer = ask(find.path, Purpose::facts);
        if (answer.outcome != delivery::Outcome::content) return run(session_.lookup_failed(refusal(answer)));
        door_.parts_.pipeline->record(std::move(answer.ticket), {.only_asked = true});
        run(session_.modified_at(answer.modified));
    }

    void carry_out(const protocol::FtpAbort&) {
        record_cut();
        drop_data_connection();
        begin_waiting_after_cut();
    }

    void carry_out(const protocol::FtpClose&) {
        closing_ = true;
        record_cut();
        drop_data_connection();
        control_.set_deadline(now() + closing_time);
        if (!control_.is_sending()) finish();
    }

    enum class Purpose { fetch, facts };

    delivery::Answer ask(const std::string& path, Purpose purpose) const {
        delivery::Request request;
        request.only_asks = purpose == Purpose::facts;
        request.wire = trust::Wire::ftp;
        request.path = path;
        request.source = peer_.address;
        return door_.parts_.pipeline->answer(request);
    }

    FaultCode refusal(delivery::Answer& answer) const {
        const bool failed = answer.outcome == delivery::Outcome::unavailable;
        door_.parts_.pipeline->record(std::move(answer.ticket), {});
        return failed ? FaultCode::unavailable : FaultCode::not_found;
    }

    // ---- The data connection

    Result<net::Descriptor> listen_passive() {
        const auto& range = door_.settings_->passive_ports;
        if (!range) {
            net::SocketAddress any_port = local_;
            any_port.set_port(0);
            return net::listen_tcp(any_port, net::Sharing::alone);
        }
        const unsigned count = range->last - range->first + 1U;
        Result<net::Descriptor> socket = fail(FaultCode::unavailable, "no passive port is free");
        for (unsigned i = 0; i < std::min(count, passive_tries) && !socket; ++i) {
            net::SocketAddress address = local_;
            address.set_port(static_cast<std::uint16_t>(range->first + door_.next_passive_++ % count));
            socket = net::listen_tcp(address, net::Sharing::alone);
        }
        return socket;
    }

    void on_data_accepted(net::Accepted accepted) {
        // Anybody may find the port; only the phone itself gets the file.
        if (accepted.peer.endpoint().address != peer_.address) return;
        const auto self = shared_from_this();
        passive_.reset();
        adopt_data(std::move(accepted.socket));
    }

    void connect(const Endpoint& endpoint) {
        drop_data_connection();
        auto socket = net::connect_tcp(local_, endpoint);
        if (!socket) return on_no_data_connection();
        connecting_ =
            std::make_unique<net::Watch>(loop(), std::move(*socket), net::Watch::Calls{{}, [this] { on_connected(); }});
        connecting_->await_writable();
    }

    void on_connected() {
        const auto self = shared_from_this();
        if (!net::is_connected(connecting_->descriptor())) return on_no_data_connection();
        net::Descriptor socket = connecting_->release();
        connecting_.reset();
        adopt_data(std::move(socket));
    }

    void adopt_data(net::Descriptor socket) {
        data_ = std::make_unique<net::Stream>(loop(), std::move(socket), data_owner_);
        if (retrieval_) begin_transfer();
    }

    void begin_transfer() {
        connect_deadline_.clear();
        const registry::Body& body = retrieval_->answer.body;
        const std::uint64_t length = body.view().size() - retrieval_->offset;
        run(session_.transfer_started(length));
        if (!data_ || !retrieval_) return;
        data_->set_deadline(now() + longest_delivery(length));
        data_->send({}, {body.bytes, retrieval_->offset, length});
    }

    void on_no_data_connection() {
        const auto self = shared_from_this();
        record_cut();
        drop_data_connection();
        begin_waiting_after_cut();
        run(session_.data_connection_failed());
    }

    void on_data_sent() {
        const auto self = shared_from_this();
        const std::uint64_t sent = retrieval_->answer.body.view().size() - retrieval_->offset;
        door_.parts_.pipeline->record(std::move(retrieval_->answer.ticket), {.bytes = sent, .complete = true});
        retrieval_.reset();
        drop_data_connection();
        cuts_in_row_ = 0;
        begin_waiting(idle_time);
        run(session_.transfer_done(true));
        after_transfer();
    }

    void on_data_ended() {
        const auto self = shared_from_this();
        const bool was_running = retrieval_.has_value();
        record_cut();
        drop_data_connection();
        if (was_running) {
            begin_waiting_after_cut();
            run(session_.transfer_done(false));
        }
        after_transfer();
    }

    void after_transfer() {
        if (closing_ && !session_.is_busy() && !control_.is_sending()) finish();
    }

    void record_cut() {
        if (!retrieval_) return;
        const std::uint64_t length = retrieval_->answer.body.view().size() - retrieval_->offset;
        const std::uint64_t sent = data_ && data_->is_sending() ? length - data_->unsent() : 0;
        door_.parts_.pipeline->record(std::move(retrieval_->answer.ticket), {.bytes = sent});
        retrieval_.reset();
    }

    void drop_data_connection() {
        connect_deadline_.clear();
        passive_.reset();
        connecting_.reset();
        data_.reset();
    }

    FtpDoor& door_;
    net::SocketAddress local_;
    Endpoint peer_;
    FtpSession session_;
    DataOwner data_owner_;
    std::string replies_;  // waiting for the ones before them to be sent
    bool was_logged_in_ = false;
    unsigned cuts_in_row_ = 0;
    SteadyTime waiting_since_{};
    SteadyTime wait_ends_{};
    bool closing_ = false;
    bool closed_ = false;
    std::optional<Retrieval> retrieval_;
    net::Deadline idle_;
    net::Deadline connect_deadline_;
    std::unique_ptr<net::TcpListener> passive_;
    std::unique_ptr<net::Watch> connecting_;
    std::unique_ptr<net::Stream> data_;
    net::Stream control_;
};

FtpDoor::FtpDoor(LoopParts& parts, net::Descriptor socket, std::shared_ptr<const DoorSettings> settings)
    : parts_(parts), settings_(std::move(settings)), look_again_(parts.loop.deadlines(), [this] { make_room(); }) {
    listener_ = std::make_unique<net::TcpListener>(parts.loop, std::move(socket),
                                                   [this](net::Accepted accepted) { accept(std::move(accepted)); });
}

FtpDoor::~FtpDoor() = default;

void FtpDoor::drain() {
    listener_.reset();
    const auto connections = connections_;
    for (const auto& connection : connections) connection->drain();
}

void FtpDoor::accept(net::Accepted accepted) {
    const auto local = net::local_address(accepted.socket.get());
    if (!local) return;
    const auto connection = std::make_shared<Connection>(*this, std::move(accepted), *local);
    connections_.insert(connection);
    connection->start();
    make_room();
}

void FtpDoor::make_room() {
    if (connections_.size() >= settings_->limits.connections) {
        if (const auto one = find_dispensable(connections_, parts_.loop.now())) one->let_go();
    }
    if (!listener_) return;
    if (connections_.size() < settings_->limits.connections) return listener_->resume();
    listener_->pause();
    look_again_.set(parts_.loop.now() + full_door_look);
}

void FtpDoor::end(Connection& connection) {
    connections_.erase(connection.shared_from_this());
    if (listener_ && connections_.size() < settings_->limits.connections) listener_->resume();
}

}  // namespace ringfence::server

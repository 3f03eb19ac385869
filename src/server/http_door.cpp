#include "server/http_door.h"

#include "base/log.h"
#include "base/secret.h"
#include "net/stream.h"
#include "protocol/http_request.h"
#include "protocol/http_response.h"
#include "server/enrolment_routes.h"

namespace ringfence::server {

using delivery::Outcome;
using protocol::HttpPart;
using protocol::HttpRequest;
using protocol::HttpResponseHead;
using trust::Wire;

namespace {

// Slow sets need two seconds of computing; the rest is for the line.
constexpr Duration handshake_time = std::chrono::seconds(20);
// From the first byte of a request to its last, however slowly they drip.
constexpr Duration request_time = std::chrono::seconds(15);
// Between requests. A set asks for its next file at once or not at all.
constexpr Duration idle_time = std::chrono::seconds(20);
// A full door lets go of those whose handshake is older than this, too: no honest one takes as long.
constexpr Duration handshake_allowance = std::chrono::seconds(8);
// How long a connection that is still in its handshake holds up the end: a phone that means to ask does so at once.
constexpr Duration draining_time = std::chrono::seconds(5);

// For the answer of the enrolment service, which is never later than that; the rest is for the loops.
constexpr Duration enrolment_time =
    EnrolmentService::longest_wait + EnrolmentService::longest_work + std::chrono::seconds(10);

constexpr std::string_view allowed_methods = "GET, HEAD";
constexpr std::string_view file_type = "application/octet-stream";
constexpr std::string_view sentence_type = "text/plain";
constexpr std::string_view list_type = "application/pkix-crl";  // RFC 2585

// Fixed bytes: what was asked for must not show in the answer.
std::string_view sentence_for(unsigned status) {
    switch (status) {
        case 400: return "This is not an HTTP request.\n";
        case 401: return "A login or a device certificate is needed.\n";
        case 404: return "There is no such file.\n";
        case 405: return "This method is not served here.\n";
        case 411: return "The length of the body is missing.\n";
        case 413: return "The body is too long.\n";
        case 431: return "The request is too long.\n";
        default: return "Please try again later.\n";
    }
}

// A secret is wiped when the last of it is sent.
std::shared_ptr<const std::string> hold_body(const authority::Reply& answer) {
    if (answer.secret_body.empty()) return std::make_shared<const std::string>(answer.body);
    const auto wipe_and_free = [](std::string* text) {
        wipe(*text);
        delete text;
    };
    return {new std::string(answer.secret_body.reveal()), wipe_and_free};
}

}  // namespace

class HttpDoor::Connection : public net::StreamOwner, public std::enable_shared_from_this<Connection> {
public:
    Connection(HttpDoor& door, net::Descriptor socket, const IpAddress& source,
               std::optional<crypto::TlsConnection> tls)
        : door_(door),
          settings_(door.settings_),
          source_(source),
          reader_([this](const HttpRequest& head) { return head.method == "POST" && find_route(head).has_value(); }),
          stream_(door.parts_.loop, std::move(socket), *this, std::move(tls)) {}

    ~Connection() override {
        if (!delivery_) return;
        const std::size_t total = delivery_->head_size + (delivery_->has_body ? delivery_->part.length : 0);
        const std::size_t sent = total - std::min<std::size_t>(total, stream_.unsent());
        record(*delivery_, {.bytes = sent - std::min(sent, delivery_->head_size)});
    }

    void start() {
        is_securing_ = stream_.tls() != nullptr;
        begin_waiting(is_securing_ ? handshake_time : idle_time);
        stream_.start();
    }

    // Since when it could have asked and has not, or not wholly; empty while it is answered or leaves.
    std::optional<SteadyTime> waiting_since() const {
        if (delivery_ || asked_ || finishing_) return std::nullopt;
        return is_securing_ ? waiting_since_ + handshake_allowance : waiting_since_;
    }

    std::optional<std::uint64_t> find_too_slow() {
        if (!delivery_ || finishing_) return std::nullopt;
        return delivery_->pace.find_too_slow(now(), stream_.unacknowledged());
    }

    void let_go() {
        if (!is_securing_ && !delivery_ && !asked_) return finish(net::Stream::Rest::none);
        finishing_ = true;
        stream_.set_deadline(now());
    }

    void drain() {
        if (is_securing_) return stream_.set_deadline(now() + draining_time);
        if (delivery_ || asked_ || reader_.is_inside_request() || finishing_) return;
        finish(net::Stream::Rest::none);
    }

private:
    // An answer on its way.
    struct Delivery {
        std::optional<delivery::Ticket> ticket;  // none: nobody asked the pipeline
        HttpPart part;
        std::size_t head_size = 0;
        bool has_body = false;
        bool keep_alive = false;
        net::Stream::Rest rest = net::Stream::Rest::none;
        Pace pace;
    };

    SteadyTime now() const { return door_.parts_.loop.now(); }
    delivery::Pipeline& pipeline() const { return *door_.parts_.pipeline; }
    Wire wire() const { return settings_->listener.wire; }

    void on_secured() override {
        is_securing_ = false;
        if (finishing_) return stream_.finish(net::Stream::Rest::none);
        begin_waiting(door_.draining_ ? draining_time : idle_time);
    }

    void begin_waiting(Duration at_most) {
        has_begun_ = false;
        waiting_since_ = now();
        stream_.set_deadline(now() + at_most);
    }

    void on_bytes(std::string_view bytes) override {
        reader_.add(bytes);
        read_request();
    }

    void on_sent() override {
        if (!delivery_) return;  // that was "100 Continue"
        Delivery sent = *std::exchange(delivery_, std::nullopt);
        record(sent, {.bytes = sent.has_body ? sent.part.length : 0, .complete = true});
        if (!sent.keep_alive || door_.draining_ || finishing_) return finish(sent.rest);
        begin_waiting(idle_time);
        read_request();
    }

    void on_not_secured(const std::string& reason) override {
        is_securing_ = false;
        finishing_ = true;
        door_.record_failed_handshake(source_, reason);
    }

    void on_ended(const net::Ended&) override {
        if (is_securing_) door_.record_failed_handshake(source_, "the TLS handshake was not finished in time");
        door_.end(*this);
    }

    // The next request of those that arrived, if one is whole.
    void read_request() {
        auto request = reader_.next();
        if (!request) return refuse(protocol::http_status(request.error().code), net::Stream::Rest::expected);
        if (!*request) {
            note_beginning();
            if (reader_.take_continue()) stream_.send(std::string(protocol::continue_head));
            return stream_.resume_reading();
        }
        stream_.pause_reading();
        answer(std::move(**request));
    }

    // Once for each wait, so that blank lines and drops of a request buy no more time.
    void note_beginning() {
        if (has_begun_ || !reader_.is_inside_request()) return;
        has_begun_ = true;
        stream_.set_deadline(now() + request_time);
    }

    void answer(HttpRequest request) {
        if (auto route = find_route(request)) return enrol(std::move(*route), std::move(request));
        const bool is_head = request.method == "HEAD";
        if (request.method != "GET" && !is_head) return respond(405, request, {.allow = allowed_methods});
        if (const auto list = find_revocation_list(request)) {
            return reply(request, {.status = 200, .content_type = std::string(list_type), .body = *list});
        }
        deliver_file(request);
    }

    std::optional<EnrolmentRoute> find_route(const HttpRequest& request) const {
        if (door_.parts_.services.enrolment == nullptr) return std::nullopt;
        return find_enrolment_route(settings_->enrolment, {wire(), door_.parts_.clock().wall_now()}, request);
    }

    std::optional<std::string> find_revocation_list(const HttpRequest& request) const {
        const std::string_view name = find_list_name(request);
        if (name.empty() || !door_.parts_.services.find_revocation_list) return std::nullopt;
        return door_.parts_.services.find_revocation_list(name);
    }

    // The body, if there is one, was asked for or nobody took the method.
    void enrol(EnrolmentRoute route, HttpRequest request) {
        if (!route.takes(request.method)) return respond(405, request, {.allow = route.methods});
        if (request.body_state == protocol::HttpBody::too_large) return respond(413, request, {});
        if (request.body_state == protocol::HttpBody::without_length) return respond(411, request, {});
        EnrolmentRequest asked{make_query(std::move(route), request)};
        asked.query.source = source_.to_string();
        if (const crypto::TlsConnection* tls = stream_.tls()) {
            asked.query.is_secure = true;
            asked.query.certificate_fingerprint = tls->peer_fingerprint();
            take_login(request, asked);
        }
        asked_ = std::move(request);
        stream_.set_deadline(now() + enrolment_time);
        door_.parts_.services.enrolment->submit(std::move(asked), door_.parts_.loop,
                                                [weak = weak_from_this()](const authority::Reply& answer) {
                                                    if (const auto self = weak.lock()) self->on_reply(answer);
                                                });
    }

    void take_login(const HttpRequest& request, EnrolmentRequest& asked) const {
        auto authorization = protocol::parse_authorization(request.authorization.reveal());
        if (!authorization) return;
        if (auto* login = std::get_if<protocol::BasicLogin>(&*authorization)) {
            asked.query.user = std::move(login->user);
            asked.query.password = std::move(login->password);
        } else {
            asked.digest = TokenDigest{std::get<protocol::DigestLogin>(*authorization), request.method,
                                       request.target_path, settings_->realm, asked.query.source};
        }
    }

    void on_reply(const authority::Reply& answer) {
        if (finishing_) return;
        const HttpRequest request = *std::exchange(asked_, std::nullopt);
        reply(request, answer);
    }

    // What is no file: a whole answer, of another sort than the pipeline's.
    void reply(const HttpRequest& request, const authority::Reply& answer) {
        HttpResponseHead head = begin_head(answer.status, request.keep_alive);
        head.content_type = answer.content_type;
        const auto body = hold_body(answer);
        head.content_length = body->size();
        head.retry_after = answer.retry_after;
        head.no_store = !answer.secret_body.empty();
        std::string login;
        if (answer.wants_login && stream_.tls() != nullptr) {
            login = challenge(answer.is_login_stale);
            head.status = 401;
            head.www_authenticate = login;
        }
        Delivery delivery;
        delivery.part = {head.status, 0, body->size()};
        delivery.has_body = request.method != "HEAD";
        promise(request, head, delivery);
        const std::size_t length = delivery.has_body ? body->size() : 0;
        send(std::move(delivery), format_response_head(head), {body, 0, length});
    }

    void deliver_file(const HttpRequest& request) {
        delivery::Request asked;
        asked.wire = wire();
        asked.path = request.target_path;
        asked.source = source_;
        asked.user_agent = request.user_agent;
        asked.method = request.method;
        asked.only_asks = request.method == "HEAD";
        if (stream_.tls() != nullptr) {
            asked.certificate_fingerprint = stream_.tls()->peer_fingerprint();
            auto authorization = protocol::parse_authorization(request.authorization.reveal());
            if (authorization) asked.authorization = std::move(*authorization);
        }
        if (settings_->lane) asked.lane = &*settings_->lane;
        delivery::Answer answer = pipeline().answer(asked);
        switch (answer.outcome) {
            case Outcome::content: return deliver(request, std::move(answer));
            case Outcome::needs_proof:
                return respond(401, request, {std::move(answer.ticket), challenge(answer.stale_nonce)});
            case Outcome::not_found: return respond(404, request, {std::move(answer.ticket)});
            case Outcome::unavailable: return respond(503, request, {std::move(answer.ticket)});
        }
    }

    std::string challenge(bool is_stale) const {
        protocol::Challenge challenge;
        challenge.kind = settings_->listener.challenge;
        challenge.realm = settings_->realm;
        challenge.stale = is_stale;
        if (challenge.kind != protocol::ChallengeKind::basic) challenge.nonce = door_.parts_.nonces.issue(now());
        return protocol::format_challenge(challenge);
    }

    void deliver(const HttpRequest& request, delivery::Answer answer) {
        const std::uint64_t size = answer.body.view().size();
        const HttpPart part = choose_part(request, {.size = size, .etag = answer.etag, .modified = answer.modified});
        HttpResponseHead head = begin_head(part.status, request.keep_alive);
        if (part.status != 304) head.content_length = part.length;
        head.content_type = file_type;
        head.etag = answer.etag;
        head.modified = answer.modified;
        head.accepts_ranges = true;
        std::string range;
        if (part.status == 206 || part.status == 416) range = format_content_range(part, size);
        head.content_range = range;

        Delivery delivery;
        delivery.ticket = std::move(answer.ticket);
        delivery.part = part;
        delivery.has_body = request.method != "HEAD";
        promise(request, head, delivery);
        const std::uint64_t length = delivery.has_body ? part.length : 0;
        send(std::move(delivery), format_response_head(head), {answer.body.bytes, part.first, length});
    }

    // What some of the sentences come with.
    struct Beside {
        std::optional<delivery::Ticket> ticket{};
        std::string challenge{};
        std::string_view allow{};
    };

    // A fixed sentence.
    void respond(unsigned status, const HttpRequest& request, Beside beside) {
        const std::string_view sentence = sentence_for(status);
        HttpResponseHead head = begin_head(status, request.keep_alive);
        head.content_type = sentence_type;
        head.content_length = sentence.size();
        head.www_authenticate = beside.challenge;
        head.allow = beside.allow;
        std::string bytes = format_response_head(head);
        if (request.method != "HEAD") bytes += sentence;
        Delivery delivery;
        delivery.ticket = std::move(beside.ticket);
        delivery.part.status = status;
        promise(request, head, delivery);
        // The reader leaves a body that it will not take; GET and HEAD have none.
        if (request.method != "GET" && request.method != "HEAD") delivery.rest = net::Stream::Rest::expected;
        send(std::move(delivery), std::move(bytes), {});
    }

    // What cannot be read as a request: nothing after it can be either.
    void refuse(unsigned status, net::Stream::Rest rest) {
        stream_.pause_reading();
        const std::string_view sentence = sentence_for(status);
        HttpResponseHead head = begin_head(status, false);
        head.content_type = sentence_type;
        head.content_length = sentence.size();
        std::string bytes = format_response_head(head);
        bytes += sentence;
        Delivery delivery;
        delivery.part.status = status;
        delivery.rest = rest;
        send(std::move(delivery), std::move(bytes), {});
    }

    HttpResponseHead begin_head(unsigned status, bool keep_alive) const {
        HttpResponseHead head;
        head.status = status;
        head.date = door_.parts_.clock().wall_now();
        head.keep_alive = keep_alive && !door_.draining_ && !door_.is_crowded();
        return head;
    }

    // What the head says of the connection is what happens. A phone that meant to keep it may have asked on already.
    static void promise(const HttpRequest& request, const HttpResponseHead& head, Delivery& delivery) {
        delivery.keep_alive = head.keep_alive;
        if (request.keep_alive && !head.keep_alive) delivery.rest = net::Stream::Rest::expected;
    }

    void send(Delivery delivery, std::string head, net::BodyPart body) {
        delivery.head_size = head.size();
        delivery_ = std::move(delivery);
        stream_.set_deadline(now() + longest_delivery(body.length));
        stream_.send(std::move(head), std::move(body));
    }

    void record(Delivery& delivery, delivery::Delivered delivered) const {
        if (!delivery.ticket) return;
        delivered.not_modified = delivery.part.status == 304;
        pipeline().record(std::move(*delivery.ticket), delivered);
    }

    void finish(net::Stream::Rest rest) {
        finishing_ = true;
        stream_.finish(rest);
    }

    HttpDoor& door_;
    std::shared_ptr<const DoorSettings> settings_;
    IpAddress source_;
    protocol::HttpRequestReader reader_;
    std::optional<Delivery> delivery_;
    std::optional<HttpRequest> asked_;  // of the enrolment service, and not answered yet
    bool is_securing_ = false;
    bool has_begun_ = false;  // a request, since the wait for it began
    SteadyTime waiting_since_{};
    bool finishing_ = false;
    net::Stream stream_;
};

HttpDoor::HttpDoor(LoopParts& parts, net::Descriptor socket, std::shared_ptr<const DoorSettings> settings)
    : parts_(parts),
      settings_(std::move(settings)),
      handshake_events_(parts.events, settings_->listener.wire),
      judge_([this](std::string_view fingerprint) { return judge(fingerprint); }),
      look_again_(parts.loop.deadlines(), [this] { make_room(); }) {
    listener_ = std::make_unique<net::TcpListener>(parts.loop, std::move(socket),
                                                   [this](net::Accepted accepted) { accept(std::move(accepted)); });
}

HttpDoor::~HttpDoor() = default;

void HttpDoor::drain() {
    draining_ = true;
    listener_.reset();
    const auto connections = connections_;
    for (const auto& connection : connections) connection->drain();
}

bool HttpDoor::is_closed_lane() const {
    return settings_->lane && settings_->lane->closes && parts_.clock().wall_now() >= *settings_->lane->closes;
}

void HttpDoor::accept(net::Accepted accepted) {
    const IpAddress source = accepted.peer.endpoint().address;
    if (is_closed_lane()) return record_failed_handshake(source, "the lane of old TLS has passed its closing date");
    std::optional<crypto::TlsConnection> tls;
    if (settings_->tls) {
        auto secured = settings_->tls->accept(accepted.socket.get(), judge_);
        if (!secured) return log::error(secured.error().message);
        tls = std::move(*secured);
    }
    const auto connection = std::make_shared<Connection>(*this, std::move(accepted.socket), source, std::move(tls));
    connections_.insert(connection);
    connection->start();
    make_room();
}

void HttpDoor::make_room() {
    if (connections_.size() >= settings_->limits.connections) {
        if (const auto one = find_dispensable(connections_, parts_.loop.now())) one->let_go();
    }
    if (!listener_) return;
    if (connections_.size() < settings_->limits.connections) return listener_->resume();
    listener_->pause();
    look_again_.set(parts_.loop.now() + full_door_look);
}

// Whether a certificate that our authority issued still opens the door. Its signature and dates were verified before,
// at the latest when the session began that is being resumed.
Status HttpDoor::judge(std::string_view fingerprint) {
    const registry::Snapshot snapshot(parts_.lookup);
    auto found = parts_.lookup.find_certificate(fingerprint);
    if (!found) return fail(std::move(found).error());
    if (!*found) return fail(FaultCode::untrusted, "the client certificate is not in our register");
    const registry::CertificateRecord& record = **found;
    refused_device_ = record.device;
    if (!record.is_of_device()) {
        return fail(FaultCode::untrusted, "the client certificate is not a device's");
    }
    if (record.revoked) {
        return fail(FaultCode::untrusted, "the client certificate was revoked on " + format_time(*record.revoked));
    }
    if (parts_.clock().wall_now() > record.not_after) {
        return fail(FaultCode::expired, "the client certificate ended on " + format_time(record.not_after));
    }
    auto device = parts_.lookup.find_device(*record.device);
    if (!device) return fail(std::move(device).error());
    if (!*device) return fail(FaultCode::untrusted, "the client certificate's device is no longer in the inventory");
    if (!(*device)->is_in_service())
        return fail(FaultCode::untrusted, "the client certificate's device is " + (*device)->why_out());
    refused_device_.reset();
    return {};
}

void HttpDoor::record_failed_handshake(const IpAddress& source, const std::string& reason) {
    handshake_events_.record({source, reason, std::exchange(refused_device_, std::nullopt)}, parts_.clock());
}

void HttpDoor::end(Connection& connection) {
    connections_.erase(connection.shared_from_this());
    if (listener_ && connections_.size() < settings_->limits.connections) listener_->resume();
}

}  // namespace ringfence::server

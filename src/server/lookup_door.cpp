#include "server/lookup_door.h"

#include "base/log.h"
#include "base/text.h"
#include "net/stream.h"
#include "network/query_codec.h"
#include "protocol/http_request.h"
#include "protocol/http_response.h"

namespace ringfence::server {

using protocol::HttpRequest;
using protocol::HttpResponseHead;

namespace {

constexpr Duration handshake_time = std::chrono::seconds(10);
constexpr Duration request_time = std::chrono::seconds(10);
// Longer than RADIUS servers keep a connection that nobody uses, so that they end it and not we under their hands.
constexpr Duration idle_time = std::chrono::minutes(5);
// A stranger's, who has shown nothing yet.
constexpr Duration stranger_time = std::chrono::seconds(10);
constexpr Duration answer_time = std::chrono::seconds(10);
constexpr Duration draining_time = std::chrono::seconds(2);
// Every phone of a house is such a warning while nobody can tell: one in this time, with the number of the others.
constexpr Duration unanswered_refill = std::chrono::seconds(10);

constexpr std::string_view json_type = "application/json";
constexpr std::string_view feed_type = "text/plain";
constexpr std::string_view basic_challenge = "Basic realm=\"radius\"";

enum class Route { none, credential, admission, refusal, feed };

Route find_route(const HttpRequest& request) {
    if (request.target_is_malformed) return Route::none;
    const std::string_view path = request.target_path;
    if (request.method == "GET" && path == "network/v1/feed") return Route::feed;
    if (request.method != "POST") return Route::none;
    if (path == "network/v1/credential") return Route::credential;
    if (path == "network/v1/admission") return Route::admission;
    if (path == "network/v1/refusal") return Route::refusal;
    return Route::none;
}

// The one table from faults of the desk to statuses.
unsigned status_of(const Fault& fault) {
    switch (fault.code) {
        case FaultCode::forbidden:
        case FaultCode::not_found: return 404;
        case FaultCode::malformed:
        case FaultCode::too_large: return 400;
        default: return 503;
    }
}

struct Reply {
    unsigned status = 404;
    Secret body{};
    std::string_view type = json_type;
};

}  // namespace

Secret lookup_authorization(const Secret& password) {
    std::string login(lookup_user);
    login += ':';
    login += password.reveal();
    Secret out("Basic " + to_base64(login));
    wipe(login);
    return out;
}

class LookupDoor::Connection : public net::StreamOwner, public std::enable_shared_from_this<Connection> {
public:
    Connection(LookupDoor& door, net::Descriptor socket, const IpAddress& source,
               std::optional<crypto::TlsConnection> tls)
        : door_(door),
          source_(source),
          reader_([](const HttpRequest& head) { return find_route(head) != Route::none; }),
          feed_look_(door.parts_.loop.deadlines(), [this] { feed(); }),
          stream_(door.parts_.loop, std::move(socket), *this, std::move(tls)) {}

    void start() {
        is_securing_ = stream_.tls() != nullptr;
        since_ = now();
        stream_.set_deadline(now() + (is_securing_ ? handshake_time : stranger_time));
        stream_.start();
    }

    // Since when a stranger is here; empty for who has shown what the door asks for.
    std::optional<SteadyTime> waiting_since() const {
        if (is_known_) return std::nullopt;
        return since_;
    }

    void let_go() { stream_.set_deadline(now()); }

    void drain() {
        if (is_securing_) return stream_.set_deadline(now() + draining_time);
        if (stream_.is_sending() || reader_.is_inside_request()) return;
        feed_look_.clear();
        stream_.finish(net::Stream::Rest::none);
    }

private:
    SteadyTime now() const { return door_.parts_.loop.now(); }

    void on_secured() override {
        is_securing_ = false;
        is_known_ = true;
        stream_.set_deadline(now() + (door_.draining_ ? draining_time : idle_time));
    }

    void on_not_secured(const std::string& reason) override {
        is_securing_ = false;
        door_.handshake_events_.record({source_, reason, std::nullopt}, door_.parts_.clock());
    }

    void on_bytes(std::string_view bytes) override {
        reader_.add(bytes);
        read_request();
    }

    void on_sent() override {
        if (!is_keeping_ || door_.draining_) return stream_.finish(net::Stream::Rest::expected);
        stream_.set_deadline(now() + idle_time);
        read_request();
    }

    void on_ended(const net::Ended&) override { door_.end(*this); }

    void read_request() {
        auto request = reader_.next();
        if (!request) return respond({protocol::http_status(request.error().code)}, false);
        if (!*request) {
            if (reader_.take_continue()) return end_unanswered();
            if (reader_.is_inside_request() && is_known_) stream_.set_deadline(now() + request_time);
            return stream_.resume_reading();
        }
        stream_.pause_reading();
        if (auto welcome = check_welcome(**request); !welcome) return turn_away(welcome.error());
        is_known_ = true;
        if (find_route(**request) == Route::feed) return begin_feed(**request);
        respond(answer(**request), (*request)->keep_alive);
    }

    void begin_feed(const HttpRequest& request) {
        auto question = network::parse_feed_question(request.query);
        if (!question) return respond({400}, request.keep_alive);
        held_ = HeldFeed{std::move(*question), {}, request.keep_alive};
        held_->until = now() + held_->question.wait;
        stream_.set_deadline(held_->until + answer_time);
        feed();
    }

    // Answers when there is news, or when the time to wait for it is over.
    void feed() {
        const auto page = door_.parts_.desk.feed(held_->question);
        const bool is_time = !page || page->has_news() || now() >= held_->until;
        if (!is_time) return feed_look_.set(now() + feed_look);
        if (auto still = judge_certificate(); !still) return turn_away(still.error());
        if (!page) return respond(refuse(page.error()), held_->keep_alive);
        respond({200, network::format_feed_page(*page), feed_type}, held_->keep_alive);
    }

    // No RADIUS server holds back a body of a few hundred bytes.
    void end_unanswered() { stream_.finish(net::Stream::Rest::expected); }

    Status check_welcome(const HttpRequest& request) const {
        if (stream_.tls() != nullptr) return judge_certificate();
        const Secret& wanted = door_.settings_->lookup_authorization;
        if (!wanted.empty() && equal_in_constant_time(request.authorization.reveal(), wanted.reveal())) return {};
        return fail(FaultCode::unauthenticated, "the password is wrong");
    }

    // Again with each question: a certificate that may read every password can be revoked while its connection lasts.
    Status judge_certificate() const {
        return stream_.tls() == nullptr ? Status() : door_.judge(stream_.tls()->peer_fingerprint());
    }

    void turn_away(const Fault& fault) {
        const bool is_our_fault = fault.code == FaultCode::unavailable || fault.code == FaultCode::corrupt;
        if (is_our_fault) return respond(refuse(fault), false);
        door_.record_stranger(source_);
        respond({401}, false);
    }

    Reply answer(const HttpRequest& request) {
        const Route route = find_route(request);
        if (route == Route::none) return {404};
        if (request.body_state != protocol::HttpBody::read) return {400};
        const auto query = network::parse_query(request.body);
        if (!query) return {status_of(query.error())};
        if (route == Route::credential) return give_credential(*query);
        if (route == Route::admission) return admit(*query);
        door_.parts_.desk.note_refused(*query);
        return {200, Secret("{}")};
    }

    Reply give_credential(const network::Query& query) {
        const auto credential = door_.parts_.desk.credential(query);
        if (!credential) return refuse(credential.error());
        return {200,
                network::format_credential(*credential, door_.parts_.desk.terms(), door_.parts_.clock().wall_now())};
    }

    Reply admit(const network::Query& query) {
        const auto admission = door_.parts_.desk.admit(query);
        if (!admission) return refuse(admission.error());
        return {200, Secret(network::format_admission(*admission, door_.parts_.desk.terms(),
                                                      door_.parts_.clock().wall_now()))};
    }

    Reply refuse(const Fault& fault) {
        const unsigned status = status_of(fault);
        if (status == 503) door_.warn_unanswered(fault);
        return {status};
    }

    void respond(const Reply& reply, bool keep) {
        is_keeping_ = keep && !door_.draining_;
        HttpResponseHead head;
        head.status = reply.status;
        head.date = door_.parts_.clock().wall_now();
        head.content_length = reply.body.reveal().size();
        if (!reply.body.empty()) head.content_type = reply.type;
        head.no_store = true;
        if (reply.status == 401) head.www_authenticate = basic_challenge;
        head.keep_alive = is_keeping_;
        const std::string start = format_response_head(head);
        std::string bytes;
        bytes.reserve(start.size() + reply.body.reveal().size());
        bytes += start;
        bytes += reply.body.reveal();
        stream_.set_deadline(now() + answer_time);
        stream_.send(std::move(bytes));
    }

    // A question that waits for news.
    struct HeldFeed {
        network::FeedQuestion question;
        SteadyTime until{};
        bool keep_alive = false;
    };

    LookupDoor& door_;
    IpAddress source_;
    protocol::HttpRequestReader reader_;
    SteadyTime since_{};
    bool is_securing_ = false;
    bool is_known_ = false;
    bool is_keeping_ = false;
    std::optional<HeldFeed> held_;
    net::Deadline feed_look_;
    net::Stream stream_;
};

LookupDoor::LookupDoor(LookupDoorParts parts, net::Descriptor socket, std::shared_ptr<const DoorSettings> settings)
    : parts_(parts),
      settings_(std::move(settings)),
      handshake_events_(parts.events, settings_->listener.wire),
      strangers_({HandshakeEvents::burst, HandshakeEvents::refill}),
      unanswered_({1, unanswered_refill}),
      judge_([this](std::string_view fingerprint) { return judge(fingerprint); }) {
    RINGFENCE_ASSERT(parts.certificates != nullptr || settings_->tls == nullptr);
    listener_ = std::make_unique<net::TcpListener>(parts.loop, std::move(socket),
                                                   [this](net::Accepted accepted) { accept(std::move(accepted)); });
}

LookupDoor::~LookupDoor() = default;

void LookupDoor::drain() {
    draining_ = true;
    listener_.reset();
    const auto connections = connections_;
    for (const auto& connection : connections) connection->drain();
}

void LookupDoor::accept(net::Accepted accepted) {
    if (!has_room()) return;
    std::optional<crypto::TlsConnection> tls;
    if (settings_->tls) {
        auto secured = settings_->tls->accept(accepted.socket.get(), judge_);
        if (!secured) return log::error(secured.error().message);
        tls = std::move(*secured);
    }
    const auto connection = std::make_shared<Connection>(*this, std::move(accepted.socket),
                                                         accepted.peer.endpoint().address, std::move(tls));
    connections_.insert(connection);
    connection->start();
}

// A full door lets go of strangers only; whoever comes meanwhile must come again.
bool LookupDoor::has_room() {
    if (connections_.size() < max_connections) return true;
    if (const auto stranger = find_longest_waiting(connections_, parts_.loop.now())) stranger->let_go();
    return false;
}

// Its signature, dates and purpose (clientAuth) were verified before.
Status LookupDoor::judge(std::string_view fingerprint) {
    auto found = parts_.certificates->find_certificate(fingerprint);
    if (!found) return fail(std::move(found).error());
    if (!*found) return fail(FaultCode::untrusted, "the client certificate is not in our register");
    if ((*found)->purpose != registry::CertificatePurpose::server)
        return fail(FaultCode::untrusted, "the client certificate is not a host's");
    if ((*found)->revoked)
        return fail(FaultCode::untrusted, "the client certificate was revoked on " + format_time(*(*found)->revoked));
    if (parts_.clock().wall_now() > (*found)->not_after)
        return fail(FaultCode::expired, "the client certificate ended on " + format_time((*found)->not_after));
    return {};
}

void LookupDoor::record_stranger(const IpAddress& source) {
    const auto untold = strangers_.take(parts_.clock().steady_now());
    if (!untold) return;
    registry::Event event;
    event.time = parts_.clock().wall_now();
    event.kind = registry::EventKind::login_failed;
    event.wire = trust::to_string(settings_->listener.wire);
    event.source = source.to_string();
    event.outcome = "refused";
    event.detail = "a program asked as a RADIUS server without the password for that" + *untold;
    parts_.events.record(std::move(event));
}

void LookupDoor::warn_unanswered(const Fault& fault) {
    const auto untold = unanswered_.take(parts_.clock().steady_now());
    if (untold) log::warning("a RADIUS server was not answered: " + fault.message + *untold);
}

void LookupDoor::end(Connection& connection) { connections_.erase(connection.shared_from_this()); }

namespace {

class RegistryDoor final : public Door {
public:
    RegistryDoor(LoopParts& parts, net::Descriptor socket, const std::shared_ptr<const DoorSettings>& settings)
        : desk_(*parts.network_lookup, parts.events, parts.clock()),
          door_({parts.loop, desk_, parts.events, &parts.lookup}, std::move(socket), settings) {
        follow(*settings);
    }

    void change(std::shared_ptr<const DoorSettings> settings) override {
        door_.change(settings);
        follow(*settings);
    }
    void drain() override { door_.drain(); }
    bool is_idle() const override { return door_.is_idle(); }

private:
    // The door keeps the settings.
    void follow(const DoorSettings& settings) {
        desk_.follow({.rules = {.lane = settings.lane ? &*settings.lane : nullptr},
                      .terms = settings.admission_terms,
                      .epoch = settings.feed_epoch});
    }

    network::RegistryDesk desk_;
    LookupDoor door_;
};

}  // namespace

std::unique_ptr<Door> make_registry_door(LoopParts& parts, net::Descriptor socket,
                                         std::shared_ptr<const DoorSettings> settings) {
    return std::make_unique<RegistryDoor>(parts, std::move(socket), settings);
}

}  // namespace ringfence::server

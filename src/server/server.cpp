#include "server/server.h"

#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "net/event_loop.h"
#include "net/socket.h"
#include "server/door.h"
#include "server/lookup_door.h"
#include "server/service_notice.h"

namespace ringfence::server {

using trust::Wire;

namespace {

// How often a draining loop looks whether its doors are idle.
constexpr Duration drain_look = std::chrono::milliseconds(100);
constexpr std::string_view needs_restart = "loops, families and workers change only with a restart";
constexpr std::string_view realm_is_bound =
    "the realm has changed, but the stored logins are bound to the old one; put it back";

// One listener, with what all loops need of it.
struct Listener {
    std::shared_ptr<const DoorSettings> settings;
    Endpoint bound;                        // with the real port
    std::vector<net::Descriptor> sockets;  // one a loop, until the loops take them; empty for one that runs on

    bool is_at(const ListenerSettings& other) const {
        return settings->listener.wire == other.wire && settings->listener.endpoint == other.endpoint;
    }
};

// All that a settings file and the certificates make together.
struct Generation {
    ServerSettings settings;
    std::shared_ptr<const delivery::Shared> shared;
    std::vector<Listener> listeners;
};

Result<net::Descriptor> open_socket(Wire wire, const Endpoint& endpoint, net::Sharing sharing) {
    const net::SocketAddress address(endpoint);
    return wire == Wire::tftp ? net::bind_udp(address, sharing) : net::listen_tcp(address, sharing);
}

bool is_named(const crypto::Certificate& certificate, const std::string& host) {
    if (const auto address = IpAddress::parse(host)) {
        const auto addresses = certificate.addresses();
        return std::find(addresses.begin(), addresses.end(), *address) != addresses.end();
    }
    const auto names = certificate.dns_names();
    return std::any_of(names.begin(), names.end(),
                       [&](const std::string& name) { return equals_ignoring_case(name, host); });
}

// Phones compare what they were told to ask with what the certificate says.
Status require_named(const TlsMaterial& material, const std::string& host) {
    for (const crypto::TlsIdentity& identity : material.identities) {
        if (is_named(identity.leaf, host)) continue;
        return fail(FaultCode::conflict,
                    fmt::format("the server's certificate does not name {}; issue one with 'ringfence cert server "
                                "--add {}', or correct the settings",
                                printable(host), printable(host)));
    }
    return {};
}

Status check_models(const ServerSettings& settings, const family::Family& family) {
    if (!settings.legacy) return {};
    for (const std::string& model : settings.legacy->models) {
        if (family.has_model(model)) continue;
        return fail(FaultCode::malformed,
                    fmt::format("[legacy] models names {}, which is no model of {}", printable(model), family.name()));
    }
    return {};
}

// Two doors of one kind on one port.
bool is_same_port(const ListenerSettings& a, const ListenerSettings& b) {
    return (a.wire == Wire::tftp) == (b.wire == Wire::tftp) && a.endpoint.port == b.endpoint.port;
}

// With SO_REUSEPORT a second server of the same user would quietly take half of the phones, so an address is first
// asked for alone.
Status probe(const std::vector<ListenerSettings>& listeners) {
    for (const ListenerSettings& listener : listeners) {
        auto socket = open_socket(listener.wire, listener.endpoint, net::Sharing::alone);
        if (!socket) return fail(std::move(socket).error());
    }
    return {};
}

Status open_sockets(Listener& listener, std::size_t count) {
    Endpoint endpoint = listener.settings->listener.endpoint;
    for (std::size_t i = 0; i < count; ++i) {
        auto socket = open_socket(listener.settings->listener.wire, endpoint, net::Sharing::shared);
        if (!socket) return fail(std::move(socket).error());
        auto address = net::local_address(socket->get());
        if (!address) return fail(std::move(address).error());
        endpoint.port = address->endpoint().port;
        listener.sockets.push_back(std::move(*socket));
    }
    listener.bound = endpoint;
    return {};
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

// A thread and what it serves. Made while the thread does not run; then everything happens on its loop.
class Worker {
public:
    struct Lookups {
        std::unique_ptr<registry::Lookup> files;
        std::unique_ptr<registry::NetworkLookup> network;  // may be null
    };

    Worker(const Clock& clock, Lookups lookups, std::shared_ptr<const delivery::Shared> shared,
           const PublicServices& services)
        : loop_(clock),
          lookups_(std::move(lookups)),
          shared_(std::move(shared)),
          parts_{loop_,
                 *lookups_.files,
                 lookups_.network.get(),
                 shared_->events,
                 shared_->nonces,
                 services,
                 std::make_unique<delivery::Pipeline>(*shared_, *lookups_.files)},
          drain_look_(loop_.deadlines(), [this] { look_whether_drained(); }) {}

    ~Worker() {
        if (!thread_.joinable()) return;
        loop_.stop();
        thread_.join();
    }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    void add_door(net::Descriptor socket, const std::shared_ptr<const DoorSettings>& settings) {
        doors_.push_back({settings->listener, make_door(parts_, std::move(socket), settings)});
    }

    void start() {
        thread_ = std::thread([this] { loop_.run(); });
    }

    // Part of a generation: the settings of every listener, and a socket for each one that is new.
    struct Change {
        std::shared_ptr<const delivery::Shared> shared;
        std::vector<std::shared_ptr<const DoorSettings>> settings;
        std::vector<net::Descriptor> sockets;  // invalid: the door is there already
    };

    void post_change(Change change) {
        // A function that can be posted must be copyable.
        const auto held = std::make_shared<Change>(std::move(change));
        loop_.post([this, held] { take_over(*held); });
    }

    void post_drain(Duration at_most, std::function<void()> drained) {
        loop_.post([this, at_most, drained = std::move(drained)] { drain(at_most, drained); });
    }

private:
    struct PlacedDoor {
        ListenerSettings place;
        std::unique_ptr<Door> door;
    };

    void take_over(Change& change) {
        parts_.pipeline = std::make_unique<delivery::Pipeline>(*change.shared, *lookups_.files);
        shared_ = std::move(change.shared);
        retire_idle();
        std::vector<PlacedDoor> kept;
        for (std::size_t i = 0; i < change.settings.size(); ++i) {
            const auto& settings = change.settings[i];
            if (change.sockets[i].valid()) {
                kept.push_back({settings->listener, make_door(parts_, std::move(change.sockets[i]), settings)});
                continue;
            }
            const auto same = std::find_if(doors_.begin(), doors_.end(), [&](const PlacedDoor& placed) {
                return placed.door && placed.place.wire == settings->listener.wire &&
                       placed.place.endpoint == settings->listener.endpoint;
            });
            RINGFENCE_ASSERT(same != doors_.end());
            same->door->change(settings);
            kept.push_back({settings->listener, std::move(same->door)});
        }
        for (PlacedDoor& placed : doors_) {
            if (!placed.door) continue;
            placed.door->drain();
            leaving_.push_back(std::move(placed.door));
        }
        doors_ = std::move(kept);
    }

    void retire_idle() {
        const auto is_idle = [](const std::unique_ptr<Door>& door) { return door->is_idle(); };
        leaving_.erase(std::remove_if(leaving_.begin(), leaving_.end(), is_idle), leaving_.end());
    }

    void drain(Duration at_most, const std::function<void()>& drained) {
        drained_ = drained;
        drain_end_ = loop_.now() + at_most;
        for (PlacedDoor& placed : doors_) {
            placed.door->drain();
            leaving_.push_back(std::move(placed.door));
        }
        doors_.clear();
        look_whether_drained();
    }

    void look_whether_drained() {
        retire_idle();
        if (!leaving_.empty() && loop_.now() < drain_end_) return drain_look_.set(loop_.now() + drain_look);
        loop_.stop();
        drained_();
    }

    net::EventLoop loop_;
    Lookups lookups_;
    std::shared_ptr<const delivery::Shared> shared_;
    LoopParts parts_;
    std::vector<PlacedDoor> doors_;
    std::vector<std::unique_ptr<Door>> leaving_;  // drained, with something still running
    std::function<void()> drained_;
    SteadyTime drain_end_{};
    net::Deadline drain_look_;
    std::thread thread_;
};

}  // namespace

struct Server::Core {
    explicit Core(ServerParts made_parts) : parts(std::move(made_parts)), control(parts.shared.clock) {}

    ServerParts parts;
    net::EventLoop control;
    std::unique_ptr<EnrolmentService> enrolment;
    PublicServices services;
    std::vector<std::unique_ptr<Worker>> workers;
    mutable std::mutex mutex;  // guards `running`, which listeners() reads from any thread
    Generation running;
    bool draining = false;
    std::size_t drained = 0;

    Status start();
    void reload();
    void drain();
    // Before the workers go, since it posts to their loops.
    void stop_services();
    void record(std::string outcome, std::string detail) const;

private:
    // The listeners have settings and no sockets yet.
    Result<Generation> load() const;
    Result<std::shared_ptr<crypto::TlsServerContext>> make_context(const ListenerSettings& listener,
                                                                   const ServerSettings& settings) const;
    Status prepare_lookups(DoorSettings& door, const ServerSettings& settings) const;
    Result<Worker::Lookups> open_lookups() const;
    Status probe_new(const std::vector<Listener>& listeners) const;
    void start_services(const ServerSettings& settings, std::size_t loops);
    Status try_reload();
    void on_worker_drained();
};

Result<std::shared_ptr<crypto::TlsServerContext>> Server::Core::make_context(const ListenerSettings& listener,
                                                                             const ServerSettings& settings) const {
    crypto::TlsServerProfile profile;
    profile.lane = listener.wire == Wire::https_legacy ? crypto::TlsLane::legacy : crypto::TlsLane::modern;
    auto material = parts.load_tls(profile.lane);
    if (!material) return fail(std::move(material).error());
    std::vector<std::string> told{settings.installation.host, settings.installation.address};
    if (profile.lane == crypto::TlsLane::legacy) {
        told.clear();
        const auto& lane = settings.installation.legacy_lane;
        if (lane && !lane->server.empty()) told.push_back(lane->server);
    }
    for (const std::string& host : told) {
        if (auto named = require_named(*material, host); !named) return fail(std::move(named).error());
    }
    profile.identities = std::move(material->identities);
    profile.client_certificates = listener.client_certificates;
    profile.client_anchors = std::move(material->client_anchors);
    profile.pinned_legacy_anchors = std::move(material->pinned_legacy_anchors);
    return crypto::TlsServerContext::create(profile, parts.shared.clock);
}

Status Server::Core::prepare_lookups(DoorSettings& door, const ServerSettings& settings) const {
    if (!parts.open_network_lookup) return fail(FaultCode::conflict, "RADIUS servers cannot be answered here");
    door.admission_terms = settings.radius.terms;
    door.feed_epoch = parts.make_feed_epoch();
    if (settings.radius.has_legacy_eap) door.lane = settings.legacy;
    if (door.listener.wire != Wire::radius) return {};
    auto password = parts.load_lookup_password();
    if (!password) return fail(std::move(password).error());
    door.lookup_authorization = lookup_authorization(*password);
    return {};
}

Result<Generation> Server::Core::load() const {
    auto settings = parts.load_settings();
    if (!settings) return fail(std::move(settings).error());
    if (auto known = check_models(*settings, parts.shared.family); !known) return fail(std::move(known).error());
    delivery::Shared shared = parts.shared;
    shared.installation = settings->installation;
    Generation generation{std::move(*settings), std::make_shared<const delivery::Shared>(std::move(shared)), {}};
    for (const ListenerSettings& listener : generation.settings.listeners) {
        auto door = std::make_shared<DoorSettings>();
        door->listener = listener;
        door->realm = generation.settings.installation.realm;
        door->limits = generation.settings.limits;
        door->enrolment = generation.settings.enrolment;
        door->passive_ports = generation.settings.passive_ports;
        if (listener.wire == Wire::https_legacy) door->lane = generation.settings.legacy;
        if (is_lookup_wire(listener.wire)) {
            if (auto prepared = prepare_lookups(*door, generation.settings); !prepared) return fail(prepared.error());
        }
        if (trust::is_https(listener.wire) || listener.wire == Wire::radius_tls) {
            auto context = make_context(listener, generation.settings);
            if (!context) return fail(std::move(context).error().within(trust::to_string(listener.wire)));
            door->tls = std::move(*context);
        }
        generation.listeners.push_back({std::move(door), listener.endpoint, {}});
    }
    return generation;
}

Status Server::Core::start() {
    raise_descriptor_limit();
    // Before anybody is told that we are ready, since what they do next may be a signal.
    for (const int number : {SIGTERM, SIGINT}) control.on_signal(number, [this] { drain(); });
    control.on_signal(SIGHUP, [this] { reload(); });
    auto loaded = load();
    if (!loaded) return fail(std::move(loaded).error());
    if (loaded->listeners.empty()) return fail(FaultCode::malformed, "there is no door to listen on");
    const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
    const std::size_t count = loaded->settings.loops > 0 ? loaded->settings.loops : cores;
    if (auto alone = probe(loaded->settings.listeners); !alone) return alone;
    for (Listener& listener : loaded->listeners) {
        if (auto opened = open_sockets(listener, count); !opened) return opened;
    }
    start_services(loaded->settings, count);
    std::vector<std::unique_ptr<Worker>> made;
    for (std::size_t i = 0; i < count; ++i) {
        auto lookups = open_lookups();
        if (!lookups) return fail(std::move(lookups).error());
        made.push_back(std::make_unique<Worker>(parts.shared.clock, std::move(*lookups), loaded->shared, services));
        for (Listener& listener : loaded->listeners) {
            made.back()->add_door(std::move(listener.sockets[i]), listener.settings);
        }
    }
    for (Listener& listener : loaded->listeners) {
        listener.sockets.clear();
        log::info(fmt::format("{} listens on {}", trust::to_string(listener.settings->listener.wire),
                              listener.bound.to_string()));
    }
    {
        const std::lock_guard lock(mutex);
        running = std::move(*loaded);
    }
    workers = std::move(made);
    for (const auto& worker : workers) worker->start();
    record("started", fmt::format("{} doors on {} loops", running.listeners.size(), count));
    if (parts.on_ready) parts.on_ready();
    notify_service_manager("READY=1");
    return {};
}

Result<Worker::Lookups> Server::Core::open_lookups() const {
    Worker::Lookups out;
    auto files = parts.open_lookup();
    if (!files) return fail(std::move(files).error());
    out.files = std::move(*files);
    if (!parts.open_network_lookup) return out;
    auto network = parts.open_network_lookup();
    if (!network) return fail(std::move(network).error());
    out.network = std::move(*network);
    return out;
}

void Server::Core::start_services(const ServerSettings& settings, std::size_t loops) {
    if (parts.enrolment) {
        const unsigned workers = settings.enrolment.workers;
        enrolment =
            std::make_unique<EnrolmentService>(*parts.enrolment, workers > 0 ? workers : static_cast<unsigned>(loops));
    }
    services = {enrolment.get(), parts.find_revocation_list};
}

void Server::Core::stop_services() {
    if (enrolment) enrolment->stop();
}

void Server::Core::record(std::string outcome, std::string detail) const {
    registry::Event event;
    event.time = parts.shared.clock.wall_now();
    event.kind = registry::EventKind::server;
    event.outcome = std::move(outcome);
    event.detail = std::move(detail);
    parts.shared.events.record(std::move(event));
}

void Server::Core::reload() {
    if (draining) return;
    notify_reloading();
    if (auto reloaded = try_reload(); !reloaded) {
        const std::string reason = "not reloaded, the old settings stay in force: " + reloaded.error().message;
        log::error(reason);
        record("not-reloaded", reason);
    } else {
        log::info("settings and certificates were reloaded");
        record("reloaded", "settings and certificates were read anew");
    }
    notify_service_manager("READY=1");
}

// Where a door of ours is on that port already, be it on another address, asking for it alone would meet ourselves.
Status Server::Core::probe_new(const std::vector<Listener>& listeners) const {
    std::vector<ListenerSettings> places;
    for (const Listener& listener : listeners) {
        const ListenerSettings& wanted = listener.settings->listener;
        const bool is_ours = std::any_of(running.listeners.begin(), running.listeners.end(), [&](const Listener& old) {
            return is_same_port(old.settings->listener, wanted);
        });
        if (!is_ours) places.push_back(wanted);
    }
    return probe(places);
}

Status Server::Core::try_reload() {
    auto loaded = load();
    if (!loaded) return fail(std::move(loaded).error());
    const ServerSettings& before = running.settings;
    if (loaded->settings.loops != before.loops || loaded->settings.families != before.families ||
        loaded->settings.enrolment.workers != before.enrolment.workers) {
        return fail(FaultCode::conflict, std::string(needs_restart));
    }
    if (loaded->settings.installation.realm != before.installation.realm) {
        return fail(FaultCode::conflict, std::string(realm_is_bound));
    }
    if (loaded->listeners.empty()) return fail(FaultCode::malformed, "there is no door to listen on");
    if (auto alone = probe_new(loaded->listeners); !alone) return alone;
    for (Listener& listener : loaded->listeners) {
        const auto same = std::find_if(running.listeners.begin(), running.listeners.end(),
                                       [&](const Listener& old) { return old.is_at(listener.settings->listener); });
        if (same != running.listeners.end()) {
            listener.bound = same->bound;
            continue;
        }
        if (auto opened = open_sockets(listener, workers.size()); !opened) return opened;
    }
    // Nothing can fail any more.
    for (std::size_t i = 0; i < workers.size(); ++i) {
        Worker::Change change{loaded->shared, {}, {}};
        for (Listener& listener : loaded->listeners) {
            change.settings.push_back(listener.settings);
            change.sockets.push_back(listener.sockets.empty() ? net::Descriptor() : std::move(listener.sockets[i]));
        }
        workers[i]->post_change(std::move(change));
    }
    for (Listener& listener : loaded->listeners) listener.sockets.clear();
    {
        const std::lock_guard lock(mutex);
        running = std::move(*loaded);
    }
    if (parts.on_reloaded) parts.on_reloaded(running.settings);
    return {};
}

void Server::Core::drain() {
    if (std::exchange(draining, true)) {
        log::warning("stopped at once");
        control.stop();
        return;
    }
    notify_service_manager("STOPPING=1");
    log::info("draining: running transfers may finish");
    for (const auto& worker : workers) {
        worker->post_drain(running.settings.drain_time, [this] { control.post([this] { on_worker_drained(); }); });
    }
}

void Server::Core::on_worker_drained() {
    if (++drained < workers.size()) return;
    control.stop();
}

Server::Server(ServerParts parts) : core_(std::make_unique<Core>(std::move(parts))) {}

Server::~Server() { core_->stop_services(); }

Status Server::start() { return core_->start(); }

void Server::run() {
    Core& core = *core_;
    core.control.run();
    core.stop_services();
    core.workers.clear();
    core.record("stopped", "");
}

void Server::reload() {
    Core& core = *core_;
    core.control.post([&core] { core.reload(); });
}

void Server::drain() {
    Core& core = *core_;
    core.control.post([&core] { core.drain(); });
}

std::vector<ListenerSettings> Server::listeners() const {
    const std::lock_guard lock(core_->mutex);
    std::vector<ListenerSettings> out;
    for (const Listener& listener : core_->running.listeners) {
        out.push_back(listener.settings->listener);
        out.back().endpoint = listener.bound;
    }
    return out;
}

}  // namespace ringfence::server

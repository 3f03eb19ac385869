#include "server/cache_service.h"

#include <fmt/format.h>

#include <csignal>

#include "base/log.h"
#include "network/cache_desk.h"
#include "server/lookup_door.h"
#include "server/service_notice.h"

namespace ringfence::server {

namespace {

// How often it is looked at what is to be written.
constexpr Duration save_look = std::chrono::seconds(1);
// How often the log tells what was answered.
constexpr Duration count_look = std::chrono::minutes(1);

// There is no event log here.
class EventsInLog final : public registry::EventSink {
public:
    void record(registry::Event event) override { log::warning(event.source + ": " + event.detail); }
};

class CacheService {
public:
    CacheService(CacheSettings& settings, const CacheParts& parts, std::unique_ptr<network::AnswerCache> cache,
                 net::Descriptor socket)
        : loop_(parts.clock),
          cache_(std::move(cache)),
          desk_(*cache_, parts.clock),
          door_({loop_, desk_, events_}, std::move(socket), door_settings(settings)),
          client_(loop_, *cache_, parts.random, std::move(settings.server)),
          save_(loop_.deadlines(), [this] { save(); }),
          count_(loop_.deadlines(), [this] { tell_counts(); }) {
        for (const int number : {SIGTERM, SIGINT}) loop_.on_signal(number, [this] { loop_.stop(); });
    }

    void run() {
        client_.start();
        save();
        count_.set(loop_.now() + count_look);
        loop_.run();
        if (auto saved = cache_->save(loop_.clock().wall_now()); !saved) log::error(saved.error().message);
        tell_counts();
    }

private:
    static std::shared_ptr<const DoorSettings> door_settings(const CacheSettings& settings) {
        auto out = std::make_shared<DoorSettings>();
        out->listener.wire = trust::Wire::radius;
        out->listener.endpoint = settings.listen;
        out->lookup_authorization = settings.lookup_authorization;
        return out;
    }

    void save() {
        save_.set(loop_.now() + save_look);
        auto saved = cache_->save_due(loop_.clock().wall_now());
        if (saved.has_value() == !is_failing_) return;
        is_failing_ = !saved;
        if (is_failing_)
            log::error("what is kept cannot be written: " + saved.error().message);
        else
            log::info("what is kept can be written again");
    }

    void tell_counts() {
        count_.set(loop_.now() + count_look);
        const auto counts = desk_.take_counts();
        if (counts.is_empty()) return;
        log::info(fmt::format("in the server's place: {} let in, {} refused, {} questions not answered", counts.let_in,
                              counts.refused, counts.unanswered));
    }

    net::EventLoop loop_;
    std::unique_ptr<network::AnswerCache> cache_;
    network::CacheDesk desk_;
    EventsInLog events_;
    LookupDoor door_;
    network::FeedClient client_;
    net::Deadline save_;
    net::Deadline count_;
    bool is_failing_ = false;
};

}  // namespace

Status run_cache(CacheSettings settings, const CacheParts& parts) {
    RINGFENCE_ASSERT(is_loopback(settings.listen.address));
    auto socket = net::listen_tcp(net::SocketAddress(settings.listen), net::Sharing::alone);
    if (!socket) return fail(std::move(socket.error()));
    auto cache = network::AnswerCache::open(parts.disk, settings.folder, settings.limits, parts.random);
    if (!cache) return fail(std::move(cache.error()));
    CacheService service(settings, parts, std::move(*cache), std::move(*socket));
    if (parts.on_ready) parts.on_ready();
    notify_service_manager("READY=1");
    service.run();
    notify_service_manager("STOPPING=1");
    return {};
}

}  // namespace ringfence::server

#include "app/server/port_change_service.h"

#include <utility>

#include "base/log.h"

namespace ringfence::app {

Result<std::unique_ptr<PortChangeService>> PortChangeService::start(Context& context, registry::EventSink& events,
                                                                    network::PortPolicy policy) {
    auto registry = registry::Registry::open(context.directory(), context.clock(), context.disk());
    if (!registry) return fail(std::move(registry).error());
    auto wire = network::SwitchWire::open(context.clock(), context.random());
    if (!wire) return fail(std::move(wire).error());
    return std::unique_ptr<PortChangeService>(
        new PortChangeService(context, events, std::move(policy), std::move(*registry), std::move(*wire)));
}

PortChangeService::PortChangeService(Context& context, registry::EventSink& events, network::PortPolicy policy,
                                     std::unique_ptr<registry::Registry> registry, network::SwitchWire wire)
    : registry_(std::move(registry)),
      wire_(std::move(wire)),
      keeper_(*registry_, events, wire_, context.clock(), std::move(policy)),
      thread_([this] { run(); }) {}

PortChangeService::~PortChangeService() {
    is_ending_ = true;
    thread_.join();
}

void PortChangeService::follow(network::PortPolicy policy) {
    const std::lock_guard lock(mutex_);
    news_ = std::move(policy);
}

void PortChangeService::take_news() {
    const std::lock_guard lock(mutex_);
    if (news_) keeper_.follow(std::move(*std::exchange(news_, std::nullopt)));
}

void PortChangeService::run() {
    std::string last_complaint;
    while (!is_ending_) {
        take_news();
        const auto stepped = keeper_.step(look_every);
        const std::string complaint = stepped ? std::string() : stepped.error().message;
        if (!complaint.empty() && complaint != last_complaint)
            log::error("ports could not be compared with what devices may do: " + complaint);
        last_complaint = complaint;
    }
}

}  // namespace ringfence::app

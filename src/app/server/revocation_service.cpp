#include "app/server/revocation_service.h"

#include "base/log.h"

namespace ringfence::app {

using authority::Authority;

Result<std::unique_ptr<RevocationService>> RevocationService::start(Context& context, server::SignerProcess& signer) {
    auto opened = context.open_authority(authority::KeySet::none);
    if (!opened) return fail(std::move(opened).error());
    auto registry = registry::Registry::open(context.directory(), context.clock(), context.disk());
    if (!registry) return fail(std::move(registry).error());
    return std::unique_ptr<RevocationService>(
        new RevocationService(context, signer, std::move(*opened), std::move(*registry)));
}

RevocationService::RevocationService(Context& context, server::SignerProcess& signer,
                                     std::unique_ptr<Authority> authority, std::unique_ptr<registry::Registry> registry)
    : authority_(std::move(authority)),
      registry_(std::move(registry)),
      signer_([&signer](std::string_view question) { return signer.ask(question); }),
      publisher_(*authority_, context.clock()),
      thread_([this] { run(); }) {}

RevocationService::~RevocationService() {
    {
        const std::lock_guard lock(mutex_);
        is_ending_ = true;
    }
    ending_.notify_all();
    thread_.join();
}

void RevocationService::run() {
    std::string last_complaint;
    std::unique_lock lock(mutex_);
    while (!is_ending_) {
        lock.unlock();
        const auto refreshed = publisher_.refresh(*registry_, signer_);
        const std::string complaint = refreshed ? std::string() : refreshed.error().message;
        if (!complaint.empty() && complaint != last_complaint)
            log::error("a revocation list could not be signed: " + complaint);
        last_complaint = complaint;
        lock.lock();
        ending_.wait_for(lock, look_every, [this] { return is_ending_; });
    }
}

}  // namespace ringfence::app

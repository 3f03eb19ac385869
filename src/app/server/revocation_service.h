// The thread of `serve` that keeps the published revocation lists fresh.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "app/server/context.h"
#include "authority/revocation_publisher.h"
#include "authority/signer_wire.h"
#include "server/signer_process.h"

namespace ringfence::app {

class RevocationService {
public:
    // A revocation stands in the list by then. The doors do not wait for it: they ask the registry.
    static constexpr std::chrono::seconds look_every{10};

    // `context` and `signer` outlive the service.
    static Result<std::unique_ptr<RevocationService>> start(Context& context, server::SignerProcess& signer);
    ~RevocationService();
    RevocationService(const RevocationService&) = delete;
    RevocationService& operator=(const RevocationService&) = delete;

    std::optional<std::string> find(std::string_view name) const { return publisher_.find(name); }  // any thread

private:
    RevocationService(Context& context, server::SignerProcess& signer, std::unique_ptr<authority::Authority> authority,
                      std::unique_ptr<registry::Registry> registry);
    void run();

    std::unique_ptr<authority::Authority> authority_;
    std::unique_ptr<registry::Registry> registry_;
    authority::RemoteSigner signer_;
    authority::RevocationPublisher publisher_;
    std::mutex mutex_;
    std::condition_variable ending_;
    bool is_ending_ = false;
    std::thread thread_;
};

}  // namespace ringfence::app

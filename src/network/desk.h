// The desk that RADIUS servers ask: before anything is proved, for what they need to go on; after that, for where to
// let the device in; and whom they refused, for the record. Every answer is decided by network/standing.h.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "network/admission_terms.h"
#include "network/feed.h"
#include "network/standing.h"
#include "registry/event_budget.h"
#include "registry/lookup.h"
#include "registry/network_lookup.h"

namespace ringfence::network {

// Where it happens, as the switch says it.
struct Place {
    IpAddress switch_address{};               // where its request came from
    std::optional<IpAddress> told_address{};  // NAS-IP-Address
    std::string switch_name{};                // NAS-Identifier
    std::string port{};                       // NAS-Port-Id, else NAS-Port
    std::uint32_t port_number{};
    std::string hardware{};  // Calling-Station-Id, letter by letter
};

struct Query {
    Claim claim{};
    Place place{};
};

class Desk {
public:
    virtual ~Desk() = default;
    // forbidden, for unknown and refused alike. Other faults: nobody can tell now. With an admission when admit() need
    // not be asked, since it would note nothing: then a login costs one question.
    virtual Result<Credential> credential(const Query& query) = 0;
    virtual Result<Admission> admit(const Query& query) = 0;
    virtual void note_refused(const Query& query) = 0;
    // How an admission is told.
    virtual AdmissionTerms terms() const = 0;
    // For the cache beside a RADIUS server. not_found: nobody can follow this desk.
    virtual Result<FeedPage> feed(const FeedQuestion& question) = 0;
};

// Answers from the registry, notes where devices are, and records events: who was let in when that is news
// (registry::port_note_interval), moves, refusals within a budget. One thread at a time; all it is given outlives it.
class RegistryDesk final : public Desk {
public:
    RegistryDesk(registry::NetworkLookup& lookup, registry::EventSink& events, const Clock& clock)
        : lookup_(lookup), events_(events), clock_(clock) {}

    // For what is asked from now on.
    void follow(NetworkSettings settings) { settings_ = std::move(settings); }

    Result<Credential> credential(const Query& query) override;
    Result<Admission> admit(const Query& query) override;
    void note_refused(const Query& query) override;
    AdmissionTerms terms() const override { return settings_.terms; }
    Result<FeedPage> feed(const FeedQuestion& question) override;

    // Whoever stands at a port can be refused as often as he likes: what is recorded of that fills no log.
    static constexpr registry::EventBudget::Limits refusals{60, std::chrono::seconds(10)};

private:
    Result<Standing> require_standing(const Query& query, WallTime now);
    Status settle(const Query& query, const Standing& standing, Credential& credential, WallTime now);
    void note_admitted(const Query& query, const Standing& standing, const Admission& admission, WallTime now);
    void record_admitted(const registry::DevicePort& port, const registry::NotedPort& noted, WallTime now);
    void record_refused(const Query& query, const std::optional<Standing>& standing, WallTime now);

    registry::NetworkLookup& lookup_;
    registry::EventSink& events_;
    const Clock& clock_;
    NetworkSettings settings_{};
    registry::EventBudget refusals_of_devices_{refusals};
    registry::EventBudget alarms_{refusals};
    registry::EventBudget refusals_of_nobody_{refusals};
};

}  // namespace ringfence::network

#include "phone/trust_review.h"

#include <fmt/format.h>

#include "base/text.h"
#include "phone/flash.h"

namespace ringfence::phone {

namespace {

struct Owner {
    std::string_view name;
    EventCode expired;
    EventCode revoked;
};

constexpr Owner vendor{"vendor", EventCode::vendor_certificate_expired, EventCode::vendor_certificate_revoked};
constexpr Owner customer{"customer", EventCode::customer_certificate_expired, EventCode::customer_certificate_revoked};

void add_events(const TrustStore& trust, const std::vector<crypto::Certificate>& anchors, const Owner& owner,
                const crypto::JudgingTime& time, std::vector<Event>& events) {
    for (const auto& anchor : anchors) {
        const std::string subject = printable(anchor.subject());
        if (time.is_after(anchor.not_after()))
            events.push_back(
                {owner.expired, Severity::minor,
                 fmt::format("the {} root {} ended on {}", owner.name, subject, format_time(anchor.not_after()))});
        if (trust.is_revoked(anchor))
            events.push_back(
                {owner.revoked, Severity::minor, fmt::format("the {} root {} is revoked", owner.name, subject)});
    }
}

}  // namespace

std::vector<Event> review(const TrustStore& trust, const crypto::JudgingTime& time) {
    std::vector<Event> events;
    add_events(trust, trust.vendor_anchors(), vendor, time, events);
    add_events(trust, trust.customer_anchors(), customer, time, events);
    const auto& list = trust.trust_list();
    if (list && time.is_after(list->not_after))
        events.push_back({EventCode::trust_list_expired, Severity::minor,
                          fmt::format("the certificate trust list ended on {}", format_time(list->not_after))});
    return events;
}

Status keep_trust(Flash& flash, TrustStore& trust, const crypto::JudgingTime& time) {
    Status done;
    for (const auto& event : review(trust, time))
        if (done) done = flash.log(event);
    const auto& list = trust.trust_list();
    const crypto::JudgingTime proved{flash.state().proved_time, false};
    if (!list || !proved.is_after(list->not_after)) return done;
    done = flash.forget(trust_list_section);
    if (done)
        done =
            flash.log({EventCode::trust_list_deleted, Severity::information, "the certificate trust list is deleted"});
    if (!done) return done;
    auto left = TrustStore::load(flash, trust.vendor_anchors());
    if (!left) return fail(std::move(left.error()));
    trust = std::move(*left);
    return {};
}

}  // namespace ringfence::phone

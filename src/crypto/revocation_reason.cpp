#include "crypto/revocation_reason.h"

#include <array>

namespace ringfence::crypto {

namespace {

struct NamedReason {
    RevocationReason reason;
    std::string_view name;
};
constexpr std::array<NamedReason, 7> reasons = {{{RevocationReason::unspecified, "unspecified"},
                                                 {RevocationReason::key_compromise, "key-compromise"},
                                                 {RevocationReason::ca_compromise, "ca-compromise"},
                                                 {RevocationReason::affiliation_changed, "affiliation-changed"},
                                                 {RevocationReason::superseded, "superseded"},
                                                 {RevocationReason::cessation_of_operation, "cessation-of-operation"},
                                                 {RevocationReason::privilege_withdrawn, "privilege-withdrawn"}}};

}  // namespace

std::string_view to_string(RevocationReason reason) {
    for (const auto& named : reasons)
        if (named.reason == reason) return named.name;
    return reasons.front().name;
}

std::optional<RevocationReason> parse_revocation_reason(std::string_view name) {
    for (const auto& named : reasons)
        if (named.name == name) return named.reason;
    return std::nullopt;
}

}  // namespace ringfence::crypto

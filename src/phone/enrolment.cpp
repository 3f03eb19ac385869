#include "phone/enrolment.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/host_name.h"
#include "base/text.h"
#include "crypto/certificate_request.h"
#include "crypto/scep_message.h"

namespace ringfence::phone {

namespace {

using Outcome = EnrolmentReport::Outcome;

constexpr std::size_t max_common_name = 64;  // ub-common-name, RFC 5280 appendix A.1
constexpr std::size_t mac_digits = 6;        // of the default subject
// Of one wait within a run; who is to wait longer comes again.
constexpr Duration longest_wait = std::chrono::minutes(10);

// SCEP signs with it; elsewhere it marks what the key was made for.
Result<crypto::Certificate> sign_own(const EnrolmentBasics& basics, const crypto::PrivateKey& key, Random& random) {
    const auto request = crypto::CertificationRequest::make({basics.common_name, "", {}, {}}, Secret(), key);
    if (!request) return fail(request.error());
    return crypto::make_scep_signer(*request, key, basics.time.at.value_or(WallTime{}), random);
}

}  // namespace

Result<std::string> enrolment_name(const MacAddress& mac, std::string_view host_name, std::string_view domain) {
    std::string name;
    if (host_name.empty())
        name = "NTIPP" + mac.bare_upper().substr(mac.bare_upper().size() - mac_digits);
    else
        name = domain.empty() ? std::string(host_name) : fmt::format("{}.{}", host_name, domain);
    if (!is_host_name(name)) return fail(FaultCode::malformed, "host name and domain do not make a host name");
    if (name.size() > max_common_name)
        return fail(FaultCode::malformed, "host name and domain have more than the 64 characters of a common name");
    return name;
}

bool goes_on(const EnrolmentBasics& basics, EnrolmentKind kind) {
    if (!basics.pending) return false;
    const PendingEnrolment& pending = *basics.pending;
    if (pending.url != basics.server.url() || pending.common_name != basics.common_name) return false;
    return kind == EnrolmentKind::renewal ? pending.signer == basics.present->leaf
                                          : pending.key.matches(pending.signer);
}

Result<PendingEnrolment> begin_enrolment(const EnrolmentBasics& basics, NewEnrolment wanted, Random& random) {
    auto key = basics.make_key ? basics.make_key() : crypto::PrivateKey::generate(wanted.usual_key);
    if (!key) return fail(std::move(key.error()));
    const bool is_renewal = wanted.kind == EnrolmentKind::renewal;
    auto signer = is_renewal ? Result<crypto::Certificate>(basics.present->leaf) : sign_own(basics, *key, random);
    if (!signer) return fail(std::move(signer.error()));
    return PendingEnrolment{basics.server.url(),         basics.common_name, std::move(*key),
                            std::move(wanted.authority), std::move(*signer), false};
}

std::string_view to_string(Outcome outcome) {
    switch (outcome) {
        case Outcome::enrolled: return "enrolled";
        case Outcome::pending: return "pending";
        case Outcome::refused: return "refused";
        case Outcome::failed: return "failed";
    }
    return "failed";
}

EnrolmentSession::EnrolmentSession(const EnrolmentBasics& basics)
    : poll_interval_(basics.poll_interval), polls_left_(basics.polls) {
    report_.common_name = basics.common_name;
}

EnrolmentStep EnrolmentSession::fetched(FetchOutcome /*outcome*/) {
    RINGFENCE_ASSERT(!"this session orders no fetches");
    return Finished{};
}

EnrolmentStep EnrolmentSession::answered(const Answer& /*answer*/) {
    RINGFENCE_ASSERT(!"this session asks no questions");
    return Finished{};
}

// A refused request will not be granted, whereas a lost answer or an undecided request may still come.
bool EnrolmentSession::has_ended() const {
    return pending_ && (report_.outcome == Outcome::enrolled || report_.outcome == Outcome::refused);
}

EnrolmentStep EnrolmentSession::wait_for_decision(Duration asked) {
    if (polls_left_ == 0)
        return end(Outcome::pending, "the authority has not decided yet; enrol again to ask for its decision");
    --polls_left_;
    return Wait{std::clamp(asked, poll_interval_, std::max(poll_interval_, longest_wait))};
}

EnrolmentStep EnrolmentSession::take(Enrolled enrolled) {
    const crypto::Certificate& leaf = enrolled.identity.leaf;
    if (!report_.is_renewal && leaf.common_name() != report_.common_name)
        report_.notes.push_back("the authority named this phone " + printable(leaf.subject()));
    // Whoever verifies the leaf has the root.
    auto& chain = enrolled.identity.chain;
    if (!chain.empty() && chain.back().is_self_issued()) chain.pop_back();
    std::string reason = fmt::format("certificate {} of {}, good until {}", leaf.serial(), printable(leaf.subject()),
                                     format_time(leaf.not_after()));
    enrolled_ = std::move(enrolled);
    return end(Outcome::enrolled, std::move(reason));
}

EnrolmentStep EnrolmentSession::end(Outcome outcome, std::string reason) {
    report_.outcome = outcome;
    report_.reason = std::move(reason);
    return Finished{};
}

}  // namespace ringfence::phone

#include "trust/admission.h"

#include <array>
#include <utility>

namespace ringfence::trust {

namespace {

constexpr std::array<std::pair<Segment, std::string_view>, 2> segment_names = {
    {{Segment::onboarding, "onboarding"}, {Segment::production, "production"}}};

}  // namespace

std::string_view to_string(NetworkProof proof) { return proof == NetworkProof::password ? "password" : "certificate"; }

std::string_view to_string(Segment segment) { return segment_names[static_cast<std::size_t>(segment)].second; }

std::optional<Segment> parse_segment(std::string_view name) {
    for (const auto& [segment, text] : segment_names)
        if (text == name) return segment;
    return std::nullopt;
}

std::string_view to_string(AdmissionRefusal refusal) {
    return refusal == AdmissionRefusal::out_of_service ? "out-of-service" : "no-window";
}

tl::expected<Segment, AdmissionRefusal> admit(const Applicant& applicant, NetworkProof proof) {
    if (!applicant.is_in_service) return tl::unexpected(AdmissionRefusal::out_of_service);
    if (proof == NetworkProof::certificate) return Segment::production;
    if (applicant.has_proved_itself && !applicant.requires_certificate) return Segment::production;
    if (applicant.has_window) return Segment::onboarding;
    return tl::unexpected(AdmissionRefusal::no_window);
}

}  // namespace ringfence::trust

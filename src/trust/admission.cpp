#include "trust/admission.h"

namespace ringfence::trust {

std::string_view to_string(NetworkProof proof) { return proof == NetworkProof::password ? "password" : "certificate"; }

std::string_view to_string(Segment segment) { return segment == Segment::onboarding ? "onboarding" : "production"; }

tl::expected<Segment, AdmissionRefusal> admit(const Applicant& applicant, NetworkProof proof) {
    if (!applicant.is_in_service) return tl::unexpected(AdmissionRefusal::out_of_service);
    if (proof == NetworkProof::certificate) return Segment::production;
    if (applicant.has_proved_itself && !applicant.requires_certificate) return Segment::production;
    if (applicant.has_window) return Segment::onboarding;
    return tl::unexpected(AdmissionRefusal::no_window);
}

}  // namespace ringfence::trust

// Admission: which part of the network a device may use, by what it proved at the port. One pure function decides for
// every RADIUS server, whether the registry answers or the cache beside it (docs/TRUST.md, "The network").
//
//                                   password             certificate
//   out of service                  refused              refused
//   never proved itself on a fetch  onboarding, in a     production
//                                   staging window
//   proved itself                   production           production
//   ... must show its certificate   as if never          production
//
// A certificate of ours is a proof by itself. A password is one that anybody on the wire can guess at (RFC 3748 section
// 7.2.1), so alone it opens nothing but the onboarding network, and that only while somebody watches a window.
#pragma once

#include <string_view>

#include <tl/expected.hpp>

namespace ringfence::trust {

enum class NetworkProof { password, certificate };
std::string_view to_string(NetworkProof proof);  // "password", "certificate"

enum class Segment { onboarding, production };
std::string_view to_string(Segment segment);  // "onboarding", "production"

struct Applicant {
    bool is_in_service = false;         // in the inventory, neither retired nor disabled
    bool has_proved_itself = false;     // fetched over HTTPS with its own proof
    bool requires_certificate = false;  // a password is not enough
    bool has_window = false;            // a staging window is open that takes it
};

enum class AdmissionRefusal { out_of_service, no_window };

tl::expected<Segment, AdmissionRefusal> admit(const Applicant& applicant, NetworkProof proof);

}  // namespace ringfence::trust

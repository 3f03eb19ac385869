// EST: whatever is posted is answered, and only a request that parses reaches the desk.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "authority/est_responder.h"

using namespace ringfence;
using namespace ringfence::authority;

namespace {

class RefusingDesk final : public EnrolmentDesk {
public:
    bool was_asked = false;

    Result<Decision> apply(const Application& application) override {
        was_asked = true;
        if (!crypto::PublicKey::parse_der(application.public_key)) std::abort();
        return fail(FaultCode::forbidden, "nobody gets a certificate here");
    }
    Result<Decision> inquire(const Inquiry&) override { std::abort(); }
    Result<Secret> secret_of(std::string_view) override { std::abort(); }
    void note_wrong_secret(EnrolmentProtocol, std::string_view, std::string_view) override { std::abort(); }
    Status confirm(std::string_view, bool) override { std::abort(); }
    Status revoke(const ProvedCertificate&, int) override { std::abort(); }
    Result<CertificateStanding> standing_of(std::string_view, std::string_view) override { std::abort(); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    RefusingDesk desk;
    Query query;
    query.service = Service::est;
    query.is_post = true;
    query.is_secure = true;
    query.operation = "simpleenroll";
    query.message = std::string(reinterpret_cast<const char*>(data), size);
    query.user = "0123ABCD";
    query.password = Secret(query.message);
    const auto reply = EstResponder(desk, {}).answer(query);
    if (reply.status != (desk.was_asked ? 403U : 400U)) std::abort();
    return 0;
}

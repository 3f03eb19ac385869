// The desk's door as frames, for protocols that are parsed in another process. What comes from there may be anything:
// whoever parses strangers' messages may have been taken over by one. It can then ask for what any stranger can ask
// for, with one more power: it says itself which private key, token or certificate was proved.
#pragma once

#include <string>
#include <string_view>

#include "authority/enrolment_desk.h"
#include "authority/signer_wire.h"

namespace ringfence::authority {

// In the process that parses. One thread at a time.
class RemoteDesk final : public EnrolmentDesk {
public:
    explicit RemoteDesk(Exchange exchange) : exchange_(std::move(exchange)) {}

    Result<Decision> apply(const Application& application) override;
    Result<Decision> inquire(const Inquiry& inquiry) override;
    Result<Secret> secret_of(std::string_view reference) override;
    void note_wrong_secret(EnrolmentProtocol protocol, std::string_view reference, std::string_view source) override;
    Status confirm(std::string_view fingerprint, bool is_accepted) override;
    Status revoke(const ProvedCertificate& holder, int reason) override;
    Result<CertificateStanding> standing_of(std::string_view issuer, std::string_view serial) override;

private:
    Exchange exchange_;
};

// In the process that decides: the answer to one frame, whatever stands in it.
std::string answer_desk_frame(EnrolmentDesk& desk, std::string_view frame);

}  // namespace ringfence::authority

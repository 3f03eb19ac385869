// The signer's door as frames, for a signer in another process.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "authority/signing.h"

namespace ringfence::authority {

// Sends one frame and waits for the one that answers it. Faults: unavailable.
using Exchange = std::function<Result<std::string>(std::string_view frame)>;

// In the process that asks. One thread at a time.
class RemoteSigner final : public CertificateSigner {
public:
    explicit RemoteSigner(Exchange exchange) : exchange_(std::move(exchange)) {}
    Result<crypto::Certificate> sign_device(const SigningOrder& order) override;
    Status sign_revocation_list(Issuer issuer) override;

private:
    Exchange exchange_;
};

// In the process that signs: the answer to one frame, whatever stands in it.
std::string answer_signing_frame(CertificateSigner& signer, std::string_view frame);

}  // namespace ringfence::authority

// A desk and a signer that refuse: for tests of what carries questions to them.
#pragma once

#include "authority/enrolment_desk.h"
#include "authority/signing.h"

namespace ringfence::test {

class RefusingDesk final : public authority::EnrolmentDesk {
public:
    explicit RefusingDesk(Fault fault) : fault_(std::move(fault)) {}
    Result<authority::Decision> apply(const authority::Application&) override { return fail(fault_); }
    Result<authority::Decision> inquire(const authority::Inquiry&) override { return fail(fault_); }
    Result<Secret> secret_of(std::string_view) override { return fail(fault_); }
    void note_wrong_secret(authority::EnrolmentProtocol, std::string_view, std::string_view) override {}
    Status confirm(std::string_view, bool) override { return fail(fault_); }
    Status revoke(const authority::ProvedCertificate&, int) override { return fail(fault_); }
    Result<authority::CertificateStanding> standing_of(std::string_view, std::string_view) override {
        return fail(fault_);
    }

private:
    Fault fault_;
};

class RefusingSigner final : public authority::CertificateSigner {
public:
    explicit RefusingSigner(Fault fault) : fault_(std::move(fault)) {}
    Result<crypto::Certificate> sign_device(const authority::SigningOrder&) override { return fail(fault_); }
    Status sign_revocation_list(authority::Issuer) override { return fail(fault_); }

private:
    Fault fault_;
};

}  // namespace ringfence::test

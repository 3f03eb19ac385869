#include "phone/acceptance.h"

#include <gtest/gtest.h>

#include "staged_network.h"

namespace ringfence::phone {
namespace {

Candidate root_file(std::string bytes) {
    return {"USER_KEYS", "root.pem", "tftp://192.0.2.1/root.pem", std::move(bytes)};
}

const Fault& fault_of(const Verdict& verdict) {
    static const Fault none{FaultCode::internal, "no fault"};
    const auto* fault = std::get_if<Fault>(&verdict);
    EXPECT_NE(fault, nullptr);
    return fault == nullptr ? none : *fault;
}

TEST(Acceptance, FirstRootNeedsAFingerprint) {
    const std::string& pem = root_pem("first");
    const auto verdict = accept(root_file(pem), TrustStore(), std::nullopt);
    const auto* needed = std::get_if<NeedsFingerprint>(&verdict);
    ASSERT_NE(needed, nullptr);
    EXPECT_EQ(needed->fingerprints.sha256, fingerprints_of(pem).sha256);
}

TEST(Acceptance, FirstRootFollowsTheAnswer) {
    const auto yes = accept(root_file(root_pem("first")), TrustStore(), FingerprintAnswer{true, "yes"});
    ASSERT_TRUE(std::holds_alternative<AcceptedFile>(yes));
    EXPECT_FALSE(std::get<AcceptedFile>(yes).is_already_installed());
    const auto no = accept(root_file(root_pem("first")), TrustStore(), FingerprintAnswer{false, "no answer"});
    EXPECT_EQ(fault_of(no).code, FaultCode::untrusted);
    EXPECT_NE(fault_of(no).message.find("no answer"), std::string::npos);
}

TEST(Acceptance, InstalledRootMeetsItselfAgain) {
    TrustStore trust;
    trust.add_file(root_pem("first"));
    const auto verdict = accept(root_file(root_pem("first")), trust, std::nullopt);
    ASSERT_TRUE(std::holds_alternative<AcceptedFile>(verdict));
    EXPECT_TRUE(std::get<AcceptedFile>(verdict).is_already_installed());
}

TEST(Acceptance, AnotherRootIsRefusedEvenWithAYes) {
    TrustStore trust;
    trust.add_file(root_pem("first"));
    const auto verdict = accept(root_file(root_pem("second")), trust, FingerprintAnswer{true, "yes"});
    EXPECT_EQ(fault_of(verdict).code, FaultCode::untrusted);
    // One byte more is another file.
    EXPECT_EQ(fault_of(accept(root_file(root_pem("first") + "\n"), trust, std::nullopt)).code, FaultCode::untrusted);
}

TEST(Acceptance, RootFilesHoldAuthoritiesOnly) {
    const FingerprintAnswer yes{true, "yes"};
    EXPECT_EQ(fault_of(accept(root_file(leaf_pem()), TrustStore(), yes)).code, FaultCode::untrusted);
    EXPECT_EQ(fault_of(accept(root_file(root_pem("first") + "\n" + leaf_pem()), TrustStore(), yes)).code,
              FaultCode::untrusted);
    for (const std::string& bytes : {std::string(), std::string("<html>404</html>"), root_pem("first").substr(0, 200)})
        EXPECT_EQ(fault_of(accept(root_file(bytes), TrustStore(), yes)).code, FaultCode::malformed) << bytes;
}

TEST(Acceptance, RootAndIssuerInOneFileAreOneDecision) {
    const std::string both = root_pem("first") + "\n" + root_pem("second");
    EXPECT_TRUE(
        std::holds_alternative<AcceptedFile>(accept(root_file(both), TrustStore(), FingerprintAnswer{true, "yes"})));
}

TEST(Acceptance, FilesThatWouldBeKeptUnobeyedAreRefused) {
    for (const char* section : {"SEC_POLICY", "CTL", "CRL", "DEV_CERT"}) {
        const auto verdict =
            accept({section, "x", "http://192.0.2.1/x", "bytes"}, TrustStore(), FingerprintAnswer{true, "yes"});
        EXPECT_EQ(fault_of(verdict).code, FaultCode::forbidden) << section;
    }
}

}  // namespace
}  // namespace ringfence::phone

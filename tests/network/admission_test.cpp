// Every cell of the admission table, against an expectation written down on its own; and standing.h on top of it.
#include <gtest/gtest.h>

#include <string_view>

#include "network/standing.h"
#include "trust/admission.h"

namespace ringfence::network {

namespace {

using trust::NetworkProof;
using trust::Segment;

const WallTime now = *parse_time("2026-05-01T08:00:00Z");
const MacAddress device = *MacAddress::parse("00247f0102ab");
const MacAddress other = *MacAddress::parse("00247f0102cd");
constexpr auto hour = std::chrono::hours(1);

// In service, proved itself, requires a certificate, window is open -> by password, by certificate.
// P production, O onboarding, - refused.
struct Row {
    std::string_view applicant;
    std::string_view answers;
};
constexpr std::array<Row, 16> rows{{{"....", "--"},
                                    {"...w", "--"},
                                    {"..r.", "--"},
                                    {"..rw", "--"},
                                    {".p..", "--"},
                                    {".p.w", "--"},
                                    {".pr.", "--"},
                                    {".prw", "--"},
                                    {"s...", "-P"},
                                    {"s..w", "OP"},
                                    {"s.r.", "-P"},
                                    {"s.rw", "OP"},
                                    {"sp..", "PP"},
                                    {"sp.w", "PP"},
                                    {"spr.", "-P"},
                                    {"sprw", "OP"}}};

char show(const tl::expected<Segment, trust::AdmissionRefusal>& answer) {
    if (!answer) return '-';
    return *answer == Segment::production ? 'P' : 'O';
}

TEST(Admission, EveryCell) {
    for (const Row& row : rows) {
        const trust::Applicant applicant{.is_in_service = row.applicant[0] == 's',
                                         .has_proved_itself = row.applicant[1] == 'p',
                                         .requires_certificate = row.applicant[2] == 'r',
                                         .has_window = row.applicant[3] == 'w'};
        EXPECT_EQ(show(trust::admit(applicant, NetworkProof::password)), row.answers[0]) << row.applicant;
        EXPECT_EQ(show(trust::admit(applicant, NetworkProof::certificate)), row.answers[1]) << row.applicant;
    }
}

Standing good() {
    Standing out{.device = device};
    out.identity = "desk";
    out.password = Secret("secret");
    out.is_in_service = true;
    out.window_closes = now + hour;
    out.certificates = {{"0a", now + hour}, {"0b", now + hour, true}};
    return out;
}

Claim by_password() { return {.identity = "desk", .hardware = device}; }

Claim by_certificate(const std::string& serial) {
    return {.identity = "desk", .hardware = device, .certificate = serial};
}

TEST(Credential, ThePasswordIsOfTheLoginAlone) {
    EXPECT_EQ(find_credential(good(), by_password(), now)->password, Secret("secret"));
    // Its certificates still open the port, whatever it is called.
    EXPECT_TRUE(find_credential(good(), {.identity = "00247F0102AB"}, now)->password.empty());
    Standing bare = good();
    bare.certificates.clear();
    EXPECT_EQ(find_credential(bare, {.identity = "00247F0102AB"}, now).error().code, FaultCode::forbidden);
}

TEST(Credential, WhoeverWillShowACertificateIsNotHelpedByAPassword) {
    Claim claim = by_password();
    claim.wants_certificate = true;
    EXPECT_TRUE(find_credential(good(), claim, now)->password.empty());
    Standing bare = good();
    bare.certificates.clear();
    EXPECT_EQ(find_credential(bare, claim, now).error().code, FaultCode::forbidden);
    EXPECT_TRUE(find_credential(bare, by_password(), now));
}

TEST(Credential, OtherHardwareGetsNothing) {
    Claim claim = by_password();
    claim.hardware = other;
    EXPECT_EQ(find_credential(good(), claim, now).error().code, FaultCode::forbidden);
    claim = by_certificate("0a");
    claim.hardware = other;
    EXPECT_EQ(find_credential(good(), claim, now).error().code, FaultCode::forbidden);
}

TEST(Credential, OutOfServiceGetsNothing) {
    Standing out = good();
    out.is_in_service = false;
    EXPECT_EQ(find_credential(out, by_password(), now).error().code, FaultCode::forbidden);
    EXPECT_EQ(find_credential(out, by_certificate("0a"), now).error().code, FaultCode::forbidden);
}

TEST(Credential, ACertificateMustBeHeldAndGood) {
    EXPECT_TRUE(find_credential(good(), by_certificate("0a"), now)->takes_certificate);
    EXPECT_EQ(find_credential(good(), by_certificate("0c"), now).error().code, FaultCode::forbidden);
    EXPECT_EQ(find_credential(good(), by_certificate("0a"), now + 2 * hour).error().code, FaultCode::forbidden);
}

TEST(Credential, TheLanesAreApart) {
    EXPECT_EQ(find_credential(good(), by_certificate("0b"), now).error().code, FaultCode::forbidden);
    Claim legacy = by_certificate("0b");
    legacy.is_on_legacy_lane = true;
    EXPECT_EQ(find_credential(good(), legacy, now).error().code, FaultCode::forbidden);
    Standing served = good();
    served.legacy_closes = now + hour;
    EXPECT_TRUE(find_credential(served, legacy, now)->takes_certificate);
    EXPECT_TRUE(find_credential(served, by_password(), now)->is_for_legacy_lane);
    EXPECT_EQ(find_credential(served, legacy, now + hour).error().code, FaultCode::forbidden);
}

TEST(Admission, OnboardingEndsWithItsWindow) {
    EXPECT_EQ(*admit(good(), by_password(), now), (Admission{Segment::onboarding, now + hour}));
    EXPECT_EQ(*admit(good(), by_certificate("0a"), now), (Admission{Segment::production, std::nullopt}));
    EXPECT_FALSE(admit(good(), by_password(), now + hour));
    Standing proved = good();
    proved.has_proved_itself = true;
    EXPECT_EQ(*admit(proved, by_password(), now), (Admission{Segment::production, std::nullopt}));
}

}  // namespace

}  // namespace ringfence::network

#include "crypto/revocation_list_builder.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "tests/crypto/little_ca.h"
#include "tests/crypto/program.h"

namespace ringfence::crypto {
namespace {

using test::at;
using test::key;
using test::LittleCa;
using test::request;
using test::run;
using test::TemporaryFolder;

class RevocationListBuilder : public testing::Test {
protected:
    RevocationListRequest wish(std::vector<RevokedCertificate> revoked = {}) {
        return {7, std::move(revoked), test::test_now, test::test_now + std::chrono::hours(24)};
    }

    RevocationList make(const RevocationListRequest& wanted) {
        auto made = sign_revocation_list(wanted, ca.issuing_signer());
        if (!made) ADD_FAILURE() << made.error().message;
        return *made;
    }

    FaultCode refusal(const RevocationListRequest& wanted) { return refusal(wanted, ca.issuing_signer()); }
    static FaultCode refusal(const RevocationListRequest& wanted, const Signer& signer) {
        const auto made = sign_revocation_list(wanted, signer);
        return made ? FaultCode::internal : made.error().code;
    }

    Certificate device(const std::string& name) {
        return ca.issue(request(CertificateRole::device, name), key("device"));
    }

    TemporaryFolder folder;
    LittleCa ca{"publishing"};
};

TEST_F(RevocationListBuilder, SaysWhatWasAsked) {
    const Certificate lost = device("lost");
    const RevocationList list = make(wish({{lost.serial(), at(2026, 5, 1)}}));
    EXPECT_EQ(list.issuer(), ca.issuing().subject());
    EXPECT_EQ(list.number(), "07");
    EXPECT_EQ(list.this_update(), test::test_now);
    EXPECT_EQ(list.next_update(), test::test_now + std::chrono::hours(24));
    EXPECT_EQ(list.size(), 1u);
    EXPECT_TRUE(list.lists(lost));
    EXPECT_FALSE(list.lists(device("kept")));
    EXPECT_TRUE(list.is_signed_by(ca.issuing()));
    EXPECT_FALSE(list.is_signed_by(ca.root()));
}

TEST_F(RevocationListBuilder, OpensslReadsIt) {
    auto wanted = wish({{"0a", at(2026, 5, 1)},
                        {"0b", at(2026, 5, 2), RevocationReason::key_compromise},
                        {"0c", at(2026, 5, 3), RevocationReason::privilege_withdrawn},
                        {"ff01", at(2051, 1, 1), RevocationReason::superseded}});
    wanted.number = 0xffffffffffffffff;
    folder.put("list.der", make(wanted).to_der());
    folder.put("ca.pem", ca.issuing().to_pem());
    const auto shown =
        run("openssl crl -inform DER -noout -text -CAfile " + folder / "ca.pem" + " -in " + folder / "list.der");
    const auto has = [&](const std::string& line) { return shown.output.find(line) != std::string::npos; };
    EXPECT_TRUE(has("verify OK\n")) << shown.output;
    EXPECT_TRUE(has("Version 2 (0x1)\n"));
    EXPECT_TRUE(has("Signature Algorithm: ecdsa-with-SHA256\n"));
    EXPECT_TRUE(has("X509v3 Authority Key Identifier: \n"));
    EXPECT_TRUE(has("X509v3 CRL Number: \n                18446744073709551615\n")) << shown.output;
    EXPECT_TRUE(has("Serial Number: 0A\n        Revocation Date: May  1 00:00:00 2026 GMT\n    Serial"))
        << shown.output;
    EXPECT_TRUE(
        has("Serial Number: 0B\n        Revocation Date: May  2 00:00:00 2026 GMT\n"
            "        CRL entry extensions:\n            X509v3 CRL Reason Code: \n                Key Compromise"))
        << shown.output;
    EXPECT_TRUE(has("Privilege Withdrawn"));
    EXPECT_TRUE(has("Serial Number: FF01\n        Revocation Date: Jan  1 00:00:00 2051 GMT\n"));
    EXPECT_TRUE(has("Superseded"));
}

TEST_F(RevocationListBuilder, GnutlsReadsIt) {
    auto wanted = wish({{"0b0c", at(2026, 5, 2), RevocationReason::key_compromise}});
    wanted.next_update = at(2049, 1, 1);  // it goes by today's date
    folder.put("list.pem", make(wanted).to_pem());
    const auto shown = run("certtool --crl-info --infile " + folder / "list.pem");
    EXPECT_EQ(shown.status, 0) << shown.output;
    for (const char* line :
         {"Version: 2", "Revoked certificates (1)", "Serial Number (hex): 0b0c", "CRL Number (not critical): 07",
          "Authority Key Identifier (not critical)", "Issued: Mon Jun 01 00:00:00 UTC 2026"})
        EXPECT_NE(shown.output.find(line), std::string::npos) << line << "\n" << shown.output;
    const auto verify = [&](const Certificate& issuer) {
        return run("certtool --verify-crl --load-ca-certificate " + folder.put("ca.pem", issuer.to_pem()) +
                   " --infile " + folder / "list.pem");
    };
    EXPECT_EQ(verify(ca.issuing()).status, 0) << verify(ca.issuing()).output;
    EXPECT_NE(verify(ca.root()).status, 0) << verify(ca.root()).output;
}

TEST_F(RevocationListBuilder, OpensslRefusesTheRevokedAndTakesTheOthers) {
    const Certificate lost = device("lost");
    auto wanted = wish({{lost.serial(), at(2026, 5, 1), RevocationReason::affiliation_changed}});
    folder.put("list.pem", make(wanted).to_pem());
    folder.put("root.pem", ca.root().to_pem());
    folder.put("issuing.pem", ca.issuing().to_pem());
    const std::string verify = "openssl verify -x509_strict -crl_check -attime 1780272000 -CRLfile " +
                               folder / "list.pem" + " -CAfile " + folder / "root.pem" + " -untrusted " +
                               folder / "issuing.pem" + " ";
    const auto refused = run(verify + folder.put("lost.pem", lost.to_pem()));
    EXPECT_NE(refused.status, 0);
    EXPECT_NE(refused.output.find("error 23 at 0 depth lookup: certificate revoked"), std::string::npos)
        << refused.output;
    const auto taken = run(verify + folder.put("kept.pem", device("kept").to_pem()));
    EXPECT_EQ(taken.status, 0) << taken.output;
}

TEST_F(RevocationListBuilder, TheRootSpeaksOfItsIssuingAuthorities) {
    const auto made = sign_revocation_list(
        wish({{ca.issuing().serial(), at(2026, 5, 1), RevocationReason::ca_compromise}}), ca.root_signer());
    ASSERT_TRUE(made.has_value());
    EXPECT_TRUE(made->lists(ca.issuing()));
}

TEST_F(RevocationListBuilder, AWholeFleetFits) {
    auto wanted = wish();
    SeededRandom random(1);
    for (std::size_t i = 0; i < RevocationList::max_published_entries; ++i)
        wanted.revoked.push_back(
            {"7f" + to_hex(random.bytes(15)), test::test_now, RevocationReason::cessation_of_operation});
    const RevocationList list = make(wanted);
    EXPECT_EQ(list.size(), RevocationList::max_published_entries);
    EXPECT_EQ(RevocationList::parse_der(list.to_der()).error().code, FaultCode::too_large);
    wanted.revoked.push_back({"01", test::test_now});
    EXPECT_EQ(refusal(wanted), FaultCode::too_large);
}

TEST_F(RevocationListBuilder, RefusesWhatAListCannotSay) {
    for (const std::string& serial : {std::string(), std::string("0"), std::string("00"), std::string("xy"),
                                      std::string("-01"), std::string(42, '1')})
        EXPECT_EQ(refusal(wish({{serial, test::test_now}})), FaultCode::malformed) << serial;
    EXPECT_EQ(make(wish({{std::string(40, '1'), test::test_now}})).size(), 1u);
    auto backwards = wish();
    backwards.next_update = backwards.this_update;
    EXPECT_EQ(refusal(backwards), FaultCode::malformed);
}

TEST_F(RevocationListBuilder, OnlyWhoMaySignsIt) {
    EXPECT_EQ(refusal(wish(), {ca.issuing(), key("someone else's")}), FaultCode::conflict);
    EXPECT_EQ(refusal(wish(), {device("no CA"), key("device")}), FaultCode::conflict);
}

}  // namespace
}  // namespace ringfence::crypto

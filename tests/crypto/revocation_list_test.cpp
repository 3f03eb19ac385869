#include "crypto/revocation_list.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "tests/crypto/corpus.h"
#include "tests/crypto/foreign_certificate.h"
#include "tests/crypto/foreign_revocation_list.h"

namespace ringfence::crypto {
namespace {

using test::key;
using test::LittleCa;
using test::request;
using test::run;
using test::TemporaryFolder;

// Lists that OpenSSL's program makes with the key of our issuing CA.
class Revocation : public testing::Test {
protected:
    using Wish = test::ListWish;

    std::string make_pem(const Wish& wish) { return make_pem(wish, ca.issuing_signer()); }
    std::string make_pem(const Wish& wish, const Signer& signer) {
        return test::make_foreign_list(folder, signer, wish);
    }

    RevocationList make(const Wish& wish) {
        auto parsed = RevocationList::parse_pem(make_pem(wish));
        EXPECT_TRUE(parsed.has_value()) << parsed.error().message;
        return *parsed;
    }

    FaultCode refusal(const std::string& pem, std::size_t most_entries = RevocationList::max_entries) {
        const auto parsed = RevocationList::parse_pem(pem, most_entries);
        return parsed ? FaultCode::internal : parsed.error().code;
    }

    Certificate device(const std::string& name) {
        return ca.issue(request(CertificateRole::device, name), key("device"));
    }

    TemporaryFolder folder;
    LittleCa ca{"revoking"};
};

TEST_F(Revocation, SaysWhatOpensslSays) {
    const RevocationList list = make({{"1234", "00AB"}});
    const auto said = run("openssl crl -noout -issuer -lastupdate -nextupdate -crlnumber -nameopt RFC2253 -in " +
                          folder / "crl" + " -dateopt iso_8601");
    const auto shown = [](WallTime time) { return replace_all(format_time(time), "T", " "); };
    EXPECT_EQ(said.output, "issuer=" + list.issuer() + "\nlastUpdate=" + shown(list.this_update()) + "\nnextUpdate=" +
                               shown(*list.next_update()) + "\ncrlNumber=0x" + to_upper(*list.number()) + "\n");
    EXPECT_EQ(*list.number(), "01a2");
    EXPECT_EQ(list.size(), 2u);
}

TEST_F(Revocation, ListsByIssuerAndSerial) {
    const Certificate revoked = device("revoked");
    const Certificate other = device("other");
    const RevocationList list = make({{revoked.serial()}});
    EXPECT_TRUE(list.lists(revoked));
    EXPECT_FALSE(list.lists(other));
    LittleCa stranger("stranger");
    const Certificate same_serial =
        test::make_foreign(folder, stranger.issuing_signer(),
                           {.extensions = "keyUsage=digitalSignature", .serial = "0x" + revoked.serial()})
            .certificate;
    EXPECT_EQ(same_serial.serial(), revoked.serial());
    EXPECT_FALSE(list.lists(same_serial)) << "another CA's number";
    EXPECT_FALSE(make({}).lists(revoked)) << "an empty list";

    // OpenSSL's own path validation says the same of both.
    folder.put("chain", ca.root().to_pem() + ca.issuing().to_pem() + list.to_pem());
    for (const auto& [certificate, status] : {std::pair{revoked, 2}, std::pair{other, 0}}) {
        folder.put("c", certificate.to_pem());
        const auto verified =
            run("openssl verify -crl_check -no_check_time -CAfile " + folder / "chain " + folder / "c");
        EXPECT_EQ(verified.status, status) << verified.output;
        EXPECT_EQ(verified.output.find("certificate revoked") != std::string::npos, status == 2) << verified.output;
    }
}

TEST_F(Revocation, OnlyTheIssuingCaSignsIt) {
    const RevocationList list = make({{"1234"}});
    EXPECT_TRUE(list.is_signed_by(ca.issuing()));
    EXPECT_FALSE(list.is_signed_by(ca.root()));
    EXPECT_FALSE(list.is_signed_by(device("revoking issuing"))) << "the name alone is nothing";
    // Same name, another key.
    const Certificate namesake =
        ca.sign(request(CertificateRole::issuing, "revoking issuing"), key("namesake"), ca.root_signer());
    EXPECT_EQ(namesake.subject(), list.issuer());
    EXPECT_FALSE(list.is_signed_by(namesake));

    std::string der = list.to_der();
    der.back() = static_cast<char>(der.back() ^ 1);
    const auto changed = RevocationList::parse_der(der);
    ASSERT_TRUE(changed.has_value());
    EXPECT_FALSE(changed->is_signed_by(ca.issuing()));
}

TEST_F(Revocation, ACaWithoutTheUsageMayNotSignIt) {
    const auto with = [this](const std::string& extensions) {
        const TemporaryFolder own;
        return test::make_foreign(own, ca.root_signer(), {.extensions = extensions, .name = "limited"});
    };
    const auto judge = [this](const Signer& signer) {
        const auto list = RevocationList::parse_pem(make_pem({{"12"}, ""}, signer));
        return list && list->is_signed_by(signer.certificate);
    };
    const std::string is_ca = "basicConstraints=critical,CA:TRUE\n";
    EXPECT_TRUE(judge(with(is_ca + "keyUsage=keyCertSign,cRLSign\n")));
    EXPECT_TRUE(judge(with(is_ca))) << "no usages said: all";
    EXPECT_FALSE(judge(with(is_ca + "keyUsage=keyCertSign\n")));
    EXPECT_FALSE(judge(with("basicConstraints=CA:FALSE\nkeyUsage=cRLSign\n")));
}

TEST_F(Revocation, OldHashesAreTakenAsTheFloorSays) {
    const RevocationList sha1 = make({.serials = {"12"}, .options = "-md sha1"});
    EXPECT_FALSE(sha1.is_signed_by(ca.issuing()));
    EXPECT_TRUE(sha1.is_signed_by(ca.issuing(), Strength::legacy));
    LittleCa rsa("revoking rsa", KeyType::rsa2048);
    const auto md5 =
        RevocationList::parse_pem(make_pem({.serials = {"12"}, .options = "-md md5"}, rsa.issuing_signer()));
    ASSERT_TRUE(md5.has_value());
    EXPECT_FALSE(md5->is_signed_by(rsa.issuing(), Strength::legacy));
}

TEST_F(Revocation, KindsThatSaySomethingElseAreRefused) {
    const auto with = [this](const std::string& extension) { return refusal(make_pem({{"12"}, extension + "\n"})); };
    EXPECT_EQ(with("2.5.29.27=critical,DER:020101"), FaultCode::malformed) << "a delta";
    EXPECT_EQ(with("2.5.29.27=DER:020101"), FaultCode::malformed);
    EXPECT_EQ(with("1.2.3.4=critical,DER:0500"), FaultCode::malformed);
    EXPECT_EQ(with("1.2.3.4=DER:0500"), FaultCode::internal) << "not critical: passed over";
    EXPECT_EQ(with("issuingDistributionPoint=critical,@p\n[p]\nindirectCRL=TRUE"), FaultCode::malformed);
    EXPECT_EQ(with("issuingDistributionPoint=critical,@p\n[p]\nonlyuser=TRUE"), FaultCode::internal);
    EXPECT_EQ(with("2.5.29.28=critical,DER:0500"), FaultCode::malformed) << "a point that cannot be read";
}

TEST_F(Revocation, ReasonsDoNotMatter) {
    const Certificate revoked = device("revoked");
    for (const char* reason : {",keyCompromise", ",certificateHold", ",superseded"}) {
        EXPECT_TRUE(make({.serials = {revoked.serial()}, .reason = reason}).lists(revoked)) << reason;
    }
}

TEST_F(Revocation, LimitsHold) {
    Wish many;
    for (int i = 0; i < 101; ++i) many.serials.push_back("10" + to_hex(std::string(1, static_cast<char>(i))));
    const std::string pem = make_pem(many);
    EXPECT_EQ(RevocationList::parse_pem(pem)->size(), 101u);
    EXPECT_EQ(refusal(pem, RevocationList::max_entries_of_a_set), FaultCode::too_large);
    many.serials.pop_back();
    EXPECT_TRUE(RevocationList::parse_pem(make_pem(many), RevocationList::max_entries_of_a_set).has_value());
    const std::string one = make_pem({{"12"}});
    EXPECT_EQ(RevocationList::parse_bundle(one + one + one, 2).error().code, FaultCode::too_large);
    EXPECT_EQ(RevocationList::parse_der(std::string(RevocationList::max_size + 1, 'x')).error().code,
              FaultCode::too_large);
    EXPECT_EQ(RevocationList::parse_bundle(std::string(Certificate::max_bundle_size + 1, 'x')).error().code,
              FaultCode::too_large);
}

TEST_F(Revocation, ABundleHoldsCertificatesToo) {
    const std::string one = make_pem({{"12"}});
    const std::string two = make_pem({{"34", "56"}});
    const std::string bundle = "some words\n" + ca.root().to_pem() + "\n" + one + "\n" + ca.issuing().to_pem() + two;
    const auto lists = RevocationList::parse_bundle(bundle);
    ASSERT_TRUE(lists.has_value()) << lists.error().message;
    EXPECT_EQ(*lists, (std::vector<RevocationList>{*RevocationList::parse_pem(one), *RevocationList::parse_pem(two)}));
    EXPECT_EQ(lists->at(1).size(), 2u);
    EXPECT_EQ(Certificate::parse_bundle(bundle)->size(), 2u);
    EXPECT_TRUE(RevocationList::parse_bundle(ca.root().to_pem())->empty());
    EXPECT_TRUE(RevocationList::parse_bundle({})->empty());
    EXPECT_EQ(RevocationList::parse_bundle(one + std::string(key("device").to_pem().reveal())).error().code,
              FaultCode::malformed);
    EXPECT_EQ(RevocationList::parse_bundle(one.substr(0, one.size() / 2)).error().code, FaultCode::malformed);
}

TEST_F(Revocation, SurvivesBeingWritten) {
    const RevocationList list = make({{"12"}});
    EXPECT_EQ(*RevocationList::parse_pem(list.to_pem()), list);
    EXPECT_EQ(*RevocationList::parse_der(list.to_der()), list);
    EXPECT_EQ(RevocationList::parse_der(list.to_der() + "x").error().code, FaultCode::malformed);
    EXPECT_EQ(RevocationList::parse_der(ca.root().to_der()).error().code, FaultCode::malformed);
    EXPECT_EQ(refusal(ca.root().to_pem()), FaultCode::malformed);
    EXPECT_EQ(refusal(list.to_pem() + list.to_pem()), FaultCode::malformed);
    EXPECT_NE(list, make({{"34"}}));
}

TEST_F(Revocation, OfVersionOneHasNoNumber) {
    const RevocationList list = make({.serials = {"12"}, .is_version_one = true});
    EXPECT_EQ(run("openssl crl -noout -crlnumber -in " + folder / "crl").output, "crlNumber=<NONE>\n");
    EXPECT_EQ(list.number(), std::nullopt);
    EXPECT_TRUE(list.is_signed_by(ca.issuing()));
}

TEST(RevocationCorpus, GetsItsVerdicts) {
    test::expect_verdicts("revocation_list", 7, [](const std::string& bytes) {
        const auto lists = RevocationList::parse_bundle(bytes);
        return RevocationList::parse_der(bytes).has_value() || (lists.has_value() && !lists->empty());
    });
}

}  // namespace
}  // namespace ringfence::crypto

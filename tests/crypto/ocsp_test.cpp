#include "crypto/ocsp.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "tests/crypto/corpus.h"
#include "tests/crypto/little_ca.h"
#include "tests/crypto/program.h"

namespace ringfence::crypto {
namespace {

using test::at;
using test::key;
using test::LittleCa;
using test::request;
using test::run;
using test::server_request;
using test::TemporaryFolder;

// What other programs ask and think of our answers. They go by today's date, so the certificates live long.
class Ocsp : public testing::Test {
protected:
    Ocsp() {
        folder.put("root.pem", ca.root().to_pem());
        folder.put("issuing.pem", ca.issuing().to_pem());
        folder.put("anchors.pem", format_bundle({ca.root(), ca.issuing()}));
        folder.put("device.pem", device.to_pem());
        folder.put("other.pem", other.to_pem());
    }

    static CertificateRequest long_lived(CertificateRole role, const std::string& name) {
        auto wanted = request(role, name);
        wanted.not_before = at(2020, 1, 1);
        wanted.not_after = at(2035, 1, 1);
        return wanted;
    }

    Certificate issue(CertificateRole role, const std::string& name) {
        return ca.issue(long_lived(role, name), key(name));
    }

    // The DER of a request that OpenSSL's client makes.
    std::string ask(const std::string& options) {
        const auto asked = run("openssl ocsp -issuer " + folder / "issuing.pem" + " " + options + " -reqout " +
                               folder / "request.der");
        EXPECT_EQ(asked.status, 0) << asked.output;
        return folder.get("request.der");
    }

    std::string about(const std::string& name) { return "-cert " + folder / name; }

    OcspRequest parse(const std::string& der) {
        auto parsed = parse_ocsp_request(der);
        if (!parsed) ADD_FAILURE() << parsed.error().message;
        return *parsed;
    }

    static OcspAnswer answer(const OcspRequest& request, OcspState state) {
        OcspAnswer made;
        made.this_update = SystemClock().wall_now() - std::chrono::minutes(1);
        made.next_update = made.this_update + std::chrono::hours(1);
        made.nonce = request.nonce;
        for (const auto& id : request.certificates) made.statuses.push_back({id, state});
        return made;
    }

    std::string format(const OcspAnswer& wanted) {
        auto made = format_ocsp_response(wanted, responder);
        if (!made) ADD_FAILURE() << made.error().message;
        return *made;
    }

    // What OpenSSL's client says of an answer to the request that it made last. It would put in a nonce of its own.
    std::string judge(const std::string& response, const std::string& asked) {
        folder.put("response.der", response);
        return run("openssl ocsp -no_nonce -reqin " + folder / "request.der" + " -respin " + folder / "response.der" +
                   " -CAfile " + folder / "anchors.pem" + " -issuer " + folder / "issuing.pem" + " " + asked)
            .output;
    }

    TemporaryFolder folder;
    LittleCa ca{"responding"};
    Certificate device = issue(CertificateRole::device, "00247F0102AB");
    Certificate other = issue(CertificateRole::device, "00247F0102AC");
    Signer responder{issue(CertificateRole::ocsp_signer, "responder"), key("responder")};
};

TEST_F(Ocsp, ReadsWhatOpensslAsks) {
    const OcspRequest asked = parse(ask(about("device.pem") + " -sha256 " + about("other.pem")));
    ASSERT_EQ(asked.certificates.size(), 2u);
    EXPECT_EQ(asked.certificates[0].hash, OcspHash::sha1);
    EXPECT_EQ(asked.certificates[0].serial, device.serial());
    EXPECT_EQ(asked.certificates[1].hash, OcspHash::sha256);
    EXPECT_EQ(asked.certificates[1].serial, other.serial());
    EXPECT_EQ(asked.nonce.size(), 16u);
    for (const auto& id : asked.certificates) {
        EXPECT_TRUE(names_issuer(id, ca.issuing()));
        EXPECT_FALSE(names_issuer(id, ca.root()));
        EXPECT_FALSE(names_issuer(id, device));
    }
    EXPECT_EQ(parse(ask("-no_nonce " + about("device.pem"))).nonce, "");
}

TEST_F(Ocsp, AnIssuerIsNamedByNameAndKeyTogether) {
    auto id = parse(ask(about("device.pem"))).certificates[0];
    auto renamed = id;
    renamed.issuer_name_hash[0] = static_cast<char>(renamed.issuer_name_hash[0] ^ 1);
    EXPECT_FALSE(names_issuer(renamed, ca.issuing()));
    auto rekeyed = id;
    rekeyed.issuer_key_hash[0] = static_cast<char>(rekeyed.issuer_key_hash[0] ^ 1);
    EXPECT_FALSE(names_issuer(rekeyed, ca.issuing()));
    EXPECT_EQ(parse(ask("-sha512 " + about("device.pem"))).certificates[0].hash, OcspHash::other);
    EXPECT_FALSE(names_issuer(parse(ask("-sha512 " + about("device.pem"))).certificates[0], ca.issuing()));
}

TEST_F(Ocsp, OpensslBelievesEachState) {
    for (const std::string hash : {"", "-sha256 ", "-sha384 "}) {
        const OcspRequest asked = parse(ask(hash + about("device.pem")));
        const std::string good = judge(format(answer(asked, OcspState::good)), hash + about("device.pem"));
        EXPECT_NE(good.find("Response verify OK\n"), std::string::npos) << good;
        EXPECT_NE(good.find("device.pem: good\n"), std::string::npos) << good;
        const std::string unknown = judge(format(answer(asked, OcspState::unknown)), hash + about("device.pem"));
        EXPECT_NE(unknown.find("device.pem: unknown\n"), std::string::npos) << unknown;
        auto revoked = answer(asked, OcspState::revoked);
        revoked.statuses[0].revoked = at(2026, 5, 1);
        revoked.statuses[0].reason = RevocationReason::key_compromise;
        const std::string shown = judge(format(revoked), hash + about("device.pem"));
        EXPECT_NE(shown.find("Response verify OK\n"), std::string::npos) << shown;
        EXPECT_NE(shown.find("device.pem: revoked\n"), std::string::npos) << shown;
        EXPECT_NE(shown.find("Reason: keyCompromise\n"), std::string::npos) << shown;
        EXPECT_NE(shown.find("Revocation Time: May  1 00:00:00 2026 GMT\n"), std::string::npos) << shown;
    }
}

TEST_F(Ocsp, SpeaksOfSeveralCertificatesInOneAnswer) {
    const std::string both = about("device.pem") + " " + about("other.pem");
    auto made = answer(parse(ask(both)), OcspState::good);
    made.statuses[1].state = OcspState::revoked;
    made.statuses[1].revoked = at(2026, 5, 1);
    const std::string shown = judge(format(made), both);
    EXPECT_NE(shown.find("device.pem: good\n"), std::string::npos) << shown;
    EXPECT_NE(shown.find("other.pem: revoked\n"), std::string::npos) << shown;
    EXPECT_EQ(shown.find("Reason:"), std::string::npos) << shown;
}

TEST_F(Ocsp, TheNonceComesBack) {
    const auto shown_nonce = [](const std::string& text) {
        const auto at = text.find("OCSP Nonce: \n");
        return at == std::string::npos ? std::string()
                                       : std::string(trim(text.substr(at + 13, text.find('\n', at + 13) - at - 13)));
    };
    const OcspRequest asked = parse(ask(about("device.pem")));
    const auto question = run("openssl ocsp -req_text -reqin " + folder / "request.der").output;
    EXPECT_EQ(shown_nonce(question), "0410" + to_upper(to_hex(asked.nonce))) << question;
    const auto repeated = [&](const OcspAnswer& made) {
        folder.put("response.der", format(made));
        return shown_nonce(run("openssl ocsp -noverify -resp_text -respin " + folder / "response.der").output);
    };
    auto made = answer(asked, OcspState::good);
    EXPECT_EQ(repeated(made), shown_nonce(question));
    made.nonce.clear();
    EXPECT_EQ(repeated(made), "");
}

TEST_F(Ocsp, OpensslBelievesTheIssuerButNoDevice) {
    const OcspRequest asked = parse(ask(about("device.pem")));
    responder = ca.issuing_signer();
    const std::string own = judge(format(answer(asked, OcspState::good)), about("device.pem"));
    EXPECT_NE(own.find("Response verify OK\n"), std::string::npos) << own;
    responder = {device, key("00247F0102AB")};
    const std::string foreign = judge(format(answer(asked, OcspState::good)), about("device.pem"));
    EXPECT_NE(foreign.find("Response Verify Failure"), std::string::npos) << foreign;
}

TEST_F(Ocsp, TimesAreThoseThatWereGiven) {
    auto made = answer(parse(ask(about("device.pem"))), OcspState::good);
    made.this_update = at(2026, 5, 1);
    made.next_update = at(2026, 5, 8);
    folder.put("response.der", format(made));
    const auto shown = run("openssl ocsp -noverify -resp_text -respin " + folder / "response.der").output;
    for (const char* line : {"Produced At: May  1 00:00:00 2026 GMT\n", "This Update: May  1 00:00:00 2026 GMT\n",
                             "Next Update: May  8 00:00:00 2026 GMT\n", "Signature Algorithm: ecdsa-with-SHA256\n",
                             "Subject: CN=responder\n"})
        EXPECT_NE(shown.find(line), std::string::npos) << line << shown;
    EXPECT_NE(judge(format(made), about("device.pem")).find("status expired"), std::string::npos);
}

TEST_F(Ocsp, GnutlsAsksAndBelieves) {
    const auto asked = run("ocsptool --generate-request --load-issuer " + folder / "issuing.pem" + " --load-cert " +
                           folder / "device.pem" + " --outfile " + folder / "request.der");
    EXPECT_EQ(asked.status, 0) << asked.output;
    const OcspRequest request = parse(folder.get("request.der"));
    ASSERT_EQ(request.certificates.size(), 1u);
    EXPECT_EQ(request.certificates[0].serial, device.serial());
    EXPECT_TRUE(names_issuer(request.certificates[0], ca.issuing()));
    auto made = answer(request, OcspState::revoked);
    made.nonce.assign(max_ocsp_nonce, 'n');
    made.statuses[0].revoked = at(2026, 5, 1);
    folder.put("response.der", format(made));
    const auto verified = run("ocsptool --verify-response --load-trust " + folder / "anchors.pem" +
                              " --load-response " + folder / "response.der");
    EXPECT_EQ(verified.status, 0) << verified.output;
    EXPECT_NE(verified.output.find("Verifying OCSP Response: Success"), std::string::npos) << verified.output;
    const auto shown = run("ocsptool --response-info --infile " + folder / "response.der");
    EXPECT_NE(shown.output.find("Certificate Status: revoked"), std::string::npos) << shown.output;
    EXPECT_NE(shown.output.find("Nonce: " + to_hex(made.nonce)), std::string::npos) << shown.output;
}

TEST_F(Ocsp, ErrorsAreReadByBoth) {
    const std::pair<OcspError, std::string> errors[] = {{OcspError::malformed_request, "malformedrequest (1)"},
                                                        {OcspError::internal_error, "internalerror (2)"},
                                                        {OcspError::try_later, "trylater (3)"},
                                                        {OcspError::unauthorized, "unauthorized (6)"}};
    for (const auto& [error, name] : errors) {
        folder.put("response.der", format_ocsp_error(error));
        const auto shown = run("openssl ocsp -noverify -respin " + folder / "response.der");
        EXPECT_NE(shown.output.find("Responder Error: " + name), std::string::npos) << shown.output;
        const auto seen = run("ocsptool --response-info --infile " + folder / "response.der");
        const std::string status = "Response Status: " + name.substr(0, name.find(' '));
        EXPECT_NE(to_lower(seen.output).find(to_lower(status)), std::string::npos) << seen.output;
    }
}

TEST_F(Ocsp, ASignedQuestionIsAQuestion) {
    folder.put("signer.pem", device.to_pem());
    folder.put("signer.key", key("00247F0102AB").to_pem().reveal());
    const auto asked =
        parse(ask(about("other.pem") + " -signer " + folder / "signer.pem" + " -signkey " + folder / "signer.key"));
    ASSERT_EQ(asked.certificates.size(), 1u);
    EXPECT_EQ(asked.certificates[0].serial, other.serial());
}

TEST_F(Ocsp, LimitsHold) {
    std::string sixteen;
    for (std::size_t i = 0; i < max_ocsp_questions; ++i) sixteen += " -serial " + std::to_string(i + 1);
    EXPECT_EQ(parse(ask(sixteen)).certificates.size(), max_ocsp_questions);
    EXPECT_EQ(parse_ocsp_request(ask(sixteen + " -serial 17")).error().code, FaultCode::too_large);
    EXPECT_EQ(parse_ocsp_request(std::string(max_ocsp_request + 1, '0')).error().code, FaultCode::too_large);
}

TEST_F(Ocsp, DamageIsRefusedOrHarmless) {
    const std::string der = ask(about("device.pem"));
    EXPECT_EQ(parse_ocsp_request(der + "x").error().code, FaultCode::malformed);
    for (std::size_t size = 0; size < der.size(); ++size)
        EXPECT_FALSE(parse_ocsp_request(der.substr(0, size)).has_value()) << size;
}

TEST_F(Ocsp, RefusesToSayWhatIsNoAnswer) {
    const auto refusal = [&](const OcspAnswer& wanted) {
        const auto made = format_ocsp_response(wanted, responder);
        return made ? FaultCode::internal : made.error().code;
    };
    const auto fine = answer(parse(ask(about("device.pem"))), OcspState::good);
    auto bad = fine;
    bad.statuses.clear();
    EXPECT_EQ(refusal(bad), FaultCode::malformed);
    bad = fine;
    bad.next_update = bad.this_update;
    EXPECT_EQ(refusal(bad), FaultCode::malformed);
    bad = fine;
    bad.next_update = at(10000, 1, 1);  // OpenSSL would take the system's clock for a time that it cannot write
    EXPECT_EQ(refusal(bad), FaultCode::malformed);
    bad = fine;
    bad.nonce.assign(max_ocsp_nonce + 1, 'n');
    EXPECT_EQ(refusal(bad), FaultCode::malformed);
    bad = fine;
    bad.statuses[0].certificate.der = "no CertID";
    EXPECT_EQ(refusal(bad), FaultCode::malformed);
    bad = fine;
    bad.statuses.resize(max_ocsp_questions + 1, fine.statuses[0]);
    EXPECT_EQ(refusal(bad), FaultCode::malformed);
    responder.key = key("someone else's");
    EXPECT_EQ(refusal(fine), FaultCode::conflict);
}

TEST(OcspCorpus, GetsItsVerdicts) {
    test::expect_verdicts("ocsp_request", 23,
                          [](const std::string& bytes) { return parse_ocsp_request(bytes).has_value(); });
}

}  // namespace
}  // namespace ringfence::crypto

#include "server/token_digest.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "tests/authority/little_desk.h"

namespace ringfence::server {
namespace {

using protocol::DigestAlgorithm;
using protocol::NonceTable;

constexpr std::string_view realm = "ringfence";
constexpr std::string_view path = ".well-known/est/simpleenroll";

class TokenLogin : public ::testing::TestWithParam<DigestAlgorithm> {
protected:
    static std::string hash(std::string_view text) {
        return to_hex(GetParam() == DigestAlgorithm::md5 ? crypto::md5(text) : crypto::sha256(text));
    }

    // As a client answers a challenge: RFC 7616 section 3.4.1, qop=auth.
    protocol::DigestLogin answer(const std::string& user, std::string_view password, const std::string& nonce,
                                 std::uint32_t count = 1) const {
        const std::string uri = fmt::format("/{}", path), digits = fmt::format("{:08x}", count);
        const auto ha1 = hash(fmt::format("{}:{}:{}", user, realm, password));
        const auto response = hash(fmt::format("{}:{}:{}:c:auth:{}", ha1, nonce, digits, hash("POST:" + uri)));
        const auto header = fmt::format(
            R"(Digest username="{}", realm="{}", nonce="{}", uri="{}", qop=auth, nc={}, cnonce="c", algorithm={}, )"
            R"(response="{}")",
            user, realm, nonce, uri, digits, GetParam() == DigestAlgorithm::md5 ? "MD5" : "SHA-256", response);
        return std::get<protocol::DigestLogin>(protocol::parse_authorization(header).value());
    }

    Result<std::string> prove(const protocol::DigestLogin& login, Duration later = {}) {
        return prove_token(desk_, nonces_, {login, "POST", std::string(path), std::string(realm), "192.0.2.7"},
                           SteadyTime(later));
    }

    test::LittleDesk desk_;
    SeededRandom random_{3};
    NonceTable nonces_{random_, [](std::string_view bytes) { return crypto::hmac_sha256("key", bytes); }};
    TokenText token_ = desk_.add_token("00247F0102AB");
};

TEST_P(TokenLogin, ARightDigestProvesItsTokenOnce) {
    const auto nonce = nonces_.issue(SteadyTime());
    const auto login = answer(token_.reference, token_.secret.reveal(), nonce);
    EXPECT_EQ(prove(login).value(), token_.reference);
    EXPECT_EQ(prove(login).error().code, FaultCode::expired) << "replayed";
    EXPECT_EQ(prove(answer(token_.reference, token_.secret.reveal(), nonce, 2)).value(), token_.reference);
    EXPECT_TRUE(desk_.wrong_secrets.empty());
}

TEST_P(TokenLogin, AWrongOneIsToldToTheDesk) {
    const auto nonce = nonces_.issue(SteadyTime());
    EXPECT_EQ(prove(answer(token_.reference, "WRONG", nonce)).error().code, FaultCode::unauthenticated);
    EXPECT_EQ(prove(answer("ZZZZZZZZ", token_.secret.reveal(), nonce)).error().code, FaultCode::unauthenticated);
    using Wrong = std::vector<std::pair<std::string, std::string>>;
    EXPECT_EQ(desk_.wrong_secrets, (Wrong{{token_.reference, "192.0.2.7"}, {"ZZZZZZZZ", "192.0.2.7"}}));
    EXPECT_TRUE(prove(answer(token_.reference, token_.secret.reveal(), nonce)).has_value())
        << "a wrong answer uses no nonce up";
}

TEST_P(TokenLogin, ANonceThatIsOldOrForeignIsNotFresh) {
    const auto login = answer(token_.reference, token_.secret.reveal(), nonces_.issue(SteadyTime()));
    EXPECT_EQ(prove(login, std::chrono::hours(1)).error().code, FaultCode::expired);
    const auto foreign = answer(token_.reference, token_.secret.reveal(), std::string(64, '0'));
    EXPECT_EQ(prove(foreign).error().code, FaultCode::expired);
}

TEST_P(TokenLogin, ADeskThatCannotAnswerIsPassedOn) {
    desk_.refusal = Fault{FaultCode::rate_limited, "too many"};
    const auto login = answer(token_.reference, token_.secret.reveal(), nonces_.issue(SteadyTime()));
    EXPECT_EQ(prove(login).error().code, FaultCode::rate_limited);
}

INSTANTIATE_TEST_SUITE_P(Algorithms, TokenLogin, ::testing::Values(DigestAlgorithm::md5, DigestAlgorithm::sha256));

}  // namespace
}  // namespace ringfence::server

#include "protocol/http_auth.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "base/text.h"
#include "hashes.h"

namespace ringfence::protocol {
namespace {

using namespace std::chrono_literals;

const Hashes hashes = real_hashes();

// RFC 7616 section 3.9.1.
constexpr std::string_view rfc_realm = "http-auth@example.org";

std::string rfc_digest(std::string_view algorithm, std::string_view response) {
    return fmt::format(
        "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm={}, "
        "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, "
        "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"{}\", "
        "opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"",
        algorithm, response);
}
constexpr std::string_view rfc_md5 = "8ca523f5e9506fed4657c9700eebdbec";
constexpr std::string_view rfc_sha256 = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";

Secret ha1(const HashFunction& hash, std::string_view user, std::string_view realm, std::string_view password) {
    return Secret(to_hex(hash(fmt::format("{}:{}:{}", user, realm, password))));
}

DigestLogin digest(std::string_view text) {
    auto parsed = parse_authorization(text);
    EXPECT_TRUE(parsed) << text;
    return std::get<DigestLogin>(parsed.value());
}

TEST(http_auth, rfc7616_examples_verify) {
    const DigestedRequest request{"GET", "dir/index.html", rfc_realm};
    EXPECT_TRUE(verify_digest(digest(rfc_digest("MD5", rfc_md5)), request,
                              ha1(hashes.md5, "Mufasa", rfc_realm, "Circle of Life"), hashes));
    EXPECT_TRUE(verify_digest(digest(rfc_digest("SHA-256", rfc_sha256)), request,
                              ha1(hashes.sha256, "Mufasa", rfc_realm, "Circle of Life"), hashes));
}

TEST(http_auth, a_digest_holds_for_its_own_request_only) {
    const auto login = digest(rfc_digest("SHA-256", rfc_sha256));
    const auto right = ha1(hashes.sha256, "Mufasa", rfc_realm, "Circle of Life");
    EXPECT_FALSE(verify_digest(login, {"HEAD", "dir/index.html", rfc_realm}, right, hashes));
    EXPECT_FALSE(verify_digest(login, {"GET", "dir/other.html", rfc_realm}, right, hashes));
    EXPECT_FALSE(verify_digest(login, {"GET", "dir/index.html", "elsewhere"}, right, hashes));
    EXPECT_FALSE(verify_digest(login, {"GET", "dir/index.html", rfc_realm},
                               ha1(hashes.sha256, "Mufasa", rfc_realm, "circle of life"), hashes));
}

TEST(http_auth, an_empty_ha1_opens_nothing) {
    auto login = digest(rfc_digest("MD5", rfc_md5));
    const std::string ha2 = to_hex(hashes.md5("GET:/dir/index.html"));
    login.response = to_hex(hashes.md5(fmt::format(":{}:00000001:{}:auth:{}", login.nonce, login.cnonce, ha2)));
    EXPECT_FALSE(verify_digest(login, {"GET", "dir/index.html", rfc_realm}, Secret(), hashes));
}

// RFC 2617 section 3.5 lists this response for the qop form; the form without qop is RFC 2069 section 2.4, corrected.
TEST(http_auth, a_digest_without_qop_verifies) {
    const auto login = digest(
        "Digest username=\"Mufasa\", realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", "
        "uri=\"/dir/index.html\", response=\"1949323746fe6a43ef61f9606e7febea\"");
    EXPECT_FALSE(login.nonce_count);
    EXPECT_TRUE(verify_digest(login, {"GET", "dir/index.html", "testrealm@host.com"},
                              ha1(hashes.md5, "Mufasa", "testrealm@host.com", "CircleOfLife"), hashes));
}

TEST(http_auth, rfc7617_example_verifies) {
    auto parsed = parse_authorization("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    ASSERT_TRUE(parsed);
    const auto& login = std::get<BasicLogin>(*parsed);
    EXPECT_EQ(login.user, "Aladdin");
    EXPECT_EQ(login.password.reveal(), "open sesame");
    const auto right = ha1(hashes.sha256, "Aladdin", "WallyWorld", "open sesame");
    EXPECT_TRUE(verify_basic(login, "WallyWorld", right, hashes.sha256));
    EXPECT_FALSE(verify_basic(login, "Elsewhere", right, hashes.sha256));
    EXPECT_FALSE(verify_basic({"Aladdin", Secret("open sesam")}, "WallyWorld", right, hashes.sha256));
    EXPECT_FALSE(verify_basic(login, "WallyWorld", Secret(), hashes.sha256));
}

TEST(http_auth, a_basic_password_may_hold_colons) {
    auto parsed = parse_authorization("basic  " + to_base64("u:a:b"));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(std::get<BasicLogin>(*parsed).password.reveal(), "a:b");
}

TEST(http_auth, parameters_are_read_in_any_case_order_and_spacing) {
    const auto login = digest(
        "DIGEST  URI=\"/x\" ,Response=\"00000000000000000000000000000ABC\",nonce=\"n\",, REALM = \"a\\\"b\", "
        "username=\"c\\\\d\", unknown=1, qop=\"auth\", NC=0000000a, cnonce=\"x\\y\"");
    EXPECT_EQ(login.user, "c\\d");
    EXPECT_EQ(login.realm, "a\\\"b");  // hashed as written
    EXPECT_EQ(login.cnonce, "x\\y");
    EXPECT_EQ(login.response, "00000000000000000000000000000abc");
    EXPECT_EQ(login.nonce_count, 10U);
    EXPECT_EQ(login.nonce_count_digits, "0000000a");
    EXPECT_EQ(login.algorithm, DigestAlgorithm::md5);
}

TEST(http_auth, forms_that_we_never_challenge_for_are_refused) {
    const std::string good = rfc_digest("MD5", rfc_md5);
    ASSERT_TRUE(parse_authorization(good));
    const std::vector<std::pair<std::string, std::string>> changes = {
        {"algorithm=MD5", "algorithm=MD5-sess"},
        {"algorithm=MD5", "algorithm=SHA-256-sess"},
        {"algorithm=MD5", "algorithm=SHA-512-256"},
        {"algorithm=MD5", "algorithm=SHA-256"},  // its response is longer
        {"qop=auth", "qop=auth-int"},
        {"qop=auth", "qop=auth, userhash=true"},
        {"qop=auth, ", ""},  // nc alone
        {"nc=00000001", "nc=1"},
        {"nc=00000001", "nc=0000000g"},
        {"nc=00000001", "nc=00000000"},
        {"nc=00000001, ", ""},
        {"uri=\"/dir/index.html\", ", ""},
        {"qop=auth", "qop=auth, qop=auth"},
        {"qop=auth", "qop=auth, nonce=\"x\""},
        {"qop=auth", "qop=\"auth"},
        {"username=\"Mufasa\"", "username=\"Mufasa\"x"},
        {"username=", "username*="},
    };
    for (const auto& [from, to] : changes) {
        const auto bad = replace_all(good, from, to);
        ASSERT_NE(bad, good);
        EXPECT_FALSE(parse_authorization(bad)) << bad;
    }
}

TEST(http_auth, what_is_no_login_is_refused_without_repeating_it) {
    for (const std::string bad : {"", "Basic", "Basic canary", "Basic Y2FuYXJ5", "Bearer canary", "Digest",
                                  "Digest canary", "Digest username=\"canary", "Negotiate canary=="}) {
        const auto parsed = parse_authorization(bad);
        ASSERT_FALSE(parsed) << bad;
        EXPECT_EQ(parsed.error().code, FaultCode::malformed);
        EXPECT_EQ(parsed.error().message.find("canary"), std::string::npos);
    }
    const auto parsed = parse_authorization("Basic " + std::string(max_authorization_length, 'A'));
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().code, FaultCode::too_large);
}

TEST(http_auth, challenges_are_written_as_clients_read_them) {
    EXPECT_EQ(format_challenge({ChallengeKind::basic, "Ring \"fence\"", "", false}),
              "Basic realm=\"Ring \\\"fence\\\"\"");
    EXPECT_EQ(format_challenge({ChallengeKind::digest_md5, "r", "n", false}),
              "Digest realm=\"r\", qop=\"auth\", algorithm=MD5, nonce=\"n\"");
    EXPECT_EQ(format_challenge({ChallengeKind::digest_sha256, "r", "n", true}),
              "Digest realm=\"r\", qop=\"auth\", algorithm=SHA-256, nonce=\"n\", stale=true");
}

struct Nonces : testing::Test {
    SeededRandom random{7};
    SteadyTime now{1h};
    NonceTable table{random, keyed_mac("key")};
};

TEST_F(Nonces, each_count_is_accepted_once) {
    const auto nonce = table.issue(now);
    EXPECT_EQ(nonce.size(), 64U);
    EXPECT_EQ(table.use(nonce, 1, now), NonceUse::fresh);
    EXPECT_EQ(table.use(nonce, 1, now), NonceUse::replayed);
    EXPECT_EQ(table.use(nonce, 5, now), NonceUse::fresh);
    EXPECT_EQ(table.use(nonce, 3, now), NonceUse::fresh);  // overtaken on another connection
    EXPECT_EQ(table.use(nonce, 3, now), NonceUse::replayed);
    EXPECT_EQ(table.use(nonce, 5, now), NonceUse::replayed);
    EXPECT_EQ(table.use(nonce, 68, now), NonceUse::fresh);
    EXPECT_EQ(table.use(nonce, 5, now), NonceUse::replayed);
    EXPECT_EQ(table.use(nonce, 4, now), NonceUse::replayed);  // 64 behind: too far to tell
    EXPECT_EQ(table.use(nonce, 6, now), NonceUse::fresh);
    EXPECT_EQ(table.use(nonce, 0xFFFFFFFF, now), NonceUse::fresh);
    EXPECT_EQ(table.use(nonce, 68, now), NonceUse::replayed);
}

TEST_F(Nonces, without_a_count_a_nonce_serves_once_in_all) {
    const auto first = table.issue(now);
    EXPECT_EQ(table.use(first, std::nullopt, now), NonceUse::fresh);
    EXPECT_EQ(table.use(first, std::nullopt, now), NonceUse::replayed);
    for (const std::uint32_t count : {1U, 0xFFFFFFC0U, 0xFFFFFFFFU})
        EXPECT_EQ(table.use(first, count, now), NonceUse::replayed);
    const auto second = table.issue(now);
    EXPECT_EQ(table.use(second, 1, now), NonceUse::fresh);
    EXPECT_EQ(table.use(second, std::nullopt, now), NonceUse::replayed);
}

TEST_F(Nonces, a_nonce_lives_five_minutes) {
    const auto nonce = table.issue(now);
    EXPECT_EQ(table.use(nonce, 1, now + 5min), NonceUse::fresh);
    EXPECT_EQ(table.use(nonce, 2, now + 5min + 1ms), NonceUse::unknown_or_expired);
    EXPECT_EQ(table.use(table.issue(now), 1, now + 5min + 1ms), NonceUse::unknown_or_expired);
}

TEST_F(Nonces, what_we_did_not_issue_is_unknown) {
    const auto nonce = table.issue(now);
    NonceTable other(random, keyed_mac("other key"));
    EXPECT_EQ(other.use(nonce, 1, now), NonceUse::unknown_or_expired);
    for (std::size_t i = 0; i < nonce.size(); ++i) {
        auto changed = nonce;
        changed[i] = changed[i] == '0' ? '1' : '0';
        EXPECT_EQ(table.use(changed, 1, now), NonceUse::unknown_or_expired);
    }
    EXPECT_EQ(table.use("", 1, now), NonceUse::unknown_or_expired);
    EXPECT_EQ(table.use(to_upper(nonce), 1, now), NonceUse::unknown_or_expired);
    EXPECT_EQ(table.use(nonce, 1, now), NonceUse::fresh);
}

TEST_F(Nonces, a_full_table_forgets_but_never_accepts_a_replay) {
    NonceTable small(random, keyed_mac("key"), {5min, 64});
    std::vector<std::string> used;
    for (int i = 0; i < 2000; ++i) {
        now += 1ms;
        used.push_back(small.issue(now));
        EXPECT_EQ(small.use(used.back(), 1, now), NonceUse::fresh);
    }
    int remembered = 0;
    for (const auto& nonce : used) {
        const auto again = small.use(nonce, 1, now);
        EXPECT_NE(again, NonceUse::fresh);
        if (again == NonceUse::replayed) ++remembered;
    }
    EXPECT_EQ(remembered, 64);
    EXPECT_EQ(small.use(used.back(), 2, now), NonceUse::fresh);
}

// The model remembers everything.
RC_GTEST_PROP(nonce_window, accepts_no_count_twice, (const std::vector<std::uint8_t>& counts)) {
    SeededRandom random(1);
    NonceTable table(random, keyed_mac("key"));
    const SteadyTime now{1h};
    const auto nonce = table.issue(now);
    std::set<std::uint32_t> seen;
    std::uint32_t highest = 0;
    for (const std::uint32_t count : counts) {
        if (count == 0) continue;
        const bool in_window = count + 64 > highest;
        const bool is_new = seen.insert(count).second;
        RC_ASSERT((table.use(nonce, count, now) == NonceUse::fresh) == (in_window && is_new));
        highest = std::max(highest, count);
    }
}

TEST(nonce_table, threads_share_it_and_each_count_still_passes_once) {
    SystemRandom random;
    NonceTable table(random, keyed_mac("key"));
    const SteadyTime now{1h};
    const auto nonce = table.issue(now);
    std::atomic<int> fresh = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (std::uint32_t count = 1; count <= 60; ++count) {
                if (table.use(nonce, count, now) == NonceUse::fresh) ++fresh;
                table.use(table.issue(now), 1, now);
            }
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(fresh, 60);
}

}  // namespace
}  // namespace ringfence::protocol

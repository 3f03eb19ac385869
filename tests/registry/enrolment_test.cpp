// Tokens, enrolments, certificates' further facts, anchors: what the registry remembers of enrolment.
#include "registry/enrolment.h"

#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>

#include "tests/registry/installation.h"
#include "tests/suites/small_disk.h"

namespace ringfence::registry {
namespace {

const std::string key_one(64, '1');
const std::string key_two(64, '2');

class EnrolmentTest : public RegistryTest {
protected:
    EnrolmentTest() {
        EXPECT_TRUE(registry_.add_device({.mac = one_, .model = "1230"}));
        EXPECT_TRUE(registry_.add_device({.mac = two_, .model = "1230"}));
    }

    EnrolmentToken token(const std::string& reference) const {
        return {.reference = reference,
                .secret = Secret("canary-secret-of-" + reference),
                .device = one_,
                .created = installation_.clock.wall_now(),
                .expires = installation_.clock.wall_now() + std::chrono::hours(72)};
    }
    Enrolment with_token(const std::string& reference, const std::string& key) const {
        return {.protocol = "cmp",
                .transaction = std::string("a\0b", 3),
                .public_key = key,
                .device = one_,
                .token = reference,
                .state = EnrolmentState::approved,
                .source = "192.0.2.7"};
    }
    Enrolment renewal(const std::string& key) const {
        auto out = with_token("", key);
        out.renews = std::string(64, '7');
        return out;
    }
    CertificateRecord own_certificate(char digit) const {
        auto certificate = certificate_of(one_, digit);
        certificate.public_key = key_one;
        return certificate;
    }
    DeviceState state_of(const MacAddress& mac) { return registry_.find_device(mac).value()->state; }

    const MacAddress one_ = mac_number(1);
    const MacAddress two_ = mac_number(2);
};

TEST_F(EnrolmentTest, a_token_comes_back_as_it_was_put) {
    auto put = token("AAAA1111");
    put.kind = TokenKind::challenge;
    put.profile = EnrolmentProfile::legacy;
    put.needs_approval = true;
    put.replaces = true;
    ASSERT_TRUE(registry_.add_token(put));
    EXPECT_EQ(registry_.add_token(put).error().code, FaultCode::conflict);
    const auto found = registry_.find_token("AAAA1111").value();
    ASSERT_TRUE(found);
    EXPECT_EQ(found->secret.reveal(), "canary-secret-of-AAAA1111");
    EXPECT_EQ(found->kind, TokenKind::challenge);
    EXPECT_EQ(found->device, one_);
    EXPECT_EQ(found->profile, EnrolmentProfile::legacy);
    EXPECT_TRUE(found->needs_approval);
    EXPECT_TRUE(found->replaces);
    EXPECT_EQ(found->created, put.created);
    EXPECT_EQ(found->expires, put.expires);
    EXPECT_EQ(found->wrong_tries, 0u);
    EXPECT_FALSE(found->is_spent);
    EXPECT_FALSE(registry_.find_token("aaaa1111").value());
    auto of_nobody = token("BBBB");
    of_nobody.device = mac_number(9);
    EXPECT_EQ(registry_.add_token(of_nobody).error().code, FaultCode::not_found);
}

TEST_F(EnrolmentTest, tokens_are_listed_newest_first_and_withdrawn_until_they_are_spent) {
    for (const auto* reference : {"C", "A", "B"}) ASSERT_TRUE(registry_.add_token(token(reference)));
    std::string order;
    ASSERT_TRUE(registry_.list_tokens([&](const EnrolmentToken& each) {
        order += each.reference;
        return order.size() < 2;
    }));
    EXPECT_EQ(order, "BA");
    ASSERT_TRUE(registry_.withdraw_token("A"));
    EXPECT_FALSE(registry_.find_token("A").value());
    EXPECT_EQ(registry_.withdraw_token("A").error().code, FaultCode::not_found);
    EXPECT_EQ(registry_.begin_enrolment(with_token("A", key_one)).error().code, FaultCode::not_found);
    ASSERT_TRUE(registry_.begin_enrolment(with_token("B", key_one)));
    EXPECT_EQ(registry_.withdraw_token("B").error().code, FaultCode::conflict);
    EXPECT_TRUE(registry_.find_token("B").value()->is_spent);
}

TEST_F(EnrolmentTest, a_challenge_locks_itself_and_a_token_does_not) {
    auto challenge = token("1234");
    challenge.kind = TokenKind::challenge;
    ASSERT_TRUE(registry_.add_token(challenge));
    ASSERT_TRUE(registry_.add_token(token("LONG")));
    for (unsigned tries = 1; tries <= max_wrong_tries; ++tries) EXPECT_EQ(registry_.take_try("1234").value(), tries);
    EXPECT_FALSE(registry_.take_try("1234").value()) << "locked";
    EXPECT_FALSE(registry_.take_try("LONG").value()) << "a token has no tries to take";
    EXPECT_FALSE(registry_.take_try("none").value());
    EXPECT_EQ(registry_.find_token("1234").value()->wrong_tries, max_wrong_tries);
    ASSERT_TRUE(registry_.give_back_try("1234"));
    EXPECT_EQ(registry_.take_try("1234").value(), max_wrong_tries);
    EXPECT_TRUE(registry_.begin_enrolment(with_token("LONG", key_one)));
}

TEST_F(EnrolmentTest, a_token_serves_one_key_and_gives_the_same_again_for_it) {
    ASSERT_TRUE(registry_.add_token(token("T")));
    const auto begun = registry_.begin_enrolment(with_token("T", key_one)).value();
    EXPECT_EQ(begun.received, first_of_may);
    auto again = with_token("T", key_one);
    again.transaction = "another";
    again.protocol = "est";
    installation_.clock.advance(std::chrono::hours(100));  // it has expired meanwhile
    const auto same = registry_.begin_enrolment(again).value();
    EXPECT_EQ(same.id, begun.id);
    EXPECT_EQ(same.transaction, begun.transaction);
    EXPECT_EQ(same.received, begun.received);
    EXPECT_EQ(registry_.begin_enrolment(with_token("T", key_two)).error().code, FaultCode::conflict);
    EXPECT_EQ(registry_.find_enrolment("cmp", std::string("a\0b", 3), key_one).value()->id, begun.id);
    EXPECT_FALSE(registry_.find_enrolment("cmp", "a", key_one).value());
    EXPECT_FALSE(registry_.find_enrolment("cmp", std::string("a\0b", 3), key_two).value());
    EXPECT_FALSE(registry_.find_enrolment(begun.id + 1).value());
}

TEST_F(EnrolmentTest, a_token_of_one_device_or_an_expired_one_begins_nothing) {
    ASSERT_TRUE(registry_.add_token(token("T")));
    auto foreign = with_token("T", key_one);
    foreign.device = two_;
    EXPECT_EQ(registry_.begin_enrolment(foreign).error().code, FaultCode::not_found);
    installation_.clock.advance(std::chrono::hours(72));
    EXPECT_EQ(registry_.begin_enrolment(with_token("T", key_one)).error().code, FaultCode::not_found);
    EXPECT_FALSE(registry_.find_token("T").value()->is_spent);
}

TEST_F(EnrolmentTest, a_renewal_with_the_same_key_is_the_same_one_unless_it_was_refused) {
    ASSERT_TRUE(registry_.add_certificate(certificate_of(one_, '7')));
    const auto begun = registry_.begin_enrolment(renewal(key_one)).value();
    EXPECT_NE(registry_.begin_enrolment(renewal(key_two)).value().id, begun.id);
    installation_.clock.advance(std::chrono::hours(100));
    EXPECT_EQ(registry_.begin_enrolment(renewal(key_one)).value().id, begun.id);
    ASSERT_TRUE(registry_.decide_enrolment(begun.id, EnrolmentState::refused));
    EXPECT_GT(registry_.begin_enrolment(renewal(key_one)).value().id, begun.id);
}

TEST_F(EnrolmentTest, so_many_renewals_are_under_way_and_no_more) {
    ASSERT_TRUE(registry_.add_certificate(certificate_of(one_, '7')));
    const auto begin = [&](std::size_t number) {
        return registry_.begin_enrolment(renewal(std::string(64, static_cast<char>('a' + number))));
    };
    for (std::size_t i = 1; i < max_valid_certificates; ++i) ASSERT_TRUE(begin(i)) << i;
    EXPECT_EQ(begin(max_valid_certificates).error().code, FaultCode::too_large);
    installation_.clock.advance(renewal_patience);
    EXPECT_TRUE(begin(max_valid_certificates)) << "what was never finished counts no more";
}

TEST_F(EnrolmentTest, whoever_finishes_second_gets_what_the_first_got) {
    ASSERT_TRUE(registry_.add_token(token("T")));
    const auto id = registry_.begin_enrolment(with_token("T", key_one)).value().id;
    for (const char digit : {'1', '2'}) ASSERT_TRUE(registry_.add_certificate(own_certificate(digit)));
    EXPECT_EQ(registry_.finish_enrolment(id, std::string(64, '1')).value().superseded, 1u);
    const auto second = registry_.finish_enrolment(id, std::string(64, '2')).value();
    EXPECT_EQ(second.enrolment.certificate, std::string(64, '1'));
    EXPECT_FALSE(registry_.find_certificate(std::string(64, '1')).value()->revoked);
    EXPECT_TRUE(registry_.find_certificate(std::string(64, '2')).value()->revoked);
}

TEST_F(EnrolmentTest, two_tokens_of_one_device_bring_one_certificate) {
    for (const auto* reference : {"T", "U"}) ASSERT_TRUE(registry_.add_token(token(reference)));
    const auto first = registry_.begin_enrolment(with_token("T", key_one)).value().id;
    const auto second = registry_.begin_enrolment(with_token("U", key_two)).value().id;
    auto certificate = own_certificate('1');
    ASSERT_TRUE(registry_.add_certificate(certificate));
    ASSERT_TRUE(registry_.finish_enrolment(first, certificate.fingerprint));
    certificate = own_certificate('2');
    certificate.public_key = key_two;
    ASSERT_TRUE(registry_.add_certificate(certificate));
    const auto late = registry_.finish_enrolment(second, certificate.fingerprint).value();
    EXPECT_EQ(late.enrolment.state, EnrolmentState::refused);
    EXPECT_FALSE(registry_.find_certificate(std::string(64, '1')).value()->revoked);
    EXPECT_TRUE(registry_.find_certificate(std::string(64, '2')).value()->revoked);
    EXPECT_EQ(registry_.resume_enrolment(second).value().state, EnrolmentState::refused);
}

TEST_F(EnrolmentTest, a_renewal_ends_with_the_certificate_that_it_renews) {
    ASSERT_TRUE(registry_.add_certificate(certificate_of(one_, '7')));
    const auto id = registry_.begin_enrolment(renewal(key_one)).value().id;
    EXPECT_EQ(registry_.resume_enrolment(id).value().state, EnrolmentState::approved);
    ASSERT_TRUE(registry_.revoke_certificates_of(one_));
    EXPECT_EQ(registry_.resume_enrolment(id).value().state, EnrolmentState::refused);
    EXPECT_EQ(registry_.resume_enrolment(99).error().code, FaultCode::not_found);
}

TEST_F(EnrolmentTest, a_login_that_was_handed_out_goes_with_the_last_certificate) {
    ASSERT_TRUE(registry_.add_certificate(certificate_of(one_, '7')));
    ASSERT_TRUE(registry_.add_certificate(certificate_of(one_, '8')));
    ASSERT_TRUE(registry_.store_next_login(login_of(one_, "used")));
    ASSERT_TRUE(registry_.promote_login("used"));
    ASSERT_TRUE(registry_.store_next_login(login_of(one_, "unused")));
    ASSERT_TRUE(registry_.revoke_certificate_at(std::string(64, '7'), RevocationReason::unspecified));
    EXPECT_TRUE(registry_.find_login("used").value());
    ASSERT_TRUE(registry_.revoke_certificate_at(std::string(64, '8'), RevocationReason::unspecified));
    EXPECT_FALSE(registry_.find_login("used").value());
    EXPECT_FALSE(registry_.find_login("unused").value());
    ASSERT_TRUE(registry_.store_login(login_of(one_, "typed")));
    ASSERT_TRUE(registry_.add_certificate(certificate_of(one_, '9')));
    ASSERT_TRUE(registry_.revoke_certificates_of(one_));
    EXPECT_TRUE(registry_.find_login("typed").value()) << "nobody handed that out";
}

TEST_F(EnrolmentTest, a_certificate_that_is_revoked_or_another_devices_renews_nothing) {
    EXPECT_EQ(registry_.begin_enrolment(renewal(key_one)).error().code, FaultCode::not_found);
    ASSERT_TRUE(registry_.add_certificate(certificate_of(two_, '7')));
    EXPECT_EQ(registry_.begin_enrolment(renewal(key_one)).error().code, FaultCode::not_found);
    auto own = renewal(key_one);
    own.device = two_;
    EXPECT_TRUE(registry_.begin_enrolment(own));
    ASSERT_TRUE(registry_.revoke_certificate_at(own.renews, RevocationReason::key_compromise));
    own.public_key = key_two;
    EXPECT_EQ(registry_.begin_enrolment(own).error().code, FaultCode::not_found);
}

TEST_F(EnrolmentTest, an_enrolment_is_decided_once_and_ends_with_a_certificate) {
    ASSERT_TRUE(registry_.add_token(token("T")));
    ASSERT_TRUE(registry_.add_token(token("U")));
    auto asked = with_token("T", key_one);
    asked.state = EnrolmentState::waiting;
    const auto id = registry_.begin_enrolment(asked).value().id;
    EXPECT_EQ(registry_.finish_enrolment(id, "f1").value().enrolment.state, EnrolmentState::waiting);
    installation_.clock.advance(std::chrono::minutes(1));
    ASSERT_TRUE(registry_.decide_enrolment(id, EnrolmentState::approved));
    EXPECT_EQ(registry_.decide_enrolment(id, EnrolmentState::approved).error().code, FaultCode::conflict);
    EXPECT_EQ(registry_.find_enrolment(id).value()->decided, installation_.clock.wall_now());
    EXPECT_EQ(state_of(one_), DeviceState::expected);
    ASSERT_TRUE(registry_.finish_enrolment(id, "f1"));
    EXPECT_EQ(state_of(one_), DeviceState::enrolled);
    const auto ended = registry_.find_enrolment(id).value();
    EXPECT_EQ(ended->state, EnrolmentState::issued);
    EXPECT_EQ(ended->certificate, "f1");
    EXPECT_EQ(registry_.find_enrolment_of("f1").value()->id, id);
    EXPECT_EQ(registry_.decide_enrolment(id, EnrolmentState::refused).error().code, FaultCode::conflict);
    EXPECT_EQ(registry_.finish_enrolment(id, "f1").value().enrolment.certificate, "f1") << "again";

    asked.token = "U";
    EXPECT_EQ(registry_.begin_enrolment(asked).error().code, FaultCode::forbidden) << "it has a certificate";
    auto replacing = token("V");
    replacing.replaces = true;
    ASSERT_TRUE(registry_.add_token(replacing));
    asked.token = "V";
    const auto second = registry_.begin_enrolment(asked).value().id;
    ASSERT_TRUE(registry_.decide_enrolment(second, EnrolmentState::approved));
    ASSERT_TRUE(registry_.decide_enrolment(second, EnrolmentState::refused));
    EXPECT_EQ(registry_.finish_enrolment(second, "f3").value().enrolment.state, EnrolmentState::refused);
    EXPECT_EQ(registry_.decide_enrolment(99, EnrolmentState::approved).error().code, FaultCode::not_found);
    std::vector<std::int64_t> ids;
    ASSERT_TRUE(registry_.list_enrolments([&](const Enrolment& each) {
        ids.push_back(each.id);
        return true;
    }));
    EXPECT_EQ(ids, (std::vector<std::int64_t>{second, id}));
}

TEST_F(EnrolmentTest, what_is_too_long_for_a_record_is_refused) {
    ASSERT_TRUE(registry_.add_token(token("T")));
    auto asked = with_token("T", key_one);
    asked.transaction = std::string(257, 'x');
    EXPECT_EQ(registry_.begin_enrolment(asked).error().code, FaultCode::too_large);
    asked.transaction.clear();
    const auto begun = registry_.begin_enrolment(asked).value();
    EXPECT_EQ(registry_.find_enrolment("cmp", {}, key_one).value()->id, begun.id);
}

TEST(EnrolmentThreads, of_many_keys_with_one_token_exactly_one_wins) {
    Installation installation;
    ASSERT_TRUE(installation.registry->add_device({.mac = mac_number(1), .model = "1230"}));
    constexpr int rounds = 20;
    constexpr int racers = 4;
    std::vector<std::unique_ptr<Registry>> connections;
    for (int i = 0; i < racers; ++i) connections.push_back(installation.open());
    for (int round = 0; round < rounds; ++round) {
        const std::string reference = "T" + std::to_string(round);
        ASSERT_TRUE(installation.registry->add_token({.reference = reference,
                                                      .secret = Secret("s"),
                                                      .device = mac_number(1),
                                                      .created = first_of_may,
                                                      .expires = first_of_may + std::chrono::hours(1)}));
        std::atomic<int> ready{0};
        std::atomic<int> won{0};
        std::atomic<int> lost{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < racers; ++i)
            threads.emplace_back([&, i] {
                ++ready;
                while (ready < racers) std::this_thread::yield();
                const auto begun = connections[static_cast<std::size_t>(i)]->begin_enrolment(
                    {.protocol = "scep",
                     .public_key = std::string(64, static_cast<char>('a' + i)),
                     .device = mac_number(1),
                     .token = reference,
                     .state = EnrolmentState::approved});
                if (begun) ++won;
                if (!begun && begun.error().code == FaultCode::conflict) ++lost;
            });
        for (auto& thread : threads) thread.join();
        EXPECT_EQ(won, 1);
        EXPECT_EQ(lost, racers - 1);
    }
}

TEST_F(EnrolmentTest, neither_tokens_nor_one_time_files_stand_in_the_database_in_clear) {
    ASSERT_TRUE(registry_.add_token(token("AAAA1111")));
    OneTimeFile file{.path = "phone.p12", .section = "DEV_CERT", .device = one_};
    file.expires = first_of_may + std::chrono::hours(1);
    ASSERT_TRUE(registry_.put_one_time_file(file, "canary-of-pkcs12"));
    auto login = login_of(one_, "next-user");
    login.ha1_md5 = Secret("0123456789abcdef0123456789abcdef");
    ASSERT_TRUE(registry_.store_next_login(login));
    std::string all;
    for (const auto* name : {"registry.db", "registry.db-wal"}) {
        std::ifstream bytes(installation_.directory() + "/" + name, std::ios::binary);
        all.append(std::istreambuf_iterator<char>(bytes), std::istreambuf_iterator<char>());
    }
    for (const auto* clear : {"AAAA1111", "phone.p12", "next-user"}) ASSERT_NE(all.find(clear), std::string::npos);
    for (const auto* canary : {"canary", "0123456789abcdef"}) EXPECT_EQ(all.find(canary), std::string::npos) << canary;
}

TEST_F(EnrolmentTest, a_full_disk_spends_no_token) {
    ASSERT_TRUE(registry_.add_token(token("T")));
    {
        const suites::SmallDisk full(4096);
        EXPECT_EQ(registry_.begin_enrolment(with_token("T", key_one)).error().code, FaultCode::unavailable);
    }
    EXPECT_FALSE(registry_.find_token("T").value()->is_spent);
    EXPECT_TRUE(registry_.begin_enrolment(with_token("T", key_two)));
}

// ---- Certificates and revocation lists

TEST_F(EnrolmentTest, a_certificate_is_found_by_its_issuer_and_its_bytes_are_kept) {
    auto certificate = certificate_of(one_, 'a');
    certificate.issuer = std::string(64, 'e');
    certificate.public_key = key_one;
    ASSERT_TRUE(registry_.add_certificate(certificate, std::string_view("DER\0bytes", 9)));
    const auto found = registry_.find_certificate_of(certificate.issuer, "AAAAAAAAAAAAAAAA").value();
    ASSERT_TRUE(found);
    EXPECT_EQ(found->fingerprint, certificate.fingerprint);
    EXPECT_EQ(found->public_key, key_one);
    EXPECT_FALSE(registry_.find_certificate_of(std::string(64, 'f'), certificate.serial).value());
    EXPECT_EQ(registry_.get_certificate_der(certificate.fingerprint).value(), std::string_view("DER\0bytes", 9));
    EXPECT_EQ(state_of(one_), DeviceState::enrolled);
    // One issuer gives a serial number once.
    certificate.fingerprint = std::string(64, 'b');
    EXPECT_EQ(registry_.add_certificate(certificate).error().code, FaultCode::conflict);
    certificate.issuer = std::string(64, 'f');
    ASSERT_TRUE(registry_.add_certificate(certificate));
    EXPECT_EQ(registry_.get_certificate_der(certificate.fingerprint).error().code, FaultCode::not_found);
}

TEST_F(EnrolmentTest, a_revocation_list_holds_what_one_issuer_revoked_and_what_is_not_over) {
    for (const char digit : {'1', '2', '3', '4'}) {
        auto certificate = certificate_of(one_, digit);
        certificate.issuer = std::string(64, digit == '4' ? 'f' : 'e');
        if (digit == '3') certificate.not_after = first_of_may + std::chrono::hours(1);
        ASSERT_TRUE(registry_.add_certificate(certificate));
    }
    ASSERT_TRUE(registry_.revoke_certificate_at(std::string(64, '2'), RevocationReason::superseded));
    EXPECT_EQ(registry_.revoke_certificate_at(std::string(64, '2'), RevocationReason::key_compromise).error().code,
              FaultCode::conflict);
    EXPECT_EQ(registry_.revoke_certificate_at("none", RevocationReason::superseded).error().code, FaultCode::not_found);
    for (const char digit : {'3', '4'})
        ASSERT_TRUE(registry_.revoke_certificate(std::string(16, digit), RevocationReason::key_compromise));
    const auto listed = [&](WallTime now) {
        std::string out;
        EXPECT_TRUE(registry_.list_revoked(std::string(64, 'e'), now, [&](const CertificateRecord& each) {
            out += each.serial.substr(0, 1) + std::string(to_string(each.reason)) + " ";
            return true;
        }));
        return out;
    };
    EXPECT_EQ(listed(first_of_may), "2superseded 3key-compromise ");
    EXPECT_EQ(listed(first_of_may + std::chrono::hours(2)), "2superseded ");
}

TEST_F(EnrolmentTest, a_revocation_list_is_replaced_only_by_a_later_one) {
    StoredRevocationList list{.issuer = "e", .number = 5, .der = "five", .made = first_of_may};
    list.next_update = first_of_may + std::chrono::hours(24);
    EXPECT_FALSE(registry_.find_revocation_list("e").value());
    ASSERT_TRUE(registry_.store_revocation_list(list));
    EXPECT_EQ(registry_.store_revocation_list(list).error().code, FaultCode::conflict);
    list.number = 6;
    list.der = "six";
    ASSERT_TRUE(registry_.store_revocation_list(list));
    const auto found = registry_.find_revocation_list("e").value();
    EXPECT_EQ(found->der, "six");
    EXPECT_EQ(found->number, 6u);
    EXPECT_EQ(found->next_update, list.next_update);
    list.number = ~std::uint64_t{0};
    EXPECT_EQ(registry_.store_revocation_list(list).error().code, FaultCode::malformed);
}

// ---- Anchors

TEST_F(EnrolmentTest, of_a_root_the_best_evidence_is_kept_and_of_that_the_newest) {
    const auto note = [&](AnchorEvidence evidence, int hour) {
        return registry_.note_anchor(
            {.device = one_, .anchor = "root", .evidence = evidence, .at = first_of_may + std::chrono::hours(hour)});
    };
    const auto known = [&] {
        std::vector<DeviceAnchor> out;
        EXPECT_TRUE(registry_.list_anchors([&](const DeviceAnchor& anchor) {
            out.push_back(anchor);
            return true;
        }));
        return out;
    };
    ASSERT_TRUE(note(AnchorEvidence::fetched, 1));
    ASSERT_TRUE(note(AnchorEvidence::verified, 2));
    ASSERT_TRUE(note(AnchorEvidence::fetched, 3));
    ASSERT_EQ(known().size(), 1u);
    EXPECT_EQ(known()[0].evidence, AnchorEvidence::verified);
    EXPECT_EQ(known()[0].at, first_of_may + std::chrono::hours(2));
    ASSERT_TRUE(note(AnchorEvidence::verified, 4));
    ASSERT_TRUE(note(AnchorEvidence::verified, 3));
    EXPECT_EQ(known()[0].at, first_of_may + std::chrono::hours(4));
    EXPECT_EQ(registry_.note_anchor({.device = mac_number(9), .anchor = "root"}).error().code, FaultCode::not_found);
    ASSERT_TRUE(registry_.remove_device(one_));
    EXPECT_TRUE(known().empty());
}

// ---- Withdrawal

TEST_F(EnrolmentTest, what_is_pending_is_withdrawn_and_what_is_done_stays) {
    for (const auto* reference : {"unspent", "open", "done"}) ASSERT_TRUE(registry_.add_token(token(reference)));
    const auto open = registry_.begin_enrolment(with_token("open", key_one)).value().id;
    const auto done = registry_.begin_enrolment(with_token("done", key_two)).value().id;
    ASSERT_TRUE(registry_.finish_enrolment(done, "f"));
    OneTimeFile file{.path = "phone.p12", .device = one_};
    file.expires = first_of_may + std::chrono::hours(1);
    ASSERT_TRUE(registry_.put_one_time_file(file, "x"));
    const auto withdrawn = registry_.withdraw_pending().value();
    EXPECT_EQ(withdrawn.tokens, 1u);
    EXPECT_EQ(withdrawn.enrolments, 1u);
    EXPECT_EQ(withdrawn.files, 1u);
    EXPECT_FALSE(registry_.find_token("unspent").value());
    EXPECT_EQ(registry_.find_enrolment(open).value()->state, EnrolmentState::refused);
    EXPECT_EQ(registry_.find_enrolment(done).value()->state, EnrolmentState::issued);
    EXPECT_TRUE(registry_.find_one_time_file("phone.p12").value()->burned);
    EXPECT_EQ(registry_.open_one_time_file("phone.p12").error().code, FaultCode::not_found);
    EXPECT_EQ(registry_.withdraw_pending().value().files, 0u);
}

}  // namespace
}  // namespace ringfence::registry

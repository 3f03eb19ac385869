#include "delivery/limits.h"

#include <gtest/gtest.h>

#include "delivery/address_memory.h"

namespace ringfence::delivery {
namespace {

using registry::LoginKind;

TEST(limits, a_typed_login_is_throttled_after_its_burst_and_recovers) {
    Limits limits;
    SteadyTime now{};
    for (std::uint32_t i = 0; i < keypad_attempts.burst; ++i) {
        EXPECT_TRUE(limits.may_attempt("4711", "192.0.2.9", LoginKind::keypad, now));
        limits.attempt_failed("4711", "192.0.2.9", LoginKind::keypad, now);
    }
    EXPECT_FALSE(limits.may_attempt("4711", "192.0.2.9", LoginKind::keypad, now));
    now += keypad_attempts.refill;
    EXPECT_TRUE(limits.may_attempt("4711", "192.0.2.9", LoginKind::keypad, now));
}

TEST(limits, one_guesser_locks_nobody_out_even_where_no_address_is_known_yet) {
    Limits limits;
    const SteadyTime now{};
    while (limits.may_attempt("4711", "203.0.113.5", LoginKind::keypad, now))
        limits.attempt_failed("4711", "203.0.113.5", LoginKind::keypad, now);
    EXPECT_TRUE(limits.may_attempt("4711", "192.0.2.1", LoginKind::keypad, now));
}

TEST(limits, many_guessers_are_throttled_together_but_not_the_phone_that_gave_the_right_password) {
    Limits limits;
    const SteadyTime now{};
    limits.attempt_succeeded("4711", "192.0.2.1", now);
    for (int i = 0; i < 1000; ++i)
        limits.attempt_failed("4711", "203.0.113." + std::to_string(i), LoginKind::keypad, now);
    EXPECT_FALSE(limits.may_attempt("4711", "198.51.100.1", LoginKind::keypad, now));
    EXPECT_TRUE(limits.may_attempt("4711", "192.0.2.1", LoginKind::keypad, now));
}

TEST(limits, a_known_address_has_a_budget_too) {
    Limits limits;
    const SteadyTime now{};
    limits.attempt_succeeded("4711", "192.0.2.1", now);
    for (std::uint32_t i = 0; i < keypad_attempts.burst; ++i)
        limits.attempt_failed("4711", "192.0.2.1", LoginKind::keypad, now);
    EXPECT_FALSE(limits.may_attempt("4711", "192.0.2.1", LoginKind::keypad, now));
}

TEST(limits, one_login_does_not_spend_anothers_budget_though_they_share_an_address) {
    Limits limits;
    const SteadyTime now{};
    for (int i = 0; i < 100; ++i) limits.attempt_failed("4711", "192.0.2.9", LoginKind::keypad, now);
    for (int i = 0; i < 3000; ++i)
        EXPECT_TRUE(limits.may_attempt("phone" + std::to_string(i), "192.0.2.9", LoginKind::keypad, now));
}

TEST(limits, misses_beyond_the_budget_are_counted_not_recorded) {
    Limits limits;
    SteadyTime now{};
    std::uint64_t recorded = 0;
    for (int i = 0; i < 1000; ++i) recorded += limits.note_miss("203.0.113.5", now).record ? 1 : 0;
    EXPECT_EQ(recorded, recorded_misses.burst);
    EXPECT_TRUE(limits.note_miss("203.0.113.6", now).record);
    now += recorded_misses.refill;
    const auto next = limits.note_miss("203.0.113.5", now);
    EXPECT_TRUE(next.record);
    EXPECT_EQ(next.suppressed, 1000 - recorded);
}

TEST(limits, deliveries_have_a_budget_of_their_own_that_a_storm_fits_in) {
    Limits limits;
    SteadyTime now{};
    for (int i = 0; i < 3000 * 12; ++i) ASSERT_TRUE(limits.note_delivery("192.0.2.1", now).record);
    std::uint64_t suppressed = 0;
    for (int i = 0; i < 100'000; ++i) suppressed += limits.note_delivery("192.0.2.1", now).record ? 0 : 1;
    EXPECT_EQ(suppressed, 3000u * 12 + 100'000 - recorded_deliveries.burst);
    EXPECT_TRUE(limits.note_miss("192.0.2.1", now).record);
    now += recorded_deliveries.refill;
    EXPECT_EQ(limits.note_delivery("192.0.2.1", now).suppressed, suppressed);
}

TEST(limits, many_askers_do_not_make_it_forget_who_guesses) {
    Limits limits;
    const SteadyTime now{};
    while (limits.may_attempt("4711", "203.0.113.5", LoginKind::keypad, now))
        limits.attempt_failed("4711", "203.0.113.5", LoginKind::keypad, now);
    for (std::size_t i = 0; i < Limits::max_entries_per_shard * 20; ++i)
        limits.note_delivery("asker" + std::to_string(i), now);
    EXPECT_FALSE(limits.may_attempt("4711", "203.0.113.5", LoginKind::keypad, now));
}

TEST(limits, tables_stay_bounded) {
    Limits limits;
    for (std::size_t i = 0; i < Limits::max_entries_per_shard * 20; ++i)
        limits.attempt_failed("user" + std::to_string(i), "192.0.2.1", LoginKind::random, SteadyTime{});
    EXPECT_TRUE(limits.may_attempt("user0", "192.0.2.1", LoginKind::random, SteadyTime{}));
}

TEST(address_memory, remembers_for_an_hour) {
    AddressMemory memory;
    const auto address = IpAddress::parse("192.0.2.9").value();
    const auto mac = MacAddress::parse("00247F0102AB").value();
    SteadyTime now{};
    memory.remember(address, mac, now);
    EXPECT_EQ(memory.find(address, now), mac);
    EXPECT_FALSE(memory.find(IpAddress::parse("192.0.2.10").value(), now));
    now += AddressMemory::lifetime + Duration(1);
    EXPECT_FALSE(memory.find(address, now));
}

TEST(address_memory, stays_bounded) {
    AddressMemory memory;
    const auto mac = MacAddress::parse("00247F0102AB").value();
    for (std::uint32_t i = 0; i < 100'000; ++i)
        memory.remember(IpAddress::from_v4({10, static_cast<std::uint8_t>(i >> 16), static_cast<std::uint8_t>(i >> 8),
                                            static_cast<std::uint8_t>(i)}),
                        mac, SteadyTime{});
    EXPECT_FALSE(memory.find(IpAddress::from_v4({10, 0, 0, 0}), SteadyTime{}));
}

}  // namespace
}  // namespace ringfence::delivery

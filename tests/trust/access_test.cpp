// The access table of docs/TRUST.md, walked cell by cell. The expectation is written out here on its own, not computed
// from the code's table.
#include "trust/access.h"

#include <gtest/gtest.h>

#include <vector>

namespace ringfence::trust {
namespace {

const MacAddress own = MacAddress::parse("00247F000001").value();
const MacAddress other = MacAddress::parse("00247F000002").value();

constexpr std::initializer_list<Wire> every_wire = {Wire::tftp, Wire::ftp, Wire::http, Wire::https, Wire::https_legacy};
constexpr std::initializer_list<Proof> every_proof = {Proof::none, Proof::site_login, Proof::device_password,
                                                      Proof::device_certificate};

Asker asker(Wire wire, Proof proof) {
    Asker out{.wire = wire, .proof = proof, .device = {}};
    if (is_device_proof(proof)) out.device = own;
    return out;
}

enum class Verdict { granted, by_window, needs_proof, absent };

Verdict verdict(const Asker& who, const std::optional<OpenWindow>& window, const std::optional<Wanted>& wanted) {
    const auto grant = decide(who, window, wanted);
    if (!grant) return grant.error() == Refusal::needs_proof ? Verdict::needs_proof : Verdict::absent;
    EXPECT_EQ(grant->content_class(), wanted->content_class);
    return grant->by_window() ? Verdict::by_window : Verdict::granted;
}

Verdict refused(const Asker& who) {
    return is_https(who.wire) && who.proof == Proof::none ? Verdict::needs_proof : Verdict::absent;
}

const std::vector<std::optional<OpenWindow>> every_window = {std::nullopt, OpenWindow{false}, OpenWindow{true}};

// Calls `check` with every asker and window there is.
template <typename Check>
void walk(Check check) {
    for (const Wire wire : every_wire)
        for (const Proof proof : every_proof)
            for (const auto& window : every_window) check(asker(wire, proof), window);
}

TEST(access_table, public_content_opens_to_everyone_on_every_wire) {
    walk([](const Asker& who, const auto& window) {
        EXPECT_EQ(verdict(who, window, Wanted{.content_class = ContentClass::public_}), Verdict::granted);
    });
}

TEST(access_table, internal_content_opens_to_any_proof_over_https_or_inside_a_window) {
    walk([](const Asker& who, const auto& window) {
        const bool proved = is_https(who.wire) && who.proof != Proof::none;
        const Verdict expected = proved ? Verdict::granted : window ? Verdict::by_window : refused(who);
        EXPECT_EQ(verdict(who, window, Wanted{.content_class = ContentClass::internal}), expected);
    });
}

TEST(access_table, a_secret_opens_to_its_own_device_over_https_only_and_never_by_a_window) {
    walk([](const Asker& who, const auto& window) {
        const Wanted mine{.content_class = ContentClass::secret, .owner = own, .is_manifest_with_login = false};
        const Wanted theirs{.content_class = ContentClass::secret, .owner = other, .is_manifest_with_login = false};
        const Wanted nobodys{.content_class = ContentClass::secret, .owner = {}, .is_manifest_with_login = false};
        const bool proved = is_https(who.wire) && is_device_proof(who.proof);
        EXPECT_EQ(verdict(who, window, mine), proved ? Verdict::granted : refused(who));
        EXPECT_EQ(verdict(who, window, theirs), refused(who));
        EXPECT_EQ(verdict(who, window, nobodys), refused(who));
    });
}

TEST(access_table, a_manifest_with_a_login_opens_to_a_known_device_or_inside_a_window_that_hands_out_logins) {
    walk([](const Asker& who, const auto& window) {
        const Wanted shared{.content_class = ContentClass::secret, .owner = {}, .is_manifest_with_login = true};
        const Wanted theirs{.content_class = ContentClass::secret, .owner = other, .is_manifest_with_login = true};
        const bool proved = is_https(who.wire) && is_device_proof(who.proof);
        const bool handed_out = window && window->hands_out_login;
        EXPECT_EQ(verdict(who, window, shared), proved       ? Verdict::granted
                                                : handed_out ? Verdict::by_window
                                                             : refused(who));
        EXPECT_EQ(verdict(who, window, theirs), refused(who));
    });
}

TEST(access_table, a_one_time_file_opens_to_its_own_device_over_https_or_inside_a_window_on_clear_wires) {
    walk([](const Asker& who, const auto& window) {
        const Wanted mine{.content_class = ContentClass::secret, .owner = own, .is_one_time = true};
        const Wanted theirs{.content_class = ContentClass::secret, .owner = other, .is_one_time = true};
        const bool proved = is_https(who.wire) && is_device_proof(who.proof);
        const bool opened = window && !is_https(who.wire);
        EXPECT_EQ(verdict(who, window, mine), proved ? Verdict::granted : opened ? Verdict::by_window : refused(who));
        EXPECT_EQ(verdict(who, window, theirs), opened ? Verdict::by_window : refused(who));
    });
}

TEST(access_table, what_does_not_exist_is_refused_exactly_like_what_is_forbidden) {
    const Wanted theirs{.content_class = ContentClass::secret, .owner = other, .is_manifest_with_login = false};
    walk([&](const Asker& who, const auto& window) {
        EXPECT_EQ(verdict(who, window, std::nullopt), verdict(who, window, theirs));
        EXPECT_EQ(verdict(who, window, std::nullopt), refused(who));
    });
}

TEST(access_table, names_survive_a_round_trip) {
    for (const Wire wire : every_wire) EXPECT_EQ(parse_wire(to_string(wire)), wire);
    for (const auto name : {"public", "internal", "secret"})
        EXPECT_EQ(to_string(parse_content_class(name).value()), name);
    EXPECT_FALSE(parse_content_class("Public"));
    EXPECT_FALSE(parse_wire("https "));
}

TEST(access_table_death, a_device_proof_without_a_device_is_a_bug) {
    const Asker broken{.wire = Wire::https, .proof = Proof::device_password, .device = {}};
    EXPECT_DEATH(static_cast<void>(decide(broken, std::nullopt, std::nullopt)), "assertion failed");
}

}  // namespace
}  // namespace ringfence::trust

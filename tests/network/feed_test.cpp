#include "network/feed.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/registry/installation.h"

namespace ringfence::network {
namespace {

using registry::first_of_may;
using registry::mac_number;
using std::chrono::hours;

const std::string epoch(32, 'e');

// ---- Pages out of a registry

class Feed : public registry::RegistryTest {
protected:
    void add(std::uint64_t number, const std::string& identity) {
        const auto mac = mac_number(number);
        ASSERT_TRUE(registry_.add_device({.mac = mac, .model = "1230"}));
        ASSERT_TRUE(
            registry_.store_network_login({.identity = identity, .device = mac, .password = Secret("pw " + identity)}));
    }
    void let_in(std::uint64_t number, WallTime when = first_of_may) {
        registry::DevicePort port{.device = mac_number(number)};
        port.switch_address = IpAddress::parse("192.0.2.2").value();
        port.port = "Gi1/0/" + std::to_string(number);
        ASSERT_TRUE(registry_.note_port(port, when));
    }
    FeedPage ask(FeedQuestion question) {
        if (question.epoch.empty()) question.epoch = epoch;
        question.let_in_within = hours(24);
        return make_feed_page(registry_, question, {.epoch = epoch}, now_).value();
    }
    std::int64_t last() { return ask({}).last; }

    WallTime now_ = first_of_may + hours(1);
};

TEST_F(Feed, tells_a_device_that_was_let_in_with_all_that_decides) {
    add(1, "phone-1");
    auto certificate = registry::certificate_of(mac_number(1), '7');
    ASSERT_TRUE(registry_.add_certificate(certificate));
    registry::Window window;
    window.networks = {Network::parse("192.0.2.0/24").value()};
    window.closes = now_ + std::chrono::minutes(10);
    window.count = 1;
    ASSERT_TRUE(registry_.open_window(window));
    let_in(1);
    const auto page = ask({.after = last()});
    EXPECT_FALSE(page.has_news());
    const auto all = ask({.walk = FeedWalk{}});
    ASSERT_EQ(all.devices.size(), 1u);
    const FedDevice& device = all.devices.front();
    EXPECT_EQ(device.let_in, first_of_may);
    EXPECT_EQ(device.standing.device, mac_number(1));
    EXPECT_EQ(device.standing.identity, "phone-1");
    EXPECT_EQ(device.standing.password.reveal(), "pw phone-1");
    EXPECT_EQ(device.standing.window_closes, window.closes);
    ASSERT_EQ(device.standing.certificates.size(), 1u);
    EXPECT_EQ(device.standing.certificates[0].serial, certificate.serial);
    EXPECT_EQ(all.range, FeedRange{});
}

TEST_F(Feed, a_device_that_was_never_in_or_too_long_ago_is_not_told) {
    add(1, "phone-1");
    add(2, "phone-2");
    let_in(2, now_ - hours(25));
    EXPECT_TRUE(ask({.walk = FeedWalk{}}).devices.empty());
    const auto changes = ask({});
    EXPECT_TRUE(changes.devices.empty());
    EXPECT_EQ(changes.gone, (std::vector<MacAddress>{mac_number(1), mac_number(2)}));
}

TEST_F(Feed, what_changed_is_told_once_and_then_nothing_is_news) {
    add(1, "phone-1");
    let_in(1);
    const auto changes = ask({});
    ASSERT_EQ(changes.devices.size(), 1u);
    EXPECT_EQ(changes.state, FeedState::current);
    const auto quiet = ask({.after = changes.last});
    EXPECT_FALSE(quiet.has_news());
    EXPECT_EQ(quiet.last, changes.last);
}

TEST_F(Feed, who_is_disabled_or_removed_is_gone) {
    add(1, "phone-1");
    let_in(1);
    add(2, "phone-2");
    let_in(2);
    const auto before = last();
    ASSERT_TRUE(registry_.set_disabled(mac_number(1), registry::Registry::Service::disabled));
    ASSERT_TRUE(registry_.remove_device(mac_number(2)));
    const auto page = ask({.after = before});
    EXPECT_TRUE(page.devices.empty());
    EXPECT_EQ(page.gone, (std::vector<MacAddress>{mac_number(1), mac_number(2)}));
}

TEST_F(Feed, a_revoked_certificate_is_told_no_more) {
    add(1, "phone-1");
    ASSERT_TRUE(registry_.add_certificate(registry::certificate_of(mac_number(1), '7')));
    let_in(1);
    const auto before = last();
    ASSERT_TRUE(registry_.revoke_certificate(std::string(16, '7')));
    const auto page = ask({.after = before});
    ASSERT_EQ(page.devices.size(), 1u);
    EXPECT_TRUE(page.devices[0].standing.certificates.empty());
}

TEST_F(Feed, numbers_of_another_epoch_and_changes_of_everybody_ask_for_everything) {
    add(1, "phone-1");
    let_in(1);
    const auto other = ask({.epoch = std::string(32, 'f'), .after = last()});
    EXPECT_EQ(other.state, FeedState::restart);
    EXPECT_EQ(other.last, last());
    EXPECT_EQ(ask({.after = last() + 1}).state, FeedState::restart) << "a registry that was set back";
    const auto before = last();
    registry::Window window;
    window.networks = {Network::parse("192.0.2.0/24").value()};
    window.closes = now_ + std::chrono::minutes(10);
    window.count = 1;
    ASSERT_TRUE(registry_.open_window(window));
    const auto opened = ask({.after = before});
    EXPECT_EQ(opened.state, FeedState::restart);
    EXPECT_EQ(opened.last, last());
}

TEST_F(Feed, everything_comes_in_pages_that_meet) {
    constexpr std::uint64_t count = max_feed_devices + 3;
    for (std::uint64_t i = 1; i <= count; ++i) {
        ASSERT_TRUE(registry_.add_device({.mac = mac_number(i), .model = "1230"}));
        let_in(i);
    }
    const auto first = ask({.walk = FeedWalk{}});
    EXPECT_EQ(first.devices.size(), max_feed_devices);
    EXPECT_EQ(first.range, (FeedRange{std::nullopt, mac_number(max_feed_devices)}));
    const auto second = ask({.walk = FeedWalk{first.range->up_to}});
    EXPECT_EQ(second.devices.size(), 3u);
    EXPECT_EQ(second.range, (FeedRange{first.range->up_to, std::nullopt}));
    EXPECT_EQ(ask({}).state, FeedState::behind) << "so many changes are more than one page";
}

// ---- Text

rc::Gen<std::string> any_text(std::size_t most) {
    return rc::gen::scale(0.5, rc::gen::map(rc::gen::arbitrary<std::string>(),
                                            [most](std::string text) { return text.substr(0, most); }));
}

WallTime any_time() { return WallTime(Duration(*rc::gen::inRange<std::int64_t>(0, 4'000'000'000'000))); }

MacAddress any_mac() { return mac_number(*rc::gen::inRange<std::uint64_t>(0, 0xffffff)); }

FedDevice any_device() {
    FedDevice out{{.device = any_mac(), .is_in_service = true}, any_time()};
    out.standing.identity = *any_text(64);
    out.standing.password = Secret(*any_text(253));
    out.standing.has_proved_itself = *rc::gen::arbitrary<bool>();
    out.standing.requires_certificate = *rc::gen::arbitrary<bool>();
    if (*rc::gen::arbitrary<bool>()) out.standing.window_closes = any_time();
    if (*rc::gen::arbitrary<bool>()) out.standing.legacy_closes = any_time();
    const auto certificates = *rc::gen::inRange<std::size_t>(0, max_fed_certificates + 1);
    for (std::size_t i = 0; i < certificates; ++i)
        out.standing.certificates.push_back({std::string(1 + i % 40, 'a'), any_time(), *rc::gen::arbitrary<bool>()});
    return out;
}

RC_GTEST_PROP(FeedText, a_page_is_read_as_it_was_written, ()) {
    FeedPage page{.epoch = epoch, .last = *rc::gen::inRange<std::int64_t>(0, 1LL << 60)};
    page.state = *rc::gen::element(FeedState::current, FeedState::behind, FeedState::restart);
    page.terms = {*any_text(64), *any_text(64), std::chrono::seconds(*rc::gen::inRange(60, 86'400))};
    if (*rc::gen::arbitrary<bool>()) page.range = FeedRange{any_mac(), any_mac()};
    for (int i = *rc::gen::inRange(0, 5); i > 0; --i) page.devices.push_back(any_device());
    for (int i = *rc::gen::inRange(0, 5); i > 0; --i) page.gone.push_back(any_mac());
    const Secret text = format_feed_page(page);
    const auto parsed = parse_feed_page(text.reveal());
    RC_ASSERT(parsed.has_value());
    RC_ASSERT(*parsed == page);
    // Cut short anywhere, it is nothing.
    const auto cut = *rc::gen::inRange<std::size_t>(0, text.reveal().size());
    RC_ASSERT(!parse_feed_page(text.reveal().substr(0, cut)).has_value());
}

RC_GTEST_PROP(FeedText, a_question_is_read_as_it_was_written, ()) {
    FeedQuestion question{.epoch = *rc::gen::element(std::string(), epoch)};
    question.after = *rc::gen::inRange<std::int64_t>(0, 1LL << 60);
    question.let_in_within = std::chrono::seconds(*rc::gen::inRange(0, 1'000'000));
    question.wait = std::chrono::seconds(*rc::gen::inRange(0, 26));
    if (*rc::gen::arbitrary<bool>()) question.walk = FeedWalk{};
    if (question.walk && *rc::gen::arbitrary<bool>()) question.walk->above = any_mac();
    RC_ASSERT(parse_feed_question(format_feed_question(question)).value() == question);
}

TEST(FeedText, a_question_beyond_its_bounds_is_refused) {
    EXPECT_TRUE(parse_feed_question("epoch=&after=0&within=60&wait=25"));
    for (const std::string query :
         {"", "epoch=&after=0&within=60&wait=26", "epoch=xyz&after=0", "after=-1", "after=1&after=1", "more=1",
          "all&above=00247F000001", "above=00247f000001", "above=", "within=99999999999", "after=99999999999999999999"})
        EXPECT_FALSE(parse_feed_question(query)) << query;
}

TEST(FeedText, no_fault_tells_what_stood_there) {
    const auto parsed =
        parse_feed_page("feed 1\nepoch " + epoch + "\nlast 1\ncurrent\nterms a b 60\ndevice canary-password\nend\n");
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().message.find("canary"), std::string::npos);
}

TEST(FeedText, every_sample_is_judged_as_its_name_says) {
    int seen = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(RINGFENCE_SOURCE_DIR) + "/tests/corpus/feed")) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        const std::string name = entry.path().stem().string();
        EXPECT_EQ(parse_feed_page(text).has_value(), name.ends_with("-valid")) << name;
        ++seen;
    }
    EXPECT_GT(seen, 5);
}

}  // namespace
}  // namespace ringfence::network

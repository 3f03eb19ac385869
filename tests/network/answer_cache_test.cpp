#include "network/answer_cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "base/random.h"
#include "tests/registry/installation.h"
#include "tests/suites/failing_disk.h"

namespace ringfence::network {
namespace {

using registry::first_of_may;
using registry::mac_number;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const std::string epoch(32, 'e');
constexpr std::string_view canary = "canary-password-7142";

FedDevice device(std::uint64_t number, WallTime let_in = first_of_may) {
    FedDevice out{{.device = mac_number(number), .is_in_service = true}, let_in};
    out.standing.identity = "phone-" + std::to_string(number);
    out.standing.password = Secret(std::string(canary) + std::to_string(number));
    out.standing.has_proved_itself = true;
    out.standing.certificates = {{"0a" + std::to_string(number), first_of_may + hours(24 * 365)}};
    return out;
}

FeedPage page(std::vector<FedDevice> devices, std::vector<MacAddress> gone = {}) {
    static std::int64_t last = 0;
    return {.epoch = epoch, .last = ++last, .devices = std::move(devices), .gone = std::move(gone)};
}

class AnswerCacheTest : public testing::Test {
protected:
    void SetUp() override {
        log::set_level(log::Level::error);
        reopen();
    }

    void reopen() {
        cache_.reset();
        cache_ = AnswerCache::open(disk_, folder_, limits_, random_).value();
    }
    std::string path() const { return folder_ + "/answers.sealed"; }

    bool knows(std::uint64_t number, WallTime now = first_of_may) const {
        const auto found = cache_->find_standing("phone-" + std::to_string(number), now);
        return found && *found && (*found)->device == mac_number(number);
    }
    FaultCode refusal(WallTime now) const { return cache_->find_standing("phone-1", now).error().code; }
    static std::string bytes_of(const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }
    // Opened from what is in the files alone: a copy, since nobody else may open the folder meanwhile.
    Result<std::unique_ptr<AnswerCache>> open_copy() {
        const std::string copy = root_ / "copy";
        std::filesystem::remove_all(copy);
        std::filesystem::copy(folder_, copy);
        std::filesystem::permissions(copy, std::filesystem::perms::owner_all);
        return AnswerCache::open(disk_, copy, limits_, random_);
    }
    bool file_knows(std::uint64_t number, WallTime now = first_of_may) {
        const auto other = open_copy().value();
        const auto found = other->find_standing("phone-" + std::to_string(number), now);
        return found && found->has_value();
    }

    suites::TemporaryDirectory root_;
    const std::string folder_ = root_ / "cache";
    suites::FailingDisk disk_;
    SystemRandom random_;
    CacheLimits limits_{.max_age = hours(24), .let_in_within = hours(24 * 30)};
    std::unique_ptr<AnswerCache> cache_;
};

TEST_F(AnswerCacheTest, nothing_is_answered_before_the_server_was_heard) {
    EXPECT_EQ(refusal(first_of_may), FaultCode::unavailable);
    auto all = page({device(1)});
    all.range = FeedRange{};
    all.state = FeedState::behind;
    ASSERT_TRUE(cache_->take(all, first_of_may));
    EXPECT_EQ(refusal(first_of_may), FaultCode::unavailable) << "changes since then were not heard yet";
    ASSERT_TRUE(cache_->take(page({}), first_of_may));
    EXPECT_TRUE(knows(1));
}

TEST_F(AnswerCacheTest, a_device_is_found_by_its_identity_and_for_its_certificate_by_its_address) {
    ASSERT_TRUE(cache_->take(page({device(1)}), first_of_may));
    EXPECT_EQ(cache_->find_standing("phone-1", first_of_may).value(), device(1).standing);
    const auto by_address = cache_->find_standing("00-24-7f-00-00-01", first_of_may).value();
    ASSERT_TRUE(by_address);
    EXPECT_TRUE(by_address->password.empty());
    EXPECT_TRUE(by_address->identity.empty());
    EXPECT_EQ(by_address->certificates, device(1).standing.certificates);
    EXPECT_FALSE(cache_->find_standing("phone-2", first_of_may).value());
    EXPECT_FALSE(cache_->find_standing("00247F000002", first_of_may).value());
}

TEST_F(AnswerCacheTest, it_goes_on_from_the_file_when_it_is_started_again) {
    ASSERT_TRUE(cache_->take(page({device(1), device(2)}), first_of_may));
    ASSERT_TRUE(cache_->save(first_of_may));
    const auto question = cache_->next_question();
    reopen();
    EXPECT_TRUE(knows(1, first_of_may + hours(24)));
    EXPECT_EQ(cache_->find_standing("phone-2", first_of_may).value(), device(2).standing);
    EXPECT_EQ(cache_->next_question().epoch, question.epoch);
    EXPECT_EQ(cache_->next_question().after, question.after);
}

TEST_F(AnswerCacheTest, answers_hold_as_long_as_the_administrator_said) {
    ASSERT_TRUE(cache_->take(page({device(1)}), first_of_may));
    EXPECT_TRUE(knows(1, first_of_may + hours(24)));
    EXPECT_EQ(refusal(first_of_may + hours(24) + Duration(1)), FaultCode::unavailable);
    // An answer without news is a sign of life.
    ASSERT_TRUE(cache_->take(page({}), first_of_may + hours(20)));
    EXPECT_TRUE(knows(1, first_of_may + hours(44)));
    EXPECT_FALSE(knows(1, first_of_may + hours(45)));
}

TEST_F(AnswerCacheTest, a_clock_that_was_set_back_answers_nothing) {
    ASSERT_TRUE(cache_->take(page({device(1)}), first_of_may));
    EXPECT_EQ(refusal(first_of_may - Duration(1)), FaultCode::unavailable);
    ASSERT_TRUE(cache_->save(first_of_may));
    reopen();
    EXPECT_EQ(refusal(first_of_may - Duration(1)), FaultCode::unavailable);
    EXPECT_TRUE(knows(1, first_of_may));
}

TEST_F(AnswerCacheTest, who_is_gone_is_gone_from_memory_and_disk_at_once) {
    ASSERT_TRUE(cache_->take(page({device(1), device(2)}), first_of_may));
    ASSERT_TRUE(cache_->save(first_of_may));
    ASSERT_TRUE(cache_->take(page({}, {mac_number(1)}), first_of_may));
    EXPECT_FALSE(knows(1));
    EXPECT_FALSE(file_knows(1));
    EXPECT_TRUE(file_knows(2));
}

TEST_F(AnswerCacheTest, every_right_that_is_taken_away_is_off_the_disk_at_once) {
    struct Change {
        const char* name;
        std::function<void(Standing&)> make;
    };
    FedDevice whole = device(1);
    whole.standing.window_closes = first_of_may + hours(2);
    whole.standing.legacy_closes = first_of_may + hours(2);
    for (const Change& change : std::vector<Change>{
             {"password", [](Standing& s) { s.password = Secret("other"); }},
             {"identity", [](Standing& s) { s.identity = "other"; }},
             {"certificate revoked", [](Standing& s) { s.certificates.clear(); }},
             {"certificate demanded", [](Standing& s) { s.requires_certificate = true; }},
             {"proof forgotten", [](Standing& s) { s.has_proved_itself = false; }},
             {"window closed", [](Standing& s) { s.window_closes.reset(); }},
             {"lane closed", [](Standing& s) { s.legacy_closes.reset(); }},
             {"window cut short", [](Standing& s) { s.window_closes = first_of_may + hours(1); }},
         }) {
        ASSERT_TRUE(cache_->take(page({whole}), first_of_may));
        ASSERT_TRUE(cache_->save(first_of_may));
        FedDevice less = whole;
        change.make(less.standing);
        disk_.fail_at(0);
        const int before = disk_.changes();
        ASSERT_TRUE(cache_->take(page({less}), first_of_may));
        EXPECT_GT(disk_.changes(), before) << change.name;
        const auto other = open_copy().value();
        EXPECT_EQ(other->find_standing(less.standing.identity, first_of_may).value(), less.standing) << change.name;
    }
}

TEST_F(AnswerCacheTest, what_gives_a_right_reaches_the_disk_a_little_later) {
    ASSERT_TRUE(cache_->take(page({device(1)}), first_of_may));
    ASSERT_TRUE(cache_->save_due(first_of_may + AnswerCache::save_gains_within - Duration(1)));
    EXPECT_FALSE(file_knows(1));
    ASSERT_TRUE(cache_->save_due(first_of_may + AnswerCache::save_gains_within));
    EXPECT_TRUE(file_knows(1));
}

TEST_F(AnswerCacheTest, that_the_server_was_heard_reaches_the_disk_too) {
    ASSERT_TRUE(cache_->take(page({device(1)}), first_of_may));
    ASSERT_TRUE(cache_->save(first_of_may));
    ASSERT_TRUE(cache_->take(page({}), first_of_may + hours(1)));
    ASSERT_TRUE(cache_->save_due(first_of_may + hours(1) + AnswerCache::save_times_within));
    EXPECT_TRUE(file_knows(1, first_of_may + hours(25)));
}

TEST_F(AnswerCacheTest, a_walk_drops_whom_it_does_not_name) {
    ASSERT_TRUE(cache_->take(page({device(1), device(2), device(3), device(4)}), first_of_may));
    FeedPage restart = page({});
    restart.state = FeedState::restart;
    ASSERT_TRUE(cache_->take(restart, first_of_may));
    EXPECT_EQ(cache_->next_question().walk, FeedWalk{});
    EXPECT_EQ(cache_->next_question().wait, Duration::zero());
    FeedPage first = page({device(1)});
    first.range = FeedRange{std::nullopt, mac_number(2)};
    first.state = FeedState::behind;
    ASSERT_TRUE(cache_->take(first, first_of_may));
    EXPECT_FALSE(knows(2));
    EXPECT_FALSE(file_knows(2));
    EXPECT_TRUE(knows(3));
    EXPECT_EQ(cache_->next_question().walk, FeedWalk{mac_number(2)});
    FeedPage second = page({device(4)});
    second.range = FeedRange{mac_number(2), std::nullopt};
    second.state = FeedState::behind;
    ASSERT_TRUE(cache_->take(second, first_of_may));
    EXPECT_FALSE(knows(3));
    EXPECT_TRUE(knows(4));
    EXPECT_FALSE(cache_->next_question().walk);
    EXPECT_EQ(cache_->next_question().after, restart.last) << "what changed during the walk is told after it";
}

TEST_F(AnswerCacheTest, whoever_is_stopped_in_a_walk_walks_anew) {
    ASSERT_TRUE(cache_->take(page({device(1), device(2)}), first_of_may));
    FeedPage restart = page({});
    restart.state = FeedState::restart;
    ASSERT_TRUE(cache_->take(restart, first_of_may));
    ASSERT_TRUE(cache_->save(first_of_may));
    reopen();
    EXPECT_TRUE(cache_->next_question().epoch.empty());
}

TEST_F(AnswerCacheTest, an_identity_can_pass_from_one_device_to_another) {
    ASSERT_TRUE(cache_->take(page({device(1), device(2)}), first_of_may));
    FedDevice heir = device(1);
    heir.standing.identity = "phone-2";
    FedDevice bereft = device(2);
    bereft.standing.identity = "";
    ASSERT_TRUE(cache_->take(page({heir, bereft}), first_of_may));
    EXPECT_EQ(cache_->find_standing("phone-2", first_of_may).value()->device, mac_number(1));
    EXPECT_FALSE(cache_->find_standing("phone-1", first_of_may).value());
    ASSERT_TRUE(cache_->take(page({}, {mac_number(2)}), first_of_may));
    EXPECT_EQ(cache_->find_standing("phone-2", first_of_may).value()->device, mac_number(1));
}

TEST_F(AnswerCacheTest, whoever_was_in_too_long_ago_is_forgotten) {
    ASSERT_TRUE(cache_->take(page({device(1), device(2, first_of_may + hours(1))}), first_of_may));
    const auto later = first_of_may + limits_.let_in_within + Duration(1);
    ASSERT_TRUE(cache_->take(page({}), later));
    EXPECT_FALSE(knows(1, later));
    EXPECT_TRUE(knows(2, later));
}

TEST_F(AnswerCacheTest, the_file_is_sealed_and_for_its_owner_only) {
    ASSERT_TRUE(cache_->take(page({device(1)}), first_of_may));
    ASSERT_TRUE(cache_->save(first_of_may));
    const std::string bytes = bytes_of(path());
    EXPECT_GT(bytes.size(), 50u);
    for (const std::string_view clear : {std::string_view("canary"), std::string_view("phone-1"),
                                         std::string_view("00247F"), std::string_view("answers")})
        EXPECT_EQ(bytes.find(clear), std::string::npos) << clear;
    for (const std::string& name : {path(), folder_ + "/answers.key"}) {
        struct stat facts {};
        ASSERT_EQ(::stat(name.c_str(), &facts), 0);
        EXPECT_EQ(facts.st_mode & 07777, 0600u) << name;
    }
    struct stat facts {};
    ASSERT_EQ(::stat(folder_.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 07777, 0700u);
}

TEST_F(AnswerCacheTest, a_file_that_was_cut_or_changed_or_is_of_another_key_says_nothing) {
    ASSERT_TRUE(cache_->take(page({device(1)}), first_of_may));
    ASSERT_TRUE(cache_->save(first_of_may));
    const std::string whole = bytes_of(path());
    const auto write = [&](const std::string& bytes) {
        std::ofstream(path(), std::ios::binary | std::ios::trunc) << bytes;
    };
    for (std::size_t size = 0; size < whole.size(); ++size) {
        write(whole.substr(0, size));
        ASSERT_FALSE(file_knows(1)) << size;
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        write(changed);
        ASSERT_FALSE(file_knows(1)) << at;
    }
    write(whole);
    EXPECT_TRUE(file_knows(1));
    std::ofstream(folder_ + "/answers.key", std::ios::binary | std::ios::trunc) << random_.bytes(32);
    EXPECT_FALSE(file_knows(1));
    std::ofstream(folder_ + "/answers.key", std::ios::binary | std::ios::trunc) << "short";
    EXPECT_EQ(open_copy().error().code, FaultCode::malformed);
}

TEST_F(AnswerCacheTest, one_cache_holds_the_folder_and_nobody_else_may_look_in) {
    EXPECT_EQ(AnswerCache::open(disk_, folder_, limits_, random_).error().code, FaultCode::conflict);
    cache_.reset();
    std::filesystem::permissions(folder_ + "/answers.key", std::filesystem::perms(0640));
    EXPECT_EQ(AnswerCache::open(disk_, folder_, limits_, random_).error().code, FaultCode::forbidden);
    std::filesystem::permissions(folder_ + "/answers.key", std::filesystem::perms(0600));
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
    EXPECT_EQ(AnswerCache::open(disk_, folder_, limits_, random_).error().code, FaultCode::forbidden);
    std::filesystem::permissions(folder_, std::filesystem::perms(0700));
    EXPECT_TRUE(AnswerCache::open(disk_, folder_, limits_, random_));
}

// Whatever change of the disk fails: memory is right, and the disk never gives back what was taken.
TEST_F(AnswerCacheTest, a_disk_that_fails_brings_no_right_back) {
    int failures = 0;
    for (int n = 1;; ++n) {
        disk_.fail_at(0);
        ASSERT_TRUE(cache_->take(page({device(1), device(2)}), first_of_may));
        ASSERT_TRUE(cache_->save(first_of_may));
        disk_.fail_at(n);
        const auto taken = cache_->take(page({}, {mac_number(1)}), first_of_may);
        const bool has_failed = disk_.changes() >= n;
        disk_.fail_at(0);
        EXPECT_TRUE(taken) << n;
        EXPECT_FALSE(knows(1)) << n;
        EXPECT_TRUE(knows(2)) << n;
        EXPECT_FALSE(file_knows(1)) << n;
        ASSERT_TRUE(cache_->save_due(first_of_may)) << n;
        EXPECT_TRUE(file_knows(2)) << n << ": what failed is made up for";
        if (!has_failed) break;
        ++failures;
    }
    EXPECT_GE(failures, 2);
}

TEST_F(AnswerCacheTest, it_does_not_start_with_a_disk_that_keeps_no_key) {
    for (int n = 1; n <= 3; ++n) {
        const std::string folder = root_ / ("other-" + std::to_string(n));
        disk_.fail_at(n);
        EXPECT_FALSE(AnswerCache::open(disk_, folder, limits_, random_)) << n;
        disk_.fail_at(0);
        EXPECT_TRUE(AnswerCache::open(disk_, folder, limits_, random_)) << n;
    }
}

}  // namespace
}  // namespace ringfence::network

// What a boot does with a clock that is lost or wrong, and with what time servers say. The rule: phone/phone_clock.h.
#include <gmock/gmock.h>

#include "little_trust.h"

namespace ringfence::phone {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Duration day = std::chrono::hours(24);
constexpr const char* own_file = "SIP00247F0102AB.cfg";
const std::string fetched = std::string(own_file) + " fetched\n";
const std::string refused = std::string(own_file) + " refused\n";

class BootClock : public StagedNetwork {
protected:
    void SetUp() override {
        served_["tftp://192.0.2.1/1230SIP.cfg"] = "[USER_KEYS]\nFILENAME root.pem\n";
        served_["tftp://192.0.2.1/root.pem"] = company().root_pem();
        ASSERT_TRUE(boot().is_clean());
        device_login_ = Login{"T0024", Secret("device-secret")};
        identity_ = some_identity();
        server_time_ = test_time;
        lease_time_servers_ = {IpAddress::parse("192.0.2.5").value()};
        serve_manifest("[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n");
        served_[std::string("https://192.0.2.1/") + own_file] = "VMAIL 1\n";
    }

    static const Company& company() {
        static const Company made("company");
        return made;
    }
    void serve_manifest(const std::string& text) { served_["tftp://192.0.2.1/1230SIP.cfg"] = text; }
    void time_server_says(WallTime time) { time_servers_["192.0.2.5"] = time; }
    static std::string notes(const BootReport& report) {
        std::string out;
        for (const auto& note : report.notes) out += note.text + "\n";
        return out;
    }
    // The time that the last order was judged by.
    crypto::JudgingTime last_time() const { return orders_.back().time; }
};

TEST_F(BootClock, ABelievedClockAsksNobody) {
    time_server_says(test_time);
    boot();  // proves the time, which is the floor from here on
    clock_.advance(20 * day);
    EXPECT_EQ(actions(boot()), fetched);
    EXPECT_THAT(time_orders_, IsEmpty());
}

TEST_F(BootClock, AnUnsetClockIsToldTheTimeAndJudgesInFullAtOnce) {
    clock_.set_wall(WallTime());
    time_server_says(test_time + day);
    const auto report = boot();
    EXPECT_EQ(actions(report), fetched);
    ASSERT_EQ(time_orders_.size(), 1u);
    EXPECT_THAT(time_orders_[0].servers, ElementsAre("192.0.2.5"));
    ASSERT_EQ(orders_.size(), 2u) << "no second question to the server";
    EXPECT_EQ(last_time().at, test_time + day);
    EXPECT_FALSE(last_time().is_floor);
    EXPECT_TRUE(orders_[1].login);
    EXPECT_THAT(notes(report), HasSubstr("this phone's clock says 1970-01-01T00:00:00Z, and the time server 192.0.2.5 "
                                         "says 2026-11-24T06:00:00Z"));
    EXPECT_EQ(flash().state().proved_time, test_time) << "the verified Date, which is lower";
    EXPECT_FALSE(time_at_end_.is_floor);
}

TEST_F(BootClock, ATimeServerThatIsSilentCostsNothingButItsTime) {
    clock_.set_wall(WallTime());
    const auto report = boot();
    EXPECT_EQ(actions(report), fetched);
    EXPECT_EQ(time_orders_.size(), 1u);
    EXPECT_EQ(last_time().at, test_time);
    EXPECT_THAT(notes(report), HasSubstr("no time server tells another: nobody answers"));
}

// Years ahead or behind, within the floor: the server's Date stands in, as if nobody had been asked.
TEST_F(BootClock, AFalseTimeServerLocksNobodyOutOfAnUnsetClock) {
    for (const WallTime false_time : {test_time + 3000 * day, test_time - 100 * day, WallTime() + 30 * day}) {
        clock_.set_wall(WallTime());
        time_server_says(false_time);
        const auto report = boot();
        EXPECT_EQ(actions(report), fetched) << format_time(false_time);
        EXPECT_EQ(last_time().at, test_time);
        EXPECT_EQ(flash().state().proved_time, test_time);
        EXPECT_EQ(time_at_end_.at, test_time);
    }
}

// The half-checked probe carries no login, whatever a time server said before.
TEST_F(BootClock, NoLoginGoesToAServerThatIsHalfVerified) {
    clock_.set_wall(WallTime());
    time_server_says(test_time + 3000 * day);
    boot();
    ASSERT_EQ(orders_.size(), 4u);  // manifest; at the false time; by the floor; at the server's Date
    EXPECT_TRUE(orders_[2].time.is_floor);
    EXPECT_FALSE(orders_[2].login);
    EXPECT_EQ(orders_[2].identity, nullptr);
    EXPECT_TRUE(orders_[3].login);
}

TEST_F(BootClock, AClockYearsAheadIsPutBackByATimeServer) {
    clock_.set_wall(test_time + 4000 * day);
    auto report = boot();
    EXPECT_EQ(actions(report), refused);
    EXPECT_THAT(notes(report), HasSubstr("this phone's clock says 2037-11-05T06:00:00Z, and no time server"));
    time_server_says(test_time + std::chrono::hours(1));
    report = boot();
    EXPECT_EQ(actions(report), fetched);
    EXPECT_EQ(flash().state().proved_time, test_time);
    // A server that is ahead raises the floor to what was heard at most.
    server_time_ = test_time + 300 * day;
    EXPECT_EQ(actions(boot()), fetched);
    EXPECT_EQ(flash().state().proved_time, test_time + std::chrono::hours(1));
}

// Twice on a shelf for three months: its clock is right, and whoever says otherwise is passed over.
TEST_F(BootClock, AFalseTimeServerLocksNobodyOutOfADoubtedClock) {
    for (const Duration false_by : {-150 * day, 3000 * day}) {
        clock_.advance(90 * day);
        server_time_ = clock_.wall_now();
        time_server_says(clock_.wall_now() + false_by);
        EXPECT_EQ(actions(boot()), fetched);
        EXPECT_EQ(time_orders_.size(), 1u);
        EXPECT_EQ(last_time().at, clock_.wall_now());
    }
    EXPECT_EQ(flash().state().proved_time, clock_.wall_now());
}

// The bound on a forged time: what ended before the last proved time is not made good again.
TEST_F(BootClock, AForgedTimeDoesNotBringBackWhatEndedBeforeTheFloor) {
    clock_.set_wall(test_time + 364 * day);
    server_time_ = clock_.wall_now();
    EXPECT_EQ(actions(boot()), fetched);
    clock_.set_wall(test_time + 366 * day);  // the certificate has ended, and the floor is a day before its end
    EXPECT_EQ(actions(boot()), refused);
    clock_.set_wall(WallTime());
    time_server_says(test_time + 362 * day);
    server_time_ = test_time + 362 * day;
    EXPECT_EQ(actions(boot()), refused);
}

TEST_F(BootClock, AFileThatNamesTheTimeServerCountsInTheSameBoot) {
    lease_time_servers_.clear();
    clock_.set_wall(test_time + 4000 * day);
    time_server_says(test_time);
    serve_manifest(
        "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nFILENAME public.cfg\n"
        "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n");
    served_["tftp://192.0.2.1/public.cfg"] = "SNTP_SERVER 192.0.2.5\n";
    EXPECT_EQ(actions(boot()), "public.cfg fetched\n" + fetched);
    EXPECT_EQ(time_orders_.size(), 1u);
}

TEST_F(BootClock, AHostileManifestMakesAPhoneAskTwiceAtMost) {
    clock_.set_wall(test_time + 4000 * day);
    std::string manifest;
    for (int i = 0; i < 8; ++i) {
        const std::string name = "public" + std::to_string(i) + ".cfg";
        manifest += "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nFILENAME " + name + "\n";
        served_["tftp://192.0.2.1/" + name] = "SNTP_SERVER 192.0.2.1" + std::to_string(i) + "\n";
    }
    serve_manifest(manifest);
    boot();
    EXPECT_EQ(time_orders_.size(), 2u);
}

// Signatures have dates too, and no server to tell the time.
TEST_F(BootClock, ASignedFileIsJudgedByWhatIsHeardAndOnceMoreWithoutIt) {
    served_["tftp://192.0.2.1/site.cfg"] = company().sign("VMAIL 1\n");
    serve_manifest("[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nFILENAME site.cfg\n");
    clock_.set_wall(test_time + 4000 * day);
    EXPECT_EQ(actions(boot()), "site.cfg refused\n");
    time_server_says(test_time + day);
    EXPECT_EQ(actions(boot()), "site.cfg fetched\n");
    clock_.set_wall(WallTime());
    time_server_says(test_time + 3000 * day);
    EXPECT_EQ(actions(boot()), "site.cfg fetched\n");
}

// A floor that stands still while nothing is new would let a forged time reach further back every day.
TEST_F(BootClock, TheFloorFollowsAlsoWhereNothingIsNew) {
    serve_manifest("[USER_CONFIG]\nDOWNLOAD_MODE AUTO\nVERSION 1\nPROTOCOL HTTPS\n");
    boot();
    ASSERT_EQ(flash().state().proved_time, test_time);
    served_["https://192.0.2.1/1230SIP.cfg"] = served_["tftp://192.0.2.1/1230SIP.cfg"];
    clock_.advance(10 * day);
    server_time_ = clock_.wall_now();
    const auto report = boot("https://192.0.2.1");
    EXPECT_EQ(actions(report), std::string(own_file) + " kept\n");
    EXPECT_EQ(flash().state().proved_time, test_time + 10 * day);
}

class SetClock : public BootClock {
protected:
    void SetUp() override {
        BootClock::SetUp();
        ASSERT_TRUE(behaviour_.set("clock=believed"));
        time_server_says(test_time);
    }
    void name_time_server() {
        serve_manifest("[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nFILENAME public.cfg\n");
        served_["tftp://192.0.2.1/public.cfg"] = "SNTP_ENABLE YES\nSNTP_SERVER 192.0.2.5\n";
        boot();
        serve_manifest("[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\n");
    }
};

TEST_F(SetClock, IsWhatItTells) {
    for (const WallTime wrong : {WallTime(), test_time - 9000 * day, test_time + 4000 * day}) {
        clock_.set_wall(wrong);
        EXPECT_EQ(actions(boot()), refused);
        EXPECT_FALSE(last_time().is_floor);
        EXPECT_EQ(orders_.size(), 2u);
    }
    EXPECT_THAT(time_orders_, IsEmpty()) << "a set does not ask DHCP for time servers";
}

TEST_F(SetClock, FollowsTheTimeServerOfTheSettings) {
    name_time_server();
    for (const WallTime wrong : {WallTime(), test_time - 9000 * day, test_time + 4000 * day}) {
        clock_.set_wall(wrong);
        EXPECT_EQ(actions(boot()), fetched);
    }
    clock_.set_wall(test_time);
    time_server_says(test_time + 3000 * day);
    EXPECT_EQ(actions(boot()), refused) << "also where that is wrong";
}

}  // namespace
}  // namespace ringfence::phone

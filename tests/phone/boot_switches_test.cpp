// The switches that a boot alone decides by; the others are tested beside what they switch.
#include <gmock/gmock.h>

#include "staged_network.h"

namespace ringfence::phone {
namespace {

class BootSwitches : public StagedNetwork {};

TEST_F(BootSwitches, AnEmptyValueIsSetOrIgnored) {
    for (const char* value : {"set", "ignored"}) {
        ASSERT_TRUE(Flash::erase(disk_, folder).has_value());
        ASSERT_TRUE(behaviour_.set(std::string("empty-value=") + value).has_value());
        served_["tftp://192.0.2.1/1230SIP.cfg"] = "[DEVICE_CONFIG]\nDOWNLOAD_MODE FORCED\nFILENAME site.cfg\n";
        served_["tftp://192.0.2.1/site.cfg"] = "BANNER hello\n";
        boot();
        served_["tftp://192.0.2.1/site.cfg"] = "BANNER\n";
        boot();
        EXPECT_EQ(flash().state().settings.at("BANNER").value, std::string(value) == "set" ? "" : "hello");
    }
}

TEST_F(BootSwitches, TheVersionOfRootsMayBeIgnored) {
    served_["tftp://192.0.2.1/1230SIP.cfg"] = "[USER_KEYS]\nVERSION 000001\nFILENAME root.pem\n";
    served_["tftp://192.0.2.1/root.pem"] = root_pem("first");
    boot();
    boot();
    EXPECT_EQ(orders_.size(), 1u);
    ASSERT_TRUE(behaviour_.set("root-version=ignored").has_value());
    EXPECT_EQ(actions(boot()), "root.pem kept\n");
    EXPECT_EQ(orders_.size(), 2u);
}

TEST_F(BootSwitches, TheDevicesLoginMayGoFirst) {
    served_["tftp://192.0.2.1/1230SIP.cfg"] =
        "[USER_KEYS]\nFILENAME root.pem\n"
        "[USER_CONFIG]\nDOWNLOAD_MODE FORCED\nPROTOCOL HTTPS\nSRV_USER_NAME fleet\nSRV_USER_PASS x\n";
    served_["tftp://192.0.2.1/root.pem"] = root_pem("first");
    device_login_ = Login{"T0024", Secret("y")};
    boot();
    EXPECT_EQ(orders_.back().login->user, "fleet");
    ASSERT_TRUE(behaviour_.set("login=device-first").has_value());
    boot();
    EXPECT_EQ(orders_.back().login->user, "T0024");
}

}  // namespace
}  // namespace ringfence::phone

#include "base/host_name.h"

#include <gtest/gtest.h>

#include <string>

namespace ringfence {
namespace {

TEST(HostName, NamesAreTaken) {
    for (const char* name : {"a", "prov", "prov.example.net", "PROV-1.example_net.org", "1a.2b"}) {
        EXPECT_TRUE(is_host_name(name)) << name;
    }
    EXPECT_TRUE(is_host_name(std::string(63, 'a')));
}

TEST(HostName, WhatIsNoNameIsRefused) {
    for (const char* name : {"", ".", "a b", "a b # c", "a.", ".a", "a..b", "-a", "a-", "192.0.2.1", "10.0.0.300",
                             "a\n", "a/b", "a:80", "[::1]", "\xC3\xA4"}) {
        EXPECT_FALSE(is_host_name(name)) << name;
    }
    EXPECT_FALSE(is_host_name(std::string(64, 'a')));
    std::string long_name = "a";
    while (long_name.size() < 254) long_name += ".a";
    EXPECT_FALSE(is_host_name(long_name));
}

}  // namespace
}  // namespace ringfence

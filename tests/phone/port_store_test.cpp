#include "phone/port_store.h"

#include <gtest/gtest.h>

#include "phone/flash.h"
#include "staged_network.h"

namespace ringfence::phone {
namespace {

const PortNote note{PortState::no_link, "the link is down \xff%20\n", {"b0-07", "eth 0", 3, 4294967295U}};

TEST(PortNote, IsReadAsItWasWritten) {
    const auto parsed = parse_port_note(format_port_note(note));
    ASSERT_TRUE(parsed.has_value());
    EXPECT_EQ(*parsed, note);
    const auto plain = parse_port_note(format_port_note({}));
    ASSERT_TRUE(plain.has_value());
    EXPECT_EQ(*plain, PortNote());
}

TEST(PortNote, RefusesWhatWasNotWritten) {
    const std::string whole = format_port_note(note);
    for (std::size_t i = 0; i < whole.size(); ++i)
        EXPECT_FALSE(parse_port_note(std::string_view(whole).substr(0, i)).has_value()) << i;
    EXPECT_FALSE(parse_port_note(whole + "\n").has_value());
    for (const auto* text :
         {"ringfence-phone port 1\najar % % % 1 1\n", "ringfence-phone port 1\nopen % % % -1 1\n",
          "ringfence-phone port 1\nopen % % % 1 4294967296\n", "ringfence-phone port 2\nopen % % % 1 1\n"})
        EXPECT_FALSE(parse_port_note(text).has_value()) << text;
}

TEST(PortStore, KeepsItsFilesToItselfAndForgetsThem) {
    MemoryDisk disk;
    PortStore store(disk, "/flash");
    ASSERT_TRUE(disk.make_directory("/flash", private_directory).has_value());
    EXPECT_FALSE(store.load_note().value().has_value());
    ASSERT_TRUE(store.save_note(note).has_value());
    EXPECT_EQ(store.load_note().value(), note);
    ASSERT_TRUE(store.forget_note().has_value());
    EXPECT_FALSE(store.load_note().value().has_value());
    ASSERT_TRUE(store.save_roots({}).has_value());
    EXPECT_TRUE(disk.exists(store.roots_path()));
    ASSERT_TRUE(store.remove_roots().has_value());
    EXPECT_FALSE(disk.exists(store.roots_path()));
    EXPECT_TRUE(store.remove_identity().has_value()) << "absent is fine";
    EXPECT_EQ(store.identity_path(), "/flash/port-identity.pem");
}

TEST(PortStore, AFactoryResetTakesItsFiles) {
    MemoryDisk disk;
    const ManualClock clock(test_time);
    auto flash = Flash::open(disk, "/flash", clock);
    ASSERT_TRUE(flash && flash->recover());
    PortStore store(disk, "/flash");
    ASSERT_TRUE(store.save_note(note) && store.save_roots({}));
    ASSERT_TRUE(Flash::erase(disk, "/flash").has_value());
    EXPECT_FALSE(disk.exists(store.roots_path()));
    EXPECT_FALSE(store.load_note().value().has_value());
}

TEST(FlashPort, IsKeptAndDisabledIsKeptWithoutTheRest) {
    MemoryDisk disk;
    const ManualClock clock(test_time);
    const PortSettings peap{PortMode::peap,       "outer", "in ner\xff%", Secret("canary % "), TunnelMethod::mschapv2,
                            "radius.example.test"};
    {
        auto flash = Flash::open(disk, "/flash", clock);
        ASSERT_TRUE(flash && flash->recover() && flash->store_port(peap));
    }
    auto flash = Flash::open(disk, "/flash", clock);
    ASSERT_TRUE(flash.has_value());
    EXPECT_EQ(flash->state().port, peap);
    PortSettings off = peap;
    off.mode = PortMode::disabled;
    ASSERT_TRUE(flash->store_port(off).has_value());
    EXPECT_EQ(flash->state().port, PortSettings());
    EXPECT_EQ(disk.read("/flash/index", Flash::index_limit)->find("canary"), std::string::npos);
}

TEST(FlashPort, WhatCannotBeTypedIsNotBelieved) {
    FlashState state;
    state.port = {PortMode::md5, "4711", {}, Secret("two\nlines"), TunnelMethod::md5, {}};
    EXPECT_FALSE(parse_index(format_index(state)).has_value());
}

}  // namespace
}  // namespace ringfence::phone

#include "phone/enrolment_store.h"

#include <gtest/gtest.h>

#include "tests/crypto/little_ca.h"
#include "tests/phone/memory_disk.h"

namespace ringfence::phone {
namespace {

PendingEnrolment pending(bool is_acknowledged) {
    static test::LittleCa ca("store");
    static const auto key = test::key("stored phone", crypto::KeyType::rsa2048);
    static const auto signer = ca.issue(test::request(crypto::CertificateRole::device, "NTIPP0102AB"), key);
    return {"http://scep.example.net/a b\n\xff?", "NTIPP0102AB", key, ca.root(), signer, is_acknowledged};
}

void expect_same(const PendingEnrolment& a, const PendingEnrolment& b) {
    EXPECT_EQ(a.url, b.url);
    EXPECT_EQ(a.common_name, b.common_name);
    EXPECT_EQ(a.key.to_pem(), b.key.to_pem());
    EXPECT_EQ(a.authority, b.authority);
    EXPECT_EQ(a.signer, b.signer);
    EXPECT_EQ(a.is_acknowledged, b.is_acknowledged);
}

TEST(PendingEnrolment, SurvivesItsText) {
    for (const bool is_acknowledged : {false, true}) {
        const auto read = parse_pending_enrolment(format_pending_enrolment(pending(is_acknowledged)).reveal());
        ASSERT_TRUE(read.has_value()) << read.error().message;
        expect_same(*read, pending(is_acknowledged));
    }
}

TEST(PendingEnrolment, ItsAuthorityMayBeUnknownYet) {
    auto without = pending(false);
    without.authority.reset();
    const auto read = parse_pending_enrolment(format_pending_enrolment(without).reveal());
    ASSERT_TRUE(read.has_value()) << read.error().message;
    expect_same(*read, without);
}

TEST(PendingEnrolment, WhatIsCutOffIsDamaged) {
    const Secret text = format_pending_enrolment(pending(true));
    for (std::size_t size = 0; size + 1 < text.reveal().size(); size += 13) {
        const auto read = parse_pending_enrolment(text.reveal().substr(0, size));
        ASSERT_FALSE(read.has_value()) << size;
        EXPECT_EQ(read.error().code, FaultCode::corrupt);
    }
    EXPECT_FALSE(parse_pending_enrolment("-----BEGIN CERTIFICATE-----").has_value());
}

TEST(EnrolmentStore, KeepsOneForEachProfileAndGivesItBack) {
    MemoryDisk disk;
    ASSERT_TRUE(disk.make_directory("flash", private_directory).has_value());
    EnrolmentStore first(disk, "flash", 1);
    EnrolmentStore second(disk, "flash", 2);
    EXPECT_FALSE(first.load()->has_value());
    ASSERT_TRUE(first.save(pending(false)).has_value());
    ASSERT_TRUE(first.save(pending(true)).has_value());
    EXPECT_FALSE(second.load()->has_value());
    const auto loaded = EnrolmentStore(disk, "flash", 1).load();
    ASSERT_TRUE(loaded.has_value() && loaded->has_value());
    expect_same(**loaded, pending(true));
    EXPECT_EQ(disk.modes().at("flash/enrolment-1"), private_file);
    ASSERT_TRUE(first.remove().has_value());
    EXPECT_FALSE(first.load()->has_value());
    disk.files()["flash/enrolment-2"] = "nonsense";
    EXPECT_EQ(second.load().error().code, FaultCode::corrupt);
}

// The n-th change fails or the power goes, for every n: what is found later is the old one or the new one, whole.
TEST(EnrolmentStore, AFaultAtAnyWriteLeavesTheOldOrTheNew) {
    for (const auto breakage : {Breakage::refused, Breakage::half_done, Breakage::unproved, Breakage::dead})
        for (std::size_t change = 1;; ++change) {
            MemoryDisk disk;
            ASSERT_TRUE(disk.make_directory("flash", private_directory).has_value());
            EnrolmentStore store(disk, "flash", 1);
            ASSERT_TRUE(store.save(pending(false)).has_value());
            disk.break_at(change, breakage);
            const bool is_saved = store.save(pending(true)).has_value();
            const bool has_broken = disk.has_broken();
            disk.heal();
            const auto loaded = store.load();
            ASSERT_TRUE(loaded.has_value() && loaded->has_value());
            if (is_saved) {
                EXPECT_TRUE((*loaded)->is_acknowledged);
            }
            if (!has_broken) break;
        }
}

}  // namespace
}  // namespace ringfence::phone

#include "phonefile/signature_label.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/disk.h"

namespace ringfence::phonefile {
namespace {

TEST(SignatureLabel, IsWrittenAndReadBack) {
    const auto mac = MacAddress::parse("00:24:7f:01:02:ab").value();
    EXPECT_EQ(format_signature_label({SignedKind::settings, mac}),
              "Ringfence-Signed: kind=settings device=00247F0102AB");
    for (const auto kind :
         {SignedKind::root, SignedKind::policy, SignedKind::trust_list, SignedKind::settings, SignedKind::manifest}) {
        EXPECT_EQ(parse_signed_kind(to_string(kind)), kind);
        for (const auto& device : {std::optional<MacAddress>(), std::optional(mac)}) {
            const SignatureLabel label{kind, device};
            const auto read = parse_signature_label(format_signature_label(label));
            ASSERT_TRUE(read.has_value()) << read.error().message;
            EXPECT_EQ(*read, label);
        }
    }
}

TEST(SignatureLabel, IsAbsentInOtherSignersWords) {
    for (const auto* text : {"", "settings for 00247F0102AB", " Ringfence-Signed: kind=root"}) {
        const auto read = parse_signature_label(text);
        ASSERT_TRUE(read.has_value()) << text;
        EXPECT_FALSE(read->has_value()) << text;
    }
}

TEST(SignatureLabel, KnowsTheSectionsThatWeSign) {
    EXPECT_EQ(find_signed_kind("USER_KEYS"), SignedKind::root);
    EXPECT_EQ(find_signed_kind("DEVICE_CONFIG"), SignedKind::settings);
    EXPECT_EQ(find_signed_kind("USER_CONFIG"), SignedKind::settings);
    EXPECT_EQ(find_signed_kind(""), SignedKind::manifest);
    EXPECT_EQ(find_signed_kind("FW"), std::nullopt);
}

TEST(SignatureLabelCorpus, VerdictsHold) {
    SystemDisk disk;
    std::size_t files = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(RINGFENCE_SOURCE_DIR "/tests/corpus/signature_label")) {
        const std::string stem = entry.path().stem().string();
        const auto read = parse_signature_label(disk.read(entry.path().string(), 1024).value());
        EXPECT_EQ(read.has_value(), stem.ends_with("-valid")) << stem;
        ++files;
    }
    EXPECT_GE(files, 9U);
}

}  // namespace
}  // namespace ringfence::phonefile

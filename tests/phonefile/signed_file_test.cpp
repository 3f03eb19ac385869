#include "phonefile/signed_file.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>

#include "base/disk.h"

namespace ringfence::phonefile {
namespace {

constexpr std::string_view signature = "-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----\n";

std::string joined(std::string_view content) { return std::string(content) + std::string(signature); }

TEST(SignedFile, PartsBeforeTheHeading) {
    const std::string bytes = joined("KEY_SIZE 2048\n");
    EXPECT_EQ(split_signed(bytes).content, "KEY_SIZE 2048\n");
    EXPECT_EQ(split_signed(bytes).signature, signature);
}

TEST(SignedFile, ContentNeedNotEndItsLine) {
    const std::string image(
        "\x7f"
        "ELF\0\n\xff",
        7);
    EXPECT_EQ(split_signed(joined(image)).content, image);
}

TEST(SignedFile, KnowsTheHeadingWithEitherLineEnd) {
    EXPECT_EQ(split_signed("A 1\r\n-----BEGIN PKCS7-----\r\nMIIB").content, "A 1\r\n");
}

TEST(SignedFile, WithoutAHeadingAllIsContent) {
    for (const std::string_view bytes : {"", "A 1\n", "-----BEGIN PKCS7----", "-----BEGIN PKCS7----- x\n",
                                         "A 1\n-----BEGIN PKCS7-----", "-----begin pkcs7-----\n"}) {
        EXPECT_EQ(split_signed(bytes).content, bytes);
        EXPECT_EQ(split_signed(bytes).signature, "");
    }
}

TEST(SignedFile, WhatFollowsTheFirstHeadingIsNoContent) {
    const std::string twice = joined(joined("A 1\n") + "B 2\n");
    EXPECT_EQ(split_signed(twice).content, "A 1\n");
    const std::string run_on = joined("A 1\n-----BEGIN PKCS7-----");
    EXPECT_EQ(split_signed(run_on).content, "A 1\n-----BEGIN PKCS7-----");
    EXPECT_EQ(split_signed("-----BEGIN PKCS7----- x\nA 1\n" + std::string(signature)).content,
              "-----BEGIN PKCS7----- x\nA 1\n");
}

TEST(SignedFile, IsWrittenOnlyAsItWouldBeRead) {
    EXPECT_EQ(format_signed({"A 1\n", signature}).value(), joined("A 1\n"));
    EXPECT_EQ(format_signed({"A 1\n", ""}).value(), "A 1\n");
    const std::string signed_once = joined("A 1\n");
    EXPECT_FALSE(format_signed({signed_once, signature}));
    EXPECT_FALSE(format_signed({signed_once, ""}));
    EXPECT_FALSE(format_signed({"A 1\n", "MIIB\n"}));
}

RC_GTEST_PROP(SignedFileProperty, WrittenIsRead, (const std::string& content, bool is_signed)) {
    const SignedFile file{content, is_signed ? signature : ""};
    const auto bytes = format_signed(file);
    RC_ASSERT(bytes.has_value());
    RC_ASSERT(split_signed(*bytes) == file);
}

// "-valid" files carry a signature.
TEST(SignedFileCorpus, VerdictsHold) {
    SystemDisk disk;
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(RINGFENCE_SOURCE_DIR "/tests/corpus/signed_file")) {
        const std::string stem = entry.path().stem().string();
        const auto bytes = disk.read(entry.path().string(), 64 * 1024).value();
        EXPECT_EQ(!split_signed(bytes).signature.empty(), stem.ends_with("-valid")) << stem;
        EXPECT_TRUE(stem.ends_with("-valid") || stem.ends_with("-invalid")) << stem;
        ++files;
    }
    EXPECT_GE(files, 6U);
}

}  // namespace
}  // namespace ringfence::phonefile

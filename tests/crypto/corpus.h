// For the tests of crypto: the verdict that stands in the name of each file of a corpus ("...-valid", "...-invalid").
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace ringfence::test {

// `takes` says whether the bytes of a file are good.
template <typename Takes>
void expect_verdicts(const std::string& grammar, int at_least, const Takes& takes) {
    int files = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(std::string(RINGFENCE_SOURCE_DIR "/tests/corpus/") + grammar)) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        const bool valid = entry.path().stem().string().find("-valid") != std::string::npos;
        EXPECT_EQ(takes(bytes), valid) << entry.path();
        ++files;
    }
    EXPECT_GE(files, at_least);
}

}  // namespace ringfence::test

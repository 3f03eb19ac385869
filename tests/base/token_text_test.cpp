#include "base/token_text.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"

namespace ringfence {
namespace {

RC_GTEST_PROP(TokenText, IsReadAsItWasWritten, (std::uint64_t seed)) {
    SeededRandom random(seed);
    const TokenText token = make_token(random);
    const TokenText challenge = make_challenge(random);
    RC_ASSERT(parse_token_text(format_token_text(token).reveal()) == token);
    RC_ASSERT(parse_token_text(format_token_text(challenge).reveal()) == challenge);
}

TEST(TokenText, HasTheSizesThatItSays) {
    SeededRandom random(1);
    EXPECT_EQ(make_token(random).reference.size(), token_reference_size);
    EXPECT_EQ(make_token(random).secret.reveal().size(), token_secret_size);
    EXPECT_EQ(format_token_text(make_challenge(random)).reveal().size(), 16u);
}

TEST(TokenText, IsReadAsPeopleWriteIt) {
    SeededRandom random(2);
    const TokenText token = make_token(random);
    const Secret written = format_token_text(token);
    const std::string text(written.reveal());
    EXPECT_EQ(parse_token_text(to_lower(text)), token);
    EXPECT_EQ(parse_token_text(replace_all(text, "-", " ") + "\r\n"), token);
    EXPECT_EQ(parse_token_text(replace_all(replace_all(text, "0", "o"), "1", "l")), token);
    EXPECT_EQ(parse_token_text("1234-5678 8765 4321")->secret.reveal(), "87654321");
}

// Every wrong symbol and every swap of neighbours is noticed: 37 is a prime and no multiple of 32.
TEST(TokenText, AMistypedSymbolIsNoticed) {
    SeededRandom random(3);
    const Secret written = format_token_text(make_token(random));
    const std::string text = replace_all(std::string(written.reveal()), "-", "");
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::string wrong = text;
        wrong[i] = wrong[i] == '7' ? '8' : '7';
        EXPECT_EQ(parse_token_text(wrong).error().code, FaultCode::malformed) << i;
        if (i == 0 || text[i] == text[i - 1]) continue;
        std::string swapped = text;
        std::swap(swapped[i], swapped[i - 1]);
        EXPECT_FALSE(parse_token_text(swapped)) << i;
    }
}

TEST(TokenText, AnythingElseIsRefusedWithoutShowingIt) {
    for (const char* text : {"", "123", "12345678901234567", "RRRRRRRR", "0123456789abcdef"}) {
        const auto parsed = parse_token_text(text);
        ASSERT_FALSE(parsed) << text;
        if (*text == '\0') continue;
        EXPECT_EQ(parsed.error().message.find(text), std::string::npos);
    }
    EXPECT_FALSE(parse_token_text(std::string(100000, '1')));
}

}  // namespace
}  // namespace ringfence

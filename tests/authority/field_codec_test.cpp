#include "authority/field_codec.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>

#include "tests/crypto/little_ca.h"

namespace ringfence::authority {
namespace {

constexpr std::uint64_t highest = std::numeric_limits<std::uint64_t>::max();

RC_GTEST_PROP(FieldCodec, FieldsArriveAsTheyWereWritten,
              (std::uint64_t number, bool flag, const std::string& text, const std::vector<std::string>& texts,
               std::int64_t time)) {
    const WallTime moment{Duration(time)};
    FieldWriter writer;
    writer.number(number).flag(flag).text(text).texts(texts).time(moment).optional_time(moment).optional_time({});
    const std::string bytes = writer.take();
    FieldReader reader(bytes);
    RC_ASSERT(reader.number(number) == number);
    RC_ASSERT(reader.flag() == flag);
    RC_ASSERT(reader.text(text.size()) == text);
    RC_ASSERT(reader.texts(texts.size(), highest) == texts);
    RC_ASSERT(reader.time() == moment);
    RC_ASSERT(reader.optional_time() == moment);
    RC_ASSERT(!reader.optional_time().has_value());
    RC_ASSERT(reader.finish().has_value());
}

RC_GTEST_PROP(FieldCodec, NoBytesHarmAReader, (const std::string& bytes)) {
    FieldReader reader(bytes);
    reader.flag();
    reader.texts(4, 16);
    reader.optional_time();
    reader.certificates(2);
    reader.fault();
    RC_ASSERT(!bytes.empty() || !reader.finish().has_value());
}

TEST(FieldCodec, AReaderTakesNoMoreThanItIsTold) {
    const std::string number = FieldWriter().number(7).take();
    EXPECT_EQ(FieldReader(number).number(7), 7U);
    FieldReader lower(number);
    EXPECT_EQ(lower.number(6), 0U);
    EXPECT_FALSE(lower.finish().has_value());

    const std::string text = FieldWriter().text("abc").take();
    FieldReader shorter(text);
    EXPECT_EQ(shorter.text(2), "");
    EXPECT_FALSE(shorter.finish().has_value());

    const std::string texts = FieldWriter().texts({"a", "b"}).take();
    EXPECT_TRUE(FieldReader(texts).texts(1, 1).empty());
    EXPECT_EQ(FieldReader(texts).texts(2, 1), (std::vector<std::string>{"a", "b"}));
}

TEST(FieldCodec, LengthsThatLieAreRefused) {
    for (const std::uint64_t length : {std::uint64_t{4}, std::uint64_t{1} << 40, highest}) {
        const std::string bytes = FieldWriter().number(length).take() + "abc";
        FieldReader reader(bytes);
        EXPECT_EQ(reader.text(highest), "");
        EXPECT_FALSE(reader.finish().has_value()) << length;
    }
    const std::string many = FieldWriter().number(highest).take();
    FieldReader reader(many);
    EXPECT_TRUE(reader.texts(highest, highest).size() <= 1) << "it stops at the first that is not there";
    EXPECT_FALSE(reader.finish().has_value());
}

TEST(FieldCodec, AfterItsFirstFaultAReaderGivesNothing) {
    const std::string bytes = FieldWriter().flag(true).number(9).text("secret").take();
    FieldReader reader(bytes);
    EXPECT_TRUE(reader.flag());
    EXPECT_EQ(reader.number(8), 0U);
    EXPECT_EQ(reader.text(highest), "");
    EXPECT_FALSE(reader.flag());
    EXPECT_FALSE(reader.finish().has_value());
}

TEST(FieldCodec, WhatIsCutOrHasATailIsRefused) {
    const std::string bytes = FieldWriter().flag(true).text("abc").number(5).take();
    const auto is_whole = [](std::string_view frame) {
        FieldReader reader(frame);
        reader.flag();
        reader.text(highest);
        reader.number(highest);
        return reader.finish().has_value();
    };
    EXPECT_TRUE(is_whole(bytes));
    EXPECT_FALSE(is_whole(bytes + "x"));
    for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(is_whole(bytes.substr(0, size))) << size;
}

TEST(FieldCodec, EveryFaultArrivesAndNoneThatIsNone) {
    for (int code = 0; code <= static_cast<int>(FaultCode::internal); ++code) {
        const Fault sent{static_cast<FaultCode>(code), "a sentence"};
        const std::string bytes = FieldWriter().fault(sent).take();
        const Fault read = FieldReader(bytes).fault();
        EXPECT_EQ(read.code, sent.code);
        EXPECT_EQ(read.message, sent.message);
    }
    const std::string bad_code =
        FieldWriter().number(static_cast<std::uint64_t>(FaultCode::internal) + 1).text("x").take();
    EXPECT_EQ(FieldReader(bad_code).fault().code, FaultCode::internal);
    const std::string tail = FieldWriter().fault({FaultCode::conflict, "x"}).take() + "y";
    EXPECT_EQ(FieldReader(tail).fault().code, FaultCode::internal);
}

TEST(FieldCodec, ALongSentenceIsCut) {
    const std::string bytes = FieldWriter().fault({FaultCode::conflict, std::string(100'000, 'x')}).take();
    EXPECT_LT(bytes.size(), 2000U);
    EXPECT_EQ(FieldReader(bytes).fault().code, FaultCode::conflict);
}

TEST(FieldCodec, CertificatesArriveAndOnlyThose) {
    const test::LittleCa ca("codec");
    const std::string bytes = FieldWriter().certificates({ca.issuing(), ca.root()}).take();
    FieldReader reader(bytes);
    EXPECT_EQ(reader.certificates(2), (std::vector<crypto::Certificate>{ca.issuing(), ca.root()}));
    EXPECT_TRUE(reader.finish().has_value());
    FieldReader too_many(bytes);
    too_many.certificates(1);
    EXPECT_FALSE(too_many.finish().has_value());
    const std::string junk = FieldWriter().texts({"no certificate"}).take();
    FieldReader no_certificate(junk);
    EXPECT_TRUE(no_certificate.certificates(1).empty());
    EXPECT_FALSE(no_certificate.finish().has_value());
}

}  // namespace
}  // namespace ringfence::authority

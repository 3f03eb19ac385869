#include "authority/signer_wire.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "authority/field_codec.h"
#include "tests/authority/refusing_desk.h"
#include "tests/crypto/corpus.h"
#include "tests/crypto/little_ca.h"

namespace ringfence::authority {
namespace {

// Keeps the last order, and answers with a certificate that it was given.
class NotingSigner final : public CertificateSigner {
public:
    explicit NotingSigner(crypto::Certificate given) : given_(std::move(given)) {}
    Result<crypto::Certificate> sign_device(const SigningOrder& asked) override {
        order = asked;
        return given_;
    }
    Status sign_revocation_list(Issuer asked) override {
        issuer = asked;
        return {};
    }

    std::optional<SigningOrder> order;
    std::optional<Issuer> issuer;

private:
    crypto::Certificate given_;
};

struct Channel {
    test::LittleCa ca{"signer wire"};
    NotingSigner signer{ca.issuing()};
    std::string last;
    RemoteSigner remote{[this](std::string_view frame) -> Result<std::string> {
        last = frame;
        return answer_signing_frame(signer, frame);
    }};
};

SigningOrder an_order(Issuer issuer = Issuer::rsa) {
    return {{*MacAddress::parse("00247F0102AB"), "SN-1", {"a.example.net", "b.example.net"}, issuer, test::test_now},
            "a key"};
}

RC_GTEST_PROP(SignerWire, AnOrderArrivesAsItWasMade, (const std::string& key, std::int64_t end)) {
    RC_PRE(key.size() <= 4096);
    static Channel channel;
    for (const auto issuer : {Issuer::rsa, Issuer::p256, Issuer::legacy}) {
        SigningOrder order = an_order(issuer);
        order.public_key = key;
        order.bounds.not_after = WallTime(Duration(end));
        const auto signed_one = channel.remote.sign_device(order);
        RC_ASSERT(signed_one.has_value() && *signed_one == channel.ca.issuing());
        RC_ASSERT(channel.signer.order->bounds == order.bounds && channel.signer.order->public_key == key);
    }
}

TEST(SignerWire, AListIsAskedForByItsIssuer) {
    Channel channel;
    for (const auto issuer : {Issuer::rsa, Issuer::p256, Issuer::legacy}) {
        EXPECT_TRUE(channel.remote.sign_revocation_list(issuer));
        EXPECT_EQ(channel.signer.issuer, issuer);
    }
}

TEST(SignerWire, EveryFaultComesBack) {
    for (int code = 0; code <= static_cast<int>(FaultCode::internal); ++code) {
        const Fault fault{static_cast<FaultCode>(code), "a sentence"};
        test::RefusingSigner refusing(fault);
        RemoteSigner remote(
            [&](std::string_view frame) { return Result<std::string>(answer_signing_frame(refusing, frame)); });
        for (const auto& read :
             {remote.sign_device(an_order()).error(), remote.sign_revocation_list(Issuer::rsa).error()}) {
            EXPECT_EQ(read.code, fault.code);
            EXPECT_EQ(read.message, fault.message);
        }
    }
}

TEST(SignerWire, AChannelThatBreaksAndAnswersThatAreNoneAreFaults) {
    RemoteSigner broken([](std::string_view) { return Result<std::string>(fail(FaultCode::unavailable, "gone")); });
    EXPECT_EQ(broken.sign_device(an_order()).error().code, FaultCode::unavailable);
    EXPECT_EQ(broken.sign_revocation_list(Issuer::rsa).error().code, FaultCode::unavailable);
    for (const auto& answer : {std::string(), std::string("junk"), FieldWriter().flag(true).certificates({}).take(),
                               FieldWriter().flag(true).texts({"junk"}).take()}) {
        RemoteSigner remote([&](std::string_view) { return Result<std::string>(answer); });
        EXPECT_FALSE(remote.sign_device(an_order()).has_value());
    }
    const std::string tail = FieldWriter().flag(true).take() + "x";
    RemoteSigner remote([&](std::string_view) { return Result<std::string>(tail); });
    EXPECT_FALSE(remote.sign_revocation_list(Issuer::rsa).has_value());
}

TEST(SignerWire, FramesThatAreCutTurnedOrHaveATailReachNoKey) {
    Channel channel;
    ASSERT_TRUE(channel.remote.sign_device(an_order()).has_value());
    const std::string device = channel.last;
    ASSERT_TRUE(channel.remote.sign_revocation_list(Issuer::p256).has_value());
    const std::string list = channel.last;
    const auto reaches = [&](std::string_view frame) {
        channel.signer.order.reset();
        channel.signer.issuer.reset();
        EXPECT_FALSE(answer_signing_frame(channel.signer, frame).empty());
        return channel.signer.order || channel.signer.issuer;
    };
    for (const auto& frame : {device, list}) {
        EXPECT_TRUE(reaches(frame));
        EXPECT_FALSE(reaches(frame + "x"));
        for (std::size_t size = 0; size < frame.size(); ++size) {
            EXPECT_FALSE(reaches(std::string_view(frame).substr(0, size))) << size;
            std::string turned = frame;
            turned[size] = static_cast<char>(turned[size] ^ 0x80);
            reaches(turned);
        }
    }
    const auto start = FieldWriter().number(0).take();
    EXPECT_FALSE(reaches(FieldWriter().number(2).take()));
    EXPECT_FALSE(reaches(start + FieldWriter().number(~std::uint64_t{0}).take()));
}

TEST(SignerWire, CorpusVerdictsHold) {
    Channel channel;
    test::expect_verdicts("signer_frame", 11, [&](const std::string& frame) {
        const std::string answer = answer_signing_frame(channel.signer, frame);
        return FieldReader(answer).flag();
    });
}

TEST(SignerWire, MoreThanACertificateHoldsReachesNoKey) {
    Channel channel;
    auto long_serial = an_order(), many_names = an_order(), long_name = an_order(), long_key = an_order();
    long_serial.bounds.serial = std::string(65, 's');
    many_names.bounds.names.resize(17, "a.example.net");
    long_name.bounds.names = {std::string(256, 'a')};
    long_key.public_key = std::string(crypto::PublicKey::max_size + 1, 'k');
    for (const auto& order : {long_serial, many_names, long_name, long_key}) {
        EXPECT_EQ(channel.remote.sign_device(order).error().code, FaultCode::malformed);
        EXPECT_FALSE(channel.signer.order.has_value());
    }
}

}  // namespace
}  // namespace ringfence::authority

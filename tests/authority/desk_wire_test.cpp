#include "authority/desk_wire.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "authority/field_codec.h"
#include "tests/authority/refusing_desk.h"
#include "tests/crypto/corpus.h"
#include "tests/crypto/little_ca.h"

namespace ringfence::authority {
namespace {

using registry::EnrolmentProfile;

// Keeps the last call, and answers as it is told.
class NotingDesk final : public EnrolmentDesk {
public:
    Result<Decision> apply(const Application& asked) override {
        application = asked;
        return decision;
    }
    Result<Decision> inquire(const Inquiry& asked) override {
        inquiry = asked;
        return decision;
    }
    Result<Secret> secret_of(std::string_view asked) override {
        reference = asked;
        return Secret("s3cret");
    }
    void note_wrong_secret(EnrolmentProtocol protocol, std::string_view asked, std::string_view from) override {
        inquiry.protocol = protocol;
        reference = asked;
        source = from;
    }
    Status confirm(std::string_view asked, bool taken) override {
        fingerprint = asked;
        is_accepted = taken;
        return {};
    }
    Status revoke(const ProvedCertificate& holder, int why) override {
        fingerprint = holder.fingerprint;
        reason = why;
        return {};
    }
    Result<CertificateStanding> standing_of(std::string_view issuer, std::string_view serial) override {
        fingerprint = issuer;
        reference = serial;
        return standing;
    }

    Decision decision = Waiting{};
    CertificateStanding standing;
    Application application;
    Inquiry inquiry;
    std::string reference, source, fingerprint;
    bool is_accepted = false;
    int reason = -1;
};

// Both ends of the channel.
struct Channel {
    NotingDesk desk;
    std::string last;  // frame that asked
    RemoteDesk remote{[this](std::string_view frame) -> Result<std::string> {
        last = frame;
        return answer_desk_frame(desk, frame);
    }};
};

Application an_application() {
    Application made;
    made.protocol = EnrolmentProtocol::cmp;
    made.profile = EnrolmentProfile::legacy;
    made.credential = ShownSecret{Secret("12345678")};
    made.public_key = "a key";
    made.transaction = std::string("\0\xff", 2);
    made.source = "192.0.2.7";
    made.wish = "CN=x";
    return made;
}

std::string proof_in(const Credential& credential) {
    if (const auto* shown = std::get_if<ShownSecret>(&credential)) return std::string(shown->text.reveal());
    if (const auto* token = std::get_if<ProvedToken>(&credential)) return token->reference;
    return std::get<ProvedCertificate>(credential).fingerprint;
}

RC_GTEST_PROP(DeskWire, AnApplicationArrivesAsItWasMade,
              (const std::string& proof, const std::string& key, const std::string& wish)) {
    RC_PRE(proof.size() <= 256 && key.size() <= 4096 && wish.size() <= 1024);
    for (const Credential& credential :
         {Credential(ShownSecret{Secret(proof)}), Credential(ProvedToken{proof}), Credential(ProvedCertificate{proof})})
        for (const auto protocol : {EnrolmentProtocol::scep, EnrolmentProtocol::est, EnrolmentProtocol::cmp}) {
            Channel channel;
            Application asked = an_application();
            asked.credential = credential;
            asked.protocol = protocol;
            asked.public_key = key;
            asked.wish = wish;
            const auto decision = channel.remote.apply(asked);
            RC_ASSERT(decision.has_value() && std::holds_alternative<Waiting>(*decision));
            const Application& seen = channel.desk.application;
            RC_ASSERT(seen.protocol == protocol && seen.profile == asked.profile);
            RC_ASSERT(seen.credential.index() == credential.index() && proof_in(seen.credential) == proof);
            RC_ASSERT(seen.public_key == key && seen.transaction == asked.transaction);
            RC_ASSERT(seen.source == asked.source && seen.wish == wish);
        }
}

TEST(DeskWire, WhatWasIssuedComesBack) {
    Channel channel;
    test::LittleCa ca("wire");
    const auto leaf = ca.issue(test::request(crypto::CertificateRole::device, "D"), test::key("wire leaf"));
    channel.desk.decision = Issued{leaf, {ca.issuing(), ca.root()}};
    for (const auto& decision : {channel.remote.apply(an_application()), channel.remote.inquire({})}) {
        ASSERT_TRUE(decision.has_value());
        const auto& issued = std::get<Issued>(*decision);
        EXPECT_EQ(issued.certificate, leaf);
        EXPECT_EQ(issued.chain, (std::vector<crypto::Certificate>{ca.issuing(), ca.root()}));
    }
}

TEST(DeskWire, EveryOtherCallArrivesAndItsAnswerComesBack) {
    Channel channel;
    ASSERT_TRUE(channel.remote.inquire({EnrolmentProtocol::est, "transaction", "key"}).has_value());
    EXPECT_EQ(channel.desk.inquiry.protocol, EnrolmentProtocol::est);
    EXPECT_EQ(channel.desk.inquiry.transaction, "transaction");
    EXPECT_EQ(channel.desk.inquiry.public_key, "key");

    EXPECT_EQ(channel.remote.secret_of("REFERENC").value(), Secret("s3cret"));
    EXPECT_EQ(channel.desk.reference, "REFERENC");

    channel.remote.note_wrong_secret(EnrolmentProtocol::cmp, "GUESSED1", "192.0.2.9");
    EXPECT_EQ(channel.desk.inquiry.protocol, EnrolmentProtocol::cmp);
    EXPECT_EQ(channel.desk.reference, "GUESSED1");
    EXPECT_EQ(channel.desk.source, "192.0.2.9");

    for (const bool is_accepted : {true, false}) {
        EXPECT_TRUE(channel.remote.confirm("fingerprint", is_accepted).has_value());
        EXPECT_EQ(channel.desk.fingerprint, "fingerprint");
        EXPECT_EQ(channel.desk.is_accepted, is_accepted);
    }
    EXPECT_TRUE(channel.remote.revoke({"holder"}, 4).has_value());
    EXPECT_EQ(channel.desk.fingerprint, "holder");
    EXPECT_EQ(channel.desk.reason, 4);

    using State = CertificateStanding::State;
    for (const auto& standing : {CertificateStanding{State::good, {}, 0}, CertificateStanding{State::unknown, {}, 0},
                                 CertificateStanding{State::revoked, test::test_now, 1}}) {
        channel.desk.standing = standing;
        const auto read = channel.remote.standing_of("issuer", "0a").value();
        EXPECT_EQ(read.state, standing.state);
        EXPECT_EQ(read.revoked, standing.revoked);
        EXPECT_EQ(read.reason, standing.reason);
        EXPECT_EQ(channel.desk.fingerprint, "issuer");
        EXPECT_EQ(channel.desk.reference, "0a");
    }
}

// What each call of `desk` says is wrong.
std::vector<Fault> faults_of(EnrolmentDesk& desk) {
    return {desk.apply(an_application()).error(), desk.inquire({}).error(),      desk.secret_of("r").error(),
            desk.confirm("f", false).error(),     desk.revoke({"f"}, 1).error(), desk.standing_of("i", "s").error()};
}

TEST(DeskWire, EveryFaultOfEveryCallComesBack) {
    for (int code = 0; code <= static_cast<int>(FaultCode::internal); ++code) {
        const Fault fault{static_cast<FaultCode>(code), "a sentence"};
        test::RefusingDesk refusing(fault);
        RemoteDesk remote(
            [&](std::string_view frame) { return Result<std::string>(answer_desk_frame(refusing, frame)); });
        for (const auto& read : faults_of(remote)) {
            EXPECT_EQ(read.code, fault.code);
            EXPECT_EQ(read.message, fault.message);
        }
    }
}

TEST(DeskWire, AChannelThatBreaksIsAFaultOfEveryCall) {
    RemoteDesk remote([](std::string_view) { return Result<std::string>(fail(FaultCode::unavailable, "gone")); });
    for (const auto& read : faults_of(remote)) EXPECT_EQ(read.code, FaultCode::unavailable);
    remote.note_wrong_secret(EnrolmentProtocol::scep, "r", "s");
}

TEST(DeskWire, AnswersThatAreNoneAreFaults) {
    for (const auto& answer : {std::string(), std::string("junk"), std::string(1000, '\xff'),
                               FieldWriter().flag(true).flag(true).take() + "xy"}) {
        RemoteDesk remote([&](std::string_view) { return Result<std::string>(answer); });
        EXPECT_FALSE(remote.apply(an_application()).has_value());
        EXPECT_FALSE(remote.inquire({}).has_value());
        EXPECT_FALSE(remote.secret_of("r").has_value());
        EXPECT_FALSE(remote.confirm("f", true).has_value());
        EXPECT_FALSE(remote.revoke({"f"}, 1).has_value());
        EXPECT_FALSE(remote.standing_of("i", "s").has_value());
    }
    const std::string without_certificate =
        FieldWriter().flag(true).flag(true).certificates({}).certificates({}).take();
    RemoteDesk remote([&](std::string_view) { return Result<std::string>(without_certificate); });
    EXPECT_EQ(remote.apply(an_application()).error().code, FaultCode::internal);
}

// Every frame that there is, as a right one.
std::map<std::string, std::string> right_frames() {
    std::map<std::string, std::string> out;
    Channel channel;
    const auto keep = [&](const std::string& name) { out[name] = channel.last; };
    static_cast<void>(channel.remote.apply(an_application()));
    keep("apply");
    static_cast<void>(channel.remote.inquire({EnrolmentProtocol::scep, "t", "k"}));
    keep("inquire");
    static_cast<void>(channel.remote.secret_of("REFERENC"));
    keep("secret");
    channel.remote.note_wrong_secret(EnrolmentProtocol::cmp, "REFERENC", "192.0.2.9");
    keep("wrong secret");
    static_cast<void>(channel.remote.confirm("f", true));
    keep("confirm");
    static_cast<void>(channel.remote.revoke({"f"}, 1));
    keep("revoke");
    static_cast<void>(channel.remote.standing_of("i", "s"));
    keep("standing");
    return out;
}

bool is_taken(std::string_view frame) {
    NotingDesk desk;
    const std::string answer = answer_desk_frame(desk, frame);
    FieldReader reader(answer);
    return reader.flag();
}

TEST(DeskWire, FramesThatAreCutOrHaveATailAreRefused) {
    for (const auto& [name, frame] : right_frames()) {
        EXPECT_TRUE(is_taken(frame)) << name;
        EXPECT_FALSE(is_taken(frame + "x")) << name;
        for (std::size_t size = 0; size < frame.size(); ++size)
            EXPECT_FALSE(is_taken(std::string_view(frame).substr(0, size))) << name << " of " << size;
    }
}

TEST(DeskWire, CorpusVerdictsHold) { test::expect_verdicts("desk_frame", 17, is_taken); }

TEST(DeskWire, ABitThatIsTurnedHarmsNobody) {
    for (const auto& [name, frame] : right_frames())
        for (std::size_t at = 0; at < frame.size(); ++at) {
            std::string turned = frame;
            turned[at] = static_cast<char>(turned[at] ^ 0x80);
            NotingDesk desk;
            EXPECT_FALSE(answer_desk_frame(desk, turned).empty()) << name;
        }
}

TEST(DeskWire, CallsAndLengthsThatAreNoneAreRefused) {
    const auto call = [](std::uint64_t number) { return FieldWriter().number(number).take(); };
    EXPECT_FALSE(is_taken(call(7)));
    EXPECT_FALSE(is_taken(call(~std::uint64_t{0})));
    const std::uint64_t secret = 2, revoke = 5;
    EXPECT_TRUE(is_taken(call(secret) + FieldWriter().text(std::string(256, 'r')).take()));
    EXPECT_FALSE(is_taken(call(secret) + FieldWriter().text(std::string(257, 'r')).take()));
    EXPECT_FALSE(is_taken(call(secret) + FieldWriter().number(~std::uint64_t{0}).take()));
    EXPECT_FALSE(is_taken(call(revoke) + FieldWriter().text("f").number(11).take())) << "no reason of RFC 5280";
    Channel channel;
    Application asked = an_application();
    asked.transaction = std::string(registry::max_transaction + 1, 't');
    EXPECT_EQ(channel.remote.apply(asked).error().code, FaultCode::malformed);
    EXPECT_FALSE(channel.remote.revoke({"f"}, -1).has_value());
}

}  // namespace
}  // namespace ringfence::authority

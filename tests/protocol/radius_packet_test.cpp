#include "protocol/radius_packet.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/text.h"
#include "tests/protocol/hashes.h"

namespace ringfence::protocol {
namespace {

using namespace std::string_literals;

RadiusHashes radius_hashes() { return {evp_hash(EVP_md5()), evp_hmac_md5}; }

const Secret rfc_secret("xyzzy5461");
const Secret other_secret("xyzzy5462");

std::string bytes_of(std::string_view hex) { return from_hex(hex).value(); }

// RFC 2865 section 7.1.
const std::string rfc_request = bytes_of(
    "010000380f403f9473978057bd83d5cb98f4227a01066e656d6f02120dbe708d93d413ce3196e43f782a0aee0406c0a80110050600000003");
const std::string rfc_answer = bytes_of("0200002686fe220e7624ba2a1005f6bf9b55e0b20606000000010f06000000000e06c0a80103");

RadiusPacket disconnect_request() {
    RadiusPacket out{.code = RadiusCode::disconnect_request, .identifier = 7};
    out.add(RadiusAttribute::user_name, "phone");
    out.add_nas_address(IpAddress::parse("192.0.2.1").value());
    return out;
}

// As a switch would, with or without Message-Authenticator (RFC 5176 section 3.4).
std::string answer_to(const std::string& request, RadiusPacket answer, const Secret& secret, bool with_mac) {
    if (with_mac) answer.add(RadiusAttribute::message_authenticator, std::string(16, '\0'));
    answer.authenticator = request.substr(4, 16);
    std::string bytes = format_radius(answer);
    if (with_mac) bytes.replace(bytes.size() - 16, 16, radius_hashes().hmac_md5(secret.reveal(), bytes));
    return bytes.replace(4, 16, radius_hashes().md5(bytes + std::string(secret.reveal())));
}

TEST(radius_packet, the_packets_of_the_rfc_are_read) {
    const auto request = parse_radius(rfc_request).value();
    EXPECT_EQ(request.code, RadiusCode::access_request);
    EXPECT_EQ(request.find(RadiusAttribute::user_name), "nemo");
    EXPECT_EQ(request.find_number(RadiusAttribute::nas_port), 3U);
    EXPECT_EQ(request.find(RadiusAttribute::state), std::nullopt);
    EXPECT_EQ(request.find_number(RadiusAttribute::user_name), 0x6e656d6fU);
    EXPECT_EQ(format_radius(request), rfc_request);
}

TEST(radius_packet, the_answer_of_the_rfc_is_believed_with_its_secret_only) {
    EXPECT_EQ(open_answer(rfc_answer, rfc_request, rfc_secret, radius_hashes()).value().code,
              RadiusCode::access_accept);
    EXPECT_EQ(open_answer(rfc_answer, rfc_request, other_secret, radius_hashes()).error().code, FaultCode::untrusted);
}

TEST(radius_packet, every_changed_byte_of_an_answer_is_noticed) {
    for (const bool with_mac : {false, true}) {
        const std::string request = format_signed_request(disconnect_request(), rfc_secret, radius_hashes());
        RadiusPacket nak{.code = RadiusCode::disconnect_nak, .identifier = 7};
        nak.add(RadiusAttribute::error_cause, 503);
        const std::string answer = answer_to(request, nak, rfc_secret, with_mac);
        ASSERT_EQ(
            open_answer(answer, request, rfc_secret, radius_hashes()).value().find_number(RadiusAttribute::error_cause),
            503U);
        for (std::size_t at = 0; at < answer.size(); ++at) {
            std::string changed = answer;
            changed[at] = static_cast<char>(changed[at] ^ 1);
            EXPECT_FALSE(open_answer(changed, request, rfc_secret, radius_hashes())) << at;
        }
    }
}

TEST(radius_packet, a_wrong_message_authenticator_is_not_believed_whatever_else_is_right) {
    const std::string request = format_signed_request(disconnect_request(), rfc_secret, radius_hashes());
    RadiusPacket ack{.code = RadiusCode::disconnect_ack, .identifier = 7};
    ack.add(RadiusAttribute::message_authenticator, std::string(16, 'x'));
    EXPECT_EQ(
        open_answer(answer_to(request, ack, rfc_secret, false), request, rfc_secret, radius_hashes()).error().code,
        FaultCode::untrusted);
}

TEST(radius_packet, padding_behind_an_answer_is_let_pass) {
    const std::string request = format_signed_request(disconnect_request(), rfc_secret, radius_hashes());
    const RadiusPacket ack{.code = RadiusCode::disconnect_ack, .identifier = 7};
    EXPECT_TRUE(open_answer(answer_to(request, ack, rfc_secret, true) + "pad", request, rfc_secret, radius_hashes()));
}

TEST(radius_packet, the_answer_to_another_request_is_told_apart) {
    auto other = disconnect_request();
    other.identifier = 8;
    const std::string request = format_signed_request(disconnect_request(), rfc_secret, radius_hashes());
    const std::string other_request = format_signed_request(other, rfc_secret, radius_hashes());
    const RadiusPacket ack{.code = RadiusCode::disconnect_ack, .identifier = 8};
    const std::string answer = answer_to(other_request, ack, rfc_secret, true);
    EXPECT_TRUE(open_answer(answer, other_request, rfc_secret, radius_hashes()));
    EXPECT_EQ(open_answer(answer, request, rfc_secret, radius_hashes()).error().code, FaultCode::conflict);
}

// RFC 5176 section 2.3: MD5 over the packet with an authenticator of zeros, and the secret.
TEST(radius_packet, a_disconnect_request_proves_itself) {
    const std::string request = format_signed_request(disconnect_request(), rfc_secret, radius_hashes());
    std::string hashed = request;
    hashed.replace(4, 16, 16, '\0');
    EXPECT_EQ(request.substr(4, 16), radius_hashes().md5(hashed + std::string(rfc_secret.reveal())));
    const auto mac = parse_radius(request).value().attributes.front();
    EXPECT_EQ(mac.type, RadiusAttribute::message_authenticator);
    hashed.replace(22, 16, 16, '\0');
    EXPECT_EQ(mac.value, radius_hashes().hmac_md5(rfc_secret.reveal(), hashed));
}

TEST(radius_packet, an_access_request_keeps_its_authenticator) {
    RadiusPacket packet{.identifier = 1, .authenticator = "0123456789abcdef"};
    packet.add(RadiusAttribute::user_name, "phone");
    const std::string request = format_signed_request(packet, rfc_secret, radius_hashes());
    EXPECT_EQ(request.substr(4, 16), "0123456789abcdef");
}

TEST(radius_packet, an_address_of_a_switch_has_the_attribute_of_its_kind) {
    RadiusPacket packet;
    packet.add_nas_address(IpAddress::parse("2001:db8::1").value());
    EXPECT_EQ(packet.find(RadiusAttribute::nas_ipv6_address).value().size(), 16U);
    EXPECT_FALSE(packet.find(RadiusAttribute::nas_ip_address));
}

TEST(radius_packet, pieces_of_an_eap_message_are_joined_and_long_values_cut) {
    RadiusPacket packet;
    packet.add(RadiusAttribute::eap_message, std::string(300, 'x'));
    packet.add(RadiusAttribute::eap_message, "y");
    EXPECT_EQ(packet.join(RadiusAttribute::eap_message), std::string(max_radius_value, 'x') + "y");
}

rc::Gen<RadiusPacket> any_packet() {
    return rc::gen::exec([] {
        RadiusPacket out{.code = RadiusCode{*rc::gen::arbitrary<std::uint8_t>()},
                         .identifier = *rc::gen::arbitrary<std::uint8_t>(),
                         .authenticator = *rc::gen::container<std::string>(16, rc::gen::arbitrary<char>())};
        const auto count = *rc::gen::inRange(0, 15);
        for (int i = 0; i < count; ++i) {
            const RadiusAttribute type{*rc::gen::arbitrary<std::uint8_t>()};
            if (type != RadiusAttribute::message_authenticator) out.add(type, *rc::gen::arbitrary<std::string>());
        }
        return out;
    });
}

RC_GTEST_PROP(radius_packet, packets_survive_a_round_trip, ()) {
    const auto packet = *any_packet();
    RC_ASSERT((parse_radius(format_radius(packet)).value() == packet));
}

RC_GTEST_PROP(radius_packet, noise_is_survived, (const std::string& bytes)) {
    const auto packet = parse_radius(bytes);
    if (packet) RC_ASSERT((parse_radius(format_radius(*packet)).value() == *packet));
}

}  // namespace
}  // namespace ringfence::protocol

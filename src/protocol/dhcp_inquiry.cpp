#include "protocol/dhcp_inquiry.h"

#include <algorithm>

#include "protocol/udp_frame.h"

namespace ringfence::protocol {

namespace {

// RFC 2131 section 4.1 begins with four; a person waits here.
constexpr Duration first_spacing = std::chrono::seconds(2);

const IpAddress everybody = IpAddress::from_v4({255, 255, 255, 255});

DhcpPacket ask(DhcpMessage type, const DhcpRequest& request, const MacAddress& mac, std::uint32_t transaction) {
    DhcpPacket question;
    question.type = type;
    question.transaction = transaction;
    question.hardware = mac;
    question.options = format_dhcp_options(request);
    return question;
}

}  // namespace

DhcpInquiry DhcpInquiry::discover(const DhcpRequest& request, const MacAddress& mac, std::uint32_t transaction) {
    DhcpPacket question = ask(DhcpMessage::discover, request, mac, transaction);
    // The offered address is not ours, so that nobody would hear an answer that is sent there.
    question.wants_broadcast = true;
    return {std::move(question), DhcpMessage::offer};
}

DhcpInquiry DhcpInquiry::inform(const DhcpRequest& request, const MacAddress& mac, const DhcpLease& lease,
                                std::uint32_t transaction) {
    RINGFENCE_ASSERT(lease.address);
    DhcpPacket question = ask(DhcpMessage::inform, request, mac, transaction);
    question.client = *lease.address;
    DhcpInquiry inquiry(std::move(question), DhcpMessage::ack);
    inquiry.server_ = lease.server_identifier;
    return inquiry;
}

void DhcpInquiry::start(SteadyTime now, const DhcpPatience& patience) {
    patience_ = patience;
    started_ = now;
    next_question_ = now;
    spacing_ = first_spacing;
}

std::optional<std::string> DhcpInquiry::take_question(SteadyTime now) {
    if (first_answer_ || now < next_question_ || is_over(now)) return std::nullopt;
    question_.seconds =
        static_cast<std::uint16_t>(std::chrono::duration_cast<std::chrono::seconds>(now - started_).count());
    next_question_ = now + spacing_;
    spacing_ *= 2;
    return format_udp_frame(
        {{question_.client, dhcp_client_port}, {everybody, dhcp_server_port}, format_dhcp(question_)});
}

void DhcpInquiry::take(std::string_view bytes, SteadyTime now) {
    const auto frame = parse_udp_frame(bytes);
    if (!frame || frame->source.port != dhcp_server_port || frame->destination.port != dhcp_client_port) return;
    auto packet = parse_dhcp(frame->payload);
    if (!packet || packet->type != awaited_ || packet->transaction != question_.transaction ||
        packet->hardware != question_.hardware || answers_.size() == max_dhcp_answers)
        return;
    auto answer = read_dhcp_reply(std::move(*packet));
    if (server_ && answer.server_identifier != server_) return;
    const bool is_known = std::any_of(answers_.begin(), answers_.end(), [&](const DhcpLease& known) {
        return known.server_identifier == answer.server_identifier;
    });
    if (is_known) return;
    if (!first_answer_) first_answer_ = now;
    answers_.push_back(std::move(answer));
}

bool DhcpInquiry::is_over(SteadyTime now) const { return answers_.size() >= patience_.enough || now >= end(); }

SteadyTime DhcpInquiry::end() const {
    return first_answer_ ? *first_answer_ + patience_.after_the_first : started_ + patience_.for_the_first;
}

SteadyTime DhcpInquiry::deadline() const { return first_answer_ ? end() : std::min(end(), next_question_); }

}  // namespace ringfence::protocol

#include "protocol/tftp_session.h"

#include <algorithm>

#include "base/text.h"

namespace ringfence::protocol {

namespace {

constexpr std::size_t standard_block_size = 512;  // RFC 1350
constexpr std::size_t max_window = 64;
constexpr std::size_t data_header = 4;

}  // namespace

Result<TftpReadSession> TftpReadSession::open(const TftpReadRequest& request, std::string_view content,
                                              const TftpLimits& limits) {
    if (request.mode == TftpMode::mail) return fail(FaultCode::malformed, "TFTP mode mail is not served");
    TftpReadSession session(content, limits, request.mode == TftpMode::netascii);
    session.negotiate(request.options);
    return session;
}

TftpReadSession::TftpReadSession(std::string_view content, const TftpLimits& limits, bool netascii)
    : content_(content),
      limits_(limits),
      netascii_(netascii),
      block_size_(standard_block_size),
      first_wait_(limits.first_wait),
      wait_(limits.first_wait) {
    RINGFENCE_ASSERT(limits.max_block_size >= min_tftp_block && limits.max_block_size <= max_tftp_block);
    RINGFENCE_ASSERT(limits.max_window_size >= 1 && limits.max_window_size <= max_window);
    RINGFENCE_ASSERT(limits.tries_per_window >= 1 && limits.tries_unheard >= 1 && limits.first_wait.count() > 0);
}

void TftpReadSession::negotiate(const std::vector<TftpOption>& options) {
    for (const auto& option : options) {
        const auto value = parse_number(option.value);
        if (!value) continue;
        std::uint64_t answer = *value;
        if (equals_ignoring_case(option.name, "blksize")) {
            if (*value < min_tftp_block || *value > max_tftp_block) continue;
            answer = block_size_ = std::min<std::size_t>(*value, limits_.max_block_size);
        } else if (equals_ignoring_case(option.name, "windowsize")) {
            if (*value < 1 || *value > 65535) continue;  // RFC 7440
            answer = window_size_ = std::min<std::size_t>(*value, limits_.max_window_size);
        } else if (equals_ignoring_case(option.name, "timeout")) {
            const auto longest = static_cast<std::uint64_t>(limits_.longest_wait / std::chrono::seconds(1));
            if (*value < 1 || *value > longest) continue;
            wait_ = first_wait_ = std::chrono::seconds(*value);
        } else if (equals_ignoring_case(option.name, "tsize")) {
            answer = translated_size();
            if (answer == 0) continue;  // curl, and with it our phone, takes a size of 0 for a fault
        } else {
            continue;
        }
        accepted_.push_back({option.name, std::to_string(answer)});
    }
    awaits_option_ack_ = !accepted_.empty();
}

std::vector<std::string> TftpReadSession::start(SteadyTime now) {
    must_end_ = now + limits_.longest_transfer;
    return send_window(now);
}

std::vector<std::string> TftpReadSession::on_datagram(std::string_view datagram, SteadyTime now) {
    if (is_done()) return {};
    const auto packet = parse_tftp(datagram);
    // Anyone can send noise from the peer's address; it neither ends nor hastens a transfer.
    if (!packet) return {};
    if (const auto* error = std::get_if<TftpError>(&*packet)) {
        peer_message_ = printable(error->message);
        end_ = TftpEnd::peer_error;
        return {};
    }
    if (const auto* ack = std::get_if<TftpAck>(&*packet)) return on_ack(ack->block, now);
    return {};
}

std::vector<std::string> TftpReadSession::on_ack(std::uint16_t block, SteadyTime now) {
    if (awaits_option_ack_) {
        if (block != 0) return {};
        awaits_option_ack_ = false;
    } else {
        // An ACK of what is already acknowledged is a duplicate. Answering it with DATA would double every packet from
        // here on (the Sorcerer's Apprentice fault, RFC 1123 section 4.2.3.1): only silence makes us send again.
        const auto ahead = static_cast<std::uint16_t>(block - static_cast<std::uint16_t>(acknowledged_));
        if (ahead == 0 || ahead > sent_.size()) return {};
        base_ = sent_[ahead - 1U];
        acknowledged_ += ahead;
        if (last_is_out_ && ahead == sent_.size()) end_ = TftpEnd::complete;
    }
    was_heard_ = true;
    if (is_done()) return {};
    tries_ = 0;
    wait_ = first_wait_;
    return send_window(now);
}

std::vector<std::string> TftpReadSession::on_deadline(SteadyTime now) {
    if (is_done() || now < *deadline()) return {};
    const unsigned most = was_heard_ ? limits_.tries_per_window : limits_.tries_unheard;
    if (tries_ >= most || now >= must_end_) {
        give_up();
        return {};
    }
    wait_ = std::min(wait_ * 2, limits_.longest_wait);
    return send_window(now);
}

std::optional<SteadyTime> TftpReadSession::deadline() const {
    if (is_done()) return std::nullopt;
    return std::min(deadline_, must_end_);
}

void TftpReadSession::give_up() {
    if (!is_done()) end_ = last_is_out_ ? TftpEnd::unconfirmed : TftpEnd::cut;
}

TftpResult TftpReadSession::result() const { return {end_, base_.offset, peer_message_}; }

std::vector<std::string> TftpReadSession::send_window(SteadyTime now) {
    ++tries_;
    deadline_ = now + wait_;
    std::vector<std::string> datagrams;
    if (awaits_option_ack_) {
        datagrams.push_back(format_tftp(TftpOptionAck{accepted_}));
        return datagrams;
    }
    sent_.clear();
    last_is_out_ = false;
    Place place = base_;
    while (sent_.size() < window_size_ && !last_is_out_) {
        const auto number = static_cast<std::uint16_t>(acknowledged_ + sent_.size() + 1);
        datagrams.push_back(take_block(number, place));
        sent_.push_back(place);
        // RFC 1350 section 6: a block that is not full is the last, so a file of whole blocks ends with an empty one.
        last_is_out_ = datagrams.back().size() < data_header + block_size_;
    }
    return datagrams;
}

std::string TftpReadSession::take_block(std::uint16_t number, Place& place) const {
    std::string block;
    block.reserve(data_header + block_size_);
    block += {'\0', '\3', static_cast<char>(number >> 8), static_cast<char>(number & 0xFF)};
    if (netascii_) {
        append_netascii(block, place);
        return block;
    }
    const auto payload = content_.substr(place.offset, block_size_);
    block += payload;
    place.offset += payload.size();
    return block;
}

void TftpReadSession::append_netascii(std::string& block, Place& place) const {
    while (block.size() < data_header + block_size_ && place.offset < content_.size()) {
        const char c = content_[place.offset];
        if (c != '\n' && c != '\r') {
            block += c;
            ++place.offset;
        } else if (!place.half) {
            block += '\r';
            place.half = true;
        } else {
            block += c == '\n' ? '\n' : '\0';
            place.half = false;
            ++place.offset;
        }
    }
}

std::uint64_t TftpReadSession::translated_size() const {
    if (!netascii_) return content_.size();
    const auto doubled = std::count_if(content_.begin(), content_.end(), [](char c) { return c == '\n' || c == '\r'; });
    return content_.size() + static_cast<std::uint64_t>(doubled);
}

}  // namespace ringfence::protocol

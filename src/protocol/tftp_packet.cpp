#include "protocol/tftp_packet.h"

#include <algorithm>
#include <optional>

#include "base/byte_order.h"
#include "base/text.h"

namespace ringfence::protocol {

namespace {

enum Opcode : std::uint16_t {
    read_request = 1,
    write_request = 2,
    data = 3,
    acknowledgement = 4,
    error = 5,
    option_acknowledgement = 6,
};

constexpr std::size_t max_error_message = 200;

struct ErrorText {
    TftpErrorCode code;
    std::string_view message;
};

tl::unexpected<Fault> malformed(std::string_view what) {
    return fail(FaultCode::malformed, "the TFTP packet " + std::string(what));
}

std::uint16_t number_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(read_big_endian(bytes.substr(at, sizeof(std::uint16_t))));
}

void append_number(std::string& out, std::uint16_t number) { out += big_endian(number, sizeof number); }

// Text up to the next NUL, which is dropped too.
std::optional<std::string> take_text(std::string_view& bytes) {
    const auto end = bytes.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    std::string text(bytes.substr(0, end));
    bytes.remove_prefix(end + 1);
    return text;
}

void append_text(std::string& out, std::string_view text) {
    RINGFENCE_ASSERT(text.find('\0') == std::string_view::npos);
    out += text;
    out += '\0';
}

std::optional<TftpMode> parse_mode(std::string_view name) {
    if (equals_ignoring_case(name, "octet")) return TftpMode::octet;
    if (equals_ignoring_case(name, "netascii")) return TftpMode::netascii;
    if (equals_ignoring_case(name, "mail")) return TftpMode::mail;
    return std::nullopt;
}

std::string_view to_string(TftpMode mode) {
    switch (mode) {
        case TftpMode::octet: return "octet";
        case TftpMode::netascii: return "netascii";
        case TftpMode::mail: break;
    }
    return "mail";
}

bool is_padding(std::string_view bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; });
}

Result<std::vector<TftpOption>> parse_options(std::string_view bytes) {
    std::vector<TftpOption> options;
    while (!is_padding(bytes)) {
        auto name = take_text(bytes);
        auto value = name ? take_text(bytes) : std::nullopt;
        if (!value || name->empty()) return malformed("holds an unfinished option");
        for (const auto& option : options)
            if (equals_ignoring_case(option.name, *name)) return malformed("names an option twice");
        options.push_back({std::move(*name), std::move(*value)});
    }
    return options;
}

void append_options(std::string& out, const std::vector<TftpOption>& options) {
    for (const auto& option : options) {
        append_text(out, option.name);
        append_text(out, option.value);
    }
    RINGFENCE_ASSERT(out.size() <= max_tftp_request);
}

template <typename Request>
Result<TftpPacket> parse_request(std::string_view rest) {
    auto filename = take_text(rest);
    const auto mode_name = filename ? take_text(rest) : std::nullopt;
    if (!mode_name) return malformed("holds an unfinished request");
    const auto mode = parse_mode(*mode_name);
    if (!mode) return malformed("asks for an unknown mode");
    auto options = parse_options(rest);
    if (!options) return fail(options.error());
    return Request{std::move(*filename), *mode, std::move(*options)};
}

Result<TftpPacket> parse_data(std::string_view rest) {
    if (rest.size() < 2) return malformed("is cut");
    if (rest.size() - 2 > max_tftp_block) return fail(FaultCode::too_large, "the TFTP block is too long");
    return TftpData{number_at(rest, 0), std::string(rest.substr(2))};
}

Result<TftpPacket> parse_error(std::string_view rest) {
    if (rest.size() < 2) return malformed("is cut");
    const auto code = static_cast<TftpErrorCode>(number_at(rest, 0));
    rest.remove_prefix(2);
    auto message = take_text(rest);
    if (!message || !is_padding(rest)) return malformed("holds an ill-formed error message");
    return TftpError{code, std::move(*message)};
}

Result<TftpPacket> parse_option_ack(std::string_view rest) {
    auto options = parse_options(rest);
    if (!options) return fail(options.error());
    return TftpOptionAck{std::move(*options)};
}

struct Formatter {
    std::string out;

    void operator()(const TftpReadRequest& packet) { request(read_request, packet); }
    void operator()(const TftpWriteRequest& packet) { request(write_request, packet); }
    void operator()(const TftpData& packet) {
        RINGFENCE_ASSERT(packet.payload.size() <= max_tftp_block);
        append_number(out, data);
        append_number(out, packet.block);
        out += packet.payload;
    }
    void operator()(const TftpAck& packet) {
        append_number(out, acknowledgement);
        append_number(out, packet.block);
    }
    void operator()(const TftpError& packet) {
        append_number(out, error);
        append_number(out, static_cast<std::uint16_t>(packet.code));
        append_text(out, packet.message);
    }
    void operator()(const TftpOptionAck& packet) {
        append_number(out, option_acknowledgement);
        append_options(out, packet.options);
    }

    template <typename Request>
    void request(Opcode opcode, const Request& packet) {
        append_number(out, opcode);
        append_text(out, packet.filename);
        append_text(out, to_string(packet.mode));
        append_options(out, packet.options);
    }
};

ErrorText error_text(FaultCode code) {
    switch (code) {
        case FaultCode::malformed:
        case FaultCode::too_large: return {TftpErrorCode::illegal_operation, "Illegal TFTP operation"};
        case FaultCode::unauthenticated:
        case FaultCode::forbidden:
        case FaultCode::untrusted:
        case FaultCode::expired:
        case FaultCode::not_found: return {TftpErrorCode::file_not_found, "File not found"};
        case FaultCode::rate_limited:
        case FaultCode::unavailable: return {TftpErrorCode::not_defined, "Try again later"};
        case FaultCode::conflict:
        case FaultCode::corrupt:
        case FaultCode::internal: break;
    }
    return {TftpErrorCode::not_defined, "Server error"};
}

}  // namespace

Result<TftpPacket> parse_tftp(std::string_view datagram) {
    if (datagram.size() < 2) return malformed("is cut");
    const auto opcode = number_at(datagram, 0);
    const auto rest = datagram.substr(2);
    if (opcode != data && datagram.size() > max_tftp_request)
        return fail(FaultCode::too_large, "the TFTP packet is too long");
    switch (opcode) {
        case read_request: return parse_request<TftpReadRequest>(rest);
        case write_request: return parse_request<TftpWriteRequest>(rest);
        case data: return parse_data(rest);
        case acknowledgement:
            // Some clients pad their ACK to a fixed size.
            if (rest.size() < 2) return malformed("is cut");
            return TftpAck{number_at(rest, 0)};
        case error: return parse_error(rest);
        case option_acknowledgement: return parse_option_ack(rest);
        default: return malformed("has an unknown opcode");
    }
}

std::string format_tftp(const TftpPacket& packet) {
    Formatter formatter;
    std::visit(formatter, packet);
    return std::move(formatter.out);
}

std::string format_error(TftpErrorCode code, std::string_view message) {
    return format_tftp(TftpError{code, std::string(message.substr(0, max_error_message))});
}

TftpErrorCode tftp_error_code(FaultCode code) { return error_text(code).code; }

std::string format_error(FaultCode code) {
    const auto text = error_text(code);
    return format_error(text.code, text.message);
}

}  // namespace ringfence::protocol

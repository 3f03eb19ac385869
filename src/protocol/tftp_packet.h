// TFTP packets as values (RFC 1350; options RFC 2347, 2348, 2349, 7440). Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace ringfence::protocol {

enum class TftpMode { octet, netascii, mail };

struct TftpOption {
    std::string name;  // as sent; compared ignoring case
    std::string value;
    friend bool operator==(const TftpOption&, const TftpOption&) = default;
};

struct TftpReadRequest {
    std::string filename;  // raw bytes without NUL, not yet judged
    TftpMode mode = TftpMode::octet;
    std::vector<TftpOption> options;
    friend bool operator==(const TftpReadRequest&, const TftpReadRequest&) = default;
};

struct TftpWriteRequest {
    std::string filename;
    TftpMode mode = TftpMode::octet;
    std::vector<TftpOption> options;
    friend bool operator==(const TftpWriteRequest&, const TftpWriteRequest&) = default;
};

struct TftpData {
    std::uint16_t block = 0;
    std::string payload;
    friend bool operator==(const TftpData&, const TftpData&) = default;
};

struct TftpAck {
    std::uint16_t block = 0;
    friend bool operator==(const TftpAck&, const TftpAck&) = default;
};

// RFC 1350 appendix, "Error Codes"; 8 is RFC 2347.
enum class TftpErrorCode : std::uint16_t {
    not_defined = 0,
    file_not_found = 1,
    access_violation = 2,
    disk_full = 3,
    illegal_operation = 4,
    unknown_transfer = 5,
    file_exists = 6,
    no_such_user = 7,
    options_refused = 8,
};

struct TftpError {
    TftpErrorCode code = TftpErrorCode::not_defined;  // a peer may send a number that is not named above
    std::string message;                              // raw bytes without NUL
    friend bool operator==(const TftpError&, const TftpError&) = default;
};

struct TftpOptionAck {
    std::vector<TftpOption> options;
    friend bool operator==(const TftpOptionAck&, const TftpOptionAck&) = default;
};

using TftpPacket = std::variant<TftpReadRequest, TftpWriteRequest, TftpData, TftpAck, TftpError, TftpOptionAck>;

// RFC 2347: a request is at most 512 octets. An OACK keeps to the same.
inline constexpr std::size_t max_tftp_request = 512;
// RFC 2348: blksize runs from 8 to 65464.
inline constexpr std::size_t min_tftp_block = 8;
inline constexpr std::size_t max_tftp_block = 65464;

// One datagram. Modes and option names are read in any case. Zero bytes after the last option are padding.
// Faults: malformed (unknown opcode or mode, missing NUL, an option named twice, bytes left over), too_large.
Result<TftpPacket> parse_tftp(std::string_view datagram);

// The datagram. Names, values and messages must hold no NUL, and must fit.
std::string format_tftp(const TftpPacket& packet);

// An ERROR datagram, message cut at 200 bytes.
std::string format_error(TftpErrorCode code, std::string_view message);

// The one table from our faults to TFTP's errors. What is absent and what is not allowed give the same bytes.
TftpErrorCode tftp_error_code(FaultCode code);
std::string format_error(FaultCode code);

}  // namespace ringfence::protocol

// Small words about text. Bytes and text are both std::string / std::string_view throughout; ASCII rules only, never
// the locale's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ringfence {

bool is_ascii_digit(char c);
bool is_ascii_space(char c);  // blank, tab, CR, LF, VT, FF
bool is_hex_digit(char c);
bool is_printable(char c);  // blank to '~'
bool is_printable(std::string_view text);
char to_lower(char c);
char to_upper(char c);
std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);

std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);
std::string replace_all(std::string text, std::string_view from, std::string_view to);

// Whole text as a decimal number, no sign, no blanks; empty when it is anything else or overflows.
std::optional<std::uint64_t> parse_number(std::string_view digits);

std::string to_hex(std::string_view bytes);  // lower case
Result<std::string> from_hex(std::string_view hex);

std::string to_base64(std::string_view bytes);           // with padding, one line
Result<std::string> from_base64(std::string_view text);  // strict: padding required, no white space
// As strict, but CR, LF, blanks and tabs are passed over wherever they stand (RFC 8951 section 3.1).
Result<std::string> from_folded_base64(std::string_view text);

// RFC 3986 section 2.1. Encodes all but the unreserved characters of section 2.3; `keep` stay too.
std::string percent_encode(std::string_view text, std::string_view keep = {});
// Refuses a '%' that is not followed by two hex digits.
Result<std::string> percent_decode(std::string_view text);

// For logs and error sentences: control bytes and non-ASCII become \xNN, and the text is cut at `limit` bytes.
std::string printable(std::string_view bytes, std::size_t limit = 200);

// Takes as long for a difference in the first byte as in the last. Lengths are not secret.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace ringfence

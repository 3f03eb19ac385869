// For this room's source files only: DER (X.690) read element by element, without copies, and written. Strict: definite
// lengths in their shortest form, tags of one byte. For what OpenSSL hides or must not see unread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ringfence::crypto {

inline constexpr unsigned char der_integer = 0x02;
inline constexpr unsigned char der_bit_string = 0x03;
inline constexpr unsigned char der_octet_string = 0x04;
inline constexpr unsigned char der_oid = 0x06;
inline constexpr unsigned char der_enumerated = 0x0a;
inline constexpr unsigned char der_sequence = 0x30;

// The tag of [number], constructed; number up to 30.
constexpr unsigned char der_context(unsigned number) { return static_cast<unsigned char>(0xa0U | number); }

struct DerElement {
    unsigned char tag = 0;
    std::string_view content;
    std::string_view whole;  // with tag and length
};

// Elements that follow each other. What is wrong is remembered and everything from there on is empty, so that a grammar
// reads as it is written and is asked once at its end. Views live as long as the bytes.
class DerReader {
public:
    explicit DerReader(std::string_view bytes) : rest_(bytes) {}

    DerElement take();                   // whatever comes
    DerElement take(unsigned char tag);  // wrong if another comes
    bool is_next(unsigned char tag) const { return !rest_.empty() && static_cast<unsigned char>(rest_.front()) == tag; }
    bool has_more() const { return !rest_.empty(); }
    // The content of the one element of that tag within [number]; empty and not wrong: there is none.
    std::string_view take_explicit(unsigned number, unsigned char tag);
    // Nothing was wrong, and nothing is left.
    bool is_whole() const { return !is_wrong_ && rest_.empty(); }

    void refuse();

private:
    std::string_view rest_;
    bool is_wrong_ = false;
};

// The value of an INTEGER's or ENUMERATED's content; more than `most`: it is larger, negative or badly written.
std::uint64_t parse_der_number(std::string_view content, std::uint64_t most);

// One element. Any size.
std::string format_der(unsigned char tag, std::string_view content);

}  // namespace ringfence::crypto

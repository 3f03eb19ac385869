#include "phone/keypad.h"

#include "base/text.h"

namespace ringfence::phone {

namespace {

// ABC stand on 2, DEF on 3 (ITU-T E.161); a MAC has no other letters.
char key_of(char hex_digit) {
    if (is_ascii_digit(hex_digit)) return hex_digit;
    return hex_digit <= 'C' ? '2' : '3';
}

}  // namespace

std::string reset_keys(const MacAddress& mac) {
    std::string keys = "**73639";
    for (const char digit : mac.bare_upper()) keys += key_of(digit);
    return keys + "##";
}

}  // namespace ringfence::phone

#include "crypto/der.h"

#include <algorithm>

namespace ringfence::crypto {

namespace {

constexpr unsigned long_form = 0x80;        // of a length, and the sign of a number
constexpr unsigned long_tag = 0x1f;         // the tag goes on in the next byte
constexpr std::size_t max_length_size = 4;  // bytes of a length: more than any limit of ours

unsigned byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

struct Length {
    std::size_t value = 0;
    std::size_t size = 0;  // bytes that it takes; 0: badly written
};

// `bytes` begins with the length.
Length parse_length(std::string_view bytes) {
    if (bytes.empty()) return {};
    const unsigned first = byte_at(bytes, 0);
    if (first < long_form) return {first, 1};
    const std::size_t count = first - long_form;
    if (count == 0 || count > max_length_size || count >= bytes.size()) return {};
    std::size_t value = 0;
    for (std::size_t i = 1; i <= count; ++i) value = value << 8U | byte_at(bytes, i);
    const bool is_shortest = byte_at(bytes, 1) != 0 && value >= long_form;
    return is_shortest ? Length{value, count + 1} : Length{};
}

}  // namespace

void DerReader::refuse() {
    is_wrong_ = true;
    rest_ = {};
}

DerElement DerReader::take() {
    const Length length = rest_.empty() ? Length() : parse_length(rest_.substr(1));
    const std::size_t head = 1 + length.size;
    if (length.size == 0 || (byte_at(rest_, 0) & long_tag) == long_tag || rest_.size() - head < length.value) {
        refuse();
        return {};
    }
    const DerElement element{static_cast<unsigned char>(rest_.front()), rest_.substr(head, length.value),
                             rest_.substr(0, head + length.value)};
    rest_.remove_prefix(element.whole.size());
    return element;
}

DerElement DerReader::take(unsigned char tag) {
    if (is_next(tag)) return take();
    refuse();
    return {};
}

std::string_view DerReader::take_explicit(unsigned number, unsigned char tag) {
    if (!is_next(der_context(number))) return {};
    DerReader inside(take().content);
    const std::string_view content = inside.take(tag).content;
    if (!inside.is_whole()) refuse();
    return content;
}

std::uint64_t parse_der_number(std::string_view content, std::uint64_t most) {
    constexpr std::size_t max_size = 8;
    const std::uint64_t too_large = most + 1;
    if (content.empty() || content.size() > max_size || byte_at(content, 0) >= long_form) return too_large;
    const bool is_padded = content.size() > 1 && byte_at(content, 0) == 0 && byte_at(content, 1) < long_form;
    if (is_padded) return too_large;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < content.size(); ++i) value = value << 8U | byte_at(content, i);
    return std::min(value, too_large);
}

std::string format_der(unsigned char tag, std::string_view content) {
    std::string out(1, static_cast<char>(tag));
    if (content.size() < long_form) {
        out += static_cast<char>(content.size());
    } else {
        std::string length;
        for (std::size_t left = content.size(); left > 0; left >>= 8U) length.insert(0, 1, static_cast<char>(left));
        out += static_cast<char>(long_form | length.size());
        out += length;
    }
    out += content;
    return out;
}

}  // namespace ringfence::crypto

#include "base/byte_order.h"

#include "base/result.h"

namespace ringfence {

std::string big_endian(std::uint64_t number, std::size_t size) {
    RINGFENCE_ASSERT(size <= sizeof number);
    std::string out(size, '\0');
    for (std::size_t i = size; i-- > 0; number >>= 8) out[i] = static_cast<char>(number & 0xFF);
    return out;
}

std::uint64_t read_big_endian(std::string_view bytes) {
    RINGFENCE_ASSERT(bytes.size() <= sizeof(std::uint64_t));
    std::uint64_t number = 0;
    for (const char byte : bytes) number = number << 8 | static_cast<unsigned char>(byte);
    return number;
}

}  // namespace ringfence

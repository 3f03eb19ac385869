// Unsigned numbers as bytes, the most significant first, as network protocols have them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringfence {

// The lowest `size` bytes of the number.
std::string big_endian(std::uint64_t number, std::size_t size);

// Of at most eight bytes; no byte is 0.
std::uint64_t read_big_endian(std::string_view bytes);

}  // namespace ringfence

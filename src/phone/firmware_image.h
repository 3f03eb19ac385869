// The test firmware image of Ringfence: one line that names the load, then any bytes. It is no image of a real set,
// whose format is not public; it is signed as those are, by the vendor, the signature behind it
// (phone/file_signature.h):
//
//     RINGFENCE TEST IMAGE 1 SIP12x004.04.09.00
//     ...
//
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace ringfence::phone {

inline constexpr std::string_view test_image_mark = "RINGFENCE TEST IMAGE 1 ";

struct FirmwareImage {
    std::string load_name;  // 1 to 19 printable characters
    std::string_view payload;
};

// `content` is the file without its signature; the payload points into it. malformed.
Result<FirmwareImage> parse_firmware_image(std::string_view content);
std::string format_firmware_image(const FirmwareImage& image);

}  // namespace ringfence::phone

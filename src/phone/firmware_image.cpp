#include "phone/firmware_image.h"

#include <fmt/format.h>

#include <algorithm>

#include "phonefile/manifest.h"

namespace ringfence::phone {

namespace {

bool is_load_name(std::string_view name) {
    return !name.empty() && name.size() <= phonefile::max_firmware_version_length &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

Result<FirmwareImage> parse_firmware_image(std::string_view content) {
    const auto no_image = [] {
        return fail(FaultCode::malformed,
                    "this is no firmware image that this phone can run: a test image begins with "
                    "its mark and the load's name");
    };
    if (!content.starts_with(test_image_mark)) return no_image();
    content.remove_prefix(test_image_mark.size());
    const auto end = content.substr(0, phonefile::max_firmware_version_length + 1).find('\n');
    if (end == std::string_view::npos || !is_load_name(content.substr(0, end))) return no_image();
    return FirmwareImage{std::string(content.substr(0, end)), content.substr(end + 1)};
}

std::string format_firmware_image(const FirmwareImage& image) {
    return fmt::format("{}{}\n{}", test_image_mark, image.load_name, image.payload);
}

}  // namespace ringfence::phone

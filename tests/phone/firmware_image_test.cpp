#include "phone/firmware_image.h"

#include <gtest/gtest.h>

namespace ringfence::phone {
namespace {

TEST(FirmwareImage, ReadsWhatItWrote) {
    for (const std::string& payload : {std::string(), std::string("bytes\n"), std::string("\0\xff\n", 3)}) {
        const std::string bytes = format_firmware_image({"SIP12x004.04.09.00", payload});
        const auto image = parse_firmware_image(bytes);
        ASSERT_TRUE(image.has_value());
        EXPECT_EQ(image->load_name, "SIP12x004.04.09.00");
        EXPECT_EQ(image->payload, payload);
    }
}

TEST(FirmwareImage, RefusesEverythingElse) {
    for (const char* bytes : {"", "MZ", "RINGFENCE TEST IMAGE 1 ", "RINGFENCE TEST IMAGE 1 \n",
                              "RINGFENCE TEST IMAGE 1 SIP", "RINGFENCE TEST IMAGE 2 SIP12x004.04.09.00\n",
                              "RINGFENCE TEST IMAGE 1 a b\n", "RINGFENCE TEST IMAGE 1 SIP12x004.04.09.00.00.00\n"})
        EXPECT_FALSE(parse_firmware_image(bytes).has_value()) << bytes;
}

}  // namespace
}  // namespace ringfence::phone

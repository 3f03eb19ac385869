// What a manifest asks of this phone, file by file: names expanded, five-file limits counted, and what a load does not
// obey left out (reference 1.6, 2.2, 2.4). Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/mac_address.h"
#include "phone/flash.h"
#include "phonefile/manifest.h"

namespace ringfence::phone {

// Further language and tone files are refused (reference 1.6).
inline constexpr std::size_t stored_file_limit = 5;
bool has_stored_file_limit(phonefile::SectionKind kind);

// One file that the manifest names.
struct Task {
    std::size_t section = 0;  // index into the manifest
    std::string file;         // '*' expanded
    bool is_beyond_limit = false;
    bool completes_section = false;  // the last one: the section's version is stored with it
};

struct BootPlan {
    std::vector<Task> tasks;               // in the manifest's order
    std::vector<std::size_t> passed_over;  // sections that this load does not obey
};

BootPlan plan_boot(const phonefile::Manifest& manifest, const FlashState& state, const MacAddress& mac, Load load);

}  // namespace ringfence::phone

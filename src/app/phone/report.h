// What the commands print: a timeline for people, or one JSON object.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "phone/boot_report.h"
#include "phone/flash.h"

namespace ringfence::app {

// What `show` tells of one root file.
struct RootView {
    std::string file;
    std::string sha1;
    std::string sha256;
    std::vector<std::string> subjects;
};

// Text, one or more lines, each ended.
std::string boot_heading(const phone::BootReport& report);
std::string file_line(const phone::FileReport& file);
std::string boot_ending(const phone::BootReport& report);
std::string show_text(const phone::Flash& flash, const std::vector<RootView>& roots);

// One object, without a line end. Secret settings are masked.
std::string boot_json(const phone::BootReport& report);
std::string show_json(const phone::Flash& flash, const std::vector<RootView>& roots);

}  // namespace ringfence::app

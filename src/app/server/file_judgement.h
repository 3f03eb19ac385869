// What a file put by hand is, whom it opens to, and what phones would make of it. Pure but for the family's data.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mac_address.h"
#include "base/result.h"
#include "family/family.h"
#include "registry/records.h"

namespace ringfence::app {

struct FileWish {
    std::string path;       // as the phones will ask for it
    std::string file_name;  // of the local file: a firmware's load name may stand there
    std::string section;    // empty: none
    std::string model;
    std::string site;
    std::string version;  // empty: follows
    std::optional<trust::ContentClass> content_class{};
    std::optional<MacAddress> device{};
    std::string own_root;  // PEM of the root file that sets need to verify this server
};

struct FileJudgement {
    registry::FileRecord record;
    // What phones would skip or misread; the file is put only if that is accepted.
    std::vector<std::string> warnings;
    std::vector<std::string> remarks;  // worth knowing, no reason against it
};

// Faults: malformed, forbidden, conflict: why the file cannot be put so.
Result<FileJudgement> judge_file(const family::Family& family, const FileWish& wish, std::string_view bytes);

}  // namespace ringfence::app

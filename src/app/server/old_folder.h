// The folder of an old provisioning server, read with bounds. Symbolic links are not followed.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "delivery/import_plan.h"

namespace ringfence::app {

struct OldFolder {
    std::vector<delivery::OldFile> files;  // by path
    std::vector<std::string> passed_over;  // sentences: links, deeper folders, what is no plain file
};

// Files of the folder and of the folders in it, one level deep. Faults: not_found, unavailable, too_large.
Result<OldFolder> read_old_folder(const std::string& path);

// The content of one of its files.
Result<std::string> read_old_file(const std::string& folder, const std::string& path);

}  // namespace ringfence::app

// The schemas of both databases, and the names of what lies in an installation's directory.
#pragma once

#include <memory>
#include <string>

#include "registry/sqlite.h"

namespace ringfence::registry {

std::string registry_path(const std::string& directory);
std::string events_path(const std::string& directory);
std::string content_directory(const std::string& directory);
std::string keys_directory(const std::string& directory);
std::string sealing_key_path(const std::string& directory);

// Open, and migrated to this program's schema. Faults as Database::open and migrate; conflict when the file belongs to
// some other program.
Result<std::unique_ptr<Database>> open_registry_database(const std::string& path, Database::Mode mode);
Result<std::unique_ptr<Database>> open_events_database(const std::string& path, Database::Mode mode);

}  // namespace ringfence::registry

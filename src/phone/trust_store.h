// The customer roots that a phone holds: the files installed from [USER_KEYS], all their certificates alike.
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ringfence::phone {

class Flash;

class TrustStore {
public:
    TrustStore() = default;  // a phone fresh from the factory
    // Reads the installed root files. corrupt when one is not what was installed.
    static Result<TrustStore> load(Flash& flash);

    bool empty() const { return files_.empty(); }
    const std::string& anchors_pem() const { return anchors_pem_; }
    bool holds_file(std::string_view bytes) const { return files_.find(bytes) != files_.end(); }
    void add_file(std::string bytes);

private:
    std::set<std::string, std::less<>> files_;
    std::string anchors_pem_;
};

// The section whose files are the customer's roots.
inline constexpr std::string_view root_section = "USER_KEYS";

}  // namespace ringfence::phone

#include "phone/settings_store.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace ringfence::phone {

bool may_hold_secret(std::string_view setting_name) {
    static constexpr std::array<std::string_view, 5> marks = {"PASS", "PWD", "SECRET", "TOKEN", "CREDENTIAL"};
    const std::string name = to_upper(setting_name);
    return std::any_of(marks.begin(), marks.end(),
                       [&](std::string_view mark) { return name.find(mark) != std::string::npos; });
}

}  // namespace ringfence::phone

#include "app/phone/phone_family.h"

#include <fmt/format.h>

namespace ringfence::app {

Result<family::Family> load_phone_family() {
    return family::Family::load(fmt::format("{}/{}", family::find_families(RINGFENCE_FAMILIES), family::avaya_1200));
}

}  // namespace ringfence::app

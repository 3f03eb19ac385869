// What `enrol` prints. Carries no secrets.
#pragma once

#include <string>

#include "phone/enrolment.h"

namespace ringfence::app {

std::string enrol_text(const phone::EnrolmentReport& report);  // lines, each ended
std::string enrol_json(const phone::EnrolmentReport& report);  // one object, without a line end

}  // namespace ringfence::app

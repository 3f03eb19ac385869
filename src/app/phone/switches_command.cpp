#include <fmt/format.h>

#include "app/phone/commands.h"
#include "app/phone/output.h"
#include "phone/behaviour.h"

namespace ringfence::app {

int switches() {
    for (const auto& spec : phone::switch_table) {
        std::string values(spec.values.front());
        for (std::size_t i = 1; i < spec.values.size(); ++i)
            if (!spec.values[i].empty()) values += fmt::format(" | {}", spec.values[i]);
        print(fmt::format("{}={}\n    {} (reference {})\n", spec.name, values, spec.question, spec.reference));
    }
    return finish_output(exit_done);
}

}  // namespace ringfence::app

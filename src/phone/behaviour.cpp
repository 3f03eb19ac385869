#include "phone/behaviour.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ringfence::phone {

namespace {

constexpr bool is_in_order() {
    for (std::size_t i = 0; i < switch_table.size(); ++i)
        if (static_cast<std::size_t>(switch_table[i].id) != i) return false;
    return true;
}
static_assert(is_in_order(), "a switch is looked up by its number");

std::string names() {
    std::string out;
    for (const auto& spec : switch_table) out += fmt::format("{}{}", out.empty() ? "" : ", ", spec.name);
    return out;
}

std::string values_of(const SwitchSpec& spec) {
    std::string out;
    for (const auto value : spec.values)
        if (!value.empty()) out += fmt::format("{}{}", out.empty() ? "" : " or ", value);
    return out;
}

std::size_t find_value(const SwitchSpec& spec, std::string_view value) {
    const auto found = std::find(spec.values.begin(), spec.values.end(), value);
    return static_cast<std::size_t>(found - spec.values.begin());
}

}  // namespace

bool Behaviour::is(Switch which, std::string_view value) const {
    const auto index = static_cast<std::size_t>(which);
    const std::size_t number = find_value(switch_table[index], value);
    RINGFENCE_ASSERT(number < switch_table[index].values.size());
    return chosen_[index] == number;
}

std::string_view Behaviour::value(Switch which) const {
    const auto index = static_cast<std::size_t>(which);
    return switch_table[index].values[chosen_[index]];
}

Status Behaviour::set(std::string_view assignment) {
    const auto equals = assignment.find('=');
    const auto name = assignment.substr(0, equals);
    const auto value = equals == std::string_view::npos ? std::string_view() : assignment.substr(equals + 1);
    const auto spec =
        std::find_if(switch_table.begin(), switch_table.end(), [&](const SwitchSpec& one) { return one.name == name; });
    if (spec == switch_table.end())
        return fail(FaultCode::malformed, fmt::format("there is no switch {}; there are {}", printable(name), names()));
    const std::size_t number = find_value(*spec, value);
    if (value.empty() || number == spec->values.size())
        return fail(FaultCode::malformed, fmt::format("the switch {} is {}", name, values_of(*spec)));
    chosen_[static_cast<std::size_t>(spec->id)] = number;
    return {};
}

}  // namespace ringfence::phone

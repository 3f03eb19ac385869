// The steps of a device's state, as data.
#pragma once

#include <algorithm>
#include <array>

#include "registry/records.h"

namespace ringfence::registry {

struct DeviceStep {
    DeviceState from = DeviceState::expected;
    DeviceState to = DeviceState::expected;
    friend constexpr bool operator==(const DeviceStep&, const DeviceStep&) = default;
};

inline constexpr std::array<DeviceStep, 8> device_steps = {{
    {DeviceState::expected, DeviceState::seen},
    {DeviceState::expected, DeviceState::enrolled},  // its certificate was issued before it first asked
    {DeviceState::seen, DeviceState::enrolled},
    {DeviceState::enrolled, DeviceState::active},
    {DeviceState::expected, DeviceState::retired},
    {DeviceState::seen, DeviceState::retired},
    {DeviceState::enrolled, DeviceState::retired},
    {DeviceState::active, DeviceState::retired},
}};

constexpr bool is_step(const DeviceStep& step) {
    return std::find(device_steps.begin(), device_steps.end(), step) != device_steps.end();
}

// Whether one was issued to it, good or revoked by now: another is a second enrolment, which somebody must want.
constexpr bool has_certificate(DeviceState state) {
    return state == DeviceState::enrolled || state == DeviceState::active;
}

static_assert(std::none_of(device_steps.begin(), device_steps.end(),
                           [](const DeviceStep& step) { return step.from == DeviceState::retired; }),
              "nothing leads out of retired");
static_assert(std::count_if(device_steps.begin(), device_steps.end(),
                            [](const DeviceStep& step) { return step.to == DeviceState::retired; }) == 4,
              "every other state can be retired");
static_assert(std::all_of(device_steps.begin(), device_steps.end(),
                          [](const DeviceStep& step) { return step.from < step.to; }),
              "nothing leads back");
static_assert(std::none_of(device_steps.begin(), device_steps.end(),
                           [](const DeviceStep& step) {
                               return step.to == DeviceState::active && step.from != DeviceState::enrolled;
                           }),
              "nothing is active that has no certificate");

}  // namespace ringfence::registry

// The stages of a boot and the legal steps between them, in one table. The stage is stored in the flash before it is
// entered, so that a power cut at any point is known at the next boot.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace ringfence::phone {

enum class Stage {
    idle,               // no boot under way
    fetching_manifest,  // asking the provisioning server
    reading_manifest,
    deciding,    // the version rule: is this file wanted?
    consulting,  // PROMPT YES: the user is asked before anything is fetched
    fetching,
    accepting,  // the acceptance rule: may this file be installed?
    asking,     // the fingerprint dialog of a first root
    installing,
    reporting,
};
inline constexpr std::size_t stage_count = 10;

std::string_view to_string(Stage stage);  // "idle", "fetching-manifest" ...
std::optional<Stage> parse_stage(std::string_view name);

struct StageStep {
    Stage from;
    Stage to;
};

inline constexpr std::array stage_steps = {
    StageStep{Stage::idle, Stage::fetching_manifest},
    StageStep{Stage::fetching_manifest, Stage::reading_manifest},
    StageStep{Stage::fetching_manifest, Stage::reporting},  // no manifest: everything is kept
    StageStep{Stage::reading_manifest, Stage::deciding},
    StageStep{Stage::reading_manifest, Stage::reporting},
    StageStep{Stage::deciding, Stage::deciding},  // not wanted, or refused before it is fetched
    StageStep{Stage::deciding, Stage::consulting},
    StageStep{Stage::deciding, Stage::fetching},
    StageStep{Stage::deciding, Stage::reporting},
    StageStep{Stage::consulting, Stage::fetching},
    StageStep{Stage::consulting, Stage::deciding},
    StageStep{Stage::consulting, Stage::reporting},
    StageStep{Stage::fetching, Stage::accepting},
    StageStep{Stage::fetching, Stage::deciding},
    StageStep{Stage::fetching, Stage::reporting},
    StageStep{Stage::accepting, Stage::asking},
    StageStep{Stage::accepting, Stage::installing},
    StageStep{Stage::accepting, Stage::deciding},
    StageStep{Stage::accepting, Stage::reporting},
    StageStep{Stage::asking, Stage::accepting},  // an answer is judged by the acceptance rule like everything else
    StageStep{Stage::asking, Stage::deciding},   // the flash could not store the step back
    StageStep{Stage::asking, Stage::reporting},
    StageStep{Stage::installing, Stage::deciding},
    StageStep{Stage::installing, Stage::reporting},
    StageStep{Stage::reporting, Stage::idle},
};

constexpr bool is_legal_step(Stage from, Stage to) {
    for (const auto& step : stage_steps)
        if (step.from == from && step.to == to) return true;
    return false;
}

// Whether every way into `stage` comes from `before`.
constexpr bool is_entered_only_from(Stage stage, Stage before) {
    for (const auto& step : stage_steps)
        if (step.to == stage && step.from != before) return false;
    return true;
}

// Whether the end of the boot can be reached from `stage`.
constexpr bool reaches_end(Stage stage) {
    std::array<bool, stage_count> reached{};
    reached[static_cast<std::size_t>(Stage::idle)] = true;
    for (std::size_t round = 0; round < stage_count; ++round)
        for (const auto& step : stage_steps)
            if (reached[static_cast<std::size_t>(step.to)]) reached[static_cast<std::size_t>(step.from)] = true;
    return reached[static_cast<std::size_t>(stage)];
}

constexpr bool every_stage_reaches_end() {
    for (std::size_t stage = 0; stage < stage_count; ++stage)
        if (!reaches_end(static_cast<Stage>(stage))) return false;
    return true;
}

static_assert(is_entered_only_from(Stage::installing, Stage::accepting), "nothing is installed that was not accepted");
static_assert(is_entered_only_from(Stage::asking, Stage::accepting) &&
                  !is_legal_step(Stage::deciding, Stage::accepting) &&
                  !is_legal_step(Stage::consulting, Stage::accepting) &&
                  !is_legal_step(Stage::reading_manifest, Stage::accepting),
              "nothing is accepted that was not fetched");
static_assert(!is_legal_step(Stage::asking, Stage::installing), "a fingerprint's answer alone installs nothing");
static_assert(is_entered_only_from(Stage::reading_manifest, Stage::fetching_manifest));
static_assert(is_entered_only_from(Stage::idle, Stage::reporting), "a boot ends with its report");
static_assert(every_stage_reaches_end(), "no stage is a trap");

}  // namespace ringfence::phone

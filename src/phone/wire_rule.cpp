#include "phone/wire_rule.h"

#include <array>
#include <cstddef>

#include "base/text.h"

namespace ringfence::phone {

using phonefile::SectionKind;
using phonefile::VersionVerdict;

namespace {

constexpr std::array<std::string_view, 3> proof_names = {"clear", "https", "proved"};

}  // namespace

std::string_view to_string(VersionProof proof) { return proof_names[static_cast<std::size_t>(proof)]; }

std::optional<VersionProof> parse_version_proof(std::string_view name) {
    for (std::size_t i = 0; i < proof_names.size(); ++i)
        if (proof_names[i] == name) return static_cast<VersionProof>(i);
    return std::nullopt;
}

VersionVerdict judge_version(const VersionOffer& offered, const StoredVersion* stored) {
    if (stored == nullptr) return phonefile::is_newer(offered.text, {});
    const VersionVerdict by_manual = phonefile::is_newer(offered.text, stored->text);
    const bool binds = offered.proof == VersionProof::none || stored->proof == VersionProof::complete;
    if (by_manual.newer || binds || offered.text.empty()) return by_manual;
    if (stored->proof == VersionProof::none)
        return {true, "version " + printable(offered.text) + " is offered over https, and the stored " +
                          printable(stored->text) + " came over a clear wire"};
    const bool is_same = !phonefile::is_newer(stored->text, offered.text).newer;
    if (is_same && offered.holds_files) return by_manual;
    if (is_same) return {true, by_manual.reason + ", but the phone does not hold the file"};
    return {true, by_manual.reason + ", which a manifest on a clear wire gave"};
}

bool is_public_by_nature(SectionKind kind) {
    return kind == SectionKind::fw || kind == SectionKind::language || kind == SectionKind::tones;
}

bool is_settings(SectionKind kind) { return kind == SectionKind::device_config || kind == SectionKind::user_config; }

}  // namespace ringfence::phone

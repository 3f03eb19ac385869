#include "phone/wire_rule.h"

#include "base/text.h"

namespace ringfence::phone {

using phonefile::SectionKind;
using phonefile::VersionVerdict;

namespace {

// The digits of the "dd.dd.dd.dd" that a load name ends with; anything else as it is.
std::string digits_of(std::string_view version) {
    constexpr std::string_view shape = "dd.dd.dd.dd";
    if (version.size() <= shape.size()) return std::string(version);
    const auto release = version.substr(version.size() - shape.size());
    std::string digits;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (shape[i] == 'd' ? !is_ascii_digit(release[i]) : release[i] != '.') return std::string(version);
        if (shape[i] == 'd') digits += release[i];
    }
    return digits;
}

VersionVerdict compare(std::string_view offered, std::string_view stored, VersionSpelling spelling) {
    if (!spelling.by_digits) return phonefile::is_newer(offered, stored);
    return phonefile::is_newer(digits_of(offered), digits_of(stored));
}

}  // namespace

VersionVerdict judge_version(const SectionVersion& offered, const SectionVersion* stored, VersionSpelling spelling) {
    if (stored == nullptr) return phonefile::is_newer(offered.text, {});
    const VersionVerdict by_manual = compare(offered.text, stored->text, spelling);
    if (by_manual.newer || offered.text.empty() || !offered.came_by_https || stored->came_by_https) return by_manual;
    return {true, "version " + printable(offered.text) + " is offered over https, and the stored " +
                      printable(stored->text) + " came over a clear wire; a set would go by the numbers alone"};
}

bool is_public_by_nature(SectionKind kind) {
    return kind == SectionKind::fw || kind == SectionKind::language || kind == SectionKind::tones;
}

bool is_settings(SectionKind kind) { return kind == SectionKind::device_config || kind == SectionKind::user_config; }

}  // namespace ringfence::phone

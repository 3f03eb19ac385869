#include "phone/wire_rule.h"

#include "base/text.h"

namespace ringfence::phone {

using phonefile::SectionKind;
using phonefile::VersionVerdict;

VersionVerdict judge_version(const SectionVersion& offered, const SectionVersion* stored) {
    if (stored == nullptr) return phonefile::is_newer(offered.text, {});
    const VersionVerdict by_manual = phonefile::is_newer(offered.text, stored->text);
    if (by_manual.newer || offered.text.empty() || !offered.came_by_https || stored->came_by_https) return by_manual;
    return {true, "version " + printable(offered.text) + " is offered over https, and the stored " +
                      printable(stored->text) + " came over a clear wire"};
}

bool is_public_by_nature(SectionKind kind) {
    return kind == SectionKind::fw || kind == SectionKind::language || kind == SectionKind::tones;
}

bool is_settings(SectionKind kind) { return kind == SectionKind::device_config || kind == SectionKind::user_config; }

}  // namespace ringfence::phone

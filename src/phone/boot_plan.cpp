#include "phone/boot_plan.h"

#include <map>
#include <optional>
#include <set>

namespace ringfence::phone {

namespace {

using phonefile::Section;
using phonefile::SectionKind;
using Names = std::map<SectionKind, std::set<std::string>>;

// The boot loader and the UNIStim load know firmware and nothing else.
bool obeys(Load load, const Section& section) {
    if (load == Load::sip) return true;
    if (section.kind != SectionKind::fw) return false;
    return load != Load::unistim || section.protocol == Protocol::tftp;
}

class Planner {
public:
    Planner(const FlashState& state, const MacAddress& mac) : mac_(mac) {
        for (const auto& file : state.files) {
            const auto kind = phonefile::parse_section_kind(file.section);
            if (!kind) continue;
            stored_[*kind].insert(file.name);
            if (file.came_by_https()) from_https_[*kind].insert(file.name);
        }
    }

    void add(std::size_t index, const Section& section, std::vector<Task>& tasks) {
        std::vector<std::string> names = section.filenames;
        if (names.empty()) names.push_back("SIP*.cfg");
        auto& held = stored_[section.kind];
        if (section.delete_files)
            held = section.protocol == Protocol::https ? std::set<std::string>() : from_https_[section.kind];
        std::optional<std::size_t> last;
        for (const auto& name : names) {
            Task task;
            task.section = index;
            task.file = phonefile::expand_filename(name, mac_);
            task.is_beyond_limit =
                has_stored_file_limit(section.kind) && held.count(task.file) == 0 && held.size() >= stored_file_limit;
            if (!task.is_beyond_limit) {
                held.insert(task.file);
                last = tasks.size();
            }
            tasks.push_back(std::move(task));
        }
        if (last) tasks[*last].completes_section = true;
    }

private:
    MacAddress mac_;
    Names stored_;
    Names from_https_;
};

}  // namespace

bool has_stored_file_limit(SectionKind kind) { return kind == SectionKind::language || kind == SectionKind::tones; }

BootPlan plan_boot(const phonefile::Manifest& manifest, const FlashState& state, const MacAddress& mac, Load load) {
    BootPlan plan;
    Planner planner(state, mac);
    for (std::size_t index = 0; index < manifest.sections.size(); ++index) {
        if (obeys(load, manifest.sections[index]))
            planner.add(index, manifest.sections[index], plan.tasks);
        else
            plan.passed_over.push_back(index);
    }
    return plan;
}

}  // namespace ringfence::phone

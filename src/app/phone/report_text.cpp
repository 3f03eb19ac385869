#include <fmt/format.h>

#include <algorithm>

#include "app/phone/report.h"
#include "base/secret.h"
#include "base/text.h"

namespace ringfence::app {

using phone::Action;
using phone::BootReport;
using phone::FileReport;

std::string boot_heading(const BootReport& report) {
    return fmt::format("boot of {}, model {}\n", report.mac, printable(report.model));
}

std::string file_line(const FileReport& file) {
    const std::string what = file.section.empty() ? "manifest" : "[" + file.section + "]";
    std::string out = fmt::format("  {:<8} {:<15} {}", to_string(file.action), what, printable(file.file));
    if (!file.url.empty() && (file.action == Action::fetched || file.action == Action::failed))
        out += fmt::format("  from {}", printable(file.url));
    if (file.action == Action::fetched) out += fmt::format(", {} bytes", file.bytes);
    return out + fmt::format("\n           {}\n", printable(file.reason, file.reason.size()));
}

std::string boot_ending(const BootReport& report) {
    std::string out;
    for (const auto& note : report.notes)
        out += fmt::format("  note     {}{}{}\n", printable(note.file), note.file.empty() ? "" : ": ",
                           printable(note.text, note.text.size()));
    if (!report.flash_fault.empty()) out += fmt::format("  flash    {}\n", printable(report.flash_fault));
    const auto count = [&](Action action) {
        return std::count_if(report.sections.begin(), report.sections.end(),
                             [&](const FileReport& file) { return file.action == action; });
    };
    return out + fmt::format("{}: {} fetched, {} kept, {} refused, {} failed\n",
                             report.is_clean() ? "done" : "not clean", count(Action::fetched), count(Action::kept),
                             count(Action::refused), count(Action::failed));
}

std::string show_text(const phone::Flash& flash, const std::vector<RootView>& roots) {
    const auto& state = flash.state();
    std::string out = fmt::format("stage: {}\n", to_string(flash.stage().stage));
    for (const auto& root : roots) {
        out += fmt::format("root: {}\n  SHA-1    {}\n  SHA-256  {}\n", printable(root.file), phone::in_pairs(root.sha1),
                           phone::in_pairs(root.sha256));
        for (const auto& subject : root.subjects) out += fmt::format("  {}\n", printable(subject));
    }
    for (const auto& [section, version] : state.versions)
        out += fmt::format("version: [{}] {}\n", printable(section), printable(version.text));
    for (const auto& file : state.files)
        out += fmt::format("file: [{}] {}, {} bytes, from {} at {}; {}\n", file.section, printable(file.name),
                           file.size, printable(file.source), format_time(file.installed_at), printable(file.basis));
    for (const auto& [name, setting] : state.settings)
        out += fmt::format("setting: {} = {} ({})\n", printable(name),
                           phone::may_hold_secret(name) ? std::string(masked_secret) : printable(setting.value),
                           setting.section);
    for (const auto& event : flash.events()) out += fmt::format("event: {}\n", printable(event, event.size()));
    return out;
}

}  // namespace ringfence::app

#include <fmt/format.h>

#include <algorithm>

#include "app/phone/report.h"
#include "base/secret.h"
#include "base/text.h"
#include "phone/discovery.h"
#include "phonefile/security_policy.h"

namespace ringfence::app {

using phone::Action;
using phone::BootReport;
using phone::FileReport;

std::string boot_heading(const BootReport& report) {
    const std::string load = report.load == "sip" ? std::string() : fmt::format(", {} load", report.load);
    return fmt::format("boot of {}, model {}{}\n", report.mac, printable(report.model), load);
}

namespace {

std::string facts_of(const FileReport& file) {
    std::string out;
    for (const auto& fact : file.facts) out += fmt::format("           - {}\n", printable(fact, fact.size()));
    return out;
}

std::string policy_text(const phonefile::SecurityPolicy& policy) {
    const auto text = phonefile::format_security_policy(policy);
    RINGFENCE_ASSERT(text.has_value());
    std::string out;
    for (const auto line : split(*text, '\n'))
        if (!line.empty()) out += fmt::format("policy: {}\n", line);
    return out;
}

std::string trust_text(const FlashView& view) {
    if (!view.trust_fault.empty()) return fmt::format("trust: {}\n", printable(view.trust_fault));
    std::string out = policy_text(view.trust.policy());
    if (const auto& list = view.trust.trust_list()) {
        out += fmt::format("trust list: from {} to {}; only these servers are believed\n",
                           format_time(list->not_before), format_time(list->not_after));
        for (const auto& one : list->certificates) out += fmt::format("  {}\n", printable(one.subject()));
    }
    for (const auto& list : view.trust.revocation_lists())
        out += fmt::format("revocation list: of {}, {} entries, made {}\n", printable(list.issuer()), list.size(),
                           format_time(list.this_update()));
    return out;
}

std::string profiles_text(const phone::FlashState& state, const FlashView& view) {
    std::string out;
    for (const auto& [index, profile] : state.profiles) {
        out += fmt::format("profile {}: {}, {}, purpose {}\n", index, to_string(profile.source),
                           profile.is_active ? "active" : "off", profile.purpose);
        for (const auto& [held, subject] : view.leaves)
            if (held == index) out += fmt::format("  {}\n", printable(subject));
    }
    return out;
}

}  // namespace

std::string file_line(const FileReport& file, Detail detail) {
    const std::string what = file.section.empty() ? "manifest" : "[" + file.section + "]";
    std::string out = fmt::format("  {:<8} {:<15} {}", to_string(file.action), what, printable(file.file));
    const bool is_explained = detail == Detail::explained;
    if (is_explained && file.line > 0) out += fmt::format(", line {} of the manifest", file.line);
    if (!file.url.empty() && (file.action == Action::fetched || file.action == Action::failed))
        out += fmt::format("  from {}", printable(file.url));
    if (file.action == Action::fetched) out += fmt::format(", {} bytes", file.bytes);
    out += fmt::format("\n           {}\n", printable(file.reason, file.reason.size()));
    return is_explained ? out + facts_of(file) : out;
}

std::string boot_ending(const BootReport& report) {
    std::string out;
    for (const auto& note : report.notes)
        out += fmt::format("  note     {}{}{}\n", printable(note.file), note.file.empty() ? "" : ": ",
                           printable(note.text, note.text.size()));
    if (report.restart) out += fmt::format("  restart  {}\n", printable(report.restart->reason));
    if (!report.flash_fault.empty()) out += fmt::format("  flash    {}\n", printable(report.flash_fault));
    const auto count = [&](Action action) {
        return std::count_if(report.sections.begin(), report.sections.end(),
                             [&](const FileReport& file) { return file.action == action; });
    };
    return out + fmt::format("{}: {} fetched, {} kept, {} refused, {} failed\n",
                             report.is_clean() ? "done" : "not clean", count(Action::fetched), count(Action::kept),
                             count(Action::refused), count(Action::failed));
}

std::string parameters_text(const phone::ParameterValues& values) {
    std::string out;
    for (const auto& [parameter, value] : values)
        out += fmt::format("parameter: {} = {} ({}{}{})\n", to_string(parameter), show_parameter(parameter, value.text),
                           describe(value.source), value.source == value.origin ? "" : ", from ",
                           value.source == value.origin ? "" : describe(value.origin));
    return out;
}

std::string port_text(const phone::PortSettings& port) {
    std::string out = fmt::format("802.1X: {}", to_string(port.mode));
    if (port.mode == phone::PortMode::disabled) return out + "\n";
    out += fmt::format(", ID1 {}", printable(port.id1));
    if (port.mode == phone::PortMode::peap)
        out += fmt::format(", ID2 {}, {} inside", printable(port.tunnel_identity()), to_string(port.tunnel));
    if (!port.password.empty()) out += fmt::format(", password {}", masked_secret);
    if (!port.server_name.empty()) out += fmt::format(", server {}", printable(port.server_name));
    return out + "\n";
}

std::string show_text(const phone::Flash& flash, const FlashView& view) {
    const auto& state = flash.state();
    std::string out = fmt::format("stage: {}\n", to_string(flash.stage().stage));
    out += parameters_text(phone::discover(state.parameters, state.settings, {}).values);
    out += port_text(state.port);
    if (view.port)
        out += fmt::format("port: {}: {}\n", to_string(view.port->state),
                           printable(view.port->reason, view.port->reason.size()));
    if (state.load) out += fmt::format("load: {}\n", to_string(*state.load));
    for (const auto& root : view.roots) {
        out += fmt::format("root: {}\n  SHA-1    {}\n  SHA-256  {}\n", printable(root.file), phone::in_pairs(root.sha1),
                           phone::in_pairs(root.sha256));
        for (const auto& subject : root.subjects) out += fmt::format("  {}\n", printable(subject));
    }
    out += trust_text(view) + profiles_text(state, view);
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

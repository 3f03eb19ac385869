// Boost.JSON is compiled into this one file.
#include <boost/json/src.hpp>

#include "app/phone/report.h"
#include "base/secret.h"
#include "base/text.h"
#include "phone/dhcp_environment.h"
#include "phone/discovery.h"
#include "phonefile/security_policy.h"

namespace ringfence::app {

namespace {

namespace json = boost::json;

// Names come from servers; JSON text must be UTF-8, so other bytes are shown escaped.
json::string text(std::string_view bytes) { return json::string(printable(bytes, bytes.size())); }

json::array texts(const std::vector<std::string>& all) {
    json::array out;
    for (const auto& one : all) out.push_back(text(one));
    return out;
}

json::object file_object(const phone::FileReport& file) {
    return {{"file", text(file.file)},     {"action", to_string(file.action)},
            {"reason", text(file.reason)}, {"url", text(file.url)},
            {"bytes", file.bytes},         {"facts", texts(file.facts)}};
}

json::object section_object(const phone::FileReport& file) {
    json::object out = file_object(file);
    out["section"] = text(file.section);
    out["line"] = file.line;
    return out;
}

json::array profiles_array(const phone::FlashState& state, const FlashView& view) {
    json::array out;
    for (const auto& [index, profile] : state.profiles) {
        json::object one{{"profile", index},
                         {"source", to_string(profile.source)},
                         {"active", profile.is_active},
                         {"purpose", profile.purpose}};
        for (const auto& [held, subject] : view.leaves)
            if (held == index) one["certificate"] = text(subject);
        out.push_back(std::move(one));
    }
    return out;
}

json::object trust_object(const FlashView& view) {
    json::object out;
    if (!view.trust_fault.empty()) out["fault"] = text(view.trust_fault);
    json::object policy;
    const auto policy_lines = phonefile::format_security_policy(view.trust.policy());
    RINGFENCE_ASSERT(policy_lines.has_value());
    for (const auto line : split(*policy_lines, '\n')) {
        const auto blank = line.find(' ');
        if (blank != std::string_view::npos) policy[text(line.substr(0, blank))] = text(line.substr(blank + 1));
    }
    out["policy"] = std::move(policy);
    if (const auto& list = view.trust.trust_list()) {
        json::array listed;
        for (const auto& one : list->certificates) listed.push_back(text(one.subject()));
        out["trust_list"] = json::object{{"not_before", format_time(list->not_before)},
                                         {"not_after", format_time(list->not_after)},
                                         {"certificates", std::move(listed)}};
    }
    json::array lists;
    for (const auto& list : view.trust.revocation_lists())
        lists.push_back(json::object{{"issuer", text(list.issuer())}, {"entries", list.size()}});
    out["revocation_lists"] = std::move(lists);
    return out;
}

json::object parameters_object(const phone::ParameterValues& values) {
    json::object out;
    for (const auto& [parameter, value] : values)
        out[to_string(parameter)] = json::object{{"value", text(show_parameter(parameter, value.text))},
                                                 {"source", to_string(value.source)},
                                                 {"origin", to_string(value.origin)}};
    return out;
}

json::object port_object(const phone::PortSettings& port) {
    json::object out{{"mode", to_string(port.mode)}};
    if (port.mode == phone::PortMode::disabled) return out;
    out["id1"] = text(port.id1);
    if (port.mode == phone::PortMode::peap) {
        out["id2"] = text(port.tunnel_identity());
        out["inner"] = to_string(port.tunnel);
    }
    if (!port.password.empty()) out["password"] = masked_secret;
    if (!port.server_name.empty()) out["server_name"] = text(port.server_name);
    return out;
}

json::object port_object(const phone::PortSettings& settings, const std::optional<phone::PortNote>& note) {
    json::object out = port_object(settings);
    if (!note) return out;
    out["state"] = to_string(note->state);
    out["reason"] = text(note->reason);
    out["interface"] = text(note->link.interface);
    return out;
}

}  // namespace

std::string run_json(std::string_view event, std::string_view said) {
    return json::serialize(json::object{{"event", text(event)}, {"text", text(said)}});
}

std::string configured_json(const phone::ParameterValues& values, const phone::PortSettings& port) {
    json::object out = parameters_object(values);
    if (port.mode != phone::PortMode::disabled) out["port"] = port_object(port);
    return json::serialize(out);
}

std::string dhcp_request_json(const protocol::DhcpRequest& request) {
    const auto words = phone::udhcpc_arguments(request);
    return json::serialize(
        json::object{{"host_name", text(request.host_name)},
                     {"parameters", json::array(request.parameters.begin(), request.parameters.end())},
                     {"max_message", request.max_message},
                     {"class_id", text(request.class_id)},
                     {"client_id", to_hex(request.client_id)},
                     {"udhcpc", json::array(words.begin(), words.end())}});
}

std::string boot_json(const phone::BootReport& report) {
    json::array sections;
    for (const auto& file : report.sections) sections.push_back(section_object(file));
    json::array notes;
    for (const auto& note : report.notes)
        notes.push_back(json::object{{"file", text(note.file)}, {"line", note.line}, {"text", text(note.text)}});
    json::object out{{"mac", text(report.mac)},
                     {"model", text(report.model)},
                     {"load", report.load},
                     {"clean", report.is_clean()},
                     {"manifest", file_object(report.manifest)},
                     {"sections", std::move(sections)},
                     {"notes", std::move(notes)}};
    if (report.restart) out["restart"] = text(report.restart->reason);
    if (!report.flash_fault.empty()) out["flash_fault"] = text(report.flash_fault);
    return json::serialize(out);
}

std::string show_json(const phone::Flash& flash, const FlashView& view) {
    const auto& state = flash.state();
    json::object versions;
    for (const auto& [section, version] : state.versions) versions[text(section)] = text(version.text);
    json::array files;
    for (const auto& file : state.files)
        files.push_back(json::object{{"section", text(file.section)},
                                     {"file", text(file.name)},
                                     {"url", text(file.source)},
                                     {"basis", text(file.basis)},
                                     {"sha256", text(file.sha256)},
                                     {"bytes", file.size},
                                     {"installed_at", format_time(file.installed_at)}});
    json::array root_list;
    for (const auto& root : view.roots) {
        root_list.push_back(json::object{{"file", text(root.file)},
                                         {"sha1", root.sha1},
                                         {"sha256", root.sha256},
                                         {"certificates", texts(root.subjects)}});
    }
    json::object settings;
    for (const auto& [name, setting] : state.settings)
        settings[text(name)] =
            json::object{{"value", phone::may_hold_secret(name) ? json::string(masked_secret) : text(setting.value)},
                         {"section", text(setting.section)},
                         {"file", text(setting.file)},
                         {"line", setting.line}};
    json::array events;
    for (const auto& event : flash.events()) events.push_back(text(event));
    const auto values = phone::discover(state.parameters, state.settings, {}).values;
    return json::serialize(json::object{{"stage", to_string(flash.stage().stage)},
                                        {"parameters", parameters_object(values)},
                                        {"port", port_object(state.port, view.port)},
                                        {"load", to_string(state.load.value_or(phone::Load::sip))},
                                        {"trust", trust_object(view)},
                                        {"profiles", profiles_array(state, view)},
                                        {"versions", std::move(versions)},
                                        {"roots", std::move(root_list)},
                                        {"files", std::move(files)},
                                        {"settings", std::move(settings)},
                                        {"events", std::move(events)}});
}

}  // namespace ringfence::app

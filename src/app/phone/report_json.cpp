// Boost.JSON is compiled into this one file.
#include <boost/json/src.hpp>

#include "app/phone/report.h"
#include "base/secret.h"
#include "base/text.h"

namespace ringfence::app {

namespace {

namespace json = boost::json;

// Names come from servers; JSON text must be UTF-8, so other bytes are shown escaped.
json::string text(std::string_view bytes) { return json::string(printable(bytes, bytes.size())); }

json::object file_object(const phone::FileReport& file) {
    return {{"section", text(file.section)}, {"file", text(file.file)}, {"action", to_string(file.action)},
            {"reason", text(file.reason)},   {"url", text(file.url)},   {"bytes", file.bytes}};
}

}  // namespace

std::string boot_json(const phone::BootReport& report) {
    json::object manifest{{"file", text(report.manifest.file)},
                          {"action", to_string(report.manifest.action)},
                          {"reason", text(report.manifest.reason)},
                          {"url", text(report.manifest.url)},
                          {"bytes", report.manifest.bytes}};
    json::array sections;
    for (const auto& file : report.sections) sections.push_back(file_object(file));
    json::array notes;
    for (const auto& note : report.notes)
        notes.push_back(json::object{{"file", text(note.file)}, {"line", note.line}, {"text", text(note.text)}});
    json::object out{{"mac", text(report.mac)},         {"model", text(report.model)},     {"clean", report.is_clean()},
                     {"manifest", std::move(manifest)}, {"sections", std::move(sections)}, {"notes", std::move(notes)}};
    if (!report.flash_fault.empty()) out["flash_fault"] = text(report.flash_fault);
    return json::serialize(out);
}

std::string show_json(const phone::Flash& flash, const std::vector<RootView>& roots) {
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
    for (const auto& root : roots) {
        json::array subjects;
        for (const auto& subject : root.subjects) subjects.push_back(text(subject));
        root_list.push_back(json::object{{"file", text(root.file)},
                                         {"sha1", root.sha1},
                                         {"sha256", root.sha256},
                                         {"certificates", std::move(subjects)}});
    }
    json::object settings;
    for (const auto& [name, setting] : state.settings)
        settings[text(name)] =
            json::object{{"value", phone::may_hold_secret(name) ? json::string(masked_secret) : text(setting.value)},
                         {"section", text(setting.section)}};
    json::array events;
    for (const auto& event : flash.events()) events.push_back(text(event));
    return json::serialize(json::object{{"stage", to_string(flash.stage().stage)},
                                        {"versions", std::move(versions)},
                                        {"roots", std::move(root_list)},
                                        {"files", std::move(files)},
                                        {"settings", std::move(settings)},
                                        {"events", std::move(events)}});
}

}  // namespace ringfence::app

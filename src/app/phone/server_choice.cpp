#include "app/phone/server_choice.h"

#include <utility>

namespace ringfence::app {

namespace {

// Device ID and Password as typed at the set; one without the other is no login.
std::optional<phone::Login> typed_login(const phone::ParameterMemory& memory) {
    const auto id = memory.manual.find(phone::Parameter::device_id);
    const auto password = memory.manual.find(phone::Parameter::device_password);
    if (id == memory.manual.end() || password == memory.manual.end()) return std::nullopt;
    return phone::Login{std::string(id->second.reveal()), password->second};
}

Status remember_typed(phone::Flash& flash, const std::optional<Secret>& server) {
    if (!server) return {};
    auto memory = flash.state().parameters;
    if (server->empty())
        memory.manual.erase(phone::Parameter::provisioning_server);
    else
        memory.manual.insert_or_assign(phone::Parameter::provisioning_server, *server);
    return flash.remember(memory);
}

tl::unexpected<Complaint> no_server(const phone::Discovery& discovery) {
    std::string sentence =
        "no provisioning server is known: give one with --url or --url-file, or what DHCP gave with --dhcp-lease";
    for (const auto& note : discovery.notes) sentence += "; " + note;
    return tl::unexpected<Complaint>(Complaint{{FaultCode::not_found, std::move(sentence)}});
}

}  // namespace

Checked<phone::Discovery> choose_server(Prepared& prepared, phone::Flash& flash) {
    if (auto remembered = remember_typed(flash, prepared.typed_server); !remembered)
        return tl::unexpected<Complaint>(Complaint{std::move(remembered.error())});
    const auto& state = flash.state();
    auto discovery = phone::discover(state.parameters, state.settings, prepared.surroundings);
    if (!discovery.server) return no_server(discovery);
    prepared.settings.server = *discovery.server;
    if (!prepared.settings.device_login) prepared.settings.device_login = typed_login(state.parameters);
    for (const auto& note : discovery.notes) prepared.settings.notes.push_back({"", 0, note});
    return discovery;
}

Status remember_server(phone::Flash& flash, const phone::Discovery& discovery, const phone::BootReport& report) {
    const bool has_served = report.manifest.action == phone::Action::fetched;
    return flash.remember(phone::remember_discovery(flash.state().parameters, discovery, has_served));
}

}  // namespace ringfence::app

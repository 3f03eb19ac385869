#include "phone/time_servers.h"

#include <algorithm>

namespace ringfence::phone {

namespace {

constexpr std::string_view server_setting = "SNTP_SERVER";
constexpr std::string_view enabling_setting = "SNTP_ENABLE";

class ServerList {
public:
    void add(std::string_view text) {
        const auto server = check_parameter(Parameter::sntp_server, text);
        if (!server || server->empty() || servers_.size() == max_time_servers) return;
        const std::string name(server->reveal());
        if (std::find(servers_.begin(), servers_.end(), name) == servers_.end()) servers_.push_back(name);
    }
    std::vector<std::string> take() && { return std::move(servers_); }

private:
    std::vector<std::string> servers_;
};

bool is_enabled(const TimeSources& sources) {
    const auto found = sources.settings.find(enabling_setting);
    if (sources.needs_sntp_enable_yes) return found != sources.settings.end() && found->second.value == "YES";
    return found == sources.settings.end() || found->second.value != "NO";
}

}  // namespace

std::vector<std::string> time_servers(const TimeSources& sources) {
    ServerList servers;
    const auto& memory = sources.memory;
    if (const auto typed = memory.manual.find(Parameter::sntp_server); typed != memory.manual.end())
        servers.add(typed->second.reveal());
    for (const auto& address : sources.lease) servers.add(address.to_string());
    const auto setting = sources.settings.find(server_setting);
    if (setting != sources.settings.end() && is_enabled(sources)) servers.add(setting->second.value);
    if (const auto last = memory.automatic.find(Parameter::sntp_server); last != memory.automatic.end())
        servers.add(last->second.text.reveal());
    return std::move(servers).take();
}

}  // namespace ringfence::phone

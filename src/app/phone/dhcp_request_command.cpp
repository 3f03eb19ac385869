#include "app/phone/commands.h"
#include "app/phone/output.h"
#include "app/phone/report.h"
#include "base/host_name.h"
#include "phone/dhcp_environment.h"

namespace ringfence::app {

int dhcp_request(const DhcpRequestOptions& options) {
    const auto mac = MacAddress::parse(options.mac);
    if (!mac) return complain(mac.error().message, exit_misused);
    if (!options.host_name.empty() && !is_host_name(options.host_name))
        return complain("--host-name is no host name", exit_misused);
    const auto request = protocol::request_dhcp(*mac, options.host_name);
    if (options.json) {
        print(dhcp_request_json(request) + "\n");
        return finish_output(exit_done);
    }
    if (options.client == "dhclient") {
        print(phone::dhclient_configuration(request));
        return finish_output(exit_done);
    }
    std::string line;
    for (const auto& word : phone::udhcpc_arguments(request)) line.append(line.empty() ? "" : " ").append(word);
    print(line + "\n");
    return finish_output(exit_done);
}

}  // namespace ringfence::app

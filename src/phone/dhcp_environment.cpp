#include "phone/dhcp_environment.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/byte_order.h"
#include "base/text.h"

namespace ringfence::phone {

namespace {

using protocol::DhcpLease;
using protocol::DhcpOption;
using protocol::DhcpOptions;
using protocol::DroppedOption;
using protocol::InfoBlockGrammar;
using protocol::max_dhcp_message;

enum class Form {
    address,
    addresses,  // parted by blanks
    seconds,
    host_text,  // udhcpc: "bad" stands for anything that is no host name
    hex,        // udhcpc
    escaped,    // dhclient: text with backslashes
    data,       // dhclient: escaped text if all of it can be printed, else bytes like 1:a:ff
    withheld,   // udhcpc: given in a form that has lost the bytes
};

struct Variable {
    std::string_view name;
    std::uint8_t option;
    Form form;
};

constexpr std::string_view udhcpc_server_name = "tftp";

constexpr std::array variables = {
    Variable{"subnet", DhcpOption::subnet_mask, Form::address},
    Variable{"router", DhcpOption::router, Form::addresses},
    Variable{"dns", DhcpOption::dns_servers, Form::addresses},
    Variable{"hostname", DhcpOption::host_name, Form::host_text},
    Variable{"domain", DhcpOption::domain_name, Form::host_text},
    Variable{"broadcast", DhcpOption::broadcast_address, Form::address},
    Variable{"lease", DhcpOption::lease_time, Form::seconds},
    Variable{"serverid", DhcpOption::server_identifier, Form::address},
    Variable{"ntpsrv", DhcpOption::time_servers, Form::addresses},
    Variable{udhcpc_server_name, DhcpOption::tftp_server, Form::host_text},
    Variable{"msstaticroutes", 249, Form::withheld},
    Variable{"new_subnet_mask", DhcpOption::subnet_mask, Form::address},
    Variable{"new_routers", DhcpOption::router, Form::addresses},
    Variable{"new_domain_name_servers", DhcpOption::dns_servers, Form::addresses},
    Variable{"new_host_name", DhcpOption::host_name, Form::escaped},
    Variable{"new_domain_name", DhcpOption::domain_name, Form::escaped},
    Variable{"new_broadcast_address", DhcpOption::broadcast_address, Form::address},
    Variable{"new_ntp_servers", DhcpOption::time_servers, Form::addresses},
    Variable{"new_vendor_encapsulated_options", DhcpOption::vendor_options, Form::data},
    Variable{"new_dhcp_lease_time", DhcpOption::lease_time, Form::seconds},
    Variable{"new_dhcp_server_identifier", DhcpOption::server_identifier, Form::address},
    Variable{"new_dhcp_renewal_time", DhcpOption::renewal_time, Form::seconds},
    Variable{"new_dhcp_rebinding_time", DhcpOption::rebinding_time, Form::seconds},
    Variable{"new_tftp_server_name", DhcpOption::tftp_server, Form::escaped},
};

// Options that the clients have no name for carry their number; new_site_ is how dhclient_configuration() names them.
constexpr std::array numbered = {Variable{"opt", 0, Form::hex}, Variable{"new_unknown_", 0, Form::data},
                                 Variable{"new_site_", 0, Form::data}};

std::optional<Variable> find_variable(std::string_view name) {
    const auto named =
        std::find_if(variables.begin(), variables.end(), [&](const Variable& known) { return known.name == name; });
    if (named != variables.end()) return *named;
    for (const Variable& prefix : numbered) {
        if (!name.starts_with(prefix.name)) continue;
        const auto number = parse_number(name.substr(prefix.name.size()));
        if (number && *number > 0 && *number < 255)
            return Variable{name, static_cast<std::uint8_t>(*number), prefix.form};
    }
    return std::nullopt;
}

constexpr std::array<std::string_view, 2> address_names = {"ip", "new_ip_address"};
constexpr std::array<std::string_view, 2> next_server_names = {"siaddr", "new_next_server"};

bool holds(const std::array<std::string_view, 2>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_known(std::string_view name) {
    return holds(address_names, name) || holds(next_server_names, name) || find_variable(name);
}

std::optional<std::string> read_addresses(std::string_view text, std::size_t limit) {
    std::string out;
    std::size_t count = 0;
    for (const auto word : split(text, ' ')) {
        if (word.empty()) continue;
        const auto address = IpAddress::parse(word);
        if (!address || !address->is_v4() || ++count > limit) return std::nullopt;
        out += address->bytes();
    }
    return out.empty() ? std::nullopt : std::optional(std::move(out));
}

std::optional<std::string> read_seconds(std::string_view text) {
    const auto number = parse_number(text);
    if (!number || *number > 0xFFFFFFFF) return std::nullopt;
    return big_endian(*number, sizeof(std::uint32_t));
}

bool is_octal_digit(char c) { return c >= '0' && c <= '7'; }

// A backslash before three octal digits is that byte, before anything else it is that character.
std::string unescape(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const bool is_escape = text.front() == '\\' && text.size() > 1;
        if (is_escape) text.remove_prefix(1);
        if (is_escape && text.size() >= 3 && std::all_of(text.begin(), text.begin() + 3, is_octal_digit)) {
            out += static_cast<char>((text[0] - '0') << 6 | (text[1] - '0') << 3 | (text[2] - '0'));
            text.remove_prefix(3);
            continue;
        }
        out += text.front();
        text.remove_prefix(1);
    }
    return out;
}

std::optional<std::string> read_colon_hex(std::string_view text) {
    std::string out;
    for (const auto word : split(text, ':')) {
        const auto byte = from_hex(word.size() == 1 ? "0" + std::string(word) : std::string(word));
        if (!byte || byte->size() != 1) return std::nullopt;
        out += *byte;
    }
    return out;
}

// dhclient writes bytes as hex only where they cannot be printed, so hex of what can be printed is text.
std::string read_data(std::string_view text) {
    const auto bytes = read_colon_hex(text);
    if (bytes && !is_printable(protocol::without_final_nul(*bytes))) return *bytes;
    return unescape(text);
}

// The option's bytes; empty when the client did not hand them over.
std::optional<std::string> read_bytes(Form form, std::string_view text) {
    constexpr std::size_t all = max_dhcp_message;
    switch (form) {
        case Form::address: return read_addresses(text, 1);
        case Form::addresses: return read_addresses(text, all);
        case Form::seconds: return read_seconds(text);
        case Form::host_text: return text == "bad" ? std::nullopt : std::optional<std::string>(text);
        case Form::escaped: return unescape(text);
        case Form::data: return read_data(text);
        case Form::withheld: return std::nullopt;
        case Form::hex: break;
    }
    auto bytes = from_hex(text);
    return bytes ? std::optional(std::move(*bytes)) : std::nullopt;
}

std::string explain_unreadable(const Variable& variable) {
    if (variable.form == Form::withheld)
        return fmt::format("udhcpc hands option {} over in a form that has lost its bytes", variable.option);
    if (variable.form == Form::host_text)
        return fmt::format(
            "udhcpc withheld option {}, because it is no host name; a URL needs ringfence-phone dhcp-hook, or another "
            "DHCP client",
            variable.option);
    return "the value cannot be read";
}

std::vector<std::uint8_t> with_time_servers(const protocol::DhcpRequest& request) {
    auto parameters = request.parameters;
    parameters.push_back(DhcpOption::time_servers);
    return parameters;
}

struct DhclientName {
    std::uint8_t option;
    std::string_view name;
};
constexpr std::array dhclient_names = {
    DhclientName{DhcpOption::subnet_mask, "subnet-mask"},
    DhclientName{DhcpOption::router, "routers"},
    DhclientName{DhcpOption::dns_servers, "domain-name-servers"},
    DhclientName{DhcpOption::domain_name, "domain-name"},
    DhclientName{DhcpOption::broadcast_address, "broadcast-address"},
    DhclientName{DhcpOption::time_servers, "ntp-servers"},
    DhclientName{DhcpOption::vendor_options, "vendor-encapsulated-options"},
    DhclientName{DhcpOption::renewal_time, "dhcp-renewal-time"},
    DhclientName{DhcpOption::rebinding_time, "dhcp-rebinding-time"},
    DhclientName{DhcpOption::tftp_server, "tftp-server-name"},
};

constexpr std::uint8_t first_site_option = 128;  // RFC 2132 section 2

std::string dhclient_name(std::uint8_t option) {
    for (const auto& known : dhclient_names)
        if (known.option == option) return std::string(known.name);
    return fmt::format("site-{}", option);
}

std::string spell_colon_hex(std::string_view bytes) {
    std::string out;
    for (const char byte : bytes) out.append(out.empty() ? "" : ":").append(to_hex(std::string_view(&byte, 1)));
    return out;
}

class EnvironmentReader {
public:
    Result<DhcpLease> read(std::string_view text, InfoBlockGrammar grammar) {
        if (text.size() > dhcp_environment_limit)
            return fail(FaultCode::too_large, "the DHCP client's environment is larger than " +
                                                  std::to_string(dhcp_environment_limit) + " bytes");
        const char separator = text.find('\0') == std::string_view::npos ? '\n' : '\0';
        for (const auto line : split(text, separator)) {
            const auto equals = line.find('=');
            if (equals != std::string_view::npos) take(line.substr(0, equals), line.substr(equals + 1));
        }
        DhcpLease lease = read_dhcp_options(std::move(options_), address_, grammar);
        lease.next_server = next_server_;
        lease.dropped.insert(lease.dropped.begin(), dropped_.begin(), dropped_.end());
        return lease;
    }

private:
    void take(std::string_view name, std::string_view value) {
        if (!value.empty() && value.back() == '\r') value.remove_suffix(1);
        if (holds(address_names, name)) return take_address(name, value, address_);
        if (holds(next_server_names, name)) return take_address(name, value, next_server_);
        const auto variable = find_variable(name);
        if (!variable) return;
        auto bytes = read_bytes(variable->form, value);
        if (!bytes) return drop(name, explain_unreadable(*variable));
        if (bytes->size() > max_dhcp_message) return drop(name, "the value is longer than a DHCP message");
        options_[variable->option] = std::move(*bytes);
    }

    void take_address(std::string_view name, std::string_view value, std::optional<IpAddress>& address) {
        const auto read = IpAddress::parse(value);
        if (!read || !read->is_v4()) return drop(name, "the value is no IPv4 address");
        address = *read;
    }

    void drop(std::string_view name, std::string reason) { dropped_.push_back({std::string(name), std::move(reason)}); }

    DhcpOptions options_;
    std::optional<IpAddress> address_;
    std::optional<IpAddress> next_server_;
    std::vector<DroppedOption> dropped_;
};

}  // namespace

Result<DhcpLease> parse_dhcp_environment(std::string_view text, InfoBlockGrammar grammar) {
    return EnvironmentReader().read(text, grammar);
}

DhcpEvent read_dhcp_event(std::string_view word) {
    constexpr std::array<std::string_view, 6> leased = {"bound", "renew", "BOUND", "RENEW", "REBIND", "REBOOT"};
    constexpr std::array<std::string_view, 6> lost = {"deconfig", "PREINIT", "EXPIRE", "FAIL", "RELEASE", "STOP"};
    const auto is_in = [&](const auto& words) { return std::find(words.begin(), words.end(), word) != words.end(); };
    if (is_in(leased)) return DhcpEvent::leased;
    return is_in(lost) ? DhcpEvent::lost : DhcpEvent::other;
}

std::string keep_dhcp_variables(std::string_view environment) {
    std::string out;
    for (const auto variable : split(environment, '\0')) {
        const auto name = variable.substr(0, variable.find('='));
        if (name.size() == variable.size() || !is_known(name)) continue;
        out.append(variable).push_back('\0');
    }
    return out;
}

bool is_server_withheld(const DhcpLease& lease) {
    return lease.options.count(DhcpOption::tftp_server) == 0 &&
           std::any_of(lease.dropped.begin(), lease.dropped.end(),
                       [](const DroppedOption& dropped) { return dropped.name == udhcpc_server_name; });
}

std::string add_withheld_options(std::string_view environment, const DhcpOptions& options) {
    const bool is_server_told = options.count(DhcpOption::tftp_server) != 0;
    std::string out;
    for (const auto variable : split(environment, '\0')) {
        const bool is_told = is_server_told && variable.substr(0, variable.find('=')) == udhcpc_server_name;
        if (!variable.empty() && !is_told) out.append(variable).push_back('\0');
    }
    for (const std::uint8_t code : {DhcpOption::tftp_server, DhcpOption::vendor_options})
        if (const auto found = options.find(code); found != options.end())
            out.append(fmt::format("opt{}={}", code, to_hex(found->second))).push_back('\0');
    return out;
}

std::string dhclient_configuration(const protocol::DhcpRequest& request) {
    std::string out;
    std::vector<std::string> names;
    for (const std::uint8_t parameter : with_time_servers(request)) {
        names.push_back(dhclient_name(parameter));
        // dhclient 4.4.3 would take the name unknown-232 as it stands, and crash when the option comes.
        if (parameter >= first_site_option)
            out += fmt::format("option {} code {} = string;\n", names.back(), parameter);
    }
    return out + fmt::format(
                     "send host-name \"{}\";\nsend vendor-class-identifier \"{}\";\nsend dhcp-client-identifier {};\n"
                     "send dhcp-max-message-size {};\nrequest {};\n",
                     request.host_name, request.class_id, spell_colon_hex(request.client_id), request.max_message,
                     fmt::join(names, ",\n    "));
}

std::vector<std::string> udhcpc_arguments(const protocol::DhcpRequest& request) {
    std::vector<std::string> out = {"-o", "-C", "-V", request.class_id};
    const auto send = [&](std::string option) {
        out.emplace_back("-x");
        out.push_back(std::move(option));
    };
    send("hostname:" + request.host_name);
    send(fmt::format("0x39:{:04x}", request.max_message));
    send("0x3d:" + to_hex(request.client_id));
    for (const std::uint8_t parameter : with_time_servers(request)) {
        out.emplace_back("-O");
        out.push_back(std::to_string(parameter));
    }
    return out;
}

}  // namespace ringfence::phone

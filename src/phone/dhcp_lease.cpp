#include "phone/dhcp_lease.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/host_name.h"
#include "base/text.h"
#include "phone/server_text.h"

namespace ringfence::phone {

namespace {

constexpr std::uint8_t subnet_mask = 1, router = 3, dns = 6, host_name = 12, domain = 15, broadcast = 28,
                       time_servers = 42, vendor = 43, lease_time = 51, server_identifier = 54, renewal_time = 58,
                       rebinding_time = 59, tftp = 66;

constexpr std::array<std::uint8_t, 9> usual_parameters = {subnet_mask,  router,         dns, domain, broadcast, vendor,
                                                          renewal_time, rebinding_time, tftp};
// RFC 3942 took these back; they are still asked for.
constexpr std::array<std::uint8_t, 9> old_site_options = {128, 131, 144, 157, 188, 191, 205, 219, 223};
constexpr std::array<std::uint8_t, 12> new_site_options = {224, 227, 230, 232, 235, 238, 241, 244, 247, 249, 251, 254};

// Where each string may stand. Which one a set prefers is not known; 43 is the only one that is nobody else's.
constexpr std::array<std::uint8_t, 13> vlan_options = {vendor, 128, 131, 144, 157, 188, 191,
                                                       205,    219, 223, 232, 247, 251};

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

constexpr std::array variables = {
    Variable{"subnet", subnet_mask, Form::address},
    Variable{"router", router, Form::addresses},
    Variable{"dns", dns, Form::addresses},
    Variable{"hostname", host_name, Form::host_text},
    Variable{"domain", domain, Form::host_text},
    Variable{"broadcast", broadcast, Form::address},
    Variable{"lease", lease_time, Form::seconds},
    Variable{"serverid", server_identifier, Form::address},
    Variable{"ntpsrv", time_servers, Form::addresses},
    Variable{"tftp", tftp, Form::host_text},
    Variable{"msstaticroutes", 249, Form::withheld},
    Variable{"new_subnet_mask", subnet_mask, Form::address},
    Variable{"new_routers", router, Form::addresses},
    Variable{"new_domain_name_servers", dns, Form::addresses},
    Variable{"new_host_name", host_name, Form::escaped},
    Variable{"new_domain_name", domain, Form::escaped},
    Variable{"new_broadcast_address", broadcast, Form::address},
    Variable{"new_ntp_servers", time_servers, Form::addresses},
    Variable{"new_vendor_encapsulated_options", vendor, Form::data},
    Variable{"new_dhcp_lease_time", lease_time, Form::seconds},
    Variable{"new_dhcp_server_identifier", server_identifier, Form::address},
    Variable{"new_dhcp_renewal_time", renewal_time, Form::seconds},
    Variable{"new_dhcp_rebinding_time", rebinding_time, Form::seconds},
    Variable{"new_tftp_server_name", tftp, Form::escaped},
};

// Options that the clients have no name for carry their number.
constexpr std::array numbered = {Variable{"opt", 0, Form::hex}, Variable{"new_unknown_", 0, Form::data}};

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

bool is_printable(char c) { return c >= ' ' && c <= '~'; }

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return is_printable(c); });
}

// RFC 2132 section 2: a string should not end with a NUL, and some do.
std::string_view without_final_nul(std::string_view text) {
    while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
    return text;
}

std::string big_endian(std::uint32_t number) {
    std::string out;
    for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(number >> shift & 0xFF);
    return out;
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
    return big_endian(static_cast<std::uint32_t>(*number));
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
    if (bytes && !is_printable(without_final_nul(*bytes))) return *bytes;
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
        return fmt::format("udhcpc withheld option {}, because it is no host name; a URL needs another DHCP client",
                           variable.option);
    return "the value cannot be read";
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
        if (name == "ip" || name == "new_ip_address") return take_address(name, value, address_);
        if (name == "siaddr" || name == "new_next_server") return take_address(name, value, next_server_);
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

IpAddress address_at(std::string_view bytes) {
    std::array<std::uint8_t, 4> octets{};
    for (std::size_t i = 0; i < octets.size(); ++i) octets[i] = static_cast<std::uint8_t>(bytes[i]);
    return IpAddress::from_v4(octets);
}

IpAddress broadcast_of(const IpAddress& address, const IpAddress& mask) {
    std::string bytes = address.bytes();
    const std::string mask_bytes = mask.bytes();
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(bytes[i] | ~mask_bytes[i]);
    return address_at(bytes);
}

// "VLAN-A:100+200."
std::optional<std::vector<std::uint16_t>> read_vlan_ids(std::string_view list) {
    if (!list.ends_with(".")) return std::nullopt;
    list.remove_suffix(1);
    std::vector<std::uint16_t> ids;
    for (const auto word : split(list, '+')) {
        const auto id = parse_number(word);
        if (!id || *id == 0 || *id > highest_vlan_id || ids.size() == max_vlan_ids) return std::nullopt;
        ids.push_back(static_cast<std::uint16_t>(*id));
    }
    return ids;
}

bool is_field_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
        const char lower = to_lower(c);
        return (lower >= 'a' && lower <= 'z') || is_ascii_digit(c) || c == '_';
    });
}

// ",name=value;name=value;". The sibling load ignores a block of which one field is not ended.
std::optional<InfoBlock> read_info_block(std::string_view fields) {
    if (!fields.starts_with(",") || !fields.ends_with(";") || !is_printable(fields)) return std::nullopt;
    fields = fields.substr(1, fields.size() - 2);
    InfoBlock block;
    for (const auto field : split(fields, ';')) {
        const auto equals = field.find('=');
        const auto name = trim(field.substr(0, equals));
        if (equals == std::string_view::npos || !is_field_name(name)) return std::nullopt;
        block.emplace_back(to_lower(name), std::string(trim(field.substr(equals + 1))));
    }
    return block;
}

class OptionReader {
public:
    OptionReader(DhcpOptions options, std::optional<IpAddress> address) {
        lease_.options = std::move(options);
        lease_.address = address;
    }

    DhcpLease read(InfoBlockGrammar grammar) {
        read_network();
        lease_.lease_time = seconds_of(lease_time);
        lease_.renewal_time = seconds_of(renewal_time);
        lease_.rebinding_time = seconds_of(rebinding_time);
        read_domain();
        read_server();
        read_vlans();
        if (grammar == InfoBlockGrammar::name_value) {
            lease_.block_b = find_block("Nortel-SIP-Phone-B");
            lease_.block_a = find_block("Nortel-SIP-Phone-A");
        }
        return std::move(lease_);
    }

private:
    const std::string* find(std::uint8_t option) const {
        const auto found = lease_.options.find(option);
        return found == lease_.options.end() ? nullptr : &found->second;
    }

    void read_network() {
        lease_.subnet_mask = address_of(subnet_mask);
        lease_.router = address_of(router);
        lease_.server_identifier = address_of(server_identifier);
        lease_.dns_servers = addresses_of(dns);
        if (lease_.dns_servers.size() > max_dns_servers) lease_.dns_servers.resize(max_dns_servers);
        lease_.ntp_servers = addresses_of(time_servers);
        if (lease_.ntp_servers.size() > max_ntp_servers) lease_.ntp_servers.resize(max_ntp_servers);
        lease_.broadcast = address_of(broadcast);
        if (!lease_.broadcast && lease_.address && lease_.subnet_mask)
            lease_.broadcast = broadcast_of(*lease_.address, *lease_.subnet_mask);
    }

    std::vector<IpAddress> addresses_of(std::uint8_t option) {
        std::vector<IpAddress> out;
        const auto* bytes = find(option);
        if (bytes == nullptr) return out;
        if (bytes->empty() || bytes->size() % 4 != 0) {
            drop(option, "it does not hold IPv4 addresses");
            return out;
        }
        for (std::string_view rest = *bytes; !rest.empty(); rest.remove_prefix(4)) out.push_back(address_at(rest));
        return out;
    }

    std::optional<IpAddress> address_of(std::uint8_t option) {
        const auto all = addresses_of(option);
        return all.empty() ? std::nullopt : std::optional(all.front());
    }

    std::optional<std::chrono::seconds> seconds_of(std::uint8_t option) {
        const auto* bytes = find(option);
        if (bytes == nullptr) return std::nullopt;
        if (bytes->size() != 4) {
            drop(option, "it does not hold a number of seconds");
            return std::nullopt;
        }
        std::uint32_t number = 0;
        for (const char byte : *bytes) number = number << 8 | static_cast<std::uint8_t>(byte);
        return std::chrono::seconds(number);
    }

    void read_domain() {
        const auto* bytes = find(domain);
        if (bytes == nullptr) return;
        auto name = trim(without_final_nul(*bytes));
        if (name.ends_with(".")) name.remove_suffix(1);
        if (!is_host_name(name)) return drop(domain, "it does not hold a domain name");
        lease_.domain = name;
    }

    void read_server() {
        const auto* bytes = find(tftp);
        if (bytes == nullptr) return;
        auto server = parse_server(without_final_nul(*bytes));
        if (!server) return drop(tftp, std::move(server.error().message));
        lease_.server = std::move(*server);
    }

    void read_vlans() {
        constexpr std::string_view heading = "VLAN-A:";
        for (const std::uint8_t option : vlan_options) {
            const auto* bytes = find(option);
            if (bytes == nullptr || !bytes->starts_with(heading)) continue;
            if (auto ids = read_vlan_ids(without_final_nul(*bytes).substr(heading.size()))) {
                lease_.vlan_ids = std::move(*ids);
                return;
            }
            drop(option,
                 fmt::format("its VLAN-A string is not a list of at most {} numbers up to {}, parted by '+' and "
                             "ended by '.'",
                             max_vlan_ids, highest_vlan_id));
        }
    }

    std::optional<InfoBlock> find_block(std::string_view heading) {
        if (auto block = read_block(vendor, heading)) return block;
        for (const std::uint8_t option : new_site_options)
            if (auto block = read_block(option, heading)) return block;
        for (const std::uint8_t option : old_site_options)
            if (auto block = read_block(option, heading)) return block;
        return std::nullopt;
    }

    std::optional<InfoBlock> read_block(std::uint8_t option, std::string_view heading) {
        const auto* bytes = find(option);
        if (bytes == nullptr || !bytes->starts_with(heading)) return std::nullopt;
        auto block = read_info_block(without_final_nul(*bytes).substr(heading.size()));
        if (!block) drop(option, fmt::format("its {} string is not like {},name=value;", heading, heading));
        return block;
    }

    void drop(std::uint8_t option, std::string reason) {
        lease_.dropped.push_back({fmt::format("option {}", option), std::move(reason)});
    }

    DhcpLease lease_;
};

std::chrono::seconds lease_length(const DhcpLease& lease) { return lease.lease_time.value_or(std::chrono::seconds(0)); }

}  // namespace

Result<DhcpLease> parse_dhcp_environment(std::string_view text, InfoBlockGrammar grammar) {
    return EnvironmentReader().read(text, grammar);
}

DhcpLease read_dhcp_options(DhcpOptions options, std::optional<IpAddress> address, InfoBlockGrammar grammar) {
    return OptionReader(std::move(options), address).read(grammar);
}

const DhcpLease* choose_lease(const std::vector<DhcpLease>& offers) {
    const auto longest = std::max_element(offers.begin(), offers.end(), [](const DhcpLease& a, const DhcpLease& b) {
        return lease_length(a) < lease_length(b);
    });
    return longest == offers.end() ? nullptr : &*longest;
}

DhcpRequest request_dhcp(const MacAddress& mac, std::string_view typed_host_name) {
    DhcpRequest request;
    request.host_name = typed_host_name.empty() ? "T" + mac.bare_upper() : std::string(typed_host_name);
    request.parameters.assign(usual_parameters.begin(), usual_parameters.end());
    request.parameters.insert(request.parameters.end(), old_site_options.begin(), old_site_options.end());
    request.parameters.insert(request.parameters.end(), new_site_options.begin(), new_site_options.end());
    request.client_id = "\x01" + *from_hex(mac.bare_lower());
    return request;
}

std::vector<std::string> udhcpc_arguments(const DhcpRequest& request) {
    std::vector<std::string> out = {"-o", "-C", "-V", request.class_id};
    const auto send = [&](std::string option) {
        out.emplace_back("-x");
        out.push_back(std::move(option));
    };
    send("hostname:" + request.host_name);
    send(fmt::format("0x39:{:04x}", request.max_message));
    send("0x3d:" + to_hex(request.client_id));
    for (const std::uint8_t parameter : request.parameters) {
        out.emplace_back("-O");
        out.push_back(std::to_string(parameter));
    }
    return out;
}

}  // namespace ringfence::phone

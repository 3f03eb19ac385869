#include "protocol/dhcp_lease.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/byte_order.h"
#include "base/host_name.h"
#include "base/text.h"
#include "protocol/server_text.h"

namespace ringfence::protocol {

namespace {

constexpr std::array<std::uint8_t, 9> usual_parameters = {
    DhcpOption::subnet_mask,       DhcpOption::router,         DhcpOption::dns_servers,  DhcpOption::domain_name,
    DhcpOption::broadcast_address, DhcpOption::vendor_options, DhcpOption::renewal_time, DhcpOption::rebinding_time,
    DhcpOption::tftp_server};
// RFC 3942 took these back; they are still asked for.
constexpr std::array<std::uint8_t, 9> old_site_options = {128, 131, 144, 157, 188, 191, 205, 219, 223};
constexpr std::array<std::uint8_t, 12> new_site_options = {224, 227, 230, 232, 235, 238, 241, 244, 247, 249, 251, 254};

IpAddress broadcast_of(const IpAddress& address, const IpAddress& mask) {
    std::string bytes = address.bytes();
    const std::string mask_bytes = mask.bytes();
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(bytes[i] | ~mask_bytes[i]);
    return IpAddress::from_v4_bytes(bytes);
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
        lease_.lease_time = seconds_of(DhcpOption::lease_time);
        lease_.renewal_time = seconds_of(DhcpOption::renewal_time);
        lease_.rebinding_time = seconds_of(DhcpOption::rebinding_time);
        read_domain();
        read_server();
        read_vlans();
        if (grammar == InfoBlockGrammar::name_value) {
            lease_.block_b = find_block(block_b_heading);
            lease_.block_a = find_block(block_a_heading);
        }
        return std::move(lease_);
    }

private:
    const std::string* find(std::uint8_t option) const {
        const auto found = lease_.options.find(option);
        return found == lease_.options.end() ? nullptr : &found->second;
    }

    void read_network() {
        lease_.subnet_mask = address_of(DhcpOption::subnet_mask);
        lease_.router = address_of(DhcpOption::router);
        lease_.server_identifier = address_of(DhcpOption::server_identifier);
        lease_.dns_servers = addresses_of(DhcpOption::dns_servers);
        if (lease_.dns_servers.size() > max_dns_servers) lease_.dns_servers.resize(max_dns_servers);
        lease_.ntp_servers = addresses_of(DhcpOption::time_servers);
        if (lease_.ntp_servers.size() > max_ntp_servers) lease_.ntp_servers.resize(max_ntp_servers);
        lease_.broadcast = address_of(DhcpOption::broadcast_address);
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
        for (std::string_view rest = *bytes; !rest.empty(); rest.remove_prefix(4))
            out.push_back(IpAddress::from_v4_bytes(rest));
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
        return std::chrono::seconds(read_big_endian(*bytes));
    }

    void read_domain() {
        const auto* bytes = find(DhcpOption::domain_name);
        if (bytes == nullptr) return;
        auto name = trim(without_final_nul(*bytes));
        if (name.ends_with(".")) name.remove_suffix(1);
        if (!is_host_name(name)) return drop(DhcpOption::domain_name, "it does not hold a domain name");
        lease_.domain = name;
    }

    void read_server() {
        const auto* bytes = find(DhcpOption::tftp_server);
        if (bytes == nullptr) return;
        auto server = parse_server(without_final_nul(*bytes));
        if (!server) return drop(DhcpOption::tftp_server, std::move(server.error().message));
        lease_.server = std::move(*server);
    }

    void read_vlans() {
        for (const std::uint8_t option : vlan_options()) {
            const auto* bytes = find(option);
            if (bytes == nullptr || !bytes->starts_with(vlan_heading)) continue;
            if (auto ids = read_vlan_ids(without_final_nul(*bytes).substr(vlan_heading.size()))) {
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
        if (auto block = read_block(DhcpOption::vendor_options, heading)) return block;
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

DhcpLease read_dhcp_options(DhcpOptions options, std::optional<IpAddress> address, InfoBlockGrammar grammar) {
    return OptionReader(std::move(options), address).read(grammar);
}

DhcpLease read_dhcp_reply(DhcpPacket reply, InfoBlockGrammar grammar) {
    auto lease = read_dhcp_options(std::move(reply.options), reply.yours, grammar);
    if (reply.next_server != IpAddress()) lease.next_server = reply.next_server;
    return lease;
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

DhcpOptions format_dhcp_options(const DhcpRequest& request) {
    std::string max_message;
    for (const int shift : {8, 0}) max_message += static_cast<char>(request.max_message >> shift & 0xFF);
    return {{DhcpOption::host_name, request.host_name},
            {DhcpOption::requested_parameters, std::string(request.parameters.begin(), request.parameters.end())},
            {DhcpOption::max_message, std::move(max_message)},
            {DhcpOption::vendor_class, request.class_id},
            {DhcpOption::client_id, request.client_id}};
}

std::string format_vlan_ids(const std::vector<std::uint16_t>& ids) {
    RINGFENCE_ASSERT(!ids.empty() && ids.size() <= max_vlan_ids);
    return fmt::format("{}{}.", vlan_heading, fmt::join(ids, "+"));
}

// Which one a set prefers is not known; 43 is the only one that is nobody else's.
const std::vector<std::uint8_t>& vlan_options() {
    static const std::vector<std::uint8_t> options = {
        DhcpOption::vendor_options, 128, 131, 144, 157, 188, 191, 205, 219, 223, 232, 247, 251};
    return options;
}

bool is_recommended_vlan_option(std::uint8_t option) { return option == 232 || option == 247 || option == 251; }

std::string_view without_final_nul(std::string_view text) {
    while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
    return text;
}

}  // namespace ringfence::protocol

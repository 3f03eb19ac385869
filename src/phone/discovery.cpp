#include "phone/discovery.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "protocol/server_text.h"

namespace ringfence::phone {

namespace {

// Fields of a Nortel-SIP-Phone string that set a parameter. The names are the sibling load's; for SIP none is known.
constexpr std::array block_fields = {
    std::pair{std::string_view("prov"), Parameter::provisioning_server},
    std::pair{std::string_view("dns"), Parameter::dns_servers},
};

// Settings of installed files that are parameters of the phone.
constexpr std::array setting_fields = {
    std::pair{std::string_view("SNTP_SERVER"), Parameter::sntp_server},
    std::pair{std::string_view("DNS_DOMAIN"), Parameter::dns_domain},
};

template <typename Range, typename Format>
std::string join(const Range& range, std::string_view separator, const Format& format) {
    std::string out;
    for (const auto& element : range) out.append(out.empty() ? "" : separator).append(format(element));
    return out;
}

class Offers {
public:
    void add(Source source, Parameter parameter, std::string text) {
        offers_.push_back({parameter, source, Secret(std::move(text))});
    }

    void add_block(Source source, const std::optional<protocol::InfoBlock>& block) {
        if (!block) return;
        for (const auto& [name, value] : *block)
            for (const auto& [field, parameter] : block_fields)
                if (field == name) add(source, parameter, value);
    }

    void add_lease(const protocol::DhcpLease& lease) {
        add_block(Source::dhcp_block_b, lease.block_b);
        add_block(Source::dhcp_block_a, lease.block_a);
        const auto option = lease.options.find(protocol::DhcpOption::tftp_server);
        if (lease.server && option != lease.options.end()) {
            // A final NUL is not part of the text.
            add(Source::dhcp, Parameter::provisioning_server, option->second.substr(0, option->second.find('\0')));
        }
        add(Source::dhcp, Parameter::dns_domain, lease.domain);
        if (!lease.ntp_servers.empty())
            add(Source::dhcp, Parameter::sntp_server, lease.ntp_servers.front().to_string());
        add(Source::dhcp, Parameter::dns_servers,
            join(lease.dns_servers, " ", [](const IpAddress& address) { return address.to_string(); }));
        add(Source::dhcp, Parameter::vlan_ids,
            join(lease.vlan_ids, "+", [](std::uint16_t id) { return std::to_string(id); }));
    }

    void add_settings(const EffectiveSettings& settings) {
        for (const auto& [name, parameter] : setting_fields)
            if (const auto found = settings.find(name); found != settings.end())
                add(Source::files, parameter, found->second.value);
    }

    std::vector<ParameterOffer> take() && { return std::move(offers_); }

private:
    std::vector<ParameterOffer> offers_;
};

std::optional<Url> server_in(const Secret& text) {
    return protocol::parse_server(text.reveal()).value_or(std::nullopt);
}

// The server that has served this phone over HTTPS and was found automatically.
std::optional<Url> proved_server(const ParameterMemory& memory) {
    const auto last = memory.automatic.find(Parameter::provisioning_server);
    if (last == memory.automatic.end()) return std::nullopt;
    auto server = server_in(last->second.text);
    return server && server->protocol == Protocol::https ? server : std::nullopt;
}

// Takes the offers of servers on a weaker wire out, and says so.
void refuse_weaker_servers(const ParameterMemory& memory, Discovery& discovery) {
    const auto proved = proved_server(memory);
    if (!proved) return;
    std::erase_if(discovery.offers, [&](const ParameterOffer& offer) {
        if (offer.parameter != Parameter::provisioning_server) return false;
        const auto server = server_in(offer.text);
        if (!server || server->protocol == Protocol::https) return false;
        discovery.notes.push_back(fmt::format(
            "{} names {}, which is passed over: this phone was served by {}, and only a manual entry or a reset leads "
            "to "
            "a weaker wire",
            describe(offer.source), printable(server->without_login()), printable(proved->without_login())));
        return true;
    });
}

std::string describe_server(const ParameterValue& value) {
    const std::string origin =
        value.source == value.origin ? std::string() : fmt::format(", from {}", describe(value.origin));
    return fmt::format("the provisioning server is {}, by {}{}",
                       show_parameter(Parameter::provisioning_server, value.text), describe(value.source), origin);
}

}  // namespace

Discovery discover(const ParameterMemory& memory, const EffectiveSettings& settings, const Surroundings& surroundings) {
    Discovery discovery;
    Offers offers;
    if (surroundings.lease) {
        offers.add_lease(*surroundings.lease);
        for (const auto& dropped : surroundings.lease->dropped)
            discovery.notes.push_back(fmt::format("DHCP, {}: {}", printable(dropped.name), dropped.reason));
    }
    offers.add_settings(settings);
    if (surroundings.mac)
        offers.add(Source::factory, Parameter::host_name, protocol::request_dhcp(*surroundings.mac).host_name);
    discovery.offers = std::move(offers).take();
    discovery.offers.insert(discovery.offers.begin(), surroundings.lldp.begin(), surroundings.lldp.end());
    refuse_weaker_servers(memory, discovery);

    discovery.values = resolve(memory, discovery.offers);
    const auto server = discovery.values.find(Parameter::provisioning_server);
    if (server == discovery.values.end()) return discovery;
    discovery.server = server_in(server->second.text);
    if (server->second.source != Source::manual) discovery.notes.push_back(describe_server(server->second));
    return discovery;
}

ParameterMemory remember_discovery(const ParameterMemory& memory, const Discovery& discovery, bool has_served) {
    auto offers = discovery.offers;
    // Only the server that was asked can have served.
    const auto used = discovery.values.find(Parameter::provisioning_server);
    std::erase_if(offers, [&](const ParameterOffer& offer) {
        if (offer.parameter != Parameter::provisioning_server) return false;
        return !has_served || used == discovery.values.end() || offer.source != used->second.source;
    });
    return remember(memory, offers);
}

}  // namespace ringfence::phone

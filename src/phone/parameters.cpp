#include "phone/parameters.h"

#include <algorithm>

#include "base/host_name.h"
#include "base/ip_address.h"
#include "base/text.h"
#include "protocol/dhcp_lease.h"
#include "protocol/server_text.h"

namespace ringfence::phone {

namespace {

struct ParameterFacts {
    Parameter parameter;
    std::string_view name;
};

constexpr std::array parameter_facts = {
    ParameterFacts{Parameter::provisioning_server, "provisioning-server"},
    ParameterFacts{Parameter::device_id, "device-id"},
    ParameterFacts{Parameter::device_password, "device-password"},
    ParameterFacts{Parameter::host_name, "host-name"},
    ParameterFacts{Parameter::vlan_ids, "vlan-ids"},
    ParameterFacts{Parameter::dns_domain, "dns-domain"},
    ParameterFacts{Parameter::dns_servers, "dns-servers"},
    ParameterFacts{Parameter::sntp_server, "sntp-server"},
};

struct SourceFacts {
    Source source;
    std::string_view name;
    std::string_view description;
};

constexpr std::array source_facts = {
    SourceFacts{Source::manual, "manual", "manual entry"},
    SourceFacts{Source::lldp, "lldp", "LLDP"},
    SourceFacts{Source::dhcp_block_b, "dhcp-b", "DHCP string Nortel-SIP-Phone-B"},
    SourceFacts{Source::dhcp_block_a, "dhcp-a", "DHCP string Nortel-SIP-Phone-A"},
    SourceFacts{Source::dhcp, "dhcp", "DHCP"},
    SourceFacts{Source::files, "files", "settings file"},
    SourceFacts{Source::last_automatic, "last-automatic", "last automatic value"},
    SourceFacts{Source::factory, "factory", "factory default"},
};
static_assert(source_facts.size() == precedence.size());

const SourceFacts& facts(Source source) { return source_facts[static_cast<std::size_t>(source)]; }

constexpr std::string_view unset_address = "0.0.0.0";
constexpr std::size_t max_login_word = 128;  // far above what a keypad types

auto malformed(Parameter parameter, std::string_view why) {
    return fail(FaultCode::malformed, std::string(to_string(parameter)) + " " + std::string(why));
}

bool is_host(std::string_view text) { return is_host_name(text) || IpAddress::parse(text).has_value(); }

bool is_vlan_list(std::string_view text) {
    const auto words = split(text, '+');
    return words.size() <= protocol::max_vlan_ids && std::all_of(words.begin(), words.end(), [](std::string_view word) {
               const auto id = parse_number(word);
               return id && *id > 0 && *id <= protocol::highest_vlan_id;
           });
}

bool is_address_list(std::string_view text) {
    const auto words = split(text, ' ');
    return words.size() <= protocol::max_dns_servers &&
           std::all_of(words.begin(), words.end(),
                       [](std::string_view word) { return IpAddress::parse(word).has_value(); });
}

bool is_login_word(std::string_view text) {
    return text.size() <= max_login_word && std::none_of(text.begin(), text.end(), [](char c) {
               return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
           });
}

Status check_value(Parameter parameter, std::string_view text) {
    const auto require = [&](bool fits, std::string_view why) -> Status {
        if (fits) return {};
        return malformed(parameter, why);
    };
    switch (parameter) {
        case Parameter::provisioning_server: {
            auto server = protocol::parse_server(text);
            if (!server) return fail(std::move(server.error()));
            return {};
        }
        case Parameter::device_id:
        case Parameter::device_password:
            return require(is_login_word(text), "is at most 128 characters without control characters");
        case Parameter::host_name:
        case Parameter::dns_domain: return require(is_host_name(text), "is a host name");
        case Parameter::vlan_ids: return require(is_vlan_list(text), "is at most 10 numbers like 100+200, up to 4094");
        case Parameter::dns_servers: return require(is_address_list(text), "is one address, or two parted by a blank");
        case Parameter::sntp_server: return require(is_host(text), "is an address or a host name");
    }
    return malformed(parameter, "is unknown");
}

bool is_unset(Parameter parameter, std::string_view text) {
    if (parameter != Parameter::provisioning_server) return text.empty() || text == unset_address;
    const auto server = protocol::parse_server(text);
    return server && !*server;
}

bool comes_from_network(Source source) { return source != Source::manual && rank(source) < rank(Source::files); }

void take(ParameterValues& values, Parameter parameter, const ParameterValue& value) {
    const auto [at, is_new] = values.try_emplace(parameter, value);
    if (!is_new && rank(value.source) < rank(at->second.source)) at->second = value;
}

void take(ParameterValues& values, const ParameterOffer& offer) {
    auto text = check_parameter(offer.parameter, offer.text.reveal());
    if (text && !text->empty()) take(values, offer.parameter, {std::move(*text), offer.source, offer.source});
}

}  // namespace

std::string_view to_string(Parameter parameter) { return parameter_facts[static_cast<std::size_t>(parameter)].name; }

std::optional<Parameter> parse_parameter(std::string_view name) {
    for (const auto& known : parameter_facts)
        if (known.name == name) return known.parameter;
    return std::nullopt;
}

std::vector<Parameter> all_parameters() {
    std::vector<Parameter> out;
    out.reserve(parameter_facts.size());
    for (const auto& known : parameter_facts) out.push_back(known.parameter);
    return out;
}

std::string_view to_string(Source source) { return facts(source).name; }

std::optional<Source> parse_source(std::string_view name) {
    for (const auto& known : source_facts)
        if (known.name == name) return known.source;
    return std::nullopt;
}

std::string_view describe(Source source) { return facts(source).description; }

Result<Secret> check_parameter(Parameter parameter, std::string_view text) {
    // A password may begin or end with a blank.
    if (parameter != Parameter::device_password) text = trim(text);
    if (text.size() > max_parameter_size)
        return fail(FaultCode::too_large, std::string(to_string(parameter)) + " is longer than " +
                                              std::to_string(max_parameter_size) + " characters");
    if (is_unset(parameter, text)) return Secret();
    if (auto fits = check_value(parameter, text); !fits) return fail(std::move(fits.error()));
    return Secret(std::string(text));
}

std::string show_parameter(Parameter parameter, const Secret& value) {
    if (parameter == Parameter::device_password) return std::string(masked_secret);
    if (parameter != Parameter::provisioning_server) return printable(value.reveal());
    const auto server = protocol::parse_server(value.reveal());
    return server && *server ? printable((*server)->without_login(), max_parameter_size) : std::string(masked_secret);
}

bool holds_secret(Parameter parameter, const Secret& value) {
    if (parameter == Parameter::device_password) return true;
    if (parameter != Parameter::provisioning_server) return false;
    const auto server = protocol::parse_server(value.reveal());
    return server && *server && !(*server)->password.empty();
}

ParameterValues resolve(const ParameterMemory& memory, const std::vector<ParameterOffer>& offers) {
    ParameterValues values;
    for (const auto& [parameter, text] : memory.manual) take(values, parameter, {text, Source::manual, Source::manual});
    for (const auto& offer : offers) take(values, offer);
    for (const auto& [parameter, last] : memory.automatic)
        take(values, parameter, {last.text, Source::last_automatic, last.origin});
    return values;
}

ParameterMemory remember(ParameterMemory memory, const std::vector<ParameterOffer>& offers) {
    ParameterValues now;
    for (const auto& offer : offers)
        if (comes_from_network(offer.source)) take(now, offer);
    for (auto& [parameter, value] : now) memory.automatic.insert_or_assign(parameter, std::move(value));
    return memory;
}

}  // namespace ringfence::phone

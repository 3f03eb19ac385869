// What a phone must know before it can ask anybody: its server, its place in the network, its name. Each value comes
// from one of several sources, of which the highest wins (reference 1.4). A value set by hand is remembered as such,
// one that came by itself as the last automatic value. Pure and thread-safe.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace ringfence::phone {

enum class Parameter {
    provisioning_server,  // as parse_server() reads it
    device_id,            // the login for FTP, HTTP and HTTPS; typed only
    device_password,      // typed only
    host_name,
    vlan_ids,  // "100+200", tried in order
    dns_domain,
    dns_servers,  // "192.0.2.1 192.0.2.2", at most two
    sntp_server,  // address or name
};

enum class Source {
    manual,        // typed at the set
    lldp,          // the switch
    dhcp_block_b,  // the Nortel-SIP-Phone-B string
    dhcp_block_a,  // the Nortel-SIP-Phone-A string
    dhcp,          // the other DHCP options
    files,         // settings that were fetched
    last_automatic,
    factory,
};

// The highest first.
inline constexpr std::array precedence = {Source::manual, Source::lldp,  Source::dhcp_block_b,   Source::dhcp_block_a,
                                          Source::dhcp,   Source::files, Source::last_automatic, Source::factory};

// Lower is higher: 0 for the manual entry.
constexpr std::size_t rank(Source source) {
    for (std::size_t i = 0; i < precedence.size(); ++i)
        if (precedence[i] == source) return i;
    return precedence.size();
}
static_assert(rank(Source::manual) == 0, "nothing outranks a person at the set");
static_assert(rank(Source::factory) == precedence.size() - 1);
static_assert(rank(Source::dhcp) < rank(Source::files));
static_assert(rank(Source::last_automatic) == precedence.size() - 2, "what comes now outranks what came once");

std::string_view to_string(Parameter parameter);  // "provisioning-server" ..., as the command line names it
std::optional<Parameter> parse_parameter(std::string_view name);
std::vector<Parameter> all_parameters();

std::string_view to_string(Source source);  // one word: "manual", "dhcp-b" ...
std::optional<Source> parse_source(std::string_view name);
std::string_view describe(Source source);  // for people: "manual entry", "DHCP string Nortel-SIP-Phone-B" ...

// Longest value of any parameter: a URL.
inline constexpr std::size_t max_parameter_size = 1024;

// The value as it is stored, without edge blanks; empty: unset, for which the manual writes 0.0.0.0 too. malformed or
// too_large where the parameter does not take it; the message never holds the value.
Result<Secret> check_parameter(Parameter parameter, std::string_view text);

// For reports: a URL without its login, a password masked, all of it printable.
std::string show_parameter(Parameter parameter, const Secret& value);

// Whether the value may not stand where others can read it, such as in a command line.
bool holds_secret(Parameter parameter, const Secret& value);

// Values here have passed check_parameter() and are not empty.
struct ParameterValue {
    Secret text;
    Source source = Source::factory;
    Source origin = Source::factory;  // where the last automatic value came from; else equal to `source`

    friend bool operator==(const ParameterValue&, const ParameterValue&) = default;
};

using ParameterValues = std::map<Parameter, ParameterValue>;

struct ParameterOffer {
    Parameter parameter = Parameter::provisioning_server;
    Source source = Source::factory;
    Secret text;
};

// What the flash keeps.
struct ParameterMemory {
    std::map<Parameter, Secret> manual;
    ParameterValues automatic;  // the last automatic values; source and origin say where from

    friend bool operator==(const ParameterMemory&, const ParameterMemory&) = default;
};

// By precedence; of offers by one source the first. Offers that are empty or not acceptable do not count.
ParameterValues resolve(const ParameterMemory& memory, const std::vector<ParameterOffer>& offers);

// The memory with what the network offers now, for each parameter the best. What files say is in the settings already.
ParameterMemory remember(ParameterMemory memory, const std::vector<ParameterOffer>& offers);

}  // namespace ringfence::phone

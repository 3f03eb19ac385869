#include "server/settings.h"

#include <fmt/core.h>

#include <toml++/toml.h>
#include <algorithm>
#include <array>

#include "base/host_name.h"
#include "base/text.h"
#include "phonefile/manifest.h"
#include "protocol/dhcp_lease.h"

namespace ringfence::server {

namespace {

using crypto::ClientCertificates;
using protocol::ChallengeKind;
using trust::Wire;

constexpr unsigned max_loops = 256;                // more threads than any machine of ours has cores
constexpr std::size_t max_door_limit = 1'000'000;  // beyond what descriptors and memory bear
constexpr std::int64_t max_drain_seconds = 3600;
constexpr std::size_t max_segment_name = 32;  // as IEEE 802.1Q has it
constexpr std::size_t max_listeners = 64;     // each opens one socket per loop
constexpr auto legacy_lane_life = std::chrono::hours(24 * 3 * 365);
// When the lane's certificates end (authority/authority.h).
const WallTime legacy_lane_end = *parse_time("2038-01-01T00:00:00Z");
constexpr std::string_view default_realm = "ringfence";

struct NamedCertificates {
    std::string_view name;
    ClientCertificates value;
};
constexpr std::array<NamedCertificates, 3> certificate_names{
    {{"off", ClientCertificates::off}, {"ask", ClientCertificates::ask}, {"require", ClientCertificates::require}}};

struct NamedChallenge {
    std::string_view name;
    ChallengeKind value;
};
constexpr std::array<NamedChallenge, 3> challenge_names{{{"basic", ChallengeKind::basic},
                                                         {"digest-md5", ChallengeKind::digest_md5},
                                                         {"digest-sha256", ChallengeKind::digest_sha256}}};

template <typename Names>
auto find_named(const Names& names, std::string_view name) {
    return std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.name == name; });
}

// One table of the file. Each key is taken once by name; what was not asked for is refused at the end.
class Table {
public:
    Table(const toml::table* table, std::string name) : table_(table), name_(std::move(name)) {}

    bool exists() const { return table_ != nullptr; }

    Result<std::string> text(std::string_view key, std::string absent = {}) {
        const toml::node* node = take(key);
        if (node == nullptr) return absent;
        if (!node->is_string()) return wrong(key, "must be a text in quotes");
        return node->as_string()->get();
    }

    Result<std::int64_t> number(std::string_view key, std::int64_t absent, std::int64_t least, std::int64_t most) {
        const toml::node* node = take(key);
        if (node == nullptr) return absent;
        const auto* value = node->as_integer();
        if (value == nullptr || value->get() < least || value->get() > most) {
            return wrong(key, fmt::format("must be a number from {} to {}", least, most));
        }
        return value->get();
    }

    Result<std::vector<std::string>> texts(std::string_view key) {
        const toml::node* node = take(key);
        std::vector<std::string> out;
        if (node == nullptr) return out;
        if (!node->is_array()) return wrong(key, "must be a list of texts");
        for (const toml::node& entry : *node->as_array()) {
            if (!entry.is_string()) return wrong(key, "must be a list of texts");
            out.push_back(entry.as_string()->get());
        }
        return out;
    }

    Result<std::vector<std::int64_t>> numbers(std::string_view key, std::int64_t least, std::int64_t most) {
        const toml::node* node = take(key);
        std::vector<std::int64_t> out;
        if (node == nullptr) return out;
        const auto refuse = [&] {
            return wrong(key, fmt::format("must be a list of numbers from {} to {}", least, most));
        };
        if (!node->is_array()) return refuse();
        for (const toml::node& entry : *node->as_array()) {
            const auto* value = entry.as_integer();
            if (value == nullptr || value->get() < least || value->get() > most) return refuse();
            out.push_back(value->get());
        }
        return out;
    }

    Result<bool> truth(std::string_view key, bool absent) {
        const toml::node* node = take(key);
        if (node == nullptr) return absent;
        if (!node->is_boolean()) return wrong(key, "must be true or false");
        return node->as_boolean()->get();
    }

    // Whether any key is left that nobody asked for.
    Status finish() const {
        if (table_ == nullptr) return {};
        for (const auto& [key, value] : *table_) {
            if (std::find(taken_.begin(), taken_.end(), key.str()) != taken_.end()) continue;
            return fail(FaultCode::malformed, fmt::format("line {}: {} knows no key '{}'", value.source().begin.line,
                                                          name_, printable(key.str())));
        }
        return {};
    }

    const toml::node* take(std::string_view key) {
        taken_.emplace_back(key);
        return table_ == nullptr ? nullptr : table_->get(key);
    }

    tl::unexpected<Fault> wrong(std::string_view key, std::string_view what) const {
        return fail(FaultCode::malformed, fmt::format("{} {} {}", name_, key, what));
    }

private:
    const toml::table* table_;
    std::string name_;
    std::vector<std::string> taken_;
};

std::optional<PortRange> parse_ports(std::string_view text) {
    const std::size_t dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto first = parse_number(text.substr(0, dash));
    const auto last = parse_number(text.substr(dash + 1));
    if (!first || !last || *first == 0 || *first > *last || *last > 65535) return std::nullopt;
    return PortRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

// What phones and certificates can name.
bool is_host(std::string_view text) { return IpAddress::parse(text) || is_host_name(text); }

// "192.0.2.10:69", "[::1]:69", or without the port.
std::optional<Endpoint> parse_place(std::string_view text, std::uint16_t port) {
    if (auto endpoint = Endpoint::parse(text)) return *endpoint;
    if (text.size() > 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
    if (auto address = IpAddress::parse(text)) return Endpoint{*address, port};
    return std::nullopt;
}

ListenerSettings default_listener(Wire wire) {
    ListenerSettings out;
    out.wire = wire;
    if (trust::is_https(wire)) out.client_certificates = ClientCertificates::ask;
    if (wire == Wire::radius_tls) out.client_certificates = ClientCertificates::require;
    return out;
}

Status read_server(Table table, ServerSettings& out) {
    auto host = table.text("host");
    auto address = table.text("address");
    auto realm = table.text("realm", std::string(default_realm));
    auto families = table.text("families");
    auto ports = table.text("passive_ports");
    auto loops = table.number("loops", 0, 0, max_loops);
    auto drain = table.number("drain_seconds", out.drain_time / std::chrono::seconds(1), 0, max_drain_seconds);
    for (const auto* text : {&host, &address, &realm, &families, &ports}) {
        if (!*text) return fail(text->error());
    }
    if (!loops) return fail(std::move(loops).error());
    if (!drain) return fail(std::move(drain).error());
    if (host->empty()) return table.wrong("host", "is missing: the DNS name in the server's certificate");
    if (!is_host(*host)) return table.wrong("host", "must be a DNS name, as in \"prov.example.net\"");
    if (!IpAddress::parse(*address)) return table.wrong("address", "must be an IP address, the server's own");
    const bool is_plain = std::all_of(realm->begin(), realm->end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (realm->empty() || !is_plain) return table.wrong("realm", "must be printable ASCII");
    if (!ports->empty()) {
        out.passive_ports = parse_ports(*ports);
        if (!out.passive_ports) return table.wrong("passive_ports", "must be two ports, as in \"50000-50099\"");
    }
    out.installation.host = std::move(*host);
    out.installation.address = std::move(*address);
    out.installation.realm = std::move(*realm);
    out.families = std::move(*families);
    out.loops = static_cast<unsigned>(*loops);
    out.drain_time = std::chrono::seconds(*drain);
    return table.finish();
}

Status read_listener(Table table, ServerSettings& out) {
    auto door = table.text("door");
    auto place = table.text("at");
    auto certificates = table.text("client_certificates");
    auto challenge = table.text("challenge");
    for (const auto* text : {&door, &place, &certificates, &challenge}) {
        if (!*text) return fail(text->error());
    }
    const auto wire = trust::parse_wire(*door);
    if (!wire) return table.wrong("door", "must be tftp, ftp, http, https, https-legacy, radius or radius-tls");
    ListenerSettings listener = default_listener(*wire);
    const auto endpoint = parse_place(*place, standard_port(*wire));
    if (!endpoint) return table.wrong("at", "must be an address and port, as in \"192.0.2.10:69\" or \"[::]:69\"");
    listener.endpoint = *endpoint;
    if (!trust::is_https(*wire) && (!certificates->empty() || !challenge->empty())) {
        return table.wrong("client_certificates and challenge", "belong to the https doors only");
    }
    if (!certificates->empty()) {
        const auto* named = find_named(certificate_names, *certificates);
        if (named == certificate_names.end()) {
            return table.wrong("client_certificates", "must be \"off\", \"ask\" or \"require\"");
        }
        listener.client_certificates = named->value;
    }
    if (!challenge->empty()) {
        const auto* named = find_named(challenge_names, *challenge);
        if (named == challenge_names.end()) {
            return table.wrong("challenge", "must be \"basic\", \"digest-md5\" or \"digest-sha256\"");
        }
        listener.challenge = named->value;
    }
    out.listeners.push_back(listener);
    return table.finish();
}

Status read_legacy(Table table, ServerSettings& out) {
    auto models = table.texts("models");
    auto sites = table.texts("sites");
    auto server = table.text("server");
    auto closes = table.text("closes");
    if (!models) return fail(std::move(models).error());
    if (!sites) return fail(std::move(sites).error());
    if (!server) return fail(std::move(server).error());
    if (!closes) return fail(std::move(closes).error());
    // Neither may be forgotten: a lane of old TLS that serves everyone for ever is no lane.
    if (models->empty()) return table.wrong("models", "must name the models that this lane serves");
    const auto date = parse_time(*closes);
    if (!date) return table.wrong("closes", "must be a date, as in \"2030-01-01T00:00:00Z\"");
    if (*date > legacy_lane_end) {
        return table.wrong("closes", "must be before 2038, when the certificates of this lane end");
    }
    if (!server->empty() && !is_host(*server)) {
        return table.wrong("server", "must be an IP address or a DNS name, and nothing else");
    }
    if (auto fits = phonefile::check_server(*server); !fits) return table.wrong("server", fits.error().message);
    out.legacy = delivery::LanePolicy{std::move(*models), std::move(*sites), *date, std::move(*server)};
    return table.finish();
}

Status read_limits(Table table, ServerSettings& out) {
    auto transfers = table.number("transfers", static_cast<std::int64_t>(out.limits.transfers), 1, max_door_limit);
    auto connections =
        table.number("connections", static_cast<std::int64_t>(out.limits.connections), 1, max_door_limit);
    if (!transfers) return fail(std::move(transfers).error());
    if (!connections) return fail(std::move(connections).error());
    out.limits = {static_cast<std::size_t>(*transfers), static_cast<std::size_t>(*connections)};
    return table.finish();
}

Status read_enrolment(Table table, ServerSettings& out) {
    EnrolmentSettings& enrolment = out.enrolment;
    struct Switch {
        std::string_view key;
        bool& value;
    };
    for (const Switch& each :
         {Switch{"scep", enrolment.scep}, Switch{"est", enrolment.est}, Switch{"cmp", enrolment.cmp},
          Switch{"ocsp", enrolment.ocsp}, Switch{"login", enrolment.login}}) {
        auto is_on = table.truth(each.key, each.value);
        if (!is_on) return fail(std::move(is_on).error());
        each.value = *is_on;
    }
    auto legacy = table.truth("scep_legacy", false);
    auto closes = table.text("scep_legacy_closes");
    auto workers = table.number("workers", 0, 0, max_loops);
    if (!legacy) return fail(std::move(legacy).error());
    if (!closes) return fail(std::move(closes).error());
    if (!workers) return fail(std::move(workers).error());
    enrolment.workers = static_cast<unsigned>(*workers);
    const auto date = parse_time(*closes);
    // A date may stand there before and after it counts, but not a wrong one.
    if (!date && (*legacy || !closes->empty())) {
        return table.wrong("scep_legacy_closes", "must be a date, as in \"2030-01-01T00:00:00Z\"");
    }
    if (*legacy) enrolment.scep_legacy_closes = *date;
    return table.finish();
}

Result<std::vector<IpAddress>> read_addresses(Table& table, std::string_view key) {
    auto texts = table.texts(key);
    if (!texts) return fail(std::move(texts).error());
    std::vector<IpAddress> out;
    for (const std::string& text : *texts) {
        const auto address = IpAddress::parse(text);
        if (!address) return table.wrong(key, "must be a list of IP addresses");
        out.push_back(*address);
    }
    return out;
}

// After [server], whose address is the default. An address that is not IPv4 is none that a set could be told.
Status read_dhcp(Table table, ServerSettings& out) {
    network::DhcpPlan& plan = out.dhcp;
    auto server = table.text("server", out.installation.address);
    auto option_43 = table.text("option_43");
    auto ids = table.numbers("vlan_ids", 1, protocol::highest_vlan_id);
    auto option = table.number("vlan_option", plan.vlan_option, 1, 254);
    auto times = read_addresses(table, "time_servers");
    if (!server) return fail(std::move(server).error());
    if (!option_43) return fail(std::move(option_43).error());
    if (!ids) return fail(std::move(ids).error());
    if (!option) return fail(std::move(option).error());
    if (!times) return fail(std::move(times).error());
    plan.server = std::move(*server);
    plan.option_43 = std::move(*option_43);
    for (const std::int64_t id : *ids) plan.vlan_ids.push_back(static_cast<std::uint16_t>(id));
    plan.vlan_option = static_cast<std::uint8_t>(*option);
    plan.time_servers = std::move(*times);
    if (!table.exists()) return {};
    if (auto checked = network::check_dhcp_plan(plan); !checked) return checked;
    return table.finish();
}

Result<std::string> read_segment(Table& table, std::string_view key, const std::string& absent) {
    auto name = table.text(key, absent);
    if (!name) return name;
    const bool is_plain =
        std::all_of(name->begin(), name->end(), [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\\'; });
    if (name->empty() || name->size() > max_segment_name || !is_plain)
        return table.wrong(key, fmt::format("must be a VLAN's number or name, at most {} characters of printable ASCII "
                                            "without blanks and quotes",
                                            max_segment_name));
    return name;
}

Status read_radius(Table table, ServerSettings& out) {
    network::AdmissionTerms& terms = out.radius.terms;
    auto onboarding = read_segment(table, "onboarding", terms.onboarding);
    auto production = read_segment(table, "production", terms.production);
    auto session = table.number("session_seconds", terms.session / std::chrono::seconds(1),
                                network::shortest_session / std::chrono::seconds(1),
                                network::longest_session / std::chrono::seconds(1));
    auto legacy = table.truth("legacy_eap", false);
    if (!onboarding) return fail(std::move(onboarding).error());
    if (!production) return fail(std::move(production).error());
    if (!session) return fail(std::move(session).error());
    if (!legacy) return fail(std::move(legacy).error());
    terms = {std::move(*onboarding), std::move(*production), std::chrono::seconds(*session)};
    out.radius.has_legacy_eap = *legacy;
    return table.finish();
}

// What holds for the listeners together, wherever they came from.
Status settle_listeners(ServerSettings& settings) {
    if (settings.listeners.size() > max_listeners) {
        return fail(FaultCode::malformed, fmt::format("more than {} listeners", max_listeners));
    }
    const auto is_legacy = [](const ListenerSettings& listener) { return listener.wire == Wire::https_legacy; };
    const bool has_legacy = std::any_of(settings.listeners.begin(), settings.listeners.end(), is_legacy);
    if (has_legacy && !settings.legacy) {
        return fail(FaultCode::malformed, "the https-legacy door needs a [legacy] table with models and closes");
    }
    for (std::size_t i = 0; i < settings.listeners.size(); ++i) {
        const ListenerSettings& a = settings.listeners[i];
        if (a.wire == Wire::radius && !is_loopback(a.endpoint.address)) {
            return fail(FaultCode::malformed,
                        "the radius door is for this machine alone, as in \"127.0.0.1:18120\"; "
                        "for other machines there is radius-tls");
        }
        for (std::size_t j = 0; j < i; ++j) {
            const ListenerSettings& b = settings.listeners[j];
            const bool same_kind = (a.wire == Wire::tftp) == (b.wire == Wire::tftp);
            // Port 0 is a free port for each, but two of one kind could not be told apart.
            if (!same_kind || a.endpoint != b.endpoint || (a.endpoint.port == 0 && a.wire != b.wire)) continue;
            return fail(FaultCode::malformed, fmt::format("two doors listen on {}", a.endpoint.to_string()));
        }
    }
    settings.installation.legacy_lane.reset();
    if (has_legacy) settings.installation.legacy_lane = settings.legacy;
    return {};
}

Result<ServerSettings> read_settings(const toml::table& file) {
    ServerSettings out;
    Table root(&file, "the file");
    const auto section = [&](std::string_view name) -> Result<Table> {
        const toml::node* node = root.take(name);
        if (node != nullptr && !node->is_table()) return root.wrong(name, fmt::format("must be a table: [{}]", name));
        return Table(node == nullptr ? nullptr : node->as_table(), fmt::format("[{}]", name));
    };
    auto server = section("server");
    auto legacy = section("legacy");
    auto limits = section("limits");
    auto enrolment = section("enrolment");
    auto dhcp = section("dhcp");
    auto radius = section("radius");
    for (const auto* table : {&server, &legacy, &limits, &enrolment, &dhcp, &radius}) {
        if (!*table) return fail(table->error());
    }
    if (!server->exists()) return fail(FaultCode::malformed, "[server] is missing");
    if (auto read = read_server(*server, out); !read) return fail(std::move(read).error());
    if (auto read = read_limits(*limits, out); !read) return fail(std::move(read).error());
    if (auto read = read_enrolment(*enrolment, out); !read) return fail(std::move(read).error());
    if (auto read = read_dhcp(*dhcp, out); !read) return fail(std::move(read).error());
    if (auto read = read_radius(*radius, out); !read) return fail(std::move(read).error());
    if (legacy->exists()) {
        if (auto read = read_legacy(*legacy, out); !read) return fail(std::move(read).error());
    }
    if (const toml::node* listeners = root.take("listen"); listeners != nullptr) {
        if (!listeners->is_array_of_tables()) return root.wrong("listen", "must be tables: [[listen]]");
        for (const toml::node& listener : *listeners->as_array()) {
            auto read = read_listener(Table(listener.as_table(), "[[listen]]"), out);
            if (!read) return fail(std::move(read).error());
        }
    }
    if (auto known = root.finish(); !known) return fail(std::move(known).error());
    if (out.radius.has_legacy_eap && !out.legacy)
        return fail(FaultCode::malformed, "[radius] legacy_eap needs a [legacy] table with models and closes");
    if (auto settled = settle_listeners(out); !settled) return fail(std::move(settled).error());
    return out;
}

}  // namespace

bool is_loopback(const IpAddress& address) {
    static const Network loopback_v4 = *Network::parse("127.0.0.0/8");
    static const Network loopback_v6 = *Network::parse("::1/128");
    return loopback_v4.contains(address) || loopback_v6.contains(address);
}

bool is_lookup_wire(Wire wire) { return wire == Wire::radius || wire == Wire::radius_tls; }

std::uint16_t standard_port(Wire wire) {
    switch (wire) {
        case Wire::tftp: return 69;
        case Wire::ftp: return 21;
        case Wire::http: return 80;
        case Wire::https:
        case Wire::https_legacy: return 443;
        case Wire::radius: return 18120;
        case Wire::radius_tls: return 18122;
    }
    return 0;
}

Result<ServerSettings> parse_settings(std::string_view text) {
    if (text.size() > max_settings_size) {
        return fail(FaultCode::too_large, fmt::format("the settings are longer than {} bytes", max_settings_size));
    }
    try {
        return read_settings(toml::parse(text));
    } catch (const toml::parse_error& error) {
        return fail(FaultCode::malformed,
                    fmt::format("line {}: {}", error.source().begin.line, printable(error.description())));
    }
}

std::string format_default_settings(std::string_view host, std::string_view address,
                                    const std::vector<std::string>& legacy_models, WallTime now) {
    // Sets know only the standard ports, and the wildcard also answers addresses that the machine gets later.
    const std::string_view any = "0.0.0.0";
    std::string models;
    for (const std::string& model : legacy_models) models += fmt::format("{}\"{}\"", models.empty() ? "" : ", ", model);
    return fmt::format(
        R"(# Settings of this Ringfence server. After a change: `systemctl reload`, or SIGHUP. A file with a mistake changes
# nothing, and the log says what is wrong. A key that stands here behind '#' shows its default or an example.

[server]
# What the server is called. Both stand in its certificate, and manifests name the address unless a site says otherwise.
host = "{host}"
address = "{address}"

# The realm of HTTP logins. Stored logins are bound to it, so it can be changed only while there is none.
realm = "{realm}"

# Folder of the phone families. Default: where Ringfence was installed. Needs a restart.
# families = "/usr/share/ringfence/families"

# Threads that serve; 0 is one for each core. Needs a restart.
# loops = 0

# Ports for FTP's passive data connections, for a firewall. Default: any free one.
# passive_ports = "50000-50099"

# How long running transfers may take to finish when the server is stopped.
# drain_seconds = 30

# Where the doors are. `door` is tftp, ftp, http, https or https-legacy. `at` is an address and port; "0.0.0.0" is every
# IPv4 address of the machine and "[::]" every IPv6 one; without a port it is the standard one, which is all that phones
# know: 69, 21, 80, 443. A door on both needs two tables. `serve --listen` puts other doors in the place of these.

[[listen]]
door = "tftp"
at = "{any}:69"

[[listen]]
door = "ftp"
at = "{any}:21"

[[listen]]
door = "http"
at = "{any}:80"

[[listen]]
door = "https"
at = "{any}:443"
# "off", "ask" or "require". With "ask" one door serves phones with a certificate and phones with a password; what a
# device must show is a matter of the device.
client_certificates = "ask"
# How a phone without proof is asked for its login: "basic", "digest-md5" or "digest-sha256". All are accepted.
challenge = "basic"

# Sets of before 2012 may know nothing newer than TLS 1.0. They need a door of their own, on an address of its own,
# since phones know only port 443:
# [[listen]]
# door = "https-legacy"
# at = "192.0.2.11:443"
# client_certificates = "ask"
# challenge = "basic"

# Whom the https-legacy door serves, if there is one: these models, at these sites (none: everywhere), until it closes.
[legacy]
models = [{models}]
sites = []
closes = "{closes}"
# The address of that door. Set, manifests lead the models above there; empty, they lead them to the https door, but for
# the sites with a server of their own for it (site set NAME --legacy-server).
server = ""

# How devices get certificates by themselves, on the http and https doors: SCEP at /scep, EST at /.well-known/est (https
# only), CMP at /cmp and /.well-known/cmp; and OCSP at /ocsp, where anybody may ask whether one is revoked.
# [enrolment]
# scep = true
# est = true
# cmp = true
# ocsp = true
# Our agent, once it has its certificate, is handed a random login over HTTPS. A login typed on a keypad is kept.
# login = true
# Phones of 2013 may know only SHA-1 and 3DES. They get their certificates at /scep on the https-legacy door, and when
# this is true at /scep-legacy on the http door too, until it closes.
# scep_legacy = false
# scep_legacy_closes = "{closes}"
# Threads that answer, each with a process that reads the requests; 0 is one for each thread that serves. Needs a
# restart.
# workers = 0

# What the network's DHCP servers shall hand to phones of the class Nortel-SIP-Phone-A. `ringfence dhcp config` writes
# it for Kea, dnsmasq, Windows and Cisco, and `ringfence dhcp check` asks as a phone and compares.
# [dhcp]
# Option 66: an IPv4 address, which a set takes for a TFTP server, or a URL. Default: the address above.
# server = "{address}"
# Option 43, for nothing but a string that your phones are known to read. Other devices use 43 for strings of their own.
# option_43 = ""
# VLANs of the phones, in the order in which a set tries them, and the option that carries them: 232, 247 or 251.
# vlan_ids = []
# vlan_option = 232
# Option 42, for our agent's clock. Sets do not ask for it; their time server is a setting.
# time_servers = []

# Where RADIUS servers ask who may use the network (ringfence radius config). On this machine, with a password that the
# command writes into their files:
# [[listen]]
# door = "radius"
# at = "127.0.0.1:18120"
# On other machines, with certificates on both sides:
# [[listen]]
# door = "radius-tls"
# at = "{any}:18122"

# What switches are told: the VLAN, by number or name, of those that have yet to prove themselves and of the others, and
# after how long each has to log in again.
# [radius]
# onboarding = "onboarding"
# production = "production"
# session_seconds = 3600
# EAP under TLS 1.0 for the models and sites of [legacy], until that closes.
# legacy_eap = false

# What each door bears at once, for each thread. More phones wait. A full door lets go of those that ask for nothing,
# and of transfers that moved less than 4 kB a second for 10 seconds.
# [limits]
# transfers = 2048
# connections = 2048
)",
        fmt::arg("host", host), fmt::arg("address", address), fmt::arg("realm", default_realm), fmt::arg("any", any),
        fmt::arg("models", models), fmt::arg("closes", format_time(std::min(now + legacy_lane_life, legacy_lane_end))));
}

Status replace_listeners(ServerSettings& settings, const std::vector<std::string>& listens) {
    std::vector<ListenerSettings> replaced;
    for (const std::string& text : listens) {
        const auto wrong = [&] {
            return fail(
                FaultCode::malformed,
                fmt::format("'{}' is no door; write one as in https=192.0.2.10:443 or tftp=[::1]:69", printable(text)));
        };
        const std::size_t equals = text.find('=');
        if (equals == std::string::npos) return wrong();
        const auto wire = trust::parse_wire(std::string_view(text).substr(0, equals));
        if (!wire) return wrong();
        const auto endpoint = parse_place(std::string_view(text).substr(equals + 1), standard_port(*wire));
        if (!endpoint) return wrong();
        const auto told = std::find_if(settings.listeners.begin(), settings.listeners.end(),
                                       [&](const ListenerSettings& listener) { return listener.wire == *wire; });
        ListenerSettings listener = told == settings.listeners.end() ? default_listener(*wire) : *told;
        listener.endpoint = *endpoint;
        replaced.push_back(listener);
    }
    settings.listeners = std::move(replaced);
    return settle_listeners(settings);
}

}  // namespace ringfence::server

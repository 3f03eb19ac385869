#include <fmt/format.h>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "net/dhcp_socket.h"
#include "network/dhcp_config.h"
#include "network/dhcp_judgement.h"
#include "protocol/dhcp_inquiry.h"

namespace ringfence::app {

namespace {

Result<network::DhcpPlan> load_plan(Context& context) {
    // Read alone, since asking needs root, whom Context lets into nobody else's folder: there he would leave files that
    // its owner cannot write.
    auto settings = load_settings(context.directory(), context.disk());
    if (!settings) return fail(std::move(settings).error());
    if (auto checked = network::check_dhcp_plan(settings->dhcp); !checked) return fail(checked.error());
    return std::move(settings->dhcp);
}

Done config(const Arguments& arguments, Context& context) {
    const auto plan = load_plan(context);
    if (!plan) return fail(plan.error());
    const std::string& name = arguments.text("--for");
    const std::string text = network::format_dhcp_config(*network::parse_dhcp_server(name), *plan);
    context.output().answer({{"for", name}, {"text", text}}, text);
    return {};
}

// As a set, which collects offers for a second; but it would ask on, and here the person waits.
constexpr Duration longest_silence = std::chrono::seconds(10);
constexpr Duration offers_collected = std::chrono::seconds(1);
constexpr std::uint64_t max_seconds = 300;
// A server that answers the class may have no address for others, and then says nothing.
constexpr Duration silence_towards_others = std::chrono::seconds(4);
constexpr std::string_view another_class = "ringfence-dhcp-check";

Checked<std::string> choose_interface(const Arguments& arguments) {
    if (const auto given = arguments.find_text("--interface")) return *given;
    const auto names = net::list_wired_interfaces();
    if (!names) return fail(names.error());
    if (names->size() != 1)
        return misuse(fmt::format(
            "give --interface: this machine has {}",
            names->empty() ? "no interface of Ethernet that is up" : fmt::format("{}", fmt::join(*names, ", "))));
    return names->front();
}

std::uint32_t draw_transaction(Random& random) {
    return static_cast<std::uint32_t>(random.below(std::uint64_t{1} << 32));
}

protocol::DhcpPatience patience_of(const Arguments& arguments) {
    if (!arguments.has("--seconds")) return {longest_silence, offers_collected};
    const Duration seconds = std::chrono::seconds(arguments.number("--seconds", 0));
    return {seconds, seconds};
}

Result<std::vector<protocol::DhcpLease>> ask(const net::DhcpSocket& socket, Context& context,
                                             protocol::DhcpInquiry inquiry, const protocol::DhcpPatience& patience) {
    inquiry.start(context.clock().steady_now(), patience);
    if (auto asked = net::converse(socket, context.clock(), inquiry); !asked) return fail(asked.error());
    return inquiry.answers();
}

// The second question tells whether other devices are handed the same; it waits for those that answered the first.
Result<network::DhcpAnswers> ask_as_phone(const net::DhcpSocket& socket, const Arguments& arguments, Context& context) {
    const MacAddress mac = arguments.find_mac("--mac").value_or(socket.hardware());
    auto request = protocol::request_dhcp(mac);
    auto offers =
        ask(socket, context, protocol::DhcpInquiry::discover(request, mac, draw_transaction(context.random())),
            patience_of(arguments));
    if (!offers) return fail(offers.error());
    if (offers->empty()) return network::DhcpAnswers{};
    request.class_id = another_class;
    auto others =
        ask(socket, context, protocol::DhcpInquiry::discover(request, mac, draw_transaction(context.random())),
            {silence_towards_others, silence_towards_others, offers->size()});
    if (!others) return fail(others.error());
    return network::DhcpAnswers{std::move(*offers), std::move(*others)};
}

std::string describe_lease(const protocol::DhcpLease& offer) {
    return offer.lease_time ? fmt::format("for {} s", offer.lease_time->count()) : "without a lease time";
}

json::object to_json(const protocol::DhcpLease& offer, bool wins) {
    json::array leads;
    for (const auto& lead : network::find_leads(offer))
        leads.push_back({{"option", lead.option}, {"leads_to", lead.text}});
    return {{"server", offer.server_identifier ? json::value(offer.server_identifier->to_string()) : json::value()},
            {"address", offer.address ? json::value(offer.address->to_string()) : json::value()},
            {"lease_seconds", offer.lease_time ? json::value(offer.lease_time->count()) : json::value()},
            {"leads", std::move(leads)},
            {"wins", wins}};
}

json::object to_json(const network::DhcpAnswers& answers, const network::DhcpJudgement& judgement) {
    json::array offers;
    for (std::size_t i = 0; i < answers.offers.size(); ++i)
        offers.push_back(to_json(answers.offers[i], judgement.winner == i));
    json::array findings;
    for (const auto& finding : judgement.findings)
        findings.push_back({{"text", finding.sentence}, {"differs", finding.is_difference}});
    return {{"as_planned", judgement.is_as_planned()},
            {"server", text_or_null(judgement.server)},
            {"offers", std::move(offers)},
            {"findings", std::move(findings)}};
}

std::string to_text(const network::DhcpAnswers& answers, const network::DhcpJudgement& judgement) {
    std::string out;
    for (const auto& offer : answers.offers) {
        out += fmt::format("{} offers {} {}\n", network::describe_dhcp_server(offer),
                           offer.address ? offer.address->to_string() : "no address", describe_lease(offer));
        for (const auto& lead : network::find_leads(offer))
            out += fmt::format("  option {}: {}\n", lead.option, lead.text);
    }
    for (const auto& finding : judgement.findings)
        out += fmt::format("{} {}.\n", finding.is_difference ? "DIFFERS" : "-", finding.sentence);
    return out;
}

Done check(const Arguments& arguments, Context& context) {
    const auto plan = load_plan(context);
    if (!plan) return fail(plan.error());
    const auto interface = choose_interface(arguments);
    if (!interface) return tl::unexpected(interface.error());
    const auto socket = net::DhcpSocket::open(*interface);
    if (!socket) return fail(socket.error());
    const auto answers = ask_as_phone(*socket, arguments, context);
    if (!answers) return fail(answers.error());
    const auto judgement = network::judge_dhcp(*answers, *plan);
    context.output().answer(to_json(*answers, judgement), to_text(*answers, judgement));
    if (judgement.is_as_planned()) return {};
    return fail(FaultCode::conflict, "DHCP does not hand out what [dhcp] says");
}

}  // namespace

std::vector<Command> dhcp_commands() {
    return {
        {.words = {"dhcp", "config"},
         .purpose = "Writes the part of a DHCP server's configuration that leads phones here.",
         .parameters = {{.name = "--for",
                         .shape = Shape::choice,
                         .placeholder = "SERVER",
                         .meaning = "the DHCP server that your network runs",
                         .required = true,
                         .choices = network::dhcp_server_names()}},
         .notes = "What it hands out is [dhcp] in ringfence.toml; comments in the text say where it goes.",
         .run = config},
        {.words = {"dhcp", "check"},
         .purpose = "Asks DHCP as a 1200 set does and says what a set will do first; no lease is taken.",
         .parameters = {{.name = "--interface",
                         .placeholder = "NAME",
                         .meaning = "where to ask; default: the only one of Ethernet that is up"},
                        {.name = "--mac",
                         .shape = Shape::mac,
                         .placeholder = "MAC",
                         .meaning = "who asks; default: the interface"},
                        {.name = "--seconds",
                         .shape = Shape::number,
                         .placeholder = "N",
                         .meaning = "how long offers are collected; default: one second after the first, as a set",
                         .min = 1,
                         .max = max_seconds}},
         .notes = "Needs root. Ends with 1 when nobody offers, or when it is not what [dhcp] in ringfence.toml says.",
         .run = check}};
}

}  // namespace ringfence::app

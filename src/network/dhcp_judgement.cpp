#include "network/dhcp_judgement.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "protocol/server_text.h"

namespace ringfence::network {

namespace {

using protocol::DhcpLease;
using protocol::DhcpOption;
using protocol::DhcpOptions;

constexpr std::string_view provisioning_field = "prov";

std::string describe_url(const Url& url) {
    return fmt::format("{} by {}", printable(url.without_login()), to_upper(std::string(to_string(url.protocol))));
}

bool begins_as_ours(std::string_view text) {
    return text.starts_with(protocol::vlan_heading) || text.starts_with(protocol::block_b_heading) ||
           text.starts_with(protocol::block_a_heading);
}

// The options by which the plan leads phones, and any other that leads them: what servers must agree about.
DhcpOptions leading_options(const DhcpOptions& options, const DhcpOptions& planned) {
    DhcpOptions out;
    for (const auto& [code, bytes] : options) {
        const auto text = protocol::without_final_nul(bytes);
        const bool leads = code == DhcpOption::tftp_server || begins_as_ours(text);
        if (leads || (planned.count(code) != 0 && code != DhcpOption::time_servers)) out[code] = text;
    }
    return out;
}

std::optional<Url> server_in(const std::optional<protocol::InfoBlock>& block) {
    if (!block) return std::nullopt;
    for (const auto& [name, value] : *block)
        if (name == provisioning_field) return protocol::parse_server(value).value_or(std::nullopt);
    return std::nullopt;
}

class Judge {
public:
    Judge(const DhcpAnswers& answers, const DhcpPlan& plan) : answers_(answers), planned_(planned_options(plan)) {}

    DhcpJudgement judge() {
        const DhcpLease* winner = protocol::choose_lease(answers_.offers);
        if (winner == nullptr) {
            differs("nobody offers an address to a phone: its network has no DHCP server, or none for its class");
            return std::move(out_);
        }
        out_.winner = static_cast<std::size_t>(winner - answers_.offers.data());
        tell_winner(*winner);
        tell_vlans(*winner);
        tell_server(*winner);
        tell_foreign_strings(*winner);
        for (const auto& dropped : winner->dropped)
            say(fmt::format("the set cannot use {}: {}", dropped.name, dropped.reason));
        compare_with_plan(*winner);
        compare_servers(*winner);
        compare_classes();
        return std::move(out_);
    }

private:
    void say(std::string sentence) { out_.findings.push_back({std::move(sentence), false}); }
    void differs(std::string sentence) { out_.findings.push_back({std::move(sentence), true}); }

    void tell_winner(const DhcpLease& winner) {
        if (answers_.offers.size() == 1)
            return say(fmt::format("a set takes the offer of {}", describe_dhcp_server(winner)));
        const auto same = std::count_if(answers_.offers.begin(), answers_.offers.end(),
                                        [&](const DhcpLease& offer) { return offer.lease_time == winner.lease_time; });
        say(fmt::format("a set takes the offer of {}: {}", describe_dhcp_server(winner),
                        same > 1 ? "none has a longer lease, and it came first" : "its lease is the longest"));
    }

    void tell_vlans(const DhcpLease& winner) {
        if (winner.vlan_ids.empty()) return say("no VLAN is named: the set stays where it is");
        say(fmt::format("then it asks again in VLAN {}, and what it is told there counts",
                        fmt::join(winner.vlan_ids, ", then ")));
    }

    void tell_server(const DhcpLease& winner) {
        say("a server URL that was typed on the set outranks everything here, and so does one that came by LLDP");
        if (const auto url = server_in(winner.block_b))
            return lead(*url, "its Nortel-SIP-Phone-B string says so, above option 66");
        if (const auto url = server_in(winner.block_a))
            return lead(*url, "its Nortel-SIP-Phone-A string says so, above option 66");
        if (winner.server) {
            const bool is_bare = winner.options.at(DhcpOption::tftp_server).find("://") == std::string::npos;
            lead(*winner.server, is_bare ? "option 66 holds an address alone, which means TFTP" : "option 66 says so");
            if (!is_bare)
                say("busybox's udhcpc withholds an option 66 that is a URL; ringfence-phone dhcp-hook asks for it "
                    "itself");
            return;
        }
        say("nothing here names a server: the set asks the one that served it last, or nobody");
    }

    void lead(const Url& url, std::string_view reason) {
        out_.server = printable(url.without_login());
        say(fmt::format("it fetches its files from {}: {}", describe_url(url), reason));
    }

    void tell_foreign_strings(const DhcpLease& winner) {
        const auto found = winner.options.find(DhcpOption::vendor_options);
        if (found == winner.options.end() || begins_as_ours(found->second)) return;
        say(fmt::format(
            "option 43 holds {} bytes that are no string of a set: it is shared with other devices, and the "
            "set passes it over",
            found->second.size()));
    }

    void compare_with_plan(const DhcpLease& winner) {
        for (const auto& [code, bytes] : planned_) {
            // A set does not ask for the time, so it need not be offered.
            if (code == DhcpOption::time_servers) continue;
            const auto found = winner.options.find(code);
            if (found == winner.options.end())
                differs(fmt::format("option {} is missing; [dhcp] hands it out", code));
            else if (protocol::without_final_nul(found->second) != bytes)
                differs(fmt::format("option {} is not what [dhcp] hands out", code));
        }
        for (const auto& [code, bytes] : leading_options(winner.options, planned_))
            if (planned_.count(code) == 0)
                differs(fmt::format("option {} leads the set, and [dhcp] does not hand it out", code));
    }

    void compare_servers(const DhcpLease& winner) {
        const auto mine = leading_options(winner.options, planned_);
        for (const auto& offer : answers_.offers) {
            if (&offer == &winner || leading_options(offer.options, planned_) == mine) continue;
            differs(fmt::format("{} and {} disagree: what a set does hangs on who answers and for how long",
                                describe_dhcp_server(winner), describe_dhcp_server(offer)));
        }
    }

    void compare_classes() {
        std::set<std::uint8_t> shared;
        for (const auto& offer : answers_.offers_to_others)
            for (const auto& [code, bytes] : leading_options(offer.options, planned_)) {
                const auto planned = planned_.find(code);
                const bool is_ours = begins_as_ours(bytes) || (planned != planned_.end() && planned->second == bytes);
                if (is_ours) shared.insert(code);
            }
        if (shared.empty()) return;
        differs(fmt::format("devices of any class are handed option {} too", fmt::join(shared, " and ")));
    }

    const DhcpAnswers& answers_;
    DhcpOptions planned_;
    DhcpJudgement out_;
};

}  // namespace

bool DhcpJudgement::is_as_planned() const {
    return std::none_of(findings.begin(), findings.end(),
                        [](const DhcpFinding& finding) { return finding.is_difference; });
}

std::string describe_dhcp_server(const protocol::DhcpLease& offer) {
    return offer.server_identifier ? offer.server_identifier->to_string() : "a server that does not say who it is";
}

std::vector<DhcpLead> find_leads(const protocol::DhcpLease& offer) {
    std::vector<DhcpLead> leads;
    if (offer.server) leads.push_back({DhcpOption::tftp_server, describe_url(*offer.server)});
    for (const auto& [code, bytes] : offer.options) {
        const auto text = protocol::without_final_nul(bytes);
        if (text.starts_with(protocol::vlan_heading)) leads.push_back({code, printable(text)});
        // The fields behind it may hold a password.
        for (const auto heading : {protocol::block_b_heading, protocol::block_a_heading})
            if (text.starts_with(heading)) leads.push_back({code, std::string(heading)});
    }
    return leads;
}

DhcpJudgement judge_dhcp(const DhcpAnswers& answers, const DhcpPlan& plan) { return Judge(answers, plan).judge(); }

}  // namespace ringfence::network

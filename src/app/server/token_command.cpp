#include <fmt/format.h>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/enrolment_right.h"
#include "base/token_text.h"

namespace ringfence::app {

namespace {

using registry::Enrolment;
using registry::EnrolmentProfile;
using registry::EnrolmentState;
using registry::EnrolmentToken;
using registry::TokenKind;

constexpr std::size_t shown_key_digits = 16;

std::string state_of(const EnrolmentToken& token, WallTime now) {
    if (token.is_spent) return "spent";
    if (token.expires <= now) return "over";
    if (token.kind == TokenKind::challenge && token.wrong_tries >= registry::max_wrong_tries) return "locked";
    return "open";
}

json::object to_json(const EnrolmentToken& token, WallTime now) {
    return {{"reference", token.reference},
            {"kind", registry::to_string(token.kind)},
            {"device", token.device.colons()},
            {"profile", registry::to_string(token.profile)},
            {"state", state_of(token, now)},
            {"needs_approval", token.needs_approval},
            {"replaces", token.replaces},
            {"wrong_tries", token.wrong_tries},
            {"created", format_time(token.created)},
            {"expires", format_time(token.expires)}};
}

json::object to_json(const Enrolment& enrolment) {
    return {{"id", enrolment.id},
            {"device", enrolment.device.colons()},
            {"protocol", enrolment.protocol},
            {"state", registry::to_string(enrolment.state)},
            {"token", text_or_null(enrolment.token)},
            {"renews", text_or_null(enrolment.renews)},
            {"public_key", enrolment.public_key},
            {"source", enrolment.source},
            {"received", format_time(enrolment.received)},
            {"certificate", text_or_null(enrolment.certificate)}};
}

EnrolmentToken make_token_for(const registry::Device& device, const TokenText& text, const Arguments& arguments,
                              WallTime now) {
    EnrolmentToken token{.device = device.mac};
    token.reference = text.reference;
    token.secret = text.secret;
    token.kind = arguments.has("--challenge") ? TokenKind::challenge : TokenKind::token;
    if (arguments.find_text("--lane") == "https-legacy") token.profile = EnrolmentProfile::legacy;
    token.needs_approval = arguments.has("--needs-approval");
    token.replaces = arguments.has("--replace");
    token.created = now;
    token.expires = now + std::chrono::hours(arguments.number("--hours", default_right_hours));
    return token;
}

void show_token(Context& context, const EnrolmentToken& token, const Secret& text) {
    json::object object = to_json(token, token.created);
    object["token"] = text.reveal();
    std::vector<std::pair<std::string, std::string>> facts{{"device", token.device.colons()},
                                                           {"token", std::string(text.reveal())},
                                                           {"until", format_time(token.expires)}};
    context.output().answer(object, format_facts(facts) + "It is shown this once, and serves once.\n");
    for (auto& fact : facts) wipe(fact.second);
}

Done add(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto device = require_right_to_certificate(**registry, arguments);
    if (!device) return fail(device.error());
    const TokenText text =
        arguments.has("--challenge") ? make_challenge(context.random()) : make_token(context.random());
    const EnrolmentToken token = make_token_for(*device, text, arguments, context.clock().wall_now());
    if (const auto added = (*registry)->add_token(token); !added) return fail(added.error());
    const Secret written = format_token_text(text);
    if (const auto out = arguments.find_text("--out")) {
        std::string line(written.reveal());
        line += '\n';
        const auto saved = context.disk().write_new(*out, line, private_file);
        wipe(line);
        if (!saved) {
            static_cast<void>((*registry)->withdraw_token(token.reference));
            return fail(saved.error());
        }
    }
    context.note({.outcome = "token-added",
                  .detail = fmt::format("{} {} until {}{}", registry::to_string(token.kind), token.reference,
                                        format_time(token.expires), token.replaces ? ", replaces" : ""),
                  .device = token.device});
    if (arguments.has("--out")) {
        context.output().answer(
            to_json(token, token.created),
            fmt::format("Wrote the token for {} until {}.", token.device.colons(), format_time(token.expires)));
        return {};
    }
    show_token(context, token, written);
    return {};
}

Done list(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto mac = arguments.find_mac("--device");
    const WallTime now = context.clock().wall_now();
    Rows rows(context.output(), {"REFERENCE", "KIND", "DEVICE", "STATE", "UNTIL"});
    const auto listed = (*registry)->list_tokens([&](const EnrolmentToken& token) {
        if (mac && token.device != *mac) return true;
        rows.add(to_json(token, now), {token.reference, std::string(registry::to_string(token.kind)),
                                       token.device.colons(), state_of(token, now), format_time(token.expires)});
        return true;
    });
    if (!listed) return fail(listed.error());
    rows.finish("No tokens yet: ringfence token add.");
    return {};
}

Done withdraw(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const std::string& reference = arguments.text("REFERENCE");
    if (const auto withdrawn = (*registry)->withdraw_token(reference); !withdrawn) return fail(withdrawn.error());
    context.note({.outcome = "token-withdrawn", .detail = "token " + reference});
    context.output().answer({{"reference", reference}, {"state", "withdrawn"}}, "Withdrew token " + reference + ".");
    return {};
}

Done list_enrolments(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const bool only_waiting = arguments.has("--waiting");
    Rows rows(context.output(), {"ID", "STATE", "DEVICE", "BY", "KEY", "FROM", "RECEIVED"});
    const auto listed = (*registry)->list_enrolments([&](const Enrolment& enrolment) {
        if (only_waiting && enrolment.state != EnrolmentState::waiting) return true;
        rows.add(to_json(enrolment),
                 {std::to_string(enrolment.id), std::string(registry::to_string(enrolment.state)),
                  enrolment.device.colons(), enrolment.protocol, enrolment.public_key.substr(0, shown_key_digits),
                  enrolment.source, format_time(enrolment.received)});
        return true;
    });
    if (!listed) return fail(listed.error());
    rows.finish(only_waiting ? "Nothing waits for a decision." : "No enrolments yet.");
    return {};
}

Done decide(const Arguments& arguments, Context& context, EnrolmentState decision) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto id = static_cast<std::int64_t>(arguments.number("ID", 0));
    const auto enrolment = (*registry)->find_enrolment(id);
    if (!enrolment) return fail(enrolment.error());
    if (!*enrolment) return fail(FaultCode::not_found, fmt::format("there is no enrolment {}", id));
    if (const auto decided = (*registry)->decide_enrolment(id, decision); !decided) return fail(decided.error());
    const std::string state(registry::to_string(decision));
    context.note({.outcome = "enrolment-" + state,
                  .detail = fmt::format("enrolment {}, key {}", id, (*enrolment)->public_key),
                  .device = (*enrolment)->device});
    context.output().answer({{"id", id}, {"device", (*enrolment)->device.colons()}, {"state", state}},
                            fmt::format("Enrolment {} of {} is {}.", id, (*enrolment)->device.colons(), state));
    return {};
}

}  // namespace

std::vector<Command> token_commands() {
    const Parameter id{.name = "ID",
                       .shape = Shape::number,
                       .meaning = "as 'enrolment list' shows it",
                       .required = true,
                       .max = std::numeric_limits<std::int64_t>::max()};
    return {
        {.words = {"token", "add"},
         .purpose = "Makes the right to one certificate for one device, shown once: a token for an agent, or a "
                    "challenge to type on a set.",
         .parameters = {{.name = "MAC", .shape = Shape::mac, .meaning = "the device's MAC address", .required = true},
                        {.name = "--challenge",
                         .shape = Shape::flag,
                         .meaning = "16 digits to type on a set; locks itself after five wrong ones"},
                        {.name = "--hours",
                         .shape = Shape::number,
                         .placeholder = "N",
                         .meaning = "how long it can be used; default: 72",
                         .min = 1,
                         .max = max_right_hours},
                        {.name = "--lane",
                         .shape = Shape::choice,
                         .meaning = "the door whose certificate it is for; default: https",
                         .choices = {"https", "https-legacy"}},
                        {.name = "--needs-approval",
                         .shape = Shape::flag,
                         .meaning = "a person decides when it is used: enrolment approve"},
                        {.name = "--replace",
                         .shape = Shape::flag,
                         .meaning = "for a device that has a certificate: what it has is revoked"},
                        {.name = "--out",
                         .placeholder = "F",
                         .meaning = "write it to this file instead of showing it"}},
         .notes = "It serves SCEP (as the challenge), EST (its reference and secret as the login) and CMP.",
         .run = add},
        {.words = {"token", "list"},
         .purpose = "Lists tokens and challenges, newest first; never their secrets.",
         .parameters = {{.name = "--device", .shape = Shape::mac, .placeholder = "MAC", .meaning = "only this one's"}},
         .run = list},
        {.words = {"token", "withdraw"},
         .purpose = "Makes a token that was not used worthless.",
         .parameters = {{.name = "REFERENCE", .meaning = "as 'token list' shows it", .required = true}},
         .run = withdraw},
        {.words = {"enrolment", "list"},
         .purpose = "Lists what was enrolled and what waits, newest first.",
         .parameters = {{.name = "--waiting", .shape = Shape::flag, .meaning = "only what waits for a decision"}},
         .run = list_enrolments},
        {.words = {"enrolment", "approve"},
         .purpose = "Lets a device that waits have its certificate when it asks again.",
         .parameters = {id},
         .run = [](const Arguments& arguments,
                   Context& context) { return decide(arguments, context, EnrolmentState::approved); }},
        {.words = {"enrolment", "refuse"},
         .purpose = "Refuses a device that waits.",
         .parameters = {id},
         .run = [](const Arguments& arguments,
                   Context& context) { return decide(arguments, context, EnrolmentState::refused); }},
    };
}

}  // namespace ringfence::app

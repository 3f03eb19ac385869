#include <fmt/format.h>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/rollover_plan.h"
#include "app/server/root_file.h"
#include "base/text.h"

namespace ringfence::app {

namespace {

using authority::Authority;
using authority::Rollover;
using crypto::CertificateRole;

constexpr std::uint64_t max_lockout = 1'000'000;  // more sets than any installation has

Result<std::unique_ptr<Rollover>> open_rollover(Context& context) {
    if (const auto known = context.settings(); !known) return fail(known.error());
    return Rollover::open(context.directory(), context.disk(), context.random(), context.clock());
}

constexpr std::string_view restart_hint = "A running server takes this when it starts again.";

// ---- ca install

Done install_first(Context& context, std::string_view certificates) {
    const auto& installation = (*context.settings())->installation;
    const auto address = IpAddress::parse(installation.address);
    if (!address) return fail(FaultCode::malformed, "the settings name no address for the server's certificate");
    const authority::ServerNames names{{installation.host}, {*address}};
    const auto completed = Authority::complete(context.directory(), names, certificates, context.disk(),
                                               context.random(), context.clock());
    if (!completed) return fail(completed.error());
    if (const auto settled = settle_root_file(context); !settled) return fail(settled.error());
    context.note({.outcome = "authority-completed", .detail = "below the root that is kept elsewhere"});
    const auto authority = context.authority();
    if (!authority) return fail(authority.error());
    const auto& root = (*authority)->root_file();
    context.output().answer(
        {{"root", printable(root.path)}, {"root_sha1", root.sha1}, {"root_sha256", root.sha256}},
        "The certificate authority is complete. Before a set accepts the root, compare with: ringfence root show\n");
    return {};
}

void tell_announced(Context& context, const Rollover& rollover) {
    const auto& root = rollover.next_root();
    context.output().answer(
        {{"stage", "announced"}, {"root", root.subject()}, {"root_fingerprint", root.fingerprint_sha256()}},
        fmt::format("Announced {}: sets that hold the present root take it when they start again, "
                    "and nobody is asked.\nUntil then new sets show another fingerprint: ringfence "
                    "root show.\nWho has it: ringfence ca rollover plan.\n",
                    printable(root.subject())));
}

Done install_next(Context& context, std::string_view certificates) {
    const auto rollover = open_rollover(context);
    if (!rollover) return fail(rollover.error());
    if ((*rollover)->stage() != Rollover::Stage::waits_for_root) {
        // What was cut short after the last file was written.
        const auto settled = settle_root_file(context);
        if (!settled) return fail(settled.error());
        if (!*settled) return fail(FaultCode::conflict, "nothing waits for a root's signature");
        context.output().answer({{"settled", true}}, "The rest of what was installed before is done now.");
        return {};
    }
    if (const auto installed = (*rollover)->install(certificates); !installed) return fail(installed.error());
    if (const auto announced = announce(context, **rollover); !announced) return fail(announced.error());
    tell_announced(context, **rollover);
    return {};
}

Done install(const Arguments& arguments, Context& context) {
    if (const auto known = context.settings(); !known) return fail(known.error());
    const auto certificates = context.disk().read(arguments.text("FILE"), crypto::Certificate::max_bundle_size);
    if (!certificates) return fail(certificates.error());
    if (Authority::waits_for_root(context.directory(), context.disk())) return install_first(context, *certificates);
    return install_next(context, *certificates);
}

// ---- ca renew

std::optional<CertificateRole> parse_role(std::string_view name) {
    if (name == "file-signer") return CertificateRole::file_signer;
    if (name == "server") return CertificateRole::server;
    if (name == "registration") return CertificateRole::registration;
    if (name == "ocsp") return CertificateRole::ocsp_signer;
    return std::nullopt;
}

Done renew(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto authority = context.open_authority(authority::KeySet::signer);
    if (!authority) return fail(authority.error());
    const std::string& what = arguments.text("WHAT");
    const auto renewed = (*authority)->renew(*parse_role(what), **registry);
    if (!renewed) return fail(renewed.error());
    context.note({.outcome = "authority-renewed", .detail = what});
    context.output().answer({{"renewed", what}}, fmt::format("Made new keys and certificates for {}. {}\nIf the old "
                                                             "key may be in other hands, revoke its certificate: "
                                                             "ringfence cert list, ringfence cert revoke --serial S.\n",
                                                             what, restart_hint));
    return {};
}

// ---- ca rollover

Done start(const Arguments& arguments, Context& context) {
    const auto rollover = open_rollover(context);
    if (!rollover) return fail(rollover.error());
    if (arguments.has("--offline-root")) {
        const auto requests = (*rollover)->prepare_for_offline_root();
        if (!requests) return fail(requests.error());
        const auto asked = read_requests(context, *requests);
        if (!asked) return fail(asked.error());
        context.note({.outcome = "rollover-prepared", .detail = "requests for the root that is kept elsewhere"});
        context.output().answer(
            {{"stage", "waits-for-root"}, {"requests", printable(*requests)}, {"asked_for", asked->requests}},
            fmt::format("The new root's signatures are asked for in {}:\n{}Where it is kept: "
                        "ringfence root create (a new one), ringfence root sign; then here: "
                        "ringfence ca install.\n",
                        printable(*requests), asked->text));
        return {};
    }
    if ((*rollover)->stage() == Rollover::Stage::announced) {
        if (const auto settled = settle_root_file(context); !settled) return fail(settled.error());
        tell_announced(context, **rollover);
        return {};
    }
    if (const auto prepared = (*rollover)->prepare(); !prepared) return fail(prepared.error());
    if (const auto announced = announce(context, **rollover); !announced) return fail(announced.error());
    tell_announced(context, **rollover);
    return {};
}

void add_row(Rows& rows, const DeviceOutlook& outlook) {
    const auto& device = outlook.device;
    const std::string standpoint(to_string(outlook.standpoint));
    const std::string evidence = outlook.evidence ? std::string(to_string(outlook.evidence->evidence)) : "";
    const std::string at = outlook.evidence ? format_time(outlook.evidence->at) : "";
    const std::string seen = outlook.last_seen ? format_time(*outlook.last_seen) : "";
    rows.add({{"kind", "device"},
              {"mac", device.mac.colons()},
              {"model", device.model},
              {"site", text_or_null(device.site)},
              {"standpoint", standpoint},
              {"evidence", text_or_null(evidence)},
              {"evidence_at", text_or_null(at)},
              {"last_proved", text_or_null(seen)}},
             {device.mac.colons(), device.model, device.site, standpoint, evidence, at, seen});
}

json::object summary_of(const RolloverPlan& plan) {
    json::array hosts;
    for (const auto& host : plan.hosts) hosts.emplace_back(printable(host.subject));
    return {{"kind", "summary"},
            {"announced", text_or_null(plan.announced ? format_time(*plan.announced) : "")},
            {"holds", plan.count(Standpoint::holds)},
            {"locked_out", plan.count(Standpoint::locked_out)},
            {"unseen", plan.count(Standpoint::unseen)},
            {"fresh", plan.count(Standpoint::fresh)},
            {"device_certificates", plan.device_certificates},
            {"hosts", hosts},
            {"advice", plan.advice()}};
}

std::string describe(const RolloverPlan& plan) {
    std::string out = fmt::format(
        "\n{} the new root, {} would be locked out, {} not seen since it was announced, {} fresh.\n"
        "Below the present root stand {}; they stay good until they end, and renewals move to the new one.\n",
        plan.count(Standpoint::holds) == 1 ? "1 set holds" : fmt::format("{} sets hold", plan.count(Standpoint::holds)),
        plan.count(Standpoint::locked_out), plan.count(Standpoint::unseen), plan.count(Standpoint::fresh),
        count_of(plan.device_certificates, "device certificate"));
    for (const auto& host : plan.hosts)
        out += fmt::format("{} needs a new certificate after finish: ringfence cert host.\n", printable(host.subject));
    return out + plan.advice() + "\n";
}

Done plan(const Arguments&, Context& context) {
    const auto rollover = open_rollover(context);
    if (!rollover) return fail(rollover.error());
    const auto made = plan_rollover(context, **rollover);
    if (!made) return fail(made.error());
    Rows rows(context.output(), {"DEVICE", "MODEL", "SITE", "NEXT ROOT", "KNOWN BY", "AT", "LAST PROVED"});
    for (const auto& outlook : made->devices) add_row(rows, outlook);
    rows.finish("No devices yet.");
    context.output().answer(summary_of(*made), describe(*made));
    return {};
}

Done settle_finished(Context& context) {
    const auto settled = settle_root_file(context);
    if (!settled) return fail(settled.error());
    if (!*settled) return fail(FaultCode::conflict, "no rollover is announced: ringfence ca rollover start");
    context.output().answer({{"stage", "finished"}}, "The rest of the rollover is done now.");
    return {};
}

Done finish(const Arguments& arguments, Context& context) {
    const auto rollover = open_rollover(context);
    if (!rollover) return fail(rollover.error());
    if ((*rollover)->stage() == Rollover::Stage::none) return settle_finished(context);
    if ((*rollover)->stage() != Rollover::Stage::announced)
        return fail(FaultCode::conflict, "the new root has not signed yet: ringfence ca install");
    const auto made = plan_rollover(context, **rollover);
    if (!made) return fail(made.error());
    if (made->at_risk() > arguments.number("--accept-lockout", 0))
        return fail(
            FaultCode::conflict,
            fmt::format("{} would be locked out, or may be: see ringfence ca rollover plan. Nothing was changed",
                        count_of(made->at_risk(), "set")));
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto root = sign_root_file(context, (*rollover)->root_content());
    if (!root) return fail(root.error());
    if (const auto switched = (*rollover)->switch_over(*root, **registry); !switched) return fail(switched.error());
    if (const auto settled = settle_root_file(context); !settled) return fail(settled.error());
    context.note({.outcome = "rollover-finished",
                  .detail = fmt::format("{}; {} may be locked out", (*rollover)->next_root().subject(),
                                        count_of(made->at_risk(), "set"))});
    context.output().answer({{"stage", "finished"}, {"at_risk", made->at_risk()}},
                            fmt::format("The new CAs issue from now on. {}\nDevice certificates of the old ones stay "
                                        "good until they end.\n",
                                        restart_hint));
    return {};
}

Done abort(const Arguments&, Context& context) {
    const auto rollover = open_rollover(context);
    if (!rollover) return fail(rollover.error());
    if (const auto ended = (*rollover)->abandon(); !ended) return fail(ended.error());
    if (const auto settled = settle_root_file(context); !settled) return fail(settled.error());
    context.note({.outcome = "rollover-aborted", .detail = "the present CAs stay"});
    context.output().answer({{"stage", "none"}},
                            "The present CAs stay, and the new keys are removed. Sets that took the new root keep it, "
                            "and nobody can use it.");
    return {};
}

}  // namespace

std::vector<Command> ca_commands() {
    return {
        {.words = {"ca", "install"},
         .purpose = "Takes what the root signed where it is kept, and does what waited for it.",
         .parameters = {{.name = "FILE", .meaning = "the certificates, from ringfence root sign", .required = true}},
         .run = install},
        {.words = {"ca", "renew"},
         .purpose = "Makes new keys and certificates below the issuing CAs, in the place of old, lost or stolen ones.",
         .parameters = {{.name = "WHAT",
                         .shape = Shape::choice,
                         .meaning = "whose",
                         .required = true,
                         .choices = {"server", "file-signer", "registration", "ocsp"}}},
         .notes = "cert server keeps the server's keys, and may add names.",
         .run = renew},
        {.words = {"ca", "rollover", "start"},
         .purpose = "Makes a new root and new issuing CAs and announces them, signed by the present file signer.",
         .parameters = {{.name = "--offline-root",
                         .shape = Shape::flag,
                         .meaning = "the new root's key is kept on another machine: ask for its signatures by a file"}},
         .notes = "Nothing is issued by them before ca rollover finish. The old root's key is not needed.",
         .run = start},
        {.words = {"ca", "rollover", "plan"},
         .purpose = "Lists which sets hold the new root, and which would be locked out.",
         .notes =
             "KNOWN BY: fetched is a hint only (its address fetched the root file); verified: it proved itself on a "
             "connection below that root; reported: it said so, and proved itself.",
         .run = plan},
        {.words = {"ca", "rollover", "finish"},
         .purpose = "Lets the new CAs issue, and shows sets the server's new certificates.",
         .parameters = {{.name = "--accept-lockout",
                         .shape = Shape::number,
                         .placeholder = "N",
                         .meaning = "so many sets may be locked out; each then needs a hand on it",
                         .max = max_lockout}},
         .run = finish},
        {.words = {"ca", "rollover", "abort"},
         .purpose = "Ends a rollover that is not finished: the present CAs stay.",
         .run = abort},
    };
}

}  // namespace ringfence::app

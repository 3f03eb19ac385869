#include <fmt/format.h>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "authority/offline_root.h"
#include "base/text.h"
#include "crypto/certificate_request.h"

namespace ringfence::app {

namespace {

using authority::OfflineRoot;

constexpr std::size_t max_requests_size =
    crypto::CertificationRequest::max_in_bundle * crypto::CertificationRequest::max_size;

Done create(const Arguments& arguments, Context& context) {
    const std::string& folder = arguments.text("--out");
    const auto root = OfflineRoot::create(folder, arguments.text("--name"), context.disk(), context.random());
    if (!root) return fail(root.error());
    const auto& certificate = root->certificate();
    context.output().answer({{"folder", printable(folder)},
                             {"subject", printable(certificate.subject())},
                             {"fingerprint", certificate.fingerprint_sha256()},
                             {"not_after", format_time(certificate.not_after())}},
                            fmt::format("Made {0}/root.key and {0}/root.pem: {1}.\nWhoever has root.key can pass for "
                                        "every server of yours. Keep it on this machine, off every network, and a copy "
                                        "elsewhere.\n",
                                        printable(folder), printable(certificate.subject())));
    return {};
}

Done sign(const Arguments& arguments, Context& context) {
    const auto root = OfflineRoot::open(arguments.text("--root"), context.disk());
    if (!root) return fail(root.error());
    const auto requests = context.disk().read(arguments.text("--requests"), max_requests_size);
    if (!requests) return fail(requests.error());
    const auto made = root->sign(*requests, context.random(), context.clock().wall_now());
    if (!made) return fail(made.error());

    const auto out = arguments.find_text("--out");
    if (out) {
        std::vector<crypto::Certificate> bundle{root->certificate()};
        bundle.insert(bundle.end(), made->begin(), made->end());
        const auto written = context.disk().replace(*out, crypto::format_bundle(bundle), public_file);
        if (!written) return fail(written.error());
    }
    Rows rows(context.output(), {"SUBJECT", "KEY, SHA-256", "FROM", "UNTIL"});
    for (const auto& certificate : *made) {
        const std::string key = certificate.public_key()->fingerprint_sha256();
        const std::string from = format_time(certificate.not_before());
        const std::string until = format_time(certificate.not_after());
        rows.add({{"subject", printable(certificate.subject())},
                  {"key", key},
                  {"not_before", from},
                  {"not_after", until},
                  {"signed", out.has_value()}},
                 {printable(certificate.subject()), key, from, until});
    }
    rows.finish("");
    if (context.output().as_json()) return {};
    context.output().raw(
        out ? fmt::format("\nSigned: {}. Back on the server: ringfence ca install.\n", printable(*out))
            : "\nNothing was written: compare the keys with what the server showed, then give --out.\n");
    return {};
}

}  // namespace

std::vector<Command> root_commands() {
    return {
        {.words = {"root", "create"},
         .purpose = "Makes a root whose key never comes to the server: run this on the machine that keeps it.",
         .parameters = {{.name = "--out", .placeholder = "DIR", .meaning = "the root's folder", .required = true},
                        {.name = "--name",
                         .placeholder = "NAME",
                         .meaning = "your organization, as the root's subject says it",
                         .required = true}},
         .needs_installation = false,
         .run = create},
        {.words = {"root", "sign"},
         .purpose = "Shows the issuing CAs that a server asks for, and signs them: run this where the root is kept.",
         .parameters = {{.name = "--root", .placeholder = "DIR", .meaning = "the root's folder", .required = true},
                        {.name = "--requests",
                         .placeholder = "FILE",
                         .meaning = "requests.pem, as init --offline-root or ca rollover start made it",
                         .required = true},
                        {.name = "--out",
                         .placeholder = "FILE",
                         .meaning = "write the certificates; without it, only show"}},
         .notes = "It signs Ringfence's three issuing CAs and nothing else: of a request only the key and the name "
                  "count.",
         .needs_installation = false,
         .run = sign},
    };
}

}  // namespace ringfence::app

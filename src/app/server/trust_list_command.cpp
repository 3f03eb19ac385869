#include <fmt/format.h>

#include <algorithm>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/file_signing.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "phonefile/trust_list.h"

namespace ringfence::app {

namespace {

using crypto::Certificate;

// A set without a battery clock wakes up in an old year and must find the list in force.
constexpr WallTime clockless_begin = std::chrono::sys_days{std::chrono::year{2000} / 1 / 1};
// Time to renew a server's certificate and to bring the new list to every set before.
constexpr std::chrono::days time_to_renew{30};
constexpr std::uint64_t longest_days = 3653;  // ten years, as our issuing CAs

void add_once(std::vector<Certificate>& certificates, const Certificate& added) {
    if (std::find(certificates.begin(), certificates.end(), added) == certificates.end()) certificates.push_back(added);
}

// A file may hold a server's whole chain; sets compare the server's own certificate.
Status add_from_file(std::vector<Certificate>& certificates, Disk& disk, const std::string& path) {
    const auto pem = disk.read(path, Certificate::max_bundle_size);
    if (!pem) return fail(pem.error());
    const auto bundle = Certificate::parse_bundle(*pem);
    if (!bundle) return fail(bundle.error().within(printable(path)));
    bool has_server = false;
    for (const auto& certificate : *bundle) {
        if (certificate.is_ca()) continue;
        has_server = true;
        add_once(certificates, certificate);
    }
    if (has_server) return {};
    return fail(FaultCode::untrusted,
                printable(path) + " holds authorities only, and sets compare a server's own certificate with the list");
}

std::vector<Certificate> own_servers(const authority::Authority& authority) {
    std::vector<Certificate> certificates;
    for (const auto lane : {crypto::TlsLane::modern, crypto::TlsLane::legacy})
        for (const auto& identity : authority.server_identities(lane)) add_once(certificates, identity.leaf);
    return certificates;
}

Result<std::vector<Certificate>> collect(const Arguments& arguments, Context& context,
                                         const authority::Authority& authority) {
    std::vector<Certificate> certificates;
    if (arguments.has("--own") || !arguments.has("--from")) certificates = own_servers(authority);
    for (const auto& path : arguments.all("--from"))
        if (const auto added = add_from_file(certificates, context.disk(), path); !added) return fail(added.error());
    return certificates;
}

Status check_limits(const std::vector<Certificate>& certificates, const family::Limits& limits, WallTime now) {
    if (certificates.size() > limits.trust_list_certificates)
        return fail(FaultCode::too_large, fmt::format("these are {} certificates, and a trust list holds {} at most",
                                                      certificates.size(), limits.trust_list_certificates));
    for (const auto& certificate : certificates)
        if (certificate.not_after() <= now)
            return fail(FaultCode::expired,
                        fmt::format("the certificate of {} ended on {}", printable(certificate.subject()),
                                    format_time(certificate.not_after())));
    return {};
}

std::vector<std::string> find_warnings(const std::vector<Certificate>& certificates,
                                       const std::vector<Certificate>& own, WallTime now) {
    std::vector<std::string> warnings;
    for (const auto& certificate : certificates)
        if (certificate.not_after() < now + time_to_renew)
            warnings.push_back(fmt::format("the certificate of {} ends on {}", printable(certificate.subject()),
                                           format_time(certificate.not_after())));
    const bool holds_own = std::all_of(own.begin(), own.end(), [&](const auto& one) {
        return std::find(certificates.begin(), certificates.end(), one) != certificates.end();
    });
    if (!holds_own)
        warnings.emplace_back(
            "it lacks certificates of this server: sets that hold it fetch nothing more from here over "
            "HTTPS; --own adds them");
    return warnings;
}

// Not beyond its first certificate, unless that is wished: after it the list would only lock a server out.
WallTime find_end(const std::vector<Certificate>& certificates, const Arguments& arguments, WallTime now) {
    const auto days = arguments.number("--days", 0);
    if (days != 0) return std::chrono::floor<std::chrono::seconds>(now) + std::chrono::days(days);
    const auto first = std::min_element(certificates.begin(), certificates.end(),
                                        [](const auto& a, const auto& b) { return a.not_after() < b.not_after(); });
    return first->not_after();
}

json::object to_json(const Certificate& certificate) {
    return {{"subject", printable(certificate.subject())},
            {"fingerprint", certificate.fingerprint_sha256()},
            {"not_after", format_time(certificate.not_after())}};
}

Done build(const Arguments& arguments, Context& context) {
    const auto family = context.family();
    if (!family) return fail(family.error());
    const auto& limits = (*family)->limits();
    const auto authority = context.authority();
    if (!authority) return fail(authority.error());
    const auto certificates = collect(arguments, context, **authority);
    if (!certificates) return fail(certificates.error());
    const WallTime now = context.clock().wall_now();
    if (const auto fits = check_limits(*certificates, limits, now); !fits) return fail(fits.error());

    phonefile::TrustList list{clockless_begin, find_end(*certificates, arguments, now), {}};
    for (const auto& certificate : *certificates) list.certificates.push_back(certificate.to_pem());
    auto bytes = phonefile::format_trust_list(list);
    const bool is_signed = arguments.has("--sign");
    if (bytes && is_signed)
        bytes = FileSigner(**authority, limits, context.clock()).sign({phonefile::SignedKind::trust_list}, *bytes);
    if (!bytes) return fail(bytes.error());
    const std::string& out = arguments.text("--out");
    if (const auto written = context.disk().replace(out, *bytes, public_file); !written) return fail(written.error());

    const auto warnings = find_warnings(*certificates, own_servers(**authority), now);
    for (const auto& warning : warnings) remark(warning);
    const std::string until = format_time(list.not_after);
    if (is_signed)
        context.note({.outcome = "file-signed",
                      .detail = fmt::format("a trust list of {}, until {}",
                                            count_of(certificates->size(), "certificate"), until)});
    json::array listed;
    std::string text = fmt::format("A {}trust list of {} until {}: {}, {}.\n", is_signed ? "signed " : "",
                                   count_of(certificates->size(), "certificate"), until, printable(out),
                                   count_of(bytes->size(), "byte"));
    for (const auto& certificate : *certificates) {
        listed.emplace_back(to_json(certificate));
        text += fmt::format("  {}, until {}\n", printable(certificate.subject()), format_time(certificate.not_after()));
    }
    if (!is_signed) text += "Sets take it only if it is signed: file put --sign, or file sign --kind ctl.\n";
    context.output().answer({{"out", printable(out)},
                             {"signed", is_signed},
                             {"bytes", bytes->size()},
                             {"not_after", until},
                             {"certificates", listed},
                             {"warnings", to_array(warnings)}},
                            text);
    return {};
}

}  // namespace

std::vector<Command> trust_list_commands() {
    return {
        {.words = {"ctl", "build"},
         .purpose = "Builds a certificate trust list: the servers' certificates that sets take, and no others.",
         .parameters =
             {{.name = "--out", .placeholder = "FILE", .meaning = "written whole or not at all", .required = true},
              {.name = "--from",
               .placeholder = "CERT.pem",
               .meaning = "a server's certificate, or its chain; may be repeated. Default: this server's own, of all "
                          "doors",
               .repeated = true},
              {.name = "--own", .shape = Shape::flag, .meaning = "this server's own too, beside --from"},
              {.name = "--days",
               .shape = Shape::number,
               .placeholder = "N",
               .meaning = "how long it holds; default: until the first of its certificates ends",
               .min = 1,
               .max = longest_days},
              {.name = "--sign", .shape = Shape::flag, .meaning = "sign it, as sets want it"}},
         .notes =
             "While a set holds a trust list it talks to no server whose certificate is not on it: bring it the new "
             "list before a server gets a new certificate. Once the list has ended, a set checks chains again.",
         .run = build},
    };
}

}  // namespace ringfence::app

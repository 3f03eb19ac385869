// cert p12: a certificate that waits for its set as a file that is fetched once.
#include <fmt/format.h>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/enrolment_parts.h"
#include "app/server/enrolment_right.h"
#include "delivery/one_time_path.h"

namespace ringfence::app {

namespace {

using authority::IssuedDevice;
using crypto::TlsLane;
using registry::OneTimeFile;
using registry::Registry;
using registry::RevocationReason;

authority::DeviceRequest read_request(const Arguments& arguments, const server::ServerSettings& settings) {
    authority::DeviceRequest request{.mac = arguments.mac("MAC")};
    if (arguments.find_text("--lane") == "https-legacy") request.lane = TlsLane::legacy;
    if (const auto key = arguments.find_text("--key")) request.key = *crypto::parse_key_type(*key);
    request.urls = service_urls(settings);
    return request;
}

OneTimeFile describe_file(const MacAddress& mac, const IssuedDevice& issued, WallTime now, Duration life) {
    OneTimeFile file{.device = mac};
    file.path = delivery::certificate_path(mac);
    file.section = delivery::certificate_section;
    file.certificate = issued.certificate.fingerprint_sha256();
    file.created = now;
    file.expires = now + life;
    return file;
}

// The password's file first: once the set can fetch what it opens, nothing can fail any more.
Status keep(Context& context, Registry& registry, const OneTimeFile& file, const IssuedDevice& issued,
            const std::optional<std::string>& password_file) {
    if (password_file) {
        std::string line(issued.pkcs12_password.reveal());
        line += '\n';
        const auto saved = context.disk().write_new(*password_file, line, private_file);
        wipe(line);
        if (!saved) return saved;
    }
    return registry.together([&]() -> Status {
        if (auto put = registry.put_one_time_file(file, issued.pkcs12); !put) return put;
        // Whoever gets a new one has the old key nowhere any more.
        auto superseded = registry.supersede_certificates(file.device, file.certificate);
        return superseded ? Status() : fail(std::move(superseded).error());
    });
}

void show(Context& context, const OneTimeFile& file, const IssuedDevice& issued, bool with_password) {
    const std::string until = format_time(file.expires);
    json::object object{{"mac", file.device.colons()},
                        {"serial", issued.certificate.serial()},
                        {"fingerprint", file.certificate},
                        {"subject", issued.certificate.subject()},
                        {"not_after", format_time(issued.certificate.not_after())},
                        {"path", file.path},
                        {"expires", until}};
    std::vector<std::pair<std::string, std::string>> facts{{"device", file.device.colons()},
                                                           {"certificate", issued.certificate.serial()},
                                                           {"sets fetch", file.path},
                                                           {"until", until}};
    if (with_password) {
        object["password"] = issued.pkcs12_password.reveal();
        facts.emplace_back("password", issued.pkcs12_password.reveal());
    }
    context.output().answer(object, format_facts(facts) + (with_password ? "The password is shown this once. " : "") +
                                        "The file is fetched once; its key is nowhere else.\n");
    if (with_password) wipe(facts.back().second);
}

Done issue_pkcs12(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const MacAddress mac = arguments.mac("MAC");
    if (const auto device = require_right_to_certificate(**registry, arguments); !device) return fail(device.error());
    const auto authority = context.authority();
    if (!authority) return fail(authority.error());
    const auto issued = (*authority)->issue_device(read_request(arguments, **context.settings()), **registry);
    if (!issued) return fail(issued.error());
    const OneTimeFile file = describe_file(mac, *issued, context.clock().wall_now(),
                                           std::chrono::hours(arguments.number("--hours", default_right_hours)));
    const auto password_file = arguments.find_text("--password-out");
    if (const auto kept = keep(context, **registry, file, *issued, password_file); !kept) {
        // A certificate whose key nobody gets must not stay good.
        static_cast<void>(
            (*registry)->revoke_certificate_at(file.certificate, RevocationReason::cessation_of_operation));
        if (password_file) static_cast<void>(context.disk().remove(*password_file));
        return fail(kept.error());
    }
    context.note({.outcome = "certificate-issued",
                  .detail = fmt::format("serial {}, to be fetched once until {}{}", issued->certificate.serial(),
                                        format_time(file.expires), arguments.has("--replace") ? ", replaces" : ""),
                  .device = mac,
                  .path = file.path});
    show(context, file, *issued, !password_file);
    return {};
}

}  // namespace

Command pkcs12_command() {
    return {.words = {"cert", "p12"},
            .purpose =
                "Issues a device certificate that its set fetches once as a PKCS#12, and shows the password to "
                "type there.",
            .parameters = {{.name = "MAC", .shape = Shape::mac, .meaning = "the set's MAC address", .required = true},
                           {.name = "--hours",
                            .shape = Shape::number,
                            .placeholder = "N",
                            .meaning = "how long it can be fetched; default: 72",
                            .min = 1,
                            .max = max_right_hours},
                           {.name = "--key",
                            .shape = Shape::choice,
                            .meaning = "default: rsa2048, which every set takes",
                            .choices = {"rsa2048", "p256"}},
                           {.name = "--lane",
                            .shape = Shape::choice,
                            .meaning = "the door that it will be shown to; default: https",
                            .choices = {"https", "https-legacy"}},
                           {.name = "--replace",
                            .shape = Shape::flag,
                            .meaning = "for a device that has a certificate: what it has is revoked"},
                           {.name = "--password-out",
                            .placeholder = "F",
                            .meaning = "write the password to this file instead of showing it"}},
            .notes =
                "The set fetches it over HTTPS with its login, or inside a staging window. Another address that "
                "asks for it too burns it, raises an alarm and, unless the set proved itself before, revokes the "
                "certificate.",
            .run = issue_pkcs12};
}

}  // namespace ringfence::app

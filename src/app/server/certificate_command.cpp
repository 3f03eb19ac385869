#include <fmt/format.h>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/device_report.h"
#include "app/server/enrolment_parts.h"
#include "app/server/server_names.h"
#include "app/server/whole_folder.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "delivery/installation.h"

namespace ringfence::app {

namespace {

using authority::IssuedDevice;
using authority::RootFile;
using crypto::TlsLane;
using registry::CertificateRecord;

constexpr std::uint64_t max_expiring_days = 36'500;  // a century: no certificate of ours lives longer
constexpr std::size_t group_digits = 4;              // as sets show a fingerprint, and as eyes compare it

std::string in_groups(std::string_view digits) {
    std::string out;
    for (std::size_t i = 0; i < digits.size(); i += group_digits) {
        if (i > 0) out += ' ';
        out += digits.substr(i, group_digits);
    }
    return out;
}

TlsLane read_lane(const Arguments& arguments) {
    return arguments.find_text("--lane") == "https-legacy" ? TlsLane::legacy : TlsLane::modern;
}

struct Piece {
    std::string_view name;
    std::string_view bytes;
    mode_t mode;
};

Status write_pieces(Disk& disk, const std::string& folder, const std::vector<Piece>& pieces) {
    Status status;
    for (const auto& piece : pieces) {
        status = disk.write_new(folder + "/" + std::string(piece.name), piece.bytes, piece.mode);
        if (!status) break;
    }
    return status;
}

Status write_all(Disk& disk, const std::string& folder, const authority::IssuedHost& issued) {
    const Secret key = issued.key.to_pem();
    const std::string certificate = issued.certificate.to_pem();
    const std::string chain = crypto::format_bundle(issued.chain);
    return write_pieces(disk, folder,
                        {{"key.pem", key.reveal(), private_file},
                         {"cert.pem", certificate, public_file},
                         {"chain.pem", chain, public_file}});
}

Status write_all(Disk& disk, const std::string& folder, const IssuedDevice& issued) {
    const Secret key = issued.key.to_pem();
    const std::string certificate = issued.certificate.to_pem();
    const std::string chain = crypto::format_bundle(issued.chain);
    std::string password(issued.pkcs12_password.reveal());
    password += '\n';
    auto status = write_pieces(disk, folder,
                               {{"key.pem", key.reveal(), private_file},
                                {"cert.pem", certificate, public_file},
                                {"chain.pem", chain, public_file},
                                {"device.p12", issued.pkcs12, private_file},
                                {"p12.txt", password, private_file}});
    wipe(password);
    return status;
}

std::string folder_of(const Arguments& arguments) {
    std::string out = arguments.text("--out");
    while (out.size() > 1 && out.back() == '/') out.pop_back();
    return out;
}

Done issue(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto authority = context.authority();
    if (!authority) return fail(authority.error());
    const std::string out = folder_of(arguments);
    authority::DeviceRequest request{.mac = arguments.mac("MAC")};
    request.lane = read_lane(arguments);
    request.urls = service_urls(**context.settings());
    if (const auto key = arguments.find_text("--key")) request.key = *crypto::parse_key_type(*key);
    Result<IssuedDevice> issued = fail(FaultCode::internal, "nothing was issued");
    const auto written = write_whole_folder(out, context.disk(), [&](const std::string& folder) -> Status {
        issued = (*authority)->issue_device(request, **registry);
        if (!issued) return fail(issued.error());
        return write_all(context.disk(), folder, *issued);
    });
    if (!written) {
        // A certificate whose key nobody has must not stay good.
        if (issued) static_cast<void>((*registry)->revoke_certificate(issued->certificate.serial()));
        return fail(written.error());
    }
    context.note({.outcome = "certificate-issued",
                  .detail = fmt::format("serial {}, until {}", issued->certificate.serial(),
                                        format_time(issued->certificate.not_after())),
                  .device = request.mac});
    json::object object;
    object["mac"] = request.mac.colons();
    object["serial"] = issued->certificate.serial();
    object["fingerprint"] = issued->certificate.fingerprint_sha256();
    object["subject"] = issued->certificate.subject();
    object["lane"] = request.lane == TlsLane::legacy ? "https-legacy" : "https";
    object["not_before"] = format_time(issued->certificate.not_before());
    object["not_after"] = format_time(issued->certificate.not_after());
    object["out"] = printable(out);
    object["files"] = json::array{"key.pem", "cert.pem", "chain.pem", "device.p12", "p12.txt"};
    context.output().answer(
        object, fmt::format("Issued {} until {}.\nIn {}: key.pem, cert.pem, chain.pem; device.p12 and its password in "
                            "p12.txt. The key is nowhere else.\n",
                            issued->certificate.subject(), format_time(issued->certificate.not_after()), out));
    return {};
}

Done issue_host(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto authority = context.authority();
    if (!authority) return fail(authority.error());
    const std::string out = folder_of(arguments);
    authority::ServerNames names;
    add_name(names, arguments.text("HOST"));
    for (const auto& host : arguments.all("--also")) add_name(names, host);
    authority::HostRequest request{names.hosts, names.addresses};
    if (const auto key = arguments.find_text("--key")) request.key = *crypto::parse_key_type(*key);
    Result<authority::IssuedHost> issued = fail(FaultCode::internal, "nothing was issued");
    const auto written = write_whole_folder(out, context.disk(), [&](const std::string& folder) -> Status {
        issued = (*authority)->issue_host(request, **registry);
        if (!issued) return fail(issued.error());
        return write_all(context.disk(), folder, *issued);
    });
    if (!written) {
        // A certificate whose key nobody has must not stay good.
        if (issued) static_cast<void>((*registry)->revoke_certificate(issued->certificate.serial()));
        return fail(written.error());
    }
    const std::string until = format_time(issued->certificate.not_after());
    context.note({.outcome = "certificate-issued",
                  .detail = fmt::format("serial {}, server {}, until {}", issued->certificate.serial(),
                                        issued->certificate.subject(), until)});
    json::array addresses;
    for (const auto& address : names.addresses) addresses.emplace_back(address.to_string());
    context.output().answer({{"serial", issued->certificate.serial()},
                             {"fingerprint", issued->certificate.fingerprint_sha256()},
                             {"hosts", to_array(names.hosts)},
                             {"addresses", addresses},
                             {"not_after", until},
                             {"out", printable(out)},
                             {"files", json::array{"key.pem", "cert.pem", "chain.pem"}}},
                            fmt::format("Issued {} until {}.\nIn {}: key.pem, cert.pem, chain.pem. The key is nowhere "
                                        "else.\n",
                                        issued->certificate.subject(), until, out));
    return {};
}

std::optional<std::string> need_mac_or_serial(const Arguments& arguments) {
    if (arguments.has("MAC") == arguments.has("--serial")) return "give either a MAC or --serial";
    return std::nullopt;
}

// As certificates print it: colons, capitals and leading zeros do not count.
std::string tidy_serial(std::string_view text) {
    std::string out = to_lower(replace_all(std::string(text), ":", ""));
    while (out.size() > 2 && out.starts_with("00")) out.erase(0, 2);
    return out;
}

Done revoke(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto revoked = arguments.has("MAC")
                             ? (*registry)->revoke_certificates_of(arguments.mac("MAC"))
                             : (*registry)->revoke_certificate(tidy_serial(arguments.text("--serial")));
    if (!revoked) return fail(revoked.error());
    json::array serials;
    std::string text;
    for (const auto& certificate : *revoked) {
        serials.emplace_back(certificate.serial);
        text += fmt::format("Revoked {} ({}).\n", certificate.serial, certificate.subject);
        context.note(
            {.outcome = "certificate-revoked", .detail = "serial " + certificate.serial, .device = certificate.device});
        if (certificate.purpose != registry::CertificatePurpose::device)
            remark("this is no device's certificate: sets do not learn of its revocation");
    }
    context.output().answer({{"revoked", serials}}, text + "It is refused from the next handshake on.");
    return {};
}

bool ends_between(const CertificateRecord& certificate, WallTime now, WallTime soon) {
    return !certificate.revoked && certificate.not_after > now && certificate.not_after <= soon;
}

Done list(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto mac = arguments.find_mac("--device");
    const WallTime now = context.clock().wall_now();
    const bool only_expiring = arguments.has("--expiring");
    const WallTime soon = now + std::chrono::days(arguments.number("--expiring", 0));
    Rows rows(context.output(), {"SERIAL", "PURPOSE", "SUBJECT", "UNTIL", "STATE"});
    const auto listed = (*registry)->list_certificates([&](const CertificateRecord& certificate) {
        if (mac && certificate.device != *mac) return true;
        if (only_expiring && !ends_between(certificate, now, soon)) return true;
        const char* state = certificate.revoked ? "revoked" : certificate.not_after <= now ? "over" : "good";
        json::object object = to_json(certificate);
        object["state"] = state;
        rows.add(object, {certificate.serial, std::string(to_string(certificate.purpose)), certificate.subject,
                          format_time(certificate.not_after), state});
        return true;
    });
    if (!listed) return fail(listed.error());
    rows.finish(only_expiring ? "No certificate ends within that time." : "No certificates.");
    return {};
}

Done issue_server(const Arguments& arguments, Context& context) {
    const auto authority = context.authority();
    if (!authority) return fail(authority.error());
    authority::ServerNames names = (*authority)->server_names();
    for (const auto& host : arguments.all("--add")) add_name(names, host);
    const auto issued = issue_server_certificates(context, names);
    if (!issued) return fail(issued.error());
    json::array addresses;
    for (const auto& address : names.addresses) addresses.emplace_back(address.to_string());
    context.output().answer({{"hosts", to_array(names.hosts)}, {"addresses", addresses}},
                            "Issued new server certificates; the old ones stay valid until they end.");
    return {};
}

Done show_root(const Arguments&, Context& context) {
    const auto authority = context.authority();
    if (!authority) return fail(authority.error());
    const RootFile& file = (*authority)->root_file();
    context.output().answer({{"file", file.path},
                             {"request_path", delivery::root_file_path},
                             {"sha1", file.sha1},
                             {"sha1_short", file.sha1_short},
                             {"sha256", file.sha256}},
                            "Fingerprints of the root file, as a set shows them before it accepts its first root. "
                            "Compare every digit.\n\n" +
                                format_facts({{"file", file.path},
                                              {"sets fetch", std::string(delivery::root_file_path)},
                                              {"SHA-1", in_groups(file.sha1)},
                                              {"SHA-1, 20 digits", in_groups(file.sha1_short)},
                                              {"SHA-256", in_groups(file.sha256)}}));
    return {};
}

}  // namespace

std::vector<Command> certificate_commands() {
    Parameter mac{.name = "MAC", .shape = Shape::mac, .meaning = "the set's MAC address", .required = true};
    Parameter optional_mac = mac;
    optional_mac.required = false;
    optional_mac.meaning = "all certificates of this set";
    return {
        {.words = {"cert", "issue"},
         .purpose = "Issues a device certificate and writes it with its new key into a folder.",
         .parameters = {mac,
                        {.name = "--out",
                         .placeholder = "DIR",
                         .meaning = "a new or empty folder, written whole or not at all",
                         .required = true},
                        {.name = "--key",
                         .shape = Shape::choice,
                         .meaning = "default: rsa2048, which every set takes",
                         .choices = {"rsa2048", "p256"}},
                        {.name = "--lane",
                         .shape = Shape::choice,
                         .meaning = "the door that it will be shown to; default: https",
                         .choices = {"https", "https-legacy"}}},
         .notes =
             "Writes key.pem, cert.pem, chain.pem (the issuing CA), device.p12 and its password, p12.txt. The key is "
             "not kept here.",
         .run = issue},
        pkcs12_command(),
        {.words = {"cert", "host"},
         .purpose = "Issues a certificate for another server that sets verify, such as a SIP proxy.",
         .parameters = {{.name = "HOST", .meaning = "its name or address, as sets are told it", .required = true},
                        {.name = "--out",
                         .placeholder = "DIR",
                         .meaning = "a new or empty folder, written whole or not at all",
                         .required = true},
                        {.name = "--also",
                         .placeholder = "HOST",
                         .meaning = "a further name or address; may be repeated",
                         .repeated = true},
                        {.name = "--key",
                         .shape = Shape::choice,
                         .meaning = "default: rsa2048, which every set takes",
                         .choices = {"rsa2048", "p256"}}},
         .notes = "Writes key.pem, cert.pem and chain.pem (the issuing CA), which the server shows behind its own. The "
                  "key is not kept here.",
         .run = issue_host},
        {.words = {"cert", "revoke"},
         .purpose = "Revokes certificates; they are refused from the next handshake on, resumed sessions too.",
         .parameters = {optional_mac,
                        {.name = "--serial", .placeholder = "S", .meaning = "one certificate, in hexadecimal"}},
         .find_misuse = need_mac_or_serial,
         .run = revoke},
        {.words = {"cert", "list"},
         .purpose = "Lists all certificates in order of issue, our own too.",
         .parameters = {{.name = "--device", .shape = Shape::mac, .placeholder = "MAC", .meaning = "only this set's"},
                        {.name = "--expiring",
                         .shape = Shape::number,
                         .placeholder = "DAYS",
                         .meaning = "only those that are good and end within so many days",
                         .min = 1,
                         .max = max_expiring_days}},
         .run = list},
        {.words = {"cert", "server"},
         .purpose = "Issues new certificates for the server itself, with the same names and perhaps further ones.",
         .parameters = {{.name = "--add",
                         .placeholder = "HOST",
                         .meaning = "a further name or address; may be repeated",
                         .repeated = true}},
         .notes = "A running server takes them when it reloads (SIGHUP).",
         .run = issue_server},
        {.words = {"root", "show"},
         .purpose = "Shows the fingerprints of the root file, to be compared with what a set shows.",
         .run = show_root},
    };
}

}  // namespace ringfence::app

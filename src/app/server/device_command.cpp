#include <fmt/format.h>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/device_report.h"
#include "app/server/login.h"
#include "app/server/network_login.h"
#include "app/server/secret_input.h"
#include "base/text.h"

namespace ringfence::app {

namespace {

using registry::Device;
using registry::LoginKind;

constexpr std::size_t max_csv_size = 4 * 1024 * 1024;  // 100,000 rows; the fleet of this family is smaller

const Parameter mac_parameter{.name = "MAC",
                              .shape = Shape::mac,
                              .meaning = "the set's MAC address, with or without ':' or '-'",
                              .required = true};
const Parameter login_parameter{.name = "--login",
                                .shape = Shape::choice,
                                .meaning = "random: 130 bits; keypad: digits only, to be typed on the set",
                                .choices = {"random", "keypad"}};
const Parameter password_parameter{
    .name = "--password-file",
    .placeholder = "F",
    .meaning = "take the password from this file ('-': standard input) instead of making one"};
const Parameter network_login_parameter{
    .name = "--network-login",
    .shape = Shape::choice,
    .meaning =
        "for the network (802.1X): same, for a set with one field for both; own, made as --login says; default: "
        "none",
    .choices = {"same", "own", "none"}};
const Parameter site_parameter{
    .name = "--site", .placeholder = "SITE", .meaning = "the site that the device belongs to"};

const Parameter serial_parameter{
    .name = "--serial", .placeholder = "SERIAL", .meaning = "as printed on the box; its certificate says it"};
const Parameter name_parameter{.name = "--name",
                               .placeholder = "HOST",
                               .meaning = "a DNS name that its certificate carries; may be repeated",
                               .repeated = true};

Result<LoginRequest> read_login_request(const Arguments& arguments, Disk& disk) {
    LoginRequest request;
    if (const auto kind = arguments.find_text("--login")) request.kind = registry::parse_login_kind(*kind);
    const auto file = arguments.find_text("--password-file");
    if (!file) return request;
    auto password = read_secret(*file, max_password_length, disk);
    if (!password) return fail(std::move(password).error().within("reading the password"));
    request.password = std::move(*password);
    return request;
}

// What a device is added with.
struct Wanted {
    LoginRequest login{};
    std::string network_login{};  // as --network-login has it
};

struct Added {
    MadeLogin made;
    std::optional<registry::NetworkLogin> network{};
};

void add_network_login(json::object& object, const registry::NetworkLogin& login) {
    object["network_identity"] = login.identity;
    object["network_password"] = login.password.reveal();
}

void show_login(Context& context, const Device& device, const MadeLogin& made,
                const std::optional<registry::NetworkLogin>& network = {}) {
    json::object object = to_json(device);
    object["user"] = made.login.user;
    object["login"] = registry::to_string(made.login.kind);
    object["password"] = made.password.reveal();
    std::vector<std::pair<std::string, std::string>> facts = {{"device", device.mac.colons() + "  " + device.model},
                                                              {"user", made.login.user},
                                                              {"password", std::string(made.password.reveal())}};
    if (!device.site.empty()) facts.insert(facts.begin() + 1, {"site", device.site});
    if (network) {
        add_network_login(object, *network);
        facts.emplace_back("network identity", network->identity);
        facts.emplace_back("network password", network->password.reveal());
    }
    context.output().answer(object, format_facts(facts) + "The password is shown this once.\n");
    for (auto& fact : facts) wipe(fact.second);
}

// The login is read back with the device, so that what is shown is what is stored.
Checked<Added> add_with_login(Context& context, const Device& device, const Wanted& wanted) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    auto made = make_device_login(device.mac, wanted.login, (*context.settings())->installation.realm, **registry,
                                  context.random());
    if (!made) return fail(std::move(made).error());
    Added out{std::move(*made)};
    if (wanted.network_login == "same") out.network = as_network_login(out.made);
    if (wanted.network_login == "own") {
        auto own = make_network_login(device.mac, {.kind = out.made.login.kind}, context.random());
        if (!own) return fail(std::move(own).error());
        out.network = std::move(*own);
    }
    const auto added = (*registry)->together([&]() -> Status {
        auto stored = (*registry)->add_device(device, out.made.login);
        return stored && out.network ? (*registry)->store_network_login(*out.network) : stored;
    });
    if (!added) return fail(added.error());
    context.note({.outcome = "device-added",
                  .detail = fmt::format("a {}{}", device.model, device.site.empty() ? "" : " at site " + device.site),
                  .device = device.mac,
                  .site = device.site});
    return out;
}

Done add(const Arguments& arguments, Context& context) {
    const auto family = context.family();
    if (!family) return fail(family.error());
    const auto known = require_model(**family, arguments.text("--model"));
    if (!known) return fail(known.error());
    auto request = read_login_request(arguments, context.disk());
    if (!request) return fail(std::move(request).error());

    Device device{.mac = arguments.mac("MAC")};
    device.model = arguments.text("--model");
    device.site = arguments.text_or_empty("--site");
    device.requires_certificate = arguments.has("--require-certificate");
    device.serial = arguments.text_or_empty("--serial");
    device.names = arguments.all("--name");
    device.added = context.clock().wall_now();
    const auto added =
        add_with_login(context, device, {std::move(*request), arguments.text_or_empty("--network-login")});
    if (!added) return tl::unexpected<Stop>(added.error());
    show_login(context, device, added->made, added->network);
    return {};
}

std::string join(const std::vector<std::string>& words, std::string_view separator) {
    return fmt::format("{}", fmt::join(words, separator));
}

std::string name_state(const Device& device) {
    return std::string(to_string(device.state)) + (device.is_disabled ? ", disabled" : "");
}

Done list_legacy(Context& context, registry::Registry& registry) {
    Rows rows(context.output(), {"MAC", "MODEL", "SITE", "LAST PROVED ON HTTPS-LEGACY"});
    const WallTime now = context.clock().wall_now();
    const auto listed = registry.list_devices([&](const Device& device) {
        if (needs_legacy_lane(device, now))
            rows.add(to_json(device),
                     {device.mac.colons(), device.model, device.site, time_or_empty(device.last_proved_legacy)});
        return true;
    });
    if (!listed) return fail(listed.error());
    rows.finish("No device proved itself on https-legacy within 90 days.");
    return {};
}

Done list(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    if (arguments.has("--lane")) return list_legacy(context, **registry);
    Rows rows(context.output(), {"MAC", "MODEL", "SITE", "STATE", "SERIAL", "NAMES", "USER", "LOGIN", "CERTIFICATE",
                                 "LAST PROVED", "PORT"});
    Status found;
    const auto listed = (*registry)->list_devices([&](const Device& device) {
        const auto port = find_port(**registry, device.mac);
        if (!port) {
            found = fail(port.error());
            return false;
        }
        json::object object = to_json(device);
        object["port"] = to_json(*port);
        const std::string kind(device.user.empty() ? "" : registry::to_string(device.login_kind));
        rows.add(object, {device.mac.colons(), device.model, device.site, name_state(device), device.serial,
                          join(device.names, ","), device.user, kind, device.requires_certificate ? "required" : "",
                          time_or_empty(device.last_proved), describe_port(*port)});
        return true;
    });
    if (!listed) return fail(listed.error());
    if (!found) return fail(found.error());
    rows.finish("No devices yet: ringfence device add.");
    return {};
}

struct OwnedThings {
    json::array certificates;
    json::array settings;
    json::array files;
    json::array one_time_files;
    std::vector<std::string> lines;
};

Result<OwnedThings> collect(registry::Registry& registry, const MacAddress& mac, WallTime now) {
    OwnedThings out;
    const auto certificates = registry.list_certificates_of(mac, [&](const registry::CertificateRecord& certificate) {
        out.certificates.push_back(to_json(certificate));
        out.lines.push_back(fmt::format("certificate {} until {}{}", certificate.serial,
                                        format_time(certificate.not_after), certificate.revoked ? ", revoked" : ""));
        return true;
    });
    if (!certificates) return fail(certificates.error());
    const auto settings = registry.device_settings(mac);
    if (!settings) return fail(settings.error());
    for (const auto& setting : *settings) {
        if (!setting.value) continue;
        out.settings.emplace_back(setting.name);
        out.lines.push_back("setting " + setting.name);
    }
    const auto catalogue = registry.catalogue();
    if (!catalogue) return fail(catalogue.error());
    for (const auto& file : (*catalogue)->files) {
        if (file.owner != mac) continue;
        out.files.emplace_back(file.path);
        out.lines.push_back("file " + file.path);
    }
    const auto once = registry.one_time_files_of(mac);
    if (!once) return fail(once.error());
    for (const auto& file : *once) {
        out.one_time_files.push_back(to_json(file));
        out.lines.push_back("file " + file.path + ", " + describe_file(file, now));
    }
    return out;
}

Done show(const Arguments& arguments, Context& context) {
    const auto family = context.family();
    if (!family) return fail(family.error());
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto device = get_device(**registry, arguments.mac("MAC"));
    if (!device) return fail(device.error());
    const auto surroundings = survey(**registry, context.clock().wall_now());
    if (!surroundings) return fail(surroundings.error());
    const auto owned = collect(**registry, device->mac, context.clock().wall_now());
    if (!owned) return fail(owned.error());
    const auto port = find_port(**registry, device->mac);
    if (!port) return fail(port.error());
    const auto report = report_on(*device, *surroundings, **family);

    json::object object = to_json(*device);
    object["port"] = to_json(*port);
    object["login_by"] = to_array(report.login_by);
    object["missing"] = to_array(report.missing);
    object["certificates"] = owned->certificates;
    object["settings"] = owned->settings;
    object["files"] = owned->files;
    object["one_time_files"] = owned->one_time_files;
    std::string text = format_facts(
        {{"device", device->mac.colons()},
         {"model", device->model},
         {"site", device->site.empty() ? "-" : device->site},
         {"serial", device->serial.empty() ? "-" : device->serial},
         {"names", device->names.empty() ? "-" : join(device->names, ", ")},
         {"state", name_state(*device)},
         {"user", device->user.empty() ? "-" : fmt::format("{} ({})", device->user, to_string(device->login_kind))},
         {"proves itself by", report.login_by.empty() ? "nothing" : join(report.login_by, "; ")},
         {"certificate", device->requires_certificate ? "required" : "not required"},
         {"last proved", device->last_proved ? format_time(*device->last_proved) : "never"},
         {"port", *port ? fmt::format("{}, {} since {}, by {}", describe_port(*port), to_string((*port)->segment),
                                      format_time((*port)->since), to_string((*port)->proof))
                        : "-"}});
    for (const auto& line : owned->lines) text += line + "\n";
    for (const auto& sentence : report.missing) text += "missing: " + sentence + "\n";
    context.output().answer(object, text);
    return {};
}

Done remove(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const MacAddress mac = arguments.mac("MAC");
    const auto removed = (*registry)->remove_device(mac);
    if (!removed) return fail(removed.error());
    context.note({.outcome = "device-removed",
                  .detail = "with its login, settings and files; its certificates are revoked",
                  .device = mac});
    context.output().answer({{"mac", mac.colons()}, {"removed", true}}, "Removed " + mac.colons() + ".");
    return {};
}

Done retire(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const MacAddress mac = arguments.mac("MAC");
    const auto retired = (*registry)->set_device_state(mac, registry::DeviceState::retired);
    if (!retired) return fail(retired.error());
    context.note({.outcome = "device-retired",
                  .detail = "let in nowhere any more; its certificates are revoked, its tokens withdrawn",
                  .device = mac});
    context.output().answer({{"mac", mac.colons()}, {"state", "retired"}}, "Retired " + mac.colons() + ".");
    return {};
}

// '-' takes a value away.
std::string text_or_none(const std::string& text) { return text == "-" ? "" : text; }

std::vector<std::string> names_or_none(const std::vector<std::string>& names) {
    if (names == std::vector<std::string>{"-"}) return {};
    return names;
}

Done set(const Arguments& arguments, Context& context) {
    const auto family = context.family();
    if (!family) return fail(family.error());
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    auto device = get_device(**registry, arguments.mac("MAC"));
    if (!device) return fail(std::move(device).error());
    if (const auto model = arguments.find_text("--model")) {
        const auto known = require_model(**family, *model);
        if (!known) return fail(known.error());
        device->model = *model;
    }
    if (arguments.has("--site")) device->site = text_or_none(arguments.text("--site"));
    if (const auto required = arguments.find_text("--require-certificate"))
        device->requires_certificate = *required == "yes";
    if (arguments.has("--serial")) device->serial = text_or_none(arguments.text("--serial"));
    if (arguments.has("--name")) device->names = names_or_none(arguments.all("--name"));
    const auto updated = (*registry)->update_device(*device);
    if (!updated) return fail(updated.error());
    context.note({.outcome = "device-changed",
                  .detail = fmt::format("model {}, site {}, certificate {}, serial {}, names {}", device->model,
                                        device->site.empty() ? "none" : device->site,
                                        device->requires_certificate ? "required" : "not required",
                                        device->serial.empty() ? "none" : device->serial,
                                        device->names.empty() ? "none" : join(device->names, " ")),
                  .device = device->mac,
                  .site = device->site});
    context.output().answer(to_json(*device), "Changed " + device->mac.colons() + ".");
    return {};
}

Done renew_login(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto device = get_device(**registry, arguments.mac("MAC"));
    if (!device) return fail(device.error());
    auto request = read_login_request(arguments, context.disk());
    if (!request) return fail(std::move(request).error());
    auto made = make_device_login(device->mac, *request, (*context.settings())->installation.realm, **registry,
                                  context.random());
    if (!made) return fail(std::move(made).error());
    const auto network = (*registry)->find_network_login_of(device->mac);
    if (!network) return fail(network.error());
    // The set has one field for both, and somebody types the new one there.
    const bool is_for_both = *network && (*network)->is_provisioning_login;
    const auto stored = (*registry)->together([&]() -> Status {
        auto login = (*registry)->store_login(made->login);
        return login && is_for_both ? (*registry)->store_network_login(as_network_login(*made)) : login;
    });
    if (!stored) return fail(stored.error());
    context.note({.outcome = "device-login-made",
                  .detail = fmt::format("a new {} login; the old one is void", to_string(made->login.kind)),
                  .device = device->mac,
                  .site = device->site});
    show_login(context, *device, *made);
    return {};
}

// ---- import: one row of mac,model,site each

struct Row {
    std::size_t line = 0;
    std::string mac;
    std::string model;
    std::string site;
};

Result<std::vector<Row>> parse_rows(std::string_view text) {
    std::vector<Row> rows;
    std::size_t line = 0;
    for (const std::string_view each : split(text, '\n')) {
        ++line;
        const std::string_view content = trim(each);
        if (content.empty() || content.front() == '#') continue;
        const auto fields = split(content, ',');
        if (fields.size() < 2 || fields.size() > 3)
            return fail(FaultCode::malformed, fmt::format("line {}: a row is mac,model or mac,model,site", line));
        if (rows.empty() && equals_ignoring_case(trim(fields[0]), "mac")) continue;
        rows.push_back({line, std::string(trim(fields[0])), std::string(trim(fields[1])),
                        fields.size() == 3 ? std::string(trim(fields[2])) : std::string()});
    }
    return rows;
}

Checked<std::pair<Device, Added>> import_row(Context& context, const family::Family& family, const Row& row,
                                             const Wanted& wanted) {
    const auto mac = MacAddress::parse(row.mac);
    if (!mac) return fail(mac.error());
    const auto known = require_model(family, row.model);
    if (!known) return fail(known.error());
    Device device{.mac = *mac};
    device.model = row.model;
    device.site = row.site;
    device.added = context.clock().wall_now();
    auto added = add_with_login(context, device, wanted);
    if (!added) return tl::unexpected<Stop>(added.error());
    return std::pair(std::move(device), std::move(*added));
}

Done import(const Arguments& arguments, Context& context) {
    const auto family = context.family();
    if (!family) return fail(family.error());
    const auto text = context.disk().read(arguments.text("FILE"), max_csv_size);
    if (!text) return fail(text.error());
    const auto rows = parse_rows(*text);
    if (!rows) return fail(rows.error());
    Wanted wanted{.network_login = arguments.text_or_empty("--network-login")};
    if (const auto kind = arguments.find_text("--login")) wanted.login.kind = registry::parse_login_kind(*kind);

    const bool has_network = !wanted.network_login.empty() && wanted.network_login != "none";
    std::vector<std::string> titles{"LINE", "MAC", "RESULT", "USER", "PASSWORD"};
    if (has_network) titles.insert(titles.end(), {"NETWORK IDENTITY", "NETWORK PASSWORD"});
    Rows table(context.output(), titles);
    std::size_t refused = 0;
    for (const Row& row : *rows) {
        const auto added = import_row(context, **family, row, wanted);
        const std::string line = std::to_string(row.line);
        if (!added) {
            ++refused;
            std::vector<std::string> cells{line, printable(row.mac), "refused: " + added.error().sentence};
            cells.resize(titles.size());
            table.add({{"line", row.line},
                       {"mac", printable(row.mac)},
                       {"result", "refused"},
                       {"reason", added.error().sentence}},
                      cells);
            continue;
        }
        json::object object = to_json(added->first);
        object["line"] = row.line;
        object["result"] = "added";
        const MadeLogin& made = added->second.made;
        object["user"] = made.login.user;
        object["login"] = registry::to_string(made.login.kind);
        object["password"] = made.password.reveal();
        std::vector<std::string> cells{line, added->first.mac.colons(), "added", made.login.user,
                                       std::string(made.password.reveal())};
        if (const auto& network = added->second.network) {
            add_network_login(object, *network);
            cells.insert(cells.end(), {network->identity, std::string(network->password.reveal())});
        }
        table.add(object, cells);
    }
    table.finish("The file holds no rows.");
    if (refused == 0) return {};
    return fail(FaultCode::conflict, fmt::format("{} of {} rows were refused", refused, rows->size()));
}

}  // namespace

std::vector<Command> device_commands() {
    const Parameter model{.name = "--model",
                          .placeholder = "MODEL",
                          .meaning = "as printed on the set: 1230, 1140e ...",
                          .required = true};
    Parameter optional_model = model;
    optional_model.required = false;
    Parameter site_or_none = site_parameter;
    site_or_none.meaning += "; '-' for none";
    Parameter serial_or_none = serial_parameter;
    serial_or_none.meaning += "; '-' for none";
    Parameter names_or_none = name_parameter;
    names_or_none.meaning += ", and all are replaced; '-' for none";
    return {
        {.words = {"device", "add"},
         .purpose = "Adds a set to the inventory and makes its login.",
         .parameters = {mac_parameter,
                        model,
                        site_parameter,
                        serial_parameter,
                        name_parameter,
                        login_parameter,
                        password_parameter,
                        network_login_parameter,
                        {.name = "--require-certificate",
                         .shape = Shape::flag,
                         .meaning = "a password is not enough for this device"}},
         .notes = "The password is shown this once. A password of your own is at least 10 characters long, or 22 with "
                  "--login random.",
         .run = add},
        {.words = {"device", "list"},
         .purpose = "Lists the sets in the inventory.",
         .parameters = {{.name = "--lane",
                         .shape = Shape::choice,
                         .meaning = "only those that proved themselves there within 90 days, and when",
                         .choices = {"https-legacy"}}},
         .run = list},
        {.words = {"device", "show"},
         .purpose = "Shows one set: its login, certificates, settings and what it lacks.",
         .parameters = {mac_parameter},
         .run = show},
        {.words = {"device", "set"},
         .purpose = "Changes a set's model, site, serial number, names, or whether it must show a certificate.",
         .parameters = {mac_parameter,
                        optional_model,
                        site_or_none,
                        serial_or_none,
                        names_or_none,
                        {.name = "--require-certificate",
                         .shape = Shape::choice,
                         .meaning = "whether a password is not enough for this device",
                         .choices = {"yes", "no"}}},
         .run = set},
        {.words = {"device", "login"},
         .purpose = "Makes a new login for a set; the old one is void at once.",
         .parameters = {mac_parameter, login_parameter, password_parameter},
         .run = renew_login},
        {.words = {"device", "retire"},
         .purpose = "Lets a set in nowhere any more, for good: its record stays, its certificates are revoked.",
         .parameters = {mac_parameter},
         .run = retire},
        {.words = {"device", "remove"},
         .purpose = "Takes a set out of the inventory, with its login, settings and files; revokes its certificates.",
         .parameters = {mac_parameter},
         .run = remove},
        {.words = {"device", "import"},
         .purpose = "Adds the sets of a list, each with a login of its own.",
         .parameters = {{.name = "FILE", .meaning = "rows of mac,model or mac,model,site", .required = true},
                        login_parameter,
                        network_login_parameter},
         .notes = "Each row stands for itself: what is refused does not stop the others, and the exit code is then 1.",
         .run = import},
    };
}

}  // namespace ringfence::app

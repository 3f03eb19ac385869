// device network-login, device disable, device enable: what lets a set into the network, and what keeps it out.
#include <fmt/format.h>

#include <array>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/device_report.h"
#include "app/server/network_login.h"
#include "app/server/secret_input.h"
#include "base/text.h"
#include "crypto/hash.h"

namespace ringfence::app {

namespace {

using registry::Device;
using registry::LoginKind;
using registry::NetworkLogin;

json::object to_json(const NetworkLogin& login) {
    return {{"mac", login.device.colons()},
            {"identity", login.identity},
            {"login", registry::to_string(login.kind)},
            {"same_as_provisioning", login.is_provisioning_login}};
}

enum class Password { hidden, shown };

void show_login(Context& context, const NetworkLogin& login, Password password, std::string_view remark) {
    json::object object = to_json(login);
    std::vector<std::pair<std::string, std::string>> facts{
        {"device", login.device.colons()},
        {"identity", printable(login.identity)},
        {"login", std::string(registry::to_string(login.kind)) +
                      (login.is_provisioning_login ? ", the same as for provisioning" : "")}};
    if (password == Password::shown) {
        object["password"] = login.password.reveal();
        facts.emplace_back("password", login.password.reveal());
    }
    context.output().answer(object, format_facts(facts) + std::string(remark));
    if (password == Password::shown) wipe(facts.back().second);
}

Result<NetworkLogin> get_login(registry::Registry& registry, const MacAddress& mac) {
    auto login = registry.find_network_login_of(mac);
    if (!login) return fail(std::move(login).error());
    if (!*login) return fail(FaultCode::not_found, "device " + mac.colons() + " has no network login; --new makes one");
    return std::move(**login);
}

Done show(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto device = get_device(**registry, arguments.mac("MAC"));
    if (!device) return fail(device.error());
    const auto login = get_login(**registry, device->mac);
    if (!login) return fail(login.error());
    if (!arguments.has("--reveal")) {
        show_login(context, *login, Password::hidden, "");
        return {};
    }
    const auto noted = context.note_reveal({.outcome = "network-login-revealed",
                                            .detail = "identity " + printable(login->identity),
                                            .device = device->mac,
                                            .site = device->site});
    if (!noted) return fail(noted.error());
    show_login(context, *login, Password::shown, "");
    return {};
}

Done remove(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const MacAddress mac = arguments.mac("MAC");
    if (const auto removed = (*registry)->remove_network_login(mac); !removed) return fail(removed.error());
    context.note({.outcome = "network-login-removed", .detail = "no password opens a port to it", .device = mac});
    context.output().answer({{"mac", mac.colons()}, {"removed", true}},
                            "Removed the network login of " + mac.colons() + ".");
    return {};
}

// Only hashes of the provisioning login are kept, so whoever wants the same here says it again.
Result<NetworkLogin> take_provisioning_login(Context& context, registry::Registry& registry, const Device& device,
                                             Secret password) {
    auto login = registry.find_login(device.user);
    if (!login) return fail(std::move(login).error());
    if (device.user.empty() || !*login)
        return fail(FaultCode::not_found, device.mac.colons() + " has no provisioning login");
    std::string a1 = fmt::format("{}:{}:{}", device.user, (*context.settings())->installation.realm, password.reveal());
    const bool is_right = equal_in_constant_time(to_hex(crypto::sha256(a1)), (*login)->ha1_sha256.reveal());
    wipe(a1);
    if (!is_right) return fail(FaultCode::conflict, "this is not the password of its provisioning login");
    return as_network_login({std::move(**login), std::move(password)});
}

Result<NetworkLogin> make_wanted(const Arguments& arguments, Context& context, registry::Registry& registry,
                                 const Device& device) {
    NetworkLoginRequest request;
    if (const auto file = arguments.find_text("--password-file")) {
        auto password = read_secret(*file, max_password_length, context.disk());
        if (!password) return fail(std::move(password).error().within("reading the password"));
        request.password = std::move(*password);
    }
    if (arguments.has("--same-as-provisioning"))
        return take_provisioning_login(context, registry, device, std::move(*request.password));
    if (arguments.has("--keypad")) request.kind = LoginKind::keypad;
    request.identity = arguments.find_text("--identity");
    return make_network_login(device.mac, request, context.random());
}

Done make(const Arguments& arguments, Context& context) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto device = get_device(**registry, arguments.mac("MAC"));
    if (!device) return fail(device.error());
    const auto known = (*registry)->find_network_login_of(device->mac);
    if (!known) return fail(known.error());
    if (*known && !arguments.has("--retype"))
        return fail(FaultCode::conflict, device->mac.colons() +
                                             " has a network login, which its set does not unlearn by itself: with "
                                             "--retype it is replaced, and somebody types the new one at the set");
    const auto login = make_wanted(arguments, context, **registry, *device);
    if (!login) return fail(login.error());
    if (const auto stored = (*registry)->store_network_login(*login); !stored) return fail(stored.error());
    context.note({.outcome = "network-login-made",
                  .detail = fmt::format("a {} one{}", to_string(login->kind), *known ? "; the old one is void" : ""),
                  .device = device->mac,
                  .site = device->site});
    const bool is_given = arguments.has("--password-file");
    show_login(context, *login, is_given ? Password::hidden : Password::shown,
               is_given ? "" : "The password is shown again by --reveal only.\n");
    return {};
}

bool makes(const Arguments& arguments) {
    return arguments.has("--new") || arguments.has("--password-file") || arguments.has("--same-as-provisioning");
}

Done network_login(const Arguments& arguments, Context& context) {
    if (arguments.has("--remove")) return remove(arguments, context);
    return makes(arguments) ? make(arguments, context) : show(arguments, context);
}

std::optional<std::string> find_login_misuse(const Arguments& arguments) {
    const int actions =
        (makes(arguments) ? 1 : 0) + (arguments.has("--remove") ? 1 : 0) + (arguments.has("--reveal") ? 1 : 0);
    if (actions > 1) return "--remove, --reveal and what makes a login exclude each other";
    const bool is_same = arguments.has("--same-as-provisioning");
    if (is_same && !arguments.has("--password-file")) return "--same-as-provisioning needs --password-file";
    if (is_same && (arguments.has("--identity") || arguments.has("--keypad") || arguments.has("--new")))
        return "--same-as-provisioning takes identity and password of the provisioning login";
    constexpr std::array<std::string_view, 3> of_a_new_one{"--keypad", "--identity", "--retype"};
    for (const std::string_view option : of_a_new_one)
        if (arguments.has(option) && !makes(arguments)) return fmt::format("{} needs --new or --password-file", option);
    return std::nullopt;
}

Done set_service(const Arguments& arguments, Context& context, registry::Registry::Service service) {
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const MacAddress mac = arguments.mac("MAC");
    const bool is_disabled = service == registry::Registry::Service::disabled;
    if (const auto set = (*registry)->set_disabled(mac, service); !set) return fail(set.error());
    context.note(
        {.outcome = is_disabled ? "device-disabled" : "device-enabled",
         .detail = is_disabled ? "let in nowhere until it is enabled" : "let in again where its proof suffices",
         .device = mac});
    context.output().answer({{"mac", mac.colons()}, {"disabled", is_disabled}},
                            (is_disabled ? "Disabled " : "Enabled ") + mac.colons() + ".");
    return {};
}

Done disable(const Arguments& arguments, Context& context) {
    return set_service(arguments, context, registry::Registry::Service::disabled);
}

Done enable(const Arguments& arguments, Context& context) {
    return set_service(arguments, context, registry::Registry::Service::enabled);
}

}  // namespace

std::vector<Command> network_device_commands() {
    const Parameter mac{.name = "MAC", .shape = Shape::mac, .meaning = "the set's MAC address", .required = true};
    return {
        {.words = {"device", "network-login"},
         .purpose = "Shows, makes or removes a set's login for the network (EAP-MD5, PEAP).",
         .parameters = {mac,
                        {.name = "--new", .shape = Shape::flag, .meaning = "make one"},
                        {.name = "--keypad", .shape = Shape::flag, .meaning = "digits only, to be typed on the set"},
                        {.name = "--identity",
                         .placeholder = "I",
                         .meaning = "its name at the port; default: the MAC, or digits with --keypad"},
                        {.name = "--password-file",
                         .placeholder = "F",
                         .meaning = "take the password from this file ('-': standard input) instead of making one"},
                        {.name = "--same-as-provisioning",
                         .shape = Shape::flag,
                         .meaning = "for a set with one field for both: the password of its provisioning login stands "
                                    "in --password-file"},
                        {.name = "--retype",
                         .shape = Shape::flag,
                         .meaning = "replace the one that is there; somebody will type the new one at the set"},
                        {.name = "--remove", .shape = Shape::flag, .meaning = "remove it"},
                        {.name = "--reveal", .shape = Shape::flag, .meaning = "show the password; an event tells who"}},
         .notes =
             "RADIUS needs this password in clear, so it is kept, sealed. Nothing replaces it but this command and "
             "'device login' of a set that has the same for provisioning.",
         .find_misuse = find_login_misuse,
         .run = network_login},
        {.words = {"device", "disable"},
         .purpose = "Lets a set in nowhere for now, neither into the network nor to its files.",
         .parameters = {mac},
         .run = disable},
        {.words = {"device", "enable"}, .purpose = "Takes that back.", .parameters = {mac}, .run = enable},
    };
}

}  // namespace ringfence::app

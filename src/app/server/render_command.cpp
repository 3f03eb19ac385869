#include <algorithm>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "base/text.h"
#include "delivery/resource.h"

namespace ringfence::app {

namespace {

Done render(const Arguments& arguments, Context& context) {
    const auto family = context.family();
    if (!family) return fail(family.error());
    const auto registry = context.registry();
    if (!registry) return fail(registry.error());
    const auto catalogue = (*registry)->catalogue();
    if (!catalogue) return fail(catalogue.error());
    const MacAddress mac = arguments.mac("MAC");
    const std::string file = arguments.text_or_empty("FILE");
    const bool revealed = arguments.has("--reveal");

    const auto& installation = (*context.settings())->installation;
    const delivery::Delivery delivery{**family, installation, **catalogue, **registry};
    auto text = delivery::preview(delivery, mac, file, revealed ? delivery::Reveal::clear : delivery::Reveal::masked);
    if (!text) return fail(std::move(text).error());
    const std::string path = file.empty() ? (*family)->device_settings_name(mac) : file;
    if (revealed) {
        const auto told = context.note_reveal({.outcome = "file-shown",
                                               .detail = "the file as the device gets it, secrets shown",
                                               .device = mac,
                                               .path = path});
        if (!told) return fail(told.error());
    }
    json::object object;
    object["mac"] = mac.colons();
    object["path"] = printable(path);
    object["masked"] = !revealed;
    // A file that was put may hold bytes that are no UTF-8, which JSON cannot carry.
    const bool is_ascii = std::all_of(text->begin(), text->end(), [](char c) { return (c & 0x80) == 0; });
    object[is_ascii ? "text" : "base64"] = is_ascii ? *text : to_base64(*text);
    if (context.output().as_json())
        context.output().answer(object, {});
    else
        context.output().raw(*text);
    wipe(*text);
    return {};
}

}  // namespace

std::vector<Command> render_commands() {
    return {{.words = {"render"},
             .purpose = "Prints a file as this set would get it, with secrets masked.",
             .parameters = {{.name = "MAC", .shape = Shape::mac, .meaning = "whose view it is", .required = true},
                            {.name = "FILE", .meaning = "a path such as 1230SIP.cfg; default: its SIP<MAC>.cfg"},
                            {.name = "--reveal",
                             .shape = Shape::flag,
                             .meaning = "show the secrets; the event log tells of it"}},
             .run = render}};
}

}  // namespace ringfence::app

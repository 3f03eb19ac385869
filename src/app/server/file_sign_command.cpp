#include <fmt/format.h>

#include "app/server/commands.h"
#include "app/server/context.h"
#include "app/server/file_signing.h"
#include "base/text.h"
#include "crypto/certificate.h"
#include "crypto/hash.h"
#include "phonefile/signed_file.h"

namespace ringfence::app {

namespace {

using phonefile::SignatureLabel;
using phonefile::SignedKind;

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// A set's own file is signed for that set, also when nobody says so.
Checked<SignatureLabel> read_label(const Arguments& arguments, const family::Family& family) {
    SignatureLabel label{*phonefile::parse_signed_kind(arguments.text("--kind")), arguments.find_mac("--device")};
    const auto named = family.recognise(base_name(arguments.text("FILE")));
    if (!named || !named->mac || label.kind != SignedKind::settings) return label;
    if (label.device && label.device != named->mac)
        return misuse("the file's name says that it is for " + named->mac->colons());
    label.device = named->mac;
    return label;
}

// Accounts and passwords may stand there.
bool is_private(SignedKind kind) { return kind == SignedKind::settings || kind == SignedKind::manifest; }

Done sign(const Arguments& arguments, Context& context) {
    const auto family = context.family();
    if (!family) return fail(family.error());
    const auto label = read_label(arguments, **family);
    if (!label) return tl::unexpected(label.error());
    const auto authority = context.authority();
    if (!authority) return fail(authority.error());
    const auto bytes = context.disk().read(arguments.text("FILE"), crypto::Certificate::max_bundle_size);
    if (!bytes) return fail(bytes.error());

    std::string_view content = *bytes;
    if (arguments.has("--again")) content = phonefile::split_signed(content).content;
    const auto made = FileSigner(**authority, (*family)->limits(), context.clock()).sign(*label, content);
    if (!made && made.error().code == FaultCode::conflict)
        return fail(FaultCode::conflict, made.error().message + "; --again signs it anew");
    if (!made) return fail(made.error());

    const std::string& out = arguments.text("--out");
    const auto written = context.disk().replace(out, *made, is_private(label->kind) ? private_file : public_file);
    if (!written) return fail(written.error());
    const std::string words = phonefile::format_signature_label(*label);
    context.note({.outcome = "file-signed",
                  .detail = fmt::format("{}, content SHA-256 {}", words, to_hex(crypto::sha256(content))),
                  .device = label->device});
    json::object object;
    object["kind"] = phonefile::to_string(label->kind);
    object["device"] = text_or_null(label->device ? label->device->colons() : "");
    object["out"] = printable(out);
    object["bytes"] = made->size();
    object["label"] = words;
    const std::string whom = label->device ? "for " + label->device->colons() : "for any set";
    context.output().answer(object, fmt::format("Signed as {} {}: {}, {}.\n", phonefile::to_string(label->kind), whom,
                                                printable(out), count_of(made->size(), "byte")));
    return {};
}

}  // namespace

Command file_sign_command() {
    return {
        .words = {"file", "sign"},
        .purpose = "Checks a file by the rules of its kind and writes it with our signature behind it.",
        .parameters =
            {{.name = "FILE", .meaning = "the file to sign", .required = true},
             {.name = "--out", .placeholder = "FILE", .meaning = "written whole or not at all", .required = true},
             {.name = "--kind",
              .shape = Shape::choice,
              .meaning = "what sets shall take it for, and nothing else",
              .required = true,
              .choices = {"root", "policy", "ctl", "settings", "manifest"}},
             {.name = "--device",
              .shape = Shape::mac,
              .placeholder = "MAC",
              .meaning = "only for this set; a file SIP<MAC>.cfg is for its set anyway"},
             {.name = "--again", .shape = Shape::flag, .meaning = "take an old signature off first"}},
        .notes =
            "For files that another server hands out; ours signs what it is given by file put --sign. Nothing may be "
            "changed in a signed file. ringfence-phone refuses it as another kind or for another set; a real set does "
            "not look at these words.",
        .run = sign};
}

}  // namespace ringfence::app

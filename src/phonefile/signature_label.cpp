#include "phonefile/signature_label.h"

#include <array>

#include "phonefile/value_reader.h"

namespace ringfence::phonefile {

namespace {

constexpr std::string_view beginning = "Ringfence-Signed:";
constexpr std::string_view kind_mark = " kind=";
constexpr std::string_view device_mark = " device=";

constexpr std::array kind_names{
    Named<SignedKind>{"root", SignedKind::root},         Named<SignedKind>{"policy", SignedKind::policy},
    Named<SignedKind>{"ctl", SignedKind::trust_list},    Named<SignedKind>{"settings", SignedKind::settings},
    Named<SignedKind>{"manifest", SignedKind::manifest},
};

constexpr std::array section_kinds{
    Named<SignedKind>{"USER_KEYS", SignedKind::root},       Named<SignedKind>{"SEC_POLICY", SignedKind::policy},
    Named<SignedKind>{"CTL", SignedKind::trust_list},       Named<SignedKind>{"DEVICE_CONFIG", SignedKind::settings},
    Named<SignedKind>{"USER_CONFIG", SignedKind::settings}, Named<SignedKind>{"", SignedKind::manifest},
};

}  // namespace

std::string_view to_string(SignedKind kind) { return find_name(kind_names, kind); }

std::optional<SignedKind> parse_signed_kind(std::string_view name) { return find_value(kind_names, name); }

std::optional<SignedKind> find_signed_kind(std::string_view section) { return find_value(section_kinds, section); }

std::string format_signature_label(const SignatureLabel& label) {
    std::string text(beginning);
    text.append(kind_mark).append(to_string(label.kind));
    if (label.device) text.append(device_mark).append(label.device->bare_upper());
    return text;
}

Result<std::optional<SignatureLabel>> parse_signature_label(std::string_view text) {
    if (!text.starts_with(beginning)) return std::optional<SignatureLabel>{};
    const auto malformed = fail(FaultCode::malformed, "what its signature says of it cannot be read");
    std::string_view rest = text.substr(beginning.size());
    if (!rest.starts_with(kind_mark)) return malformed;
    rest.remove_prefix(kind_mark.size());
    const auto kind = parse_signed_kind(rest.substr(0, rest.find(' ')));
    if (!kind) return malformed;
    SignatureLabel label{*kind};
    rest.remove_prefix(to_string(*kind).size());
    if (rest.starts_with(device_mark)) {
        const auto device = MacAddress::parse(rest.substr(device_mark.size()));
        if (!device) return malformed;
        label.device = *device;
    }
    if (format_signature_label(label) != text) return malformed;
    return label;
}

}  // namespace ringfence::phonefile

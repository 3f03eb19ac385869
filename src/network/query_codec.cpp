#include "network/query_codec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace ringfence::network {

namespace {

// RFC 2865 section 5.
constexpr std::size_t max_attribute = 253;

struct Fields {
    std::string identity, hardware, certificate, wants, lane, nas, from, nas_name, port_id, port;
};

struct Field {
    std::string_view name;
    std::string Fields::*value;
};
constexpr std::array<Field, 10> fields{{{"identity", &Fields::identity},
                                        {"hardware", &Fields::hardware},
                                        {"certificate", &Fields::certificate},
                                        {"wants", &Fields::wants},
                                        {"lane", &Fields::lane},
                                        {"nas", &Fields::nas},
                                        {"from", &Fields::from},
                                        {"nas_name", &Fields::nas_name},
                                        {"port_id", &Fields::port_id},
                                        {"port", &Fields::port}}};

Result<Fields> read_form(std::string_view form) {
    Fields out;
    std::array<bool, fields.size()> seen{};
    for (const std::string_view pair : split(form, '&')) {
        const std::size_t equals = pair.find('=');
        if (equals == std::string_view::npos) return fail(FaultCode::malformed, "a field of the form has no value");
        const auto* field = std::find_if(fields.begin(), fields.end(),
                                         [&](const Field& each) { return each.name == pair.substr(0, equals); });
        if (field == fields.end()) continue;
        const auto index = static_cast<std::size_t>(field - fields.begin());
        if (std::exchange(seen[index], true)) return fail(FaultCode::malformed, "a field of the form is there twice");
        auto value = percent_decode(pair.substr(equals + 1));
        if (!value) return fail(std::move(value.error()));
        if (value->size() > max_attribute) return fail(FaultCode::too_large, "a field of the form is too long");
        out.*field->value = std::move(*value);
    }
    return out;
}

// As the registry has serials: without the zeros that some put before them.
std::string read_serial(const std::string& text) {
    std::string out = to_lower(text);
    while (out.size() > 2 && out.starts_with("00")) out.erase(0, 2);
    return out;
}

std::optional<IpAddress> read_address(const std::string& text) {
    const auto address = IpAddress::parse(text);
    return address ? std::optional(*address) : std::nullopt;
}

// Passwords are printable ASCII, and VLAN names are settings: what stands here is escaped all the same (RFC 8259
// section 7).
void append_json(std::string& out, std::string_view text, std::string_view backslash = R"(\\)") {
    out += '"';
    for (const char c : text) {
        if (c == '"') out += '\\';
        if (c == '\\')
            out += backslash;
        else if (static_cast<unsigned char>(c) < 0x20)
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        else
            out += c;
    }
    out += '"';
}

// rlm_rest expands '%' unless it is told not to (do_xlat), and reads '\\' as the beginning of an escape in any case.
void append_attribute(std::string& out, std::string_view name, std::string_view value) {
    out += out.empty() ? '{' : ',';
    append_json(out, name);
    out += R"(:{"op":":=","do_xlat":false,"value":[)";
    append_json(out, value, R"(\\\\)");
    out += "]}";
}

// Of an answer without a password.
constexpr std::size_t answer_room = 2048;

struct TimedAdmission {
    const Admission& admission;
    const AdmissionTerms& terms;
    WallTime now;
};

void append_admission(std::string& out, const std::string& list, const TimedAdmission& told) {
    Duration session = told.terms.session;
    if (told.admission.ends) session = std::clamp<Duration>(*told.admission.ends - told.now, shortest_session, session);
    append_attribute(
        out, list + "Tunnel-Private-Group-Id",
        told.admission.segment == trust::Segment::onboarding ? told.terms.onboarding : told.terms.production);
    append_attribute(out, list + "Session-Timeout", std::to_string(session / std::chrono::seconds(1)));
}

}  // namespace

// Switches group the digits as their makers like, with whatever sign between them (RFC 3580 section 3.20 only asks).
std::optional<MacAddress> read_hardware(std::string_view text) {
    constexpr std::string_view separators = "-:. ";
    std::string digits;
    for (const char c : text)
        if (separators.find(c) == std::string_view::npos) digits += c;
    const auto mac = MacAddress::parse(digits);
    if (!mac) return std::nullopt;
    return *mac;
}

Result<Query> parse_query(std::string_view form) {
    if (form.size() > max_query) return fail(FaultCode::too_large, "the form is too long");
    auto told = read_form(form);
    if (!told) return fail(std::move(told.error()));
    if (told->identity.empty()) return fail(FaultCode::malformed, "the form names no identity");
    Query out;
    out.claim.hardware = read_hardware(told->hardware);
    out.claim.certificate = read_serial(told->certificate);
    out.claim.wants_certificate = told->wants == "certificate";
    out.claim.is_on_legacy_lane = told->lane == "legacy";
    out.claim.identity = std::move(told->identity);
    out.place.told_address = read_address(told->nas);
    out.place.switch_address = read_address(told->from).value_or(out.place.told_address.value_or(IpAddress()));
    out.place.switch_name = std::move(told->nas_name);
    out.place.port_number = static_cast<std::uint32_t>(parse_number(told->port).value_or(0));
    out.place.port = told->port_id.empty() ? std::move(told->port) : std::move(told->port_id);
    out.place.hardware = std::move(told->hardware);
    return out;
}

Secret format_credential(const Credential& credential, const AdmissionTerms& terms, WallTime now) {
    // So that nothing of the password stays behind where it grew.
    std::string out;
    out.reserve(answer_room + 4 * credential.password.reveal().size());
    if (!credential.password.empty()) append_attribute(out, "control:Cleartext-Password", credential.password.reveal());
    if (credential.is_for_legacy_lane) append_attribute(out, "control:Tmp-Integer-0", "1");
    if (credential.admission) append_admission(out, "control:", {*credential.admission, terms, now});
    if (out.empty()) out = "{";
    out += '}';
    return Secret(std::move(out));
}

std::string format_admission(const Admission& admission, const AdmissionTerms& terms, WallTime now) {
    std::string out;
    append_admission(out, "reply:", {admission, terms, now});
    out += '}';
    return out;
}

}  // namespace ringfence::network

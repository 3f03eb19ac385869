#include "trust/access.h"

#include <array>

#include "base/result.h"

namespace ringfence::trust {

namespace {

template <typename Enum, std::size_t N>
std::optional<Enum> find_name(const std::array<std::string_view, N>& names, std::string_view name) {
    for (std::size_t i = 0; i < N; ++i)
        if (names[i] == name) return static_cast<Enum>(i);
    return std::nullopt;
}

constexpr std::array<std::string_view, 3> class_names = {"public", "internal", "secret"};
constexpr std::array<std::string_view, 7> wire_names = {"tftp",         "ftp",    "http",      "https",
                                                        "https-legacy", "radius", "radius-tls"};
constexpr std::array<std::string_view, 4> proof_names = {"none", "site-login", "device-password", "device-certificate"};

// What a class asks for. A row is one line of the table in docs/TRUST.md.
struct Rule {
    bool any_wire;            // opens without proof, on every wire
    Proof least_https_proof;  // opens over HTTPS from this proof on
    bool own_device_only;
    bool inside_window;  // opens on every wire inside a staging window
};

constexpr std::array<Rule, 3> table = {{
    {.any_wire = true, .least_https_proof = Proof::none, .own_device_only = false, .inside_window = true},
    {.any_wire = false, .least_https_proof = Proof::site_login, .own_device_only = false, .inside_window = true},
    {.any_wire = false, .least_https_proof = Proof::device_password, .own_device_only = true, .inside_window = false},
}};

constexpr const Rule& rule_for(ContentClass content_class) { return table[static_cast<std::size_t>(content_class)]; }

static_assert(!rule_for(ContentClass::secret).any_wire && !rule_for(ContentClass::secret).inside_window);
static_assert(rule_for(ContentClass::secret).own_device_only &&
              is_device_proof(rule_for(ContentClass::secret).least_https_proof));
static_assert(!rule_for(ContentClass::internal).any_wire &&
              rule_for(ContentClass::internal).least_https_proof != Proof::none);

bool opens_by_proof(const Asker& asker, const Wanted& wanted) {
    const Rule& rule = rule_for(wanted.content_class);
    if (rule.any_wire) return true;
    if (!is_https(asker.wire) || asker.proof < rule.least_https_proof) return false;
    if (!rule.own_device_only) return true;
    if (wanted.owner) return asker.device == wanted.owner;
    return wanted.is_manifest_with_login;
}

bool opens_by_window(const Asker& asker, const OpenWindow& window, const Wanted& wanted) {
    if (rule_for(wanted.content_class).inside_window) return true;
    // Over HTTPS the asker can prove itself, and who does so as another device must not pass as this one.
    if (wanted.is_one_time) return !is_https(asker.wire);
    return wanted.is_manifest_with_login && !wanted.owner && window.hands_out_login;
}

}  // namespace

std::string_view to_string(ContentClass content_class) { return class_names[static_cast<std::size_t>(content_class)]; }
std::optional<ContentClass> parse_content_class(std::string_view name) {
    return find_name<ContentClass>(class_names, name);
}
std::string_view to_string(Wire wire) { return wire_names[static_cast<std::size_t>(wire)]; }
std::optional<Wire> parse_wire(std::string_view name) { return find_name<Wire>(wire_names, name); }
std::string_view to_string(Proof proof) { return proof_names[static_cast<std::size_t>(proof)]; }

tl::expected<Grant, Refusal> decide(const Asker& asker, const std::optional<OpenWindow>& window,
                                    const std::optional<Wanted>& wanted) {
    RINGFENCE_ASSERT(asker.device.has_value() == is_device_proof(asker.proof));
    if (wanted && opens_by_proof(asker, *wanted)) return Grant(wanted->content_class, false);
    if (wanted && window && opens_by_window(asker, *window, *wanted)) return Grant(wanted->content_class, true);
    if (is_https(asker.wire) && asker.proof == Proof::none) return tl::make_unexpected(Refusal::needs_proof);
    return tl::make_unexpected(Refusal::absent);
}

}  // namespace ringfence::trust

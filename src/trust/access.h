// The access table: which class of content opens to which proof, on which wire. One pure function decides for all doors
// (docs/TRUST.md). A Grant can be made only here, so content cannot be handed over without a decision.
#pragma once

#include <optional>
#include <string_view>

#include <tl/expected.hpp>

#include "base/mac_address.h"

namespace ringfence::trust {

enum class ContentClass {
    public_,   // harmless to anyone: root file, firmware, languages, tones, the time server
    internal,  // shared settings without secrets, licence files
    secret,    // anything with an account, a password or a key; belongs to one device
};
std::string_view to_string(ContentClass content_class);  // "public", "internal", "secret"
std::optional<ContentClass> parse_content_class(std::string_view name);

// `radius` and `radius_tls` are where a RADIUS server asks (server/lookup_door.h); no content opens there.
enum class Wire { tftp, ftp, http, https, https_legacy, radius, radius_tls };
std::string_view to_string(Wire wire);  // "tftp" ... "https-legacy", "radius", "radius-tls"
std::optional<Wire> parse_wire(std::string_view name);
constexpr bool is_https(Wire wire) { return wire == Wire::https || wire == Wire::https_legacy; }

// What was proved on this request. A MAC address alone proves nothing.
enum class Proof { none, site_login, device_password, device_certificate };
std::string_view to_string(Proof proof);  // "none", "site-login", "device-password", "device-certificate"
constexpr bool is_device_proof(Proof proof) { return proof >= Proof::device_password; }

struct Asker {
    Wire wire = Wire::tftp;
    Proof proof = Proof::none;
    std::optional<MacAddress> device{};  // whose proof it is; set exactly when the proof is a device's
};

// An open staging window that covers this asker's network.
struct OpenWindow {
    bool hands_out_login = false;  // the administrator chose to let manifests carry the bootstrap login
};

struct Wanted {
    ContentClass content_class = ContentClass::secret;
    std::optional<MacAddress> owner{};    // the one device that a secret belongs to
    bool is_manifest_with_login = false;  // secret for its login alone
    // Handed out once, and sealed by a password that travels another way: a window opens it too, on clear wires.
    bool is_one_time = false;
};

enum class Refusal {
    needs_proof,  // HTTPS without any proof: challenge, whatever was asked
    absent,       // everything else: looks as if it did not exist
};

class Grant {
public:
    ContentClass content_class() const { return content_class_; }
    bool by_window() const { return by_window_; }  // proof alone would not have opened it

private:
    friend tl::expected<Grant, Refusal> decide(const Asker&, const std::optional<OpenWindow>&,
                                               const std::optional<Wanted>&);
    Grant(ContentClass content_class, bool by_window) : content_class_(content_class), by_window_(by_window) {}
    ContentClass content_class_;
    bool by_window_;
};

// `wanted` is empty when nothing of that name exists: the refusal is then the one that a forbidden file gets.
tl::expected<Grant, Refusal> decide(const Asker& asker, const std::optional<OpenWindow>& window,
                                    const std::optional<Wanted>& wanted);

}  // namespace ringfence::trust

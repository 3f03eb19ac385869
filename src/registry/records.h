// What the registry remembers, as plain values. Times are wall time. Names (site, model, section, setting) are kept as
// the administrator wrote them and compared exactly, except where noted.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/mac_address.h"
#include "base/secret.h"
#include "crypto/revocation_reason.h"
#include "trust/access.h"

namespace ringfence::registry {

// How a device's login was made: `random` has 128 bits, `keypad` is 12 digits that a person can type on the set.
enum class LoginKind { random, keypad };
std::string_view to_string(LoginKind kind);  // "random", "keypad"
std::optional<LoginKind> parse_login_kind(std::string_view name);

// A device's way to a certificate. Each step is an event; none leads back (device_state.h).
enum class DeviceState {
    expected,  // in the inventory
    seen,      // something asked for its file
    enrolled,  // a certificate was issued
    active,    // it proved itself with that certificate
    retired,   // let in nowhere any more; its record stays
};
std::string_view to_string(DeviceState state);  // "expected" ... "retired"
std::optional<DeviceState> parse_device_state(std::string_view name);

struct Device {
    MacAddress mac;
    std::string model{};  // as the family names it: "1230", "1140e"
    std::string site{};   // empty: none
    std::string user{};   // its login's user name
    LoginKind login_kind = LoginKind::random;
    bool requires_certificate = false;  // a password is not enough
    std::string serial{};               // as printed on the box; stands in its certificate; empty: not known
    std::vector<std::string> names{};   // DNS names that its certificate carries
    DeviceState state = DeviceState::expected;
    bool is_disabled = false;  // let in nowhere for now; an administrator can take that back
    WallTime added{};
    std::optional<WallTime> last_proved{};         // last time it proved itself over HTTPS
    std::optional<WallTime> last_proved_legacy{};  // of these, on the legacy lane

    // Every door asks this before it believes any proof.
    bool is_in_service() const { return state != DeviceState::retired && !is_disabled; }
    std::string why_out() const { return state == DeviceState::retired ? "retired" : "disabled"; }
};

// A login of one device or of one site. Only hashes of RFC 7616's A1 are kept, sealed at rest; here they are open.
struct Login {
    std::string user;
    std::optional<MacAddress> device;  // exactly one of device and site is set
    std::string site;
    Secret ha1_md5;     // lower-case hex of MD5(user:realm:password)
    Secret ha1_sha256;  // lower-case hex of SHA-256(user:realm:password)
    LoginKind kind = LoginKind::random;
    bool is_next = false;  // handed out inside mutual TLS and not used yet; the one before it still holds
};

enum class CertificatePurpose { device, server, authority };
std::string_view to_string(CertificatePurpose purpose);  // "device", "server", "authority"
std::optional<CertificatePurpose> parse_certificate_purpose(std::string_view name);

using RevocationReason = crypto::RevocationReason;

struct CertificateRecord {
    std::string fingerprint;  // lower-case hex SHA-256 of the DER
    std::string serial;       // lower-case hex
    std::string subject;      // RFC 2253 text
    CertificatePurpose purpose = CertificatePurpose::device;
    std::optional<MacAddress> device;
    bool legacy_lane = false;
    std::string issuer{};      // fingerprint of the CA's certificate; empty: recorded before that was kept
    std::string public_key{};  // lower-case hex SHA-256 of the SubjectPublicKeyInfo
    WallTime not_before{};
    WallTime not_after{};
    std::optional<WallTime> revoked{};
    RevocationReason reason = RevocationReason::unspecified;

    // Whether it says which device its holder is: `device` is there then.
    bool is_of_device() const { return purpose == CertificatePurpose::device && device.has_value(); }
};

struct Site {
    std::string name;
    std::vector<Network> networks;
    std::string server;         // host or address that this site's manifests name; empty: the installation's address
    std::string legacy_server;  // the same for its sets on the legacy lane; empty: the lane's own server
    std::string login_user;     // of the shared site login; empty: none
    Secret login_password;      // clear, because a manifest must carry it inside a window; sealed at rest
};

// Where a setting stands. Later layers win: global, site, model, device.
enum class Layer { global, site, model, device };
std::string_view to_string(Layer layer);  // "global", "site", "model", "device"
std::optional<Layer> parse_layer(std::string_view name);

struct SettingScope {
    Layer layer = Layer::global;
    std::string key;  // site name, model, or the MAC as MacAddress::bare_upper(); empty for global
    friend auto operator<=>(const SettingScope&, const SettingScope&) = default;
};

struct Setting {
    std::string name;
    // Empty: it was set once and then unset, so phones may still hold it and must be told the default.
    std::optional<Secret> value;
};

struct FileRecord {
    std::string path;     // request path, no leading '/'
    std::string section;  // manifest section it is announced in ("FW", "LANGUAGE" ...); empty: none
    std::string model;    // empty: every model
    std::string site;     // empty: every site
    trust::ContentClass content_class = trust::ContentClass::internal;
    std::optional<MacAddress> owner;      // of a secret file
    bool is_manifest_with_login = false;  // a hand-written manifest that carries a login
    std::string sha256;                   // lower-case hex; names the bytes in the content store
    std::uint64_t size = 0;
    // Given by whoever put it (the load name for FW), or the section's number when it was put. What a manifest shows
    // for every section but FW is Catalogue::section_versions, which may have risen since.
    std::string version;
    WallTime put_at{};
};

struct Window {
    std::int64_t id = 0;
    WallTime opened{};
    WallTime closes{};
    std::vector<Network> networks;
    std::vector<MacAddress> devices;  // empty: any
    std::uint32_t count = 0;          // phones that may use it; 0: no limit
    std::uint32_t used = 0;           // phones that did, when this was read; enter_window() decides
    bool hands_out_login = false;
    std::optional<WallTime> closed{};  // by hand
};

// Who asks inside a window.
struct WindowVisitor {
    std::string name;     // the device's MAC, else the address
    std::string address;  // that it asks from
};

// What the pipeline needs of the small, shared part of the registry: an immutable snapshot.
struct Catalogue {
    std::vector<Site> sites;
    std::vector<FileRecord> files;  // by path, then most specific first (model and site, site, model, neither)
    std::map<SettingScope, std::vector<Setting>> settings;  // all layers but the devices'
    std::vector<Window> windows;                            // not closed and not past when the snapshot was made
    std::map<std::string, std::uint32_t> section_versions;  // by section name; rises whenever its content may differ
    std::uint32_t version_floor = 0;                        // no section shows a lower number
    // By section: when the last of its files that are fetched once expires.
    std::map<std::string, WallTime, std::less<>> one_time_until;
};

// The site whose network holds `address`; the longest prefix wins. Null when none does. Lives as long as `catalogue`.
const Site* find_site(const Catalogue& catalogue, const IpAddress& address);
// Null when there is none of that name.
const Site* find_site(const Catalogue& catalogue, std::string_view name);

// Sections whose versions follow rules of their own.
inline constexpr std::string_view firmware_section = "FW";             // shows a load name, not a number
inline constexpr std::string_view settings_section = "DEVICE_CONFIG";  // rises with every shared setting

// The phones keep a version as a signed 32-bit number.
inline constexpr std::uint32_t highest_version = 2147483647;
// Numbers that only the counter itself gives out, one by one: a thousand changes a week for twenty years. Else one
// command could use the numbers up, and phones would fetch nothing new until each had forgotten its own.
inline constexpr std::uint32_t version_reserve = 1'000'000;
inline constexpr std::uint32_t highest_chosen_version = highest_version - version_reserve;
// As a manifest shows it: digits, at least six of them (reference 2.3).
std::string format_version(std::uint32_t version);

enum class EventKind {
    request,    // a file was asked for
    handshake,  // a TLS handshake that failed before any request
    login_failed,
    downgrade,  // a device that proved itself over HTTPS asks for its own file on a weaker wire
    misses,     // refusals, or deliveries of public files, beyond what is recorded one by one
    changed,    // an administrator changed something
    revealed,   // an administrator read a secret
    window_opened,
    window_closed,
    server,     // started, reloaded, stopped
    enrolment,  // a certificate was asked for, issued, refused, renewed, revoked
    alarm,      // a second enrolment, a token guessed, a one-time file asked for twice, a device at two ports
    network,    // a device was let in at a port, or refused there
};
std::string_view to_string(EventKind kind);
std::optional<EventKind> parse_event_kind(std::string_view name);

struct Event {
    std::int64_t id = 0;  // rises; given by the log
    WallTime time{};
    EventKind kind = EventKind::request;
    std::optional<MacAddress> device;  // proved, or named by the path asked for
    std::string site;
    std::string wire;    // trust::to_string(Wire), or empty
    std::string source;  // address
    std::string path;    // printable, cut at 200 bytes
    std::string proof;   // trust::to_string(Proof), or empty
    std::string
        outcome;  // "delivered", "cut", "challenged", "refused", "not-modified", "asked", ... or what was changed
    std::uint64_t bytes = 0;
    std::string detail;  // one sentence; never a secret
};

// What an event may push out of the log when room runs short: older ones of its own sort only. So nobody can erase what
// an administrator did by causing events that anybody can cause.
enum class Retention {
    routine,  // anybody can cause it: requests without a device's proof, failed handshakes, misses
    proved,   // a device can: what it asked for
    alarm,    // somebody who guesses or pretends to be a device can
    lasting,  // only an administrator or the server itself can
};
inline constexpr std::size_t retention_count = 4;
Retention retention_of(const Event& event);

}  // namespace ringfence::registry

// What the public manuals leave open, contradict, or let differ by release: named switches, each with the likelier
// value, or the safer one where we do better, as its first. One table says them all (docs/phone-behaviour.md).
// Immutable tables and values; thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace ringfence::phone {

enum class Switch {
    server_chain,
    tls_start,
    trust_list_begin,
    file_signatures,
    certificate_issuer,
    load_names,
    firmware_restart,
    boot_loader_manifest,
    empty_value,
    login,
    http_login,
    ftp_mode,
    check_sync,
    thumbprint,
    root_version,
    clock,
    eap_tls,
};
inline constexpr std::size_t switch_count = 17;

struct SwitchSpec {
    Switch id;
    std::string_view name;
    std::array<std::string_view, 3> values;  // the first is the default; empty ones do not count
    std::string_view reference;              // section of the reference, and its grade there: C, I or ?
    std::string_view question;
};

inline constexpr std::array<SwitchSpec, switch_count> switch_table = {{
    {Switch::server_chain,
     "server-chain",
     {"rfc5280", "every-ca-installed"},
     "4.5 C",
     "which CAs of the chain that a server sends must be installed"},
    {Switch::tls_start,
     "tls-start",
     {"always", "needs-certificate"},
     "4.4 C/I",
     "whether HTTPS is begun without a device certificate; old loads may refuse"},
    {Switch::trust_list_begin,
     "trust-list-begin",
     {"obeyed", "ignored"},
     "4.4 C",
     "whether a trust list counts before its NOT_VALID_BEFORE; the books contradict each other"},
    {Switch::file_signatures,
     "file-signatures",
     {"modern", "legacy"},
     "5.6 C",
     "whether signatures by SHA-1 or RSA-1024 count, as the manual's recipe of 2007 makes them"},
    {Switch::certificate_issuer,
     "certificate-issuer",
     {"trusted", "any"},
     "5.4 C",
     "whether a PKCS#12 device certificate must lead to an installed root; one release says so"},
    {Switch::load_names,
     "load-names",
     {"as-written", "by-digits"},
     "2.5 I",
     "whether firmware versions in two spellings are compared by the digits that both hold"},
    {Switch::firmware_restart,
     "firmware-restart",
     {"at-once", "at-end"},
     "2.4 I",
     "whether the sections behind [FW] wait for the restart"},
    {Switch::boot_loader_manifest,
     "boot-loader-manifest",
     {"sip", "boot"},
     "1.1 C",
     "which manifest the boot loader fetches: 1220SIP.cfg or 12xxBoot.cfg"},
    {Switch::empty_value, "empty-value", {"set", "ignored"}, "3.1 ?", "whether a setting without a value empties it"},
    {Switch::login,
     "login",
     {"section-first", "device-first"},
     "4.2 I",
     "which login wins over HTTPS: SRV_USER_NAME or Device ID"},
    {Switch::http_login,
     "http-login",
     {"asked", "basic", "digest"},
     "4.2 ?",
     "how a login is shown to an HTTP server: as it asks for, or one way only"},
    {Switch::ftp_mode, "ftp-mode", {"passive", "active"}, "7 ?", "who opens the data connection of FTP"},
    {Switch::check_sync,
     "check-sync",
     {"at-once", "needs-key"},
     "1.5 C",
     "whether NOTIFY check-sync waits for a key press, as on the 4.1.13 load"},
    {Switch::thumbprint,
     "thumbprint",
     {"certificate", "public-key"},
     "5.3 I",
     "what the fingerprint of a SCEP authority is made of"},
    {Switch::root_version,
     "root-version",
     {"obeyed", "ignored"},
     "2.3 C for UNIStim",
     "whether the VERSION of [USER_KEYS] decides, or its certificates identify themselves"},
    {Switch::clock,
     "clock",
     {"judged", "believed"},
     "4.5 I",
     "whether a clock that is lost or wrong is known for it, or dates are judged by what it tells, as a set does"},
    {Switch::eap_tls,
     "eap-tls",
     {"modern", "legacy"},
     "6 ?",
     "whether EAP may use TLS 1.0 and 1.1, for a RADIUS server that knows nothing later"},
}};

class Behaviour {
public:
    // `value` must be one of the switch's.
    bool is(Switch which, std::string_view value) const;
    std::string_view value(Switch which) const;

    // "name=value". malformed, naming what there is to choose.
    Status set(std::string_view assignment);

private:
    std::array<std::size_t, switch_count> chosen_{};
};

}  // namespace ringfence::phone

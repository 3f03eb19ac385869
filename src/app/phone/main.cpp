#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "app/phone/commands.h"
#include "app/phone/output.h"
#include "phone/device_profile.h"

namespace {

using ringfence::app::BootOptions;
using ringfence::app::ConfigureOptions;
using ringfence::app::DhcpHookOptions;
using ringfence::app::DhcpRequestOptions;
using ringfence::app::EnrolOptions;
using ringfence::app::JoinOptions;
using ringfence::app::PortOptions;
using ringfence::app::ProfileOptions;
using ringfence::app::ResetOptions;
using ringfence::app::RunOptions;
using ringfence::app::ShowOptions;
using ringfence::app::TranslateOptions;
using ringfence::phone::profile_limit;

void add_flash(CLI::App& app, std::string& folder) {
    app.add_option("--state", folder, "Folder that is the phone's flash")->required();
}

void add_new_flash(CLI::App& app, std::string& folder) {
    app.add_option("--state", folder, "Folder that is the phone's flash; made if absent")->required();
}

void add_identity(CLI::App& app, std::string& certificate, std::string& key) {
    app.add_option("--certificate", certificate, "Device certificate in PEM, its chain behind it");
    app.add_option("--key", key, "Private key of the device certificate in PEM");
}

void add_boot(CLI::App& app, BootOptions& options) {
    app.add_option("--mac", options.mac, "MAC address of the phone, such as 00:24:7F:01:02:AB")->required();
    app.add_option("--model", options.model, "Model, such as 1230 or 1140e; it names the manifest")->required();
    add_new_flash(app, options.state);
    app.add_option("--url", options.url,
                   "Provisioning server: tftp, ftp, http or https URL, without a password; a folder or a .cfg file; an "
                   "address alone is a TFTP server. Remembered as typed, 0.0.0.0 forgets it");
    app.add_option("--url-file", options.url_file, "File whose first line is the URL, for one that holds a password");
    app.add_option("--dhcp-lease", options.dhcp_leases,
                   "File with what a DHCP client handed its script, as env prints it; of several the longest lease "
                   "wins. Without one, what dhcp-hook left in the flash")
        ->allow_extra_args(false);
    app.add_option("--device-id", options.device_id, "Device ID: the phone's own user name, sent over HTTPS only");
    app.add_option("--password-file", options.password_file,
                   "File whose first line is the password; - reads standard input");
    app.add_option("--accept-fingerprint", options.accepted_fingerprints,
                   "SHA-1 or SHA-256 of the root file that may be installed first; colons and case are ignored")
        ->allow_extra_args(false);
    app.add_option("--accept-fingerprint-file", options.accepted_fingerprint_file,
                   "File whose first line is that fingerprint; - reads standard input");
    add_identity(app, options.certificate, options.key);
    app.add_option("--certificate-password-file", options.certificate_password_file,
                   "File whose first line is the password of the PKCS#12 device certificate that [DEV_CERT] brings");
    app.add_option("--consent", options.consent, "Answer to every PROMPT YES of a manifest")
        ->check(CLI::IsMember({"yes", "no"}));
    app.add_option("--vendor-roots", options.vendor_roots,
                   "Roots in PEM that the vendor's signatures on firmware, languages and licences are judged by");
    app.add_option("--load", options.load, "Load that a fresh phone runs: sip (usual), boot-loader or unistim");
    app.add_option("--image-room", options.image_room,
                   "Bytes of firmware that the SIP load has room for; what is larger takes the boot loader");
    app.add_option("--switch", options.switches,
                   "name=value: behaviour that the manuals leave open; `ringfence-phone switches` lists them")
        ->allow_extra_args(false);
    app.add_option("--ports", options.ports, "Ports in place of the standard ones: tftp=N,ftp=N,http=N,https=N");
    app.add_option("--patience", options.patience_seconds,
                   "Seconds after which a silent server is given up (20); a file may take 30 times as long in all")
        ->check(CLI::Range(1U, 600U));
    app.add_flag("--explain", options.explain, "Tell for every section what a set does with it, and why");
    app.add_option("--on-change", options.on_change,
                   "Program, by absolute path, to run when a setting or an installed file has changed; it reads their "
                   "names as JSON on standard input");
    app.add_option("--on-change-limit", options.on_change_seconds, "Seconds after which that program is killed (60)")
        ->check(CLI::Range(1U, 3600U));
    app.add_flag("--json", options.json, "Print one JSON object");
}

void add_enrol(CLI::App& app, EnrolOptions& options) {
    auto* where = app.add_option_group("Where", "one of these");
    where->add_option("--scep", options.scep, "SCEP server: http or https URL with its path");
    where->add_option("--server", options.server, "Server that takes a token: http or https URL, its path if unusual");
    where->add_flag("--renew", options.renews, "Where the present certificate came from");
    where->require_option(1);
    app.add_option("--token-file", options.token_file,
                   "File whose first line is the enrolment token; - reads standard input");
    app.add_option("--by", options.protocol,
                   "Protocol that the token is shown in: cmp, which needs no root on the phone, or est, over HTTPS")
        ->check(CLI::IsMember({"cmp", "est"}));
    app.add_option("--https-port", options.https_port, "Port of that server's HTTPS, for the phone's login (443)")
        ->check(CLI::Range(1U, 65535U));
    app.add_flag("--no-login", options.leaves_login, "Do not ask for the phone's login once there is a certificate");
    app.add_option("--key", options.key, "Kind of key to make (CMP, EST: p256; SCEP knows rsa2048 only)")
        ->check(CLI::IsMember({"p256", "rsa2048"}));
    add_new_flash(app, options.state);
    app.add_option("--mac", options.mac, "MAC address of the phone, such as 00:24:7F:01:02:AB")->required();
    app.add_option("--domain", options.domain, "Domain that is put behind the host name");
    app.add_option("--host-name", options.host_name,
                   "Name to be certified; without one, the profile's or NTIPP and six digits of the MAC address");
    app.add_option("--ca-name", options.ca_name, "Identity of the authority; without one, the profile's (AdminCA1)");
    app.add_option("--challenge-file", options.challenge_file,
                   "File whose first line is the challenge password; - reads standard input");
    app.add_option("--accept-fingerprint", options.accepted_fingerprints,
                   "SHA-1 or SHA-256 of the authority that may become a root; colons and case are ignored")
        ->allow_extra_args(false);
    app.add_option("--switch", options.switches, "thumbprint=public-key: that fingerprint is of the authority's key")
        ->allow_extra_args(false);
    app.add_option("--profile", options.profile, "Device certificate profile to fill (1)")
        ->check(CLI::Range(1U, profile_limit));
    app.add_flag("--allow-des", options.allows_single_des,
                 "Take answers that are encrypted with single DES; some servers know nothing else");
    app.add_option("--polls", options.polls, "How often a request that waits for a decision is asked about (3)")
        ->check(CLI::Range(0U, 1000U));
    app.add_option("--poll-interval", options.poll_seconds, "Seconds between them (60)")->check(CLI::Range(1U, 86400U));
    app.add_option("--patience", options.patience_seconds, "Seconds after which a silent server is given up (20)")
        ->check(CLI::Range(1U, 600U));
    app.add_flag("--json", options.json, "Print one JSON object");
}

CLI::Option* add_port(CLI::App& app, PortOptions& options) {
    auto* interface = app.add_option("--interface", options.interface,
                                     "Wired interface whose 802.1X port is logged in to, as `configure` was told");
    app.add_option(
           "--supplicant", options.supplicant,
           "Control socket of a wpa_supplicant that runs already, such as /run/wpa_supplicant/eth0; without one "
           "it is started, and ends with this program")
        ->needs(interface);
    return interface;
}

void add_join(CLI::App& app, JoinOptions& options) {
    add_flash(app, options.state);
    add_port(app, options.port)->required();
    app.add_option("--switch", options.switches, "eap-tls=legacy: EAP may use TLS 1.0 and 1.1")
        ->allow_extra_args(false);
    app.add_option("--wait", options.wait_seconds, "Seconds after which it is given up (60)")
        ->check(CLI::Range(1U, 3600U));
    app.add_flag("--json", options.json, "Print one JSON object");
}

void add_run(CLI::App& app, RunOptions& options) {
    add_boot(app, options.boot);
    add_port(app, options.port);
    app.add_option("--sip-listen", options.sip_listen,
                   "ADDRESS:PORT (UDP) where NOTIFY check-sync is heard, if REMOTE_CHECK_FOR_UPDATE is YES");
    app.add_option("--sip-from", options.sip_from,
                   "Network whose NOTIFY is obeyed; without any, the provisioned SIP servers' is")
        ->allow_extra_args(false);
}

void add_configure(CLI::App& app, ConfigureOptions& options) {
    add_new_flash(app, options.state);
    app.add_option("--set", options.set,
                   "NAME=VALUE: an entry by hand, such as provisioning-server=https://prov/sets or eap-mode=md5")
        ->allow_extra_args(false);
    app.add_option("--set-from", options.set_from,
                   "NAME=FILE: the same with the value in the file's first line, for passwords; - reads standard input")
        ->allow_extra_args(false);
    app.add_option("--clear", options.clear, "NAME: forget the entry, so that the value comes by itself again")
        ->allow_extra_args(false);
    app.add_flag("--json", options.json, "Print one JSON object");
}

void add_dhcp_request(CLI::App& app, DhcpRequestOptions& options) {
    app.add_option("--mac", options.mac, "MAC address of the phone")->required();
    app.add_option("--host-name", options.host_name, "In place of T and the MAC address");
    app.add_option("--for", options.client,
                   "The client: udhcpc, whose arguments are printed, or dhclient, whose file is")
        ->check(CLI::IsMember({"udhcpc", "dhclient"}));
    app.add_flag("--json", options.json, "Print one JSON object");
}

void add_dhcp_hook(CLI::App& app, DhcpHookOptions& options) {
    app.add_option("event", options.event, "What udhcpc says: bound, renew, deconfig ...; dhclient has a variable");
    app.add_option("--state", options.state, "Folder that is the phone's flash; made if absent")
        ->required()
        ->envname("RINGFENCE_PHONE_STATE");
    app.add_flag("--configure", options.configures, "Give the interface its address and default route too")
        ->envname("RINGFENCE_PHONE_CONFIGURE");
}

void add_show(CLI::App& app, ShowOptions& options) {
    add_flash(app, options.state);
    auto* effective = app.add_flag("--effective", options.effective,
                                   "Show each effective setting with its type, file and line instead");
    app.add_flag("--unknown", options.unknown,
                 "With --effective: show settings that the catalogue does not know, though one may be the rest of a "
                 "wrapped password")
        ->needs(effective);
    app.add_flag("--json", options.json, "Print one JSON object");
}

void add_reset(CLI::App& app, ResetOptions& options) {
    add_flash(app, options.state);
    app.add_option("--typed", options.typed,
                   "Resets only if these are the keys that a set with --mac wants: **73639...");
    app.add_option("--mac", options.mac, "MAC address of the phone");
    app.add_flag("--json", options.json, "Print one JSON object");
}

void add_profile(CLI::App& app, ProfileOptions& options) {
    add_flash(app, options.state);
    app.add_option("--index", options.index, "Which profile")->check(CLI::Range(1U, profile_limit));
    app.add_option("--source", options.source, "Where its certificate comes from: scep or pkcs12 ([DEV_CERT])")
        ->check(CLI::IsMember({"scep", "pkcs12"}));
    app.add_option("--active", options.active, "Whether it is shown to servers")->check(CLI::IsMember({"yes", "no"}));
    app.add_option("--purpose", options.purpose, "Bit mask of the applications that may use it; -1: all");
    app.add_option("--ca-name", options.ca_name, "SCEP: identity of the authority");
    app.add_option("--host-name", options.host_name, "SCEP: host name in place of NTIPP and six digits of the MAC");
    app.add_flag("--delete", options.deletes, "Delete its certificate and key");
}

void add_baresip(CLI::App& app, TranslateOptions& options) {
    add_flash(app, options.state);
    app.add_option("--out", options.out, "Folder of the configuration; made if absent, else one made here before")
        ->required();
    app.add_option("--sip-port", options.sip_port, "Local port in place of SIP_UDP_PORT; TLS is one above")
        ->check(CLI::Range(1, 65534));
    app.add_option("--interface", options.interface, "Name or address of the network interface");
    app.add_option("--dns-server", options.dns_servers, "ADDRESS:PORT in place of the system's; may be repeated")
        ->allow_extra_args(false);
    app.add_option("--server-name", options.server_names,
                   "A further name or address that a SIP server's certificate may carry; may be repeated")
        ->allow_extra_args(false);
    app.add_option("--audio", options.audio, "DRIVER,DEVICE as baresip names them (alsa,default)");
    app.add_option("--module-path", options.module_folder, "Folder of baresip's modules (/usr/lib/baresip/modules)");
    add_identity(app, options.certificate, options.key);
    app.add_flag("--json", options.json, "Print one JSON object");
}

// DHCP clients take the name of a program without arguments, so that a link of this name is the command. The last word
// comes first, as CLI11 wants them.
std::vector<std::string> words_of(int argc, char** argv) {
    std::vector<std::string> words(argv + 1, argv + argc);
    if (std::string_view(argv[0]).ends_with("dhcp-hook")) words.insert(words.begin(), "dhcp-hook");
    std::reverse(words.begin(), words.end());
    return words;
}

int run(int argc, char** argv) {
    CLI::App app("The deskphone's side of Ringfence: boots a virtual 11xx or 12xx set against a provisioning server.");
    app.name("ringfence-phone");
    app.require_subcommand(1);
    BootOptions boot_options;
    EnrolOptions enrol_options;
    JoinOptions join_options;
    RunOptions run_options;
    ConfigureOptions configure_options;
    DhcpRequestOptions dhcp_options;
    DhcpHookOptions hook_options;
    ShowOptions show_options;
    ResetOptions reset_options;
    ProfileOptions profile_options;
    TranslateOptions translate_options;
    auto* boot = app.add_subcommand("boot", "Fetch the manifest and what it names, accept, install, report");
    auto* run =
        app.add_subcommand("run", "Stay on: boot, then look for updates daily, on SIGHUP and on NOTIFY check-sync");
    add_run(*run, run_options);
    auto* join = app.add_subcommand("join", "Log in once at the switch's port by 802.1X");
    add_join(*join, join_options);
    auto* enrol =
        app.add_subcommand("enrol", "Get a device certificate by token or SCEP, renew it, or ask for a decision");
    add_enrol(*enrol, enrol_options);
    auto* configure = app.add_subcommand("configure", "Type parameters in by hand, or clear them; shows what holds");
    auto* dhcp = app.add_subcommand("dhcp-request", "Print what the phone asks of DHCP, for udhcpc or dhclient");
    auto* hook =
        app.add_subcommand("dhcp-hook", "Script of udhcpc or dhclient: keeps the lease where boot and run find it");
    auto* show = app.add_subcommand("show", "Show what is installed; passwords are masked");
    auto* reset = app.add_subcommand("reset", "Factory reset: forget roots, versions, files, settings and events");
    auto* translate = app.add_subcommand("translate", "Write the settings as the configuration of another program");
    auto* baresip = translate->add_subcommand("baresip", "For baresip 1.0, with its accounts, roots and start script");
    translate->require_subcommand(1);
    add_baresip(*baresip, translate_options);
    add_boot(*boot, boot_options);
    add_configure(*configure, configure_options);
    add_dhcp_request(*dhcp, dhcp_options);
    add_dhcp_hook(*hook, hook_options);
    add_show(*show, show_options);
    add_reset(*reset, reset_options);
    auto* profile = app.add_subcommand("profile", "Set up a device certificate profile");
    add_profile(*profile, profile_options);
    auto* switches = app.add_subcommand("switches", "List the behaviour that the manuals leave open");
    try {
        app.parse(words_of(argc, argv));
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? ringfence::app::exit_done : ringfence::app::exit_misused;
    }
    if (boot->parsed()) return ringfence::app::boot(boot_options);
    if (enrol->parsed()) return ringfence::app::enrol(enrol_options);
    if (join->parsed()) return ringfence::app::join(join_options);
    if (run->parsed()) return ringfence::app::run(run_options);
    if (configure->parsed()) return ringfence::app::configure(configure_options);
    if (dhcp->parsed()) return ringfence::app::dhcp_request(dhcp_options);
    if (hook->parsed()) return ringfence::app::dhcp_hook(hook_options);
    if (profile->parsed()) return ringfence::app::profile(profile_options);
    if (switches->parsed()) return ringfence::app::switches();
    if (show->parsed()) return ringfence::app::show(show_options);
    if (baresip->parsed()) return ringfence::app::translate_baresip(translate_options);
    return ringfence::app::reset(reset_options);
}

}  // namespace

int main(int argc, char** argv) {
    ringfence::app::ignore_broken_pipes();
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        return ringfence::app::complain(error.what(), ringfence::app::exit_failed);
    }
}

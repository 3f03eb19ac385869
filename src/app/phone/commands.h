// The commands of ringfence-phone, after the command line was read. Each returns the exit code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence::app {

inline constexpr int exit_done = 0;
inline constexpr int exit_failed = 1;  // something was refused or failed
inline constexpr int exit_misused = 2;
inline constexpr int exit_pending = 3;  // enrol: the authority has not decided yet

struct BootOptions {
    std::string mac;
    std::string model;
    std::string state;
    std::string url;
    std::string url_file;                  // in place of url, for one that holds a password; "-": standard input
    std::vector<std::string> dhcp_leases;  // files, each with one offer's variables
    std::string device_id;
    std::string password_file;  // "-": standard input
    std::vector<std::string> accepted_fingerprints;
    std::string accepted_fingerprint_file;
    std::string certificate;
    std::string key;
    std::string certificate_password_file;  // "-": standard input
    std::string consent;                    // "yes", "no"; empty: ask
    std::string vendor_roots;               // PEM file
    std::string load;                       // "sip", "boot-loader", "unistim"; empty: as the flash says
    std::size_t image_room = 0;             // bytes; 0: as much as any image takes
    std::vector<std::string> switches;      // "name=value"
    std::string ports;
    unsigned patience_seconds = 0;
    std::string on_change;  // absolute path of a program
    unsigned on_change_seconds = 0;
    bool json = false;
    bool explain = false;
};

// Getting a device certificate by SCEP (reference 5.4). What is empty is the profile's.
struct EnrolOptions {
    std::string scep;              // URL of a SCEP server; or
    std::string server;            // URL of an authority that takes the token; or
    bool renews = false;           // where the present certificate came from
    std::string protocol = "cmp";  // with `server`: or "est"
    std::string token_file;        // "-": standard input
    unsigned https_port = 0;       // where the login is asked for; 0: the usual one
    bool leaves_login = false;
    std::string key;  // "p256", "rsa2048"; empty: the protocol's usual kind
    std::string state;
    std::string mac;
    std::string domain;
    std::string host_name;
    std::string ca_name;
    std::string challenge_file;  // "-": standard input
    std::vector<std::string> accepted_fingerprints;
    std::vector<std::string> switches;  // "name=value"
    unsigned profile = 1;
    bool allows_single_des = false;
    std::optional<unsigned> polls;
    unsigned poll_seconds = 0;
    unsigned patience_seconds = 0;
    bool json = false;
};

// The 802.1X port.
struct PortOptions {
    std::string interface;   // empty: nobody looks after a port
    std::string supplicant;  // control socket of a wpa_supplicant that runs already; empty: start one
};

struct JoinOptions {
    PortOptions port;
    std::string state;
    std::vector<std::string> switches;  // "name=value"
    unsigned wait_seconds = 60;         // the first login takes up to 30 s, and a cable may be plugged in meanwhile
    bool json = false;
};

struct RunOptions {
    BootOptions boot;
    PortOptions port;
    std::string sip_listen;             // "192.0.2.7:5060"; empty: no NOTIFY is heard
    std::vector<std::string> sip_from;  // networks; empty: the provisioned SIP servers
};

struct ConfigureOptions {
    std::string state;
    std::vector<std::string> set;       // NAME=VALUE
    std::vector<std::string> set_from;  // NAME=FILE; "-": standard input
    std::vector<std::string> clear;     // NAME
    bool json = false;
};

struct DhcpRequestOptions {
    std::string mac;
    std::string host_name;
    std::string client = "udhcpc";  // or "dhclient"
    bool json = false;
};

struct DhcpHookOptions {
    std::string event;  // udhcpc's word; empty: dhclient's `reason`
    std::string state;
    bool configures = false;  // the address too
};

// A device certificate profile (reference 5.4). What is empty stays as it is.
struct ProfileOptions {
    std::string state;
    unsigned index = 1;
    std::string source;  // "scep", "pkcs12"
    std::string active;  // "yes", "no"
    std::optional<std::int32_t> purpose;
    std::string ca_name;
    std::optional<std::string> host_name;
    bool deletes = false;  // its certificate and key go
};

struct ResetOptions {
    std::string state;
    std::string typed;  // the keys of the set's own reset, instead of the command's word
    std::string mac;    // which they must name
    bool json = false;
};

struct ShowOptions {
    std::string state;
    bool effective = false;
    bool unknown = false;  // unmask what the catalogue does not know
    bool json = false;
};

// What baresip's configuration takes beside the settings; what is empty or 0 is left to the translator.
struct TranslateOptions {
    std::string state;
    std::string out;
    std::uint16_t sip_port = 0;
    std::string interface;
    std::vector<std::string> dns_servers;
    std::vector<std::string> server_names;
    std::string audio;
    std::string module_folder;
    std::string certificate;
    std::string key;
    bool json = false;
};

int boot(const BootOptions& options);
int enrol(const EnrolOptions& options);
int join(const JoinOptions& options);
int run(const RunOptions& options);
int configure(const ConfigureOptions& options);
int dhcp_request(const DhcpRequestOptions& options);
int dhcp_hook(const DhcpHookOptions& options);
int show(const ShowOptions& options);
int profile(const ProfileOptions& options);
int switches();
int translate_baresip(const TranslateOptions& options);
int reset(const ResetOptions& options);

// One sentence on standard error; returns `code`.
int complain(std::string_view sentence, int code);

}  // namespace ringfence::app

// The manifest, which the manual calls 12xxSIP.cfg: what a phone shall fetch, from where and when (reference section
// 2). Pure text in, value out, and back. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mac_address.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/url.h"
#include "phonefile/line.h"

namespace ringfence::phonefile {

enum class SectionKind {
    device_config,  // settings for all phones
    user_config,    // fetches SIP<MAC>.cfg; needs no FILENAME
    fw,             // firmware
    dialing_plan,
    language,
    tones,
    images,
    licensing,
    sec_policy,
    user_keys,  // customer root certificates
    dev_cert,   // PKCS#12 device certificate
    ctl,        // certificate trust list
    crl,
    login_banner,
};

// Without brackets, as written: "DEVICE_CONFIG", "FW" ...
std::string_view to_string(SectionKind kind);
// Exact case, without brackets. Reads the manual's second names too: IMAGE is IMAGES, POLICY is SEC_POLICY. The
// misprint USER_KERYS is no section.
std::optional<SectionKind> parse_section_kind(std::string_view name);
// True for LANGUAGE, TONES and USER_KEYS.
bool takes_several_files(SectionKind kind);

enum class DownloadMode {
    automatic,  // AUTO: fetch only what is newer than the stored version
    forced,     // FORCED: always fetch
};
std::string_view to_string(DownloadMode mode);  // "AUTO", "FORCED"

enum class Keyword {
    version,
    download_mode,
    filename,
    protocol,
    server_ip,
    srv_user_name,
    srv_user_pass,
    prompt,
    delete_files,
    prompt_authname_enable,
    profile,
    purpose,
    security_mode,
};
std::string_view to_string(Keyword keyword);  // "VERSION" ...

// One section with every default filled in (reference 2.3).
struct Section {
    SectionKind kind = SectionKind::device_config;
    std::string version;  // empty: not stated
    DownloadMode download_mode = DownloadMode::automatic;
    std::vector<std::string> filenames;  // in order, '*' not yet replaced; empty only in USER_CONFIG
    Protocol protocol = Protocol::tftp;
    std::string server;     // SERVER_IP: address or name; empty: where the manifest came from
    std::string user_name;  // SRV_USER_NAME; empty: none stated
    Secret password;        // SRV_USER_PASS
    bool prompt = false;
    bool delete_files = false;
    bool prompt_authname = false;
    std::uint32_t profile = 1;
    std::int32_t purpose = -1;  // bit mask; -1: all applications
    std::string security_mode;  // meaning unknown; empty: not stated

    // Where it was read, counted from 1; 0 and empty for a section that was built. Not compared.
    std::size_t line = 0;
    std::map<Keyword, std::size_t> keyword_lines;  // for FILENAME the first

    friend bool operator==(const Section& a, const Section& b);
};

// Sections in file order; the same kind may stand several times.
struct Manifest {
    std::vector<Section> sections;
    friend bool operator==(const Manifest&, const Manifest&) = default;
};

struct ManifestReading {
    Manifest manifest;
    std::vector<Dropped> dropped;  // by line
};

// As the phone reads it. Bad lines never fail: comments go, even after text; a line over max_line_read ends the file;
// unknown sections, keywords and values are skipped and listed. Of a repeated keyword the last holds. A section is
// skipped whole if its PROTOCOL or SERVER_IP cannot be read, because their defaults could send a login over a weaker
// wire or to another host, or if it names no file. Bytes above ASCII are kept as they are. Fault: too_large above
// max_file_size.
Result<ManifestReading> parse_manifest_as_phone(std::string_view text);

// Malformed at the first line, named in the message, that a phone would skip or that holds more than ASCII.
Result<Manifest> parse_manifest_strict(std::string_view text);

// Line ends are LF; PROTOCOL and DOWNLOAD_MODE are always written; the order is as given. Refuses (malformed,
// too_large) what a phone would misread: values by check_written_value and with inner blanks; a missing FILENAME or
// several where one is taken; a VERSION that is missing (it may be in USER_KEYS, CTL and CRL), over 19 characters in
// FW, or not 6 to 10 digits of at most max_version elsewhere; a password without a user name.
// parse_manifest_strict(format_manifest(m)) == m, and the phone's reading of it drops nothing.
Result<std::string> format_manifest(const Manifest& manifest);

// Whether a set would read this as SERVER_IP: an address or a DNS name that fits its line. malformed, too_large; an
// empty one passes: it is not written.
Status check_server(std::string_view host);

// Loads may hold it in a signed 32-bit number.
inline constexpr std::uint64_t max_version = 2147483647;
inline constexpr std::size_t min_version_digits = 6;
inline constexpr std::size_t max_version_digits = 10;
inline constexpr std::size_t max_firmware_version_length = 19;

// Each '*' becomes the MAC as twelve upper-case digits.
std::string expand_filename(std::string_view name, const MacAddress& mac);

struct VersionVerdict {
    bool newer = false;
    std::string reason;  // one sentence, fit for a report
};

// The AUTO rule (reference 2.3 and 2.5). Two numbers are compared as numbers of any length. Anything else is compared
// as text, byte by byte; of a number and a load name that means that the load name always counts as newer, and never
// the number: the trap that the reference warns of. Nothing stored: anything is newer. Nothing offered: nothing is
// newer.
VersionVerdict is_newer(std::string_view offered, std::string_view stored);

}  // namespace ringfence::phonefile

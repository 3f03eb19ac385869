#include "phone/baresip_configuration.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/host_name.h"
#include "base/text.h"

namespace ringfence::phone {

namespace {

constexpr unsigned domain_count = 5;
constexpr unsigned account_count = 24;
constexpr unsigned codec_count = 5;
// RFC 3261 section 10.2 names it; no setting of the family does.
constexpr unsigned registration_seconds = 3600;
constexpr unsigned dscp_shift = 2;  // the field's place in the TOS byte
constexpr std::string_view no_server = "0.0.0.0";
constexpr std::string_view default_rtp_tos = "184";  // DSCP 46

struct Codec {
    std::string_view setting;
    std::string_view name;  // as baresip names it
    std::string_view module;
};

// Those that Debian's baresip has. G.729, G.723.1 and G.722.1 are not among them.
constexpr std::array<Codec, 4> codecs{{
    {"PCMA standard a-law", "PCMA/8000/1", "g711"},
    {"PCMU standard u-law", "PCMU/8000/1", "g711"},
    {"G722 wideband codec", "G722/16000/1", "g722"},
    {"L16 standard L-16", "L16/44100/1", "l16"},
}};

bool is_letter_or_digit(char c) { return is_ascii_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z'); }

bool consists_of(std::string_view text, std::string_view marks) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return is_letter_or_digit(c) || marks.find(c) != std::string_view::npos;
    });
}

// The user of a SIP URI without escapes and without what has a meaning in baresip's line.
bool is_user(std::string_view text) { return consists_of(text, "-_.!~*+"); }

// What a quoted parameter can hold. baresip looks for ";name=" inside quotes too.
bool is_quotable(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return c > ' ' && c < 0x7f && c != '"' && c != ';' && c != '\\';
    });
}

bool is_path(std::string_view text) { return text.starts_with('/') && consists_of(text, "/-_.+@"); }

bool is_audio(std::string_view text) {
    const auto comma = text.find(',');
    return comma != std::string_view::npos && consists_of(text.substr(0, comma), "_") &&
           consists_of(text.substr(comma + 1), "-_.:=/");
}

bool is_dns_server(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return false;
    const auto port = parse_number(text.substr(colon + 1));
    std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    return IpAddress::parse(host).has_value() && port && *port > 0 && *port <= UINT16_MAX;
}

// As it stands in a URI; empty when it is no host.
std::string uri_host(std::string_view text) {
    if (const auto address = IpAddress::parse(text))
        return address->is_v4() ? address->to_string() : fmt::format("[{}]", address->to_string());
    return is_host_name(text) ? std::string(text) : std::string();
}

class Translator {
public:
    Translator(const EffectiveSettings& settings, const family::Family& family, const BaresipSurroundings& around)
        : settings_(settings), family_(family), around_(around) {}

    BaresipConfiguration translate() {
        choose_codecs();
        media_encryption_ = choose_media_encryption();
        write_accounts();
        write_contacts();
        write_config();
        write_openssl();
        write_start();
        list_untranslated();
        return std::move(out_);
    }

private:
    struct Server {
        std::string domain;     // as it stands in a URI
        std::string transport;  // "udp", "tcp", "tls"
        std::string outbound;   // host and port as they stand in a URI; empty: found by DNS
        std::string host;       // empty: found by DNS
    };

    void refuse(std::string sentence) {
        if (std::find(out_.refused.begin(), out_.refused.end(), sentence) == out_.refused.end())
            out_.refused.push_back(std::move(sentence));
    }
    void remark(std::string sentence) { out_.remarks.push_back(std::move(sentence)); }
    bool is_set(std::string_view name) const { return settings_.find(name) != settings_.end(); }

    // The effective value, else the default, else nothing. Fault when it does not fit the catalogue.
    Result<std::string> read(const std::string& name) {
        const auto* spec = family_.find_setting(name);
        RINGFENCE_ASSERT(spec != nullptr);
        used_.insert(name);
        const auto found = settings_.find(name);
        if (found == settings_.end()) return spec->default_value.value_or("");
        if (auto fits = family::check_value(*spec, found->second.value); !fits) return fail(std::move(fits.error()));
        return found->second.value;
    }

    // The default in place of what does not fit, and said so.
    std::string read_or_default(const std::string& name) {
        auto value = read(name);
        if (value) return std::move(*value);
        std::string instead = family_.find_setting(name)->default_value.value_or("");
        refuse(fmt::format("{}; its default stands in for it", value.error().message));
        return instead;
    }

    void choose_codecs();
    std::string choose_media_encryption();
    void write_accounts();
    Result<std::string> account_line(unsigned key);
    Result<Server> server_of(std::string_view domain);
    Result<Server> server_at(unsigned index, const std::string& domain);
    void permit(const std::string& host);
    void write_contacts();
    std::string listening_port();
    std::string rtp_ports();
    std::string rtp_tos();
    void write_config();
    void write_openssl();
    void write_start();
    void list_untranslated();

    const EffectiveSettings& settings_;
    const family::Family& family_;
    const BaresipSurroundings& around_;
    BaresipConfiguration out_;
    std::set<std::string, std::less<>> used_;
    std::string codec_list_;  // "PCMA/8000/1,G722/16000/1"
    std::vector<std::string_view> codec_modules_;
    std::string media_encryption_;  // empty: none
    std::string first_domain_;      // of the first account
    bool has_clear_account_ = false;
};

void Translator::choose_codecs() {
    for (unsigned i = 1; i <= codec_count; ++i) {
        const std::string name = fmt::format("AUDIO_CODEC{}", i);
        const std::string wanted = read_or_default(name);
        if (wanted.empty()) continue;
        const auto found =
            std::find_if(codecs.begin(), codecs.end(), [&](const Codec& codec) { return codec.setting == wanted; });
        if (found == codecs.end()) {
            remark(fmt::format("{}: baresip has no {}", name, wanted));
            continue;
        }
        if (codec_list_.find(found->name) != std::string::npos) continue;
        codec_list_ += fmt::format("{}{}", codec_list_.empty() ? "" : ",", found->name);
        if (std::find(codec_modules_.begin(), codec_modules_.end(), found->module) == codec_modules_.end())
            codec_modules_.push_back(found->module);
    }
    if (codec_list_.empty()) remark("no codec is left, so there will be no calls");
}

std::string Translator::choose_media_encryption() {
    if (read_or_default("SRTP_ENABLED") != "YES") return {};
    const std::string mode = read_or_default("SRTP_MODE");
    for (const char* name : {"SRTP_CIPHER_1", "SRTP_CIPHER_2"})
        if (is_set(name)) {
            used_.insert(name);
            remark(fmt::format("{}: baresip offers ciphers of its own choice", name));
        }
    if (mode == "SecureOnly") return "srtp-mand";
    remark(
        fmt::format("SRTP_MODE {}: baresip offers encryption beside one media line, and a call may stay clear", mode));
    return "srtp";
}

Result<Translator::Server> Translator::server_at(unsigned index, const std::string& domain) {
    const auto protocols = read(fmt::format("SIP_DOMAIN{}_PROTOS", index));
    if (!protocols) return fail(protocols.error());
    const auto words = split(*protocols, ',');
    const bool has_tls = std::find(words.begin(), words.end(), "TLS") != words.end();
    const std::string protocol(has_tls ? "TLS" : words.front());
    if (has_tls && !around_.has_roots)
        return fail(FaultCode::untrusted, "no root certificate is installed, so its server could not be verified");

    Server server{domain, to_lower(protocol), {}, {}};
    const auto host = read(fmt::format("SERVER_IP{}_1", index));
    if (!host) return fail(host.error());
    if (*host == no_server) return server;
    const auto port = read(fmt::format("SERVER_{}PORT{}_1", protocol == "UDP" ? "" : protocol + "_", index));
    if (!port) return fail(port.error());
    server.host = *host;
    server.outbound = fmt::format("{}:{}", uri_host(*host), *port);
    return server;
}

Result<Translator::Server> Translator::server_of(std::string_view domain) {
    for (unsigned i = 1; i <= domain_count; ++i) {
        const auto known = read(fmt::format("SIP_DOMAIN{}", i));
        if (known && !known->empty() && equals_ignoring_case(*known, domain)) return server_at(i, uri_host(domain));
    }
    return fail(FaultCode::not_found, fmt::format("its domain is none of SIP_DOMAIN1 to SIP_DOMAIN{}", domain_count));
}

void Translator::permit(const std::string& host) {
    if (host.empty()) return;
    if (const auto address = IpAddress::parse(host))
        out_.servers.addresses.push_back(*address);
    else
        out_.servers.dns_names.push_back(to_lower(host));
}

// The sentences of its faults name no value.
Result<std::string> Translator::account_line(unsigned key) {
    const auto id = read(fmt::format("AUTOLOGIN_ID_KEY{:02}", key));
    if (!id) return fail(id.error());
    const auto own_domain = read("SIP_DOMAIN1");
    const auto at = id->find('@');
    const std::string user = id->substr(0, at);
    const std::string domain = at == std::string::npos ? own_domain.value_or("") : id->substr(at + 1);
    if (!is_user(user) || uri_host(domain).empty())
        return fail(FaultCode::malformed, "it is not of the form user@domain in plain letters, digits and -_.!~*+");

    const auto login = read(fmt::format("AUTOLOGIN_AUTHID_KEY{:02}", key));
    if (!login) return fail(login.error());
    if (!login->empty() && !is_quotable(*login))
        return fail(FaultCode::malformed, "its authentication name holds a character that baresip cannot take");
    const auto password = read(fmt::format("AUTOLOGIN_PASSWD_KEY{:02}", key));
    if (!password) return fail(password.error());
    if (password->empty()) return fail(FaultCode::not_found, "its password is missing");
    if (!is_quotable(*password))
        return fail(FaultCode::malformed,
                    "its password holds a blank, a quote, a semicolon or a backslash, which baresip cannot take");

    const auto server = server_of(domain);
    if (!server) return fail(server.error());
    if (server->transport == "tls") {
        permit(domain);
        permit(server->host);
    } else {
        has_clear_account_ = true;
    }
    if (first_domain_.empty()) first_domain_ = server->domain;

    std::string line =
        fmt::format("<sip:{}@{};transport={}>;auth_user=\"{}\";auth_pass=\"{}\";regint={}", user, server->domain,
                    server->transport, login->empty() ? user : *login, *password, registration_seconds);
    if (!server->outbound.empty())
        line += fmt::format(";outbound=\"sip:{};transport={}\"", server->outbound, server->transport);
    if (!codec_list_.empty()) line += fmt::format(";audio_codecs={}", codec_list_);
    if (!media_encryption_.empty()) line += fmt::format(";mediaenc={}", media_encryption_);
    return line + "\n";
}

void Translator::write_accounts() {
    const std::string enabled = read_or_default("AUTOLOGIN_ENABLE");
    const std::uint64_t most = parse_number(read_or_default("MAX_LOGINS")).value_or(1);
    if (enabled == "NO" || enabled == "0") {
        remark("AUTOLOGIN_ENABLE is NO: a set would ask its user to log in, so no account is written");
        return;
    }
    std::string lines;
    for (unsigned key = 1; key <= account_count; ++key) {
        const std::string name = fmt::format("AUTOLOGIN_ID_KEY{:02}", key);
        const auto found = settings_.find(name);
        if (found == settings_.end() || found->second.value.empty()) continue;
        if (out_.account_count >= most) {
            remark(fmt::format("{} is beyond MAX_LOGINS, {}", name, most));
            continue;
        }
        auto line = account_line(key);
        if (!line) {
            refuse(fmt::format("{} is refused: {}", name, line.error().message));
            continue;
        }
        lines += *line;
        ++out_.account_count;
    }
    out_.accounts = Secret(std::move(lines));
    if (has_clear_account_ && !media_encryption_.empty())
        remark("an account without TLS carries the keys of its encrypted calls in clear");
}

void Translator::write_contacts() {
    if (out_.account_count == 0) return;  // nobody to call it
    const std::string mailbox = read_or_default("VMAIL");
    if (mailbox.empty()) return;
    const auto at = mailbox.find('@');
    const std::string domain = at == std::string::npos ? first_domain_ : uri_host(mailbox.substr(at + 1));
    if (!is_user(mailbox.substr(0, at)) || domain.empty())
        return refuse("VMAIL is refused: no SIP address can be made of it");
    out_.contacts = fmt::format("\"Voice mail\" <sip:{}@{}>\n", mailbox.substr(0, at), domain);
}

// baresip has one port for UDP and TCP, and TLS is one above it.
std::string Translator::listening_port() {
    std::string udp = read_or_default("SIP_UDP_PORT");
    const std::string tcp = read_or_default("SIP_TCP_PORT");
    const std::string tls = read_or_default("SIP_TLS_PORT");
    if (around_.sip_port) return std::to_string(*around_.sip_port);
    if (tcp != udp) remark(fmt::format("SIP_TCP_PORT {}: baresip listens where it does for UDP, at {}", tcp, udp));
    const std::uint64_t next = parse_number(udp).value_or(0) + 1;
    if (tls != std::to_string(next)) remark(fmt::format("SIP_TLS_PORT {}: baresip listens at {}", tls, next));
    return udp;
}

std::string Translator::rtp_ports() {
    const auto low = parse_number(read_or_default("RTP_MIN_PORT"));
    const auto high = parse_number(read_or_default("RTP_MAX_PORT"));
    if (low && high && *low < *high) return fmt::format("rtp_ports {}-{}\n", *low, *high);
    refuse("RTP_MIN_PORT is not below RTP_MAX_PORT; baresip chooses");
    return {};
}

std::string Translator::rtp_tos() {
    const std::string dscp = read_or_default("DSCP_MEDIA");
    if (const auto number = parse_number(dscp)) return std::to_string(*number << dscp_shift);
    remark("DSCP_MEDIA -1: what the network says is not known here, so 46 stands in for it");
    return std::string(default_rtp_tos);
}

void Translator::write_config() {
    const std::string& folder = around_.folder;
    std::string& text = out_.config;
    text = "# Made by ringfence-phone; changes are lost. Run ./start, since baresip by itself verifies no server.\n";
    text += fmt::format("poll_method epoll\nsip_listen 0.0.0.0:{}\n", listening_port());
    if (!out_.servers.dns_names.empty() || !out_.servers.addresses.empty())
        text += fmt::format("sip_cafile {}/{}\n", folder, baresip_roots_name);
    if (around_.has_identity) text += fmt::format("sip_certificate {}/{}\n", folder, baresip_identity_name);
    text += fmt::format("call_local_timeout {}\ncall_max_calls {}\n", read_or_default("MAX_RING_TIME"),
                        read_or_default("MAX_APPEARANCE"));
    for (const char* role : {"audio_player", "audio_source", "audio_alert"})
        text += fmt::format("{} {}\n", role, around_.audio);
    text += fmt::format("rtp_tos {}\n{}rtcp_mux no\njitter_buffer_delay 5-10\n", rtp_tos(), rtp_ports());
    if (!around_.interface.empty()) text += fmt::format("net_interface {}\n", around_.interface);
    for (const auto& server : around_.dns_servers) text += fmt::format("dns_server {}\n", server);
    text += fmt::format("module_path {}\n", around_.module_folder);
    for (const auto module : codec_modules_) text += fmt::format("module {}.so\n", module);
    text += fmt::format("module {}.so\n", split(around_.audio, ',').front());
    if (!media_encryption_.empty()) text += "module srtp.so\n";
    text += "module_tmp account.so\nmodule_app contact.so\nmodule_app menu.so\n";
    if (!out_.contacts.empty()) text += "module_app mwi.so\n";
}

void Translator::write_openssl() {
    out_.openssl =
        "# Made by ringfence-phone: every TLS connection of the program verifies the server's chain.\n"
        "openssl_conf = baresip\n[baresip]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n"
        "[tls]\nMinProtocol = TLSv1.2\nVerifyMode = Peer\n";
}

void Translator::write_start() {
    out_.start = fmt::format("#!/bin/sh\n# Made by ringfence-phone.\nOPENSSL_CONF={0}/{1} exec baresip -f {0} \"$@\"\n",
                             around_.folder, baresip_openssl_name);
}

void Translator::list_untranslated() {
    for (const auto& [name, setting] : settings_) {
        if (family_.find_setting(name) == nullptr)
            ++out_.unknown_settings;
        else if (used_.count(name) == 0)
            out_.untranslated.push_back(name);
    }
}

}  // namespace

Result<BaresipConfiguration> translate_baresip(const EffectiveSettings& settings, const family::Family& family,
                                               const BaresipSurroundings& surroundings) {
    const auto refuse = [](std::string sentence) { return fail(FaultCode::malformed, std::move(sentence)); };
    if (!is_path(surroundings.folder) || !is_path(surroundings.module_folder))
        return refuse("baresip's folders are absolute paths of letters, digits and -_.+@");
    if (!is_audio(surroundings.audio)) return refuse("the audio driver and its device are given as DRIVER,DEVICE");
    if (!surroundings.interface.empty() && !consists_of(surroundings.interface, "-_.:"))
        return refuse("the network interface is given by its name or its address");
    for (const auto& server : surroundings.dns_servers)
        if (!is_dns_server(server)) return refuse("a DNS server is given as ADDRESS:PORT");
    return Translator(settings, family, surroundings).translate();
}

}  // namespace ringfence::phone

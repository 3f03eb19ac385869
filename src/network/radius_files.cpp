#include "network/radius_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "base/url.h"

namespace ringfence::network {

namespace {

// FreeRADIUS's threads, and as many connections to us, since a thread without one refuses its phone.
constexpr unsigned threads = 32;

// Attributes of the request, each encoded, by the names of query_codec.h. An identity that was proved inside a tunnel
// outweighs the one outside.
constexpr std::string_view query =
    "identity=%{urlquote:%{%{session-state:User-Name}:-%{User-Name}}}"
    "&hardware=%{urlquote:%{Calling-Station-Id}}"
    "&certificate=%{urlquote:%{TLS-Client-Cert-Serial}}"
    "&wants=%{control:Tmp-String-2}"
    "&lane=%{control:Tmp-String-1}"
    "&nas=%{%{NAS-IP-Address}:-%{NAS-IPv6-Address}}"
    "&from=%{%{Packet-Src-IP-Address}:-%{Packet-Src-IPv6-Address}}"
    "&nas_name=%{urlquote:%{NAS-Identifier}}"
    "&port_id=%{urlquote:%{NAS-Port-Id}}"
    "&port=%{NAS-Port}";

std::string format_main(const RadiusPlan& plan) {
    return fmt::format(R"({mark} for FreeRADIUS 3.2. Run it again after a change of
# switches, and when README.txt says so; what is changed here by hand is lost then.
prefix = /usr
libdir = /usr/lib/freeradius
name = radiusd
confdir = {folder}
logdir = {logs}
run_dir = ${{logdir}}
pidfile = ${{run_dir}}/radiusd.pid
max_request_time = 10
cleanup_delay = 2
max_requests = 65536
hostname_lookups = no
proxy_requests = no

log {{
	destination = files
	file = ${{logdir}}/radius.log
	auth = yes
	auth_badpass = no
	auth_goodpass = no
}}

security {{
	# Whoever guesses waits, and a core file would hold passwords.
	reject_delay = 1
	status_server = no
	allow_core_dumps = no
}}

thread pool {{
	start_servers = 4
	max_servers = {threads}
	min_spare_servers = 3
	max_spare_servers = 10
}}

$INCLUDE ${{confdir}}/clients.conf

modules {{
	$INCLUDE ${{confdir}}/modules.conf
}}

instantiate {{
	# The cache answers while the server cannot. With both silent nobody is let in.
	redundant ask_ringfence {{
		ringfence
		ringfence_cache
	}}
}}

$INCLUDE ${{confdir}}/sites.conf
)",
                       fmt::arg("mark", radius_mark), fmt::arg("folder", plan.folder), fmt::arg("logs", plan.logs),
                       fmt::arg("threads", threads));
}

std::string format_clients(const RadiusPlan& plan) {
    std::string out = "# Switches (ringfence radius switch add).\n";
    for (std::size_t i = 0; i < plan.switches.size(); ++i) {
        const registry::Switch& each = plan.switches[i];
        const char* kind = each.network.address().is_v4() ? "ipv4addr" : "ipv6addr";
        out += fmt::format(
            "client switch_{} {{\n\t{} = {}\n\tsecret = \"{}\"\n\tshortname = \"{}\"\n"
            "\trequire_message_authenticator = yes\n}}\n",
            i + 1, kind, each.network.to_string(), each.secret.reveal(), each.name);
    }
    return out;
}

// One rest module. `part` is "authorize" or "post-auth".
struct Ask {
    std::string_view part;
    std::string_view path;
};

struct RestTarget {
    std::string_view name;
    const std::string& url;
    std::vector<Ask> asks;
    bool shows_certificate = false;
};

std::string format_ask(const RadiusPlan& plan, const RestTarget& target, const Ask& ask) {
    std::string proof = "\t\ttls = ${..tls}\n";
    if (!target.shows_certificate)
        proof = fmt::format("\t\tauth = basic\n\t\tusername = radius\n\t\tpassword = \"{}\"\n", plan.password.reveal());
    return fmt::format(
        "\t{} {{\n\t\turi = \"${{..connect_uri}}/network/v1/{}\"\n\t\tmethod = post\n\t\tbody = post\n"
        "\t\tdata = \"{}\"\n{}\t\ttimeout = 2.0\n\t}}\n",
        ask.part, ask.path, query, proof);
}

std::string format_rest(const RadiusPlan& plan, const RestTarget& target) {
    std::string out =
        fmt::format("rest {} {{\n\tconnect_uri = \"{}\"\n\tconnect_timeout = 1.0\n", target.name, target.url);
    if (target.shows_certificate)
        out += fmt::format(
            "\ttls {{\n\t\tca_info_file = ${{confdir}}/{}\n\t\tcertificate_file = ${{confdir}}/{}\n"
            "\t\tprivate_key_file = ${{confdir}}/{}\n\t\tcheck_cert = yes\n\t\tcheck_cert_cn = yes\n\t}}\n",
            radius_authorities_file, radius_chain_file, radius_key_file);
    for (const Ask& ask : target.asks) out += format_ask(plan, target, ask);
    // start = 0: FreeRADIUS starts before we do.
    out += fmt::format(
        "\tpool {{\n\t\tstart = 0\n\t\tmin = 0\n\t\tmax = {}\n\t\tspare = 4\n\t\tuses = 0\n\t\tretry_delay = 1\n"
        "\t\tlifetime = 0\n\t\tidle_timeout = 60\n\t}}\n}}\n",
        threads);
    return out;
}

// EAP of one lane: the outer methods, and TLS as that lane takes it.
struct EapLane {
    std::string_view suffix;  // of names: "" or "_legacy"
    std::string_view key;
    std::string_view chain;
    std::string_view authorities;
    std::string_view least_version;
    std::string_view ciphers;
};
constexpr EapLane modern_lane{"", radius_key_file, radius_chain_file, radius_authorities_file, "1.2", "DEFAULT"};
// What sets of 2007 speak: TLS 1.0 with RSA key exchange and AES-CBC-SHA.
constexpr EapLane legacy_lane{"_legacy",
                              radius_legacy_key_file,
                              radius_legacy_chain_file,
                              "authorities-legacy.pem",
                              "1.0",
                              "AES128-SHA:AES256-SHA:@SECLEVEL=0"};

std::string format_eap(const EapLane& lane) {
    return fmt::format(R"(
eap eap{suffix} {{
	default_eap_type = md5
	timer_expire = 30
	ignore_unknown_eap_types = no
	max_sessions = 65536
	md5 {{
	}}
	tls-config ringfence {{
		private_key_file = ${{confdir}}/{key}
		certificate_file = ${{confdir}}/{chain}
		ca_file = ${{confdir}}/{authorities}
		auto_chain = no
		tls_min_version = "{version}"
		tls_max_version = "1.2"
		cipher_list = "{ciphers}"
		ecdh_curve = ""
		# Each login is looked up, so that a revocation acts at once.
		cache {{
			enable = no
		}}
	}}
	tls {{
		tls = ringfence
		virtual_server = certificate{suffix}
	}}
	peap {{
		tls = ringfence
		default_eap_type = mschapv2
		copy_request_to_tunnel = yes
		use_tunneled_reply = no
		virtual_server = inner{suffix}
	}}
}}
)",
                       fmt::arg("suffix", lane.suffix), fmt::arg("key", lane.key), fmt::arg("chain", lane.chain),
                       fmt::arg("authorities", lane.authorities), fmt::arg("version", lane.least_version),
                       fmt::arg("ciphers", lane.ciphers));
}

std::string format_modules(const RadiusPlan& plan) {
    const bool is_remote = plan.server.starts_with("https:");
    std::string out = "# Secrets stand here: for FreeRADIUS's user only.\n";
    out += format_rest(plan, {.name = "ringfence",
                              .url = plan.server,
                              .asks = {{"authorize", "credential"}, {"post-auth", "admission"}},
                              .shows_certificate = is_remote});
    out += format_rest(plan, {.name = "ringfence_refusal",
                              .url = plan.server,
                              .asks = {{"post-auth", "refusal"}},
                              .shows_certificate = is_remote});
    out += format_rest(plan, {.name = "ringfence_cache",
                              .url = plan.cache,
                              .asks = {{"authorize", "credential"}, {"post-auth", "admission"}}});
    out += R"(
expr {
}
always reject {
	rcode = reject
}
mschap {
	use_mppe = yes
	require_encryption = yes
	require_strong = yes
}
eap inner_eap {
	default_eap_type = mschapv2
	timer_expire = 30
	ignore_unknown_eap_types = no
	max_sessions = 65536
	md5 {
	}
	mschapv2 {
	}
}
)";
    out += format_eap(modern_lane);
    if (plan.legacy_tls) out += format_eap(legacy_lane);
    return out;
}

constexpr std::string_view mark_legacy = R"(		update control {
			Tmp-String-1 := "legacy"
		}
)";

// The servers that EAP calls. A certificate's holder is looked up before EAP-Success is made: a refusal after that
// would reach a phone that believes it is in.
std::string format_inner_sites(const EapLane& lane) {
    return fmt::format(R"(
server certificate{suffix} {{
	authorize {{
{mark}		ask_ringfence
		if (ok || updated) {{
			update control {{
				Auth-Type := Accept
			}}
		}}
		else {{
			reject
		}}
	}}
}}

server inner{suffix} {{
	authorize {{
{mark}		inner_eap {{
			ok = return
		}}
		ask_ringfence
		if (!ok && !updated) {{
			reject
		}}
		mschap
	}}
	authenticate {{
		inner_eap
		Auth-Type MS-CHAP {{
			mschap
		}}
	}}
	post-auth {{
		update outer.session-state {{
			User-Name := &User-Name
		}}
	}}
}}
)",
                       fmt::arg("suffix", lane.suffix),
                       fmt::arg("mark", lane.suffix.empty() ? std::string_view() : mark_legacy));
}

// Whoever the lane of old TLS serves takes it from the first message to the last.
constexpr std::string_view choose_lane = R"(		if (!&State) {
			ask_ringfence
			if (&control:Tmp-Integer-0) {
				update session-state {
					Tmp-Integer-1 := 1
				}
			}
		}
		if (&session-state:Tmp-Integer-1) {
			update control {
				Tmp-String-1 := "legacy"
			}
			eap_legacy {
				ok = return
			}
		}
		else {
			eap {
				ok = return
			}
		}
)";
constexpr std::string_view fail_in_lane = R"(			if (&session-state:Tmp-Integer-1) {
				eap_legacy
			}
			else {
				eap
			}
)";
constexpr std::string_view only_lane = R"(		eap {
			ok = return
		}
)";

std::string format_sites(const RadiusPlan& plan) {
    const std::string address = plan.address ? plan.address->to_string() : "*";
    const char* kind = plan.address && !plan.address->is_v4() ? "ipv6addr" : "ipv4addr";
    std::string out = fmt::format(R"(server ringfence {{
	listen {{
		type = auth
		{kind} = {address}
		port = {port}
	}}
	authorize {{
		# Before anything is looked up, so that nobody makes us work with what is no EAP.
		if (!&EAP-Message) {{
			reject
		}}
{eap}		# It asks for EAP-TLS: only a certificate will help it, and later it would believe no refusal.
		if (&EAP-Type == NAK && "%{{hex:&EAP-Message}}" =~ /^........030d/) {{
			update control {{
				Tmp-String-2 := "certificate"
			}}
		}}
		# First reached for the MD5 response, and when the phone asks for another method: while it still believes a
		# refusal. The name outside a tunnel may say nothing.
		ask_ringfence
		if (!ok && !updated && &User-Name != "anonymous") {{
			reject
		}}
	}}
	authenticate {{
		eap
{legacy}	}}
	post-auth {{
		# An answer that came with the password stands, once that is proved; by another method something else was.
		if (&EAP-Type == MD5-Challenge && &control:Tunnel-Private-Group-Id) {{
			update reply {{
				Tunnel-Private-Group-Id := &control:Tunnel-Private-Group-Id
				Session-Timeout := &control:Session-Timeout
			}}
		}}
		else {{
			group {{
				ask_ringfence
				fail = 1
				invalid = 1
				userlock = 1
				reject = 1
			}}
			if (!ok && !updated) {{
				# The reply holds an EAP-Success by now.
				if ("%{{hex:&EAP-Message}}" =~ /^..(..)/) {{
					update reply {{
						EAP-Message := "0x04%{{1}}0004"
					}}
				}}
				reject
			}}
		}}
		update reply {{
			Tunnel-Type := VLAN
			Tunnel-Medium-Type := IEEE-802
			Termination-Action := RADIUS-Request
		}}
		Post-Auth-Type REJECT {{
			# Without it a phone that was refused outside of eap would wait in vain.
{fail}			ringfence_refusal
		}}
	}}
}}
)",
                                  fmt::arg("kind", kind), fmt::arg("address", address), fmt::arg("port", plan.port),
                                  fmt::arg("eap", plan.legacy_tls ? choose_lane : only_lane),
                                  fmt::arg("fail", plan.legacy_tls ? fail_in_lane : "\t\t\teap\n"),
                                  fmt::arg("legacy", plan.legacy_tls ? "\t\teap_legacy\n" : ""));
    out += format_inner_sites(modern_lane);
    if (plan.legacy_tls) out += format_inner_sites(legacy_lane);
    return out;
}

std::string format_readme(const RadiusPlan& plan) {
    // The cache looks up no names, since those who answer may be away too.
    const auto url = Url::parse(plan.server);
    const bool needs_address = url && !IpAddress::parse(url->host);
    return fmt::format(R"(These files make FreeRADIUS 3.2 ask Ringfence who may use the network.

On the machine of the RADIUS server, with the packages freeradius and freeradius-rest of Debian 12:

  the folder must lie at {folder} and belong to FreeRADIUS's user, for it alone:
    chown -R freerad:freerad {folder} && chmod 700 {folder}
  try it:
    freeradius -d {folder} -C
  run it beside or in the place of Debian's own /etc/freeradius/3.0, which stays as it is:
    systemctl edit freeradius
      [Service]
      ExecStartPre=
      ExecStartPre=/usr/sbin/freeradius -d {folder} -Cx -lstdout
      ExecStart=
      ExecStart=/usr/sbin/freeradius -f -d {folder}
    systemctl restart freeradius

The cache lets in whoever was in while the server is silent. Run it beside FreeRADIUS, as a service of its own:
    ringfence radius cache --folder /var/lib/ringfence-cache --radius {folder} --server {server}{where}

Never run it with -X where others see its output: that prints passwords.

Devices, logins, certificates and their revocation act at once. Run 'ringfence radius config' again and restart
FreeRADIUS after a change of switches, of the certificate authority, of the lane of old TLS, and within the last third of
the life of the certificate in {chain}; 'ringfence radius config' then makes a new one.
)",
                       fmt::arg("folder", plan.folder), fmt::arg("chain", radius_chain_file),
                       fmt::arg("server", plan.server), fmt::arg("where", needs_address ? " --address ADDRESS" : ""));
}

Status check_plain(std::string_view what, std::string_view text) {
    if (is_plain_radius_text(text)) return {};
    return fail(FaultCode::malformed, fmt::format("{} may hold printable ASCII only, and no blank, quote, backslash, "
                                                  "'$' or '%'",
                                                  what));
}

Status check(const RadiusPlan& plan) {
    if (auto plain = check_plain("the folder of the files", plan.folder); !plain) return plain;
    if (auto plain = check_plain("the folder of the log", plan.logs); !plain) return plain;
    if (auto plain = check_plain("the server's URL", plan.server); !plain) return plain;
    if (auto plain = check_plain("the cache's URL", plan.cache); !plain) return plain;
    for (const registry::Switch& each : plan.switches) {
        if (auto plain = check_plain("the name of the switch " + printable(each.name), each.name); !plain) return plain;
        if (auto plain = check_plain("the secret of the switch " + each.name, each.secret.reveal()); !plain)
            return plain;
    }
    return {};
}

RadiusFile make_file(std::string_view name, std::string content) {
    return {std::string(name), Secret(std::move(content))};
}

void append_tls(std::vector<RadiusFile>& out, const EapLane& lane, const RadiusTls& tls) {
    out.push_back(make_file(lane.authorities, tls.authorities));
    out.push_back(make_file(lane.chain, tls.chain));
    out.push_back({std::string(lane.key), tls.key});
}

}  // namespace

bool is_plain_radius_text(std::string_view text) {
    constexpr std::string_view special = "\"'`\\$%";
    return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return c > ' ' && c <= '~' && special.find(c) == std::string_view::npos;
    });
}

Result<std::vector<RadiusFile>> format_radius_files(const RadiusPlan& plan) {
    if (auto sound = check(plan); !sound) return fail(std::move(sound.error()));
    std::vector<RadiusFile> out;
    out.push_back(make_file(radius_main_file, format_main(plan)));
    out.push_back(make_file("clients.conf", format_clients(plan)));
    out.push_back(make_file("modules.conf", format_modules(plan)));
    out.push_back(make_file("sites.conf", format_sites(plan)));
    append_tls(out, modern_lane, plan.tls);
    if (plan.legacy_tls) append_tls(out, legacy_lane, *plan.legacy_tls);
    out.push_back({std::string(radius_password_file), plan.password});
    out.push_back(make_file("README.txt", format_readme(plan)));
    return out;
}

}  // namespace ringfence::network

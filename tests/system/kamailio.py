"""The real kamailio as a phone's SIP server: over TLS with a certificate from our authority, for one account."""

import contextlib
import hashlib

from harness import free_port, need_program, run, wait_until

SIP_DOMAIN = "voice.example.test"
USER, LOGIN = "4711", "auth-4711"
PASSWORD = "Canary-7,<{[dial=tone]}>&%*'$!"
OWN_SETTINGS = {"AUTOLOGIN_ID_KEY01": f"{USER}@{SIP_DOMAIN}", "AUTOLOGIN_AUTHID_KEY01": LOGIN}
KAMAILIO_MODULES = "/usr/lib/x86_64-linux-gnu/kamailio/modules/"
KAMAILIO = """#!KAMAILIO
debug=2
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
enable_tls=yes
listen={transport}:{address}:{port}
mpath="{modules}"
loadmodule "tls.so"
loadmodule "ctl.so"
loadmodule "pv.so"
loadmodule "sl.so"
loadmodule "tm.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "auth.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("tls", "config", "{tls}")
modparam("ctl", "binrpc", "unix:{control}")
modparam("usrloc", "db_mode", 0)
request_route {{
    xlog("L_NOTICE", "heard $rm of $fU over $proto, mailbox $rU\\n");
    if (!is_method("REGISTER")) {{
        sl_send_reply("404", "Not Here");
        exit;
    }}
    if ($td != "{domain}" || !pv_www_authenticate("$td", "{ha1}", "1") || $au != "{login}") {{
        www_challenge("$td", "0");
        exit;
    }}
    save("location");
    xlog("L_NOTICE", "registered $tU at $ct\\n");
    exit;
}}
"""


def shared_settings(host, port):
    """What all phones are told of a Kamailio there. Each one besides: OWN_SETTINGS, and PASSWORD as
    AUTOLOGIN_PASSWD_KEY01."""
    return {"SIP_DOMAIN1": SIP_DOMAIN, "SERVER_IP1_1": host, "SERVER_TLS_PORT1_1": str(port),
            "SERVER_TCP_PORT1_1": str(port), "SIP_DOMAIN1_PROTOS": "TCP,TLS", "AUTOLOGIN_ENABLE": "USE_AUTOLOGIN_ID",
            "VMAIL": "101"}


class Kamailio:
    """One real kamailio on a free port of loopback or of a node's address, with `certificate` a folder of
    `ringfence cert`."""

    def __init__(self, work, certificate, transport="tls", client_ca=None, node=None, address="127.0.0.1"):
        self.port = free_port()
        self.control = work.path("ctl")
        folder = work.path("kamailio")
        folder.mkdir()
        chain = folder / "chain.pem"
        chain.write_bytes((certificate / "cert.pem").read_bytes() + (certificate / "chain.pem").read_bytes())
        tls = ("[server:default]\nmethod = TLSv1.2+\n"
               f"certificate = {chain}\nprivate_key = {certificate / 'key.pem'}\n")
        if client_ca:
            tls += f"verify_certificate = yes\nrequire_certificate = yes\nverify_depth = 3\nca_list = {client_ca}\n"
        (folder / "tls.cfg").write_text(tls + "[client:default]\nverify_certificate = yes\n")
        ha1 = hashlib.md5(f"{LOGIN}:{SIP_DOMAIN}:{PASSWORD}".encode()).hexdigest()
        (folder / "kamailio.cfg").write_text(KAMAILIO.format(
            transport=transport, address=address, port=self.port, modules=KAMAILIO_MODULES, tls=folder / "tls.cfg",
            control=self.control, domain=SIP_DOMAIN, login=LOGIN, ha1=ha1))
        self.child = work.start([need_program("kamailio"), "-DD", "-E", "-f", folder / "kamailio.cfg", "-Y", folder,
                                 "-P", folder / "pid", "-m", "32", "-M", "4"], preexec=node.enter if node else None)
        with node.entered() if node else contextlib.nullcontext():
            self.child.wait_for_port(self.port, address)
        wait_until(self.control.exists, "kamailio's control socket")

    def heard(self):
        return self.child.output()

    def ask(self, command):
        return run([need_program("kamcmd"), "-s", f"unix:{self.control}", command], check=True).out

    def registered(self):
        """The location table in kamailio's own words."""
        return self.ask("ul.dump")

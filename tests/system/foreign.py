"""Servers and certificates that are not ours: nginx, tftpd-hpa, vsftpd, openssl's own certificate authority."""

import datetime
import os
import pwd
import subprocess
from pathlib import Path

from harness import free_port, need_program, run, wait_until

PHONE_LOGIN = ("desk-phone", "canary-https-7261")
EXTENSIONS = {
    "ca": "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n",
    "server": "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature,keyEncipherment\n"
              "extendedKeyUsage=serverAuth\n",
    "client": "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n",
}
IDENTIFIERS = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"


def days_from_now(days):
    moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
    return moment.strftime("%Y%m%d%H%M%SZ")


class Pki:
    """Certificates made by the openssl command; each is a (certificate, key) pair of paths."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.made = 0

    def _openssl(self, *args):
        return run(["openssl", *args], check=True)

    def _key(self, name):
        key = self.folder / f"{name}.key"
        self._openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key)
        return key

    def issue(self, name, issuer=None, kind="server", san="IP:127.0.0.1", common_name=None, begins=-1, ends=30):
        """`issuer` None: self-signed. `begins` and `ends` are days from now; an empty `san` leaves it out."""
        self.made += 1
        key = self._key(name)
        request, cert = self.folder / f"{name}.csr", self.folder / f"{name}.pem"
        self._openssl("req", "-new", "-key", key, "-subj", f"/O=Foreign/CN={common_name or name}", "-out", request)
        extensions = EXTENSIONS[kind] + IDENTIFIERS + (f"subjectAltName={san}\n" if san else "")
        work = self.folder / f"ca-{self.made}"
        work.mkdir()
        (work / "index").touch()
        (work / "extensions").write_text(extensions)
        (work / "conf").write_text(
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={work}/index\nnew_certs_dir={work}\nrand_serial=yes\ndefault_md=sha256\n"
            "policy=p\nunique_subject=no\n[p]\norganizationName=optional\ncommonName=supplied\n")
        signer = ["-selfsign", "-keyfile", key] if issuer is None else ["-cert", issuer[0], "-keyfile", issuer[1]]
        self._openssl("ca", "-batch", "-notext", "-config", work / "conf", *signer, "-extfile", work / "extensions",
                      "-startdate", days_from_now(begins), "-enddate", days_from_now(ends), "-in", request, "-out", cert)
        return cert, key

    def authority(self, name, issuer=None):
        return self.issue(name, issuer, "ca", san="")

    def chain(self, name, *certs):
        path = self.folder / f"{name}-chain.pem"
        path.write_bytes(b"\n".join(cert.read_bytes() for cert in certs))
        return path


def start_nginx(work, www, servers):
    """`servers` are the bodies of server blocks."""
    folder = work.path("nginx")
    folder.mkdir()
    password = subprocess.run(["openssl", "passwd", "-apr1", "-stdin"], input=PHONE_LOGIN[1].encode(),
                              capture_output=True, check=True).stdout.decode().strip()
    (folder / "htpasswd").write_text(f"{PHONE_LOGIN[0]}:{password}\n")
    temp = "".join(f"{kind}_temp_path {folder}/{kind};\n"
                   for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}worker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log info;\n"
        f"daemon off;\nevents {{ worker_connections 64; }}\nhttp {{\n{temp}"
        "default_type application/octet-stream;\n"
        "log_format wire '$server_port \"$request\" $status user=$remote_user dn=\"$ssl_client_s_dn\" "
        "agent=\"$http_user_agent\" conn=$connection';\n"
        f"access_log {folder}/access.log wire;\nroot {www};\n"
        + "".join(f"server {{\n{body.replace('HTPASSWD', str(folder / 'htpasswd'))}\n}}\n" for body in servers) + "}\n")
    child = work.start([need_program("nginx"), "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"])
    child.access_log = folder / "access.log"
    return child


def tls_server(port, chain, key, more=""):
    return f"listen 127.0.0.1:{port} ssl;\nssl_certificate {chain};\nssl_certificate_key {key};\n{more}\n"


NEEDS_LOGIN = 'auth_basic "prov";\nauth_basic_user_file HTPASSWD;'


def needs_certificate(ca):
    return f"ssl_client_certificate {ca};\nssl_verify_client on;"


def start_tftpd(work, www):
    port = free_port()
    child = work.start([need_program("in.tftpd"), "--foreground", "--listen", "--address", f"127.0.0.1:{port}",
                        "--user", pwd.getpwuid(os.geteuid()).pw_name, "--secure", www])
    # UDP has no connection to try: the kernel's table tells.
    wait_until(lambda: f":{port:04X} " in Path("/proc/net/udp").read_text(), "tftpd to listen")
    return child, port


def start_vsftpd(work, www):
    """Anonymous, passive only."""
    port = free_port()
    empty = work.path("empty")
    empty.mkdir(mode=0o755)
    conf = work.write("vsftpd.conf",
                      f"listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\nanonymous_enable=YES\n"
                      f"anon_root={www}\nlocal_enable=NO\nwrite_enable=NO\nseccomp_sandbox=NO\nisolate=NO\n"
                      f"isolate_network=NO\nsecure_chroot_dir={empty}\nport_enable=NO\nrun_as_launching_user=NO\n"
                      f"xferlog_enable=YES\nlog_ftp_protocol=YES\nvsftpd_log_file={work.folder}/vsftpd-{port}.log\n")
    child = work.start([need_program("vsftpd"), conf])
    child.wait_for_port(port)
    child.transfer_log = work.folder / f"vsftpd-{port}.log"
    return child, port

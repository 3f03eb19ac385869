"""Servers and certificates that are not ours: nginx, lighttpd, tftpd-hpa, dnsmasq, vsftpd, openssl's own authority.

`preexec` places a server into a node of namespaces.py; there it has the standard ports for itself.
"""

import ctypes
import datetime
import hashlib
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
    "signer": "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n"
              "extendedKeyUsage=codeSigning,emailProtection\n",
    "client": "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n",
    "signer": "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n"
              "extendedKeyUsage=codeSigning,emailProtection\n",
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

    def _key(self, name, kind):
        key = self.folder / f"{name}.key"
        algorithm = {"ec": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
                     "rsa": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
                     "rsa1024": ["RSA", "-pkeyopt", "rsa_keygen_bits:1024"]}
        self._openssl("genpkey", "-algorithm", *algorithm[kind], "-out", key)
        return key

    def issue(self, name, issuer=None, kind="server", san="IP:127.0.0.1", common_name=None, begins=-1, ends=30,
              key="ec"):
        """`issuer` None: self-signed. `begins` and `ends` are days from now; an empty `san` leaves it out."""
        self.made += 1
        key = self._key(name, key)
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

    def sign(self, content, signer):
        """The manuals' recipe (reference 5.6): the file, directly followed by a detached signature."""
        self.made += 1
        plain = self.folder / f"plain-{self.made}"
        plain.write_bytes(content if isinstance(content, bytes) else content.encode())
        signature = self._openssl("smime", "-sign", "-binary", "-outform", "PEM", "-in", plain, "-signer", signer[0],
                                  "-inkey", signer[1])
        return plain.read_bytes() + signature.out_bytes

    def trust_list(self, *certificates):
        """A CTL's content, valid for years."""
        dates = b"NOT_VALID_BEFORE: 01/01/2020 00:00:00\nNOT_VALID_AFTER: 01/01/2040 00:00:00\n"
        return dates + b"".join(certificate[0].read_bytes() for certificate in certificates)

    def revocation_list(self, authority):
        """One that revokes nothing, as an authority issues it from its first day."""
        self.made += 1
        work = self.folder / f"crl-{self.made}"
        work.mkdir()
        (work / "index").touch()
        (work / "number").write_text("01\n")
        (work / "conf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={work}/index\ndefault_md=sha256\n"
                                   f"crlnumber={work}/number\ndefault_crl_days=30\n")
        return self._openssl("ca", "-gencrl", "-config", work / "conf", "-cert", authority[0], "-keyfile",
                             authority[1]).out_bytes

    def pkcs12(self, certificate, password):
        done = self._openssl("pkcs12", "-export", "-in", certificate[0], "-inkey", certificate[1], "-passout",
                             f"pass:{password}")
        return done.out_bytes

    def chain(self, name, *certs):
        path = self.folder / f"{name}-chain.pem"
        path.write_bytes(b"\n".join(cert.read_bytes() for cert in certs))
        return path


def sign_file(work, content, signer, *options):
    """The manual's recipe: the file, directly followed by a detached PKCS#7 signature in PEM."""
    certificate, key = signer
    plain = work.path("plain")
    plain.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = run(["openssl", "smime", "-sign", "-binary", "-outform", "PEM", "-in", plain, "-signer", certificate,
                "-inkey", key, *options], check=True)
    return plain.read_bytes() + done.out_bytes


def trust_list(*certificates, begins="01/01/2020 00:00:00", ends="01/01/2040 00:00:00"):
    text = f"NOT_VALID_BEFORE: {begins}\nNOT_VALID_AFTER: {ends}\n".encode()
    return text + b"".join(certificate.read_bytes() for certificate in certificates)


def device_p12(work, issuer, password, *options):
    """A device certificate with its key of RSA-2048."""
    key, request, cert = (work.path(f"device.{kind}") for kind in ("key", "csr", "pem"))
    run(["openssl", "genrsa", "-out", key, "2048"], check=True)
    run(["openssl", "req", "-new", "-key", key, "-subj", "/CN=00247F0102AB", "-out", request], check=True)
    extensions = work.path("extensions")
    extensions.write_text(EXTENSIONS["client"] + IDENTIFIERS)
    run(["openssl", "x509", "-req", "-in", request, "-CA", issuer[0], "-CAkey", issuer[1], "-days", "20",
         "-CAcreateserial", "-extfile", extensions, "-out", cert], check=True)
    return cert, run(["openssl", "pkcs12", "-export", "-in", cert, "-inkey", key, "-passout", f"pass:{password}", *options],
                     check=True).out_bytes


def revocation_list(work, issuer, certificate=None, entries=0, made=None):
    """A list of this authority that names the certificate and so many others."""
    folder = work.path("crl")
    folder.mkdir()
    (folder / "index").write_text("".join(f"R\t400101000000Z\t260101000000Z\t{n + 0x1000:04X}\tunknown\t/CN=gone-{n}\n"
                                          for n in range(entries)))
    (folder / "number").write_text("01\n")
    (folder / "conf").write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index\ndefault_md=sha256\n"
                                 f"crlnumber={folder}/number\ndefault_crl_days=30\n")
    signer = ["-cert", issuer[0], "-keyfile", issuer[1], "-config", folder / "conf"]
    if certificate:
        run(["openssl", "ca", *signer, "-revoke", certificate], check=True)
    begin = ["-crl_lastupdate", made] if made else []
    run(["openssl", "ca", *signer, "-gencrl", *begin, "-out", folder / "crl.pem"], check=True)
    return (folder / "crl.pem").read_bytes()


def start_nginx(work, www, servers, preexec=None):
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
    child = work.start([need_program("nginx"), "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"],
                       preexec=preexec)
    child.access_log = folder / "access.log"
    return child


def tls_server(port, chain, key, more="", address="127.0.0.1"):
    return f"listen {address}:{port} ssl;\nssl_certificate {chain};\nssl_certificate_key {key};\n{more}\n"


NEEDS_LOGIN = 'auth_basic "prov";\nauth_basic_user_file HTPASSWD;'


def needs_certificate(ca):
    return f"ssl_client_certificate {ca};\nssl_verify_client on;"


def wait_for_udp_port(child, port):
    """UDP has no connection to try: the kernel's table tells, that of the network where the child lives."""
    wait_until(lambda: f":{port:04X} " in Path(f"/proc/{child.pid}/net/udp").read_text(), f"UDP port {port} to be open")


def start_tftpd(work, www, address="127.0.0.1", port=None, preexec=None):
    port = port or free_port()
    child = work.start([need_program("in.tftpd"), "--foreground", "--listen", "--address", f"{address}:{port}",
                        "--user", pwd.getpwuid(os.geteuid()).pw_name, "--secure", www], preexec=preexec)
    wait_for_udp_port(child, port)
    return child, port


def start_dnsmasq(work, www, preexec):
    """TFTP alone; it knows no port but 69, so it needs a node of its own."""
    child = work.start([need_program("dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null", "--port=0",
                        "--enable-tftp", f"--tftp-root={www}", "--user=root", "--log-facility=-", "--pid-file="],
                       preexec=preexec)
    wait_for_udp_port(child, 69)
    return child


def start_lighttpd(work, www, method):
    """Plain HTTP with a login, `method` being basic, digest (MD5) or digest-sha256."""
    port, folder = free_port(), work.path("lighttpd")
    folder.mkdir()
    user, password = PHONE_LOGIN
    digest = "sha256" if method == "digest-sha256" else "md5"
    secret = hashlib.new(digest, f"{user}:prov:{password}".encode()).hexdigest()
    (folder / "digest").write_text(f"{user}:prov:{secret}\n")
    (folder / "plain").write_text(f"{user}:{password}\n")
    backend = "plain" if method == "basic" else "htdigest"
    file = folder / ("plain" if method == "basic" else "digest")
    algorithm = {"basic": "", "digest": '"algorithm" => "MD5",', "digest-sha256": '"algorithm" => "SHA-256",'}[method]
    conf = folder / "lighttpd.conf"
    conf.write_text(
        f'server.document-root = "{www}"\nserver.bind = "127.0.0.1"\nserver.port = {port}\n'
        'server.stat-cache-engine = "disable"\nserver.modules = ("mod_auth", "mod_authn_file", "mod_accesslog")\n'
        f'accesslog.filename = "{folder}/access.log"\n'
        f'accesslog.format = "%s user=%u %{{Authorization}}i"\n'
        f'auth.backend = "{backend}"\nauth.backend.{backend}.userfile = "{file}"\n'
        f'auth.require = ("/" => ("method" => "{method.split("-")[0]}", {algorithm} "realm" => "prov", '
        '"require" => "valid-user"))\n')
    child = work.start([need_program("lighttpd"), "-D", "-f", conf])
    child.wait_for_port(port)
    child.access_log = folder / "access.log"
    return child, port


def _seeing(mounts):
    """A child's preexec: in a view of the file system of its own, each of these paths shows something else."""
    new_namespace, private, recursive, bind = 0x20000, 0x40000, 0x4000, 0x1000

    def prepare():
        libc = ctypes.CDLL(None, use_errno=True)
        steps = [libc.unshare(new_namespace), libc.mount(b"none", b"/", None, private | recursive, None)]
        steps += [libc.mount(os.fsencode(shown), os.fsencode(path), None, bind, None) for path, shown in mounts.items()]
        if any(steps):
            raise OSError(ctypes.get_errno(), "a view of the file system of its own")
    return prepare


def _seeing_account(work, user, password):
    """A child's preexec: it finds this account on the machine, which nobody else does."""
    folder = work.path("account")
    (folder / "pam.d").mkdir(parents=True)
    folder.chmod(0o755)
    (folder / "pam.d" / "vsftpd").write_text("auth required pam_unix.so\naccount required pam_unix.so\n")
    hashed = run(["openssl", "passwd", "-6", "-stdin"], input=password, check=True).out.strip()
    nobody = pwd.getpwnam("nobody")
    (folder / "passwd").write_text(Path("/etc/passwd").read_text() +
                                   f"{user}:x:{nobody.pw_uid - 1}:{nobody.pw_gid}::{folder}:/bin/false\n")
    (folder / "shadow").write_text(f"{user}:{hashed}:1::::::\n")
    return _seeing({"/etc/pam.d": folder / "pam.d", "/etc/passwd": folder / "passwd", "/etc/shadow": folder / "shadow"})


def start_vsftpd(work, www, login=None):
    """Anonymous, or for `login` alone, which needs root."""
    port = free_port()
    empty = work.path("empty")
    empty.mkdir(mode=0o755)
    access, preexec = f"anonymous_enable=YES\nanon_root={www}\nlocal_enable=NO\n", None
    if login:
        access = (f"anonymous_enable=NO\nlocal_enable=YES\nlocal_root={www}\nchroot_local_user=YES\n"
                  "pam_service_name=vsftpd\ncheck_shell=NO\n")
        preexec = _seeing_account(work, *login)
    conf = work.write(f"vsftpd-{port}.conf",
                      f"listen=YES\nlisten_address=127.0.0.1\nlisten_port={port}\nbackground=NO\n{access}"
                      f"write_enable=NO\nseccomp_sandbox=NO\nisolate=NO\n"
                      f"isolate_network=NO\nsecure_chroot_dir={empty}\nconnect_from_port_20=NO\nrun_as_launching_user=NO\n"
                      f"xferlog_enable=YES\nlog_ftp_protocol=YES\nvsftpd_log_file={work.folder}/vsftpd-{port}.log\n")
    child = work.start([need_program("vsftpd"), conf], preexec=preexec)
    child.wait_for_port(port)
    child.transfer_log = work.folder / f"vsftpd-{port}.log"
    return child, port

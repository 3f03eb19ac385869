"""What the system tests share: free ports, a temporary folder, child processes, the built programs and a server.

Everything runs on loopback. A Workspace ends only the processes that it started itself.
"""

import contextlib
import copy
import ctypes
import itertools
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "lab"))  # lab.py, the network with an 802.1X switch
BIN = Path(os.environ.get("RINGFENCE_BIN", ROOT / "build" / "bin"))
RINGFENCE = str(BIN / "ringfence")
PHONE = str(BIN / "ringfence-phone")

# Programs built with sanitizers are slower; ./dev says how much longer to wait.
PATIENCE = float(os.environ.get("RINGFENCE_PATIENCE", "1"))
WAIT = 20 * PATIENCE

# Words that a sanitizer prints when it has found something.
SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:")

HOST = "prov.example.test"

# Below the kernel's range for outgoing connections, so that a port that is free now stays free until it is used.
PORT_RANGE = range(10000, 32000)
_ports = itertools.cycle(random.sample(PORT_RANGE, len(PORT_RANGE)))


def free_port():
    """A port on which nothing listens, neither TCP nor UDP, neither IPv4 nor IPv6."""
    for port in itertools.islice(_ports, len(PORT_RANGE)):
        with contextlib.ExitStack() as sockets:
            try:
                for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                    if family == socket.AF_INET6 and not has_ipv6():
                        continue
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        sockets.enter_context(socket.socket(family, kind)).bind((address, port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port on loopback")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def find_program(name):
    """The path of an installed program; daemons stand in folders that a plain PATH lacks."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin")


def need_program(name):
    path = find_program(name)
    if path is None:
        raise AssertionError(f"{name} is not installed; ./dev test installs it")
    return path


def fake_clock(time):
    """The environment of a program by another clock, told as faketime(1) takes it with -f: "@1970-01-01 00:01:00",
    "+600d". Without faketime itself, which passes on no signal, and whose left-overs in /dev/shm keep the next one of
    the same process number from starting. How long something takes is not faked."""
    need_program("faketime")
    (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")
    return {"LD_PRELOAD": str(library), "FAKETIME": time, "FAKETIME_DONT_FAKE_MONOTONIC": "1", "TZ": "UTC"}


def by_clock(time):
    """The words before a command that is to run so."""
    return ["env", *(f"{name}={value}" for name, value in fake_clock(time).items())]


class Done:
    """How a command ended. Output is text, with bytes that are not UTF-8 escaped; `out_bytes` is what it wrote."""

    def __init__(self, args, code, out, err):
        self.args, self.code = args, code
        self.out_bytes, self.err_bytes = out, err
        self.out = out.decode("utf-8", "backslashreplace")
        self.err = err.decode("utf-8", "backslashreplace")

    def json(self):
        return json.loads(self.out)

    def json_lines(self):
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]

    def __str__(self):
        return f"{' '.join(map(str, self.args))}\nended with {self.code}\n{self.out}\n{self.err}"


def run(args, *, input=None, timeout=60, env=None, cwd=None, check=False):
    """Runs a command to its end. With `check` a code other than 0 is an AssertionError that shows what it said."""
    if isinstance(input, str):
        input = input.encode()
    feed = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
    ended = subprocess.run([str(a) for a in args], capture_output=True, timeout=timeout * PATIENCE, cwd=cwd,
                           env={**os.environ, **(env or {})}, **feed)
    done = Done(args, ended.returncode, ended.stdout, ended.stderr)
    for mark in SANITIZER_MARKS:
        if mark in done.err:
            raise AssertionError(f"a sanitizer spoke up\n{done}")
    if check and done.code != 0:
        raise AssertionError(str(done))
    return done


def wait_until(question, what, timeout=WAIT):
    """Asks until the answer is true, and returns it."""
    end = time.monotonic() + timeout
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout:.0f} s in vain: {what}")
        time.sleep(0.02)


def is_listening(port, host="127.0.0.1"):
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Child:
    """A process of ours, its output kept in a file. It dies with us, however we die."""

    def __init__(self, args, log, env=None, cwd=None, preexec=None):
        self.args = [str(a) for a in args]
        self.log = Path(log)

        def prepare():
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if preexec:
                preexec()

        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                            env={**os.environ, **(env or {})}, cwd=cwd, preexec_fn=prepare)

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        return self.log.read_text(errors="backslashreplace")

    def is_running(self):
        return self.process.poll() is None

    def wait_for_line(self, line, timeout=WAIT):
        def seen():
            if line in self.output().splitlines():
                return True
            if not self.is_running():
                raise AssertionError(f"{' '.join(self.args)} ended with {self.process.returncode}\n{self.output()}")
            return False
        wait_until(seen, f"{self.args[0]} to print '{line}'", timeout)

    def wait_for_port(self, port, host="127.0.0.1", timeout=WAIT):
        def open_or_dead():
            if not self.is_running():
                raise AssertionError(f"{' '.join(self.args)} ended with {self.process.returncode}\n{self.output()}")
            return is_listening(port, host)
        wait_until(open_or_dead, f"{self.args[0]} to listen on {port}", timeout)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=WAIT):
        return self.process.wait(timeout)

    def stop(self, timeout=WAIT):
        """SIGTERM, then the exit code; what does not obey is killed, which is a failure."""
        if self.is_running():
            self.signal(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{' '.join(self.args)} did not end on SIGTERM\n{self.output()}") from None

    def kill(self):
        if self.is_running():
            self.process.kill()
        self.process.wait()


class Workspace:
    """A temporary folder and the processes started in it. close() ends them, and fails when one was unwell."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="ringfence-test-"))
        os.chmod(self.folder, 0o755)  # daemons that drop their rights must reach what is served from here
        self.children = []
        self._names = itertools.count(1)

    def path(self, name):
        """A fresh name in the folder."""
        return self.folder / f"{next(self._names)}-{name}"

    def write(self, name, content, mode=0o644):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    def start(self, args, *, env=None, cwd=None, preexec=None, kind=Child):
        child = kind(args, self.path(Path(str(args[0])).name + ".log"), env=env, cwd=cwd, preexec=preexec)
        self.children.append(child)
        return child

    def close(self):
        unwell = []
        for child in reversed(self.children):
            try:
                child.stop()
            except AssertionError as fault:
                unwell.append(str(fault))
            if any(mark in child.output() for mark in SANITIZER_MARKS):
                unwell.append(f"a sanitizer spoke up in {' '.join(child.args)}\n{child.output()}")
        shutil.rmtree(self.folder, ignore_errors=True)
        if unwell:
            raise AssertionError("\n".join(unwell))


class SystemTest(unittest.TestCase):
    """One Workspace per class."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.work = Workspace()
        cls.addClassCleanup(cls.work.close)


class Server(Child):
    """A running `ringfence serve`; `ports` tells where each door listens on 127.0.0.1 and ::1."""

    ports = {}

    def wait_ready(self):
        self.wait_for_line("ready")

    def url(self, door, path, host="127.0.0.1"):
        scheme = "https" if door.startswith("https") else door
        return f"{scheme}://{host}:{self.ports[door]}/{path}"


class Installation:
    """A data folder of ours and the commands on it."""

    DOORS = ("tftp", "ftp", "http", "https")

    def __init__(self, work, name="data", host=HOST, address="127.0.0.1", options=()):
        self.work, self.host, self.address = work, host, address
        self.data = work.path(name)
        self.passwords = {}  # by user, as device add showed them
        self.users = {}      # by MAC
        self("init", "--name", host, "--address", address, *options)

    @property
    def root(self):
        return self.data / "root.pem"

    def __call__(self, *args, input=None, code=0, timeout=60):
        """Runs `ringfence ARGS --data DATA`; any code but the expected one is an AssertionError."""
        done = run([RINGFENCE, *args, "--data", self.data], input=input, timeout=timeout)
        if code is not None and done.code != code:
            raise AssertionError(str(done))
        return done

    def json(self, *args, **more):
        return self(*args, "--json", **more).json()

    def json_lines(self, *args, **more):
        return self(*args, "--json", **more).json_lines()

    def add_device(self, mac, model="1230", *options, **more):
        """Adds a device and returns (user, password)."""
        shown = self.json("device", "add", mac, "--model", model, *options, **more)
        self.users[mac] = shown["user"]
        self.passwords[shown["user"]] = shown["password"]
        return shown["user"], shown["password"]

    def add_site(self, name, *networks, login=False):
        """Adds a site; with `login` returns its shared (user, password)."""
        nets = [word for network in networks for word in ("--net", network)]
        shown = self.json("site", "add", name, *nets, *(["--login"] if login else []))
        return (shown["login_user"], shown["login_password"]) if login else None

    def set(self, name, value, *scope):
        """Sets a setting; the value goes through standard input, never through arguments."""
        return self("setting", "set", name, "--value-file", "-", *(scope or ("--global",)), input=value)

    def put(self, path, content, *options):
        local = self.work.path("put")
        local.write_bytes(content if isinstance(content, bytes) else content.encode())
        done = self("file", "put", path, "--from", local, *options)
        local.unlink()
        return done

    def issue(self, mac, key="p256", lane="https"):
        """Issues a device certificate; returns the folder with key.pem, cert.pem, chain.pem, device.p12, p12.txt."""
        folder = self.work.path(f"cert-{mac.replace(':', '')}-{key}")
        self("cert", "issue", mac, "--out", folder, "--key", key, "--lane", lane)
        return folder

    def events(self, *options):
        return self.json_lines("events", *options)

    def wait_for_event(self, matches, what, *options):
        return wait_until(lambda: next((e for e in self.events(*options) if matches(e)), None), f"event: {what}", WAIT)

    def serve(self, doors=DOORS, hosts=("127.0.0.1",), ports=None, preexec=None, env=None):
        """Starts the server with these doors on free ports, each on all of `hosts`, and waits for `ready`."""
        ports = dict(ports or {})
        listen = []
        for door in doors:
            ports.setdefault(door, free_port())
            for host in hosts:
                address = f"[{host}]" if ":" in host else host
                listen += ["--listen", f"{door}={address}:{ports[door]}"]
        server = self.work.start([RINGFENCE, "serve", "--data", self.data, *listen], kind=Server, preexec=preexec,
                                 env=env)
        server.ports = ports
        server.wait_ready()
        return server

    def backup(self, archive, *options):
        return self("backup", "--to", archive, *options)

    def restore(self, archive):
        """The same installation, restored into another folder."""
        restored = copy.copy(self)
        restored.data = self.work.path("restored")
        restored("restore", "--from", archive)
        return restored

    def configure(self, key, value):
        """Puts this value where `key = ...` stands in ringfence.toml, commented out or not."""
        path = self.data / "ringfence.toml"
        line = rf'(?m)^#?[ \t]*{re.escape(key)}[ \t]*=.*$'
        text, count = re.subn(line, f"{key} = {json.dumps(value)}", path.read_text(), count=1)
        if count != 1:
            raise AssertionError(f"ringfence.toml has no line for {key}")
        path.write_text(text)

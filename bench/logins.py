"""EAP-MD5 logins a second: FreeRADIUS that asks us, beside FreeRADIUS with its own `files` and `sqlite` back ends.

Three FreeRADIUS with one pool of threads run at once, and only one is asked at a time; their rounds take turns, as for
every other figure of ./dev bench. Ours runs the files of `ringfence radius config` as they were written.
"""

import os
import re
import sqlite3
import statistics
from pathlib import Path

from harness import BIN, Installation, free_port, need_program, run, wait_until

OUTSTANDING = (1, 16, 64)
OPERATIONS = {1: 2000, 16: 6000, 64: 6000}
USERS = 2000
AIM_SQLITE = 0.6
TICKS = os.sysconf("SC_CLK_TCK")

# What the written files have too, and nothing that costs: no post-auth, no accounting, one query for each login.
RADIUSD = """
prefix = /usr
libdir = /usr/lib/freeradius
name = radiusd
confdir = {folder}
logdir = {folder}
run_dir = {folder}
pidfile = {folder}/radiusd.pid
max_request_time = 10
cleanup_delay = 2
max_requests = 65536
hostname_lookups = no
proxy_requests = no
log {{
	destination = files
	file = {folder}/radius.log
	auth = yes
	auth_badpass = no
	auth_goodpass = no
}}
security {{
	reject_delay = 1
	status_server = no
	allow_core_dumps = no
}}
{pool}
client switch {{
	ipv4addr = 127.0.0.1
	secret = "{secret}"
	require_message_authenticator = yes
}}
modules {{
	eap {{
		default_eap_type = md5
		timer_expire = 30
		max_sessions = 65536
		md5 {{
		}}
	}}
{module}
}}
server default {{
	listen {{
		type = auth
		ipv4addr = 127.0.0.1
		port = {port}
	}}
	authorize {{
		eap {{
			ok = return
		}}
		devices
	}}
	authenticate {{
		eap
	}}
}}
"""

FILES = """
	files devices {{
		filename = {folder}/users
	}}
"""

SQLITE = """
	sql devices {{
		driver = "rlm_sql_sqlite"
		dialect = "sqlite"
		sqlite {{
			filename = "{folder}/devices.db"
			busy_timeout = 2000
		}}
		read_groups = no
		read_profiles = no
		delete_stale_sessions = no
		sql_user_name = "%{{User-Name}}"
		authorize_check_query = "SELECT id, username, attribute, value, op FROM radcheck \\
			WHERE username = '%{{SQL-User-Name}}' ORDER BY id"
		pool {{
			start = 0
			min = 0
			max = {threads}
			spare = 4
			uses = 0
			retry_delay = 1
			lifetime = 0
			idle_timeout = 60
		}}
	}}
"""


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


class Side:
    """A FreeRADIUS and, for ours, the server that it asks."""

    def __init__(self, name, port, processes):
        self.name, self.port, self.processes = name, port, processes

    def cpu(self):
        """CPU seconds by process: of FreeRADIUS, and of the server that it asks."""
        return [cpu_seconds(process.pid) for process in self.processes]


def start_radius(work, folder, log):
    radius = work.start([need_program("freeradius"), "-f", "-d", folder])

    def is_ready():
        return log.exists() and "Ready to process requests" in log.read_text(errors="replace")
    wait_until(lambda: is_ready() or not radius.is_running(), "FreeRADIUS to be ready")
    if not radius.is_running():
        raise SystemExit(f"bench: FreeRADIUS ended\n{radius.output()}")
    return radius


class Logins:
    def __init__(self, work, rounds, scale):
        self.work, self.rounds, self.scale = work, rounds, scale
        self.secret = work.write("switch-secret", "bench-only-0123456789", 0o600)
        self.house = Installation(work, "radius")
        self.house("radius", "switch", "add", "bench", "--address", "127.0.0.1", "--secret-file", self.secret,
                   "--change", "none")
        lines = run([BIN / "ringfence-eap", "stock", "--data", self.house.data, "--devices", USERS], check=True,
                    timeout=600).out
        self.users = work.write("users", lines, 0o600)
        ours = self.start_ours()
        self.pool = re.search(r"(?s)thread pool \{.*?\n\}", self.written).group(0)
        self.threads = int(re.search(r"max_servers = (\d+)", self.pool).group(1))
        self.sides = [self.start_peer("files", FILES, self.write_files),
                      self.start_peer("sqlite", SQLITE, self.write_database), ours]
        for side in self.sides:  # each phone's port is noted once, and what is read first is read slowly
            self.load(side, 16, USERS)

    def start_ours(self):
        server = self.house.serve(doors=("radius",))
        folder = self.work.path("ours")
        port = free_port()
        logs = self.work.path("ours-log")
        logs.mkdir()
        self.house("radius", "config", "--out", folder, "--address", "127.0.0.1", "--port", port, "--server",
                   f"http://127.0.0.1:{server.ports['radius']}", "--cache", f"http://127.0.0.1:{free_port()}",
                   "--logs", logs)
        self.written = (folder / "radiusd.conf").read_text()
        return Side("ours", port, [start_radius(self.work, folder, logs / "radius.log"), server])

    def start_peer(self, name, module, write):
        folder = self.work.path(name)
        folder.mkdir(mode=0o700)
        write(folder)
        port = free_port()
        text = RADIUSD.format(folder=folder, secret=self.secret.read_text(), pool=self.pool, port=port,
                              module=module.format(folder=folder, threads=self.threads))
        (folder / "radiusd.conf").write_text(text)
        return Side(name, port, [start_radius(self.work, folder, folder / "radius.log")])

    def logins(self):
        return [line.split() for line in self.users.read_text().splitlines()]

    def write_files(self, folder):
        (folder / "users").write_text("".join(f'{name} Cleartext-Password := "{password}"\n'
                                              for name, password, _ in self.logins()))

    def write_database(self, folder):
        with sqlite3.connect(folder / "devices.db") as database:
            database.execute("CREATE TABLE radcheck(id INTEGER PRIMARY KEY, username TEXT, attribute TEXT, op TEXT, "
                             "value TEXT)")
            database.execute("CREATE INDEX by_name ON radcheck(username)")
            database.executemany("INSERT INTO radcheck(username, attribute, op, value) VALUES(?, 'Cleartext-Password', "
                                 "':=', ?)", [(name, password) for name, password, _ in self.logins()])
        database.close()

    def load(self, side, outstanding, operations):
        before = side.cpu()
        done = run([BIN / "ringfence-eap", "load", "--port", side.port, "--users", self.users, "--secret-file",
                    self.secret, "--outstanding", outstanding, "--operations", operations], timeout=600)
        if done.code != 0:
            raise SystemExit(f"bench: {side.name}: {done}")
        figures = done.json()
        spent = [(after - first) / operations * 1e6 for after, first in zip(side.cpu(), before)]
        return {"rate": operations / figures["seconds"], "p50_ms": figures["p50_ms"], "p99_ms": figures["p99_ms"],
                "radius_us": spent[0], "serve_us": sum(spent[1:]), "repeated": figures["repeated"]}

    def measure(self, outstanding):
        operations = max(100, int(OPERATIONS[outstanding] * self.scale))
        rounds = {side.name: [] for side in self.sides}
        for number in range(self.rounds):
            for side in self.sides if number % 2 == 0 else reversed(self.sides):
                rounds[side.name].append(self.load(side, outstanding, operations))
        medians = {name: {key: statistics.median(row[key] for row in rows) for key in rows[0]}
                   for name, rows in rounds.items()}
        return {"outstanding": outstanding, "operations": operations, "medians": medians,
                "ratio": medians["ours"]["rate"] / medians["sqlite"]["rate"], "rounds": rounds}


HEAD = (f"{'EAP-MD5':<22}{'back end':<10}{'logins/s':>9}{'p50 ms':>8}{'p99 ms':>8}{'CPU us':>8}{'serve':>7}"
        f"{'of sqlite':>11}{'aim':>6}")


def format_row(row):
    lines = []
    for name, medians in row["medians"].items():
        line = (f"{str(row['outstanding']) + ' at once':<22}{name:<10}{medians['rate']:>9.0f}{medians['p50_ms']:>8.2f}"
                f"{medians['p99_ms']:>8.2f}{medians['radius_us']:>8.0f}{medians['serve_us']:>7.0f}")
        if name == "ours":
            met = "met" if row["ratio"] >= AIM_SQLITE else "MISSED"
            line += f"{row['ratio']:>11.2f}{AIM_SQLITE:>6.1f}  {met}"
        lines.append(line)
    return "\n".join(lines)


def measure_logins(work, rounds, scale):
    logins = Logins(work, rounds, scale)
    print(HEAD, flush=True)
    rows = []
    for outstanding in OUTSTANDING:
        rows.append(logins.measure(outstanding))
        print(format_row(rows[-1]), flush=True)
    return rows

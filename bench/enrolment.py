"""CPU time of an enrolment, in `ringfence serve` and the processes it keeps, beside that of the keys alone.

Rounds of the server and of the keys take turns, as for every other figure of ./dev bench.
"""

import os
import statistics
from pathlib import Path

from harness import BIN, Installation, run

WAYS = {"scep": "SCEP, RSA-2048", "est": "EST, P-256, TLS 1.3", "cmp": "CMP, P-256"}
DOORS = {"scep": "http", "est": "https", "cmp": "http"}
PROCESSES = ("serve", "registrar", "signer")
OPERATIONS = 300
KEY_OPERATIONS = 500
CLIENT_THREADS = 4
TICKS = os.sysconf("SC_CLK_TCK")


def read_process(pid):
    """The command's first word after the program, the parent, and CPU seconds; None when it has ended."""
    folder = Path("/proc") / str(pid)
    try:
        words = (folder / "cmdline").read_bytes().split(b"\0")
        # The name stands in brackets and may hold anything; the fields after it are numbered from 3 (proc(5)).
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    parent, user, system = int(fields[1]), int(fields[11]), int(fields[12])
    return words[1].decode() if len(words) > 1 else "", parent, (user + system) / TICKS


class Family:
    """A server and its children."""

    def __init__(self, server):
        self.pid = server.pid
        self.pids = self.find()

    def find(self):
        pids = {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
        found = {pid: read_process(pid) for pid in pids}
        return {self.pid} | {pid for pid, seen in found.items() if seen and seen[1] == self.pid}

    def seconds(self):
        """CPU seconds by process."""
        out = dict.fromkeys(PROCESSES, 0.0)
        for pid in self.pids:
            seen = read_process(pid)
            if seen is None:
                raise SystemExit("bench: a process of the server ended while it was measured")
            out[seen[0]] += seen[2]
        return out


class Enrolments:
    def __init__(self, work, rounds, scale):
        self.work, self.rounds = work, rounds
        self.operations = max(20, int(OPERATIONS * scale))
        self.house = Installation(work, "enrolment")
        self.server = self.house.serve(doors=("http", "https"))
        self.made = 0
        for way in WAYS:  # the first ones start the processes
            self.enrol(way, self.stock(CLIENT_THREADS))
        self.family = Family(self.server)

    def stock(self, count):
        """A file with tokens for so many new devices."""
        first, self.made = self.made, self.made + count
        lines = run([BIN / "ringfence-enrol", "stock", "--data", self.house.data, "--first", first, "--operations",
                     count], check=True).out
        return self.work.write(f"tokens-{first}", lines, 0o600)

    def enrol(self, way, tokens):
        done = run([BIN / "ringfence-enrol", "enrol", "--way", way, "--port", self.server.ports[DOORS[way]],
                    "--tokens", tokens, "--threads", CLIENT_THREADS, "--root", self.house.root], timeout=600)
        if done.code != 0:
            raise SystemExit(f"bench: {way}: {done}")

    def measure_server(self, way):
        """CPU microseconds of an enrolment, by process."""
        tokens = self.stock(self.operations)
        before = self.family.seconds()
        self.enrol(way, tokens)
        after = self.family.seconds()
        return {name: (after[name] - before[name]) / self.operations * 1e6 for name in PROCESSES}

    def measure_keys(self, way):
        return float(run([BIN / "ringfence-enrol", "keys", "--way", way, "--operations", KEY_OPERATIONS],
                         timeout=300, check=True).out)

    def measure(self, way):
        served, keys = [], []
        for number in range(self.rounds):
            steps = [lambda: served.append(self.measure_server(way)), lambda: keys.append(self.measure_keys(way))]
            for step in steps if number % 2 == 0 else reversed(steps):
                step()
        total = statistics.median(sum(row.values()) for row in served)
        bare = statistics.median(keys)
        return {"way": way, "operations": self.operations, "us": total, "per_second": 1e6 / total, "keys_us": bare,
                "ratio": total / bare, "processes": {name: statistics.median(row[name] for row in served)
                                                     for name in PROCESSES},
                "rounds": {"served": served, "keys": keys}}


HEAD = (f"{'CPU microseconds per enrolment':<32}{'all':>8}{'serve':>8}{'registr.':>9}{'signer':>8}{'keys':>8}{'ratio':>7}"
        f"{'a second and core':>19}")


def format_row(row):
    parts = row["processes"]
    return (f"{WAYS[row['way']]:<32}{row['us']:>8.0f}{parts['serve']:>8.0f}{parts['registrar']:>9.0f}"
            f"{parts['signer']:>8.0f}{row['keys_us']:>8.0f}{row['ratio']:>7.1f}{row['per_second']:>19.0f}")


def measure_enrolments(work, rounds, scale):
    enrolments = Enrolments(work, rounds, scale)
    print(HEAD, flush=True)
    rows = []
    for way in WAYS:
        rows.append(enrolments.measure(way))
        print(format_row(rows[-1]), flush=True)
    return rows

"""The control socket of hostapd and of wpa_supplicant: requests, and the events of an attached connection."""

import collections
import os
import socket
import time

REPLY_LIMIT = 16384  # an event may hold a whole certificate as hexadecimal digits
ANSWER_SECONDS = 10


class ControlFault(Exception):
    pass


class ControlSocket:
    """One attached connection. It must be made in the network namespace of the daemon, since its own address is a name
    that the kernel chooses there; it may be used from anywhere afterwards. Not for two threads."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            self.socket.bind(b"")
            self.socket.connect(os.fspath(path))
            self.socket.settimeout(ANSWER_SECONDS)
            self._events = collections.deque()
            self.command("ATTACH")
        except BaseException:
            self.socket.close()
            raise

    def fileno(self):
        return self.socket.fileno()

    def close(self):
        self.socket.close()

    def request(self, words):
        """The daemon's reply to one request; events that come meanwhile are kept for next_event()."""
        self.socket.send(words.encode())
        while True:
            said = self.socket.recv(REPLY_LIMIT).decode("utf-8", "backslashreplace")
            if not said.startswith("<"):
                return said.strip()
            self._events.append(said)

    def command(self, words):
        """A request that can only be obeyed. The fault names its first word alone: the rest may be a password."""
        reply = self.request(words)
        if reply != "OK":
            raise ControlFault(f"{words.split()[0]} was answered with {reply!r}")

    def fields(self, words):
        """A reply of lines `name=value`."""
        return dict(line.split("=", 1) for line in self.request(words).splitlines() if "=" in line)

    def next_event(self, seconds=0):
        """The oldest event not yet told, without its level, or None when none comes in this time."""
        if not self._events:
            self.socket.settimeout(seconds)
            try:
                self._events.append(self.socket.recv(REPLY_LIMIT).decode("utf-8", "backslashreplace"))
            except (BlockingIOError, TimeoutError):
                return None
            finally:
                self.socket.settimeout(ANSWER_SECONDS)
        return self._events.popleft().partition(">")[2].strip()

    def wait_for_event(self, matches, seconds):
        """The first event for which `matches` is true, or None after this time. Those before it are gone."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            event = self.next_event(left)
            if event is not None and matches(event):
                return event
        return None

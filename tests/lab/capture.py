"""What goes over an interface: frames recorded as they pass, and payloads as the programs on both ends see them."""

import base64
import collections
import re
import select
import socket
import struct
import threading
import time

ETH_P_ALL = 0x0003
ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_EAPOL = 0x0800, 0x86DD, 0x888E
TCP, UDP = 6, 17
ETHERNET = struct.Struct("!6s6sH")
SOL_PACKET, PACKET_STATISTICS = 263, 6
FRAME_LIMIT = 1 << 17   # segments that the kernel has not cut yet are up to 64 KiB
BUFFER_BYTES = 64 << 20  # a burst of a whole firmware file may wait there
HOLE_LIMIT = 1 << 24     # no window of ours is larger
SO_RCVBUFFORCE = 33
POLL_MILLISECONDS = 50
TFTP_DATA = struct.pack("!H", 3)
PCAP_MAGIC, LINKTYPE_ETHERNET = 0xA1B2C3D4, 1


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", "").replace("-", ""))


class Frame:
    """One Ethernet frame, `at` in seconds of the machine's clock."""

    def __init__(self, content, at):
        self.content, self.at = content, at
        self.destination, self.source, self.kind = ETHERNET.unpack_from(content)

    @property
    def payload(self):
        return self.content[ETHERNET.size:]


class Capture:
    """Records an interface of a node until stop(); `with` does both.

    Frames count once on loopback too, where the kernel shows each twice."""

    def __init__(self, node, interface):
        with node.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES)
        self._socket.bind((interface, ETH_P_ALL))
        self._is_loopback = interface == "lo"
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._frames = []
        self._thread = threading.Thread(target=self._record, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Ends the recording with all that has passed until now. A frame lost is an AssertionError."""
        if self._ending.is_set():
            return
        self._ending.set()
        self._thread.join()
        _, dropped = struct.unpack("II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self._socket.close()
        if dropped:
            raise AssertionError(f"the capture lost {dropped} frames")

    def _record(self):
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        while True:
            is_last_look = self._ending.is_set()
            if poll.poll(0 if is_last_look else POLL_MILLISECONDS):
                self._take()
            elif is_last_look:
                return

    def _take(self):
        try:
            content, (_, _, kind, *_) = self._socket.recvfrom(FRAME_LIMIT)
        except OSError:  # the interface went down or away
            return
        if (self._is_loopback and kind == socket.PACKET_OUTGOING) or len(content) < ETHERNET.size:
            return
        with self._lock:
            self._frames.append(Frame(content, time.time()))

    def frames(self, source=None, kind=None):
        """All frames so far, or those from this MAC address, or of this EtherType."""
        source = mac_bytes(source) if source else None
        with self._lock:
            return [frame for frame in self._frames
                    if source in (None, frame.source) and kind in (None, frame.kind)]

    def payloads(self):
        """All byte streams: TCP segments joined for each direction, datagrams of each direction one after the other (of
        TFTP the blocks without their headers as well), and what is not IP joined for each sender."""
        return join_payloads(self.frames())

    def contains(self, secret):
        """Whether a secret passed: as it is, as hexadecimal digits, or in base64 with anything before and after it."""
        pattern = re.compile(b"|".join(re.escape(form) for form in disguises(secret)))
        return any(pattern.search(stream) for stream in self.payloads())

    def write(self, path):
        """The recording as a pcap file, for tshark."""
        with open(path, "wb") as out:
            out.write(struct.pack("=IHHiIII", PCAP_MAGIC, 2, 4, 0, 0, FRAME_LIMIT, LINKTYPE_ETHERNET))
            for frame in self.frames():
                size = len(frame.content)
                out.write(struct.pack("=IIII", int(frame.at), int(frame.at % 1 * 1e6), size, size) + frame.content)


def disguises(secret):
    """The forms in which a secret is still readable to whoever sees the wire."""
    secret = secret.encode() if isinstance(secret, str) else secret
    forms = [secret, secret.hex().encode(), secret.hex().upper().encode()]
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + secret)
        # Digits that hold bits of the neighbours differ; the others do not.
        first, last = (8 * before + 5) // 6, (8 * (before + len(secret))) // 6
        forms.append(encoded[first:last])
    return forms


def join_payloads(frames):
    segments = collections.defaultdict(list)
    streams = collections.defaultdict(bytearray)
    for frame in frames:
        packet = ip_packet(frame)
        if packet is None:
            streams[frame.source, frame.kind] += frame.payload
            continue
        source, destination, protocol, body = packet
        if protocol == TCP and len(body) >= 20:
            ports, sequence = body[:4], struct.unpack_from("!I", body, 4)[0]
            is_start = bool(body[13] & 0x02)
            segments[source, destination, ports].append((sequence, is_start, body[(body[12] >> 4) * 4:]))
        elif protocol == UDP and len(body) >= 8:
            datagram = body[8:]
            streams[source, destination, body[:4]] += datagram
            if datagram.startswith(TFTP_DATA):
                streams[source, destination, body[:4], "TFTP"] += datagram[4:]
        else:
            streams[source, destination, protocol] += body
    return [bytes(stream) for stream in streams.values()] + [
        stream for flow in segments.values() for stream in join_segments(flow)]


def ip_packet(frame):
    """(source, destination, protocol, body), or None of what is not IP. Fragments after the first come as protocol -1:
    they are searched apart from it. Nothing in the lab is larger than the wire but RADIUS with certificates."""
    packet = frame.payload
    if frame.kind == ETHERTYPE_IPV4 and len(packet) >= 20:
        body = packet[(packet[0] & 0x0F) * 4:struct.unpack_from("!H", packet, 2)[0] or None]
        is_later_fragment = struct.unpack_from("!H", packet, 6)[0] & 0x1FFF
        return packet[12:16], packet[16:20], -1 if is_later_fragment else packet[9], body
    if frame.kind == ETHERTYPE_IPV6 and len(packet) >= 40:
        return packet[8:24], packet[24:40], packet[6], packet[40:]
    return None


def join_segments(segments):
    """The streams of one direction between two ports, one for each connection, whatever the order and repetitions."""
    connections, current = [], []
    for segment in segments:
        if segment[1] and current:
            connections.append(current)
            current = []
        current.append(segment)
    for connection in [*connections, current]:
        yield join_connection(connection)


def join_connection(segments):
    sequence, is_start, _ = segments[0]
    start, stream = sequence + is_start, bytearray()  # a SYN takes a number of its own
    for sequence, is_start, content in segments:
        at = (sequence + is_start - start) % (1 << 32)
        # Far away is what was sent before we listened: distances wrap.
        if content and at <= len(stream) + HOLE_LIMIT:
            stream += bytes(max(0, at + len(content) - len(stream)))
            stream[at:at + len(content)] = content
    return bytes(stream)

"""Clients of the live feed that drop and resume, and whether they got exactly the changes."""

import base64
import bisect
import hashlib
import json
import os
import random
import select
import socket
import struct
import time
import zlib

MORE, TEXT, CLOSE, PING, PONG = 0, 1, 8, 9, 10
LAST = 0x80


class Dropped(Exception):
    """The connection is at its end. `code` is that of the close frame, None where there was none."""

    def __init__(self, code=None):
        super().__init__(code)
        self.code = code


class WebSocket:
    """As much of RFC 6455 as the feed needs: text, ping and close."""

    def __init__(self, port, path):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.buffer, self.parts = b"", []
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        proof = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())
        if not head.startswith(b"HTTP/1.1 101 ") or proof not in head:
            raise ValueError(f"no WebSocket: {head.decode()}")

    def fill(self):
        more = self.socket.recv(1 << 16)
        if not more:
            raise Dropped()
        self.buffer += more

    def take(self, count):
        while len(self.buffer) < count:
            self.fill()
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def send(self, kind, payload=b""):
        # Payloads here are short. A mask of zeros is one.
        self.socket.sendall(bytes([LAST | kind, 0x80 | len(payload), 0, 0, 0, 0]) + payload)

    def message(self, seconds):
        """The next text, or None where none came in time."""
        while self.buffer or select.select([self.socket], [], [], seconds)[0]:
            kind, size = self.take(2)
            if size == 126:
                size, = struct.unpack(">H", self.take(2))
            elif size == 127:
                size, = struct.unpack(">Q", self.take(8))
            payload = self.take(size)
            if kind & 0x7F in (TEXT, MORE):
                # A long text comes in several frames, the later ones as its continuation.
                self.parts.append(payload)
                if kind & LAST:
                    whole, self.parts = b"".join(self.parts), []
                    return whole
            elif kind == LAST | PING:
                self.send(PONG, payload)
            elif kind == LAST | CLOSE:
                raise Dropped(struct.unpack(">H", payload[:2])[0] if payload else None)
            else:
                raise ValueError(f"a frame that begins with {kind:#x}")
        return None

    def close(self, politely):
        """Ends the connection, with a close frame or just so."""
        with self.socket:
            if politely:
                self.send(CLOSE, struct.pack(">H", 1000))


def print_of(agent):
    """A number that two tellings of an agent have in common only where they are the same."""
    return zlib.crc32(json.dumps(agent, sort_keys=True).encode())


class Follower:
    """One client in delta mode. It remembers, for each frame, after which change it came, and what it had."""

    def __init__(self, run, server, name):
        self.run, self.server, self.name = run, server, name
        self.random = random.Random(f"{run.seed} {name}")
        self.frames = []
        self.start = self.seq = self.database = None
        self.goal = None

    def follow(self):
        """Until it has the change `goal`, once there is one."""
        while not self.has_all():
            life = self.server.life
            socket = None
            try:
                socket = WebSocket(self.server.port, self.path())
                self.run.count("feed: connections")
                self.receive(socket)
                socket.close(politely=self.random.random() < 0.5)
            except (OSError, Dropped) as error:
                if socket:
                    socket.socket.close()
                if life % 2 and life == self.server.life:
                    self.run.breaks(f"{self.name} lost its connection to a server that runs: {error!r}")
            if self.goal is None:
                time.sleep(self.random.choice([0, 0.1, 1, 3]))
            else:
                time.sleep(0.1)

    def has_all(self):
        return self.goal is not None and self.seq is not None and self.seq >= self.goal

    def path(self):
        resume = "" if self.seq is None else f"&since={self.seq}&database={self.database}"
        return f"/ws/agent-status?mode=delta{resume}"

    def receive(self, socket):
        end = time.monotonic() + self.random.choice([0.1, 1, 5, 20])
        while not self.has_all() and (time.monotonic() < end or self.goal is not None or self.seq is None):
            text = socket.message(0.2)
            if text is not None:
                frame = json.loads(text)
                self.take(frame["type"], frame["data"])

    def take(self, kind, data):
        if kind == "connection_ack":
            if self.database not in (None, data["database"]):
                self.run.breaks(f"{self.name} was told that the database is another one")
            self.database = data["database"]
        elif kind == "resync":
            self.run.breaks(f"{self.name} had to begin anew after {self.seq}, though nothing was pruned: {data['reason']}")
        elif kind == "agent_update" and data.get("snapshot"):
            if self.start is None:
                self.start = data["seq"]
            # After a resync the gap shows as what it is.
            self.seq = data["seq"]
        elif kind == "agent_update":
            self.frames.append((self.seq, data["seq"], [print_of(agent) for agent in data["agents"]], data["removed"]))
            self.seq = data["seq"]
        elif kind == "heartbeat":
            # It says how far the client is, so it must skip nothing either.
            if data["seq"] != self.seq:
                self.frames.append((self.seq, data["seq"], [], []))
                self.seq = data["seq"]
        else:
            self.run.breaks(f"{self.name} got a frame that nobody asked for: {kind} {data}")


def compare(run, followers, changes):
    """Compares what each client got with the change log: rows of (seq, id, op, payload), in order."""
    seqs = [seq for seq, _, _, _ in changes]
    prints = [None if op == "delete" else print_of(json.loads(payload)) for _, _, op, payload in changes]
    for follower in followers:
        at = follower.start
        for after, seq, agents, removed in follower.frames:
            due = range(bisect.bisect_right(seqs, at), bisect.bisect_right(seqs, seq))
            changed = [prints[each] for each in due if prints[each] is not None]
            deleted = [changes[each][1] for each in due if prints[each] is None]
            run.count("feed: changes compared", len(due))
            if after != at or seq <= at or agents != changed or removed != deleted:
                run.breaks(f"{follower.name} got between the changes {at} and {seq} {len(agents)} agents and {removed} as removed, "
                           f"where the log has {len(changed)} and {deleted}")
                run.count("feed: changes lost", max(1, len(due) - len(agents) - len(removed)))
            at = seq
        if at < follower.goal:
            run.breaks(f"{follower.name} got nothing after the change {at}, where the log goes on to {follower.goal}")
            run.count("feed: changes lost", len(seqs) - bisect.bisect_right(seqs, at))

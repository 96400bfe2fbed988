# SPDX-License-Identifier: MIT
"""Netlink as the suite needs it: kernel uevents, and the messages of a generic netlink family.

Both listeners have wait(match, seconds), which returns the first message that match() accepts, or
None; messages come in the kernel's order, and those passed over are gone.
"""
import select
import socket
import struct
import time

KOBJECT_UEVENT, GENERIC = 15, 16
CTRL_GETFAMILY, CTRL_ID, CTRL_ATTR_ID, CTRL_ATTR_NAME, CTRL_ATTR_GROUPS = 3, 16, 1, 2, 7
GROUP_NAME, GROUP_ID = 1, 2
SOL_NETLINK, ADD_MEMBERSHIP = 270, 1


class Listener:
    """A netlink socket and what was received but not looked at yet."""

    def __init__(self, protocol):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.waiting = []

    def parse(self, data):
        raise NotImplementedError

    def wait(self, match, seconds=10):
        end = time.monotonic() + seconds
        while True:
            while self.waiting:
                message = self.waiting.pop(0)
                if match(message):
                    return message
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            self.waiting += self.parse(self.socket.recv(1 << 16))

    def forget(self):
        """Drop what has come so far."""
        while select.select([self.socket], [], [], 0)[0]:
            self.socket.recv(1 << 16)
        self.waiting = []


class Uevents(Listener):
    """The kernel's uevents, each a dict of its variables."""

    def __init__(self):
        super().__init__(KOBJECT_UEVENT)
        self.socket.bind((0, 1))

    def parse(self, data):
        words = data.decode(errors="replace").split("\0")
        return [dict(w.split("=", 1) for w in words[1:] if "=" in w)]


def attributes(data):
    """{number: bytes} of a message's attributes; of equal ones the last."""
    found = {}
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        if size < 4:
            break
        found[kind & 0x3fff] = data[4:size]
        data = data[(size + 3) & ~3:]
    return found


def messages(data):
    """(type, command, attributes) of each message in a datagram."""
    found = []
    while len(data) >= 16:
        size, kind, _, _, _ = struct.unpack_from("=IHHII", data)
        if kind >= CTRL_ID:
            found.append((kind, data[16], attributes(data[20:size])))
        elif kind == 2:
            raise OSError(-struct.unpack_from("=i", data, 16)[0], "netlink")
        data = data[max(16, (size + 3) & ~3):]
    return found


def number(data):
    return int.from_bytes(data, "little")


def text(data):
    return data.rstrip(b"\0").decode()


class Family(Listener):
    """A family's multicast groups, all of them or the named; each message (command, attributes)."""

    def __init__(self, name, groups=None):
        super().__init__(GENERIC)
        self.socket.bind((0, 0))
        self.id, found = self.resolve(name)
        for group in groups or found:
            self.socket.setsockopt(SOL_NETLINK, ADD_MEMBERSHIP, found[group])

    def resolve(self, name):
        label = name.encode() + b"\0"
        body = struct.pack("=BBHHH", CTRL_GETFAMILY, 1, 0, 4 + len(label), CTRL_ATTR_NAME) + label
        body += b"\0" * (-len(body) % 4)
        self.socket.send(struct.pack("=IHHII", 16 + len(body), CTRL_ID, 1, 1, 0) + body)
        reply = messages(self.socket.recv(1 << 16))[0][2]
        groups = {}
        for one in attributes(reply.get(CTRL_ATTR_GROUPS, b"")).values():
            group = attributes(one)
            groups[text(group[GROUP_NAME])] = number(group[GROUP_ID])
        return number(reply[CTRL_ATTR_ID]), groups

    def parse(self, data):
        return [(command, found) for kind, command, found in messages(data) if kind == self.id]

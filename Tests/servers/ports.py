"""Ports for servers that are started, and started again, by number."""

import contextlib
import random
import socket
from pathlib import Path


def free_ports(number):
    """Ports below those that the system gives to outgoing connections and to whoever asks for any
    port: a server that has yet to start, or is down for a while, finds them free."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = []
    for port in random.SystemRandom().sample(range(lowest // 2, lowest), 200):
        with socket.socket() as one:
            with contextlib.suppress(OSError):
                one.bind(("127.0.0.1", port))
                ports.append(port)
        if len(ports) == number:
            return ports
    raise RuntimeError("there are no free ports")


def free_port():
    return free_ports(1)[0]

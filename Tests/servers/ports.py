"""Ports for servers that are started, and started again, by number."""

import random
import socket
from pathlib import Path


# A port's number of another protocol is taken for as long as this process lives: that tells the other
# processes of the tests that it is drawn, whether its server runs or not.
claims = []


def free_ports(number):
    """Ports below those that the system gives to outgoing connections and to whoever asks for any
    port: a server that has yet to start, or is down for a while, finds them free. Nobody else who
    asks here gets them."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = []
    for port in random.SystemRandom().sample(range(lowest // 2, lowest), 200):
        claim = socket.socket(type=socket.SOCK_DGRAM)
        with socket.socket() as one:
            try:
                claim.bind(("127.0.0.1", port))
                one.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
        claims.append(claim)
        ports.append(port)
        if len(ports) == number:
            return ports
    raise RuntimeError("there are no free ports")


def free_port():
    return free_ports(1)[0]

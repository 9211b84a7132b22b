"""Hosts with network namespaces of their own, which reach servers through a bridge alone.

For benchmarks that run as root on Linux; `ip` of iproute2 and `unshare` do the work.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

BRIDGE = "10.219.0.1"
"""The address of the bridge, on which servers listen; a private one, as MLflow wants it."""

_INSIDE = "SEGEXP_PRIVATE_NETWORK"


def enter_private_network() -> None:
    """Run this program again in a network of its own, unless it runs there.

    All that is made in it is gone when the last of its processes has ended, and none of it can be
    seen or reached from outside.
    """
    if os.environ.get(_INSIDE):
        return
    missing = [program for program in ("ip", "unshare") if shutil.which(program) is None]
    if os.geteuid() or missing:
        sys.exit(f"network namespaces need root, ip and unshare; missing: {missing or 'root'}")
    # `ip netns` keeps names as files, here on a file system that only these processes have.
    script = 'mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && exec "$@"'
    words = ["unshare", "--net", "--mount", "sh", "-c", script, "sh", sys.executable, *sys.argv]
    os.execvpe(words[0], words, os.environ | {_INSIDE: "yes"})


def lay_out_network(names: Sequence[str]) -> None:
    """Make a bridge, and a network namespace of each name with a cable to it."""
    _ip("link", "set", "lo", "up")
    _ip("link", "add", "bridge", "type", "bridge")
    _ip("addr", "add", f"{BRIDGE}/24", "dev", "bridge")
    _ip("link", "set", "bridge", "up")
    for number, name in enumerate(names):
        _ip("netns", "add", name)
        _ip("link", "add", _cable(name), "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("link", "set", _cable(name), "master", "bridge", "up")
        _ip("-n", name, "addr", "add", f"{address_of(number)}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", name, "link", "set", device, "up")


def address_of(number: int) -> str:
    """Return the address of a namespace by its place in `lay_out_network`."""
    return f"{BRIDGE.rpartition('.')[0]}.{number + 2}"


def inside(name: str) -> list[str]:
    """Return the words that have a command run in a network namespace."""
    return ["ip", "netns", "exec", name]


def cut(name: str) -> None:
    """Pull the cable of a namespace: nothing that is sent arrives, and nobody is told."""
    _ip("link", "set", _cable(name), "down")


def mend(name: str) -> None:
    """Plug it in again."""
    _ip("link", "set", _cable(name), "up")


def _cable(name: str) -> str:
    return f"to-{name}"  # 15 characters at most


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)

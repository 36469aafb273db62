"""The firewall rules that podman's network leaves when its last container is gone.

netavark removes what it made for one container, but keeps the chains that all containers share.
"""

import shlex

from devcluster.process import output_of

_PREFIX = "NETAVARK"


def deletions(saved: str) -> list[list[str]]:
    """iptables argument lists that remove every netavark rule and chain in the output of `iptables-save`.

    Rules go first, as a chain that is still jumped to cannot be deleted.
    """
    rules: list[list[str]] = []
    chains: list[list[str]] = []
    table = ""
    for line in saved.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith(f":{_PREFIX}"):
            chains.append(["-t", table, "-X", line[1:].split()[0]])
        elif line.startswith("-A ") and _PREFIX in line:
            rules.append(["-t", table, "-D", *shlex.split(line)[1:]])
    return rules + chains


def remove_shared_rules() -> None:
    """Remove netavark's shared rules and chains; call it only while no container uses a network of podman's."""
    for arguments in deletions(output_of(["iptables-save"]) or ""):
        output_of(["iptables", *arguments])

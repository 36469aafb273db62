"""Reachability classes of IP addresses, which decide where a hub may redirect a program."""

import ipaddress
from collections.abc import Iterable
from enum import IntEnum

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16")))
"""Cloud metadata services outside of 169.254.0.0/16, which serve a machine its own credentials."""
_SHARED = ipaddress.ip_network("100.64.0.0/10")
"""Carrier-grade NAT (RFC 6598), which clusters use for pods."""
_IPV4_IN_IPV6 = ipaddress.ip_network("64:ff9b::/96")
"""NAT64 (RFC 6052): the last four bytes are an IPv4 address."""


class Reach(IntEnum):
    """Who can reach an address. A hub may redirect only to an address of its own class or a wider one."""

    NOBODY = 0
    """Link-local, metadata, multicast, reserved."""
    THIS_MACHINE = 1
    PRIVATE = 2
    PUBLIC = 3


def reach_of(text: str) -> Reach:
    """The class of an IP address. Raises ValueError if it is not one."""
    address: Address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address in _IPV4_IN_IPV6:
            address = ipaddress.IPv4Address(address.packed[-4:])
        else:
            address = address.ipv4_mapped or address.sixtofour or address
    if address in _METADATA or address.is_link_local or address.is_multicast or address.is_unspecified:
        return Reach.NOBODY
    if address.is_loopback:
        return Reach.THIS_MACHINE
    if address.is_private or (address.version == 4 and address in _SHARED):
        return Reach.PRIVATE
    return Reach.PUBLIC if address.is_global else Reach.NOBODY


def least_reach(hub_addresses: Iterable[str]) -> Reach:
    """The narrowest class of an address that a hub may redirect to.

    Args:
        hub_addresses: addresses of the hub itself; none if unknown: the hub then counts as public.
    """
    return max(min(map(reach_of, hub_addresses), default=Reach.PUBLIC), Reach.THIS_MACHINE)

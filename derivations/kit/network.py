"""The network of a system."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from derivations.kit.checked import checked
from store.errors import EvaluationError


@checked
@dataclass(frozen=True, kw_only=True)
class Network:
    """The first network interface: by DHCP, unless it has an ``address`` such as 10.0.2.15/24."""

    address: str = ""
    gateway: str = ""
    nameservers: tuple[str, ...] = ()


def check_network(network: Network) -> None:
    """EvaluationError for addresses that no interface has, or that nobody would use."""
    if not network.address:
        for field, value in (("gateway", network.gateway), ("name server", network.nameservers)):
            if value:
                raise EvaluationError(f"has a {field}, but leaves its address to DHCP")
        return
    try:
        own = ipaddress.ip_interface(network.address)
        servers = [ipaddress.ip_address(each) for each in network.nameservers]
        gateway = ipaddress.ip_address(network.gateway) if network.gateway else None
    except ValueError as error:
        raise EvaluationError(f"has a network that cannot be: {error}") from None
    words = (network.address, network.gateway, *network.nameservers)
    # What stands behind % is a text of any kind, and a word of a script.
    if any("%" in each for each in words):
        raise EvaluationError("has a network that cannot be: an address names an interface by %")
    if not network.address.partition("/")[2].isdecimal():
        raise EvaluationError(
            f"has the address {network.address!r}, which does not say how large its network is",
            hint="it is written as 10.0.2.15/24",
        )
    if own.is_loopback or own.is_multicast or own.is_unspecified or _is_end(own):
        raise EvaluationError(f"has the address {network.address!r}, which no interface has")
    for server in servers:
        if server.is_multicast or server.is_unspecified:
            raise EvaluationError(f"has the name server {str(server)!r}, which no machine has")
    if gateway is not None and (gateway not in own.network or gateway == own.ip):
        raise EvaluationError(
            f"has the gateway {network.gateway!r}, which is no other machine of {own.network}"
        )


def _is_end(own: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> bool:
    """Return whether it is the first or last address of a network, which mean the network."""
    ends = (own.network.network_address, own.network.broadcast_address)
    return own.version == 4 and own.network.num_addresses > 2 and own.ip in ends

"""The network of a system."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final, TypeAlias

from derivations.kit.checked import checked
from store.errors import EvaluationError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network4: TypeAlias = ipaddress.IPv4Network
Network6: TypeAlias = ipaddress.IPv6Network

_EVERYBODY: Final = ipaddress.IPv4Address("255.255.255.255")


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
    if own.is_loopback or _is_no_machine(own.ip, own.network):
        raise EvaluationError(f"has the address {network.address!r}, which no interface has")
    for server in servers:
        if _is_no_machine(server, own.network):
            raise EvaluationError(f"has the name server {str(server)!r}, which no machine has")
    if gateway is not None and (
        gateway not in own.network or gateway == own.ip or _is_no_machine(gateway, own.network)
    ):
        raise EvaluationError(
            f"has the gateway {network.gateway!r}, which is no other machine of {own.network}"
        )


def _is_no_machine(address: Address, network: Network4 | Network6) -> bool:
    """Return whether an address means none, or several: all machines, or those of a network by its
    first or last address."""
    if address.is_multicast or address.is_unspecified or address == _EVERYBODY:
        return True
    ends = (network.network_address, network.broadcast_address)
    return address.version == 4 and network.num_addresses > 2 and address in ends

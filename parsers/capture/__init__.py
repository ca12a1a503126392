"""Packet captures become flow facts: pcap and pcapng in one streaming pass.

A staircase of its own, each step knowing only those below: ``reader`` makes ``facts`` of what ``kernel`` found in the octets that ``stream`` feeds
it; ``scapy_fallback`` reads link types that the kernel does not know. Import ``reader`` only where there is a capture: an incident without one pays
nothing. Must not: judge what a flow means.
"""

"""Packet captures become flow facts: pcap and pcapng in one streaming pass.

A staircase of its own, each step knowing only those below: ``stream`` (octets) → ``walker`` (containers) → ``table`` → ``flows`` (connections)
→ ``rows``, ``frames``, ``payload``, ``octets`` form the kernel and its feed, ``kernel`` is its door; ``reader`` makes ``facts`` of what it found.
The kernel is compiled where that is possible (``setup.py``). Import ``reader`` only where there is a capture: an incident without one pays nothing.
"""

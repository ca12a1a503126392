"""From a captured frame to its TCP segment: link layer, IP, TCP header. No opinion on connections; no payload is kept.

Compiled where a compiler was at hand (``frames.pxd`` gives the C types), plain Python elsewhere: one source, the same results. Hence the
style of this file: positions instead of slices, results in attributes, and named numbers where a literal would not fit C's ``int``.

Sources: tcpdump.org/linktypes.html; IEEE 802.1Q, 802.1ah, 802.1BR, 802.2; Cisco's FabricPath and VN-Tag as Wireshark reads them; RFC 791, 8200 (IP), 9293 (TCP), 1661, 2516 (PPP), 3032 (MPLS), 4302 (AH).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsers.capture.kernel.octets import u16, u32, u64

if TYPE_CHECKING:
    from parsers.capture.kernel.octets import Octets

# Link types of the capture formats that are read here; everything else is a stranger.
LOOPBACK, ETHERNET, PPP, FDDI, RAW_BSD, RAW_OPENBSD, PPP_HDLC, PPP_ETHER = 0, 1, 9, 10, 12, 14, 50, 51
RAW, C_HDLC, LOOP, SLL, PFLOG, PPP_DIRECTION, IPV4_ONLY, IPV6_ONLY, NFLOG, SLL2 = 101, 104, 108, 113, 117, 204, 228, 229, 239, 276

IPV4, IPV6, VLAN, QINQ, VLAN_OLD, MPLS, MPLS_MULTICAST, PPPOE = 0x0800, 0x86DD, 0x8100, 0x88A8, 0x9100, 0x8847, 0x8848, 0x8864
FABRIC_PATH, PROVIDER_BACKBONE, VN_TAG, E_TAG = 0x8903, 0x88E7, 0x8926, 0x893F
LARGEST_LENGTH = 1500  # below, an EtherType is the length of an IEEE 802.3 frame, and LLC follows
NETLINK, GRE_DEVICE = 824, 778  # ARPHRD of cooked captures whose protocol field is no EtherType
PAYLOAD_OF_NFLOG = 9  # NFULA_PAYLOAD
DEEPEST = 8  # tags, labels and session headers of one frame; real ones have four
MOST_HEADERS = 12  # IPv6 extension headers of one packet; RFC 8200 knows eight kinds

ICMP_HOPS, IP_IN_IP, TCP, UDP, IPV6_IN_IP, ROUTING, FRAGMENT, GRE = 0, 4, 6, 17, 41, 43, 44, 47
AH, OPTIONS, ETHER_IP, L2TP, MOBILITY, MPLS_IN_IP, HIP, SHIM6 = 51, 60, 97, 115, 135, 137, 139, 140
VXLAN, GENEVE, GTP_USER, TEREDO = 4789, 6081, 2152, 3544
MAPPED = 0xFFFF00000000  # an IPv4 address as the low half of its IPv4-mapped IPv6 address (RFC 4291)


class Frames:
    """Decodes one frame at a time and counts what is no TCP segment.

    After ``decode`` returned 1 the attributes describe the segment: addresses as two 64-bit halves (IPv4 as IPv4-mapped), ports, sequence
    and acknowledgment number, flags, ``window`` (unscaled, -1 if it was not captured), ``payload`` (position), ``seen`` (octets of it that
    were captured), ``length`` (octets of it on the wire, by the IP header), and ``stamp`` and ``options``, which tell a copy from another
    segment. Counters: ``other`` (no TCP), ``fragments``, ``tunnelled``, ``cut`` (captured too short for the headers), ``damaged`` (headers
    that contradict themselves), ``strangers`` (link types not known here).
    """

    __slots__ = (
        *("source_high", "source_low", "target_high", "target_low", "source_port", "target_port", "seq", "ack", "flags", "window"),
        *("payload", "seen", "length", "stamp", "options"),
        *("other", "fragments", "tunnelled", "cut", "damaged", "strangers"),
    )

    def __init__(self) -> None:
        """Start with every counter at 0."""
        self.source_high = self.source_low = self.target_high = self.target_low = self.source_port = self.target_port = 0
        self.seq = self.ack = self.flags = self.window = self.payload = self.seen = self.length = self.stamp = self.options = 0
        self.other = self.fragments = self.tunnelled = self.cut = self.damaged = self.strangers = 0

    def decode(self, data: Octets, at: int, end: int, wire: int, link: int) -> int:
        """1 if ``data[at:end]`` holds a TCP segment, 0 if not (then a counter says why).

        Args:
            data: a buffer.
            at: where the frame begins.
            end: where its captured octets end.
            wire: where it ended on the wire, at least ``end``.
            link: the link type of the interface.
        """
        if link == ETHERNET:
            if end - at < 14:
                self.cut += 1
                return 0
            return self.network(data, at + 14, end, wire, u16(data, at + 12))
        return self.link_layer(data, at, end, wire, link)

    def link_layer(self, data: Octets, at: int, end: int, wire: int, link: int) -> int:
        """Every link layer but Ethernet: find the protocol and where it begins."""
        size = end - at
        if link == SLL and size >= 16:
            hardware = u16(data, at + 2)
            return self.cooked(data, at + 16, end, wire, u16(data, at + 14), hardware)
        if link == SLL2 and size >= 20:
            hardware = u16(data, at + 8)
            return self.cooked(data, at + 20, end, wire, u16(data, at), hardware)
        if link in (RAW, RAW_BSD, RAW_OPENBSD, IPV4_ONLY, IPV6_ONLY) and size >= 1:
            return self.network(data, at, end, wire, IPV4 if data[at] >> 4 == 4 else IPV6)
        if link in (LOOPBACK, LOOP) and size >= 4:
            # The family in the byte order of the machine that captured; 2 is AF_INET everywhere, AF_INET6 is 10, 24, 28 or 30.
            family = data[at] | data[at + 3]
            return self.network(data, at + 4, end, wire, IPV4 if family == 2 else IPV6 if family in (10, 24, 28, 30) else 0)
        if link in (PPP, PPP_HDLC) and size >= 4:
            if data[at] in (15, 143) and data[at + 1] == 0:
                # Cisco's HDLC (unicast, broadcast), which some devices capture under this type: an EtherType follows.
                return self.network(data, at + 4, end, wire, u16(data, at + 2))
            # RFC 1662 framing: the address and control octets may be there or not.
            return self.ppp(data, at + (2 if data[at] == 255 and data[at + 1] == 3 else 0), end, wire)
        if link == PPP_DIRECTION and size >= 5:
            return self.ppp(data, at + (3 if data[at + 1] == 255 and data[at + 2] == 3 else 1), end, wire)
        if link == PPP_ETHER and size >= 8:
            return self.ppp(data, at + 6, end, wire)
        if link == C_HDLC and size >= 4:
            return self.network(data, at + 4, end, wire, u16(data, at + 2))
        if link == FDDI and size >= 13:
            # Frame control 0x50–0x5F is LLC data.
            return self.network(data, at + 13, end, wire, 1 if data[at] >> 4 == 5 else 0)
        if link == PFLOG and size >= 4 and 4 <= data[at] < size - 3:
            # Its length counts no padding: 61 of older systems, 100 of newer ones; four octets are the alignment.
            at += (data[at] + 3) // 4 * 4
            return self.network(data, at, end, wire, IPV4 if data[at] >> 4 == 4 else IPV6)
        if link == NFLOG and size >= 4:
            return self.nflog(data, at, end, wire)
        if link in (
            SLL,
            SLL2,
            RAW,
            RAW_BSD,
            RAW_OPENBSD,
            IPV4_ONLY,
            IPV6_ONLY,
            LOOPBACK,
            LOOP,
            PPP,
            PPP_HDLC,
            PPP_DIRECTION,
            PPP_ETHER,
            C_HDLC,
            FDDI,
            PFLOG,
            NFLOG,
        ):
            self.cut += 1
        else:
            self.strangers += 1
        return 0

    def cooked(self, data: Octets, at: int, end: int, wire: int, protocol: int, hardware: int) -> int:
        """Linux' cooked captures: an EtherType, or 4 for LLC; on some devices the field means something else."""
        if hardware in (NETLINK, GRE_DEVICE):
            protocol = 0
        return self.network(data, at, end, wire, 1 if protocol == 4 else 0 if protocol <= LARGEST_LENGTH else protocol)

    def nflog(self, data: Octets, at: int, end: int, wire: int) -> int:
        """Netfilter's log: type-length-value in the byte order of the machine that captured, the packet in one of them."""
        family = data[at]
        at += 4
        while end - at >= 4:
            little = data[at] | data[at + 1] << 8
            is_little = data[at + 3] == 0
            length = little if is_little else u16(data, at)
            kind = data[at + 2] if is_little else data[at + 3]
            if length < 4:
                break
            if kind == PAYLOAD_OF_NFLOG:
                return self.network(
                    data, at + 4, min(end, at + length), min(wire, at + length), IPV4 if family == 2 else IPV6 if family == 10 else 0
                )
            at += (length + 3) // 4 * 4
        self.cut += 1
        return 0

    def ppp(self, data: Octets, at: int, end: int, wire: int) -> int:
        """The protocol field of PPP, which may be compressed to one octet."""
        if end - at < 2:
            self.cut += 1
            return 0
        protocol = data[at]
        if protocol & 1:
            at += 1
        else:
            protocol = u16(data, at)
            at += 2
        return self.network(
            data, at, end, wire, IPV4 if protocol == 0x21 else IPV6 if protocol == 0x57 else MPLS if protocol == 0x281 else 0
        )

    def network(self, data: Octets, at: int, end: int, wire: int, protocol: int) -> int:
        """Below tags, labels and session headers: IP, or something else. ``protocol`` is an EtherType; up to 1500 it means LLC, 0 nothing."""
        for _ in range(DEEPEST):
            if protocol == IPV4:
                return self.ipv4(data, at, end, wire)
            if protocol == IPV6:
                return self.ipv6(data, at, end, wire)
            if protocol in (VLAN, QINQ, VLAN_OLD):
                if end - at < 4:
                    self.cut += 1
                    return 0
                protocol = u16(data, at + 2)
                at += 4
            elif protocol in (MPLS, MPLS_MULTICAST):
                if end - at < 5:
                    self.cut += 1
                    return 0
                if data[at + 2] & 1:
                    # Bottom of the stack. What follows tells itself by its version; a pseudo-wire begins with 0.
                    version = data[at + 4] >> 4
                    if version not in (4, 6):
                        self.tunnelled += 1
                        return 0
                    protocol = IPV4 if version == 4 else IPV6
                at += 4
            elif protocol in (VN_TAG, E_TAG):
                step = 6 if protocol == VN_TAG else 8
                if end - at < step:
                    self.cut += 1
                    return 0
                protocol = u16(data, at + step - 2)
                at += step
            elif protocol in (FABRIC_PATH, PROVIDER_BACKBONE):
                # A whole frame with addresses of its own, behind two octets of tag or four.
                step = 16 if protocol == FABRIC_PATH else 18
                if end - at < step:
                    self.cut += 1
                    return 0
                protocol = u16(data, at + step - 2)
                at += step
            elif protocol == PPPOE:
                return self.ppp(data, at + 6, end, wire)
            elif 0 < protocol <= LARGEST_LENGTH:
                if end - at < 8:
                    break
                if data[at] == 0xAA and data[at + 1] == 0xAA and data[at + 2] == 3:
                    organisation = data[at + 3] << 16 | u16(data, at + 4)
                    if organisation not in (0, 0xF8):
                        break
                    protocol = u16(data, at + 6)
                    at += 8
                elif data[at] == 6 and data[at + 1] == 6 and data[at + 2] == 3:
                    protocol = IPV4
                    at += 3
                else:
                    break
            else:
                break
        self.other += 1
        return 0

    def ipv4(self, data: Octets, at: int, end: int, wire: int) -> int:
        """IPv4. Lengths come from its header, because a frame may be padded; total length 0 means that the network card segments (TSO)."""
        if end - at < 20:
            self.cut += 1
            return 0
        header = (data[at] & 15) * 4
        total = u16(data, at + 2)
        available = wire - at
        if total == 0 or total > available:
            total = available
        if data[at] >> 4 != 4 or header < 20 or total < header:
            self.damaged += 1
            return 0
        place = u16(data, at + 6)
        if place & 0x3FFF:
            self.fragments += 1
            if place & 0x1FFF:
                return 0
        self.source_high = self.target_high = 0
        self.source_low = MAPPED | u32(data, at + 12)
        self.target_low = MAPPED | u32(data, at + 16)
        self.stamp = u16(data, at + 4)
        return self.transport(data, at + header, end, at + total, data[at + 9])

    def ipv6(self, data: Octets, at: int, end: int, wire: int) -> int:
        """IPv6. Payload length 0 means a jumbogram or offload."""
        if end - at < 40:
            self.cut += 1
            return 0
        if data[at] >> 4 != 6:
            self.damaged += 1
            return 0
        length = u16(data, at + 4)
        stop = at + 40 + length
        if length == 0 or stop > wire:
            stop = wire
        self.source_high = u64(data, at + 8)
        self.source_low = u64(data, at + 16)
        self.target_high = u64(data, at + 24)
        self.target_low = u64(data, at + 32)
        self.stamp = 0
        return self.transport(data, at + 40, end, stop, data[at + 6])

    def transport(self, data: Octets, at: int, end: int, stop: int, protocol: int) -> int:
        """Walk extension headers up to the transport layer. ``stop`` is where the IP packet ends on the wire."""
        for _ in range(MOST_HEADERS):
            if protocol == TCP:
                return self.tcp(data, at, end, stop)
            if protocol in (ICMP_HOPS, ROUTING, OPTIONS, MOBILITY, HIP, SHIM6, AH, FRAGMENT):
                if end - at < 8:
                    self.cut += 1
                    return 0
                step = 8
                if protocol == AH:
                    step = (data[at + 1] + 2) * 4
                elif protocol == FRAGMENT:
                    place = u16(data, at + 2)
                    if place & 0xFFF9:
                        self.fragments += 1
                        if place & 0xFFF8:
                            return 0
                    self.stamp = u16(data, at + 6)
                else:
                    step = (data[at + 1] + 1) * 8
                protocol = data[at]
                at += step
            elif protocol in (IP_IN_IP, IPV6_IN_IP, GRE, ETHER_IP, L2TP, MPLS_IN_IP):
                self.tunnelled += 1
                return 0
            elif protocol == UDP and end - at >= 4:
                port = u16(data, at + 2)
                if port in (VXLAN, GENEVE, GTP_USER, TEREDO):
                    self.tunnelled += 1
                else:
                    self.other += 1
                return 0
            else:
                break
        self.other += 1
        return 0

    def tcp(self, data: Octets, at: int, end: int, stop: int) -> int:
        """The TCP header. Up to its flags it must have been captured; of what follows, what is there is used."""
        if end - at < 14:
            self.cut += 1
            return 0
        header = (data[at + 12] >> 4) * 4
        if header < 20 or at + header > stop:
            self.damaged += 1
            return 0
        self.source_port = u16(data, at)
        self.target_port = u16(data, at + 2)
        self.seq = u32(data, at + 4)
        self.ack = u32(data, at + 8)
        self.flags = data[at + 13]
        self.window = -1
        if end - at >= 18:
            self.window = u16(data, at + 14)
            self.stamp = self.stamp << 16 | u16(data, at + 16)
        self.payload = at + header
        self.length = stop - self.payload
        seen = min(end, stop) - self.payload
        self.seen = max(seen, 0)
        # Two acknowledgments with equal numbers differ in their options (SACK, time stamps); a copy does not.
        options = 0
        if self.length == 0 and header > 20:
            place = at + 20
            while place + 4 <= end and place < self.payload:
                options = options * 31 ^ u32(data, place)
                options &= 0xFFFFFFF
                place += 4
        self.options = options
        return 1

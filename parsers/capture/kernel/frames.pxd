# C types for frames.py. Cython reads this beside the Python source; without Cython the source runs as it is.
cimport cython
from parsers.capture.kernel.octets cimport u16, u32, u64

cdef int LOOPBACK, ETHERNET, PPP, FDDI, RAW_BSD, RAW_OPENBSD, PPP_HDLC, PPP_ETHER
cdef int RAW, C_HDLC, LOOP, SLL, PFLOG, PPP_DIRECTION, IPV4_ONLY, IPV6_ONLY, NFLOG, SLL2
cdef int IPV4, IPV6, VLAN, QINQ, VLAN_OLD, MPLS, MPLS_MULTICAST, PPPOE
cdef int FABRIC_PATH, PROVIDER_BACKBONE, VN_TAG, E_TAG
cdef int LARGEST_LENGTH, NETLINK, GRE_DEVICE, PAYLOAD_OF_NFLOG, DEEPEST, MOST_HEADERS
cdef int ICMP_HOPS, IP_IN_IP, TCP, UDP, IPV6_IN_IP, ROUTING, FRAGMENT, GRE, AH, OPTIONS, ETHER_IP, MOBILITY, L2TP, MPLS_IN_IP, HIP, SHIM6
cdef int VXLAN, GENEVE, GTP_USER, TEREDO
cdef unsigned long long MAPPED

@cython.final
cdef class Frames:
    cdef readonly unsigned long long source_high, source_low, target_high, target_low, stamp
    cdef readonly unsigned int seq, ack, options
    cdef readonly unsigned int source_port, target_port
    cdef readonly int flags, window
    cdef readonly Py_ssize_t payload, seen, length
    cdef public long long other
    cdef readonly long long fragments, tunnelled, cut, damaged
    cdef public long long strangers

    cdef inline int decode(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire, int link) noexcept
    @cython.locals(size=Py_ssize_t, family=cython.int, hardware=cython.int)
    cdef int link_layer(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire, int link) noexcept
    cdef int cooked(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire, int protocol, int hardware) noexcept
    @cython.locals(family=cython.int, little=cython.int, is_little=cython.bint, length=Py_ssize_t, kind=cython.int)
    cdef int nflog(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire) noexcept
    @cython.locals(protocol=cython.int)
    cdef int ppp(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire) noexcept
    @cython.locals(_=cython.int, version=cython.int, organisation=cython.int, step=cython.int)
    cdef inline int network(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire, int protocol) noexcept
    @cython.locals(header=cython.int, total=Py_ssize_t, available=Py_ssize_t, place=cython.int)
    cdef inline int ipv4(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire) noexcept
    @cython.locals(length=Py_ssize_t, stop=Py_ssize_t)
    cdef inline int ipv6(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire) noexcept
    @cython.locals(_=cython.int, step=cython.int, place=cython.int, port=cython.int)
    cdef inline int transport(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t stop, int protocol) noexcept
    @cython.locals(header=cython.int, seen=Py_ssize_t, options=cython.uint, place=Py_ssize_t)
    cdef inline int tcp(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t stop) noexcept

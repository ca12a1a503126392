# C types for frames.py. Cython reads this beside the Python source; without Cython the source runs as it is.
cimport cython

cdef int NULL, ETHERNET, PPP, FDDI, RAW_BSD, RAW_OPENBSD, PPP_HDLC, PPP_ETHER
cdef int RAW, C_HDLC, LOOP, SLL, PPP_DIRECTION, IPV4_ONLY, IPV6_ONLY, NFLOG, SLL2
cdef int IPV4, IPV6, VLAN, QINQ, VLAN_OLD, MPLS, MPLS_MULTICAST, PPPOE
cdef int LARGEST_LENGTH, NETLINK, GRE_DEVICE, PAYLOAD_OF_NFLOG, DEEPEST, MOST_HEADERS
cdef int ICMP_HOPS, IP_IN_IP, TCP, UDP, IPV6_IN_IP, ROUTING, FRAGMENT, GRE, AH, OPTIONS, ETHER_IP, MOBILITY, L2TP, MPLS_IN_IP, HIP, SHIM6
cdef int VXLAN, GENEVE, GTP_USER, TEREDO
cdef unsigned long long MAPPED

cdef inline int u16(const unsigned char* data, Py_ssize_t at) noexcept
@cython.locals(first=cython.uint)
cdef inline unsigned int u32(const unsigned char* data, Py_ssize_t at) noexcept
@cython.locals(high=cython.ulonglong)
cdef inline unsigned long long u64(const unsigned char* data, Py_ssize_t at) noexcept

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

    cpdef int decode(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire, int link) except -1
    @cython.locals(size=Py_ssize_t, family=cython.int, hardware=cython.int)
    cdef int link_layer(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire, int link) except -1
    cdef int cooked(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire, int protocol, int hardware) except -1
    @cython.locals(family=cython.int, little=cython.int, is_little=cython.bint, length=Py_ssize_t, kind=cython.int)
    cdef int nflog(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire) except -1
    @cython.locals(protocol=cython.int)
    cdef int ppp(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire) except -1
    @cython.locals(_=cython.int, version=cython.int, organisation=cython.int)
    cdef int network(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire, int protocol) except -1
    @cython.locals(header=cython.int, total=Py_ssize_t, available=Py_ssize_t, place=cython.int)
    cdef int ipv4(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire) except -1
    @cython.locals(length=Py_ssize_t, stop=Py_ssize_t)
    cdef int ipv6(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire) except -1
    @cython.locals(_=cython.int, step=cython.int, place=cython.int, port=cython.int)
    cdef int transport(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t stop, int protocol) except -1
    @cython.locals(header=cython.int, seen=Py_ssize_t, options=cython.uint, place=Py_ssize_t)
    cdef int tcp(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t stop) except -1

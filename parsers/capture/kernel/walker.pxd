# C types for walker.py. Cython reads this beside the Python source; without Cython the source runs as it is.
cimport cython
from parsers.capture.kernel.frames cimport RAW, Frames
from parsers.capture.kernel.octets cimport four, soon, two
from parsers.capture.kernel.signs cimport Signs
from parsers.capture.kernel.table cimport FlowTable

cdef Py_ssize_t LARGEST_PACKET, LARGEST_BLOCK, MOST_INTERFACES
cdef unsigned int MICRO, NANO, MICRO_PATCHED, MICRO_TURNED, NANO_TURNED, PATCHED_TURNED
cdef unsigned int SECTION, INTERFACE, PACKET, SIMPLE, STATISTICS, ENHANCED, JOURNAL, BYTE_ORDER, BYTE_ORDER_TURNED
cdef int RESOLUTION, OFFSET, DROPPED_BY_INTERFACE, DROPPED_BY_SYSTEM, UNKNOWN, PCAP, PCAPNG, LYING_RECORD, LYING_BLOCK, NO_CAPTURE
cdef long long LATEST, SECOND

@cython.final
cdef class Walker:
    cdef readonly Frames frames
    cdef readonly FlowTable table
    cdef public object stranger
    cdef readonly int kind, big, nano, link, fault
    cdef readonly Py_ssize_t header, skip
    cdef readonly long long packets, offset, earliest, latest, untimed, unplaced, dropped, sliced, lost
    cdef readonly unsigned int interfaces, snap
    cdef readonly list links, resolutions, offsets, snaps, links_seen
    cdef readonly dict strange

    @cython.locals(at=Py_ssize_t)
    cpdef Py_ssize_t feed(self, const unsigned char* data, Py_ssize_t size) except -1
    @cython.locals(found=Signs)
    cpdef Signs signs(self)
    @cython.locals(magic=cython.uint)
    cdef Py_ssize_t begin(self, const unsigned char* data) except -1
    @cython.locals(header=Py_ssize_t, big=cython.int, link=cython.int, scale=cython.longlong, captured=Py_ssize_t, stop=Py_ssize_t, seconds=cython.longlong, fraction=cython.longlong, time=cython.longlong, wire=Py_ssize_t)
    cdef Py_ssize_t records(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t size) except -1
    cdef inline int packet(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire, int link, long long time) except -1
    @cython.locals(inner=bytes, size=Py_ssize_t)
    cdef int ask(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, int link, long long time) except -1
    @cython.locals(kind=cython.uint, magic=cython.uint, total=Py_ssize_t, stop=Py_ssize_t)
    cdef Py_ssize_t blocks(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t size) except -1
    @cython.locals(captured=Py_ssize_t, wire=Py_ssize_t, snap=Py_ssize_t)
    cdef int block(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, unsigned int kind) except -1
    @cython.locals(captured=Py_ssize_t, wire=Py_ssize_t, high=cython.ulonglong, ticks=cython.ulonglong, time=cython.longlong, resolution=cython.int, offset=cython.longlong, power=cython.int, seconds=cython.ulonglong, rest=cython.ulonglong, part=cython.ulonglong, units=cython.ulonglong, whole=cython.longlong, _=cython.int)
    cdef int timed(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, unsigned int interface, Py_ssize_t stamp) except -1
    @cython.locals(link=cython.int)
    cdef int placed(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, Py_ssize_t wire, unsigned int interface, long long time) except -1
    @cython.locals(link=cython.int, resolution=cython.int, offset=cython.longlong, snap=cython.uint, code=cython.int, length=cython.int)
    cdef int interface(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) except -1
    cdef long long eight(self, const unsigned char* data, Py_ssize_t at) except *
    @cython.locals(code=cython.int, length=cython.int)
    cdef int statistics(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) except -1

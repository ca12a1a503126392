# C types for table.py. Cython reads this beside the Python source; without Cython the source runs as it is.
cimport cython
from parsers.capture.flows cimport Flow, Side, Tracker
from parsers.capture.frames cimport Frames

cdef int SYN, ACK
cdef unsigned long long MIX, LONG, WORD
cdef Py_ssize_t SMALLEST

@cython.final
cdef class Table:
    cdef readonly Py_ssize_t most
    cdef readonly list flows
    cdef readonly Tracker tracker
    cdef Flow recent
    cdef readonly long long segments, dropped_clean, dropped_attempts, dropped_silent
    cdef unsigned long long salt
    cdef Py_ssize_t mask
    cdef unsigned long long[::1] slots

    @cython.locals(flow=Flow, index=Py_ssize_t)
    cdef int resize(self, Py_ssize_t size) except -1
    @cython.locals(value=cython.ulonglong)
    cdef unsigned long long hashed(self, unsigned long long lower_high, unsigned long long lower_low, unsigned long long upper_high, unsigned long long upper_low, unsigned long long ports) noexcept
    @cython.locals(value=cython.ulonglong, slot=cython.ulonglong, entry=cython.ulonglong, flow=Flow)
    cdef Py_ssize_t find(self, unsigned long long lower_high, unsigned long long lower_low, unsigned long long upper_high, unsigned long long upper_low, unsigned int ports) except -1
    @cython.locals(slot=Py_ssize_t, value=cython.ulonglong)
    cdef int enter(self, Flow flow, unsigned long long index) except -1
    @cython.locals(is_upper=cython.int, low=cython.uint, ports=cython.uint, flow=Flow)
    cdef int segment(self, Frames frame, const unsigned char* data, long long number, long long time) except -1
    @cython.locals(flow=Flow, entry=cython.ulonglong)
    cdef Flow among(self, unsigned long long lower_high, unsigned long long lower_low, unsigned long long upper_high, unsigned long long upper_low, unsigned int ports)
    @cython.locals(flow=Flow)
    cdef Flow start(self, Frames frame, int is_upper, unsigned int ports)
    @cython.locals(goal=Py_ssize_t, surplus=Py_ssize_t, count=Py_ssize_t, flow=Flow)
    cdef int evict(self) except -1

@cython.locals(lower=Side, upper=Side)
cdef bint is_clean(Flow flow) except -1
cdef bint is_quiet(Side side) except -1
@cython.locals(lower=Side, upper=Side)
cdef bint is_attempt(Flow flow) except -1
cdef long long last_packet(Flow flow) except -1

# C types for table.py. Cython reads this beside the Python source; without Cython the source runs as it is.
cimport cython
from parsers.capture.kernel.flows cimport ACK, SYN, WORD, Tracker
from parsers.capture.kernel.frames cimport Frames
from parsers.capture.kernel.rows cimport FlowRow, Rows, Side, at, end_of

cdef unsigned long long MIX, LONG
cdef Py_ssize_t SMALLEST
cdef int CLEAN, ATTEMPT, SILENT

@cython.final
cdef class FlowTable:
    cdef readonly Py_ssize_t most
    cdef readonly Rows rows
    cdef readonly Tracker tracker
    cdef readonly long long segments, dropped_clean, dropped_attempts, dropped_silent
    cdef unsigned long long salt
    cdef Py_ssize_t mask

    @cython.locals(index=Py_ssize_t)
    cdef int resize(self, Py_ssize_t size) except -1
    @cython.locals(value=cython.ulonglong)
    cdef inline unsigned long long hashed(self, unsigned long long lower_high, unsigned long long lower_low, unsigned long long upper_high, unsigned long long upper_low, unsigned long long ports) noexcept
    @cython.locals(slot=cython.ulonglong, entry=cython.ulonglong, flow="FlowRow*")
    cdef inline Py_ssize_t find(self, unsigned long long lower_high, unsigned long long lower_low, unsigned long long upper_high, unsigned long long upper_low, unsigned int ports, unsigned long long value) noexcept
    @cython.locals(slot=Py_ssize_t, value=cython.ulonglong)
    cdef int enter(self, FlowRow* flow, unsigned long long index) noexcept
    @cython.locals(is_upper=cython.int, ports=cython.uint, index=Py_ssize_t, slot=Py_ssize_t, value=cython.ulonglong, lower_high=cython.ulonglong, lower_low=cython.ulonglong, upper_high=cython.ulonglong, upper_low=cython.ulonglong)
    cdef inline int segment(self, Frames frame, const unsigned char* data, long long number, long long time) except -1
    @cython.locals(is_upper=cython.int, ports=cython.uint, slot=Py_ssize_t, value=cython.ulonglong)
    cpdef Py_ssize_t newest(self, unsigned long long high, unsigned long long low, unsigned int port, unsigned long long other_high, unsigned long long other_low, unsigned int other_port)
    @cython.locals(flow="FlowRow*", index=Py_ssize_t)
    cdef Py_ssize_t start(self, unsigned long long lower_high, unsigned long long lower_low, unsigned long long upper_high, unsigned long long upper_low, unsigned int ports) except -1
    @cython.locals(goal=Py_ssize_t, index=Py_ssize_t, ages=list)
    cdef int evict(self) except -1
    @cython.locals(kept=Py_ssize_t, before=Py_ssize_t, index=Py_ssize_t, flow="FlowRow*")
    cdef Py_ssize_t drop(self, Py_ssize_t surplus, int kind, long long oldest) noexcept

@cython.locals(lower="Side*", upper="Side*")
cdef bint is_clean(FlowRow* flow) noexcept
cdef bint is_quiet(Side* side) noexcept
@cython.locals(lower="Side*", upper="Side*")
cdef bint is_attempt(FlowRow* flow) noexcept
cdef long long last_packet(FlowRow* flow) noexcept

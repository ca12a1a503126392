# C types for flows.py. Cython reads this beside the Python source; without Cython the source runs as it is.
cimport cython
from parsers.capture.kernel.frames cimport Frames
from parsers.capture.kernel.payload cimport Payload
from parsers.capture.kernel.rows cimport FlowRow, Rows, Side, at, end_of

cdef int FIN, SYN, RST, ACK, NOT_FINAL, LAST_INTERIM, SWITCHED
cdef unsigned int WORD, HALF
cdef long long REORDERED, COPIED

@cython.final
cdef class Tracker:
    cdef readonly long long copies
    cdef readonly Payload payload
    cdef readonly list lines, hosts, names

    @cython.locals(side="Side*", peer="Side*", who=cython.int)
    cdef inline int take(self, FlowRow* flow, int is_upper, Frames frame, const unsigned char* data, long long number, long long time) except -1
    @cython.locals(side="Side*", peer="Side*")
    cdef int is_fresh(self, FlowRow* flow, Frames frame, int is_upper) noexcept
    cdef inline int is_copy(self, Side* side, Frames frame, long long time) noexcept
    cdef inline int account(self, Side* side, Frames frame, long long number, long long time) noexcept
    @cython.locals(flags=cython.int)
    cdef inline int control(self, FlowRow* flow, Side* side, Side* peer, Frames frame, long long number, long long time) noexcept
    @cython.locals(span=Py_ssize_t, stop=cython.uint, ahead=cython.uint, jump=cython.uint, trip=cython.longlong)
    cdef inline int sequence(self, FlowRow* flow, Side* side, Side* peer, Frames frame, long long number, long long time) noexcept
    cdef int repeat(self, Side* side, long long number, long long time) noexcept
    @cython.locals(kind=cython.int)
    cdef inline int talk(self, FlowRow* flow, Side* side, int who, Frames frame, const unsigned char* data, long long number, long long time) except -1
    cdef int secret(self, FlowRow* flow, Side* side, int who, long long number, long long time) except -1
    cdef int place(self, FlowRow* flow) except -1
    @cython.locals(lines=list, hosts=list, names=list, flow="FlowRow*", index=Py_ssize_t)
    cdef int shorten(self, Rows rows) except -1

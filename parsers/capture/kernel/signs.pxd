# C types for signs.py. Cython reads this beside the Python source; without Cython the source runs as it is.
cimport cython
from parsers.capture.kernel.bits cimport ANSWERED, BY_CLIENT, BY_SERVER, ENDED, ENDED_BOTH, FULL, IGNORED, LEFT
from parsers.capture.kernel.bits cimport REQUESTED, RESENT, RESET, RESET_BY_CLIENT, SURE, TAKEN, UPPER, WAITING
from parsers.capture.kernel.flows cimport Tracker
from parsers.capture.kernel.rows cimport FlowRow, Rows, Side, at, end_of

@cython.final
cdef class Signs:
    cdef readonly object bits, server, first, asked, silent, kept, apart
    cdef readonly dict servers

    @cython.locals(index=Py_ssize_t)
    cdef int fill(self, Rows rows, Tracker said, long long latest) except -1
    @cython.locals(found=cython.uint, is_upper=cython.int, client="Side*", server="Side*", asked=cython.longlong, packet=cython.longlong, silent=cython.longlong, apart=cython.longlong, left_packet=cython.longlong, left_time=cython.longlong, lower=cython.uint, upper=cython.uint, key=tuple)
    cdef int look(self, FlowRow* flow, Py_ssize_t index, Tracker said, long long latest) except -1

@cython.locals(lower="Side*", upper="Side*")
cdef unsigned int client_of(FlowRow* flow) noexcept
cdef unsigned int taken_of(Side* client, Side* server) noexcept
@cython.locals(found=cython.uint)
cdef unsigned int ended_of(Side* client, Side* server) noexcept
cdef bint is_before(long long packet, long long other) noexcept
cdef long long first_packet(Side* client, Side* server) noexcept

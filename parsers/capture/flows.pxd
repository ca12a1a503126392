# C types for flows.py. Cython reads this beside the Python source; without Cython the source runs as it is.
cimport cython
from parsers.capture.frames cimport Frames
from parsers.capture.payload cimport Payload

cdef int FIN, SYN, RST, ACK, NOT_FINAL, LAST_INTERIM, SWITCHED
cdef unsigned int WORD, HALF
cdef long long REORDERED, COPIED

# The order is that of use: what every segment touches fills the first two cache lines of a side, and of a flow.
@cython.final
cdef class Side:
    cdef readonly long long last_packet, last_time, segments
    cdef readonly unsigned long long stamp
    cdef readonly unsigned int last_seq, last_ack, options, next
    cdef readonly Py_ssize_t last_length
    cdef readonly int last_flags, window, known, is_hole
    cdef readonly long long fin_packet, octets, data_packet, data_time
    cdef readonly unsigned int fin_end, isn
    cdef readonly long long syn_packet, acked_packet, first_packet, first_time
    cdef readonly unsigned int hole, hole_end
    cdef readonly int syns, accepts, alert
    cdef readonly long long hole_time, fin_time, acked_time, syn_time, rst_packet, rst_time
    cdef readonly long long again_packet, again_time, shut_packet, shut_time, alert_packet, alert_time
    cdef readonly long long retransmitted, reordered, zero_windows, keepalives, gaps

@cython.final
@cython.no_gc
cdef class Flow:
    cdef public unsigned long long lower_low, upper_low, lower_high, upper_high
    cdef public unsigned int ports
    cdef readonly int first
    cdef readonly Side lower, upper
    cdef readonly long long established_packet
    cdef readonly int turn, asker, is_tls, status
    cdef readonly long long response_packet, established_time, copies, requests, answers
    cdef readonly long long turn_packet, turn_time, request_packet, request_time, response_time
    cdef readonly bytes line, host, name
    cdef readonly int greeter

@cython.final
cdef class Tracker:
    cdef readonly long long copies
    cdef readonly Payload payload

    @cython.locals(side=Side, peer=Side, who=cython.int)
    cdef int take(self, Flow flow, int is_upper, Frames frame, const unsigned char* data, long long number, long long time) except -1
    @cython.locals(side=Side, peer=Side)
    cdef int is_fresh(self, Flow flow, Frames frame, int is_upper) except -1
    cdef int is_copy(self, Side side, Frames frame, long long time) except -1
    cdef int account(self, Side side, Frames frame, long long number, long long time) except -1
    @cython.locals(flags=cython.int)
    cdef int control(self, Flow flow, Side side, Side peer, Frames frame, long long number, long long time) except -1
    @cython.locals(span=Py_ssize_t, stop=cython.uint, ahead=cython.uint, jump=cython.uint, trip=cython.longlong)
    cdef int sequence(self, Flow flow, Side side, Side peer, Frames frame, long long number, long long time) except -1
    cdef int repeat(self, Side side, long long number, long long time) except -1
    @cython.locals(kind=cython.int)
    cdef int talk(self, Flow flow, Side side, int who, Frames frame, const unsigned char* data, long long number, long long time) except -1
    cdef int secret(self, Flow flow, Side side, int who, long long number, long long time) except -1

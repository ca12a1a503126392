# C types for flows.py. Cython reads this beside the Python source; without Cython the source runs as it is.
cimport cython
from parsers.capture.frames cimport Frames
from parsers.capture.payload cimport Payload

cdef int FIN, SYN, RST, ACK, NOT_FINAL, LAST_INTERIM, SWITCHED
cdef unsigned int WORD, HALF
cdef long long REORDERED, COPIED

@cython.final
cdef class Side:
    cdef readonly long long first_packet, first_time, last_packet, last_time, segments, octets
    cdef readonly unsigned int next, last_seq, last_ack, options, isn, fin_end, hole, hole_end
    cdef readonly int known, is_hole, last_flags, window, syns, accepts, alert
    cdef readonly Py_ssize_t last_length
    cdef readonly unsigned long long stamp
    cdef readonly long long data_packet, data_time, hole_time
    cdef readonly long long fin_packet, fin_time, acked_packet, acked_time, syn_packet, syn_time, rst_packet, rst_time
    cdef readonly long long again_packet, again_time, shut_packet, shut_time, alert_packet, alert_time
    cdef readonly long long retransmitted, reordered, zero_windows, keepalives, gaps

@cython.final
@cython.no_gc
cdef class Flow:
    cdef public unsigned long long lower_high, lower_low, upper_high, upper_low
    cdef public unsigned int ports
    cdef readonly Side lower, upper
    cdef readonly int first, turn, asker, status, is_tls, greeter
    cdef readonly long long established_packet, established_time, copies, requests, answers
    cdef readonly long long turn_packet, turn_time, request_packet, request_time, response_packet, response_time
    cdef readonly bytes line, host, name

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

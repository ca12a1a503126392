# C types of rows.pyx. The order is that of use: what every segment touches fills the first two cache lines of a side.
cimport cython

cdef struct Side:
    long long last_packet, last_time, segments, octets, data_packet, data_time
    unsigned int last_seq, last_ack, next, options
    unsigned long long stamp
    long long fin_packet, acked_packet, syn_packet
    int last_length, last_flags, window, known, is_hole, accepts
    unsigned int fin_end, isn
    unsigned int hole, hole_end
    int syns, alert
    long long first_packet, first_time
    long long hole_time, fin_time, acked_time, syn_time, rst_packet, rst_time
    long long again_packet, again_time, shut_packet, shut_time, alert_packet, alert_time
    long long retransmitted, reordered, zero_windows, keepalives, gaps

cdef struct FlowRow:
    unsigned long long lower_low, upper_low, lower_high, upper_high
    unsigned int ports
    int first, turn, asker
    long long established_packet, response_packet
    Side sides[2]
    long long established_time, copies, requests, answers
    long long turn_packet, turn_time, request_packet, request_time, response_time
    int is_tls, status, greeter, text

@cython.final
cdef class Rows:
    cdef readonly Py_ssize_t count
    cdef Py_ssize_t room
    cdef FlowRow* flows
    cdef unsigned long long* slots

    @cython.locals(flow="FlowRow*", shown=dict, place=Py_ssize_t)
    cdef object shown(self, Py_ssize_t place)
    @cython.locals(flows="FlowRow*", room=Py_ssize_t)
    cdef int add(self) except -1
    cdef int keep(self, Py_ssize_t source, Py_ssize_t target) noexcept
    cdef int cut(self, Py_ssize_t count) noexcept
    @cython.locals(slots="unsigned long long*")
    cdef int clear(self, Py_ssize_t size) except -1

cdef inline FlowRow* at(Rows rows, Py_ssize_t index) noexcept
cdef inline Side* end_of(FlowRow* flow, int is_upper) noexcept

# C types for payload.py. Cython reads this beside the Python source; without Cython the source runs as it is.
cimport cython
from parsers.capture.kernel.octets cimport taken, u32

cdef int LONGEST_LINE, LONGEST_HEAD, LONGEST_NAME, MOST_RECORDS
cdef int NOTHING, REQUEST, STATUS, TLS, ENCRYPTED, CR, LF, SPACE
cdef int ALERT, HANDSHAKE, APPLICATION, CLIENT_HELLO, SERVER_NAME, LARGEST_RECORD
cdef unsigned int GET_, PUT_, HEAD, POST, PATC, ATCH, TRAC, RACE, DELE, LETE, OPTI, IONS, CONN, NECT

@cython.final
cdef class Payload:
    cdef readonly bytes line, host, name
    cdef readonly int status, alert, is_hello

    @cython.locals(first=cython.int)
    cpdef int look(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) except -1
    @cython.locals(place=Py_ssize_t, digit=cython.int)
    cdef int answer(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) except -1
    @cython.locals(stop=Py_ssize_t, limit=Py_ssize_t, begin=Py_ssize_t)
    cdef int request(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) except -1
    @cython.locals(size=Py_ssize_t, first=cython.uint, last=cython.uint)
    cdef int is_method(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t stop) noexcept
    @cython.locals(stop=Py_ssize_t)
    cdef int find_host(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) except -1
    @cython.locals(_=cython.int, found=cython.int, kind=cython.int, length=cython.int)
    cdef int records(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) except -1
    @cython.locals(kind=cython.int, length=cython.int, stop=Py_ssize_t)
    cdef int server_name(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) except -1

# C types for usual.py. Cython reads this beside the Python source; without Cython the source runs as it is.
cimport cython

cdef Py_ssize_t MOST, LONGEST_PORT, LONGEST_NUMBER, LONGEST_LINE
cdef long long LAST_PORT
cdef object Endpoint, Where

cdef Py_ssize_t line_end(const unsigned char* data, Py_ssize_t at, Py_ssize_t stop) noexcept
cdef Py_ssize_t word_end(const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept
cdef Py_ssize_t word_start(const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept
cdef Py_ssize_t bare_end(const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept
cdef Py_ssize_t sign(const unsigned char* data, Py_ssize_t at, Py_ssize_t end, unsigned char octet) noexcept
@cython.locals(value=cython.longlong)
cdef long long number(const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept
@cython.locals(group=cython.int, start=Py_ssize_t)
cdef Py_ssize_t v4_end(const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept

cdef class Usual:
    cdef object reader, file
    cdef list records
    cdef readonly dict ends, hosts, words, cells, holders, timers
    cdef Py_ssize_t first
    cdef public Py_ssize_t index, count
    cdef public bint on

    @cython.locals(end=Py_ssize_t)
    cpdef Py_ssize_t read(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t stop) except -1
    cdef bint row(self, const unsigned char* _data, Py_ssize_t _at, Py_ssize_t _end) except -1
    @cython.locals(text=bytes)
    cdef object near(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end)
    @cython.locals(text=bytes, colon=Py_ssize_t, port=cython.longlong)
    cdef object far(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end)
    cdef object named(self, text)
    @cython.locals(line=object)
    cdef object where(self)

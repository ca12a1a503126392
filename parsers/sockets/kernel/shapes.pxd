# C types for shapes.py, as in usual.pxd.
cimport cython
from parsers.sockets.kernel.usual cimport line_end, number, sign, word_end, word_start

cdef object STATES

@cython.locals(start=Py_ssize_t, end=Py_ssize_t, row=cython.bint)
cpdef Py_ssize_t skimmed(int kind, const unsigned char* data, Py_ssize_t at, Py_ssize_t stop) except -1
@cython.locals(stop=Py_ssize_t)
cdef bint is_lsof(const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept
@cython.locals(stop=Py_ssize_t, colon=Py_ssize_t, place=Py_ssize_t, _=cython.int)
cdef bint is_netstat(const unsigned char* data, Py_ssize_t at, Py_ssize_t end) noexcept
@cython.locals(stop=Py_ssize_t, place=Py_ssize_t, _=cython.int)
cdef bint is_ss(const unsigned char* data, Py_ssize_t at, Py_ssize_t end) except -1

# C types for rows.py, as in usual.pxd.
cimport cython
from parsers.sockets.kernel.usual cimport MOST, Usual, bare_end, number, sign, word_end, word_start

cdef Py_ssize_t LONGEST_PID, EXACT
cdef object LISTEN, OpenFile, Owner, Pid, SocketRow, Timer

cdef class UsualNetstat(Usual):
    @cython.locals(stop=Py_ssize_t, follow=Py_ssize_t, bracket=Py_ssize_t, received=cython.longlong, sending=cython.longlong, numbered=cython.longlong, text=bytes, holder=tuple)
    cdef bint row(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) except -1
    cdef object state(self, bytes text)
    @cython.locals(dot=Py_ssize_t, slash=Py_ssize_t, second=Py_ssize_t, close=Py_ssize_t, whole=cython.longlong, part=cython.longlong, again=cython.longlong, probes=cython.longlong, scale=cython.longlong, _=cython.int, text=bytes)
    cdef object timer(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, object kind)

cdef class UsualSs(Usual):
    @cython.locals(start=Py_ssize_t, stop=Py_ssize_t, received=cython.longlong, sending=cython.longlong, text=bytes, holder=tuple, listens=cython.bint)
    cdef bint row(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) except -1
    @cython.locals(quote=Py_ssize_t, close=Py_ssize_t, stop=Py_ssize_t, last=Py_ssize_t, descriptor=cython.longlong, pid=cython.longlong, text=bytes, holder=tuple)
    cdef object users(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end)

cdef class UsualLsof(Usual):
    @cython.locals(start=Py_ssize_t, stop=Py_ssize_t, name=Py_ssize_t, last=Py_ssize_t, mode=cython.int, cut=cython.bint, descriptor=cython.longlong, text=bytes, holder=tuple)
    cdef bint row(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end) except -1
    @cython.locals(stop=Py_ssize_t, arrow=Py_ssize_t, inode=cython.longlong, text=bytes, tail=tuple)
    cdef bint socket(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t end, tuple holder, long long descriptor) except -1
    @cython.locals(slash=Py_ssize_t, text=bytes)
    cdef bint opened(self, const unsigned char* data, Py_ssize_t at, Py_ssize_t stop, Py_ssize_t end, tuple holder, object descriptor) except -1

# The C functions that stand in the place of those in octets.py.
cdef extern from "octets.h":
    int u16 "closewait_u16"(const unsigned char* data, Py_ssize_t at) noexcept
    unsigned int u32 "closewait_u32"(const unsigned char* data, Py_ssize_t at) noexcept
    unsigned long long u64 "closewait_u64"(const unsigned char* data, Py_ssize_t at) noexcept
    int two "closewait_two"(const unsigned char* data, Py_ssize_t at, int big) noexcept
    unsigned int four "closewait_four"(const unsigned char* data, Py_ssize_t at, int big) noexcept
    int soon "closewait_soon"(const unsigned char* data, Py_ssize_t at) noexcept
    bytes taken "closewait_taken"(const unsigned char* data, Py_ssize_t at, Py_ssize_t stop)

/* Numbers of several octets, for the compiled kernel; octets.py says what they are. Compilers make one load of each. */
#ifndef CLOSEWAIT_OCTETS_H
#define CLOSEWAIT_OCTETS_H
#include <stddef.h>
#include <stdint.h>

static inline unsigned int closewait_u16(const unsigned char *data, ptrdiff_t at) {
    const unsigned char *p = data + at;
    return (unsigned int)p[0] << 8 | p[1];
}

static inline unsigned int closewait_u32(const unsigned char *data, ptrdiff_t at) {
    const unsigned char *p = data + at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

static inline unsigned long long closewait_u64(const unsigned char *data, ptrdiff_t at) {
    const unsigned char *p = data + at;
    return (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 | (uint64_t)p[3] << 32 |
           (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 | (uint64_t)p[6] << 8 | (uint64_t)p[7];
}

static inline unsigned int closewait_two(const unsigned char *data, ptrdiff_t at, int big) {
    const unsigned char *p = data + at;
    return big ? closewait_u16(data, at) : (unsigned int)p[1] << 8 | p[0];
}

static inline unsigned int closewait_four(const unsigned char *data, ptrdiff_t at, int big) {
    const unsigned char *p = data + at;
    return big ? closewait_u32(data, at) : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | (uint32_t)p[0];
}

static inline PyObject *closewait_taken(const unsigned char *data, ptrdiff_t at, ptrdiff_t stop) {
    return PyBytes_FromStringAndSize((const char *)data + at, stop - at);
}

static inline int closewait_soon(const unsigned char *data, ptrdiff_t at) {
#if defined(__GNUC__) || defined(__clang__)
    __builtin_prefetch(data + at);
    __builtin_prefetch(data + at + 64);
#else
    (void)data, (void)at;
#endif
    return 0;
}
#endif

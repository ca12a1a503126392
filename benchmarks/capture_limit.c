/* The limit that benchmarks/capture.py compares with: walks the records of a classic pcap (nanoseconds, the machine's byte order), decodes
   Ethernet with VLAN tags, IPv4, IPv6 and TCP, and keeps the same counters and marks in a table. No payload, no damage, no other link type. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    int64_t first, first_at, last, last_at, segments, octets, again, early, full, data, data_at, fin, fin_at, acked, acked_at, rst, rst_at, syn, syn_at;
    uint32_t next, isn, fin_end, seq, ack;
    int known, syns;
} Side;
typedef struct {
    uint64_t lower_high, lower_low, upper_high, upper_low;
    uint32_t ports;
    int turn;
    int64_t turn_packet, turn_at;
    Side side[2];
} Flow;

static Flow *flows;
static uint64_t *slots, mask = 1023;
static int64_t count, room = 1024;

static uint32_t be32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return __builtin_bswap32(v); }
static uint64_t be64(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return __builtin_bswap64(v); }
static uint16_t be16(const uint8_t *p) { return p[0] << 8 | p[1]; }

static uint64_t hash(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t ports) {
    const uint64_t mix = 0x9E3779B97F4A7C15ull;
    uint64_t v = (b ^ b >> 29) * mix;
    v ^= d ^ a << 1;
    v = (v ^ v >> 32) * mix;
    v ^= ports ^ c;
    v = (v ^ v >> 29) * mix;
    return v ^ v >> 32;
}

static void enter(int64_t index) {
    Flow *f = flows + index;
    uint64_t h = hash(f->lower_high, f->lower_low, f->upper_high, f->upper_low, f->ports), s = h & mask;
    while (slots[s]) {
        Flow *o = flows + (slots[s] & 0xFFFFFFFF) - 1;
        if (o->ports == f->ports && o->lower_low == f->lower_low && o->upper_low == f->upper_low && o->lower_high == f->lower_high && o->upper_high == f->upper_high) break;
        s = (s + 1) & mask;
    }
    slots[s] = h >> 32 << 32 | (index + 1);
}

static Flow *start(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint32_t ports) {
    if (count == room) flows = realloc(flows, sizeof(Flow) * (room *= 2));
    if (2 * count > (int64_t)mask) {
        mask = 2 * mask + 1;
        free(slots);
        slots = calloc(mask + 1, 8);
        for (int64_t i = 0; i < count; i++) enter(i);
    }
    Flow *f = flows + count;
    memset(f, 0, sizeof *f);
    f->lower_high = a, f->lower_low = b, f->upper_high = c, f->upper_low = d, f->ports = ports;
    enter(count++);
    return f;
}

static void segment(uint64_t sh, uint64_t sl, uint64_t th, uint64_t tl, const uint8_t *t, int64_t size, int64_t number, int64_t at) {
    uint32_t sp = be16(t), tp = be16(t + 2), seq = be32(t + 4), ack = be32(t + 8);
    int flags = t[13], up = sl != tl ? sl > tl : sh != th ? sh > th : sp > tp;
    int64_t length = size - (t[12] >> 4) * 4;
    uint64_t a = up ? th : sh, b = up ? tl : sl, c = up ? sh : th, d = up ? sl : tl;
    uint32_t ports = up ? tp << 16 | sp : sp << 16 | tp;
    uint64_t h = hash(a, b, c, d, ports), s = h & mask;
    Flow *f = 0;
    for (; slots[s]; s = (s + 1) & mask) {
        if ((slots[s] ^ h) >> 32) continue;
        Flow *o = flows + (slots[s] & 0xFFFFFFFF) - 1;
        if (o->ports == ports && o->lower_low == b && o->upper_low == d && o->lower_high == a && o->upper_high == c) { f = o; break; }
    }
    if (f && (flags & 18) == 2 && f->side[up].syn && f->side[up].isn != seq) f = 0;
    if (!f) f = start(a, b, c, d, ports);
    Side *me = f->side + up, *peer = f->side + !up;
    if (!me->segments++) me->first = number, me->first_at = at;
    me->last = number, me->last_at = at, me->seq = seq, me->ack = ack;
    if (!be16(t + 14) && !(flags & 7)) me->full++;
    if (flags & 2) { me->syns++; if (!me->syn) me->syn = number, me->syn_at = at, me->isn = seq; }
    if (flags & 1 && !me->fin) me->fin = number, me->fin_at = at, me->fin_end = seq + length + 1;
    if (flags & 4 && !me->rst) me->rst = number, me->rst_at = at;
    if (flags & 16 && peer->fin && !peer->acked && ack - peer->fin_end < 0x80000000u) peer->acked = number, peer->acked_at = at;
    int64_t span = length + !!(flags & 2) + (flags & 1);
    if (!span) return;
    uint32_t end = seq + span, ahead = end - me->next;
    if (me->known && (ahead == 0 || ahead >= 0x80000000u)) { me->again++; return; }
    if (me->known && seq - me->next - 1 < 0x7FFFFFFFu) me->early++;
    me->known = 1, me->next = end, me->octets += length;
    if (!length) return;
    me->data = number, me->data_at = at;
    if (f->turn != up + 1) f->turn = up + 1, f->turn_packet = number, f->turn_at = at;
}

static void packet(const uint8_t *p, const uint8_t *end, int64_t number, int64_t at) {
    if (end - p < 14) return;
    int kind = be16(p + 12);
    p += 14;
    while (kind == 0x8100 && end - p >= 4) kind = be16(p + 2), p += 4;
    if (kind == 0x0800 && end - p >= 40) {
        int head = (p[0] & 15) * 4, total = be16(p + 2);
        if (p[9] != 6 || be16(p + 6) & 0x1FFF || end - p < head + 20) return;
        segment(0, 0xFFFF00000000ull | be32(p + 12), 0, 0xFFFF00000000ull | be32(p + 16), p + head, total - head, number, at);
    } else if (kind == 0x86DD && end - p >= 60 && p[6] == 6) {
        segment(be64(p + 8), be64(p + 16), be64(p + 24), be64(p + 32), p + 40, be16(p + 4), number, at);
    }
}

int main(int argc, char **argv) {
    static uint8_t buffer[(1 << 20) + (1 << 19)];
    int file = argc > 1 ? open(argv[1], O_RDONLY) : -1;
    if (file < 0) return 2;
    flows = malloc(sizeof(Flow) * room);
    slots = calloc(mask + 1, 8);
    int64_t rest = 0, number = 0, skip = 24;
    for (ssize_t got; (got = read(file, buffer + rest, 1 << 20)) > 0;) {
        uint8_t *p = buffer + skip, *end = buffer + rest + got;
        skip = 0;
        while (end - p >= 16) {
            uint32_t head[4];
            memcpy(head, p, 16);
            if (end - p < 16 + (int64_t)head[2]) break;
            packet(p + 16, p + 16 + head[2], ++number, head[0] * 1000000000ll + head[1]);
            p += 16 + head[2];
        }
        rest = end - p;
        memmove(buffer, p, rest);
    }
    printf("%lld packets, %lld flows\n", (long long)number, (long long)count);
    return 0;
}

"""Where flows are kept, compiled: structures side by side, and the slots of the table. In the place of ``rows.py``, which says what is what."""

from types import SimpleNamespace

import cython
from cython.cimports.libc.stdlib import calloc, free, realloc
from cython.cimports.libc.string import memset


class Rows:
    def __dealloc__(self):
        free(self.flows)
        free(self.slots)

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if not 0 <= index < self.count:
            raise IndexError(index)
        return self.shown(index)

    def shown(self, place):
        flow = at(self, place)
        shown = dict(flow[0])
        shown["sides"] = SimpleNamespace(**dict(flow.sides[0])), SimpleNamespace(**dict(flow.sides[1]))
        return SimpleNamespace(**shown)

    def add(self):
        if self.count == self.room:
            room = 2 * self.room + 64
            flows = cython.cast(cython.pointer(FlowRow), realloc(self.flows, room * cython.sizeof(FlowRow)))
            if not flows:
                raise MemoryError
            self.flows = flows
            self.room = room
        memset(at(self, self.count), 0, cython.sizeof(FlowRow))
        self.count += 1
        return 0

    def keep(self, source, target):
        self.flows[target] = self.flows[source]
        return 0

    def cut(self, count):
        self.count = count
        return 0

    def clear(self, size):
        slots = cython.cast(cython.pointer(cython.ulonglong), calloc(size, cython.sizeof(cython.ulonglong)))
        if not slots:
            raise MemoryError
        free(self.slots)
        self.slots = slots
        return 0


def at(rows, index):
    return rows.flows + index


def end_of(flow, is_upper):
    return flow.sides + is_upper

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure how zero and non-zero pages lie in the RAM of a real VM, for bench_zeropage.c.

Give it the file that backs the guest's RAM; holes (pages the guest never touched) are left out, as
a scan leaves them out. Prints the C tables of tests/lib/vm_mix.c. The VM is started like this, and
measured when it has done some work and is at rest:

  qemu-system-x86_64 -accel kvm -m 1G -machine q35,memory-backend=m \\
    -object memory-backend-file,id=m,size=1G,mem-path=/dev/shm/ram,share=on ...
  tests/bench/vm_mix.py /dev/shm/ram
"""
import mmap
import os
import re
import sys

PAGE = 4096
# Upper bounds of the buckets; the last one is open.
RUNS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1 << 30]
OFFSETS = [8, 16, 64, 128, 256, 512, 1024, 2048, 4096]
NONZERO = re.compile(rb"[^\0]")


def data_ranges(fd, size):
    """Yields (start, end) of the backed parts of the file, in bytes."""
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:  # ENXIO: a hole up to the end
            return
        end = os.lseek(fd, start, os.SEEK_HOLE)
        yield start // PAGE * PAGE, (end + PAGE - 1) // PAGE * PAGE
        at = end


def first_nonzero(page):
    """Offset of the first byte that is not zero, or -1."""
    if not page.strip(b"\0"):
        return -1
    return NONZERO.search(page).start()


def bucket(bounds, value):
    return next(i for i, b in enumerate(bounds) if value <= b)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: vm_mix.py RAM-FILE")
    fd = os.open(sys.argv[1], os.O_RDONLY)
    size = os.fstat(fd).st_size
    runs = {True: [[0, 0] for _ in RUNS], False: [[0, 0] for _ in RUNS]}  # [runs, pages]
    offsets = [0] * len(OFFSETS)
    pages = {True: 0, False: 0}

    def end_run(zero, length):
        if length:
            slot = runs[zero][bucket(RUNS, length)]
            slot[0] += 1
            slot[1] += length

    with mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ) as ram:
        for start, end in data_ranges(fd, size):
            kind, length = None, 0
            for at in range(start, min(end, size), PAGE):
                first = first_nonzero(ram[at:at + PAGE])
                zero = first < 0
                pages[zero] += 1
                if not zero:
                    offsets[bucket(OFFSETS, first + 1)] += 1
                if zero != kind:
                    end_run(kind, length)
                    kind, length = zero, 0
                length += 1
            end_run(kind, length)

    total = pages[True] + pages[False]
    if total == 0:
        sys.exit("no page of this file is backed")
    print(f"/* {total} backed pages of {size // PAGE}: {100 * pages[True] / total:.1f} % zero. */")
    for name, zero in (("zero", True), ("data", False)):
        print(f"static const struct mix_run {name}_runs[] = {{ /* runs, pages in them */")
        for bound, (count, inside) in zip(RUNS, runs[zero]):
            print(f"    {{{count}, {inside}}}, /* up to {bound} */")
        print("};")
    print("static const struct mix_offset data_offsets[] = { /* bytes below, pages */")
    for bound, count in zip(OFFSETS, offsets):
        print(f"    {{{bound}, {count}}},")
    print("};")


if __name__ == "__main__":
    main()

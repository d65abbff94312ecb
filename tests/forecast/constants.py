#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a migration costs apart from its pages' content: figures of this machine and its QEMUs, as tables in Markdown.

    constants.py [--repeats N]

A guest at rest migrates to a socket of ours, which counts and throws away; so the sender alone is measured, without limit
of the bandwidth. Bytes are exact. Times are the best of N, for other work on the machine only makes them longer. What a
page costs is the difference of two guests that differ only in such pages.
"""
import argparse
import contextlib
import dataclasses
import os
import shutil
import socket
import sys
import tempfile
import threading
import time

from dirtier import FIRST_PAGE, IMAGE, MIB, PAGE, Dirtier, Orders, kvmtest
from migrate import Case, Pool, Threads, measured, set_up

NO_LIMIT = 1 << 40
# RAM of the small guest and of the large one; their difference is of one kind of page.
SMALL, LARGE = 128 * MIB, 640 * MIB
PAGES = (LARGE - SMALL) // PAGE
KINDS = {"untouched": {}, "zero": {"fill_zero": 1.0}, "nonzero": {"fill_nonzero": 1.0}}
MODES = (("precopy", ""), ("precopy", "none"), ("multifd", ""), ("multifd", "legacy"), ("multifd", "none"))


class Sink:
    """Counts what comes, over all connections, and when the first and the last of it came."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.lock, self.bytes, self.first, self.last = threading.Lock(), 0, None, None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._drain, args=(connection,), daemon=True).start()

    def _drain(self, connection):
        buffer = bytearray(MIB)
        with connection, contextlib.suppress(OSError):
            while True:
                size = connection.recv_into(buffer)
                if size == 0:
                    return
                now = time.monotonic()
                with self.lock:
                    self.bytes += size
                    self.first = self.first or now
                    self.last = now

    def close(self):
        self.listener.close()


@dataclasses.dataclass
class Sent:
    bytes: int          # on the wire
    normal: int
    duplicate: int
    to_first_s: float   # from the command to the first byte
    bytes_s: float      # from the first byte to the last
    to_end_s: float     # from the last byte until it is said to be completed
    total_s: float
    downtime_ms: int
    cpu_s: float        # of all threads but the vCPU's


def send(binary, ram, mode, zero_pages, kind):
    """One migration of a guest at rest; None: this QEMU has no such mode."""
    orders = Orders(fill_pages=ram // PAGE - FIRST_PAGE, **KINDS[kind])
    directory = tempfile.mkdtemp(prefix="constants-")
    source, sink = Dirtier(binary, ram, orders), None
    try:
        source.wait_ready(120)
        sink = Sink(f"{directory}/sink")
        vm = source.vm
        case = Case(ram=ram, orders=orders, bandwidth=NO_LIMIT, mode=mode, zero_pages=zero_pages)
        try:
            set_up(vm, case)
        except AssertionError:
            return None
        vm.qmp("migrate-set-parameters", max_bandwidth=NO_LIMIT)
        threads = Threads(vm.pid, vm.vcpu_threads()[0])
        start = time.monotonic()
        vm.qmp("migrate", uri=f"unix:{directory}/sink")

        def completed():
            threads.look()
            info = vm.qmp("query-migrate")
            if info["status"] == "failed":
                raise AssertionError(f"migration failed: {info}")
            return info if info["status"] == "completed" else None
        info = kvmtest.wait_for(completed, "end of the migration", 60, 0.001)
        end = time.monotonic()
        time.sleep(0.05)  # what is in the sockets still
        return Sent(sink.bytes, info["ram"]["normal"], info["ram"]["duplicate"], sink.first - start,
                    sink.last - sink.first, max(end - sink.last, 0.0), info["total-time"] / 1000, info["downtime"],
                    threads.spent()["cpu_s"])
    finally:
        source.close()
        if sink:
            sink.close()
        shutil.rmtree(directory)


def best(samples, name):
    return min(getattr(sample, name) for sample in samples)


def per_page(small, large, name):
    return (best(large, name) - best(small, name)) / PAGES


def measure(binaries, repeats):
    """(version, mode, the small guest's migrations, {kind: the large one's}); no migrations: there is no such mode."""
    for version, binary in binaries.items():
        for mode, zero_pages in MODES:
            name = f"{mode}, detection {zero_pages}" if zero_pages else mode
            small = [send(binary, SMALL, mode, zero_pages, "untouched") for _ in range(repeats)]
            if None in small:
                yield version, name, None, None
                continue
            yield version, name, small, {kind: [send(binary, LARGE, mode, zero_pages, kind) for _ in range(repeats)]
                                         for kind in KINDS}


def wire_table(rows):
    print("| QEMU | mode | bytes per zero page | per other page | fixed part | first byte after | completed after the last"
          " | downtime |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for version, name, small, large in rows:
        if small is None:
            print(f"| {version} | {name} | not there |")
            continue
        zero, other = (per_page(small, large[kind], "bytes") for kind in ("untouched", "nonzero"))
        # The small guest has pages of both kinds.
        one = min(small, key=lambda sent: sent.bytes)
        fixed = one.bytes - (one.duplicate * zero + one.normal * other)
        print(f"| {version} | {name} | {zero:.1f} | {other:.1f} | {fixed / 1000:.0f} kB |"
              f" {best(small, 'to_first_s') * 1000:.1f} ms | {best(small, 'to_end_s') * 1000:.1f} ms |"
              f" {best(small, 'downtime_ms')} ms |")


def speed_table(rows):
    """What the sender needs for a page, by the clock and of the CPU."""
    print("\n| QEMU | mode | untouched page | CPU | zero page that is there | CPU | other page | CPU |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for version, name, small, large in rows:
        if small is not None:
            cells = [f"{seconds * 1e6:.2f} us ({PAGE / max(seconds, 1e-12) / 1e9:.1f} GB/s) | "
                     f"{per_page(small, large[kind], 'cpu_s') * 1e6:.2f} us"
                     for kind, seconds in ((kind, per_page(small, large[kind], "total_s")) for kind in KINDS)]
            print(f"| {version} | {name} | {' | '.join(cells)} |")


def receive(binary, ram, kind, pool):
    """Seconds of a migration to a QEMU, without limit."""
    orders = Orders(fill_pages=ram // PAGE - FIRST_PAGE, **KINDS[kind])
    source = Dirtier(binary, ram, orders)
    try:
        source.wait_ready(120)
        return measured(source, Case(ram=ram, orders=orders, bandwidth=NO_LIMIT), binary, pool)["total_ms"] / 1000
    finally:
        source.close()


def receiver_table(binaries, repeats):
    print("\n| QEMU | receiver's memory | per untouched page | per other page |\n|---|---|---:|---:|")
    with contextlib.closing(Pool()) as there:
        for version, binary in binaries.items():
            for name, pool in (("there already", there), ("taken from the kernel", None)):
                seconds = {kind: min(receive(binary, LARGE, kind, pool) for _ in range(repeats))
                           for kind in ("untouched", "nonzero")}
                small = min(receive(binary, SMALL, "untouched", pool) for _ in range(repeats))
                cost = [(seconds[kind] - small) / PAGES * 1e6 for kind in ("untouched", "nonzero")]
                print(f"| {version} | {name} | {cost[0]:.2f} us | {cost[1]:.2f} us |", flush=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if not os.access("/dev/kvm", os.R_OK | os.W_OK) or not os.path.isfile(IMAGE):
        print("skipped: needs /dev/kvm and the image of the dirtier")
        return 0
    binaries = {f"{major}.{minor}": binary for (major, minor), binary in sorted(kvmtest.qemu_binaries().items())}
    rows = list(measure(binaries, options.repeats))
    wire_table(rows)
    speed_table(rows)
    receiver_table(binaries, options.repeats)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a migration costs apart from its pages' content: figures of this machine and its QEMUs, as tables in Markdown.

    constants.py [--repeats N]

A guest at rest migrates to a socket of ours, which counts and throws away; so the sender alone is measured, without limit
of the bandwidth. With mapped-ram it is a file, and the bytes are those that QEMU counts. Bytes are exact. Times are the best of N, for other work on the machine only makes them longer. What a
page costs is the difference of guests that differ only in such pages.
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
from truth import ahead_of_others

NO_LIMIT = 1 << 40
# RAM of the small guest and of the large one; their difference is of one kind of page.
SMALL, LARGE = 128 * MIB, 640 * MIB
PAGES = (LARGE - SMALL) // PAGE
FILLED_PAGES = LARGE // PAGE - FIRST_PAGE
LIMITS = (50, 100, 200, 400)  # MB/s
KINDS = {"untouched": {}, "zero": {"fill_zero": 1.0}, "nonzero": {"fill_nonzero": 1.0}}
MODES = (("precopy", ""), ("precopy", "none"), ("multifd", ""), ("multifd", "legacy"), ("multifd", "none"), ("mapped-ram", ""))


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


def send(binary, ram, mode, zero_pages, kind, bandwidth=NO_LIMIT, downtime_ms=300):
    """One migration of a guest at rest; None: this QEMU has no such mode."""
    orders = Orders(fill_pages=ram // PAGE - FIRST_PAGE, **KINDS[kind])
    directory = tempfile.mkdtemp(prefix="constants-", dir="/dev/shm" if mode == "mapped-ram" else None)
    source, sink = Dirtier(binary, ram, orders), None
    try:
        source.wait_ready(120)
        sink = Sink(f"{directory}/sink")
        vm = source.vm
        case = Case(ram=ram, orders=orders, bandwidth=bandwidth, mode=mode, zero_pages=zero_pages)
        try:
            set_up(vm, case)
        except AssertionError:
            return None
        vm.qmp("migrate-set-parameters", max_bandwidth=bandwidth, downtime_limit=downtime_ms)
        threads = Threads(vm.pid, vm.vcpu_threads()[0])
        start = time.monotonic()
        vm.qmp("migrate", uri=f"file:{directory}/file" if mode == "mapped-ram" else f"unix:{directory}/sink")

        def completed():
            threads.look()
            info = vm.qmp("query-migrate")
            if info["status"] == "failed":
                raise AssertionError(f"migration failed: {info}")
            return info if info["status"] == "completed" else None
        info = kvmtest.wait_for(completed, "end of the migration", 60, 0.001)
        end = time.monotonic()
        time.sleep(0.05)  # what is in the sockets still
        if mode == "mapped-ram":
            ram, total_s = info["ram"], info["total-time"] / 1000
            return Sent(ram["transferred"], ram["normal"], ram["duplicate"], 0.0, total_s, 0.0, total_s, info["downtime"],
                        threads.spent()["cpu_s"])
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


def per_page(small, large, kind, name):
    """Of an untouched page: what the large guest has more than the small one. Of another kind: how much more than
    untouched pages those that are filled cost."""
    untouched = (best(large["untouched"], name) - best(small, name)) / PAGES
    if kind == "untouched":
        return untouched
    return untouched + (best(large[kind], name) - best(large["untouched"], name)) / FILLED_PAGES


def shown(seconds):
    """A time per page, and as a speed; nothing that is within the noise."""
    return f"{seconds * 1e6:.2f} us ({PAGE / seconds / 1e9:.1f} GB/s)" if seconds > 2e-8 else "-"


def milliseconds(seconds):
    return f"{seconds * 1000:.1f} ms" if seconds > 0 else "-"


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
        zero, other = (per_page(small, large, kind, "bytes") for kind in ("untouched", "nonzero"))
        # The small guest has pages of both kinds.
        one = min(small, key=lambda sent: sent.bytes)
        fixed = one.bytes - (one.duplicate * zero + one.normal * other)
        print(f"| {version} | {name} | {zero:.1f} | {other:.1f} | {fixed / 1000:.0f} kB |"
              f" {milliseconds(best(small, 'to_first_s'))} | {milliseconds(best(small, 'to_end_s'))} |"
              f" {best(small, 'downtime_ms')} ms |")


def speed_table(rows):
    """What the sender needs for a page, by the clock and of the CPU."""
    print("\n| QEMU | mode | untouched page | CPU | zero page that is there | CPU | other page | CPU |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    for version, name, small, large in rows:
        if small is not None:
            cells = [f"{shown(per_page(small, large, kind, 'bytes_s'))} | "
                     f"{per_page(small, large, kind, 'cpu_s') * 1e6:.2f} us" for kind in KINDS]
            print(f"| {version} | {name} | {' | '.join(cells)} |")


def limit_table(binaries):
    """What max-bandwidth really limits to. The last part is not limited, so it is kept small."""
    print("\n| QEMU | mode | " + " | ".join(f"of {limit} MB/s" for limit in LIMITS) + " |\n|---|---|" + "---:|" * len(LIMITS))
    for version, binary in binaries.items():
        for mode, zero_pages in (MODES[0], MODES[2]):
            sent = [send(binary, LARGE, mode, zero_pages, "nonzero", limit * 10**6, 1) for limit in LIMITS]
            print(f"| {version} | {mode} | " + " | ".join(f"{each.bytes / each.bytes_s / 1e6:.1f} MB/s" for each in sent) +
                  " |", flush=True)


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
                zero = (seconds["untouched"] - small) / PAGES
                other = zero + (seconds["nonzero"] - seconds["untouched"]) / FILLED_PAGES
                print(f"| {version} | {name} | {shown(zero)} | {shown(other)} |", flush=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if not os.access("/dev/kvm", os.R_OK | os.W_OK) or not os.path.isfile(IMAGE):
        print("skipped: needs /dev/kvm and the image of the dirtier")
        return 0
    binaries = {f"{major}.{minor}": binary for (major, minor), binary in sorted(kvmtest.qemu_binaries().items())}
    with ahead_of_others():
        rows = list(measure(binaries, options.repeats))
        wire_table(rows)
        speed_table(rows)
        limit_table(binaries)
        receiver_table(binaries, options.repeats)
    return 0


if __name__ == "__main__":
    sys.exit(main())

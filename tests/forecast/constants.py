#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a migration costs apart from its pages' content: figures of this machine and its QEMUs, as tables in Markdown.

    constants.py [--repeats N] [--part wire|limits|receiver|steps ...]

A guest at rest migrates to a socket of ours, which counts and throws away; so the sender alone is measured, without limit
of the bandwidth. With mapped-ram it is a file, and the bytes are those that QEMU counts. Bytes are exact. Times are the best
of N, for other work on the machine only makes them longer. What a page costs is the difference of guests that differ only in
such pages. How long QEMU's own steps take is read from its trace events.
"""
import argparse
import contextlib
import dataclasses
import os
import re
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
CHANNELS = (1, 2, 4, 8)
# How long the rate under a limit is looked at, in the pauses of QEMU's steps of 100 ms.
STEPS_S, RATE_S = 0.1, 2.0
KINDS = {"untouched": {}, "zero": {"fill_zero": 1.0}, "nonzero": {"fill_nonzero": 1.0}}
MODES = (("precopy", ""), ("precopy", "none"), ("multifd", ""), ("multifd", "legacy"), ("multifd", "none"), ("mapped-ram", ""))


class Sink:
    """Counts what comes, over all connections, and when the first and the last of it came."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        self.lock, self.bytes, self.first, self.last, self.seen = threading.Lock(), 0, None, None, []
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
                    self.seen.append((now, self.bytes))

    def rate(self):
        """Bytes in a second, from the middle of one pause to that of another: what is sent in 100 ms is sent at their
        beginning."""
        begin = self.first + 5.5 * STEPS_S
        at = [max((count for now, count in self.seen if now <= moment), default=0) for moment in (begin, begin + RATE_S)]
        return (at[1] - at[0]) / RATE_S

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
    rate: float = 0.0   # bytes/s under a limit


def send(binary, ram, mode, zero_pages, kind, bandwidth=NO_LIMIT, downtime_ms=300, channels=2):
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
        vm.qmp("migrate-set-parameters", max_bandwidth=bandwidth, downtime_limit=downtime_ms, multifd_channels=channels)
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
                    threads.spent()["cpu_s"], sink.rate() if bandwidth != NO_LIMIT else 0.0)
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
    return f"{seconds * 1000:.{1 if seconds > 0.0005 else 2}f} ms" if seconds > 0 else "-"


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


def limit_rows(binaries):
    for version, binary in binaries.items():
        yield version, "precopy", binary, "precopy", 2
        for channels in CHANNELS:
            yield version, f"multifd, {channels} channel{'s' * (channels > 1)}", binary, "multifd", channels


def limit_table(binaries):
    """What max-bandwidth really limits to. The last part is not limited, so it is kept small; and there is enough to send that
    it has not begun."""
    print("\n| QEMU | mode | " + " | ".join(f"of {limit} MB/s" for limit in LIMITS) + " |\n|---|---|" + "---:|" * len(LIMITS))
    for version, name, binary, mode, channels in limit_rows(binaries):
        rates = [send(binary, max(LARGE, 3 * limit * MIB), mode, "", "nonzero", limit * 10**6, 1, channels).rate
                 for limit in LIMITS]
        print(f"| {version} | {name} | " + " | ".join(f"{rate / 1e6:.1f} MB/s" for rate in rates) + " |", flush=True)


# --- QEMU's own steps ----------------------------------------------------------------------------

EVENTS = ("migration_bitmap_sync_start", "migration_bitmap_sync_end", "migration_completion_vm_stop",
          "migration_thread_after_loop")


def steps_of(text):
    """{step: [seconds, ...]} of QEMU's log: first and later syncs of the bitmap; from the last one with the guest running
    until it is stopped; from there to the end."""
    steps = {"first sync": [], "sync": [], "late": [], "stop": []}
    began = stopped = ended = None
    for moment, event in re.findall(r"^\d+@([\d.]+):(\w+)", text, re.M):
        moment = float(moment)
        if event == "migration_bitmap_sync_start":
            began = moment
        elif event == "migration_bitmap_sync_end":
            if stopped is None:
                steps["sync" if steps["first sync"] else "first sync"].append(moment - began)
            ended = moment
        elif event == "migration_completion_vm_stop":
            stopped = moment
            if steps["sync"]:  # else it ended without one
                steps["late"].append(moment - ended)
        elif event == "migration_thread_after_loop":
            steps["stop"].append(moment - stopped)
    return steps


def take_steps(binary, ram, rate):
    """One migration at 100 MB/s with QEMU's trace events on. rate: pages that the guest dirties in a second, of 400 MiB."""
    pages = 100000 if rate else 0
    orders = Orders(pattern="uniform" if rate else "idle", rate=rate, set_first=ram // PAGE - pages, set_pages=pages)
    directory = tempfile.mkdtemp(prefix="constants-")
    log = f"{directory}/log"
    events = [word for event in EVENTS for word in ("-trace", f"enable={event}")]
    source, sink = Dirtier(binary, ram, orders, extra=("-msg", "timestamp=on", "-D", log, *events)), None
    try:
        source.wait_ready(120)
        sink = Sink(f"{directory}/sink")
        source.vm.qmp("migrate-set-parameters", max_bandwidth=100 * 10**6, downtime_limit=300)
        source.vm.qmp("migrate", uri=f"unix:{directory}/sink")
        kvmtest.wait_for(lambda: source.vm.qmp("query-migrate")["status"] == "completed", "end of the migration", 60)
        source.close()
        with open(log, encoding="utf-8") as f:
            return steps_of(f.read())
    finally:
        source.close()
        if sink:
            sink.close()
        shutil.rmtree(directory)


def steps_table(binaries, repeats):
    print("\n| QEMU | RAM | dirtied pages/s | first sync | later ones | until the guest is stopped | until the end |\n"
          "|---|---:|---:|---:|---:|---:|---:|")
    for version, binary in binaries.items():
        for ram, rate in ((1, 0), (4, 0), (8, 0), (1, 10000), (4, 10000)):
            taken = [take_steps(binary, ram << 30, rate) for _ in range(repeats)]
            cells = [milliseconds(min(min(steps[name]) for steps in taken if steps[name]))
                     if any(steps[name] for steps in taken) else "-" for name in ("first sync", "sync", "late", "stop")]
            print(f"| {version} | {ram} GiB | {rate} | {' | '.join(cells)} |", flush=True)


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


def wire_tables(binaries, repeats):
    rows = list(measure(binaries, repeats))
    wire_table(rows)
    speed_table(rows)


PARTS = {"wire": wire_tables, "limits": lambda binaries, repeats: limit_table(binaries), "receiver": receiver_table,
         "steps": steps_table}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--part", action="append", choices=PARTS)
    options = parser.parse_args()
    if not os.access("/dev/kvm", os.R_OK | os.W_OK) or not os.path.isfile(IMAGE):
        print("skipped: needs /dev/kvm and the image of the dirtier")
        return 0
    binaries = {f"{major}.{minor}": binary for (major, minor), binary in sorted(kvmtest.qemu_binaries().items())}
    with ahead_of_others():
        for part in options.part or PARTS:
            PARTS[part](binaries, options.repeats)
    return 0


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: MIT
"""A guest that dirties its memory as it is told to (tests/vm/dirtier), in a QEMU, and what it really did.

What is said here of a guest is read from its memory, from outside: how many writes it did, and which pages they met. It
puts the number of each write into the page, so that one look at the stopped guest tells of how many distinct pages the
last N writes were, for all N.
"""
import bisect
import ctypes
import dataclasses
import math
import os
import re
import struct
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))
import kvmtest  # noqa: E402

IMAGE = os.path.abspath(os.environ.get("DIRTIER", os.path.join(ROOT, "build/gcc/tests/vm/dirtier/dirtier.bin")))
PAGE = 4096
MIB = 1 << 20
SHARE = 1 << 16  # shares are of this
# As in dirtier.h.
ORDERS_AT, REPORT_AT, FIRST_PAGE = 0x90000, 0x91000, 0x100000 // PAGE
MAGIC = 0x7265697472696454
FILLED = 1 << 63
PATTERNS = ("idle", "uniform", "hot", "sequential")
REPORT_WORDS = ("magic", "generation", "hz", "tsc", "writes", "laps", "dropped", "sleeps", "filled_nonzero",
                "filled_zero", "fill_us", "ready", "most_late_us")
# QEMU's pc machine splits memory of this size or more at 3 GiB.
SPLIT_FROM, SPLIT_AT = 0xE0000000, 0xC0000000


@dataclasses.dataclass
class Orders:
    """Pages are counted from guest-physical 0, without the hole below 4 GiB; rate: writes in a second while it is on."""
    pattern: str = "idle"
    rate: int = 0
    set_first: int = FIRST_PAGE
    set_pages: int = 0
    set_stride: int = 1
    prefill: bool = True
    on_us: int = 0
    off_us: int = 0
    hot_pages: int = 0
    hot_share: float = 0.0
    fill_first: int = FIRST_PAGE
    fill_pages: int = 0
    fill_nonzero: float = 0.0
    fill_zero: float = 0.0
    seed: int = 1
    generation: int = 1
    work_ns: int = 0
    forgive_us: int = 0

    def words(self, ram_bytes):
        below_4g = SPLIT_AT if ram_bytes >= SPLIT_FROM else ram_bytes
        return struct.pack("<21Q", MAGIC, self.generation, below_4g, 0, self.seed, self.fill_first, self.fill_pages,
                           round(self.fill_nonzero * SHARE), round(self.fill_zero * SHARE),
                           PATTERNS.index(self.pattern), self.set_first, self.set_pages, self.set_stride,
                           int(self.prefill), self.rate, self.on_us, self.off_us, self.hot_pages,
                           round(self.hot_share * SHARE), self.work_ns, self.forgive_us)

    def mean_rate(self):
        if self.pattern == "idle":
            return 0.0
        return self.rate * (self.on_us / (self.on_us + self.off_us) if self.off_us else 1.0)

    def distinct(self, writes):
        """How many pages so many writes meet, on average."""
        def random(writes, pages):
            return pages * -math.expm1(writes * math.log1p(-1 / pages)) if pages > 1 else min(writes, pages)
        if self.pattern == "idle" or self.set_pages == 0:
            return 0.0
        if self.pattern == "sequential":
            return float(min(writes, self.set_pages))
        if self.pattern == "hot":
            return (random(writes * self.hot_share, self.hot_pages) +
                    random(writes * (1 - self.hot_share), self.set_pages - self.hot_pages))
        return random(writes, self.set_pages)


class IoVec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("bytes", ctypes.c_size_t)]


LIBC = ctypes.CDLL(None, use_errno=True)


def _vm_call(call, pid, buffer, pieces):
    """process_vm_readv or _writev between a buffer and [(address, bytes)] of another process."""
    local = IoVec(ctypes.addressof(buffer), ctypes.sizeof(buffer))
    remote = (IoVec * len(pieces))(*pieces)
    done = call(pid, ctypes.byref(local), 1, remote, len(pieces), 0)
    if done != ctypes.sizeof(buffer):
        error = ctypes.get_errno()
        raise OSError(error, f"memory of process {pid}: {os.strerror(error)}")


class Dirtier:
    """A QEMU whose guest it is. vm: the kvmtest.Qemu."""

    def __init__(self, binary, ram_bytes, orders, extra=(), backend=None):
        self.orders, self.ram_bytes = orders, ram_bytes
        with tempfile.NamedTemporaryFile(prefix="dirtier-") as page:
            page.write(orders.words(ram_bytes).ljust(PAGE, b"\0"))
            page.flush()
            self.vm = kvmtest.Qemu(binary, name="guest=dirtier", ram=f"{ram_bytes // MIB}M", backend=backend,
                                   extra=("-bios", IMAGE, "-nic", "none", "-device",
                                          f"loader,file={page.name},addr={ORDERS_AT},force-raw=on", *extra))
        try:
            self.low = self._host_address(0)
            self.split = SPLIT_AT if ram_bytes >= SPLIT_FROM else ram_bytes
            self.high = self._host_address(1 << 32) if self.split < ram_bytes else 0
        except BaseException:
            self.close()
            raise

    def close(self):
        self.vm.close()

    def _host_address(self, physical):
        text = self.vm.qmp("human-monitor-command", command_line=f"gpa2hva {physical:#x}")
        return int(re.search(r"is (0x[0-9a-f]+)", text).group(1), 16)

    def address(self, at):
        """Where byte `at` of the guest's RAM is in QEMU."""
        return self.low + at if at < self.split else self.high + at - self.split

    def read(self, at, size):
        buffer = ctypes.create_string_buffer(size)
        _vm_call(LIBC.process_vm_readv, self.vm.pid, buffer, [(self.address(at), size)])
        return buffer.raw

    def report(self):
        words = struct.unpack(f"<{len(REPORT_WORDS)}Q", self.read(REPORT_AT, 8 * len(REPORT_WORDS)))
        return dict(zip(REPORT_WORDS, words))

    def wait_ready(self, seconds=60):
        """Until the memory is filled and the pattern runs."""
        def is_ready():
            report = self.report()
            return report if report["magic"] == MAGIC and report["ready"] else None
        return kvmtest.wait_for(is_ready, "a dirtier that is ready", seconds, 0.02)

    def order(self, **changes):
        """Change the load of the running guest."""
        self.orders = dataclasses.replace(self.orders, generation=self.orders.generation + 1, **changes)
        words = self.orders.words(self.ram_bytes)
        for first, size in ((16, len(words) - 16), (8, 8)):  # the generation last
            buffer = ctypes.create_string_buffer(words[first:first + size], size)
            _vm_call(LIBC.process_vm_writev, self.vm.pid, buffer, [(self.address(ORDERS_AT + first), size)])
        kvmtest.wait_for(lambda: self.report()["generation"] == self.orders.generation, "orders that are taken")

    def stamps(self):
        """The number of the last write to each page of the set, ascending; of the pages that were written."""
        orders, found = self.orders, []
        for first in range(0, orders.set_pages, 1024):
            pages = range(first, min(first + 1024, orders.set_pages))
            buffer = (ctypes.c_uint64 * len(pages))()
            _vm_call(LIBC.process_vm_readv, self.vm.pid, buffer,
                     [(self.address((orders.set_first + page * orders.set_stride) * PAGE), 8) for page in pages])
            found += [number for number in buffer if 0 < number < FILLED]
        return sorted(found)

    def measure(self, seconds):
        """What it does in about so many seconds, seen at two moments in which it is stopped: its true rate, and how many
        distinct pages its last N writes met, as a function."""
        self.vm.qmp("stop")
        before = self.report()
        self.vm.qmp("cont")
        time.sleep(seconds)
        self.vm.qmp("stop")
        after = self.report()
        stamps = self.stamps()
        self.vm.qmp("cont")
        span = (after["tsc"] - before["tsc"]) / after["hz"]
        return {"seconds": span, "writes": after["writes"] - before["writes"],
                "rate": (after["writes"] - before["writes"]) / span, "dropped": after["dropped"] - before["dropped"],
                "most_late_us": after["most_late_us"]}, \
            lambda writes: len(stamps) - bisect.bisect_right(stamps, after["writes"] - writes)

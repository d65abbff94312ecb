# SPDX-License-Identifier: MIT
"""A real migration from QEMU to QEMU, measured: what a forecast is held against.

run(Case) starts both, lets the guest come to its pace, measures that, has it forecast, migrates, and returns all of it as
one dict that JSON can hold: the truth of one case, and what kvmlens said of it just before.
"""
import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import tempfile
import time

from dirtier import IMAGE, MIB, PAGE, ROOT, Dirtier, Orders, kvmtest

LOOKS = os.path.join(ROOT, "build/gcc/tests/bench/bench_looks")

POLL_S = 0.05
STEADY_S = 1.5  # of the pattern, before it is measured
MEASURE_S = 1.0  # of bursts that may be the part in which they are off
ROUNDS_KEPT = 12
# The curve of the load is told at these moments, in seconds.
CURVE_S = (0.1, 0.3, 1.0)
CHANNELS = 2  # of multifd, as QEMU has it
FORECAST_S = 3.2  # how long it is looked at


@dataclasses.dataclass
class Case:
    """bandwidth in bytes/s; mode: precopy, multifd, mapped-ram; zero_pages: zero-page-detection, "" as it is without.

    A migration is cancelled, and did not converge, after so many rounds or seconds."""
    ram: int
    orders: Orders
    bandwidth: int
    downtime_ms: int = 300
    mode: str = "precopy"
    zero_pages: str = ""
    auto_converge: bool = False
    rounds_limit: int = 25
    seconds_limit: float = 60.0
    stratum: str = ""


def mode_setup(case):
    """Capabilities and parameters of a mode, for both sides."""
    capabilities = {"multifd": case.mode == "multifd", "auto-converge": case.auto_converge}
    if case.mode == "mapped-ram":
        capabilities["mapped-ram"] = True
    parameters = {"zero-page-detection": case.zero_pages} if case.zero_pages else {}
    return capabilities, parameters


def set_up(vm, case):
    capabilities, parameters = mode_setup(case)
    vm.qmp("migrate-set-capabilities", capabilities=[{"capability": name, "state": state}
                                                     for name, state in capabilities.items()])
    if parameters:
        vm.qmp("migrate-set-parameters", **parameters)


class Threads:
    """CPU time of a process's threads, and how long they waited for a CPU, without one of them. Threads end before one
    can ask, so it is looked at while they run."""

    def __init__(self, pid, without=None):
        self.pid, self.without, self.first, self.last = pid, without, {}, {}
        self.look()
        self.first = dict(self.last)

    def look(self):
        with contextlib.suppress(OSError):
            for tid in os.listdir(f"/proc/{self.pid}/task"):
                with contextlib.suppress(OSError), open(f"/proc/{self.pid}/task/{tid}/schedstat", encoding="ascii") as f:
                    self.last[int(tid)] = [int(word) / 1e9 for word in f.read().split()[:2]]

    def spent(self, tid=None):
        """{cpu_s, wait_s} since the beginning, of one thread or all but the one left out."""
        self.look()
        sums = [sum(self.last[each][i] - self.first.get(each, (0, 0))[i] for each in self.last
                    if (each == tid if tid else each != self.without)) for i in (0, 1)]
        return {"cpu_s": round(sums[0], 3), "wait_s": round(sums[1], 3)}


def calc_dirty_rate(vm, mode, seconds=1):
    """What QEMU itself says of the rate, in pages/s."""
    vm.qmp("calc-dirty-rate", calc_time=seconds, mode=mode)

    def measured():
        info = vm.qmp("query-dirty-rate")
        return info if info["status"] == "measured" else None
    return kvmtest.wait_for(measured, f"dirty rate by {mode}", 20, 0.02)["dirty-rate"] * MIB // PAGE


def forecast(pid, case, link, duration=FORECAST_S):
    """What kvmlens says that this migration of the running guest would take; as a user would ask it. link: bytes/s that the
    line gives where QEMU lifts max-bandwidth, for here that is far more."""
    options = ["--bandwidth", f"{case.bandwidth / 1e6:g}", "--link", f"{max(link, case.bandwidth) / 1e6:.0f}", "--downtime",
               f"{case.downtime_ms}", "--mode", case.mode, "--duration", f"{duration:g}"]
    if case.mode == "multifd":
        options += ["--channels", str(CHANNELS)]
    if case.zero_pages:
        options += ["--zero-page-detection", case.zero_pages]
    if case.auto_converge:
        options += ["--auto-converge"]
    done = subprocess.run([kvmtest.KVMLENS, "--forecast", str(pid), "--format", "json", *options], check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=60 + duration)
    if not done.stdout:
        raise AssertionError(f"no forecast: exit status {done.returncode}: {done.stderr.strip()[:200]}")
    said = json.loads(done.stdout)
    said.pop("causes", None)
    return said


def looks(pid, duration=FORECAST_S):
    """What bench_looks sees of it: with that forecasts can be made again offline, when the program has changed."""
    done = subprocess.run([LOOKS, "--vm", str(pid), "qemu", f"{duration:g}"], check=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, timeout=60 + duration)
    return json.loads(done.stdout)


def needed_bytes(case):
    """Of memory, on both sides at worst."""
    orders = case.orders
    resident = min(case.ram, orders.fill_pages * PAGE + orders.set_pages * orders.set_stride * PAGE)
    return resident + case.ram + 256 * MIB


def cpu_s(pid, tid):
    """What a thread ran so far."""
    with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0]) / 1e9


def memory_available():
    with open("/proc/meminfo", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("MemAvailable"))


def load_average():
    with open("/proc/loadavg", encoding="ascii") as f:
        return float(f.read().split()[0])


class Pool:
    """Memory for a receiver that is there already, and zero, as on a host that sets memory aside for its guests.

    Without it the receiver takes each page from the kernel while it receives. On a virtual machine whose host takes back
    what is free (this project's test machine) that costs up to 20 us a page, and it is the machine that is measured."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="migrate-pool-", dir="/dev/shm")

    def close(self):
        self.file.close()

    def options(self, size):
        zeros = memoryview(bytes(16 * MIB))
        for at in range(0, size, len(zeros)):
            os.pwrite(self.file.fileno(), zeros[:size - at], at)
        # This name is the one that memory has without a backend of its own.
        return ("-object", f"memory-backend-file,id=pc.ram,size={size},mem-path={self.file.name},share=on,prealloc=on",
                "-machine", "pc,memory-backend=pc.ram")


class Rounds:
    """What was seen at the beginning of each round; of many the first ones and the last."""

    def __init__(self):
        self.rows = []

    def look(self, seconds, ram):
        row = {"round": ram.get("dirty-sync-count", 0), "s": round(seconds, 3), "sent": ram["transferred"],
               "left": ram["remaining"], "rate": ram.get("dirty-pages-rate", 0)}
        if not self.rows or row["round"] != self.rows[-1]["round"]:
            self.rows.append(row)

    def kept(self):
        return self.rows if len(self.rows) <= ROUNDS_KEPT else [*self.rows[:ROUNDS_KEPT - 2], *self.rows[-2:]]


def follow(vm, case, looks):
    """Until the migration ends, or is ended: (last answer of query-migrate, did it complete, Rounds, seconds). What is in
    looks is looked at now and then meanwhile."""
    start, rounds, last = time.monotonic(), Rounds(), {}
    while True:
        info = vm.qmp("query-migrate")
        seconds = time.monotonic() - start
        for each in looks:
            each.look()
        if info["status"] == "failed":
            raise AssertionError(f"migration failed: {info} {vm._text()}")
        if info["status"] == "completed":
            return info, True, rounds, seconds
        if "ram" in info:
            last = info
            rounds.look(seconds, info["ram"])
            if seconds > case.seconds_limit or info["ram"].get("dirty-sync-count", 0) > case.rounds_limit:
                vm.qmp("migrate_cancel")
                kvmtest.wait_for(lambda: vm.qmp("query-migrate")["status"] == "cancelled", "end of the migration", 20)
                return last, False, rounds, seconds
        time.sleep(POLL_S)


@contextlib.contextmanager
def target(case, binary, directory, pool):
    """(where to migrate to, QEMU that waits there or None)"""
    if case.mode == "mapped-ram":
        path = os.path.join(directory, "state")
        yield f"file:{path}", None
        return
    uri = f"unix:{directory}/migration"
    vm = kvmtest.Qemu(binary, name="guest=target", ram=f"{case.ram // MIB}M",
                      extra=("-bios", IMAGE, "-nic", "none", "-incoming", "defer",
                             *(pool.options(case.ram) if pool else ())))
    try:
        set_up(vm, case)
        vm.qmp("migrate-incoming", uri=uri)
        yield uri, vm
    finally:
        vm.close()


def resumes(vm):
    """Does the guest run on where it came to?"""
    kvmtest.wait_for(lambda: vm.qmp("query-status")["status"] == "running", "a guest that runs on", 20)
    return True


def measured(source, case, binary, pool):
    """The migration itself."""
    vm = source.vm
    vcpu = vm.vcpu_threads()[0]
    directory = tempfile.mkdtemp(prefix="migrate-", dir="/dev/shm" if case.mode == "mapped-ram" else None)
    try:
        with target(case, binary, directory, pool) as (uri, other):
            set_up(vm, case)
            vm.qmp("migrate-set-parameters", max_bandwidth=case.bandwidth, downtime_limit=case.downtime_ms)
            threads = [Threads(each.pid, vcpu) for each in (vm, other) if each]
            before = source.report()
            vm.qmp("migrate", uri=uri)
            info, completed, rounds, seconds = follow(vm, case, threads)
            after, spent = source.report(), [each.spent() for each in threads]
            resumed = completed and other is not None and resumes(other)
            ram = info["ram"]
            guest_s = (after["tsc"] - before["tsc"]) / after["hz"]
            return {"converged": completed, "resumed": resumed, "seconds": round(seconds, 3),
                    "total_ms": info["total-time"], "downtime_ms": info.get("downtime"),
                    "setup_ms": info.get("setup-time"), "expected_downtime_ms": info.get("expected-downtime"),
                    "bytes": ram["transferred"], "normal": ram["normal"], "duplicate": ram["duplicate"],
                    "skipped": ram.get("skipped", 0), "remaining": ram["remaining"],
                    "rounds": ram["dirty-sync-count"], "dirty_pages_rate": ram.get("dirty-pages-rate", 0),
                    "mbit_s": round(ram.get("mbps", 0), 1), "throttle": info.get("cpu-throttle-percentage", 0),
                    "writes": after["writes"] - before["writes"],
                    "writes_per_s": round((after["writes"] - before["writes"]) / guest_s, 1) if guest_s > 0 else None,
                    "dropped": after["dropped"] - before["dropped"],
                    "sender": spent[0], "receiver": spent[1] if other else None, "vcpu": threads[0].spent(vcpu),
                    "round_rows": rounds.kept()}
    finally:
        shutil.rmtree(directory)


def run(case, binary, pool=None, own_rates=True, link=None, keep_looks=False, forecast_s=FORECAST_S):
    """The truth of one case. pool: a Pool for the receiver. link: as of forecast(); without it none is made. AssertionError
    where it cannot be measured here."""
    if memory_available() < needed_bytes(case):
        raise AssertionError(f"needs {needed_bytes(case) // MIB} MiB of memory")
    source = Dirtier(binary, case.ram, case.orders)
    try:
        ready = source.wait_ready(120)
        time.sleep(STEADY_S)
        load = load_average()
        vcpu = source.vm.vcpu_threads()[0]
        before_s = cpu_s(source.vm.pid, vcpu)
        seen, distinct = source.measure(MEASURE_S)
        busy = min(1.0, (cpu_s(source.vm.pid, vcpu) - before_s) / seen["seconds"])
        steady = {"writes_per_s": round(seen["rate"], 1), "dropped": seen["dropped"], "vcpu_busy": round(busy, 4),
                  "distinct": {f"{s:g}": distinct(round(seen["rate"] * s)) for s in CURVE_S},
                  "filled_nonzero": ready["filled_nonzero"], "filled_zero": ready["filled_zero"]}
        qemu_says = {mode: calc_dirty_rate(source.vm, mode) for mode in ("page-sampling", "dirty-bitmap")} \
            if own_rates else None
        said = {"link": link} if link else {}
        if keep_looks:
            said["looks"] = looks(source.vm.pid)
        if link:
            said["forecast"] = forecast(source.vm.pid, case, link, forecast_s)
        result = measured(source, case, binary, pool)
        return {"inputs": dataclasses.asdict(case), "load": [load, load_average()], "steady": steady,
                "qemu_pages_per_s": qemu_says, **said, "result": result}
    finally:
        source.close()

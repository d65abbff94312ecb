# SPDX-License-Identifier: MIT
"""Limits, pressure and the freezer of cgroups of version 2 alone, as distributions have them, against their files."""
import contextlib
import os
import re
import time

import kvmtest
from kvmtest import kvmlens, need, run, snapshot, vm_of, wait_for

TOP = "/sys/fs/cgroup"
PERIOD, QUOTA = 100000, 20000  # us
MIB = 1 << 20


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read()


def key_of(text, key):
    return int(re.search(rf"^{key} (\d+)$", text, re.M).group(1))


def throttled(group):
    """Seconds, periods in which it was, and all periods."""
    text = read(f"{group}/cpu.stat")
    return key_of(text, "throttled_usec") / 1e6, key_of(text, "nr_throttled"), key_of(text, "nr_periods")


def metrics_of(vm):
    """{(name, labels but those of the VM)}: value"""
    found = {}
    for line in kvmlens("-1", "-p", str(vm.pid), "--per-vcpu", "--format", "prometheus").out.splitlines():
        match = re.match(r"kvmlens_(\w+)(?:\{(.*)\})? (\S+)$", line)
        if match:
            labels = re.findall(r'(\w+)="([^"]*)"', match.group(2) or "")
            rest = tuple(value for name, value in labels if name not in ("vm", "pid", "vm_fd"))
            found[(match.group(1), *rest)] = float(match.group(3))
    return found


class Version2(kvmtest.TestCase):
    seconds = 150

    def setUp(self):
        if not os.path.ismount(TOP):
            self.assert_status(run("mount", "-t", "cgroup2", "none", TOP), 0)
        write(f"{TOP}/cgroup.subtree_control", "+cpu +memory")

    @contextlib.contextmanager
    def group(self, path, **files):
        """Whatever is in it goes back to the top."""
        os.mkdir(path)
        try:
            for name, text in files.items():
                write(f"{path}/{name.replace('__', '.')}", text)
            yield path
        finally:
            with contextlib.suppress(OSError):  # one of threads has none
                for pid in read(f"{path}/cgroup.procs").split():
                    write(f"{TOP}/cgroup.procs", pid)

            def remove():
                """Those below it that are gone may be in its way a moment longer."""
                with contextlib.suppress(OSError):
                    os.rmdir(path)
                    return True
                return False
            wait_for(remove, f"the end of the cgroup {path}")

    def spinning(self, vcpus=1):
        """A guest that never waits: each of its exits is followed by the next."""
        vm = self.own_vm("--vcpus", str(vcpus), "--do", "cpuid:1000000000:1")
        vm.say("go")
        self.addCleanup(vm.kill)
        return vm, [c["tid"] for c in vm.vms[0]["vcpus"]]

    def vm_of(self, vm, *args):
        def seen():
            """On a host that is busy itself a VM may be late, and then nothing is said of it."""
            record = vm_of(snapshot("-p", str(vm.pid), *args), vm.pid)
            return "stale_s" not in record and record
        return wait_for(seen, "a VM that is read in time", 30)

    def in_turn(self, low, seen, high):
        for i, (a, b, c) in enumerate(zip(low, seen, high)):
            self.assertTrue(a - 1e-6 <= b <= c + 1e-6, f"{i}: {low} {seen} {high}")

    def held_back(self, vm, counting):
        """A record, and the shares of time and of periods that the quota took meanwhile by its own count."""
        def looked():
            """Where the machine itself has to wait for a CPU, its guests do not use up their quota, and nothing is taken."""
            before, start = throttled(counting), time.monotonic()
            record = self.vm_of(vm, "-s", "3")
            after, took = throttled(counting), time.monotonic() - start
            beside = (after[0] - before[0]) / took
            return beside > 0.5 and (record, beside, (after[1] - before[1]) / (after[2] - before[2]))
        return wait_for(looked, "a limit that takes half of the time", 60)

    def is_limited(self, vm, counting):
        """By the one cgroup that has a quota, and is asked beside kvmlens."""
        wait_for(lambda: throttled(counting)[1] > 5, "a limit that is hit", 30)
        low = throttled(counting)
        metrics = metrics_of(vm)
        high = throttled(counting)
        self.in_turn(low, [metrics[(name,)] for name in ("vm_throttled_seconds_total", "vm_throttled_periods_total",
                                                         "vm_limited_periods_total")], high)
        self.in_turn(low[:1], [metrics[("vcpu_throttled_seconds_total", "0")]], high[:1])

        record, beside, periods = self.held_back(vm, counting)
        self.assertAlmostEqual(record["throttled_ratio"], beside, delta=0.3)
        self.assertAlmostEqual(record["throttled_periods_ratio"], periods, delta=0.3)
        self.assertLess(record["run_worst_ratio"], 0.45)
        return record

    def test_the_top_has_no_limit_and_no_pressure(self):
        vm, _ = self.spinning()
        record = self.vm_of(vm)
        self.assertEqual(record["missing"]["throttled_ratio"], "no-cpu-limit")
        self.assertEqual(record["missing"]["memory.cgroup_current_bytes"], "root-cgroup")
        self.assertEqual(record["missing"]["memory.cgroup_limit_ratio"], "root-cgroup")
        self.assertEqual(record["missing"]["pressure.cpu_some_ratio"], "root-cgroup")

    def test_a_quota_takes_what_cpu_stat_says(self):
        vm, _ = self.spinning()
        with self.group(f"{TOP}/vm", cpu__max=f"{QUOTA} {PERIOD}", cgroup__procs=str(vm.pid)) as group:
            self.is_limited(vm, group)
            write(f"{group}/cpu.max", f"max {PERIOD}")
            self.assertEqual(self.vm_of(vm)["missing"]["throttled_ratio"], "no-cpu-limit")

    def test_a_quota_above_counts(self):
        vm, _ = self.spinning()
        with self.group(f"{TOP}/slice", cpu__max=f"{QUOTA} {PERIOD}", cgroup__subtree_control="+cpu") as above, \
                self.group(f"{above}/vm", cgroup__procs=str(vm.pid)):
            self.is_limited(vm, above)

    def test_each_vcpu_has_its_own_as_with_libvirt(self):
        vm, tids = self.spinning(vcpus=2)
        with self.group(f"{TOP}/machine", cgroup__procs=str(vm.pid)) as machine:
            # A part of it has threads only: its processes are those of the cgroup above.
            with self.group(f"{machine}/vcpu0", cgroup__type="threaded") as first, \
                    self.group(f"{machine}/vcpu1", cgroup__type="threaded") as second:
                write(f"{machine}/cgroup.subtree_control", "+cpu")
                write(f"{first}/cpu.max", f"{QUOTA} {PERIOD}")
                for group, tid in zip((first, second), tids):
                    write(f"{group}/cgroup.threads", str(tid))
                try:
                    wait_for(lambda: throttled(first)[1] > 5, "a limit that is hit", 30)
                    low = throttled(first)
                    metrics = metrics_of(vm)
                    high = throttled(first)
                    self.in_turn(low[:1], [metrics[("vm_throttled_seconds_total",)]], high[:1])
                    self.in_turn(low[:1], [metrics[("vcpu_throttled_seconds_total", "0")]], high[:1])
                    self.assertNotIn(("vcpu_throttled_seconds_total", "1"), metrics)
                    record, beside, _ = self.held_back(vm, first)
                    limited, free = record["vcpus"]
                    self.assertAlmostEqual(limited["throttled_ratio"], beside, delta=0.3)
                    self.assertEqual(free["missing"]["throttled_ratio"], "no-cpu-limit")
                    self.assertLess(limited["cpu_ratio"], 0.45)
                    # Memory and pressure are those of the nearest cgroup with processes.
                    self.assertAlmostEqual(record["memory"]["cgroup_current_bytes"], int(read(f"{machine}/memory.current")),
                                           delta=4 * MIB)
                    if os.path.exists(f"{machine}/cpu.pressure"):
                        self.assertIn("cpu_some_ratio", record["pressure"])
                finally:
                    for tid in tids:
                        write(f"{machine}/cgroup.threads", str(tid))

    def test_pressure_is_that_of_the_cgroup(self):
        vms = [self.spinning() for _ in range(2)]
        for _, tids in vms:
            os.sched_setaffinity(tids[0], {1})
        with self.group(f"{TOP}/vm") as group:
            need(os.path.exists(f"{group}/cpu.pressure"), "this kernel measures no pressure")
            for vm, _ in vms:
                write(f"{group}/cgroup.procs", str(vm.pid))

            def total():
                return int(re.search(r"^some .*total=(\d+)$", read(f"{group}/cpu.pressure"), re.M).group(1)) / 1e6

            wait_for(lambda: total() > 1, "pressure", 30)
            low, metrics, high = total(), metrics_of(vms[0][0]), total()
            self.in_turn([low], [metrics[("vm_pressure_seconds_total", "cpu", "some")]], [high])
            self.assertGreater(self.vm_of(vms[0][0], "-s", "1")["pressure"]["cpu_some_ratio"], 0.5)

    def test_memory_and_its_limits(self):
        with self.group(f"{TOP}/slice", memory__max=str(256 * MIB), cgroup__subtree_control="+memory") as above, \
                self.group(f"{above}/vm") as group:
            def join():
                write(f"{group}/cgroup.procs", str(os.getpid()))
            vm = self.own_vm("--ram", "64M", "--fill", "nonzero:1M:48M", preexec_fn=join)

            def seen():
                low = int(read(f"{group}/memory.current"))
                memory = self.vm_of(vm)["memory"]
                high = int(read(f"{group}/memory.current"))
                self.assertTrue(min(low, high) - MIB <= memory["cgroup_current_bytes"] <= max(low, high) + MIB)
                return memory

            memory = seen()
            used = int(read(f"{above}/memory.current"))
            self.assertGreater(used, 48 * MIB)
            self.assertEqual(memory["cgroup_max_bytes"], 256 * MIB)
            self.assertNotIn("cgroup_high_bytes", memory)
            self.assertAlmostEqual(memory["cgroup_limit_ratio"], used / (256 * MIB), delta=0.02)
            write(f"{group}/memory.high", str(128 * MIB))
            memory = seen()
            self.assertEqual((memory["cgroup_max_bytes"], memory["cgroup_high_bytes"]), (256 * MIB, 128 * MIB))
            used = int(read(f"{group}/memory.current"))
            self.assertAlmostEqual(memory["cgroup_limit_ratio"], used / (128 * MIB), delta=0.02)
            vm.close()

    def test_a_frozen_cgroup_is_frozen(self):
        vm, _ = self.spinning()
        with self.group(f"{TOP}/slice") as above, self.group(f"{above}/vm", cgroup__procs=str(vm.pid)):
            self.assertEqual(self.vm_of(vm)["state"], "running")
            write(f"{above}/cgroup.freeze", "1")
            try:
                wait_for(lambda: self.vm_of(vm)["state"] == "frozen", "a frozen VM")
            finally:
                write(f"{above}/cgroup.freeze", "0")
            wait_for(lambda: self.vm_of(vm)["state"] == "running", "a thawed VM")

# SPDX-License-Identifier: MIT
"""CPU time in the guest and outside of it, on kernels that count it, and workers of vhost, against /proc."""
import contextlib
import os
import re

import kvmtest
from kvmtest import kvmlens, need, snapshot, vm_of, wait_for

TICKS = os.sysconf("SC_CLK_TCK")


class Guest(kvmtest.TestCase):
    def setUp(self):
        # A guest that never waits: each of its exits is followed by the next.
        self.vm = self.own_vm("--do", "cpuid:1000000000:1")
        self.vm.say("go")
        self.addCleanup(self.vm.kill)
        self.tid = self.vm.vms[0]["vcpus"][0]["tid"]

    def fields(self):
        with open(f"/proc/{self.vm.pid}/task/{self.tid}/stat", encoding="ascii") as f:
            return f.read().rpartition(")")[2].split()

    def guest_ticks(self):
        return int(self.fields()[40])  # field 43, of those behind the name

    def test_guest_time_is_that_of_stat(self):
        def used():
            return sum(map(int, self.fields()[11:13]))  # utime, stime
        wait_for(lambda: used() > TICKS, "a second of CPU time", 30)
        need(self.guest_ticks() > 0, "this kernel counts no guest time")
        low = self.guest_ticks()
        out = kvmlens("-1", "-p", str(self.vm.pid), "--per-vcpu", "--format", "prometheus").out
        high = self.guest_ticks()
        seen = float(re.search(r"^kvmlens_vcpu_guest_seconds_total\{[^}]*\} (\S+)$", out, re.M).group(1))
        self.assertTrue(low / TICKS <= seen <= high / TICKS, f"{low} {seen} {high}")

    def test_guest_time_and_that_of_the_host_are_all(self):
        low, uptime = self.guest_ticks(), kvmtest.time.monotonic()
        record = vm_of(snapshot("-p", str(self.vm.pid), "-s", "4"), self.vm.pid)
        took = kvmtest.time.monotonic() - uptime
        vcpu = record["vcpus"][0]
        if "cpu_guest_ratio" not in vcpu:
            self.assertEqual(vcpu["missing"]["cpu_guest_ratio"], "not-counted")
            need(False, "this kernel counts no guest time")
        self.assertAlmostEqual(vcpu["cpu_guest_ratio"] + vcpu["cpu_host_ratio"], vcpu["cpu_ratio"], 6)
        self.assertAlmostEqual(vcpu["cpu_guest_ratio"], (self.guest_ticks() - low) / TICKS / took, delta=0.15)
        for name in ("cpu_guest_ratio", "cpu_host_ratio"):
            self.assertAlmostEqual(record[name], vcpu[name], 6)
        # Whichever has more than half of what it wanted.
        shares = {"guest": vcpu["cpu_guest_ratio"], "host": vcpu["cpu_host_ratio"], "ready": vcpu["wait_ratio"]}
        best = max(shares, key=shares.get)
        if shares[best] > 0.6 * sum(shares.values()):
            self.assertEqual(vcpu["state"], best, str(shares))


class Vhost(kvmtest.TestCase):
    def test_its_workers_are_found_wherever_the_kernel_has_them(self):
        """Processes of their own before Linux 6.4, threads of the VMM since."""
        need(os.path.exists("/dev/vhost-net"), "build/cache/nested has no vhost-net: remove its kernels, get-kernels has")
        vm, other = self.own_vm("--vhost"), self.own_vm()

        def comm(path):
            with contextlib.suppress(OSError), open(path, encoding="ascii") as f:
                return f.read().strip()
            return ""

        name = f"vhost-{vm.pid}"
        threads = [tid for tid in os.listdir(f"/proc/{vm.pid}/task") if comm(f"/proc/{vm.pid}/task/{tid}/comm") == name]
        processes = [pid for pid in os.listdir("/proc") if pid.isdigit() and comm(f"/proc/{pid}/comm") == name]
        since = tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 4)
        self.assertEqual((len(threads), len(processes)), (1, 0) if since else (0, 1))
        record = snapshot()
        self.assertEqual(vm_of(record, vm.pid)["roles"]["vhost"]["threads"], 1)
        self.assertEqual(vm_of(record, other.pid)["roles"]["vhost"]["threads"], 0)
        self.assertEqual([vm_of(record, each.pid)["io"]["vhost_nets"] for each in (vm, other)], [1, 0])
        # With one process alone no other is looked at.
        narrow = vm_of(snapshot("-p", str(vm.pid)), vm.pid)
        if since:
            self.assertEqual(narrow["roles"]["vhost"]["threads"], 1)
        else:
            self.assertNotIn("vhost", narrow["roles"])

# SPDX-License-Identifier: MIT
"""Generated hosts with kernels of before the binary stats (5.14), and of before per-VM debugfs (4.7)."""
import json
import os
import shutil
import sys
import tempfile

import kvmtest
from kvmtest import ROOT, kvmlens

sys.path.insert(0, os.path.join(ROOT, "tests/roots"))
import generate  # noqa: E402  (it lies beside the saved trees)

KVM = "sys/kernel/debug/kvm"
MOUNT = "43 23 0:8 / /sys/kernel/debug rw,relatime - debugfs none rw\n"


class OldHost(kvmtest.TestCase):
    """QEMU processes without stats fds; what debugfs holds is up to the test."""

    KERNEL = "5.10.0-test"

    def setUp(self):
        top = tempfile.mkdtemp(prefix="kvmtest-")
        self.addCleanup(shutil.rmtree, top)
        self.tree = generate.Tree(os.path.join(top, "root"))
        self.tree.host("old", self.KERNEL)
        self.tree.write("proc/self/mountinfo", MOUNT)

    def vm(self, pid, name, vcpus):
        self.tree.vm(pid, name, vcpus)
        for vcpu in range(vcpus):
            os.remove(os.path.join(self.tree.top, f"proc/{pid}/fd/{11 + 2 * vcpu}"))

    def report(self, *options, status=(0, 3)):
        result = kvmlens("--sysroot", self.tree.top, "-1", "-s", "0.1", *options)
        return self.assert_status(result, *status)

    def vms(self, *options):
        record = json.loads(self.report("--format", "json", *options).out)
        return {vm["name"]: vm for vm in record["vms"]}


class WithoutBinaryStats(OldHost):
    """Linux 5.10: a directory for each VM, the counters of all its vCPUs summed; no stats fds."""

    COUNTERS = {"exits": 4711, "pf_fixed": 815, "io_exits": 12, "pages_4k": 256, "pages_2m": 3,
                "mmu_cache_miss": 9, "largepages_lpages": 3, "max_mmu_page_hash_collisions": 2}

    def setUp(self):
        super().setUp()
        for pid, factor in (500, 1), (600, 10):
            self.vm(pid, f"vm{pid}", 2)
            for name, value in self.COUNTERS.items():
                self.tree.write(f"{KVM}/{pid}-9/{name}", f"{value * factor}\n")
            for vcpu in range(2):
                self.tree.write(f"{KVM}/{pid}-9/vcpu{vcpu}/tsc-offset", f"{-1000 * (vcpu + 1)}\n")

    def test_sums_of_each_vm_come_from_debugfs(self):
        vms = self.vms()
        self.assertEqual(sorted(vms), ["vm500", "vm600"])
        for name, factor in ("vm500", 1), ("vm600", 10):
            self.assertEqual(vms[name]["sources"], {"vm": "debugfs", "vcpu": "debugfs"})
            self.assertEqual(vms[name]["counters"], {n: v * factor for n, v in self.COUNTERS.items()})
            self.assertEqual([v["tsc_offset"] for v in vms[name]["vcpus"]], [-1000, -2000])
            self.assertEqual(vms[name]["mapped_bytes"], factor * (256 * 4096 + 3 * (2 << 20)))

    def test_counters_of_single_vcpus_are_named_as_absent(self):
        for vcpu in self.vms()["vm500"]["vcpus"]:
            self.assertEqual(vcpu["counters"], {})
            self.assertIn("absent", vcpu["missing"]["exits"])

    def test_every_mode_works(self):
        for mode in ["--list"], ["--doctor"], ["-l", "-s", "0.1", "-n", "2"]:
            result = kvmlens("--sysroot", self.tree.top, *mode)
            self.assert_status(result, 0, 3)
            self.assertTrue(result.out)


class GlobalFilesOnly(OldHost):
    """Linux 4.4: files of all VMs together, no directories."""

    KERNEL = "4.4.0-210-generic"

    def setUp(self):
        super().setUp()
        self.vm(500, "first", 2)
        self.vm(600, "second", 1)
        for name in "exits", "pf_fixed", "mmu_cache_miss":
            self.tree.write(f"{KVM}/{name}", "12345\n")

    def test_vms_are_found_and_their_counters_named_as_absent_not_zero(self):
        result = self.report("--format", "json", status=(3,))
        self.assertRegex(result.err, "this kernel has only totals of all VMs.*4.7")
        vms = {vm["name"]: vm for vm in json.loads(result.out)["vms"]}
        self.assertEqual({name: vm["vcpus_total"] for name, vm in vms.items()}, {"first": 2, "second": 1})
        for vm in vms.values():
            self.assertEqual(vm["counters"], {})
            self.assertEqual(vm["rates"], {})
            self.assertIsNone(vm.get("mapped_bytes"))
            self.assertIn("absent", vm["missing"]["mapped_bytes"])
            self.assertGreater(vm["rss_bytes"], 0)
            for vcpu in vm["vcpus"]:
                self.assertIn("absent", vcpu["missing"]["tsc_offset"])

    def test_totals_of_the_host_are_no_counters_of_a_vm(self):
        for mode in [], ["--csv"], ["--format", "prometheus"]:
            self.assertNotIn("12345", self.report(*mode).out)


class TscScaling(OldHost):
    """An Intel host (48 bits of fraction) and an AMD one (32): emulated machines have no TSC scaling."""

    def setUp(self):
        super().setUp()
        self.vm(500, "scaled", 1)

    def scaled(self, ratio, bits):
        directory = f"{KVM}/500-9/vcpu0"
        self.tree.write(f"{KVM}/500-9/exits", "1\n")
        self.tree.write(f"{directory}/tsc-offset", "-5\n")
        if ratio is not None:
            self.tree.write(f"{directory}/tsc-scaling-ratio", f"{ratio}\n")
        if bits is not None:
            self.tree.write(f"{directory}/tsc-scaling-ratio-frac-bits", f"{bits}\n")
        return self.vms()["scaled"]["vcpus"][0]

    def test_intel(self):
        self.assertEqual(self.scaled(5 << 46, 48)["tsc_scaling_ratio"], 1.25)
        self.assertRegex(self.report().out, r"tsc-scaling\n.* 1\.250000\n")

    def test_amd(self):
        self.assertEqual(self.scaled(3 << 31, 32)["tsc_scaling_ratio"], 1.5)
        rows = [r for r in self.report("--csv").out.splitlines() if ",tsc_scaling_ratio," in r]
        self.assertEqual(len(rows), 1)
        self.assertIn(",1.5,", rows[0])

    def test_a_host_without_it_names_it_as_absent(self):
        vcpu = self.scaled(None, None)
        self.assertNotIn("tsc_scaling_ratio", [k for k, v in vcpu.items() if v is not None])
        self.assertIn("absent", vcpu["missing"]["tsc_scaling_ratio"])
        self.assertNotIn("tsc-scaling", self.report().out)

    def test_bits_out_of_range_give_no_ratio(self):
        for bits in None, 64, 1 << 40:
            vcpu = self.scaled(5 << 46, bits)
            self.assertIsNone(vcpu.get("tsc_scaling_ratio"))
            self.assertIn("absent", vcpu["missing"]["tsc_scaling_ratio"])

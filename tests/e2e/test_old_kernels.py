# SPDX-License-Identifier: MIT
"""Generated hosts with kernels of before the binary stats (5.14), and of before per-VM debugfs (4.7)."""
import json
import os
import re
import shutil
import sys
import tempfile

import kvmtest
from kvmtest import KVMLENS, ROOT, kvmlens, wait_for

sys.path.insert(0, os.path.join(ROOT, "tests/data/roots"))
import generate  # noqa: E402  (it lies beside the saved trees)

BESIDE = "any"  # tests/e2e/run.py

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
            self.assertEqual(vcpu["missing"]["exits"], "no-stats-fd")

    def test_every_mode_works(self):
        for mode in ["--list"], ["--doctor"], ["-l", "-s", "0.1", "-n", "2"]:
            result = kvmlens("--sysroot", self.tree.top, *mode)
            self.assert_status(result, 0, 3)
            self.assertTrue(result.out)


class GlobalFilesOnly(OldHost):
    """Linux 4.4: files of all VMs together, no directories."""

    KERNEL = "4.4.0-210-generic"
    TOTALS = {"exits": 12345, "pf_fixed": 815, "mmu_cache_miss": 0, "largepages": 3}

    def setUp(self):
        super().setUp()
        self.vm(500, "first", 2)
        self.vm(600, "second", 1)
        for name, value in self.TOTALS.items():
            self.set(name, value)

    def set(self, name, value):
        """As one step, as in the kernel: a reader sees the old number or the new one."""
        self.tree.write("new", f"{value}\n")
        os.makedirs(os.path.join(self.tree.top, KVM), exist_ok=True)
        os.rename(os.path.join(self.tree.top, "new"), os.path.join(self.tree.top, KVM, name))

    def json(self, *options):
        return json.loads(self.report("--format", "json", *options, status=(3,)).out)

    def test_totals_are_numbers_of_the_host(self):
        record = self.json()
        self.assertEqual(record["host"]["counters"], self.TOTALS)
        self.assertEqual(record["host"]["rates"], {"exits": 0.0, "pf_fixed": 0.0, "mmu_cache_miss": 0.0})
        self.assertFalse(set(record["fields"]) & set(record["host"]["missing"]))
        self.assertEqual(record["fields"]["exits"]["kind"], "cumulative")
        self.assertEqual(record["fields"]["largepages"]["kind"], "instant")

    def test_vms_are_found_and_their_counters_named_as_absent_not_zero(self):
        result = self.report("--format", "json", status=(3,))
        self.assertRegex(result.err, "8 counters of 2 VMs .*: this kernel has only totals of all VMs.*4.7")
        vms = {vm["name"]: vm for vm in json.loads(result.out)["vms"]}
        self.assertEqual({name: vm["vcpus_total"] for name, vm in vms.items()}, {"first": 2, "second": 1})
        for vm in vms.values():
            self.assertEqual(vm["counters"], {})
            self.assertEqual(vm["rates"], {})
            self.assertIsNone(vm.get("mapped_bytes"))
            self.assertEqual(vm["missing"]["mapped_bytes"], "not-in-kernel")
            for name in self.TOTALS:
                self.assertEqual(vm["missing"][name], "host-totals-only")
            self.assertGreater(vm["rss_bytes"], 0)
            for vcpu in vm["vcpus"]:
                self.assertEqual(vcpu["missing"]["tsc_offset"], "host-totals-only")

    def test_text_csv_and_metrics(self):
        out = self.report("-i").out
        self.assertRegex(out, r"all VMs together .*\n +COUNTER .*\n +exits +12345 +0\.0")
        self.assertEqual(out.count("COUNTER"), 1)  # none of a VM
        self.assertNotIn("mmu_cache_miss", self.report("-iz").out)
        self.assertRegex(self.report().out, r"\n +exits +0 +0\.0")  # since the start
        rows = [row.split(",") for row in self.report("--csv").out.splitlines()]
        # The load of the host stands there too, and this tree has none.
        self.assertEqual({r[5]: (r[10], r[12]) for r in rows if r[1:5] == [""] * 4 and r[14] != "not-in-kernel"
                          and r[14] != "no-pressure"},
                         {name: (str(value), "ok") for name, value in self.TOTALS.items()})
        out = self.report("--format", "prometheus").out
        for name, value in self.TOTALS.items():
            self.assertIn(f"\n# TYPE kvmlens_host_{name} gauge\nkvmlens_host_{name} {value}\n", out)
        out = self.report("--format", "openmetrics").out
        self.assertIn("\nkvmlens_host_exits 12345\n", out)

    def test_totals_of_the_host_are_no_counters_of_a_vm(self):
        for choice in ["-p", "500"], ["-g", "second"], ["500:9"], ["first"]:
            for mode in [], ["-i"], ["--csv"], ["--format", "json"], ["--format", "prometheus"]:
                result = self.report(*choice, *mode, status=(3,))
                self.assertNotIn("12345", result.out)
                self.assertIn("only totals of all VMs", result.err)

    def test_fields_and_sources_are_chosen_as_ever(self):
        self.assertEqual(self.json("-f", "^(exits|large)")["host"]["counters"],
                         {"exits": 12345, "largepages": 3})
        self.assertEqual(self.json("-d")["host"]["counters"], self.TOTALS)
        for sources in "proc", "statsfd,proc":
            result = self.report("--source", sources, "--format", "json")
            self.assertNotIn("counters", json.loads(result.out)["host"])

    def test_list_and_doctor_say_what_the_kernel_has(self):
        out = self.run_mode("--list")
        self.assertRegex(out, r"debugfs +no +this kernel has only totals of all VMs\n")
        self.assertRegex(" ".join(out.split()), r" note: .*kvmlens -1.*4\.7")
        doctor = " ".join(self.run_mode("--doctor").split())
        self.assertRegex(doctor, r"problem debugfs [^.]*before Linux 4\.7: here 4\.4\.0")

    def run_mode(self, *mode):
        return self.assert_status(kvmlens("--sysroot", self.tree.top, *mode), 0, 3).out

    def test_growth_is_a_rate_and_the_end_of_a_vm_a_reset(self):
        log = self.background(KVMLENS, "--sysroot", self.tree.top, "-l", "-s", "0.2", "--format", "json")
        seen = 0

        def host_when(condition, what):
            """The first record of those not looked at yet."""
            def find():
                nonlocal seen
                for record in log.records()[seen:]:
                    seen += 1
                    if condition(record["host"]):
                        return record["host"]
                return None
            return wait_for(find, what)

        host_when(lambda h: h["rates"].get("exits") == 0, "a first rate")
        self.set("exits", 12345 + 1000)
        host = host_when(lambda h: h["counters"]["exits"] == 13345, "the new total")
        self.assertGreater(host["rates"]["exits"], 100)
        self.assertLess(host["rates"]["exits"], 10000)
        # What the other one counted meanwhile hides the fall; both in one interval, or the VM's end first.
        os.remove(os.path.join(self.tree.top, "proc/600/fd/9"))
        self.set("exits", 13400)
        host = host_when(lambda h: "rates.exits" in h["missing"], "a reset")
        self.assertEqual(host["missing"]["rates.exits"], "reset")
        self.assertNotIn("exits", host["rates"])
        host_when(lambda h: h["rates"].get("exits") == 0, "rates again")
        self.set("exits", 400)
        host = host_when(lambda h: h["counters"]["exits"] == 400, "the fallen total")
        self.assertEqual(host["missing"]["rates.exits"], "reset")

    def test_host_view(self):
        t = self.tmux(KVMLENS, "--sysroot", self.tree.top, "-s", "0.2", columns=100, lines=24)
        t.wait_text("second")
        t.send("b", "i")
        t.wait(lambda s: re.search(r"Kernel's totals of all VMs +exits 12,345,.*creation", s) and
               re.search(r"\n *exits +12,345 +100\.0 ", s) and
               re.search(r"\n *pf_fixed +815 +0 ", s), "the totals")
        t.send("i")
        t.wait(lambda s: re.search(r"totals of all VMs +exits 0,.*start or reset", s), "totals since the start")
        self.set("exits", 12400)
        t.wait(lambda s: re.search(r"\n *exits +55 ", s), "the growth")
        # Comes and goes: the total lacks what it counted.
        self.vm(700, "third", 1)
        t.wait_text("3 VMs")
        os.remove(os.path.join(self.tree.top, "proc/700/fd/9"))
        t.wait(lambda s: re.search(r"\n *exits +reset ", s) and "r counts from now on" in s, "no total")
        t.send("r")
        t.wait(lambda s: re.search(r"totals of all VMs +exits 0,", s), "totals from now on")
        self.set("exits", 12500)
        t.wait(lambda s: re.search(r"\n *exits +100 ", s), "the growth since the reset")
        os.remove(os.path.join(self.tree.top, "proc/600/fd/9"))
        t.wait(lambda s: re.search(r"\n *exits +reset ", s), "no total of the two")
        t.send("b")
        t.wait(lambda s: "by guest" in s and "first" in s and "12,5" not in s, "the guests")
        t.send("q")
        self.assertEqual(t.wait_exit(), 0)

    def test_newer_kernels_are_never_asked_for_totals(self):
        self.tree.write("proc/sys/kernel/osrelease", "4.7.0-1-amd64\n")
        for mode in [], ["-i"], ["--csv"], ["--format", "json"], ["--format", "prometheus"]:
            result = self.report(*mode, status=(3,))
            self.assertNotIn("12345", result.out)
            self.assertIn("no debugfs directory", result.err)


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
        self.assertRegex(self.report("-v").out, r"tsc-scaling\n.* 1\.250000\n")

    def test_amd(self):
        self.assertEqual(self.scaled(3 << 31, 32)["tsc_scaling_ratio"], 1.5)
        rows = [r for r in self.report("--csv").out.splitlines() if ",tsc_scaling_ratio," in r]
        self.assertEqual(len(rows), 1)
        self.assertIn(",1.5,", rows[0])

    def test_a_host_without_it_names_it_as_absent(self):
        vcpu = self.scaled(None, None)
        self.assertNotIn("tsc_scaling_ratio", [k for k, v in vcpu.items() if v is not None])
        self.assertEqual(vcpu["missing"]["tsc_scaling_ratio"], "not-in-kernel")
        self.assertNotIn("tsc-scaling", self.report("-v").out)

    def test_bits_out_of_range_give_no_ratio(self):
        for bits in None, 64, 1 << 40:
            vcpu = self.scaled(5 << 46, bits)
            self.assertIsNone(vcpu.get("tsc_scaling_ratio"))
            self.assertIn(vcpu["missing"]["tsc_scaling_ratio"], ("not-in-kernel", "read-error"))

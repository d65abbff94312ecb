# SPDX-License-Identifier: MIT
"""A generated arm64 host: its counters have other names, and nothing may be taken from x86's."""
import json
import os
import re
import shutil
import sys
import tempfile

import kvmtest
from kvmtest import ROOT, kvmlens

sys.path.insert(0, os.path.join(ROOT, "tests/data/roots"))
import generate  # noqa: E402  (it lies beside the saved trees)

BESIDE = "any"  # tests/e2e/run.py

# arch/arm64/kvm/guest.c and include/linux/kvm_host.h of Linux 6.12
VCPU_STATS = tuple((name, 0x000, 0, 1, 0) for name in (
    "halt_successful_poll", "halt_attempted_poll", "halt_poll_invalid", "halt_wakeup", "hvc_exit_stat",
    "wfe_exit_stat", "wfi_exit_stat", "mmio_exit_user", "mmio_exit_kernel", "signal_exits", "exits")) + (
    ("halt_poll_success_ns", 0x020, -9, 1, 0), ("halt_poll_fail_ns", 0x020, -9, 1, 0),
    ("halt_wait_ns", 0x020, -9, 1, 0), ("halt_wait_hist", 0x024, -9, 32, 0), ("blocking", 0x041, 0, 1, 0))
VALUES = {"exits": 900, "wfi_exit_stat": 500, "wfe_exit_stat": 4, "hvc_exit_stat": 7,
          "mmio_exit_user": 120, "mmio_exit_kernel": 30, "signal_exits": 2, "blocking": 1,
          "halt_wait_hist": list(range(32))}
VM_STATS = {"remote_tlb_flush": 11, "remote_tlb_flush_requests": 12}
X86_ONLY = ("io_exits", "mmio_exits", "halt_exits", "irq_injections", "pf_fixed", "insn_emulation", "pages_4k",
            "tlb_flush", "fpu_reload", "tsc-scaling")


class Arm64(kvmtest.TestCase):
    def setUp(self):
        top = tempfile.mkdtemp(prefix="kvmtest-")
        self.addCleanup(shutil.rmtree, top)
        self.tree = generate.Tree(os.path.join(top, "root"))
        self.tree.host("arm")
        self.tree.write("proc/self/mountinfo",
                        "43 23 0:8 / /sys/kernel/debug rw,relatime - debugfs none rw\n")
        self.tree.vm(700, "graviton", 2, stats={
            i: generate.stats_fd(f"kvm-700/vcpu-{i}", VALUES, stats=VCPU_STATS) for i in range(2)})
        for name, value in VM_STATS.items():
            self.tree.write(f"sys/kernel/debug/kvm/700-9/{name}", f"{value}\n")
        for i in range(2):
            self.tree.write(f"sys/kernel/debug/kvm/700-9/vcpu{i}/pid", f"{701 + i}\n")

    def run_mode(self, *options):
        return self.assert_status(kvmlens("--sysroot", self.tree.top, *options), 0, 3)

    def test_every_counter_of_the_schema_is_there_and_no_other(self):
        record = json.loads(self.run_mode("-1", "-s", "0.1", "--format", "json").out)
        vm = record["vms"][0]
        expected = {name: VALUES.get(name, 0) for name, _, _, size, _ in VCPU_STATS if size == 1}
        for vcpu in vm["vcpus"]:
            self.assertEqual(vcpu["counters"], expected)
            self.assertEqual(vcpu["histograms"], {"halt_wait_hist": list(range(32))})
        self.assertEqual(vm["counters"], {**{n: 2 * v for n, v in expected.items()}, **VM_STATS})
        self.assertEqual(set(record["fields"]), {*expected, *VM_STATS, "halt_wait_hist"})
        self.assertEqual({n: f["kind"] for n, f in record["fields"].items()}["wfi_exit_stat"], "cumulative")

    def test_what_arm64_does_not_have_is_absent(self):
        vm = json.loads(self.run_mode("-1", "-s", "0.1", "--format", "json").out)["vms"][0]
        self.assertIsNone(vm.get("mapped_bytes"))
        self.assertEqual(vm["missing"]["mapped_bytes"], "not-in-kernel")
        for vcpu in vm["vcpus"]:
            self.assertIsNone(vcpu.get("tsc_offset"))
            self.assertEqual(vcpu["missing"]["tsc_offset"], "not-in-kernel")

    def test_no_mode_shows_a_name_of_x86(self):
        for mode in (["-1", "-s", "0.1"], ["-1", "-s", "0.1", "--csv"], ["-l", "-s", "0.1", "-n", "2"],
                     ["-1", "-s", "0.1", "--format", "prometheus"], ["--list"], ["--fields", "help"]):
            out = self.run_mode(*mode).out
            with self.subTest(mode=" ".join(mode)):
                self.assertTrue(out)
                self.assertEqual([name for name in X86_ONLY if re.search(rf"\b{name}\b", out)], [])

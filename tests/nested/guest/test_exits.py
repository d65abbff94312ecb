# SPDX-License-Identifier: MIT
"""Exits that are counted in the kernel, on stock kernels, where guests run on emulated hardware and really exit."""
import os
import re
import subprocess

import kvmtest


class Programs(kvmtest.TestCase):
    """The unit tests of core/bpf/kvm_exits: guests that do known things, counted exactly."""

    def setUp(self):
        super().setUp()
        if not os.path.isdir("/sys/kernel/tracing/events"):
            subprocess.run(["mount", "-t", "tracefs", "none", "/sys/kernel/tracing"], check=True)

    def test_exact(self):
        self.run_unit("test_kvm_exits")

    def test_rare_and_too_many(self):
        self.run_unit("test_kvm_exits_odd")

    def run_unit(self, name):
        if not os.path.exists(f"/bin/{name}"):
            self.skipTest(f"{name} was not built: built without BPF")
        result = subprocess.run([f"/bin/{name}"], capture_output=True, text=True, timeout=300, check=False)
        out = result.stdout + result.stderr
        # None may be left out here: there is KVM, tracefs, real exits and every right.
        self.assertEqual(re.findall("skipped: .*", out), [], out)
        self.assertEqual(result.returncode, 0, out)
        for line in out.splitlines():
            if "mean" in line or "nested:" in line:
                print(f"        {line}")
        print(f"        {name}: {out.count('[       OK ]')} cases; times are those of an emulated CPU")

# SPDX-License-Identifier: MIT
"""Exits that are counted in the kernel, on stock kernels, where guests run on emulated hardware and really exit."""
import os
import re
import subprocess

import kvmtest


class Programs(kvmtest.TestCase):
    """The unit test of core/bpf/kvm_exits: guests that do known things, counted exactly."""

    def setUp(self):
        super().setUp()
        if not os.path.exists("/bin/test_kvm_exits"):
            self.skipTest("test_kvm_exits was not built: built without BPF")
        if not os.path.isdir("/sys/kernel/tracing/events"):
            subprocess.run(["mount", "-t", "tracefs", "none", "/sys/kernel/tracing"], check=True)

    def test_exact(self):
        result = subprocess.run(["/bin/test_kvm_exits"], capture_output=True, text=True, timeout=300, check=False)
        out = result.stdout + result.stderr
        # None may be left out here: there is KVM, tracefs, real exits and every right.
        self.assertEqual(re.findall("skipped: .*", out), [], out)
        self.assertEqual(result.returncode, 0, out)
        for line in out.splitlines():
            if "mean" in line:
                print(f"        {line}")
        print(f"        test_kvm_exits: {out.count('[       OK ]')} cases; times are those of an emulated CPU")

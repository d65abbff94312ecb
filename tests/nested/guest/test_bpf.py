# SPDX-License-Identifier: MIT
"""What BPF tells of KVM on stock kernels, where kvm is a module with BTF of its own, and VMs run guest code."""
import os
import re
import subprocess

import kvmtest


class Programs(kvmtest.TestCase):
    """The unit tests of core/bpf and of its source, which compare with stats descriptors, here too."""

    def run_unit(self, name):
        path = f"/bin/{name}"
        if not os.path.exists(path):
            self.skipTest(f"{name} was not built: built without BPF")
        result = subprocess.run([path], capture_output=True, text=True, timeout=120, check=False)
        out = result.stdout + result.stderr
        for log in re.findall(r"/tmp/kvmlens-bpf\.\w+", out)[:1]:
            with open(log, encoding="utf-8") as f:
                print(f.read()[-6000:])
        # None may be left out here: there is KVM, BTF and every right.
        self.assertEqual(re.findall("skipped: .*", out), [], out)
        self.assertEqual(result.returncode, 0, out)
        print(f"        {name}: {out.count('[       OK ]')} cases")

    def test_programs(self):
        self.run_unit("test_kvm_bpf")

    def test_source(self):
        self.run_unit("test_source_bpf")

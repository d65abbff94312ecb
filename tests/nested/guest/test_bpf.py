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


class Modules(kvmtest.TestCase):
    """KVM comes, goes and comes anew while kvmlens runs with BPF: the collector of each has programs for it."""

    def setUp(self):
        with open("/modules/order", encoding="ascii") as f:
            self.order = f.read().split()
        self.remove()
        self.addCleanup(lambda: os.path.exists("/dev/kvm") or self.insert())

    def insert(self):
        for name in self.order:
            subprocess.run(["insmod", f"/modules/{name}.ko"], check=True)

    def remove(self):
        for name in reversed(self.order):
            subprocess.run(["rmmod", name.replace("-", "_")], check=True)

    def test_kvm_may_be_loaded_later_and_anew(self):
        log = self.background(kvmtest.KVMLENS, "-l", "-s", "0.5", "-i", "--bpf", "--format", "json")

        def state():
            return log.records()[-1]["host"]["bpf"]["state"] if log.records() else None

        kvmtest.wait_for(lambda: state() == "waiting", "a record that waits for KVM")
        for _ in range(2):
            self.insert()
            vm = kvmtest.TestVm("--vcpus", "2", "--stats", "none")

            def found(pid=vm.pid):
                vms = [vm for vm in log.records()[-1]["vms"] if vm["pid"] == pid]
                return vms and vms[0]["sources"] == {"vm": "bpf", "vcpu": "bpf"} and len(vms[0]["vcpus"]) == 2

            kvmtest.wait_for(found, "the VM, read through BPF")
            self.assertEqual(state(), "loaded")
            vm.kill()
            vm.close()
            kvmtest.wait_for(lambda: not log.records()[-1]["vms"], "its end")
            self.remove()
            kvmtest.wait_for(lambda: state() == "waiting", "a record without KVM")
        self.insert()
        # Until another collector is there, the VM is looked for in debugfs.
        self.assertEqual([line for line in log.err().splitlines() if "no debugfs directory" not in line], [])

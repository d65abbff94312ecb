# SPDX-License-Identifier: MIT
"""Where debugfs is, who made the VM, and a host without KVM."""
import os
import subprocess

import kvmtest
from kvmtest import in_mounts, kvmlens, snapshot, vm_of, vms_of

KVM = "/sys/kernel/debug/kvm"


class Mounts(kvmtest.TestCase):
    def test_debugfs_mounted_elsewhere_is_found(self):
        vm = self.own_vm("--stats", "none")
        elsewhere = in_mounts("umount /sys/kernel/debug; mount -t debugfs none /mnt")
        found = vm_of(snapshot("-d", prefix=elsewhere), vm.pid)
        self.assertEqual(found["sources"]["vm"], "debugfs")
        self.assertEqual(found["counters"], vm_of(snapshot("-d"), vm.pid)["counters"])

    def test_without_debugfs_stats_fds_go_on_and_the_rest_names_the_cause(self):
        vm = self.own_vm()
        without = in_mounts("umount /sys/kernel/debug")
        found = vm_of(snapshot(prefix=without), vm.pid)
        self.assertEqual(found["sources"], {"vm": "statsfd", "vcpu": "statsfd"})
        self.assertEqual(found["vcpus"][0]["missing"]["tsc_offset"], "debugfs-not-mounted")

    def test_without_debugfs_and_stats_fds_nothing_is_made_up(self):
        vm = self.own_vm("--stats", "none")
        without = in_mounts("umount /sys/kernel/debug")
        result = self.assert_status(kvmlens("-1", "-s", "0.1", prefix=without), 3)
        self.assertIn("debugfs", result.err)
        self.assertEqual(vm_of(snapshot(prefix=without), vm.pid)["counters"], {})


class Makers(kvmtest.TestCase):
    def test_directory_named_by_a_thread_id_belongs_to_the_process(self):
        vm = self.own_vm("--thread", "--stats", "none", "--vcpus", "2")
        tid = vm.vms[0]["tid"]
        self.assertNotEqual(tid, vm.pid)
        self.assertTrue(os.path.isdir(f"{KVM}/{tid}-{vm.vms[0]['vm_fd']}"))
        found = vm_of(snapshot(), vm.pid)
        self.assertEqual(found["tid"], tid)
        self.assertEqual(found["sources"], {"vm": "debugfs", "vcpu": "debugfs"})
        self.assertEqual([v["tsc_offset"] < 0 for v in found["vcpus"]], [True, True])

    def test_directory_of_a_thread_that_ended_still_belongs_to_the_vm(self):
        vm = self.own_vm("--thread-ends", "--stats", "none")
        kvmtest.wait_for(lambda: not os.path.exists(f"/proc/{vm.vms[0]['tid']}"), "the thread's end")
        # Of two directories whose makers have ended nobody could say which one is this VM's.
        kvmtest.wait_for(lambda: len(next(os.walk(KVM))[1]) == 1, "the end of VMs of tests before")
        found = vm_of(snapshot(), vm.pid)
        self.assertEqual(found["sources"]["vm"], "debugfs", found)

    def test_two_vms_in_one_process_are_kept_apart(self):
        vm = self.own_vm("--vms", "2", "--vcpus", "2")
        for options in (), ("-d",):
            found = vms_of(snapshot(*options), vm.pid)
            self.assertEqual([v["vm_fd"] for v in found], [v["vm_fd"] for v in vm.vms])
            self.assertEqual([v["vcpus_total"] for v in found], [2, 2])
            for one, info, directory in zip(found, vm.vms, vm.debugfs_dirs()):
                with open(f"{directory}/halt_exits", encoding="ascii") as f:
                    self.assertEqual(one["counters"]["halt_exits"], int(f.read()))
                self.assertEqual([v["tid"] for v in one["vcpus"]], [v["tid"] for v in info["vcpus"]])
                for vcpu in one["vcpus"]:
                    with open(f"{directory}/vcpu{vcpu['id']}/tsc-offset", encoding="ascii") as f:
                        self.assertEqual(vcpu["tsc_offset"], int(f.read()))

    def test_demo_vms_are_seen_through_an_open_debugfs(self):
        vms = {vm["name"]: vm for vm in snapshot("--demo", "-d")["vms"]}
        self.assertEqual(sorted(vms), ["demo-busy", "demo-idle"])
        self.assertEqual(vms["demo-busy"]["sources"], {"vm": "debugfs", "vcpu": "debugfs"})
        self.assertGreater(vms["demo-busy"]["counters"]["pf_fixed"], 16)


class WithoutModule(kvmtest.TestCase):
    """The KVM modules are taken out for the time of the test."""

    def setUp(self):
        with open("/modules/order", encoding="ascii") as f:
            self.order = f.read().split()
        for name in reversed(self.order):
            subprocess.run(["rmmod", name.replace("-", "_")], check=True)
        self.addCleanup(self.insert)

    def insert(self):
        for name in self.order:
            subprocess.run(["insmod", f"/modules/{name}.ko"], check=True)

    def test_a_host_without_the_kvm_module_says_so(self):
        self.assertFalse(os.path.exists("/dev/kvm"))
        record = snapshot()
        self.assertEqual(record["vms"], [])
        doctor = kvmlens("--doctor")
        self.assertRegex(doctor.out, r"(?i)kvm.*(module|loaded)")
        demo = self.assert_status(kvmlens("--demo", "-1"), 1)
        self.assertIn("modprobe", demo.err)

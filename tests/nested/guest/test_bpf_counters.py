# SPDX-License-Identifier: MIT
"""Every counter through BPF against the file in debugfs and the binary stats, on a kernel with KVM as modules."""
import json
import os
import subprocess

import kvmtest
from kvmtest import KVMLENS, kvmlens, read_stats, snapshot, vms_of

UNREAD = {"mmu_rmaps_stat"}  # not a counter of KVM's stats


def read(path):
    with open(path, encoding="ascii") as f:
        return int(f.read())


def files(directory):
    """{name: number} of a VM's directory, without the histograms, of which debugfs shows one bucket."""
    return {name: read(os.path.join(directory, name)) for name in os.listdir(directory)
            if name not in UNREAD and not name.endswith("_hist")
            and os.path.isfile(os.path.join(directory, name))}


def scalars(stats):
    return {name: int(value) for name, value in stats.items() if not isinstance(value, list)}


def lists(stats):
    return {name: value for name, value in stats.items() if isinstance(value, list)}


class Bpf(kvmtest.TestCase):
    def setUp(self):
        kvmtest.need("+bpf" in kvmlens("-V").out, "kvmlens was built without BPF")

    def truth(self, vm):
        """Of each VM: its files, its own stats, those of its vCPUs, where its vCPUs say they are."""
        return [(files(directory), read_stats(vm.pid, info["stats_fd"]),
                 [read_stats(vm.pid, cpu["stats_fd"]) for cpu in info["vcpus"]],
                 [(cpu["id"], read(f"{directory}/vcpu{cpu['id']}/pid"), read(f"{directory}/vcpu{cpu['id']}/tsc-offset"))
                  for cpu in info["vcpus"]])
                for directory, info in zip(vm.debugfs_dirs(), vm.vms)]

    def settled(self, vm, *options):
        """(VMs as kvmlens has them, the truth) of a moment in which no counter moved."""
        for _ in range(20):
            before = self.truth(vm)
            found = vms_of(snapshot("-i", *options), vm.pid)
            if self.truth(vm) == before:
                return {each["vm_fd"]: each for each in found}, before
        self.fail("the counters of halted VMs never stand still")

    def check(self, *options, sources, tsc=True):
        vm = self.own_vm("--vms", "2", "--vcpus", "2")
        for directory in vm.debugfs_dirs():
            kvmtest.wait_for(lambda path=f"{directory}/blocking": read(path) == 2, "halted vCPUs")
        found, truth = self.settled(vm, *options)
        self.assertEqual(len(found), 2)
        for info, (of_files, of_vm, of_vcpus, where) in zip(vm.vms, truth):
            each = found[info["vm_fd"]]
            self.assertEqual(each["sources"], sources)
            self.assertGreater(len(of_files), 50)
            self.assertEqual(each["counters"], of_files)
            self.assertEqual({name: each["counters"].get(name) for name in scalars(of_vm)}, scalars(of_vm))
            for vcpu, stats, (number, tid, offset) in zip(each["vcpus"], of_vcpus, where):
                self.assertEqual((vcpu["id"], vcpu["tid"]), (number, tid))
                self.assertEqual(vcpu["counters"], scalars(stats))
                self.assertEqual(vcpu["histograms"], lists(stats))
                if tsc:
                    self.assertEqual(vcpu["tsc_offset"], offset)

    def test_alone(self):
        self.check("--source", "bpf", sources={"vm": "bpf", "vcpu": "bpf"})

    def test_with_all_others(self):
        self.check("--bpf", sources={"vm": "bpf", "vcpu": "bpf"})

    def test_with_stats_descriptors(self):
        self.check("--source", "bpf,statsfd,proc", sources={"vm": "bpf", "vcpu": "bpf"})

    def test_with_debugfs(self):
        self.check("--source", "debugfs,bpf", sources={"vm": "bpf", "vcpu": "bpf"})

    def test_memory_counters_move_when_the_guest_touches_memory(self):
        def counters(vm):
            return vms_of(snapshot("-i", "--source", "bpf"), vm.pid)[0]["counters"]

        before, after = counters(self.own_vm()), counters(self.own_vm("--touch", "4M:4M"))
        self.assertEqual(after["pages_4k"] - before["pages_4k"], 1024)
        self.assertGreaterEqual(after["pf_fixed"] - before["pf_fixed"], 1024)

    def test_kvm_that_is_loaded_while_it_runs(self):
        with open("/modules/order", encoding="ascii") as f:
            modules = f.read().split()
        for name in reversed(modules):
            subprocess.run(["rmmod", name.replace("-", "_")], check=True)
        try:
            log = self.background(KVMLENS, "-l", "-s", "0.3", "--bpf", "--format", "json")
            kvmtest.wait_for(log.records, "a record without KVM")
            self.assertEqual(log.records()[-1]["vms"], [])
            self.assertEqual(log.records()[-1]["host"]["bpf"]["state"], "waiting", json.dumps(log.records()[-1]["host"]))
        finally:
            for name in modules:
                subprocess.run(["insmod", f"/modules/{name}.ko"], check=True)
        vm = self.own_vm("--vcpus", "2", "--stats", "none")

        def seen():
            found = vms_of(log.records()[-1], vm.pid)
            return found and found[0]["sources"] == {"vm": "bpf", "vcpu": "bpf"} and \
                [vcpu.get("tid") for vcpu in found[0]["vcpus"]] == [cpu["tid"] for cpu in vm.vms[0]["vcpus"]]

        kvmtest.wait_for(seen, "its counters and the threads of its vCPUs")

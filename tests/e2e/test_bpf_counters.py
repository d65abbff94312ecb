# SPDX-License-Identifier: MIT
"""Counters through BPF against what the VMM itself sees, where debugfs is closed and no stats descriptor is kept."""
import contextlib
import glob
import json
import os
import re
import subprocess
import tempfile

import kvmtest
from kvmtest import kvmlens, need_qemu, read_stats, snapshot, vm_of, vms_of

BPF = ("--bpf", "-i")
GAUGES = {"blocking", "guest_mode"}


def need_bpf():
    kvmtest.need_kvm()
    kvmtest.need_root()
    kvmtest.need("+bpf" in kvmlens("-V").out, "kvmlens was built without BPF")
    kvmtest.need(os.path.exists("/sys/kernel/btf/vmlinux"), "this kernel has no BTF")
    kvmtest.need(kvmtest.lockdown() != "confidentiality", "lockdown=confidentiality closes BPF")


def split(stats):
    """(counters, histograms) of QEMU's answer, whose lists come last bucket first."""
    counters = {name: int(value) for name, value in stats.items() if not isinstance(value, list)}
    histograms = {name: value[::-1] for name, value in stats.items() if isinstance(value, list)}
    return counters, histograms


def no_word_of(cause, found):
    return [name for entity in (found, *found["vcpus"]) for name, why in entity["missing"].items() if why == cause]


class Bpf(kvmtest.TestCase):
    def setUp(self):
        need_bpf()

    def settled(self, oracle, *options):
        """(record, truth) of a moment in which no counter moved."""
        for _ in range(20):
            before = oracle()
            record = snapshot(*BPF, *options)
            if oracle() == before:
                return record, before
        self.fail("the counters never stand still")

    def equals_qemu(self, vm, *options):
        record, (vm_stats, vcpu_stats) = self.settled(lambda: (vm.vm_stats(), vm.vcpu_stats()), *options)
        found = vm_of(record, vm.pid)
        counters, histograms = split(vm_stats)
        self.assertEqual({name: found["counters"].get(name) for name in counters}, counters)
        self.assertEqual(histograms, {})
        self.assertEqual(sorted(vcpu["id"] for vcpu in found["vcpus"]), sorted(vcpu_stats))
        for vcpu in found["vcpus"]:
            counters, histograms = split(vcpu_stats[vcpu["id"]])
            self.assertEqual({name: vcpu["counters"].get(name) for name in counters}, counters)
            self.assertEqual({name: vcpu["histograms"].get(name) for name in histograms}, histograms)
        self.assertEqual(no_word_of("lockdown", found), [])
        self.assertEqual(no_word_of("no-stats-fd", found), [])
        return found


class OfQemu(Bpf):
    """QEMU's own view, query-stats, is the oracle; old QEMUs have it too, but keep no descriptor for others."""

    def halts(self):
        """A firmware that does nothing: cli, hlt, and that again."""
        image = tempfile.NamedTemporaryFile(prefix="kvmtest-", suffix=".bin")
        self.addCleanup(image.close)
        image.write(b"\xf4" * (65536 - 16) + b"\xfa\xf4\xeb\xfd" + b"\xf4" * 12)
        image.flush()
        return image.name

    def check(self, stopped, **version):
        vm = self.qemu(need_qemu(**version), smp=2, name="guest=bpf", extra=() if stopped else ("-bios", self.halts()))
        # The kernel knows the thread of a vCPU once that has run, which takes its time on a busy machine.
        kvmtest.wait_for(lambda: all("tid" in vcpu for vcpu in vm_of(snapshot(*BPF), vm.pid)["vcpus"]),
                         "both vCPUs to have run")
        if stopped:
            vm.stop_guest()
        found = self.equals_qemu(vm)
        self.assertEqual(found["sources"], {"vm": "bpf", "vcpu": "bpf"})
        self.assertGreater(len(found["counters"]), 40)
        self.assertEqual({vcpu["id"]: vcpu["tid"] for vcpu in found["vcpus"]}, vm.vcpu_threads())
        self.equals_qemu(vm, "--source", "bpf")

    def test_new_one_with_halted_guest(self):
        self.check(False, at_least=(8, 1))

    def test_new_one_that_is_stopped(self):
        self.check(True, at_least=(8, 1))

    def test_old_one_with_halted_guest(self):
        """To be asked wakes the vCPUs of an old one, so its answer lies between two of ours."""
        vm = self.qemu(need_qemu(below=(8, 1)), smp=2, name="guest=bpf", extra=("-bios", self.halts()))
        before, of_vm, of_vcpus, after = (vm_of(snapshot(*BPF), vm.pid), vm.vm_stats(), vm.vcpu_stats(),
                                          vm_of(snapshot(*BPF), vm.pid))
        for first, stats, last in [(before, of_vm, after),
                                   *zip(before["vcpus"], (of_vcpus[i] for i in sorted(of_vcpus)), after["vcpus"])]:
            counters, histograms = split(stats)
            for name, value in counters.items():
                if name in GAUGES:
                    continue  # to be asked ends a halt for a moment
                self.assertLessEqual(first["counters"][name], value, name)
                self.assertLessEqual(value, last["counters"][name], name)
            for name, buckets in histograms.items():
                for low, value, high in zip(first["histograms"][name], buckets, last["histograms"][name]):
                    self.assertTrue(low <= value <= high, name)

    def test_old_one_that_is_stopped(self):
        self.check(True, below=(8, 1))

    def test_vcpu_that_is_plugged_in_and_out_is_followed(self):
        vm = self.qemu(need_qemu(), smp="1,maxcpus=2", name="guest=hotplug")
        log = self.background(kvmtest.KVMLENS, "-l", "-s", "0.2", "--bpf", "--format", "json")
        kvmtest.wait_for(log.records, "a record")
        slot = next(cpu for cpu in vm.qmp("query-hotpluggable-cpus") if "qom-path" not in cpu)
        vm.qmp("device_add", driver=slot["type"], id="plugged", **{
            name.replace("-", "_"): value for name, value in slot["props"].items()})
        threads = vm.vcpu_threads()
        self.assertEqual(len(threads), 2)

        def seen():
            found = vm_of(log.records()[-1], vm.pid)
            return {vcpu["id"]: vcpu["tid"] for vcpu in found["vcpus"]} == threads

        kvmtest.wait_for(seen, "the second vCPU with its thread")


class OfOurs(Bpf):
    """Our own VMM keeps stats descriptors of all: an oracle for several VMs in one process."""

    def oracle(self, vm):
        return lambda: [[read_stats(vm.pid, info["stats_fd"]),
                         *[read_stats(vm.pid, cpu["stats_fd"]) for cpu in info["vcpus"]]] for info in vm.vms]

    def equals_stats(self, vm, *options):
        record, truth = self.settled(self.oracle(vm), *options)
        found = {each["vm_fd"]: each for each in vms_of(record, vm.pid)}
        self.assertEqual(sorted(found), sorted(info["vm_fd"] for info in vm.vms))
        for info, (of_vm, *of_vcpus) in zip(vm.vms, truth):
            each = found[info["vm_fd"]]
            self.assertEqual({name: each["counters"].get(name) for name in of_vm},
                             {name: int(value) for name, value in of_vm.items()})
            self.assertEqual([(vcpu["id"], vcpu["tid"]) for vcpu in each["vcpus"]],
                             [(cpu["id"], cpu["tid"]) for cpu in info["vcpus"]])
            for vcpu, stats in zip(each["vcpus"], of_vcpus):
                for name, value in stats.items():
                    kind = "histograms" if isinstance(value, list) else "counters"
                    self.assertEqual(vcpu[kind].get(name), value if isinstance(value, list) else int(value), name)

    def test_two_vms_in_one_process(self):
        vm = self.own_vm("--vms", "2", "--vcpus", "3")
        self.equals_stats(vm)
        self.equals_stats(vm, "--source", "bpf")

    def test_vm_that_keeps_no_descriptor(self):
        vm = self.own_vm("--vcpus", "2", "--stats", "none")
        found = vm_of(snapshot(*BPF), vm.pid)
        self.assertGreater(found["vcpus"][0]["counters"]["exits"], 0)
        self.assertEqual(no_word_of("no-stats-fd", found), [])

    def test_vm_that_may_do_nothing_but_run(self):
        vm = self.own_vm("--vcpus", "2", "--busy", "100", "--stats", "none", "--seccomp")
        found = vm_of(snapshot("--bpf", "-s", "0.3"), vm.pid)
        self.assertEqual([vcpu["tid"] for vcpu in found["vcpus"]], [cpu["tid"] for cpu in vm.vms[0]["vcpus"]])
        for vcpu in found["vcpus"]:
            self.assertGreater(vcpu["rates"]["exits"], 0)

    def test_without_the_option_nothing_is_loaded(self):
        self.own_vm()
        log = self.background(kvmtest.KVMLENS, "-l", "-s", "0.1", "--format", "json")
        kvmtest.wait_for(log.records, "a record")
        self.assertEqual(held_by(log.pid), set())

    def test_nothing_is_left_after_a_kill(self):
        kvmtest.need_tool("bpftool")
        self.own_vm()
        log = self.background(kvmtest.KVMLENS, "-l", "-s", "0.1", "--bpf", "--format", "json")
        kvmtest.wait_for(log.records, "a record")
        ours = held_by(log.pid)
        self.assertGreater(len(ours), 0)
        self.assertLessEqual(ours, programs())
        log.stop()
        kvmtest.wait_for(lambda: not programs() & ours, "the end of our programs")


def held_by(pid):
    """Ids of the BPF programs that a process and all that come from it hold."""
    ids = set()
    for each in kvmtest.family(pid):
        for path in glob.glob(f"/proc/{each}/fdinfo/*"):
            with contextlib.suppress(OSError), open(path, encoding="ascii") as f:
                ids |= {int(number) for number in re.findall(r"^prog_id:\s*(\d+)", f.read(), re.M)}
    return ids


def programs():
    """Ids of the BPF programs of this kernel."""
    out = subprocess.run(["bpftool", "-j", "prog"], check=True, stdout=subprocess.PIPE).stdout
    return {program["id"] for program in json.loads(out or "[]")}

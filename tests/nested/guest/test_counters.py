# SPDX-License-Identifier: MIT
"""Every counter three ways: the file in debugfs, the binary stats, kvmlens through each."""
import os

import kvmtest
from kvmtest import read_stats, snapshot, vm_of

KVM = "/sys/kernel/debug/kvm"
UNREAD = {"mmu_rmaps_stat"}  # kvmlens never reads it: it stops the guest's page faults


def read(path):
    with open(path, encoding="ascii") as f:
        return int(f.read())


def files(directory):
    """{name: number} of a VM's directory, without the histograms, of which debugfs shows one bucket."""
    return {name: read(os.path.join(directory, name)) for name in os.listdir(directory)
            if name not in UNREAD and not name.endswith("_hist")
            and os.path.isfile(os.path.join(directory, name))}


def scalars(stats):
    return {n: int(v) for n, v in stats.items() if not isinstance(v, list)}


def summed(tables):
    return {name: sum(t[name] for t in tables) for name in tables[0]}


class Halted(kvmtest.TestCase):
    """Two halted vCPUs: no counter moves, so all must be equal to the last digit."""

    def setUp(self):
        self.vm = self.own_vm("--vcpus", "2")
        self.info = self.vm.vms[0]
        self.directory = self.vm.debugfs_dirs()[0]
        kvmtest.wait_for(lambda: read(f"{self.directory}/blocking") == 2, "halted vCPUs")

    def found(self, *options):
        return vm_of(snapshot(*options), self.vm.pid)

    def settled(self, truth, *options):
        """(what kvmlens finds, the truth), which is the same before and after: now and then the kernel wakes
        a halted vCPU for a moment."""
        for _ in range(10):
            before = truth()
            found = self.found(*options)
            if truth() == before:
                return found, before
        self.fail("the counters of a halted VM never stand still")

    def fds(self):
        return [self.info["stats_fd"]] + [cpu["stats_fd"] for cpu in self.info["vcpus"]]

    def test_debugfs_source_equals_each_file(self):
        found, truth = self.settled(lambda: files(self.directory), "-d")
        self.assertGreater(len(truth), 50)
        self.assertEqual(found["sources"], {"vm": "debugfs", "vcpu": "debugfs"})
        self.assertEqual(found["counters"], truth)

    def test_statsfd_source_equals_each_file(self):
        found, truth = self.settled(lambda: files(self.directory), "--source", "statsfd,proc")
        self.assertEqual(found["sources"], {"vm": "statsfd", "vcpu": "statsfd"})
        self.assertEqual(found["counters"], truth)

    def test_the_two_sources_name_the_same_counters_and_agree(self):
        def through_statsfd():
            return self.found("--source", "statsfd,proc")["counters"]

        for options in ("-d",), ():
            found, statsfd = self.settled(through_statsfd, *options)
            self.assertEqual(found["counters"], statsfd)

    def test_files_equal_the_stats_read_by_the_oracle(self):
        def oracle():
            tables = [scalars(read_stats(self.vm.pid, fd)) for fd in self.fds()]
            return {**summed(tables[1:]), **tables[0]}

        found, truth = self.settled(oracle)
        self.assertEqual(found["counters"], truth)
        self.assertEqual(files(self.directory), oracle())

    def test_sums_over_vcpus_equal_the_files_of_the_vm(self):
        found, truth = self.settled(lambda: files(self.directory), "--source", "statsfd,proc")
        sums = summed([vcpu["counters"] for vcpu in found["vcpus"]])
        self.assertGreater(len(sums), 30)
        self.assertEqual(sums, {name: truth[name] for name in sums})

    def test_histograms_come_from_stats_fds_and_debugfs_names_the_cause(self):
        found, stats = self.settled(lambda: [read_stats(self.vm.pid, fd) for fd in self.fds()[1:]])
        names = sorted(n for n, v in stats[0].items() if isinstance(v, list))
        for vcpu, table in zip(found["vcpus"], stats):
            self.assertEqual(vcpu["histograms"], {n: table[n] for n in names})
        through_debugfs = self.found("-d")
        self.assertEqual(through_debugfs["histograms"], {})
        for name in names:
            self.assertEqual(through_debugfs["missing"][name], "histogram-needs-stats-fd")

    def test_tsc_offset_of_each_vcpu_is_its_file_and_negative(self):
        def offsets():
            return [read(f"{self.directory}/vcpu{i}/tsc-offset") for i in range(2)]

        for source in ("statsfd,debugfs,proc", "debugfs,proc"):
            found, truth = self.settled(offsets, "--source", source)
            self.assertEqual([vcpu["tsc_offset"] for vcpu in found["vcpus"]], truth)
            self.assertLess(max(truth), 0)

    def test_other_files_of_each_vcpu_are_right_or_named_as_absent(self):
        for vcpu in self.found("-d")["vcpus"]:
            directory = f"{self.directory}/vcpu{vcpu['id']}"
            for name in ("guest_mode", "lapic_timer_advance_ns", "tsc-scaling-ratio"):
                key = name.replace("-", "_")
                if os.path.exists(f"{directory}/{name}"):
                    self.assertEqual(vcpu[key], read(f"{directory}/{name}"))
                else:
                    self.assertNotIn(key, [k for k, v in vcpu.items() if v is not None])
                    self.assertEqual(vcpu["missing"][key], "not-in-kernel")
            if os.path.exists(f"{directory}/pid"):
                self.assertEqual(vcpu["tid"], read(f"{directory}/pid"))


class Moving(kvmtest.TestCase):
    def counters(self, vm, *options):
        return vm_of(snapshot(*options), vm.pid)["counters"]

    def test_mmu_counters_move_when_the_guest_touches_memory(self):
        """Between a VM that only halts and one that writes 1024 pages first."""
        still, touching = self.own_vm(), self.own_vm("--touch", "4M:4M")
        for options in ("-d",), ("--source", "statsfd,proc"):
            before, after = self.counters(still, *options), self.counters(touching, *options)
            self.assertEqual(after["pages_4k"] - before["pages_4k"], 1024)
            self.assertGreaterEqual(after["pf_taken"] - before["pf_taken"], 1024)
            self.assertGreaterEqual(after["pf_fixed"] - before["pf_fixed"], 1024)

    def test_huge_pages_count_as_such(self):
        with open("/sys/kernel/mm/transparent_hugepage/enabled", "w", encoding="ascii") as f:
            f.write("madvise")
        vm = self.own_vm("--backing", "thp", "--ram", "128M", "--touch", "32M:16M")
        for options in ("-d",), ("--source", "statsfd,proc"):
            self.assertEqual(self.counters(vm, *options)["pages_2m"], 8)

    def test_exits_of_a_busy_vm_have_a_rate_from_both_sources(self):
        vm = self.own_vm("--busy", "50", "--vcpus", "2")
        for options in ("-d",), ("--source", "statsfd,proc"):
            found = vm_of(snapshot("-s", "0.5", *options), vm.pid)
            for name in ("exits", "halt_exits", "mmio_exits", "nmi_injections"):
                self.assertGreater(found["rates"][name], 0, name)

    def test_counter_cleared_by_root_shows_as_reset(self):
        vm = self.own_vm("--busy", "50")
        log = self.background(kvmtest.KVMLENS, "-l", "-d", "-s", "0.3", "--format", "json")
        # Long enough for the counter to have far more than it gains in one interval.
        kvmtest.wait_for(lambda: len(log.records()) >= 6, "records")
        with open(f"{vm.debugfs_dirs()[0]}/exits", "w", encoding="ascii") as f:
            f.write("0")

        def reset():
            return [r for r in log.records()
                    if vm_of(r, vm.pid)["missing"].get("rates.exits") == "reset"]

        record = vm_of(kvmtest.wait_for(reset, "a reset")[0], vm.pid)
        self.assertIsNone(record["rates"].get("exits"))
        count = len(log.records())
        kvmtest.wait_for(lambda: len(log.records()) >= count + 2, "records after it")
        after = vm_of(log.records()[-1], vm.pid)
        self.assertGreater(after["rates"]["exits"], 0)
        self.assertLess(after["rates"]["exits"], 10000)
        self.assertEqual(len(reset()), 1)

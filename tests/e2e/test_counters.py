# SPDX-License-Identifier: MIT
"""Every number of kvmlens against what the VMM itself sees."""
import kvmtest
from kvmtest import kvmlens_records, need_qemu, read_stats, snapshot, vm_of


def expected(stats):
    """(counters, histograms) as the JSON report has them."""
    hists = {k: v for k, v in stats.items() if isinstance(v, list)}
    counters = {k: int(v) for k, v in stats.items() if not isinstance(v, list)}
    return counters, hists


def sums(tables):
    tables = list(tables)
    return {name: [sum(t[name][i] for t in tables) for i in range(len(tables[0][name]))]
            if isinstance(tables[0][name], list) else sum(int(t[name]) for t in tables)
            for name in tables[0]}


class Stable(kvmtest.TestCase):
    def compare_entity(self, found, stats):
        counters, hists = expected(stats)
        self.assertEqual({k: found["counters"].get(k) for k in counters}, counters)
        self.assertEqual({k: found["histograms"].get(k) for k in hists}, hists)
        self.assertFalse(set(stats) & set(found["missing"]))

    def every_counter_is_right_or_explained(self, found, stats, hist_cause=True):
        """No value differs from the oracle's, and what has no value has a cause."""
        for name, value in stats.items():
            if isinstance(value, list):
                got = found["histograms"].get(name)
            else:
                got, value = found["counters"].get(name), int(value)
            if got is None:
                self.assertTrue(found["missing"].get(name), f"{name} is missing without a cause")
            else:
                self.assertEqual(got, value, name)
                self.assertNotIn(name, found["missing"])


    def settled_snapshot(self, oracle):
        """(record, stats): a snapshot during which the oracle's numbers did not move."""
        for _ in range(20):
            before = oracle()
            record = snapshot()
            if oracle() == before:
                return record, before
        self.fail("the counters never stand still")


class OwnVm(Stable):
    def setUp(self):
        kvmtest.need(kvmtest.have_binary_stats(), "this kernel has no binary stats")

    def halted(self, *options):
        vm = self.own_vm("--vcpus", "2", *options)
        kvmtest.wait_for(lambda: all(read_stats(vm.pid, c["stats_fd"])["blocking"]
                                     for c in vm.vms[0]["vcpus"]), "halted vCPUs")
        return vm

    def test_halted_vm_with_all_stats_fds_equals_them(self):
        vm = self.halted()
        info = vm.vms[0]
        fds = [info["stats_fd"]] + [cpu["stats_fd"] for cpu in info["vcpus"]]
        record, stats = self.settled_snapshot(lambda: [read_stats(vm.pid, fd) for fd in fds])
        found = vm_of(record, vm.pid)
        self.assertEqual(found["sources"], {"vm": "statsfd", "vcpu": "statsfd"})
        self.assertEqual(found["vm_fd"], info["vm_fd"])
        self.assertEqual(found["vcpus_total"], 2)
        for vcpu, cpu, table in zip(found["vcpus"], info["vcpus"], stats[1:]):
            self.assertEqual((vcpu["id"], vcpu["tid"]), (cpu["id"], cpu["tid"]))
            self.compare_entity(vcpu, table)
        self.compare_entity(found, {**sums(stats[1:]), **stats[0]})

    def test_counters_of_a_halted_vm_have_rate_zero(self):
        vm = self.halted()
        for vcpu in vm_of(snapshot(), vm.pid)["vcpus"]:
            self.assertEqual(vcpu["rates"]["exits"], 0.0)

    def test_rates_of_a_busy_vm_are_the_difference_over_the_time(self):
        vm = self.own_vm("--busy", "200")
        records = kvmlens_records("-l", "-n", "4", "-s", "0.2", "-i")
        self.assertEqual(len(records), 4)
        moved = 0
        for before, after in zip(records, records[1:]):
            a, b = vm_of(before, vm.pid), vm_of(after, vm.pid)
            exits = b["counters"]["exits"] - a["counters"]["exits"]
            moved += exits
            # The rate is over the time between the two reads of this VM, whatever the machine is busy with.
            self.assertAlmostEqual(b["rates"]["exits"] * b["interval_s"], exits, delta=1e-6 * exits)
        self.assertGreater(moved, 100)

    def test_rates_hold_cumulative_counters_only(self):
        self.own_vm("--busy", "100")
        record = snapshot()
        kinds = {name: f["kind"] for name, f in record["fields"].items()}
        self.assertEqual(kinds["exits"], "cumulative")
        self.assertEqual(kinds["blocking"], "instant")
        for vm in record["vms"]:
            for entity in [vm, *vm["vcpus"]]:
                self.assertLessEqual({kinds[n] for n in entity["rates"]}, {"cumulative"})

    def test_totals_count_from_the_start_of_the_program_unless_past_is_included(self):
        vm = self.halted()
        with_past = vm_of(snapshot("-i"), vm.pid)["vcpus"][0]["counters"]["exits"]
        self.assertGreater(with_past, 0)

    def test_source_option_leaves_the_others_out(self):
        vm = self.halted()
        found = vm_of(snapshot("--source", "proc"), vm.pid)
        for name in ("exits", "halt_exits"):
            self.assertNotIn(name, found["vcpus"][0]["counters"])


class NewQemu(Stable):
    """QEMU from 8.1 on keeps a binary stats fd for each vCPU, none for the VM."""

    def setUp(self):
        self.vm = self.qemu(need_qemu(at_least=(8, 1)), smp=2, name="guest=new")
        kvmtest.wait_for(lambda: self.vm.vcpu_stats()[0]["exits"] > 100, "a BIOS at work")
        self.vm.stop_guest()

    def test_every_vcpu_counter_and_histogram_equals_query_stats(self):
        record = snapshot()
        found = vm_of(record, self.vm.pid)
        stats = self.vm.vcpu_stats()
        self.assertEqual((found["name"], found["vmm"], found["vcpus_total"]), ("new", "qemu", 2))
        self.assertEqual(found["sources"]["vcpu"], "statsfd")
        self.assertEqual(sorted(v["id"] for v in found["vcpus"]), sorted(stats))
        for vcpu in found["vcpus"]:
            self.assertGreater(len(stats[vcpu["id"]]), 20)
            self.compare_entity(vcpu, stats[vcpu["id"]])
            self.assertEqual(vcpu["tid"], self.vm.vcpu_threads()[vcpu["id"]])
        self.compare_entity(found, sums(stats.values()))

    def test_vm_level_counters_equal_query_stats_or_name_the_cause(self):
        found = vm_of(snapshot(), self.vm.pid)
        self.every_counter_is_right_or_explained(found, self.vm.vm_stats())
        if kvmtest.debugfs():
            # Read-only files open under every lockdown but the strictest.
            for name in ("pages_4k", "pages_2m", "pages_1g", "nx_lpage_splits"):
                self.assertEqual(found["counters"].get(name), self.vm.vm_stats()[name])
        if kvmtest.lockdown() == "integrity":
            self.assertEqual(found["missing"]["mmu_cache_miss"], "lockdown")

    def test_tsc_offset_of_every_vcpu_is_there(self):
        kvmtest.need_debugfs()
        for vcpu in vm_of(snapshot(), self.vm.pid)["vcpus"]:
            self.assertIsInstance(vcpu["tsc_offset"], int)


class OldQemu(Stable):
    """QEMU 7.2 keeps no stats fds."""

    def setUp(self):
        self.vm = self.qemu(need_qemu(below=(8, 1)), smp=2, name="guest=old")
        kvmtest.wait_for(lambda: self.vm.vcpu_stats()[0]["exits"] > 100, "a BIOS at work")
        self.vm.stop_guest()

    def test_what_cannot_be_read_names_its_cause(self):
        found = vm_of(snapshot(), self.vm.pid)
        self.assertEqual((found["name"], found["vmm"], found["vcpus_total"]), ("old", "qemu", 2))
        stats = self.vm.vcpu_stats()
        for vcpu in found["vcpus"]:
            for name in stats[vcpu["id"]]:
                if name in vcpu["counters"]:
                    self.assertEqual(vcpu["counters"][name], int(stats[vcpu["id"]][name]), name)
        # Under lockdown no schema tells which counters there are; those that debugfs lists must be explained.
        self.every_counter_is_right_or_explained(
            found, {n: v for n, v in {**sums(stats.values()), **self.vm.vm_stats()}.items()
                    if not isinstance(v, list)})

    def test_readable_gauges_and_tsc_offset_are_there(self):
        kvmtest.need_debugfs()
        found = vm_of(snapshot(), self.vm.pid)
        for name in ("pages_4k", "pages_2m", "pages_1g", "nx_lpage_splits"):
            self.assertEqual(found["counters"].get(name), self.vm.vm_stats()[name])
        threads = self.vm.vcpu_threads()
        for vcpu in found["vcpus"]:
            self.assertIsInstance(vcpu["tsc_offset"], int)
            self.assertEqual(vcpu["tid"], threads[vcpu["id"]])

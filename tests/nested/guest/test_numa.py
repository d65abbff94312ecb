# SPDX-License-Identifier: MIT
"""Share of memory on the node where the vCPUs run, on a machine with two nodes of one CPU each, against numa_maps."""
import ctypes
import os
import re

import kvmtest
from kvmtest import snapshot, vm_of, wait_for

BIND, INTERLEAVE = 2, 3  # MPOL_..., include/uapi/linux/mempolicy.h
SET_MEMPOLICY = 238
MIB = 1 << 20


def policy(mode, nodes):
    """For what a process starts: its memory comes from these nodes."""
    def set_policy():
        mask = ctypes.c_ulong(nodes)
        if ctypes.CDLL(None, use_errno=True).syscall(SET_MEMPOLICY, mode, ctypes.byref(mask), 64) != 0:
            raise OSError(ctypes.get_errno(), "set_mempolicy")
    return set_policy


def pages_by_node(pid):
    """Of the mapping with most pages, which is guest RAM."""
    with open(f"/proc/{pid}/numa_maps", encoding="ascii") as f:
        found = [{int(node): int(count) for node, count in re.findall(r"\bN(\d+)=(\d+)", line)} for line in f]
    return max(found, key=lambda nodes: sum(nodes.values()))


class Nodes(kvmtest.TestCase):
    def start_on(self, mode, nodes, cpus):
        """Memory on these nodes, and a vCPU that wakes up now and then on each of these CPUs."""
        vm = self.own_vm("--ram", "64M", "--fill", "nonzero:1M:32M", "--vcpus", str(len(cpus)), "--busy", "50",
                         preexec_fn=policy(mode, nodes))
        tids = [c["tid"] for c in vm_of(snapshot("-p", str(vm.pid)), vm.pid)["vcpus"]]
        for tid, cpu in zip(tids, cpus):
            os.sched_setaffinity(tid, {cpu})

        def last(tid):
            with open(f"/proc/{vm.pid}/task/{tid}/stat", encoding="ascii") as f:
                return int(f.read().rpartition(")")[2].split()[36])
        wait_for(lambda: [last(tid) for tid in tids] == cpus, "vCPUs on their CPUs", 30)
        return vm

    def memory_of(self, vm):
        return vm_of(snapshot("-p", str(vm.pid)), vm.pid)["memory"]

    def test_the_machine_has_two_nodes(self):
        with open("/sys/devices/system/node/online", encoding="ascii") as f:
            self.assertEqual(f.read(), "0-1\n")

    def test_all_memory_on_one_node(self):
        for node in 0, 1:
            for cpus, local in (([0], node == 0), ([1], node == 1), ([0, 1], 0.5)):
                vm = self.start_on(BIND, 1 << node, cpus)
                self.assertEqual(set(pages_by_node(vm.pid)), {node})
                seen = self.memory_of(vm)
                self.assertAlmostEqual(seen["numa_local_ratio"], local, 3)
                self.assertEqual((seen["numa_node"], seen["numa_node_ratio"]), (node, 1))
                self.assertTrue(0 < seen["numa_pages"] <= 256)
                vm.close()

    def test_memory_on_both_nodes_is_sampled(self):
        vm = self.start_on(INTERLEAVE, 3, [1])
        truth = pages_by_node(vm.pid)
        share = truth[1] / sum(truth.values())
        self.assertTrue(0.4 < share < 0.6)
        seen = [self.memory_of(vm)["numa_local_ratio"] for _ in range(5)]
        # A mean of five times 256 pages: four of its standard deviations.
        self.assertAlmostEqual(sum(seen) / 5, share, delta=4 * (0.25 / (5 * 200)) ** 0.5)
        self.assertEqual(pages_by_node(vm.pid), truth, "nothing was moved")

    def test_kernels_without_pagemap_scan_know_nodes_but_no_huge_pages(self):
        vm = self.start_on(BIND, 2, [1])
        record = vm_of(snapshot("-p", str(vm.pid)), vm.pid)
        self.assertEqual(record["memory"]["numa_local_ratio"], 1)
        self.assertGreaterEqual(record["memory"]["looked_pages"], 32 * MIB // 4096)
        if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 7):
            self.assertEqual(record["missing"]["memory.thp_ratio"], "not-in-kernel")
            self.assertNotIn("huge_kind", record["memory"])
        else:
            self.assertEqual(record["memory"]["huge_kind"], "none")

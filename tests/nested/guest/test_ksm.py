# SPDX-License-Identifier: MIT
"""Memory that is merged with equal pages, on a host where no other VM is in the way, against ksm_stat."""
import ctypes
import os
import re

import kvmtest
from kvmtest import need, snapshot, vm_of, wait_for

SET_MEMORY_MERGE = 67  # PR_..., include/uapi/linux/prctl.h; kept through execve(2) since Linux 6.7
KSM = "/sys/kernel/mm/ksm"
PAGE = 4096


def merge():
    ctypes.CDLL(None).prctl(SET_MEMORY_MERGE, 1, 0, 0, 0)


def write(name, value):
    with open(f"{KSM}/{name}", "w", encoding="ascii") as f:
        f.write(value)


class Merged(kvmtest.TestCase):
    def pages(self, vm, key):
        with open(f"/proc/{vm.pid}/ksm_stat", encoding="ascii") as f:
            return int(re.search(rf"^{key} (\d+)$", f.read(), re.M).group(1))

    def memory_of(self, vm):
        return vm_of(snapshot("-p", str(vm.pid)), vm.pid)["memory"]

    def test_merged_pages_and_those_that_became_the_zero_page(self):
        need(tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 7), "processes are merged whole since Linux 6.7")
        need(os.path.exists(KSM), "this kernel merges no pages")
        write("pages_to_scan", "20000")
        write("sleep_millisecs", "10")
        for zero_pages, key, name in (("0", "ksm_merging_pages", "ksm_merged_bytes"),
                                      ("1", "ksm_zero_pages", "ksm_zero_bytes")):
            write("use_zero_pages", zero_pages)
            vm = self.own_vm("--fill", "zero:8M:16M", preexec_fn=merge)
            self.assertEqual(self.memory_of(vm)[name], 0)
            write("run", "1")
            self.addCleanup(write, "run", "0")
            wait_for(lambda: self.pages(vm, key) > 4000, "merged pages", 60)  # pylint: disable=cell-var-from-loop
            write("run", "0")
            self.assertEqual(self.memory_of(vm)[name], self.pages(vm, key) * PAGE)
            write("run", "2")
            self.assertEqual(self.memory_of(vm)["ksm_merged_bytes"], 0)
            vm.close()

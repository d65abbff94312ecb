# SPDX-License-Identifier: MIT
"""Samples that take long, and what is looked at for one VM only. On saved hosts: no KVM is needed.
"""
import os
import re
import tempfile
import unittest

import kvmtest
from kvmtest import KVMLENS, need_tool, run

ROOT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data", "roots", "lockdown-qemu10")


class Late(kvmtest.TestCase):
    def traced(self, calls, *args):
        """Lines of strace for these system calls of one run."""
        need_tool("strace")
        with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace") as trace:
            run("strace", "-f", "-qq", "-s", "200", "-e", f"trace={calls}", "-o", trace.name,
                KVMLENS, "--sysroot", ROOT, *args)
            return trace.read().splitlines()

    def vms(self):
        record = kvmtest.kvmlens_records("--sysroot", ROOT, "-1", "-s", "0.1", "--format", "json")[0]
        return record["vms"]

    def looked_at(self, others, *args):
        """What was opened of these VMs' processes and debugfs directories."""
        names = "|".join(rf"proc/{vm['pid']}/|debug/kvm/{vm['tid']}-{vm['vm_fd']}/" for vm in others)
        lines = self.traced("openat,openat2", "-1", "-s", "0.1", *args)
        self.assertTrue(any("proc/" in line for line in lines), lines)
        return [line for line in lines if re.search(names, line)]

    def test_one_process_is_chosen_and_no_other_is_looked_at(self):
        """--pid chooses what is read, not only what is shown."""
        first, *others = self.vms()
        self.assertEqual(self.looked_at([vm for vm in others if vm["pid"] != first["pid"]], "-p", str(first["pid"])),
                         [])

    def test_one_guest_is_chosen_and_no_counter_of_another_is_read(self):
        """--guest chooses what is read, not only what is shown."""
        first, *others = self.vms()
        found = self.looked_at([vm for vm in others if vm["pid"] != first["pid"]], "-g", first["name"])
        # All must be asked for their names; but not for their counters.
        self.assertEqual([line for line in found if "debug/kvm/" in line or "schedstat" in line], [])

    def test_numbers_tell_their_age_while_the_next_sample_is_late(self):
        calls = len(self.traced("getdents64", "-1", "-s", "0.1"))  # of two samples
        slow = f"inject=getdents64:delay_enter=1000000:when={2 * calls}+"
        t = self.tmux("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=getdents64", "-e", slow,
                      KVMLENS, "--sysroot", ROOT, "-s", "0.1", columns=120)
        t.wait_text("kvmlens ")
        t.wait(lambda s: re.search(r"\d+s old", s), "the age of the numbers", 5)


if __name__ == "__main__":
    unittest.main()

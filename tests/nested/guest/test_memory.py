# SPDX-License-Identifier: MIT
"""What KVM has mapped, and a scan, against guests that touched a known number of pages."""
import json
import os

import kvmtest
from kvmtest import kvmlens, snapshot, vm_of

PAGE = 4096
BOOT_PAGES = 32  # written by testvm before the guest starts
CODE_PAGES = 1   # of them the guest looks at that with its code


class Touched(kvmtest.TestCase):
    def scan(self, vm, *options):
        result = self.assert_status(kvmlens("--scan", str(vm.pid), "--format", "json", *options, timeout=60), 0)
        return json.loads(result.out)

    def mapped(self, vm, *options):
        return vm_of(snapshot(*options), vm.pid)["mapped_bytes"]

    def test_mapped_bytes_are_the_pages_that_the_guest_touched(self):
        for pages in 1, 512, 3000:
            vm = self.own_vm("--touch", f"4M:{pages * PAGE}")
            for options in (), ("-d",), ("--source", "statsfd,proc"):
                self.assertEqual(self.mapped(vm, *options), (pages + CODE_PAGES) * PAGE)

    def test_huge_pages_are_mapped_with_their_size(self):
        with open("/sys/kernel/mm/transparent_hugepage/enabled", "w", encoding="ascii") as f:
            f.write("madvise")
        vm = self.own_vm("--backing", "thp", "--ram", "128M", "--touch", "32M:16M")
        self.assertEqual(self.mapped(vm), (16 << 20) + CODE_PAGES * PAGE)

    def test_scan_agrees_and_changes_nothing(self):
        pages = 2000
        vm = self.own_vm("--touch", f"8M:{pages * PAGE}", "--fill", "zero:32M:1M", "--fill", "read:40M:1M")
        before = self.mapped(vm)
        self.assertEqual(before, (pages + CODE_PAGES) * PAGE)
        truth = vm.vms[0]["pages"]
        report = self.scan(vm)
        if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 7):
            # Which frame is the zero page is for CAP_SYS_ADMIN there, which the scanner gives up: it is read.
            self.assertEqual(report["pages"]["zero_mapped"], 0)
            self.assertEqual(report["pages"]["zero_content"], truth["zero_mapped"] + truth["zero_content"])
            self.assertEqual([w for w in report["warnings"] if "may be the kernel's zero page" in w][0].split()[0],
                             str(report["pages"]["zero_content"]))
            report = self.scan(vm, "--privileges=off")
        self.assertEqual([w for w in report["warnings"] if "zero page" in w], [])
        self.assertEqual({n: report["pages"][n] for n in truth}, truth)
        self.assertEqual(report["pages"]["nonzero"], pages + BOOT_PAGES)
        self.assertEqual((report["pages"]["swapped"], report["pages"]["unreadable"]), (0, 0))
        # What KVM maps is what is not zero, but for boot pages that the guest never looked at.
        self.assertEqual(report["pages"]["nonzero"] - before // PAGE, BOOT_PAGES - CODE_PAGES)
        self.assertEqual(self.mapped(vm), before)
        print(f"        {pages} pages touched: {before // PAGE} mapped by KVM, "
              f"{report['pages']['nonzero']} not zero ({BOOT_PAGES} written before the start)")

    def test_scan_finds_the_demo_as_it_was_made(self):
        result = self.assert_status(
            kvmlens("--demo", "--scan", "demo-busy", "--format", "json", timeout=60), 0)
        pages = json.loads(result.out)["pages"]
        self.assertEqual(pages["total"], 512 << 8)
        self.assertEqual(sum(n for name, n in pages.items() if name != "total"), pages["total"])
        self.assertGreater(pages["nonzero"], 1000)
        self.assertGreater(pages["zero_content"], 1000)

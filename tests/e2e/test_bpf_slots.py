# SPDX-License-Identifier: MIT
"""What KVM's memslots say through BPF, against what QEMU says of its memory, and against a VMM of our own."""
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import kvmtest
from kvmtest import KVMLENS, need_qemu, qemu_binaries, snapshot, vm_of, wait_for
from test_bpf_counters import need_bpf
from test_scan import MIB, PAGE, huge_pages, ram_blocks, scan

BESIDE = "own VMs"  # tests/e2e/run.py

# What older QEMUs do as the newest one; tests are to end some day.
SAME_EVERYWHERE = {"plain", "3.5 GiB", "q35", "memfd", "DIMM", "ivshmem", "virtio-mem"}
SLOTS_VMM = os.path.join(kvmtest.ROOT, "tests/vm/slots_vmm.py")


def mtree(vm):
    """What KVM is told, by QEMU's flat view of memory: [(gfn, pages, is rom, (block, page in it))], ascending."""
    text = vm.qmp("human-monitor-command", command_line="info mtree -f").replace("\r", "")
    view = next(v for v in text.split("FlatView #") if 'AS "memory"' in v)
    rows = re.findall(r"^  ([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, (ram|rom|romd|nv-ram|ramd)\): (.+?)"
                      r"(?: @([0-9a-f]{16}))? KVM$", view, re.M)
    # A BIOS write-protects parts of RAM; QEMU does not hand that on to KVM, which has them as writable.
    writable = {block for *_, kind, block, _ in rows if kind == "ram"}
    return [(int(start, 16) // PAGE, (int(end, 16) + 1 - int(start, 16)) // PAGE,
             "rom" in kind and block not in writable, (block, int(offset or "0", 16) // PAGE))
            for start, end, kind, block, offset in rows]


def joined(runs):
    """[(gfn, pages, is rom)] ascending, neighbours of one kind as one."""
    out = []
    for gfn, pages, rom in sorted(runs):
        if out and out[-1][0] + out[-1][1] == gfn and out[-1][2] == rom:
            out[-1] = (out[-1][0], out[-1][1] + pages, rom)
        else:
            out.append((gfn, pages, rom))
    return out


def reached_once(rows):
    """All pages as runs; what is shown twice belongs to the writable place, then to the lower one."""
    runs, taken = [], {}
    for row in sorted(rows, key=lambda row: (row[2], row[0])):
        gfn, pages, rom, (block, first) = row
        if any(other is not row and other[3][0] == block and other[3][1] < first + pages
               and first < other[3][1] + other[1] for other in rows):
            for page in range(pages):
                taken.setdefault((block, first + page), (gfn + page, 1, rom))
        else:
            runs.append((gfn, pages, rom))
    return joined([*runs, *taken.values()])


def seen_runs(report):
    """The same of a report."""
    return joined((region["gfn"], region["bytes"] // PAGE, region.get("rom", False))
                  for region in report["regions"] if "gfn" in region)


class Slots(kvmtest.TestCase):
    def setUp(self):
        need_bpf()

    def equals_qemu(self, vm):
        """All of it stands still."""
        report = scan(vm.pid, "--bpf")
        size = vm.qmp("query-memory-size-summary")
        blocks = ram_blocks(vm)
        self.assertEqual(report["pages"]["total"] * PAGE, sum(total for _, total in blocks.values()))
        self.assertEqual(sum(r["bytes"] for r in report["regions"]), report["pages"]["total"] * PAGE)
        self.assertEqual(seen_runs(report), reached_once(mtree(vm)))
        self.assertTrue(any(r["rule"] == "memslot" for r in report["regions"]))
        self.assertEqual({r["rule"] for r in report["regions"] if "gfn" in r}, {"memslot"})
        by_rules = scan(vm.pid)
        self.assertEqual(report["pages"], by_rules["pages"])
        self.assertGreaterEqual(report["pages"]["total"] * PAGE, size["base-memory"] + size.get("plugged-memory", 0))
        ram = vm.migrate()
        self.assertEqual(report["pages"]["nonzero"], ram["normal"])
        return report, size, blocks

    def machines(self, version):
        def memory(kind, size, name="more", **options):
            more = "".join(f",{key.replace('_', '-')}={value}" for key, value in options.items())
            return "-object", f"{kind},id={name},size={size}{more}"
        yield "plain", dict(ram="300M")
        yield "with a display", dict(ram="256M", devices=True)
        yield "split at 3 GiB", dict(ram="4G")
        yield "3.5 GiB", dict(ram="3584M")
        yield "q35", dict(ram="256M", extra=("-machine", "q35"))
        yield "memfd", dict(ram="256M", devices=True, backend="memory-backend-memfd,share=on")
        yield "NUMA nodes", dict(ram="600M", extra=(*memory("memory-backend-ram", "300M"),
                                                    *memory("memory-backend-memfd", "300M", "a", share="on"),
                                                    "-numa", "node,memdev=a", "-numa", "node,memdev=more"))
        yield "DIMM", dict(ram="256M", extra=("-m", "256M,slots=2,maxmem=2G", *memory("memory-backend-ram", "256M"),
                                              "-device", "pc-dimm,memdev=more"))
        yield "ivshmem", dict(ram="256M", extra=(*memory("memory-backend-file", "4M", share="on", mem_path=self.file),
                                                 "-device", "ivshmem-plain,memdev=more,master=on"))
        yield "virtio-mem", dict(ram="256M", extra=("-m", "256M,maxmem=2G", *memory("memory-backend-ram", "512M"),
                                                    "-device", "virtio-mem-pci,memdev=more,requested-size=128M"))
        yield "nothing but RAM", dict(ram="256M", extra=("-machine", "microvm"))

    def start_stopped(self, binary, **options):
        """A guest whose BIOS is through: where its ROMs are does not change any more."""
        options["extra"] = (*options.get("extra", ()), "-nic", "none")
        vm = self.qemu(binary, **options)
        seen = [None]

        def is_settled():
            before, seen[0] = seen[0], mtree(vm)
            return before == seen[0]
        wait_for(is_settled, "a BIOS that leaves its memory alone", 20, step=0.3)
        vm.qmp("stop")
        return vm

    def test_slots_are_those_of_qemu_and_nonzero_pages_those_of_a_migration(self):
        need_qemu()
        with tempfile.NamedTemporaryFile() as f:
            self.file = f.name
            for version, binary in sorted(qemu_binaries().items()):
                for what, options in self.machines(version):
                    if binary != need_qemu() and what in SAME_EVERYWHERE:
                        continue
                    with self.subTest(qemu=version, machine=what):
                        vm = self.start_stopped(binary, **options)
                        report, size, _ = self.equals_qemu(vm)
                        seen = seen_runs(report)
                        print(f"    QEMU {version[0]}.{version[1]}, {what}: {len(report['regions'])} regions, "
                              f"{sum(run[1] for run in seen)} of {report['pages']['total']} pages have a slot, "
                              f"{sum(run[1] for run in seen if run[2])} of them ROM; {report['pages']['nonzero']} are set")
                        vm.close()

    def test_a_dimm_that_is_plugged_in_later_is_in(self):
        vm = self.start_stopped(need_qemu(), ram="256M", extra=("-m", "256M,slots=2,maxmem=2G"))
        before = scan(vm.pid, "--bpf")
        vm.qmp("object-add", **{"qom_type": "memory-backend-ram", "id": "more", "size": 128 * MIB})
        vm.qmp("device_add", driver="pc-dimm", id="dimm", memdev="more")
        report, size, _ = self.equals_qemu(vm)
        self.assertEqual(size["plugged-memory"], 128 * MIB)
        self.assertEqual(report["pages"]["total"] - before["pages"]["total"], 128 * MIB // PAGE)
        def seen(r):
            return sum(pages for _, pages, _ in seen_runs(r))

        self.assertEqual(seen(report) - seen(before), 128 * MIB // PAGE)

    def test_hugetlbfs(self):
        binary = need_qemu()
        with huge_pages(140):
            # With a VGA window a slot ends in the middle of a huge page.
            vm = self.start_stopped(binary, ram="256M", devices=True,
                                    backend="memory-backend-memfd,share=on,hugetlb=on,hugetlbsize=2M")
            report, *_ = self.equals_qemu(vm)
            self.assertIn(("memslot", "hugetlbfs"), {(r["rule"], r["backing"]) for r in report["regions"]})
            vm.close()

    # --- a VMM whose mappings tell nothing ---

    def own_vmm(self, case):
        process = subprocess.Popen([sys.executable, "-B", SLOTS_VMM, case], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.stdout.close)
        line = process.stdout.readline()
        self.assertTrue(line, f"no VM of case {case}")
        return process.pid, json.loads(line)

    def check_own_vmm(self, case):
        pid, vms = self.own_vmm(case)
        for truth in vms:
            target = f"{pid}:{truth['fd']}"
            report = scan(target, "--bpf")
            for name in ("total", "nonzero", "zero_content", "untouched"):
                self.assertEqual(report["pages"][name], truth[name], f"{name} of {target}, {case}")
            self.assertEqual({r["rule"] for r in report["regions"]}, {"memslot"})
            self.assertEqual([r["gfn"] for r in report["regions"]], truth["gfns"])
            self.assertEqual(sum(r["bytes"] // PAGE for r in report["regions"] if r.get("rom")), truth["rom"])
            self.assertEqual(report["warnings"], truth.get("warnings", []))
        return pid, vms

    def test_memory_that_is_mapped_or_shown_twice_counts_once(self):
        pid, vms = self.check_own_vmm("twice")
        self.assertNotEqual(scan(f"{pid}:{vms[0]['fd']}")["pages"]["total"], vms[0]["total"])

    def test_memory_inside_of_a_larger_mapping_is_told_from_the_rest(self):
        pid, vms = self.check_own_vmm("inside")
        self.assertNotEqual(scan(f"{pid}:{vms[0]['fd']}")["pages"]["total"], vms[0]["total"])

    def test_vms_of_one_process_are_kept_apart(self):
        pid, vms = self.check_own_vmm("neighbours")
        found = {vm["vm_fd"]: vm.get("ram_bytes") for vm in snapshot("--bpf", "-p", str(pid))["vms"]}
        self.assertEqual(found, {vm["fd"]: vm["total"] * PAGE for vm in vms})
        without = [vm.get("ram_bytes") for vm in snapshot("-p", str(pid))["vms"]]
        self.assertEqual(without, [None, None])

    # --- migrations ---

    def test_a_migration_is_shown_within_one_tick_and_not_after_its_end(self):
        need_qemu()
        for version, binary in sorted(qemu_binaries().items()):
            with self.subTest(qemu=version):
                vm = self.qemu(binary, name="guest=leaver,debug-threads=on", ram="256M")
                log = self.background(KVMLENS, "--bpf", "-l", "-s", "0.5", "--format", "json", "-p", str(vm.pid))
                self.check_migration(vm, log)
                log.close()
                vm.close()

    def flags(self, log):
        return [(vm_of(r, r["vms"][0]["pid"]).get("dirty_logged"), r["vms"][0].get("migrating"))
                for r in log.records() if r["vms"]]

    def next_flags(self, log, what, count):
        """Those of the tick that began after this call, and so of @count more."""
        have = len(self.flags(log))
        wait_for(lambda: len(self.flags(log)) >= have + 1 + count, what)
        return self.flags(log)[have + 1:]

    def check_migration(self, vm, log):
        wait_for(lambda: self.flags(log), "a first record")
        self.assertEqual(self.next_flags(log, "before", 2)[-1], (False, False))
        vm.qmp("migrate-set-parameters", max_bandwidth=20000)
        vm.qmp("migrate", uri="exec:cat > /dev/null")
        wait_for(lambda: vm.qmp("query-migrate").get("status") == "active", "a migration")
        self.assertEqual(set(self.next_flags(log, "meanwhile", 2)), {(True, True)})
        vm.qmp("migrate-set-parameters", max_bandwidth=1 << 40)
        wait_for(lambda: vm.qmp("query-migrate").get("status") == "completed", "its end", 30)
        time.sleep(0.1)  # its thread is joined a moment later
        # QEMU keeps the log until the guest runs again.
        self.assertEqual(set(self.next_flags(log, "after", 2)), {(True, False)})
        vm.qmp("cont")
        self.assertEqual(set(self.next_flags(log, "running again", 2)), {(False, False)})

    def test_without_bpf_nothing_is_said_of_it(self):
        vm = self.qemu(need_qemu(), name="guest=stayer,debug-threads=on", ram="64M")
        self.assertNotIn("migrating", vm_of(snapshot("-p", str(vm.pid)), vm.pid))
        self.assertIs(vm_of(snapshot("--bpf", "-p", str(vm.pid)), vm.pid)["migrating"], False)

    def test_metrics_take_one_sample_and_have_it_all_the_same(self):
        vm = self.qemu(need_qemu(), name="guest=stayer,debug-threads=on", ram="64M")
        wanted = [rf'(?m)^kvmlens_vm_{name}\{{vm="stayer",pid="{vm.pid}",vm_fd="\d+"}} 0$' for name in ("migrating", "dirty_logged")]
        for form in ("prometheus", "openmetrics"):
            def both(form=form):
                out = kvmtest.kvmlens("--bpf", "-1", "--format", form, "-p", str(vm.pid)).out
                return all(re.search(each, out) for each in wanted)
            # On a busy machine a process takes too long, and is left to the next sample: there is none.
            kvmtest.wait_for(both, f"both in one sample of {form}")

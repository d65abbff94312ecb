# SPDX-License-Identifier: MIT
"""Zero-page scans of whole VMs, against what QEMU itself counts when it migrates them."""
import contextlib
import ctypes
import fcntl
import glob
import json
import os
import random
import re
import signal
import sys
import tempfile
import time

import kvmtest
from kvmtest import (KVMLENS, Background, kvmlens, need, need_qemu, need_root, qemu_binaries,
                     wait_for)

MIB = 1 << 20
PAGE = 4096
CLOCK_NANOSLEEP = 230  # its number on x86-64
# On this host part of the guest's code is emulated; a migration sends a few pages twice.
MIGRATION_SLACK = 5
POOL = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"


def scan(*args, expect=0, **kwargs):
    result = kvmlens("--format", "json", "--scan", *[str(a) for a in args], **kwargs)
    if result.returncode != expect:
        raise AssertionError(str(result))
    return json.loads(result.out)


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def zero_pages(report):
    pages = report["pages"]
    return pages["untouched"] + pages["zero_mapped"] + pages["zero_content"]


def status(pid):
    """Memory lines of /proc/PID/status in KiB: what a scan could add to. Pages of the program and its libraries
    (RssFile, and so VmRSS) come and go as QEMU runs code for the first time."""
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
        found = re.findall(r"^(RssAnon|RssShmem|VmPTE):\s+(\d+) kB", f.read(), re.M)
    return {name: int(value) for name, value in found}


def traces(pid):
    """What a scan could leave behind in a VMM: resident memory, page tables, blocks of its memfds."""
    found = {"status": status(pid), "blocks": {}}
    for path in glob.glob(f"/proc/{pid}/fd/*"):
        with contextlib.suppress(OSError):
            if "memory-backend" in os.readlink(path):
                found["blocks"][path] = os.stat(path).st_blocks
    return found


def ram_blocks(vm):
    """QEMU's RAM blocks as {name: (bytes in use, bytes mapped)}."""
    text = vm.qmp("human-monitor-command", command_line="info ramblock")
    rows = re.findall(r"^\s*(\S+)\s+\S+ \S+\s+0x[0-9a-f]+\s+(0x[0-9a-f]+)\s+(0x[0-9a-f]+)", text, re.M)
    return {name: (int(used, 16), int(total, 16)) for name, used, total in rows}


@contextlib.contextmanager
def huge_pages(count):
    """A pool of 2 MiB pages for the time of a test."""
    need_root()
    def pool():
        with open(POOL, encoding="ascii") as f:
            return int(f.read())

    def grow(by):
        with open(POOL, "w", encoding="ascii") as f:
            f.write(str(max(pool() + by, 0)))

    # Added and taken away, by one at a time: others may use the pool meanwhile.
    with alone_at(POOL):
        before = pool()
        grow(count)
        added = pool() - before
    try:
        need(added >= count, f"no {count} free huge pages")
        yield
    finally:
        with alone_at(POOL):
            grow(-added)


@contextlib.contextmanager
def alone_at(path):
    """Other tests wait, and those of other runs."""
    with open(path, encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def userfaultfd():
    """Held by this process for a while."""
    number = {"x86_64": 323, "aarch64": 282}[os.uname().machine]
    fd = ctypes.CDLL(None, use_errno=True).syscall(number, os.O_CLOEXEC)
    need(fd >= 0, "userfaultfd(2) is not allowed here")
    try:
        yield
    finally:
        os.close(fd)


def qemu_without_huge_pages(test):
    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as wrapper:
        wrapper.write(f"#!{sys.executable}\nimport ctypes, os, sys\n"
                      "ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE\n"
                      f"os.execv({need_qemu()!r}, [{need_qemu()!r}, *sys.argv[1:]])\n")
    test.addCleanup(os.unlink, wrapper.name)
    os.chmod(wrapper.name, 0o755)
    return wrapper.name


def mixed_pages(count, seed):
    """Pages of zeros, pages with one byte that is not, and random pages; and how many are not zero."""
    rng = random.Random(seed)
    pages, nonzero = [], 0
    for _ in range(count):
        kind = rng.randrange(3)
        page = bytearray(PAGE)
        if kind == 1:
            page[rng.randrange(PAGE)] = rng.randrange(1, 256)
        elif kind == 2:
            page = rng.randbytes(PAGE)
        nonzero += kind != 0
        pages.append(bytes(page))
    return b"".join(pages), nonzero


class AgainstMigration(kvmtest.TestCase):
    BESIDE = "own VMs"

    def assert_nothing_added(self, before, after):
        """A scan could only add; QEMU itself gives memory back now and then."""
        self.assertEqual(after["blocks"].keys(), before["blocks"].keys())
        for name, value in after["blocks"].items():
            self.assertLessEqual(value, before["blocks"][name], name)
        for name, value in after["status"].items():
            self.assertLessEqual(value, before["status"][name], name)

    def quiet_qemu(self, binary, extra=(), **kwargs):
        """A VM whose firmware has run and that stands still now."""
        # no network card: its firmware is a package of its own
        vm = self.qemu(binary, devices=True, extra=(*extra, "-nic", "none"), **kwargs)
        before, ticks = {}, 0
        step = 0.5 * kvmtest.SLOWER

        def settled():
            """Memory as it was, and a guest that mostly waits."""
            nonlocal before, ticks
            now, used = status(vm.pid), cpu_ticks(vm.pid)
            quiet = now == before and used - ticks < step * os.sysconf("SC_CLK_TCK") / 5
            before, ticks = now, used
            return quiet
        wait_for(settled, "firmware that is done", 20, step)
        vm.qmp("stop")
        return vm

    def check_against_migration(self, vm):
        report = scan(vm.pid)
        blocks = ram_blocks(vm)
        self.assertEqual(report["pages"]["total"] * PAGE, sum(total for _, total in blocks.values()))
        self.assertEqual(sum(n for k, n in report["pages"].items() if k != "total"),
                         report["pages"]["total"])
        ram = vm.migrate()
        self.assertEqual(ram["total"], sum(used for used, _ in blocks.values()))
        print(f"    nonzero {report['pages']['nonzero']}, migrated normal {ram['normal']}; "
              f"zero {zero_pages(report)}, duplicate {ram['duplicate']}; wire {report['wire']['bytes']},"
              f" transferred {ram['transferred']}; {report['cost']['elapsed_s'] * 1e3:.1f} ms")
        self.assertLessEqual(abs(report["pages"]["nonzero"] - ram["normal"]), MIGRATION_SLACK)
        self.assertLess(abs(report["wire"]["bytes"] - ram["transferred"]),
                        ram["transferred"] // 100 + 65536)
        return report

    def test_bios_only_16g_is_exact_reads_little_and_agrees_with_migration(self):
        need_qemu()
        for version, binary in sorted(qemu_binaries().items()):
            with self.subTest(qemu=version):
                vm = self.quiet_qemu(binary, ram="16G")
                costs = [scan(vm.pid)["cost"] for _ in range(10)]
                print(f"    QEMU {version[0]}.{version[1]}: {min(c['elapsed_s'] for c in costs) * 1e3:.1f} ms "
                      f"at best of 10, {costs[0]['bytes_read'] / MIB:.1f} MiB read")
                self.assertLess(costs[0]["bytes_read"], 256 * MIB)
                before = traces(vm.pid)
                self.check_against_migration_of_empty(vm, before)

    def check_against_migration_of_empty(self, vm, before):
        scan(vm.pid)
        scan(vm.pid, "--sample", "1000", "--threads", "2")
        self.assert_nothing_added(before, traces(vm.pid))
        report = self.check_against_migration(vm)
        self.assertGreater(report["zero_ratio"], 0.9999)
        self.assertLess(report["zero_ratio"], 1)

    def check_mix(self, binary, seed, **kwargs):
        """Pages of our choice at 64 MiB; all of them, and no other, are counted as what they are."""
        count = 64 * MIB // PAGE
        content, nonzero = mixed_pages(count, seed)
        with tempfile.NamedTemporaryFile() as blob:
            blob.write(content)
            blob.flush()
            loader = f"loader,file={blob.name},addr={64 * MIB:#x},force-raw=on"
            vm = self.quiet_qemu(binary, ram="256M", extra=("-device", loader), **kwargs)
        before = traces(vm.pid)
        start = scan(vm.pid)["regions"][0]["start"] + 64 * MIB
        report = scan(vm.pid, "--ram", f"{start:x}-{start + 64 * MIB:x}", "--threads", "2")
        self.assertEqual(report["pages"]["total"], count)
        self.assertEqual(report["pages"]["nonzero"], nonzero)
        self.assertEqual(zero_pages(report), count - nonzero)
        self.assertEqual(report["pages"]["unreadable"] + report["pages"]["swapped"], 0)
        estimate = scan(vm.pid, "--sample", "16384")
        self.assert_nothing_added(before, traces(vm.pid))
        full = self.check_against_migration(vm)
        self.assertLessEqual(estimate["estimate"]["ci95_low"] - 0.01, full["zero_ratio"])
        self.assertGreaterEqual(estimate["estimate"]["ci95_high"] + 0.01, full["zero_ratio"])
        return full

    def test_loaded_pages_are_counted_in_private_memory_with_huge_pages(self):
        report = self.check_mix(need_qemu(), 1)
        self.assertEqual(report["regions"][0]["backing"], "anonymous")

    def test_loaded_pages_are_counted_in_private_memory_without_huge_pages(self):
        report = self.check_mix(qemu_without_huge_pages(self), 2)
        self.assertEqual(report["regions"][0]["backing"], "anonymous")

    def test_loaded_pages_are_counted_in_a_shared_memfd(self):
        report = self.check_mix(need_qemu(), 3, backend="memory-backend-memfd,share=on")
        self.assertEqual(report["regions"][0]["backing"], "shmem")

    def test_loaded_pages_are_counted_in_a_private_memfd(self):
        self.check_mix(need_qemu(), 4, backend="memory-backend-memfd,share=off")

    def test_loaded_pages_are_counted_in_hugetlbfs(self):
        binary = need_qemu()
        with huge_pages(140):
            report = self.check_mix(binary, 5,
                                    backend="memory-backend-memfd,share=on,hugetlb=on,hugetlbsize=2M")
            self.assertEqual(report["regions"][0]["backing"], "hugetlbfs")
            self.doCleanups()  # the VM ends before its pool of huge pages goes


class RegionsOfLargeVms(kvmtest.TestCase):
    """Without a userfaultfd on the host a large VM's regions come from maps, else from smaps."""

    def memory(self, kind, size="300M", **options):
        more = "".join(f",{key.replace('_', '-')}={value}" for key, value in options.items())
        return ("-object", f"{kind},id=more,size={size},prealloc=on{more}")

    def machines(self, version):
        yield "plain", dict(devices=True)
        if version >= (10, 0):
            yield "memfds for all blocks", dict(devices=True, extra=("-machine", "aux-ram-share=on"))
        yield "nothing but RAM", dict(extra=("-machine", "microvm"))
        yield "memfd", dict(backend="memory-backend-memfd,share=on")
        yield "private memfd", dict(backend="memory-backend-memfd,share=off")
        yield "DIMM plugged in", dict(extra=("-m", "300M,slots=2,maxmem=2G", *self.memory("memory-backend-ram"),
                                             "-device", "pc-dimm,memdev=more"))
        yield "DIMM of a file, private", dict(extra=("-m", "300M,slots=2,maxmem=2G", *self.memory(
            "memory-backend-file", share="off", mem_path=self.file), "-device", "pc-dimm,memdev=more"))
        yield "virtio-mem", dict(backend="memory-backend-ram,prealloc=on", extra=("-m", "300M,maxmem=2G",
                                        "-object", "memory-backend-ram,id=more,size=512M",
                                        "-device", "virtio-mem-pci,memdev=more,requested-size=128M"))
        # Stacks lie side by side, 8 MiB and a guard page each: one of 512 begins at 2 MiB, as blocks do.
        yield "600 threads with stacks", dict(extra=[w for k in range(600)
                                                     for w in ("-object", f"iothread,id=io{k}")])
        yield "NUMA nodes", dict(extra=("-m", "600M", *self.memory("memory-backend-ram"),
                                        "-object", "memory-backend-ram,id=a,size=300M,prealloc=on",
                                        "-numa", "node,memdev=a", "-numa", "node,memdev=more"))

    def setUp(self):
        super().setUp()
        need_root()
        held = [link for link in glob.glob("/proc/[0-9]*/fd/*") if self.is_uffd(link)]
        need(not held, f"somebody else holds a userfaultfd: {held[:1]}")
        with tempfile.NamedTemporaryFile(delete=False) as f:
            self.file = f.name
        self.addCleanup(os.unlink, self.file)

    @staticmethod
    def is_uffd(link):
        try:
            return os.readlink(link) == "anon_inode:[userfaultfd]"
        except OSError:
            return False

    @staticmethod
    def regions(report):
        return sorted((r["start"], r["bytes"], r["backing"], r.get("skip")) for r in report["regions"])

    def test_maps_and_smaps_tell_the_same_regions(self):
        need_qemu()
        for (version, binary) in sorted(qemu_binaries().items()):
            for what, options in self.machines(version):
                extra = (*options.pop("extra", ()), "-nic", "none")
                if what != "virtio-mem":  # has its own mind about it
                    extra += ("-mem-prealloc",)
                with self.subTest(qemu=version, machine=what):
                    vm = self.qemu(binary, ram="300M", extra=extra, **options)
                    vm.qmp("stop")
                    by_maps = scan(vm.pid, "--sample", "100")
                    with userfaultfd():
                        by_smaps = scan(vm.pid, "--sample", "100")
                    self.assertEqual({r["rule"] for r in by_maps["regions"]},
                                     {"QEMU RAM block (guard page)"})
                    self.assertEqual({r["rule"] for r in by_smaps["regions"]},
                                     {"QEMU RAM block (dontfork)"})
                    self.assertEqual(self.regions(by_maps), self.regions(by_smaps))
                    self.assertEqual(by_maps["pages"], by_smaps["pages"])
                    vm.close()

    def test_vm_with_large_page_tables_and_little_memory_is_told_by_maps(self):
        vm = self.qemu(qemu_without_huge_pages(self), ram="2G")
        vm.migrate()  # reads all of it: 4 MiB of page tables full of the zero page
        report = scan(vm.pid)
        self.assertGreater(report["pages"]["zero_mapped"], 1 << 18)
        self.assertEqual({r["rule"] for r in report["regions"]}, {"QEMU RAM block (guard page)"})

    def test_vm_with_little_memory_is_told_by_smaps(self):
        vm = self.qemu(need_qemu(), ram="16G")
        self.assertEqual({r["rule"] for r in scan(vm.pid)["regions"]}, {"QEMU RAM block (dontfork)"})


class OwnVm(kvmtest.TestCase):
    def expect(self, vm):
        return vm.vms[0]["pages"]

    def test_vm_of_our_own_is_counted_right_under_every_backing(self):
        for backing in ("anon", "thp", "memfd"):
            with self.subTest(backing=backing):
                vm = self.own_vm("--backing", backing, "--ram", "64M", "--fill", "mix:4M:20M",
                                 "--fill", "read:32M:4M", "--fill", "onebyte:40M:1M:4095:2")
                before = traces(vm.pid)
                report = scan(vm.pid)
                self.assertEqual(report["pages"]["nonzero"], self.expect(vm)["nonzero"])
                self.assertEqual(report["pages"]["total"], self.expect(vm)["total"])
                self.assertEqual(traces(vm.pid), before)

    def test_text_report_names_classes_wire_size_cost_and_regions(self):
        vm = self.own_vm("--ram", "64M", "--fill", "nonzero:4M:8M")
        result = self.assert_status(kvmlens("--scan", str(vm.pid)), 0)
        for text in ("untouched", "zero content", "not zero", "On the wire", "x 4104", "x 9", "Cost",
                     "Regions", "dontfork"):
            self.assertIn(text, result.out)
        self.assertIn("\u2588", result.out)
        result = self.assert_status(kvmlens("--scan", str(vm.pid), "--no-unicode"), 0)
        self.assertTrue(result.out.isascii())
        self.assertEqual(result.err, "")

    def test_without_unicode_a_name_is_ascii_too(self):
        vm = self.own_vm("--comm", "\u6570\u636e-a")
        for options, name in (((), "\u6570\u636e-a"), (("--no-unicode",), "????-a")):
            result = kvmlens("--scan", str(vm.pid), *options, env=kvmtest.environment(LC_ALL="C.UTF-8"))
            self.assertEqual(result.out.split(" (")[0], name, str(result))
            self.assertEqual(result.out.isascii(), bool(options))

    def test_userfaultfd_memory_is_left_alone_and_said_so(self):
        need_root()
        vm = self.own_vm("--ram", "64M", "--fill", "nonzero:4M:8M", "--uffd", "16M:32M")
        report = scan(vm.pid, expect=3, timeout=10)
        self.assertEqual(report["pages"]["unreadable"], 32 * MIB // PAGE)
        self.assertIn("userfaultfd", " ".join(report["warnings"]))
        self.assertIn("userfaultfd", [r.get("skip") for r in report["regions"]])
        scan(vm.pid, "--force", expect=3, timeout=10)

    def test_given_range_of_all_addresses_is_done_at_once(self):
        vm = self.own_vm("--ram", "64M", "--fill", "nonzero:4M:8M")
        watch = kvmtest.Stopwatch()
        for more in ((), ("--sample", "100")):
            report = scan(vm.pid, "--ram", "0-10000000000000", *more, expect=3, timeout=10)
            self.assertEqual(report["pages"]["total"], 1 << 40)
        self.assertLess(watch.idle(), 5)
        self.assertIn("4 PiB", kvmlens("--scan", str(vm.pid), "--ram", "0-fffffffffffff000").err)

    def test_interrupted_scan_prints_what_it_has(self):
        vm = self.own_vm("--ram", "256M", "--fill", "nonzero:4M:200M")
        for signum in (signal.SIGINT, signal.SIGTERM):
            run = Background(KVMLENS, "--scan", str(vm.pid), "--max-rate", "20", "--format", "json")
            try:
                wait_for(lambda: self.has_read(run.pid), "some reading", 20)
                run.process.send_signal(signum)
                self.assertEqual(run.wait(2), 0, run.err())
                report = json.loads(run.out())
            finally:
                run.close()
            self.assertEqual(report["state"], "cancelled")
            self.assertTrue(report["partial"])
            self.assertIsNone(report["zero_ratio"])
            self.assertIsNone(report["wire"])
            self.assertGreater(report["pages"]["unread"], 0)

    def test_two_signals_before_the_first_figure_are_not_called_lack_of_memory(self):
        vm = self.own_vm("--ram", "512M", "--fill", "nonzero:4M:500M")  # some ms to find its regions
        for delay in (0.002, 0.005, 0.010, 0.015):
            run = Background(KVMLENS, "--scan", str(vm.pid), "--max-rate", "10")
            try:
                time.sleep(delay)
                run.process.send_signal(signal.SIGINT)
                run.process.send_signal(signal.SIGTERM)
                run.wait(5)
                self.assertNotIn("out of memory", run.err())
            finally:
                run.close()

    @staticmethod
    def has_read(pid):
        """Does a thread of the scanner wait because it has read more than --max-rate allows?"""
        for path in [path for each in kvmtest.family(pid) for path in glob.glob(f"/proc/{each}/task/*/syscall")]:
            with contextlib.suppress(OSError), open(path, encoding="ascii") as f:
                if f.read().split()[0] == str(CLOCK_NANOSLEEP):
                    return True
        return False

    def test_vm_that_ends_during_a_scan_is_a_failure_with_its_cause(self):
        vm = self.own_vm("--ram", "256M", "--fill", "nonzero:4M:200M")
        run = Background(KVMLENS, "--scan", str(vm.pid), "--max-rate", "20", "--format", "json")
        try:
            wait_for(lambda: self.has_read(run.pid), "some reading", 20)
            vm.kill()
            self.assertEqual(run.wait(5), 1)
            self.assertIn("ended", run.err())
            self.assertEqual(json.loads(run.out())["state"], "failed")
        finally:
            run.close()

    def test_vms_of_one_process_are_counted_together_and_said_so(self):
        vm = self.own_vm("--vms", "2", "--ram", "32M")
        report = scan(vm.pid)
        self.assertIn("2 VMs", " ".join(report["warnings"]))
        self.assertEqual(report["pages"]["total"], 64 * MIB // PAGE)

    def test_name_of_two_vms_lists_them(self):
        binary = need_qemu()
        pids = [self.qemu(binary, name="guest=twin").pid for _ in range(2)]
        result = self.assert_status(kvmlens("--scan", "twin"), 2)
        for pid in pids:
            self.assertIn(str(pid), result.err)
        self.assertEqual(result.out, "")

    def test_refusals_have_a_cause(self):
        vm = self.own_vm("--ram", "32M")
        for args, code, text in ((["--scan", "no-such-vm"], 1, "no-such-vm"),
                                 (["--scan", str(vm.pid), "--accel", "mmx"], 2, "avx2"),
                                 (["--scan", str(vm.pid), "--ram", "10-20"], 2, "--ram"),
                                 (["--scan", str(vm.pid), "--threads", "0"], 2, "--threads"),
                                 (["--scan", str(vm.pid), "--sample", "x"], 2, "--sample"),
                                 (["--scan", str(vm.pid), "--format", "csv"], 2, "csv")):
            result = self.assert_status(kvmlens(*args), code)
            self.assertIn(text, result.err)

    def test_two_scans_at_once_agree(self):
        vm = self.own_vm("--ram", "128M", "--fill", "mix:4M:100M")
        runs = [Background(KVMLENS, "--scan", str(vm.pid), "--format", "json", "--threads", "2")
                for _ in range(2)]
        try:
            self.assertEqual([r.wait(20) for r in runs], [0, 0])
            reports = [json.loads(r.out()) for r in runs]
        finally:
            for r in runs:
                r.close()
        self.assertEqual(reports[0]["pages"], reports[1]["pages"])
        self.assertEqual(reports[0]["pages"]["nonzero"], self.expect(vm)["nonzero"])

    def test_output_that_cannot_be_written_is_a_failure(self):
        vm = self.own_vm("--ram", "32M")
        with open("/dev/full", "w", encoding="ascii") as full:
            self.assertEqual(kvmlens("--scan", str(vm.pid), stdout=full).returncode, 1)

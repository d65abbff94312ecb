# SPDX-License-Identifier: MIT
"""Where the memory of a VM lies and what it moves, held against /proc, /sys and what was sent."""
import contextlib
import os
import re
import stat
import subprocess
import tempfile
import time

import kvmtest
import test_contention
from kvmtest import kvmlens, need, need_qemu, need_root, need_tool, snapshot, vm_of, wait_for
from test_scan import POOL, huge_pages

MIB = 1 << 20

# Makes a tap in a network name space of its own, has 7 packets come from it and 20 go into it, as the guest would
# send and receive them, and becomes QEMU.
TAP = """#!/bin/sh
exec unshare -n python3 - "$@" <<'END'
import fcntl, os, socket, struct, subprocess, sys
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454ca, struct.pack("16sH14x", b"guest0", 0x0002 | 0x1000))
with open("/proc/sys/net/ipv6/conf/guest0/disable_ipv6", "w") as f:
    f.write("1")
subprocess.run(["ip", "link", "set", "guest0", "up"], check=True)
frame = b"\\xff" * 6 + b"\\x02\\0\\0\\0\\0\\1" + b"\\x88\\xb5" + b"k" * 86
for _ in range(7):
    os.write(tun, frame)
out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
out.bind(("guest0", 0))
for _ in range(20):
    out.send(frame)
    os.read(tun, 2000)
out.close()
os.set_inheritable(tun, True)
os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
os.execv("QEMU", ["QEMU", *sys.argv[1:], "-netdev", f"tap,id=n,fd={tun}", "-device", "e1000,netdev=n,romfile="])
END
"""


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read()


def kib(text, key):
    return int(re.search(rf"^{key}:\s+(\d+) kB$", text, re.M).group(1)) * 1024


def smaps_of(pid, size):
    """The mapping of that many bytes in smaps, which is guest RAM."""
    for each in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", read(f"/proc/{pid}/smaps"), flags=re.M):
        match = re.match(r"([0-9a-f]+)-([0-9a-f]+) ", each)
        if match and int(match.group(2), 16) - int(match.group(1), 16) == size:
            return each
    raise AssertionError(f"no mapping of {size} bytes")


def has_scan():
    """PAGEMAP_SCAN came with Linux 6.7."""
    return tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups())) >= (6, 7)


@contextlib.contextmanager
def setting(path, value):
    """A setting of the kernel, for a while."""
    before = read(path).strip()
    try:
        with open(path, "w", encoding="ascii") as f:
            f.write(value)
        yield
    finally:
        with open(path, "w", encoding="ascii") as f:
            f.write(before)


class Memory(test_contention.Load):
    def memory_of(self, vm):
        return vm_of(snapshot("-p", str(vm.pid)), vm.pid)["memory"]

    def test_kinds_of_memory_are_those_of_status(self):
        vm = self.qemu(need_qemu(), ram="64M", backend="memory-backend-memfd,share=on,prealloc=on", extra=["-S"])
        keys = {"anon_bytes": "RssAnon", "file_bytes": "RssFile", "shmem_bytes": "RssShmem", "swapped_bytes": "VmSwap"}

        def agree():
            """Of a QEMU that is at rest between two looks at it."""
            before = read(f"/proc/{vm.pid}/status")
            seen = vm_of(snapshot("-p", str(vm.pid)), vm.pid)
            after = read(f"/proc/{vm.pid}/status")
            truth = {name: kib(after, key) for name, key in keys.items()}
            if truth != {name: kib(before, key) for name, key in keys.items()}:
                return False
            self.assertEqual({name: seen["memory"][name] for name in keys}, truth)
            self.assertEqual(seen["memory"]["resident_bytes"], kib(after, "VmRSS") + kib(after, "HugetlbPages"))
            self.assertGreaterEqual(seen["memory"]["shmem_bytes"], 64 * MIB)
            self.assertEqual(seen["missing"]["memory.balloon_bytes"], "balloon-not-visible")
            return True
        wait_for(agree, "a QEMU at rest", 30)

    def test_transparent_huge_pages_are_those_of_smaps(self):
        need(has_scan(), "page tables tell huge pages since Linux 6.7")
        need("[never]" not in read("/sys/kernel/mm/transparent_hugepage/enabled"), "no transparent huge pages here")
        vm = self.qemu(need_qemu(), ram="128M", backend="memory-backend-ram,prealloc=on", extra=["-S"])
        seen = self.memory_of(vm)
        smaps = smaps_of(vm.pid, 128 * MIB)
        self.assertGreater(kib(smaps, "AnonHugePages"), 64 * MIB, "QEMU asks for huge pages")
        # Its firmware and tables are looked at as well.
        self.assertGreaterEqual(seen["looked_pages"] * 4096, kib(smaps, "Rss"))
        huge = seen["thp_ratio"] * seen["looked_pages"] * 4096
        self.assertAlmostEqual(huge, kib(smaps, "AnonHugePages"), delta=2 * MIB)
        self.assertEqual((seen["huge_kind"], seen["hugetlb_ratio"]), ("thp", 0))

        shared = self.qemu(need_qemu(), ram="128M", backend="memory-backend-memfd,share=on,prealloc=on", extra=["-S"])
        seen = self.memory_of(shared)
        smaps = smaps_of(shared.pid, 128 * MIB)
        huge = seen["thp_ratio"] * seen["looked_pages"] * 4096
        self.assertAlmostEqual(huge, kib(smaps, "ShmemPmdMapped"), delta=2 * MIB)
        self.assertEqual(seen["huge_kind"], "none" if huge == 0 else "thp")

    def test_a_large_vm_is_sampled(self):
        need(has_scan(), "page tables tell huge pages since Linux 6.7")
        vm = self.qemu(need_qemu(), ram="2G", extra=["-S"])
        seen = self.memory_of(vm)
        # 256 windows of 2 MiB at most: of a guest that has not run yet there is nearly nothing in them.
        self.assertLess(seen.get("looked_pages", 0), 256 * 512)
        self.assertLess(kib(read(f"/proc/{vm.pid}/status"), "VmPTE"), 2 * MIB, "looking maps nothing")

    def test_pages_of_hugetlbfs(self):
        need_root()
        need(os.path.exists(POOL), "no hugetlbfs with pages of 2 MiB")
        with huge_pages(40):
            vm = self.qemu(need_qemu(), ram="64M", extra=["-S"],
                           backend="memory-backend-memfd,hugetlb=on,hugetlbsize=2M,share=on,prealloc=on")
            seen = self.memory_of(vm)
            self.assertEqual(seen["hugetlb_bytes"], 64 * MIB)
            self.assertGreaterEqual(seen["resident_bytes"], 64 * MIB)
            if has_scan():
                huge = seen["hugetlb_ratio"] * seen["looked_pages"] * 4096
                self.assertAlmostEqual(huge, 64 * MIB, delta=1)
                self.assertIn(seen["huge_kind"], ("hugetlb", "both"))
            vm.close()

    def test_a_cgroup_with_a_limit(self):
        need_root()
        vm = self.qemu(need_qemu(), ram="64M", backend="memory-backend-ram,prealloc=on", extra=["-S"])
        v1, v2 = test_contention.mount_of("cgroup", "memory"), test_contention.mount_of("cgroup2")
        need(v1 or (v2 and "memory" in read(f"{v2}/cgroup.subtree_control").split()), "no cgroups that count memory")
        limit, used = (("memory__limit_in_bytes", "memory.usage_in_bytes") if v1 else ("memory__max", "memory.current"))
        with self.group(v1 or v2, [vm.pid], **{limit: str(512 * MIB)}) as path:
            before = int(read(f"{path}/{used}"))
            seen = self.memory_of(vm)
            after = int(read(f"{path}/{used}"))
            self.assertEqual(seen["cgroup_max_bytes"], 512 * MIB)
            self.assertAlmostEqual(seen["cgroup_current_bytes"], (before + after) / 2, delta=after - before + MIB)
            self.set(path, limit.replace("__", "."), "-1" if v1 else "max")
            record = vm_of(snapshot("-p", str(vm.pid)), vm.pid)
            # Unless what this test runs in has one.
            if "cgroup_max_bytes" not in record["memory"]:
                self.assertEqual(record["missing"]["memory.cgroup_max_bytes"], "no-memory-limit")
            self.assertNotEqual(record["memory"].get("cgroup_max_bytes"), 512 * MIB)

    def test_merged_pages(self):
        need_root()
        run = "/sys/kernel/mm/ksm/run"
        need(os.path.exists(run), "this kernel merges no pages")
        vm = self.qemu(need_qemu(), ram="64M", backend="memory-backend-ram,prealloc=on", extra=["-S"])
        need(os.path.exists(f"/proc/{vm.pid}/ksm_stat"), "the kernel tells it of a process since Linux 6.1")
        others = [pid for pid in os.listdir("/proc") if pid.isdigit() and int(pid) != vm.pid
                  and any(link == "anon_inode:kvm-vm" for link in links_of(pid))]
        need(not others, "pages of other VMs on this host would be merged too")

        def agree():
            def pages(key):
                return int(re.search(rf"^{key} (\d+)$", read(f"/proc/{vm.pid}/ksm_stat"), re.M).group(1)) * 4096
            before, seen = pages("ksm_merging_pages"), self.memory_of(vm)
            need(before != 0, "this kernel's KSM merged nothing of an idle VM in three passes; nested/test_ksm has it")
            if before != pages("ksm_merging_pages"):
                return False
            self.assertEqual(seen["ksm_merged_bytes"], before)
            return True
        # Its RAM is all zero, and so all equal; huge pages are split for it.
        with setting("/sys/kernel/mm/ksm/sleep_millisecs", "1"), setting("/sys/kernel/mm/ksm/pages_to_scan", "20000"):
            passes = "/sys/kernel/mm/ksm/full_scans"
            first = int(read(passes))  # it goes on from earlier runs
            with setting(run, "1"):
                wait_for(lambda: int(read(passes)) >= first + 3, "three passes of KSM", 60)
            wait_for(agree, "merged pages", 30)

    def test_one_node_is_no_place_to_choose(self):
        vm = self.qemu(need_qemu(), ram="64M", backend="memory-backend-ram,prealloc=on")
        record = vm_of(snapshot("-p", str(vm.pid)), vm.pid)
        if re.fullmatch(r"\d+\n", read("/sys/devices/system/node/online")):
            self.assertNotIn("numa_local_ratio", record["memory"])
            self.assertEqual(record["missing"]["memory.numa_local_ratio"], "one-numa-node")
        else:
            self.assertGreater(record["memory"]["numa_pages"], 0)
            self.assertTrue(0 <= record["memory"]["numa_local_ratio"] <= 1)


def links_of(pid):
    found = []
    with contextlib.suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return found


class InOut(kvmtest.TestCase):
    BESIDE = "own VMs"

    def image(self, size):
        """On a disk: what is in memory alone is no storage."""
        file = tempfile.NamedTemporaryFile(prefix="kvmtest-", suffix=".img", dir="/var/tmp")
        self.addCleanup(file.close)
        file.truncate(size)
        return file.name

    def io_of(self, vm, *args):
        return vm_of(snapshot("-p", str(vm.pid), *args), vm.pid)["io"]

    def test_what_qemu_writes_is_what_the_kernel_counts(self):
        path, cd = self.image(32 * MIB), self.image(MIB)
        vm = self.qemu(need_qemu(), ram="64M", extra=[
            "-S", "-drive", f"file={path},format=raw,if=none,id=d,cache=none", "-device", "virtio-blk-pci,drive=d",
            "-drive", f"file={cd},format=raw,if=none,id=cd,readonly=on", "-device", "ide-cd,drive=cd"])

        def written():
            return int(re.search(r"^write_bytes: (\d+)$", read(f"/proc/{vm.pid}/io"), re.M).group(1))

        first = self.io_of(vm)
        self.assertEqual(first["written_bytes"], written())
        answer = vm.qmp("human-monitor-command", command_line='qemu-io d "write -P 7 0 16M"')
        self.assertNotIn("rror", answer)
        now = self.io_of(vm)
        self.assertEqual(now["written_bytes"], written())
        if now["written_bytes"] == first["written_bytes"]:
            kvmtest.say_skipped("bytes that are written: /var/tmp is no disk")
        else:
            self.assertGreaterEqual(now["written_bytes"] - first["written_bytes"], 16 * MIB)
        images = {d["name"]: d for d in now["devices"] if d["kind"] == "image"}
        self.assertEqual((images[path]["read_only"], images[cd]["read_only"]), (False, True))
        self.assertNotIn("in_bytes", images[path])

    def test_a_rate_is_seen_while_qemu_writes(self):
        path = self.image(64 * MIB)
        vm = self.qemu(need_qemu(), ram="64M", extra=[
            "-S", "-drive", f"file={path},format=raw,if=none,id=d,cache=none", "-device", "virtio-blk-pci,drive=d"])
        log = self.background(kvmtest.KVMLENS, "-l", "-s", "0.2", "-p", str(vm.pid), "--format", "json")
        wait_for(lambda: len(log.records()) >= 2, "a log")
        vm.qmp("human-monitor-command", command_line='qemu-io d "write -P 7 0 64M"')
        count = len(log.records())
        wait_for(lambda: len(log.records()) >= count + 2, "records behind it")
        moved = sum(vm_of(r, vm.pid)["io"].get("written_bytes_per_second", 0) *
                    r["interval_s"] for r in log.records() if "interval_s" in r)
        truth = int(re.search(r"^write_bytes: (\d+)$", read(f"/proc/{vm.pid}/io"), re.M).group(1))
        if truth < 64 * MIB:
            kvmtest.say_skipped("bytes that are written: /var/tmp is no disk")
            return
        self.assertAlmostEqual(moved / truth, 1, delta=0.1)

    def test_packets_of_a_tap_are_those_of_the_guest(self):
        need_root()
        need(os.path.exists("/dev/net/tun"), "no /dev/net/tun")
        need_tool("ip")
        with tempfile.NamedTemporaryFile("w", prefix="kvmtest-", suffix=".sh", delete=False) as wrapper:
            wrapper.write(TAP.replace("QEMU", need_qemu()))
        self.addCleanup(os.unlink, wrapper.name)
        os.chmod(wrapper.name, 0o700)
        vm = self.qemu(wrapper.name, ram="64M", extra=["-S"])
        taps = [d for d in self.io_of(vm)["devices"] if d["kind"] == "tap"]
        self.assertEqual([d["name"] for d in taps], ["guest0"])
        tap = taps[0]
        self.assertEqual((tap["out_ops"], tap["out_bytes"]), (7, 700))
        self.assertEqual((tap["in_ops"], tap["in_bytes"]), (20, 2000))
        line = re.search(r"guest0:(.*)", read(f"/proc/{vm.pid}/net/dev")).group(1).split()
        self.assertEqual([tap["out_bytes"], tap["out_ops"], tap["out_drops"]], [int(line[i]) for i in (0, 1, 3)])
        self.assertEqual([tap["in_bytes"], tap["in_ops"], tap["in_drops"]], [int(line[i]) for i in (8, 9, 11)])
        self.assertNotIn("guest0", read("/proc/net/dev"))
        out = kvmlens("-1", "-p", str(vm.pid), "--format", "prometheus").out
        self.assertRegex(out, r'kvmlens_vm_device_operations_total\{[^}]*device="guest0",direction="out"\} 7\n')

    def test_a_block_device_is_counted_with_its_own(self):
        need_root()
        need_tool("losetup")
        path = self.image(16 * MIB)
        made = subprocess.run(["losetup", "-f", "--show", path], capture_output=True, text=True, check=False)
        need(made.returncode == 0, f"no loop device to be had: {made.stderr.strip()}")
        loop = made.stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "-d", loop], check=False)
        vm = self.qemu(need_qemu(), ram="64M", extra=[
            "-S", "-drive", f"file={loop},format=raw,if=none,id=d,cache=none", "-device", "virtio-blk-pci,drive=d"])
        vm.qmp("human-monitor-command", command_line='qemu-io d "write -P 7 0 4M"')
        vm.qmp("human-monitor-command", command_line='qemu-io d "read 0 2M"')
        number = os.stat(loop).st_rdev
        self.assertTrue(stat.S_ISBLK(os.stat(loop).st_mode))
        device = next(d for d in self.io_of(vm)["devices"] if d["kind"] == "block")
        truth = read(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}/stat").split()
        self.assertEqual((device["name"], device["read_only"]), (loop, False))
        self.assertEqual([device["in_ops"], device["in_bytes"]], [int(truth[0]), int(truth[2]) * 512])
        self.assertEqual([device["out_ops"], device["out_bytes"]], [int(truth[4]), int(truth[6]) * 512])
        self.assertGreaterEqual(device["out_bytes"], 4 * MIB)
        self.assertNotIn("in_drops", device)
        vm.close()

    def test_what_is_not_shown_is_not_read(self):
        need_tool("strace")
        vm = self.qemu(need_qemu(), ram="64M", extra=["-S"])

        def opened(*args):
            with tempfile.NamedTemporaryFile("r", prefix="kvmtest-") as log:
                kvmlens("-1", "-s", "0.1", "-p", str(vm.pid), *args, timeout=60, prefix=(
                    "strace", "-f", "-qq", "-e", "trace=openat,openat2", "-o", log.name, *kvmtest.NO_LEAK_CHECK))
                text = read(log.name)
                return [name for name in ("io", "ksm_stat", "pagemap", "net/dev", "fdinfo")
                        if re.search(rf'"proc/{vm.pid}/{name}["/]', text)]
        self.assertEqual(opened(), [])
        self.assertLessEqual({"io", "ksm_stat", "pagemap"}, set(opened("--format", "json")))


class OnTheScreen(kvmtest.TestCase):
    """The columns of sets 4 and 5."""
    BESIDE = "own VMs"

    def monitor(self, vm, key, set_name, delay="0.2"):
        t = self.tmux(kvmtest.KVMLENS, "-s", delay, "-p", str(vm.pid), columns=200, lines=24)
        t.wait(lambda s: re.search(rf"^ *{vm.pid} ", s, re.M), "the row of the VM", 20)
        t.send(key)
        t.wait(lambda s: f" {set_name} " in s.splitlines()[0], "the set in the top line")
        return t

    def cells(self, screen, pid):
        """{title: text} of its row. All but the name is one word, and the name here is, too."""
        lines = screen.splitlines()
        titles = next((line for line in lines if re.search(r"\bPID NAME\b", line)), "")
        row = next((line for line in lines if re.match(rf" *{pid} ", line)), "")
        names = re.sub("[\u25b4\u25be]", "", titles).split()
        return dict(zip(names, row.split())) if len(names) == len(row.split()) else {}

    def wait_cells(self, t, vm, condition, what, seconds=20):
        """Its cells, as soon as they are so."""
        return t.wait(lambda s: (lambda c: c if c and condition(c) else None)(self.cells(s, vm.pid)), what, seconds)

    def test_huge_pages_come_and_the_set_for_memory_says_so(self):
        need_root()
        need(has_scan(), "page tables tell huge pages since Linux 6.7")
        need(os.path.exists(POOL), "no hugetlbfs with pages of 2 MiB")
        with huge_pages(40):
            # A file is mapped by small pages, mostly.
            with tempfile.NamedTemporaryFile(prefix="kvmtest-", dir="/var/tmp") as file:
                backend = f"memory-backend-file,mem-path={file.name},share=on,prealloc=on"
                vm = self.qemu(need_qemu(), name="guest=places", ram="96M", backend=backend, extra=[
                    "-S", "-m", "96M,slots=1,maxmem=1G"])
                t = self.monitor(vm, "4", "memory")
                small = self.wait_cells(t, vm, lambda c: re.match(r"[0-9]", c.get("HUGE%", "")), "a share", 30)
                smaps = smaps_of(vm.pid, 96 * MIB)
                huge = sum(kib(smaps, key) for key in ("ShmemPmdMapped", "FilePmdMapped"))
                all_of_it = kib(smaps, "Rss")
                self.assertAlmostEqual(float(small["HUGE%"]), 100 * huge / all_of_it, delta=5)
                self.assertEqual(small["KIND"], "none" if float(small["HUGE%"]) == 0 else "thp")
                vm.qmp("human-monitor-command", command_line="object_add memory-backend-memfd,id=more,size=64M,"
                       "hugetlb=on,hugetlbsize=2M,share=on,prealloc=on")
                vm.qmp("human-monitor-command", command_line="device_add pc-dimm,memdev=more")
                wait_for(lambda: kib(read(f"/proc/{vm.pid}/status"), "HugetlbPages") == 64 * MIB, "huge pages")
                more = self.wait_cells(t, vm, lambda c: c["KIND"] in ("hugetlb", "both"), "huge pages on the screen", 40)
                status = read(f"/proc/{vm.pid}/status")
                truth = (huge + 64 * MIB) / (all_of_it + 64 * MIB)
                self.assertAlmostEqual(float(more["HUGE%"]), 100 * truth, delta=5)
                self.assertAlmostEqual(bytes_of(more["RES"]), kib(status, "VmRSS") + 64 * MIB, delta=2 * MIB)
                self.assertAlmostEqual(bytes_of(more["PRIV"]), kib(status, "RssAnon"), delta=MIB)
                shared = kib(status, "RssShmem") + kib(status, "RssFile")
                self.assertAlmostEqual(bytes_of(more["SHARED"]), shared, delta=2 * MIB)
                if kib(status, "VmSwap") == 0:
                    self.assertEqual(more["SWAP"], "0")
                t.send("q")
                self.assertEqual(t.wait_exit(), 0)
                vm.close()

    def test_bytes_that_are_written_are_those_of_proc(self):
        with tempfile.NamedTemporaryFile(prefix="kvmtest-", suffix=".img", dir="/var/tmp") as file:
            file.truncate(64 * MIB)
            vm = self.qemu(need_qemu(), name="guest=moves", ram="64M", extra=[
                "-S", "-drive", f"file={file.name},format=raw,if=none,id=d,cache=none",
                "-device", "virtio-blk-pci,drive=d"])
            t = self.monitor(vm, "5", "I/O", delay="1")
            quiet = self.wait_cells(t, vm, lambda c: re.match(r"[0-9]", c.get("WRITE/s", "")), "a rate")
            self.assertEqual((quiet["WRITE/s"], quiet["READ/s"]), ("0", "0"))
            # It has neither, which is not 0.
            for title in ("RDOP/s", "WROP/s", "RX/s", "TX/s", "RXPK/s", "TXPK/s", "RXDRP/s", "TXDRP/s"):
                self.assertEqual(quiet[title], "\N{EM DASH}", title)

            def written():
                return int(re.search(r"^write_bytes: (\d+)$", read(f"/proc/{vm.pid}/io"), re.M).group(1))

            def shown_of_a_burst():
                """What the screen says was written by a burst, summed over its samples: each has a second of its own."""
                self.wait_cells(t, vm, lambda c: c["WRITE/s"] == "0", "a rate of 0")
                before, samples = written(), {}
                vm.qmp("human-monitor-command", command_line='qemu-io d "write -P 7 0 32M"')
                end = time.monotonic() + 4
                while time.monotonic() < end:
                    screen = t.screen()
                    samples[screen.split("\n", 1)[0].split()[-1]] = bytes_of(self.cells(screen, vm.pid)["WRITE/s"])
                    time.sleep(0.02)
                return written() - before, sum(samples.values())
            # A sample that is late on a busy host is of more than its second.
            pairs = []
            for _ in range(5):
                pairs.append(shown_of_a_burst())
                truth, shown = pairs[-1]
                if truth == 0:
                    kvmtest.say_skipped("bytes that are written: /var/tmp is no disk")
                    break
                self.assertGreaterEqual(truth, 32 * MIB)
                if abs(shown / truth - 1) < 0.1:
                    break
            else:
                self.fail(f"written, and shown: {pairs}")
            t.send("q")
            self.assertEqual(t.wait_exit(), 0)


def bytes_of(text):
    """Of a cell, "11.7M"."""
    match = re.fullmatch(r"!*<?([0-9.]+)([KMGT]?)", text)
    return float(match.group(1)) * 1024 ** " KMGT".index(match.group(2) or " ") if match else 0.0

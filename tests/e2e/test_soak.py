# SPDX-License-Identifier: MIT
"""VMs come and go for a long time beside a monitor, a log and scans: nothing grows, nothing stays behind.

SOAK_SECONDS (12): how long. `make soak` takes 600. Figures before and after are printed.
"""
import json
import os
import random
import signal
import subprocess
import sys
import time

import kvmtest
from kvmtest import (KVMLENS, KernelLog, TestVm, kvmlens, need_kvm, need_root, process_state, read_stats, sanitized,
                     snapshot, vm_of, vms_of, wait_for)

SECONDS = float(os.environ.get("SOAK_SECONDS", "12"))
AT_ONCE = 4  # VMs that run beside the one that stays
KIB = 1024
# What a process may have more at the end than after its first rounds. The history of a VM is kept for a while after
# its end, and malloc keeps pages.
SLACK = {"descriptors": 3, "threads": 0, "children": 0, "rss": 4096 * KIB}


def descendants(pid):
    """Process ids of what a process has started, and they."""
    found = []
    try:
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/children", encoding="ascii") as f:
                for child in f.read().split():
                    found += [int(child), *descendants(int(child))]
    except OSError:
        pass
    return found


def figures(pid):
    """What a program holds, its children together with it. A moment's state: see calm()."""
    sums = {"descriptors": 0, "threads": 0, "rss": 0, "children": 0}
    for process in [pid, *descendants(pid)]:
        try:
            sums["descriptors"] += len(os.listdir(f"/proc/{process}/fd"))
            sums["threads"] += len(os.listdir(f"/proc/{process}/task"))
            with open(f"/proc/{process}/statm", encoding="ascii") as f:
                sums["rss"] += int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            sums["children"] += process != pid
        except OSError:
            pass  # it ended meanwhile
    return sums


def calm(pid):
    """The least of some looks: descriptors are open for the time of a tick only."""
    looks = []
    for _ in range(20):
        looks.append(figures(pid))
        time.sleep(0.023)
    return {name: min(look[name] for look in looks) for name in looks[0]}


def debugfs_dirs(pids):
    """Directories of debugfs that belong to these processes, by the number they begin with."""
    path = kvmtest.debugfs()
    return [name for name in os.listdir(path) if name.partition("-")[0] in {str(p) for p in pids}] if path else []


class Soak(kvmtest.TestCase):
    seconds = int(SECONDS * 1.5) + 90

    def churn(self, until, stays):
        """VMs are started and ended, kindly or not, until that time; the process ids of all, and how many scans."""
        chance = random.Random(1)
        running, pids, scans = [], [], 0
        while time.monotonic() < until:
            vm = TestVm("--vcpus", str(chance.randint(1, 4)), "--ram", f"{chance.choice([2, 8, 16])}M", "--vms",
                        str(chance.randint(1, 2)), "--fill", "mix:1M:1M", "--stats",
                        chance.choice(["both", "both", "vm", "none"]))
            running.append(self.start(vm))
            pids.append(vm.pid)
            if len(pids) % 5 == 0:
                result = kvmlens("--scan", str(stays.pid), "--format", "json", timeout=10)
                self.assert_status(result, 0)
                self.assertEqual(json.loads(result.out)["pages"], self.pages)
                scans += 1
            if len(pids) % 7 == 0:
                # Ends in the middle of the scan, or before.
                scan = self.background(KVMLENS, "--scan", f"{vm.pid}:{vm.vms[0]['vm_fd']}", "--format", "json")
                vm.kill()
                self.assertIn(scan.wait(10), (0, 1, 2, 3))
                scan.close()
            if len(pids) % 3 == 0 and vm.process.poll() is None:
                vm.recreate()
            while len(running) > AT_ONCE:
                vm = running.pop(chance.randrange(len(running)))
                if chance.random() < 0.5:
                    vm.kill()
                vm.close()
        for vm in running:
            vm.close()
        return pids, scans

    def test_vms_come_and_go_and_nothing_grows(self):
        need_kvm()
        need_root()
        kernel = self.start(KernelLog())
        stays = self.own_vm("--vcpus", "2", "--ram", "16M", "--fill", "mix:2M:4M", "--comm", "stays")
        result = self.assert_status(kvmlens("--scan", str(stays.pid), "--format", "json"), 0)
        self.pages = json.loads(result.out)["pages"]
        monitor = self.tmux(KVMLENS, "-s", "0.1", columns=120, lines=40)
        monitor.wait_text("stays")
        log = self.background(KVMLENS, "-l", "-s", "0.1", "--format", "json", stdout=subprocess.DEVNULL)
        programs = {"monitor": monitor.child_pid(), "log": log.pid}
        start = time.monotonic()
        # Tables have grown to what they need after the first rounds.
        self.churn(start + SECONDS / 4, stays)
        wait_for(lambda: process_state(log.pid) == "S", "a log that sleeps")
        before = {name: calm(pid) for name, pid in programs.items()}
        pids, scans = self.churn(start + SECONDS, stays)
        monitor.wait_text("stays")
        monitor.wait(lambda s: not any(f" {pid} " in s for pid in pids), "VMs that left the screen")
        after = {name: calm(pid) for name, pid in programs.items()}
        log.process.send_signal(signal.SIGTERM)
        self.assertIn(log.wait(3), (0, 3, -signal.SIGTERM), log.err())
        monitor.send("q")
        self.assertIn(monitor.wait_exit(3), (0, 3))
        left = debugfs_dirs(pids)
        # Lines of others are not ours to judge; KVM names the process.
        lines = [line for line in kernel.lines() if "kvm" in line.lower() and
                 ("duplicate" in line or any(str(pid) in line for pid in pids))]
        print(f"{len(pids)} VMMs came and went in {time.monotonic() - start:.0f} s, {scans} scans of a neighbour")
        for name in programs:
            for what in SLACK:
                print(f"  {name:<8} {what:<12} before {before[name][what]:>9}  after {after[name][what]:>9}")
        print(f"  debugfs directories left: {len(left)}, lines of KVM in the kernel log: {len(lines)}")
        for name in programs:
            for what, most in SLACK.items():
                # A sanitizer keeps what was freed.
                if what != "rss" or not sanitized():
                    self.assertLessEqual(after[name][what], before[name][what] + most, f"{what} of the {name}")
        self.assertEqual(left, [])
        self.assertEqual(lines, [])
        self.assertGreater(len(pids), SECONDS / 4)


# KVM_CREATE_VM and KVM_CREATE_VCPU without memory or code, and the stats fds that a VMM keeps.
HOLDER = """
import fcntl, json, os, resource, sys
limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
kvm = os.open("/dev/kvm", os.O_RDWR)
vms = []
for _ in range(int(sys.argv[1])):
    vm = fcntl.ioctl(kvm, 0xAE01, 0)
    vcpus = []
    for i in range(int(sys.argv[2])):
        try:
            vcpus.append(fcntl.ioctl(vm, 0xAE41, i))
        except OSError:
            break
    vms.append([vm, [fcntl.ioctl(vcpu, 0xAECE, 0) for vcpu in vcpus]])
print(json.dumps(vms), flush=True)
sys.stdin.read()
"""


class Large(kvmtest.TestCase):
    """Beside test_crowds, which counts VMs: their counters, their time, and a neighbour that is small."""

    def holder(self, vms, vcpus):
        need_kvm()
        need_root()
        kvmtest.need(kvmtest.have_binary_stats(), "no binary stats on this kernel")
        read, write = os.pipe()
        process = self.background(sys.executable, "-c", HOLDER, str(vms), str(vcpus), stdin=read)
        os.close(read)
        self.addCleanup(os.close, write)
        wait_for(lambda: "\n" in process.out() or process.process.poll() is not None, "the VMs", 120)
        kvmtest.need(process.out(), f"so many VMs cannot be made here: {process.err()}")
        return process, json.loads(process.out())

    def test_three_hundred_vms_of_four_vcpus_are_read_and_their_neighbour_is(self):
        small = self.own_vm("--vcpus", "2")
        process, vms = self.holder(300, 4)
        record = snapshot(timeout=80)
        found = {vm["vm_fd"]: vm for vm in vms_of(record, process.pid)}
        self.assertEqual(sorted(found), [fd for fd, _ in vms])
        for fd, _ in vms:
            self.assertEqual([v["id"] for v in found[fd]["vcpus"]], [0, 1, 2, 3])
        # One of them in full; all are made alike.
        for vcpu, stats_fd in zip(found[vms[150][0]]["vcpus"], vms[150][1]):
            self.assertEqual(vcpu["counters"]["exits"], read_stats(process.pid, stats_fd)["exits"])
        self.assertGreater(vm_of(record, small.pid)["vcpus"][1]["counters"]["exits"], 0)
        print(f"300 VMs x 4: a sample took {record['self']['sample_us'] / 1e6:.2f} s")

    def test_vm_of_255_vcpus_is_read_whole(self):
        process, vms = self.holder(1, 255)
        fd, stats = vms[0]
        if len(stats) < 255:
            kvmtest.say_skipped(f"this host makes {len(stats)} vCPUs only")
        found = vm_of(snapshot(timeout=80), process.pid)
        self.assertEqual(found["vcpus_total"], len(stats))
        self.assertEqual([v["id"] for v in found["vcpus"]], list(range(len(stats))))
        self.assertEqual(found["counters"]["exits"], sum(read_stats(process.pid, s)["exits"] for s in stats))

    def test_frozen_vmm_hinders_nobody(self):
        frozen = self.own_vm("--vcpus", "2", "--ram", "16M", "--fill", "mix:2M:4M", "--comm", "frozen")
        other = self.own_vm("--vcpus", "2", "--busy", "50")
        expected = kvmlens("--scan", str(frozen.pid), "--format", "json")
        os.kill(frozen.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, frozen.pid, signal.SIGCONT)
        wait_for(lambda: process_state(frozen.pid) == "T", "a frozen VMM")
        watch = kvmtest.Stopwatch()
        record = snapshot()
        self.assertLess(watch.idle(), 2.1 * kvmtest.SLOWER)
        self.assertNotIn("stale_s", vm_of(record, frozen.pid), "nobody waited for it in vain")
        for vcpu in vm_of(record, frozen.pid)["vcpus"]:
            stats = read_stats(frozen.pid, frozen.vms[0]["vcpus"][vcpu["id"]]["stats_fd"])
            self.assertEqual(vcpu["counters"]["exits"], stats["exits"])
        self.assertGreater(vm_of(record, other.pid)["rates"]["exits"], 0)
        scan = self.assert_status(kvmlens("--scan", str(frozen.pid), "--format", "json"), 0)
        self.assertEqual(json.loads(scan.out)["pages"], json.loads(expected.out)["pages"])

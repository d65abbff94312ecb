# SPDX-License-Identifier: MIT
"""Hostile neighbours: VMMs that hang who looks at them. Keys, the end, and the numbers of others must not wait.

Each neighbour of tests/vm/hostile stands beside an ordinary VM. What hangs in its FUSE file system is freed when
the neighbour ends, so it ends first, whatever a test does. Bounds are for a loaded machine; what was measured is
printed.
"""
import json
import os
import re
import signal
import tempfile
import time
import unittest

import kvmtest
from kvmtest import KVMLENS, Background, Hostile, need_root, need_tool, process_state, read_stats, vms_of, wait_for

SLOWER = 4 if kvmtest.sanitized() else 1
KEY_SECONDS = 1.0 * SLOWER  # 0.05 is the aim
QUIT_SECONDS = 2.0 * SLOWER  # 1
MORE_SECONDS = 4.5 * SLOWER  # beyond the delay; 2
DELAY = 0.5
CROWD = int(os.environ.get("KVMTEST_CROWD", "500"))
COUNTERS = ("exits", "halt_exits", "io_exits")
# The first read of a process's memory comes a second after the look at what is there.
LATE_READ = ("strace", *kvmtest.NO_LEAK_CHECK, "-f", "-qq", "-o", "/dev/null", "-e", "trace=process_vm_readv",
             "-e", "inject=process_vm_readv:delay_enter=1000000:when=1")


def descendants(pid):
    """Process ids of all that come from this one, with itself."""
    found = [pid]
    for parent in found:
        try:
            with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as f:
                found += [int(child) for child in f.read().split()]
        except OSError:
            pass
    return found


def alive(pids):
    return [pid for pid in pids if not kvmtest.is_gone(pid)]


class Case(kvmtest.TestCase):
    seconds = 40

    def setUp(self):
        need_root()
        kvmtest.need(kvmtest.have_binary_stats(), "this kernel has no binary stats")
        kvmtest.become_subreaper()
        self.watched = []

    def neighbour(self, *args):
        return self.start(Hostile(*args))

    def ordinary(self):
        """A VM whose vCPU halts for good: its counters stand still."""
        vm = self.own_vm("--vcpus", "2", "--comm", "ordinary")
        wait_for(lambda: all(read_stats(vm.pid, c["stats_fd"])["blocking"] for c in vm.vms[0]["vcpus"]),
                 "halted vCPUs")
        return vm

    def watch(self, pid, hostile):
        """At the end the neighbour goes first, and then nothing of this process stays."""
        def end():
            self.watched += descendants(pid)
            for each in alive(self.watched):
                try:
                    os.kill(each, signal.SIGKILL)
                except OSError:
                    pass
            hostile.close()
            wait_for(lambda: not alive(self.watched), f"the end of {self.watched}", 5)
        self.addCleanup(end)

    # --- the monitor

    def monitor(self, hostile, *options):
        need_tool("tmux")
        t = self.tmux(KVMLENS, "-s", "0.2", *options, columns=120, lines=30)
        pid = t.child_pid()
        self.watch(pid, hostile)
        # Only its row: other VMs of this machine may fill the screen.
        t.wait_text("F4")
        t.send("F4")
        t.send("ordinary")
        t.send("Enter")
        self.before = {"icanon", "echo", "isig", "icrnl", "opost", "onlcr"}
        return t, pid

    def seconds_to(self, t, key, condition, what):
        begin = time.monotonic()
        t.send(key)
        wait_for(lambda: condition(t.screen()), what, KEY_SECONDS, 0.002)
        return time.monotonic() - begin

    def help_opens_and_closes(self, t, when):
        """The slower of the two keys, in seconds."""
        opened = self.seconds_to(t, "F1", lambda s: "close what is open" in s, f"the help, {when}")
        closed = self.seconds_to(t, "Escape", lambda s: "close what is open" not in s, f"the help to close, {when}")
        return max(opened, closed)

    def keys_are_heard(self, t, seconds=1.5):
        """One key after the other: where there are samples some fall into them."""
        keys, slowest, end = 0, 0, time.monotonic() + seconds
        while time.monotonic() < end:
            slowest = max(slowest, self.help_opens_and_closes(t, "beside the neighbour"))
            keys += 2
        print(f"  slowest of {keys} keys: {slowest * 1000:.0f} ms, with some 20 ms of tmux", flush=True)

    def quits(self, t, pid, by):
        self.watched += descendants(pid)
        begin = time.monotonic()
        if by == "q":
            t.send("q")
        else:
            os.kill(pid, by)
        status = t.wait_exit(QUIT_SECONDS)
        print(f"  end by {by if by == 'q' else by.name}: {(time.monotonic() - begin) * 1000:.0f} ms", flush=True)
        self.assertEqual(status, 0 if by == "q" else 128 + by)
        self.assertFalse(t.mode("alternate_on"))
        self.assertTrue(t.mode("cursor_flag"))
        self.assertEqual(self.before - set(t.line_modes()), set())

    def screen_lives(self, t, vm, why):
        """The ordinary VM is there with its numbers."""
        t.wait(lambda s: re.search(rf"^ *{vm.pid} +ordinary +2 ", s, re.M), f"the ordinary VM, {why}", 5)

    # --- one sample

    def batch(self, hostile, *args, at=None, prefix=()):
        """A run beside the neighbour; at() happens half of DELAY later: (run, seconds, status)."""
        begin = time.monotonic()
        run = Background(*prefix, KVMLENS, *args)
        self.addCleanup(run.close)
        self.watch(run.pid, hostile)
        if at is not None:
            time.sleep(DELAY / 2)
            at()
        self.watched += descendants(run.pid)
        try:
            status = run.wait(DELAY + MORE_SECONDS)
        except AssertionError as error:
            where = " ".join(f"{pid} in state {process_state(pid)}" for pid in descendants(run.pid))
            raise AssertionError(f"{error}\n{where}") from None
        seconds = time.monotonic() - begin
        print(f"  {' '.join(args)}: {seconds:.2f} s", flush=True)
        return run, seconds, status

    def is_right(self, record, vm, before):
        found = vms_of(record, vm.pid)
        self.assertEqual(len(found), 1, record)
        for vcpu, stats in zip(found[0]["vcpus"], before):
            for name in COUNTERS:
                self.assertEqual(vcpu["counters"].get(name), stats[name], name)

    def snapshot_ends(self, hostile, vm, is_trapped=lambda: True):
        """One sample ends in time, says whom it waited for, and has the right numbers of the ordinary VM."""
        before = [read_stats(vm.pid, c["stats_fd"]) for c in vm.vms[0]["vcpus"]]
        run, _, status = self.batch(hostile, "-1", "-s", str(DELAY), "--format", "json")
        self.is_right(json.loads(run.out()), vm, before)
        if is_trapped():
            self.assertEqual(status, 3, run.err())
            self.assertRegex(run.err(), rf"\b{hostile.pid}\b")

    def monitor_lives(self, hostile, trap=None, by="q", seconds=1.5):
        vm = self.ordinary()
        t, pid = self.monitor(hostile)
        self.screen_lives(t, vm, "at first")
        if trap is not None:
            self.help_opens_and_closes(t, "before")
            trap(t)
        self.keys_are_heard(t, seconds)
        self.screen_lives(t, vm, "beside the neighbour")
        self.quits(t, pid, by)


class Fuse(Case):
    """Its descriptors are stats files at the look, and files of its own file system at the copy."""

    def fall(self, t, hostile):
        """Swapped for good after the monitor has learnt them, so that the next tick copies what hangs."""
        def clock():
            return re.search(r"\d\d:\d\d:\d\d", t.screen())
        # Ten ticks: it has looked at the process for the last time until something changes.
        for _ in range(2):
            last = clock()
            wait_for(lambda before=last: clock() and clock()[0] != (before and before[0]), "the next second", 5)
        hostile.ask("fix")
        try:
            wait_for(lambda: hostile.ask()["held"] > 0, "somebody who waits for the file system", 2)
        except AssertionError:
            print("  nobody waits for the file system: the copy is looked at before", flush=True)

    def test_monitor_lives_while_a_flush_is_never_answered(self):
        """Of one process only: close() of the copy never returns: keys dead, q and SIGTERM dead, screen left."""
        hostile = self.neighbour("fuse", "flush", "fixed")
        self.monitor_lives(hostile, lambda t: self.fall(t, hostile))

    def test_monitor_lives_while_an_fstat_is_never_answered(self):
        """Of one process only: fstat() of the copy never returns: keys dead, q and SIGTERM dead, screen left."""
        hostile = self.neighbour("fuse", "getattr", "fixed")
        self.monitor_lives(hostile, lambda t: self.fall(t, hostile), by=signal.SIGTERM)

    def test_monitor_lives_while_descriptors_are_swapped_all_the_time(self):
        """Of one process only: close() of the copy never returns, from the first look on."""
        hostile = self.neighbour("fuse", "flush")
        vm = self.ordinary()
        t, pid = self.monitor(hostile)
        self.screen_lives(t, vm, "beside the neighbour")
        wait_for(lambda: hostile.ask()["held"] > 0, "somebody who waits for the file system", 8)
        self.keys_are_heard(t)
        self.screen_lives(t, vm, "beside the neighbour")
        self.quits(t, pid, signal.SIGTERM)

    def test_monitor_waits_for_slow_answers_and_goes_on(self):
        hostile = self.neighbour("fuse", "flush", "fixed", 100)
        vm = self.ordinary()
        t, pid = self.monitor(hostile)
        self.screen_lives(t, vm, "at first")
        self.fall(t, hostile)
        self.screen_lives(t, vm, "beside the neighbour")
        self.quits(t, pid, "q")

    def test_a_vm_that_is_shown_as_stuck_is_not_said_to_be_hidden(self):
        hostile = self.neighbour("fuse", "flush", "fixed")
        run = Background(KVMLENS, "--log", "-s", "0.2", "--format", "json")
        self.addCleanup(run.close)
        self.watch(run.pid, hostile)
        def hidden():
            return run.records()[-1].get("hidden", {}).get("processes", 0)
        # Ten ticks: it has looked at the process for the last time until something changes.
        wait_for(lambda: len(run.records()) > 12, "some records", 20)
        before = hidden()
        self.assertEqual(len(vms_of(run.records()[-1], hostile.pid)), 1)
        hostile.ask("fix")
        wait_for(lambda: "stale_s" in vms_of(run.records()[-1], hostile.pid)[0], "the VM as stale", 8)
        self.assertEqual(hidden(), before)

    def snapshot_beside(self, op):
        """Of one that fell into no trap nothing is known: some more tries."""
        hostile = self.neighbour("fuse", op)
        vm = self.ordinary()
        for _ in range(5):
            self.snapshot_ends(hostile, vm, is_trapped=lambda: hostile.ask()["held"] > 0)
            if hostile.info["held"] > 0:
                return
        self.fail("no copy of a file that hangs")

    def test_snapshot_ends_while_a_flush_is_never_answered(self):
        """Of one process only: it never ends, not even by SIGKILL."""
        self.snapshot_beside("flush")

    def test_snapshot_ends_while_an_fstat_is_never_answered(self):
        """Of one process only: it never ends, not even by SIGKILL."""
        self.snapshot_beside("getattr")

    def test_snapshot_asks_for_nothing_else_of_such_a_file(self):
        vm = self.ordinary()
        for op in ("open", "lseek", "read"):
            hostile = self.neighbour("fuse", op)
            run, _, status = self.batch(hostile, "-1", "-s", "0.2", "--format", "json")
            self.assertIn(status, (0, 3), run.err())
            self.assertEqual(len(vms_of(json.loads(run.out()), vm.pid)), 1)
            self.assertEqual(hostile.ask()["held"], 0, op)
            hostile.close()

    def scan_beside(self, op):
        hostile = self.neighbour("fuse", op, "fixed")
        start = hostile.info["ram_start"]
        ram = f"{start:x}-{start + hostile.info['ram_bytes']:x}"
        run, _, status = self.batch(hostile, "--scan", str(hostile.pid), "--ram", ram, "--format", "json")
        return hostile, run, status

    def scan_ends(self, op, step):
        hostile, run, status = self.scan_beside(op)
        self.assertGreater(hostile.ask()["held"], 0)
        self.assertIn(status, (1, 3), run.err())
        self.assertIn(f"pid {hostile.pid}, {step}", run.err())

    def test_estimates_end_while_an_open_is_never_answered(self):
        """Of one process only: neither end nor SIGTERM. Whose RAM is not estimated is said."""
        hostile = self.neighbour("fuse", "open", "fixed")
        # Of this VM only: others of this machine may have RAM that cannot be estimated too.
        run, _, status = self.batch(hostile, "-1", "--estimate", "--format", "prometheus", "-p", str(hostile.pid))
        self.assertGreater(hostile.ask()["held"], 0)
        self.assertEqual(status, 3, run.err())
        self.assertRegex(run.err(), rf"the RAM of .*\b{hostile.pid}\b.* could not be estimated")
        self.assertRegex(run.out(), rf'kvmlens_vm_scan_failed{{[^}}]*pid="{hostile.pid}"[^}}]*}} 1\n')
        self.assertNotRegex(run.out(), rf'kvmlens_vm_zero_ratio{{[^}}]*pid="{hostile.pid}"')

    def test_scan_ends_while_an_open_is_never_answered(self):
        """Of one process only: the open of map_files never returns, SIGTERM is ignored."""
        self.scan_ends("open", "opening a file that is its memory")

    def test_scan_ends_while_an_lseek_is_never_answered(self):
        """Of one process only: SEEK_DATA in the file of the RAM never returns, SIGTERM is ignored."""
        self.scan_ends("lseek", "reading its memory mappings")

    def test_scan_ends_while_an_fstat_is_never_answered(self):
        """Of one process only: fstat() of the file of the RAM never returns, SIGTERM is ignored."""
        self.scan_ends("getattr", "opening a file that is its memory")

    def test_scan_ends_while_a_flush_is_never_answered(self):
        """Of one process only: close() of the file of the RAM never returns, SIGTERM is ignored."""
        self.scan_ends("flush", "closing a file that is its memory")

    def test_scan_reads_no_page_that_would_be_fetched(self):
        hostile, run, status = self.scan_beside("read")
        self.assertIn(status, (0, 3), run.err())
        self.assertEqual(hostile.ask()["held"], 0)
        pages = json.loads(run.out())["pages"]
        self.assertEqual(pages["total"], hostile.info["ram_bytes"] // 4096)


class Hidden(Case):
    """Descriptors of all kinds whose names look like KVM's."""

    def test_nothing_is_read_and_only_the_real_vm_is_found(self):
        with tempfile.TemporaryDirectory(prefix="kvmtest-") as directory:
            hostile = self.neighbour("hidden", directory)
            vm = self.ordinary()
            before = [read_stats(vm.pid, c["stats_fd"]) for c in vm.vms[0]["vcpus"]]
            run, _, status = self.batch(hostile, "-1", "-s", "0.2", "--format", "json")
            self.assertIn(status, (0, 3), run.err())
            record = json.loads(run.out())
            self.is_right(record, vm, before)
            found = vms_of(record, hostile.pid)
            self.assertEqual([len(v["vcpus"]) for v in found], [2])
            self.assertEqual(found[0]["vcpus"][0]["counters"].get("exits"), None)
            info = hostile.ask()
            self.assertEqual((info["unread"], info["offset"], info["pty"]), (info["expected"], 0, 16))

    def test_monitor_lives(self):
        with tempfile.TemporaryDirectory(prefix="kvmtest-") as directory:
            hostile = self.neighbour("hidden", directory)
            self.monitor_lives(hostile)
            self.assertEqual(hostile.ask()["unread"], hostile.info["expected"])


class Crowd(Case):
    """Very many VMs with 8 vCPUs in one process. KVMTEST_CROWD=2000 are what is measured by hand: they want a quiet
    machine, for they have 16000 threads."""
    seconds = 60

    def crowd(self):
        hostile = self.neighbour("crowd", int(CROWD / kvmtest.SLOWER), 8, "threads")
        info = hostile.info
        why = f", no more: {info['why']}" if info["why"] else ""
        print(f"  {info['vms']} VMs x {info['vcpus']} vCPUs in {info['seconds']:.1f} s{why}", flush=True)
        return hostile

    def test_monitor_lives(self):
        """Of one process only: keys wait for the sample, some 1.5 s."""
        # A monitor that samples so long does it rarely.
        self.monitor_lives(self.crowd(), seconds=6)

    def test_snapshot_ends(self):
        """Of one process only: what is late or left out is not said with the process, and it takes too long."""
        hostile = self.crowd()
        # A smaller crowd is read whole, and so nothing of it is missing.
        self.snapshot_ends(hostile, self.ordinary(), lambda: CROWD >= 2000)
        # What they are called is known of all of them, whatever time is left for their numbers.
        result = kvmtest.kvmlens("-1", "-s", "0.1", "-g", "hostile")
        self.assertEqual(result.returncode, 2, str(result))
        named = re.search(r"(\d+) VMs are named 'hostile'", result.err)
        self.assertGreaterEqual(int(named[1]) if named else 0, hostile.info["vms"], result.err)


class Memory(Case):
    """RAM with userfaultfd: a page that is missing is never served."""

    def estimates_end(self, hostile, *options, **kwargs):
        run, _, status = self.batch(hostile, "-1", "-s", str(DELAY), "--estimate", "--format", "prometheus", *options,
                                    **kwargs)
        self.assertIn(status, (0, 3), run.err())
        self.assertIn(f'pid="{hostile.pid}"', run.out())

    def scan_ends(self, hostile, *options, at=None):
        run, _, status = self.batch(hostile, "--scan", str(hostile.pid), "--format", "json", *options, at=at)
        self.assertIn(status, (1, 3), run.err())
        self.assertIn("userfaultfd", run.err() + run.out())

    def test_registered_before_the_scan(self):
        hostile = self.neighbour("uffd", "before", 64)
        self.estimates_end(hostile)
        self.scan_ends(hostile)

    def test_registered_in_the_middle_of_a_scan(self):
        """Of one process only: the reader waits for a page for ever, SIGTERM is ignored."""
        hostile = self.neighbour("uffd", "later", 512)
        # At this rate the scan takes 1 s; the pages that come and go are its last.
        self.scan_ends(hostile, "--max-rate", "500", at=lambda: hostile.ask("register"))

    def test_registered_in_the_middle_of_an_estimate(self):
        """Of one process only: the main thread waits for a page for ever, SIGTERM is ignored."""
        need_tool("strace")
        hostile = self.neighbour("uffd", "later", 64)
        # Of this VM only, or another may come first.
        self.estimates_end(hostile, "-p", str(hostile.pid), prefix=LATE_READ, at=lambda: hostile.ask("register"))


class Stopped(Case):
    """VMMs that do not run: stopped, and in uninterruptible sleep."""

    def state_is(self, pid, state):
        wait_for(lambda: process_state(pid) == state, f"state {state}")

    def test_vmm_in_state_d(self):
        hostile = self.neighbour("vfork")
        self.state_is(hostile.pid, "D")
        vm = self.ordinary()
        run, _, status = self.batch(hostile, "-1", "-s", "0.2", "--format", "json")
        self.assertIn(status, (0, 3), run.err())
        record = json.loads(run.out())
        self.assertEqual((len(vms_of(record, hostile.pid)), len(vms_of(record, vm.pid))), (1, 1))

    def test_monitor_beside_a_vmm_in_state_d(self):
        hostile = self.neighbour("vfork")
        self.state_is(hostile.pid, "D")
        self.monitor_lives(hostile, by=signal.SIGTERM)

    def test_monitor_beside_a_stopped_vmm(self):
        hostile = self.neighbour("uffd", "before", 16)
        os.kill(hostile.pid, signal.SIGSTOP)
        self.state_is(hostile.pid, "T")
        self.monitor_lives(hostile)

    def test_stopped_vmm(self):
        stopped = self.own_vm("--vcpus", "2", "--fill", "nonzero:4M:8M")
        os.kill(stopped.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, stopped.pid, signal.SIGCONT)
        self.state_is(stopped.pid, "T")
        vm = self.ordinary()
        before = [read_stats(vm.pid, c["stats_fd"]) for c in vm.vms[0]["vcpus"]]
        record = kvmtest.snapshot()
        self.is_right(record, vm, before)
        self.assertEqual(len(vms_of(record, stopped.pid)), 1)
        report = kvmtest.kvmlens_records("--scan", str(stopped.pid))[0]
        self.assertEqual(report["pages"]["nonzero"], stopped.vms[0]["pages"]["nonzero"])


if __name__ == "__main__":
    unittest.main()

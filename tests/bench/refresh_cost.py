#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a refresh of the monitor costs, its memory, and how soon its first screen is there: now, and at another commit.

    refresh_cost.py [--before COMMIT] [--rounds N] [--starts N] [--vms N] [--vcpus N] [--delay S] [--seconds S] [--only WORD]

VMs of our own, a process each, whose guests are halted. In each round every kind of screen is shown for some seconds by a
monitor of its own, those of both programs in turn: CPU time of its processes together by the kernel's run times, reads that
they made, and their memory. Then monitors are started in turn, with one VM and with all: the first screen is there when the
last word of its bottom line is, and rows of VMs before it. What is measured at the same time is compared, for the machine is
never the same twice. The program before is built below build/ and stays there. Needs KVM.
"""
import argparse
import collections
import contextlib
import fcntl
import os
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
import kvmtest  # noqa: E402  (found by the line above)

SETS = ("overview", "cpu", "exits", "memory", "io", "migration")
NOW, BEFORE = "now", "before"
LAST_WORD = b"Quit"  # of the bottom line
NAME = "refresh-cost"  # of our VMs: those of others are left out
FIRST_SCREEN_MAX_S = 10

# One kind of screen: rows and columns of the terminal, and the configuration; None: there is none, as for a newcomer.
Kind = collections.namedtuple("Kind", "name program lines columns config")
Cost = collections.namedtuple("Cost", "cpu_ms reads front_kib children_kib pss_kib")


def kinds(programs):
    for program in programs:
        yield Kind("80x24", program, 24, 80, None)
        yield Kind("120x35", program, 35, 120, None)
        yield Kind("200x50", program, 50, 200, None)
    for name in SETS:
        for pane in ("no", "yes"):
            yield Kind(f"200x50, set {name}{', pane' if pane == 'yes' else ''}", NOW, 50, 200,
                       f"[monitor]\nset = {name}\npane = {pane}\n")


def build_before(commit):
    """The program as it was at that commit."""
    git = ["git", "-C", kvmtest.ROOT]
    whole = subprocess.run([*git, "rev-parse", "--verify", f"{commit}^{{commit}}"], check=True, stdout=subprocess.PIPE,
                           text=True).stdout.strip()
    tree = os.path.join(kvmtest.ROOT, "build", "bench", whole[:12])
    if not os.path.exists(f"{tree}/kvmlens"):
        os.makedirs(tree, exist_ok=True)
        archive = subprocess.run([*git, "archive", whole], check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-x", "-C", tree], input=archive, check=True)
        env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        subprocess.run(["make", "-s", f"-j{os.cpu_count()}", "all"], cwd=tree, check=True, env=env)
    return f"{tree}/kvmlens"


class Monitor:
    """The program on a terminal that nobody looks at but us."""

    def __init__(self, program, lines, columns, delay, config, home):
        if config is not None:
            os.makedirs(f"{home}/kvmlens", mode=0o700, exist_ok=True)
            with open(f"{home}/kvmlens/config", "w", encoding="ascii") as f:
                f.write(config)
        elif os.path.exists(f"{home}/kvmlens/config"):
            os.unlink(f"{home}/kvmlens/config")
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))
        os.set_blocking(self.master, False)
        # Who leads a session gets the first terminal that it opens.
        tty = os.ttyname(slave)
        opens = [(os.POSIX_SPAWN_OPEN, fd, tty, os.O_RDWR, 0) for fd in range(3)]
        env = kvmtest.environment(TERM="xterm-256color", XDG_CONFIG_HOME=home)
        self.output = b""
        self.began = time.monotonic()
        self.pid = os.posix_spawn(program, [program, "-g", NAME, "-s", str(delay)], env, file_actions=opens, setsid=True)
        os.close(slave)

    def read(self, seconds):
        """What it writes until then, or as soon as there is something new: is there?"""
        if not select.select([self.master], [], [], max(seconds, 0))[0]:
            return False
        with contextlib.suppress(OSError):  # EIO: it has ended
            self.output += os.read(self.master, 1 << 16)
        return True

    def wait_screen(self, marks):
        """Seconds from its start until the whole screen is there, with one of @marks in it."""
        end = self.began + FIRST_SCREEN_MAX_S
        while time.monotonic() < end:
            self.read(end - time.monotonic())
            if LAST_WORD in self.output and any(mark in self.output for mark in marks):
                return time.monotonic() - self.began
        raise SystemExit(f"refresh_cost: no first screen within {FIRST_SCREEN_MAX_S} s:\n{self.output[:4000]!r}")

    def watch(self, seconds):
        """It goes on for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(end - time.monotonic())
            self.output = b""

    def cpu_ns(self):
        """Of all its processes so far."""
        return sum(schedstat_ns(pid) for pid in kvmtest.family(self.pid))

    def reads(self):
        """(of all its processes, of the front end): those of the front end are of its timer, one for each refresh."""
        front, *children = kvmtest.family(self.pid)
        ticks = field(f"/proc/{front}/io", "syscr")
        return ticks + sum(field(f"/proc/{pid}/io", "syscr") for pid in children), ticks

    def memory(self):
        """KiB: resident of the front end and of its children, and of all together, what they share counted once."""
        front, *children = kvmtest.family(self.pid)
        return (field(f"/proc/{front}/status", "VmRSS"), sum(field(f"/proc/{pid}/status", "VmRSS") for pid in children),
                sum(field(f"/proc/{pid}/smaps_rollup", "Pss") for pid in (front, *children)))

    def close(self):
        os.kill(self.pid, signal.SIGTERM)
        end = time.monotonic() + FIRST_SCREEN_MAX_S
        while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            self.read(0.01)
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
        os.close(self.master)


def schedstat_ns(pid):
    total = 0
    with contextlib.suppress(OSError):
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/schedstat", encoding="ascii") as f:
                total += int(f.read().split()[0])
    return total


def field(path, name):
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
    return 0


def load_average():
    return os.getloadavg()[0]


def measure(kind, programs, args, marks, home):
    monitor = Monitor(programs[kind.program], kind.lines, kind.columns, args.delay, kind.config, home)
    with contextlib.closing(monitor):
        monitor.wait_screen(marks)
        monitor.watch(max(1.0, 3 * args.delay))  # the first refreshes find and open what the later ones keep
        cpu, (reads, ticks) = monitor.cpu_ns(), monitor.reads()
        monitor.watch(args.seconds)
        cpu, (all_reads, all_ticks) = monitor.cpu_ns() - cpu, monitor.reads()
        refreshes = max(all_ticks - ticks, 1)
        return Cost(cpu / refreshes / 1e6, (all_reads - reads) / refreshes, *monitor.memory())


def middle(costs, name):
    return statistics.median(getattr(cost, name) for cost in costs)


def peer_ratio(seen, kind):
    """Of what was measured in the same rounds, beside the program before on a terminal of that size; None: there is none."""
    peer = next((k for k in seen if k.program == BEFORE and (k.lines, k.columns) == (kind.lines, kind.columns)), None)
    if peer is None or kind.program == BEFORE:
        return None
    return statistics.median(a.cpu_ms / b.cpu_ms for a, b in zip(seen[kind], seen[peer]))


def cost_table(programs, args, marks, home):
    seen = {kind: [] for kind in kinds(programs) if args.only in kind.name}
    loads = []
    for number in range(args.rounds):
        # Who comes first in a round is not always the same.
        order = list(seen) if number % 2 == 0 else list(reversed(seen))
        for kind in order:
            loads.append(load_average())
            seen[kind].append(measure(kind, programs, args, marks, home))
    print(f"A refresh, medians of {args.rounds} rounds of {args.seconds:g} s, load average {min(loads):.1f} to {max(loads):.1f}:\n\n"
          "| screen | program | CPU ms | of before | reads | front end KiB | children KiB | all, Pss KiB |\n"
          "|---|---|---:|---:|---:|---:|---:|---:|")
    for kind, costs in seen.items():
        ratio = peer_ratio(seen, kind)
        print(f"| {kind.name} | {kind.program} | {middle(costs, 'cpu_ms'):.2f} | {'' if ratio is None else f'{ratio:.2f}'} | "
              f"{middle(costs, 'reads'):.0f} | {middle(costs, 'front_kib'):.0f} | {middle(costs, 'children_kib'):.0f} | "
              f"{middle(costs, 'pss_kib'):.0f} |", flush=True)


def start_kinds(programs):
    """The first screen of a newcomer, and those of who left a set of columns behind."""
    for program in programs:
        yield Kind("", program, 50, 200, None)
    for name in SETS[1:]:
        yield Kind(f"set {name}", NOW, 50, 200, f"[monitor]\nset = {name}\n")


def start_table(programs, args, marks, home, count):
    seen = {kind: [] for kind in start_kinds(programs)}
    peer = next((kind for kind in seen if kind.program == BEFORE), None)
    loads = []
    for number in range(args.starts):
        order = list(seen) if number % 2 == 0 else list(reversed(seen))
        for kind in order:
            loads.append(load_average())
            monitor = Monitor(programs[kind.program], kind.lines, kind.columns, 1, kind.config, home)
            with contextlib.closing(monitor):
                seen[kind].append((monitor.wait_screen(marks) * 1e3, monitor.cpu_ns() / 1e6))
    for kind, starts in seen.items():
        times, cpu = zip(*starts)
        nine = sorted(times)[max(0, round(0.9 * len(times)) - 1)]
        ratio = statistics.median(a / b for a, (b, _) in zip(times, seen[peer])) if peer and kind.program == NOW else None
        print(f"| {count} | {kind.program}{', ' + kind.name if kind.name else ''} | {statistics.median(times):.0f} | {nine:.0f} | "
              f"{min(times):.0f} | {'' if ratio is None else f'{ratio:.2f}'} | {statistics.median(cpu):.1f} | "
              f"{statistics.mean(loads):.1f} |", flush=True)


def start_vms(stack, count, vcpus):
    vms = []
    for _ in range(count):
        vm = kvmtest.TestVm("--vcpus", str(vcpus), "--ram", "8M", "--comm", NAME)
        stack.callback(vm.close)
        vms.append(vm)
    return [f"{vm.pid} ".encode() for vm in vms]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--before", default="", help="a commit")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--starts", type=int, default=11)
    parser.add_argument("--vms", type=int, default=100)
    parser.add_argument("--vcpus", type=int, default=4)
    parser.add_argument("--delay", type=float, default=0.5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--only", default="", help="screens with this word in their name")
    args = parser.parse_args()
    try:
        kvmtest.need_kvm()
    except kvmtest.unittest.SkipTest as why:
        print(f"skipped: {why}")
        return
    programs = {BEFORE: build_before(args.before)} if args.before else {}
    programs[NOW] = kvmtest.KVMLENS
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="kvmtest-"))
        print(f"First screen, {args.starts} starts of each program:\n\n"
              "| VMs | program | median ms | 90 % ms | least ms | of before | CPU ms | load average |\n"
              "|---:|---|---:|---:|---:|---:|---:|---:|")
        marks = start_vms(stack, 1, args.vcpus)
        start_table(programs, args, marks, home, 1)
        marks += start_vms(stack, args.vms - 1, args.vcpus)
        start_table(programs, args, marks, home, args.vms)
        print(f"\n{args.vms} VMs of {args.vcpus} vCPUs, a refresh each {args.delay:g} s"
              f"{'' if kvmtest.debugfs() else ', no debugfs'}.")
        if args.rounds > 0:
            cost_table(programs, args, marks, home)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: MIT
"""Each system call of a tick and of a scan fails once: less is told, with its cause, but nothing wrong.

A sample of the failures; `make faults` tries them all. KVMTEST_FAULTS: "all", or how many seconds each command may
take (5). KVMTEST_SEED chooses the sample; it is printed.
"""
import collections
import errno
import json
import os
import random
import re
import shutil
import tempfile
import time

import kvmtest
from kvmtest import KVMLENS, SLOWER, need_kvm, need_root, run, sanitized, vms_of
from test_bpf_counters import need_bpf

BESIDE = "own VMs"  # tests/e2e/run.py

FAULTY = os.path.abspath(os.environ.get("FAULTY", "build/gcc/tests/faults/faulty"))
HOW_MUCH = os.environ.get("KVMTEST_FAULTS", "5")
SEED = os.environ.get("KVMTEST_SEED") or str(random.randrange(1 << 32))
DELAY_S = 0.1

FILE_ERRORS = "EACCES ENOENT ENOMEM EIO ESRCH"
TABLE_ERRORS = "EMFILE ENFILE ENOMEM"
# What a call can answer, by its man page. EINTR only where a signal can interrupt it.
ERRORS = {
    "openat": f"EINTR {TABLE_ERRORS} EACCES ENOENT EIO ESRCH",
    "openat2": f"EINTR EAGAIN {TABLE_ERRORS} EACCES ENOENT EIO ESRCH",
    "close": "EINTR EIO",
    "read": "short EINTR EIO ENOMEM ESRCH EACCES",
    "pread64": "short EINTR EIO ENOMEM ESRCH",
    "write": "short EINTR EIO ENOMEM",
    "newfstatat": FILE_ERRORS,
    "statx": FILE_ERRORS,
    "readlinkat": FILE_ERRORS,
    "readlink": FILE_ERRORS,
    "statfs": f"EINTR {FILE_ERRORS}",
    "fstatfs": "EINTR EIO ENOMEM",
    "getdents64": "ENOENT ENOMEM EIO ESRCH",
    "fcntl": "EMFILE ENOMEM",
    "lseek": "EIO",
    "ioctl": "EINTR ENOTTY ENOMEM EIO",
    "fsync": "EINTR EIO ENOSPC",
    "fchmod": "EIO EACCES",
    "fchown": "EIO EACCES",
    "rename": "EACCES ENOENT EIO ENOMEM",
    "renameat": "EACCES ENOENT EIO ENOMEM",
    "renameat2": "EACCES ENOENT EIO ENOMEM",
    "mmap": "ENOMEM",
    "munmap": "ENOMEM",
    "mprotect": "ENOMEM",
    "mremap": "ENOMEM",
    "madvise": "ENOMEM EINVAL",
    "mlock": "ENOMEM EAGAIN",
    "clone": "EAGAIN ENOMEM",
    "clone3": "EAGAIN ENOMEM",
    "fork": "EAGAIN ENOMEM",
    "wait4": "EINTR",
    "waitid": "EINTR",
    "kcmp": "EPERM ESRCH EBADF",
    "bpf": f"{TABLE_ERRORS} EPERM EINVAL EAGAIN",
    "pidfd_open": f"{TABLE_ERRORS} ESRCH",
    "pidfd_getfd": "EMFILE EBADF EPERM ESRCH",
    "process_vm_readv": "short EFAULT EPERM ESRCH ENOMEM",
    "poll": "EINTR ENOMEM",
    "ppoll": "EINTR ENOMEM",
    "epoll_wait": "EINTR",
    "epoll_create1": TABLE_ERRORS,
    "eventfd2": TABLE_ERRORS,
    "signalfd4": TABLE_ERRORS,
    "timerfd_create": TABLE_ERRORS,
    "memfd_create": TABLE_ERRORS,
    "pipe2": "EMFILE ENFILE",
    "socketpair": TABLE_ERRORS,
    "clock_nanosleep": "EINTR",
    "getrandom": "EINTR",
    "sysinfo": "EFAULT",
}
# What our own descriptors of these kinds never answer; signals do not interrupt what does not wait.
NEVER = [
    (r"(read|write|newfstatat|fcntl|close) anon_inode:\[(eventfd|signalfd|timerfd)\]",
     "short EINTR EIO ENOMEM ESRCH EACCES"),
    # But for KVM_CREATE_VM, which has a test of its own.
    (r"ioctl (/dev/kvm|anon_inode:kvm)", "EINTR"),
    # It may have lost what was written: to fail is right, and only file systems over a network do it.
    (r"close DIR", "EINTR"),
    # libc takes it for the end of the list; these two directories are not removed while they are read.
    (r"getdents64 (/proc|/sys/kernel/debug/kvm)", "ENOENT"),
    # libbpf reads it through stdio. A file of sysfs is there at once, and we have no signal handler.
    (r"(read|openat) /sys/kernel/btf/", "EINTR"),
    # A descriptor that was closed: a vCPU that is there has one, so the numbers without it are right.
    (r"readlinkat /proc/VM/fd/N", "ENOENT ESRCH"),
]
# Defects that are known, as (command or None, call, errors, reason). `make faults` tells of those that did not show.
KNOWN = [
    ("--scan", r"write pipe:\[N\]", "EINTR",
     "stdio gives up a report when its write is interrupted (kvmlens has no handler that could)"),
]
# A sanitizer ends the program when its own memory fails.
OF_MEMORY = ("mmap", "munmap", "mprotect", "mremap", "madvise", "mlock", "clone", "clone3")
# It also looks at itself, as kvmlens does for other reasons.
OF_SANITIZER = re.compile(r"/proc/(self|N)/(environ|maps|exe|cmdline|task)")
# libc's own search for a locale: one is as good as all.
OF_LIBC = re.compile(r"/locale|gconv|/zoneinfo")
TIMES = {"time", "interval_s", "self", "elapsed_s", "cpu_s", "rss_bytes", "uptime_s", "state", "host_cpu"}
# Of a cgroup that others are in, too; and resident memory goes with the file pages that the kernel takes back.
OF_NOW = {"cgroup_current_bytes", "cgroup_swap_bytes", "resident_bytes", "file_bytes", "looked_pages"}


def without_times(value):
    """A part of a record without what is measured anew in each run. Nobody runs in these VMs."""
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items()
                if k not in TIMES | OF_NOW and (k == "zero_ratio" or not k.endswith(("_per_s", "_per_second", "_ratio")))}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def differences(expected, found, where="record"):
    """Each value that two parts of a record do not have in common, as text."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [text for key in sorted(expected.keys() | found.keys())
                for text in differences(expected.get(key), found.get(key), f"{where}.{key}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [text for i, pair in enumerate(zip(expected, found)) for text in differences(*pair, f"{where}[{i}]")]
    return [] if expected == found else [f"{where}: {found!r} instead of {expected!r}"]


class Case:
    """A command whose calls fail, and what its output may be then."""

    def __init__(self, name, vm, *args):
        self.name, self.vm, self.args = name, vm, args

    def run(self, test, *fault):
        """Result, the log of its calls; fails when it does not end by itself or leaves something behind."""
        result = run(FAULTY, "--log", test.log, "--vm", str(self.vm.pid), "--dir", test.dir, *fault, "--",
                     KVMLENS, *self.args, timeout=40, env=test.env, cwd=test.dir)
        with open(test.log, encoding="utf-8", errors="replace") as f:
            calls = f.read().splitlines()
        return result, calls

    def calls(self, test):
        """Each call that shall fail as (key, nth)."""
        counts = collections.Counter(c for c in self.run(test)[1] if c[0] != "=")
        chosen = []
        for key, count in counts.items():
            name, _, about = key.partition(" ")
            if name not in ERRORS or not self.tried(name, about):
                continue
            if sanitized() and (name in OF_MEMORY or OF_SANITIZER.search(about)):
                continue
            # Other processes and VMs are many and all the same.
            many = re.match(r"/proc/N\b|/sys/kernel/(debug/kvm/N-|btf/)", about) or OF_LIBC.search(about)
            chosen += [(key, nth) for nth in ((1, count // 2 + 1) if many else range(1, count + 1)) if nth <= count]
        return sorted(set(chosen))

    def tried(self, _name, _about):
        """Shall this call fail?"""
        return True

    def same(self, result, usual):
        """Does it tell as much as usual?"""
        return (result.returncode, result.err) == (usual.returncode, usual.err) and \
            without_times(self.mine(result)) == without_times(self.mine(usual))

    def mine(self, result):
        """The part of a record that is about our VM."""
        return self.record(result)

    def changes(self, result, usual):
        """What same() finds that differs."""
        parts = [f"{what} {getattr(result, what)!r} instead of {getattr(usual, what)!r}" for what in ("returncode", "err")
                 if getattr(result, what) != getattr(usual, what)]
        return "; ".join(parts + differences(without_times(self.mine(usual)), without_times(self.mine(result))))

    def known(self, key, how):
        """Why a failure is known to go wrong, or None."""
        return next((reason for name, call, errors, reason in KNOWN
                     if name in (None, self.name) and re.fullmatch(call, key) and how in errors.split()), None)


class Tick(Case):
    def record(self, result):
        return json.loads(result.out)

    def mine(self, result):
        return vms_of(self.record(result), self.vm.pid)

    def check(self, result, usual, call="", how=""):
        """What is wrong with a result of status 0 or 3; None if nothing is."""
        found = vms_of(self.record(result), self.vm.pid)
        if len(found) != 1:
            ended = how in ("ENOENT", "ESRCH") and "/proc/VM" in call  # that is what a process that ends looks like
            told = result.returncode == 3 and result.err
            return None if not found and (ended or told) else f"{len(found)} VMs, status {result.returncode}"
        found, expected = without_times(found[0]), without_times(vms_of(self.record(usual), self.vm.pid)[0])
        wrong = compare(expected, found, result.returncode == 3 and result.err)
        return "; ".join(wrong) or None


def compare(expected, found, told, missing=None, where="vm"):
    """Each number is the same, or not there with a cause."""
    missing = {**(missing or {}), **(found.get("missing") or {})}
    wrong = []
    for key, value in expected.items():
        if key in ("missing", "sources"):
            continue
        at = f"{where}.{key}"
        if key == "vcpus":
            by_id = {v["id"]: v for v in found.get("vcpus", [])}
            for vcpu in value:
                if vcpu["id"] not in by_id:
                    wrong += [] if told else [f"{at}: vCPU {vcpu['id']} is not there, without a word"]
                else:
                    wrong += compare(vcpu, by_id[vcpu["id"]], told, missing, f"{at}[{vcpu['id']}]")
        elif isinstance(value, dict):
            # A rate needs the sample before as well, of which a record does not speak.
            wrong += compare(value, found.get(key) or {}, told or key == "rates", missing, at)
        elif found.get(key) is None:
            if value is not None and not told and key not in missing and at.partition(".")[2] not in missing:
                wrong.append(f"{at}: is not there, without a word")
        elif found[key] != value and value is not None:
            wrong.append(f"{at}: {found[key]!r} instead of {value!r}")
    for key in found:
        if key == "stale_s" and told:
            continue  # on a busy machine a process may have taken too long
        if key not in expected and key not in ("missing", "sources"):
            wrong.append(f"{where}.{key}: {found[key]!r}, which is not there else")
    return wrong


class Bpf(Tick):
    """A tick through BPF: only what concerns BPF fails. Where it does, the other sources step in."""
    # Nothing else tells them, and it tells nothing else of this VM.
    ONLY_BPF = {"host_cpu", "preempted", "halt_poll_window_ns", "l1_tsc_offset", "dirty_logged", "migrating",
                "ram_bytes", "causes"}

    def tried(self, name, about):
        return name == "bpf" or "bpf" in about or "btf" in about

    def record(self, result):
        return self.without_bpf(json.loads(result.out))

    def without_bpf(self, value):
        if isinstance(value, dict):
            return {k: self.without_bpf(v) for k, v in value.items() if k not in self.ONLY_BPF}
        return [self.without_bpf(v) for v in value] if isinstance(value, list) else value


class File(Tick):
    """A tick whose record goes to a file: only what concerns that file fails."""

    def __init__(self, name, vm, *args):
        super().__init__(name, vm, *args)
        self.path = args[-1]

    def tried(self, name, about):
        return about == "DIR" or name in ("fsync", "rename", "renameat")

    def run(self, test, *fault):
        if os.path.exists(self.path):
            os.unlink(self.path)
        result, calls = super().run(test, *fault)
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as f:
                result.out = f.read()
        elif result.returncode in (0, 3):
            result.err += "kvmlens: says it is done, but there is no file"
        if result.returncode == 1 and result.out:
            result.returncode = -1  # a file that is not whole, or one that is and was said to have failed
        return result, calls


class Demo(Case):
    """VMs of kvmlens's own: none of them stays behind. What is counted there differs from run to run."""

    def tried(self, name, about):
        return name in ("fork", "clone", "clone3", "pipe2", "socketpair", "wait4", "waitid", "poll", "mmap", "ioctl",
                        "pidfd_open") or (name in ("read", "write") and "pipe" in about) or "/dev/kvm" in about

    def record(self, result):
        return json.loads(result.out)

    def same(self, result, _usual):
        return len(self.record(result)["vms"]) >= 2

    def check(self, result, _usual, _call="", _how=""):
        return None if self.record(result)["vms"] or result.returncode == 3 else "no VM, without a word"


class Scan(Case):
    def record(self, result):
        return without_times(json.loads(result.out))

    def check(self, result, usual, _call="", _how=""):
        found, expected = self.record(result), self.record(usual)
        if sum(v for k, v in found["pages"].items() if k != "total") != found["pages"]["total"]:
            return f"pages do not add up: {found['pages']}"
        if result.returncode == 3:
            return None if found["partial"] or found["warnings"] or result.err else "status 3 without a word"
        for part in ("pages", "zero_ratio", "regions", "wire", "name", "partial"):
            if found[part] != expected[part]:
                return f"{part}: {found[part]} instead of {expected[part]}"
        return None


class Faults(kvmtest.TestCase):
    seconds = 4 * 3600 if HOW_MUCH == "all" else int(2 * float(HOW_MUCH)) + 60

    def setUp(self):
        need_kvm()
        need_root()
        kvmtest.need(os.access(FAULTY, os.X_OK), "tests/faults/faulty is not there")
        kvmtest.need(run(FAULTY, "--log", "/dev/null", "--", "true").returncode == 0,
                     "tests/faults/faulty cannot trace a program here")
        self.dir = tempfile.mkdtemp(prefix="kvmtest-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.log = tempfile.mktemp(prefix="kvmtest-calls-")
        self.addCleanup(lambda: os.path.exists(self.log) and os.unlink(self.log))
        # Leaks cannot be looked for in a traced program.
        self.env = kvmtest.without_leak_check(TMPDIR=self.dir)
        self.vm = self.own_vm("--vcpus", "2", "--ram", "16M", "--fill", "mix:2M:4M", "--comm", "faults")
        kvmtest.wait_for(self.stands_still, "counters that stand still")

    def stands_still(self):
        """Have the guests halted, so that each run finds the same numbers?"""
        def counters():
            record = kvmtest.snapshot("-p", str(self.vm.pid), "-s", str(5 * DELAY_S))
            vm = kvmtest.vm_of(record, self.vm.pid)
            return without_times(vm), any(vm["rates"].values())
        first, moves = counters()
        return not moves and counters() == (first, False)

    def verdict(self, case, usual, result, calls, key, how):
        """(outcome for the table, what is wrong or None)"""
        end = calls[-1] if calls else "= nothing"
        files = [f for f in os.listdir(self.dir) if f != "record"]
        # What a verifier says is kept for who asked for BPF.
        for log in [f for f in files if case.name == "--bpf" and f.startswith("kvmlens-bpf.")]:
            os.unlink(os.path.join(self.dir, log))
            files.remove(log)
        if not end.startswith("= exit "):
            return "broken", f"ended with '{end}'"
        if files:
            return "broken", f"leaves {files}"
        if "runtime error:" in result.err or "Sanitizer" in result.err:
            return "broken", "sanitizer"
        if result.returncode not in (0, 1, 3):
            return "broken", f"exit status {result.returncode}"
        for line in result.err.splitlines():
            text = line.partition("kvmlens: ")[2] or line
            bare = len(text.split()) < 4 and (text, how) != ("out of memory", "ENOMEM")
            if bare or re.search(r"\berrno\b|error -?\d+", text):
                return "broken", f"no sentence: {line!r}"
        if result.returncode == 1:
            if how == "EINTR":
                return "broken", "an interrupted call is a failure"
            return "failed", None if result.err else "failed without a word"
        try:
            wrong = case.check(result, usual, key, how)
        except (ValueError, KeyError) as error:
            return "broken", f"no whole record: {error!r}"
        if wrong:
            return "broken", wrong
        if case.same(result, usual):
            return "same", None
        if how == "EINTR":
            return "broken", f"an interrupted call changes the result: {case.changes(result, usual)}"
        return "less", None

    def go_through(self, case, seconds):
        usual, _ = case.run(self)
        again, _ = case.run(self)
        self.assert_status(usual, 0, 3)
        self.assertIsNone(case.check(again, usual), again)
        plan = [(key, nth, how) for key, nth in case.calls(self) for how in ERRORS[key.split(" ")[0]].split()
                if not any(re.match(call, key) and how in errors.split() for call, errors in NEVER)]
        random.Random(SEED).shuffle(plan)
        # Each call with each error in turn: a sample has some of all.
        turns, rounds = collections.Counter(), {}
        for key, nth, how in plan:
            turns[key.split(" ")[0], how] += 1
            rounds[key, nth, how] = turns[key.split(" ")[0], how]
        plan.sort(key=rounds.get)
        table, bad, missed, tried, planned = collections.Counter(), [], 0, 0, len(plan)
        known = collections.Counter()
        start = time.monotonic()
        while plan:
            key, nth, how = plan.pop(0)
            if seconds is not None and time.monotonic() - start > seconds:
                break
            code = how if how == "short" else str(getattr(errno, how))
            try:
                result, calls = case.run(self, "--fail", key, "--nth", str(nth), "--how", code)
            except Exception as error:  # subprocess.TimeoutExpired, which kills the tracer and so all it traced
                outcome, wrong, result = "broken", f"does not end: {error}"[:200], None
            else:
                if not any(c.startswith("!") for c in calls):
                    missed += 1  # what other processes do differs from run to run
                    continue
                outcome, wrong = self.verdict(case, usual, result, calls, key, how)
                if wrong and case.check(case.run(self)[0], usual) is not None:
                    # Something woke the guests up: their counters stand still elsewhere now.
                    usual = case.run(self)[0]
                    plan.append((key, nth, how))
                    continue
                if result.idle_seconds > (DELAY_S + 2) * SLOWER:
                    # Disks may have been busy: slow is who is slow twice.
                    slow = case.run(self, "--fail", key, "--nth", str(nth), "--how", code)[0].idle_seconds
                    wrong = wrong or (f"took {slow:.1f} s" if slow > (DELAY_S + 2) * SLOWER else None)
            tried += 1
            table[key.split(" ")[0], how, outcome] += 1
            if wrong and case.known(key, how):
                known[case.known(key, how)] += 1
            elif wrong:
                bad.append(f"{key} #{nth} {how}: {wrong}" + (f" | {result.err.strip()}" if result else ""))
                if HOW_MUCH == "all":
                    print("  " + bad[-1][:600], flush=True)
        print(f"{case.name}: {tried} of {planned} failures tried, {missed} did not come about; KVMTEST_SEED={SEED}")
        self.print_table(table)
        for reason, count in sorted(known.items()):
            print(f"  known, {count} times: {reason}")
        gone = {reason for name, _, _, reason in KNOWN if case.name == name} - set(known)
        if HOW_MUCH == "all" and gone:
            bad += [f"is marked as known and did not show: {reason}" for reason in gone]
        if bad:
            self.fail(f"{len(bad)} of {tried}:\n" + "\n".join(b[:600] for b in bad[:40]))

    @staticmethod
    def print_table(table):
        outcomes = ("same", "less", "failed", "broken")
        if HOW_MUCH != "all" and float(HOW_MUCH) < 60:
            sums = {o: sum(n for (_, _, is_), n in table.items() if is_ == o) for o in outcomes}
            print("  " + ", ".join(f"{n} {o}" for o, n in sums.items()))
            return
        print(f"  {'call':<18}{'error':<8}" + "".join(f"{o:>8}" for o in outcomes))
        for name, how in sorted({(n, h) for n, h, _ in table}):
            print(f"  {name:<18}{how:<8}" + "".join(f"{table[name, how, o] or '-':>8}" for o in outcomes))

    def try_all(self, case):
        self.go_through(case, None if HOW_MUCH == "all" else float(HOW_MUCH))
        # The VM never noticed.
        self.assertIsNone(self.vm.process.poll())

    def tick(self):
        return Tick("--once", self.vm, "-1", "-s", str(DELAY_S), "--format", "json", "-p", str(self.vm.pid))

    def scan(self):
        return Scan("--scan", self.vm, "--scan", str(self.vm.pid), "--format", "json")

    def bpf(self):
        need_bpf()
        return Bpf("--bpf", self.vm, "-1", "-s", str(DELAY_S), "--format", "json", "-p", str(self.vm.pid), "--bpf")

    def file(self):
        return File("--output", self.vm, "-1", "-s", str(DELAY_S), "--format", "json", "-p", str(self.vm.pid),
                    "-o", os.path.join(self.dir, "record"))

    def demo(self):
        return Demo("--demo", self.vm, "--demo", "-1", "-s", str(DELAY_S), "--format", "json")

    def test_interrupted_call_is_made_again(self):
        # Of two samples the second is shown.
        for case, key, nth in ((self.tick(), "openat /proc/VM/fd", 1), (self.tick(), "openat /", 1),
                               (self.tick(), "ioctl /proc/VM/pagemap", 1), (self.tick(), "pread64 /proc/VM/io", 2),
                               (self.scan(), "openat /proc/VM/smaps", 1), (self.scan(), "openat /proc/VM/pagemap", 1),
                               (self.scan(), "ioctl /proc/VM/pagemap", 1), (self.file(), "openat DIR", 1),
                               (self.demo(), "openat /dev/kvm", 1)):
            with self.subTest(case=case.name, key=key):
                if key.startswith("ioctl") and key not in case.run(self)[1]:
                    kvmtest.say_skipped("no PAGEMAP_SCAN on this kernel (6.7)")
                    continue
                self.assertIsNone(self.interrupted(case, key, nth))

    def interrupted(self, case, key, nth):
        """What is wrong with a run in which that call is interrupted. On a busy machine a process may have taken too long:
        wrong is what is wrong each time."""
        wrong = None
        for _ in range(5):
            usual = case.run(self)[0]
            result, calls = case.run(self, "--fail", key, "--nth", str(nth), "--how", str(errno.EINTR))
            # Without -p the VMs of others count, too.
            if result.returncode not in ((0, 3) if case.name == "--demo" else (0,)):
                wrong = str(result)
            elif not any(call.startswith("!") for call in calls):
                wrong = f"{key} was not called"
            elif case.same(result, usual):
                return None
            else:
                wrong = case.changes(result, usual)
            self.assert_sane(result)
        return wrong

    def test_interrupted_creation_of_a_vm_is_begun_again(self):
        # testvm makes its VM as the demo does. The first two requests are for a version and a size.
        result = run(FAULTY, "--log", self.log, "--fail", "ioctl /dev/kvm", "--nth", "3", "--how", str(errno.EINTR),
                     "--", kvmtest.TESTVM, env=self.env)
        self.assert_status(result, 0)
        with open(self.log, encoding="utf-8") as f:
            self.assertIn("!ioctl /dev/kvm\n", f.readlines())

    def test_tick(self):
        self.try_all(self.tick())

    def test_tick_through_bpf(self):
        self.try_all(self.bpf())

    def test_tick_into_a_file(self):
        self.try_all(self.file())

    def test_demo(self):
        self.try_all(self.demo())

    def test_scan(self):
        self.try_all(self.scan())

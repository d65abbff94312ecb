#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the end-to-end tests: run.py [--again] [NAME | -NAME]..., where NAME is a module (discovery), class or test, and -NAME one
to be left out.

As root the tests run in a mount namespace of their own with debugfs and securityfs mounted, so that the
mounts of the machine stay as they are.

Most tests wait most of the time, so some run in two lanes, each a process that takes one class after the other. What may
run beside a class is said by a constant BESIDE of it or of its module:
    none        it sees all VMs of the host, or measures what others change: only "any" may run beside it
    "own VMs"   it looks only at VMs that it has made, by their process ids or by names that nobody else has, and bears
                other work: others like it
    "any"       it neither makes nor sees a VM of this host: everything
KVMTEST_LANES=1 runs all of them one after the other, and so does a machine that is so slow that KVMTEST_SLOWER is set.
What a test prints comes in one piece. "N passed, N failed, N skipped" comes at the end, and then the names of those that
failed.

With --again up to five that failed run once more at the end, one after the other. One that passes then has passed, and is named
as unsteady: it, or the program, is to be mended all the same. What a sanitizer found, and a signal that ended a program, have no
second chance: they do not come again for the asking.
"""
import contextlib
import ctypes
import importlib
import io
import json
import os
import re
import shutil
import signal
import socket
import sys
import threading
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
# By a signal: as a process has it, and as a shell.
FINAL = r"Sanitizer|runtime error:|exit status -(4|6|7|8|11|31)\b|: (-(4|6|7|8|11|31)|13[24569]|159) != "
MOUNTS = ("debugfs /sys/kernel/debug", "securityfs /sys/kernel/security")


class Timeout(Exception):
    pass


def on_alarm(_signum, _frame):
    raise Timeout("the test takes too long")


def explain(err):
    """The message and the lines of the tests that led to it, without those of Python's library."""
    kind, value, trace = err
    lines = [f"    {os.path.basename(f.filename)}:{f.lineno}: {f.line}"
             for f in traceback.extract_tb(trace) if f.filename.startswith(HERE)]
    return "\n".join([*lines, *(traceback.format_exception_only(kind, value))])


class Result(unittest.TestResult):
    """One line for each test while it runs, what went wrong below it."""

    def __init__(self, on_skip):
        super().__init__()
        self.on_skip = on_skip
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}
        self.failed = []  # names
        self.final = []  # of those without a second chance
        self.started = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()
        signal.alarm(int(getattr(test, "seconds", 90) * float(os.environ.get("KVMTEST_SLOWER", "1"))))

    def stopTest(self, test):
        signal.alarm(0)
        super().stopTest(test)

    def _line(self, test, word, count, text=""):
        self.counts[count] += 1
        name = ".".join(test.id().split(".", 2)[-3:])
        if count == "failed":
            self.failed.append(name)
        print(f"{word:<7} {name} ({time.monotonic() - self.started:.1f} s){text}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._line(test, "ok", "passed")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line(test, "skipped", "skipped", f": {reason}")
        self.on_skip(reason)

    def _explain(self, err):
        why = explain(err)
        if re.search(FINAL, why):
            self.final.append(self.failed[-1])
        print(why, flush=True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._line(test, "FAILED", "failed")
        self._explain(err)

    addError = addFailure

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self._line(test, "known", "skipped", f": {test.shortDescription()}")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self._line(test, "FAILED", "failed", ": passes, though it is marked as a known failure: take the mark away")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._line(subtest, "FAILED", "failed")
            self._explain(err)


def own_mounts():
    """Start again in a mount namespace of our own; returns when that is done or not possible."""
    if os.geteuid() != 0 or os.environ.get("KVMTEST_MOUNTS") or not shutil.which("unshare"):
        return
    lines = []
    for mount in MOUNTS:
        fstype, path = mount.split()
        lines.append(f"mountpoint -q {path} || mount -t {fstype} none {path} || true")
    os.environ["KVMTEST_MOUNTS"] = "1"
    script = "\n".join(lines) + '\nexec "$@"'
    argv = ["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh",
            sys.executable, *sys.argv]
    probe = os.spawnvp(os.P_WAIT, "unshare", ["unshare", "-m", "true"])
    if probe == 0:
        os.execvp("unshare", argv)
    print("note: no mount namespace of our own; debugfs is used as the machine has it")


def tests_of(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_of(item)
        else:
            yield item


# --- lanes --------------------------------------------------------------------------------------

def beside(test):
    return getattr(test, "BESIDE", getattr(sys.modules[type(test).__module__], "BESIDE", None))


class Schedule:
    """Classes of tests, each run by one lane. Those that bear others come first, so that the lanes are full; what
    runs beside anything fills the gaps."""
    ORDER = ("own VMs", None, "any")

    def __init__(self, tests):
        classes = {}
        for test in tests:
            classes.setdefault((self.ORDER.index(beside(test)), type(test).__module__, type(test).__qualname__), []).append(test)
        self.waiting = [(self.ORDER[key[0]], classes[key]) for key in sorted(classes)]
        self.running = []
        self.changed = threading.Condition()

    def _fits(self, kind):
        return kind == "any" or all(other == "any" or other == kind == "own VMs" for other in self.running)

    def take(self):
        """The next (kind, tests); waits until there is one that may run now. None: nothing is left."""
        with self.changed:
            while self.waiting:
                found = next((each for each in self.waiting if self._fits(each[0])), None)
                if found:
                    self.waiting.remove(found)
                    self.running.append(found[0])
                    return found
                self.changed.wait()
            return None

    def done(self, kind):
        with self.changed:
            self.running.remove(kind)
            self.changed.notify_all()


class Lane:
    """A process that runs tests by their numbers, and a thread here that gives them to it and prints what they print."""
    PR_SET_PDEATHSIG = 1

    def __init__(self, tests, on_skip):
        self.tests, self.on_skip = tests, on_skip
        self.result = Result(on_skip)  # of all of its tests
        self.socket, theirs = socket.socketpair()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self.socket.close()
            self._work(theirs.makefile("rw", encoding="utf-8"))
        theirs.close()
        self.file = self.socket.makefile("rw", encoding="utf-8")

    def _work(self, file):
        """One line for each request and each answer, as long as there are requests. Does not return."""
        status = 1
        try:
            # An alarm ends a test with all that it has started.
            ctypes.CDLL(None).prctl(self.PR_SET_PDEATHSIG, signal.SIGALRM, 0, 0, 0)
            for line in file:
                result = Result(self.on_skip)
                sys.stdout = io.StringIO()
                try:
                    self.tests[int(line)](result)
                except Timeout:
                    # Between two parts of a test unittest lets it pass: what the test has started is there still.
                    signal.alarm(CLEANUP_SECONDS)
                    self.tests[int(line)].doCleanups()
                    raise
                file.write(json.dumps([sys.stdout.getvalue(), result.counts, result.failed, result.final]) + "\n")
                file.flush()
            status = 0
        except (Timeout, BrokenPipeError):
            pass  # nobody is there any more
        except Exception:
            traceback.print_exc()
        finally:
            os._exit(status)

    def run(self, test):
        """Of a lane that has ended the test has failed. Is it there still?"""
        name = test.id()
        text = f"FAILED  {name}: the process that runs it has ended\n"
        counts, failed, final = {"failed": 1}, [name], [name]
        try:
            self.file.write(f"{self.tests.index(test)}\n")
            self.file.flush()
            text, counts, failed, final = json.loads(self.file.readline())
            return True
        except (OSError, ValueError):
            return False
        finally:
            # At once: no other lane comes between.
            sys.stdout.write(text.encode("utf-8", "backslashreplace").decode("utf-8"))
            sys.stdout.flush()
            self.result.failed += failed
            self.result.final += final
            for word, count in counts.items():
                self.result.counts[word] += count

    def serve(self, schedule):
        lives = True
        while lives and (taken := schedule.take()):
            kind, tests = taken
            # All of them: where it ends in the middle the rest fails, too.
            lives = min([self.run(test) for test in tests])
            schedule.done(kind)

    def end(self, at_once):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        if at_once:
            os.kill(self.pid, signal.SIGALRM)
        os.waitpid(self.pid, 0)


def run_in_lanes(tests, count, on_skip):
    """A result with the counts and the names of all."""
    schedule, result = Schedule(tests), Result(on_skip)
    lanes = [Lane(tests, on_skip) for _ in range(count)]
    threads = [threading.Thread(target=lane.serve, args=(schedule,), daemon=True) for lane in lanes]
    at_once = True
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        at_once = False
    finally:
        for lane in lanes:
            lane.end(at_once)
    for lane in lanes:
        result.failed += lane.result.failed
        result.final += lane.result.final
        for word in result.counts:
            result.counts[word] += lane.result.counts[word]
    left = [test.id() for _, class_tests in schedule.waiting for test in class_tests]
    result.failed += left
    result.final += left
    result.counts["failed"] += len(left)
    return result


CLEANUP_SECONDS = 20
AGAIN_AT_MOST = 5  # more of them are no accident


def once_more(tests, result, on_skip):
    """Those of the result that failed. Takes those that pass now for passed; their names."""
    unsteady = []

    def test_of(name):
        """Of which test a name is, or that of a part of one."""
        return name.split(" ")[0]

    failed = {test_of(name) for name in result.failed}
    final = {test_of(name) for name in result.final}
    if len(failed) > AGAIN_AT_MOST:
        return unsteady
    for test in tests:
        if test.id() not in failed - final:
            continue
        print("once more:")
        lane = Lane([test], on_skip)
        at_once = True
        try:
            lane.run(test)
            at_once = False
        finally:
            lane.end(at_once)
        if lane.result.counts["passed"] == 0 or lane.result.failed:
            continue
        before = len(result.failed)
        result.failed = [name for name in result.failed if test_of(name) != test.id()]
        result.counts["failed"] -= before - len(result.failed)
        result.counts["passed"] += 1
        unsteady.append(test.id())
    return unsteady


def main():
    own_mounts()
    sys.path.insert(0, HERE)
    signal.signal(signal.SIGALRM, on_alarm)
    # A shell without job control lets its background jobs ignore the first two, nohup(1) the third; the programs
    # under test would as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    import kvmtest  # only now: it is found beside this file
    args = sys.argv[1:]
    again = "--again" in args
    names = [name for name in args if not name.startswith("-")]
    not_these = [name[1:] for name in args if name.startswith("-") and name != "--again"]
    loader = unittest.TestLoader()
    tests = []
    for file in sorted(os.listdir(HERE)):
        if re.fullmatch(r"test_\w+\.py", file):
            tests += tests_of(loader.loadTestsFromModule(importlib.import_module(file[:-3])))
    chosen = [t for t in tests
              if (not names or any(name in t.id() for name in names)) and not any(name in t.id() for name in not_these)]
    for program in (kvmtest.KVMLENS, kvmtest.TESTVM):
        if not os.access(program, os.X_OK):
            print(f"{program} is not there; run: make e2e", file=sys.stderr)
            return 1
    count = int(os.environ.get("KVMTEST_LANES") or (2 if kvmtest.SLOWER == 1 else 1))
    if count > 1 and len({type(test) for test in chosen}) > 1:
        result = run_in_lanes(chosen, count, kvmtest.remember_skip)
    else:
        result = Result(kvmtest.remember_skip)
        for test in chosen:
            test(result)
    if again and result.failed:
        print(f"failed at first: {' '.join(result.failed)}", flush=True)
    unsteady = once_more(chosen, result, kvmtest.remember_skip) if again else []
    counts = result.counts
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    for name in result.failed:
        print(f"failed: {name}")
    for name in unsteady:
        print(f"unsteady: {name}")
    if not chosen:
        print("no such test", file=sys.stderr)
    return 1 if counts["failed"] or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())

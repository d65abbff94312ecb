#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the end-to-end tests: run.py [NAME]..., where NAME is a module (discovery), class or test.

As root the tests run in a mount namespace of their own with debugfs and securityfs mounted, so that the
mounts of the machine stay as they are. The last line is "N passed, N failed, N skipped".
"""
import importlib
import os
import re
import shutil
import signal
import sys
import time
import traceback
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
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
        name = ".".join(test.id().split(".")[-3:])
        print(f"{word:<7} {name} ({time.monotonic() - self.started:.1f} s){text}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self._line(test, "ok", "passed")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._line(test, "skipped", "skipped", f": {reason}")
        self.on_skip(reason)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._line(test, "FAILED", "failed")
        print(explain(err), flush=True)

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
            print(explain(err), flush=True)


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
    names = sys.argv[1:]
    loader = unittest.TestLoader()
    tests = []
    for file in sorted(os.listdir(HERE)):
        if re.fullmatch(r"test_\w+\.py", file):
            tests += tests_of(loader.loadTestsFromModule(importlib.import_module(file[:-3])))
    chosen = [t for t in tests
              if not names or any(name in t.id() for name in names)]
    for program in (kvmtest.KVMLENS, kvmtest.TESTVM):
        if not os.access(program, os.X_OK):
            print(f"{program} is not there; run: make e2e", file=sys.stderr)
            return 1
    result = Result(kvmtest.remember_skip)
    for test in chosen:
        test(result)
    counts = result.counts
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    if not chosen:
        print("no such test", file=sys.stderr)
    return 1 if counts["failed"] or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())

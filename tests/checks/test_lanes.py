# SPDX-License-Identifier: MIT
"""Tests of tests/e2e/run.py: which classes run at once, what is printed, and that nothing is lost."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Each test notes when it begins and ends.
MODULE = '''
import os, signal, time
import kvmtest
BESIDE = {beside!r}

class Noted(kvmtest.TestCase):
    def setUp(self):
        self.addCleanup(self.note, "ends")
        self.note("begins")

    def note(self, word):
        with open({notes!r}, "a", encoding="utf-8") as f:
            f.write(f"{{type(self).__name__}} {{word}}\\n")

'''


class Lanes(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="kvmtest-")
        self.addCleanup(shutil.rmtree, self.dir)
        for name in ("run.py", "kvmtest.py"):
            shutil.copy(os.path.join(ROOT, "tests/e2e", name), self.dir)
        self.notes = os.path.join(self.dir, "notes")
        self.skipped = os.path.join(self.dir, "skipped")

    def module(self, name, beside, text):
        with open(os.path.join(self.dir, f"test_{name}.py"), "w", encoding="utf-8") as f:
            f.write(MODULE.format(beside=beside, notes=self.notes) + text)

    def environment(self, **env):
        return {**os.environ, "KVMTEST_MOUNTS": "1", "KVMLENS": "/bin/true", "TESTVM": "/bin/true", "KVMTEST_SLOWER": "1",
                "KVMTEST_SKIPPED": self.skipped, "KVMTEST_LANES": "2", **env}

    def run_all(self, *names, **env):
        """(exit status, what it prints)"""
        result = subprocess.run([sys.executable, "-B", os.path.join(self.dir, "run.py"), *names], env=self.environment(**env),
                                capture_output=True, text=True, timeout=60, check=False)
        return result.returncode, result.stdout

    def at_once(self):
        """Pairs of classes whose tests ran at the same time."""
        running, pairs = set(), set()
        with open(self.notes, encoding="utf-8") as f:
            for name, word in map(str.split, f):
                if word == "begins":
                    pairs |= {frozenset((name, other)) for other in running}
                    running.add(name)
                else:
                    running.remove(name)
        return pairs

    SLOW = "class {}(Noted):\n    def test_1(self): time.sleep(0.2)\n    def test_2(self): time.sleep(0.2)\n\n"

    def test_classes_run_beside_those_that_they_bear(self):
        self.module("own", "own VMs", self.SLOW.format("A") + self.SLOW.format("B"))
        self.module("host", None, self.SLOW.format("C") + self.SLOW.format("D"))
        self.module("any", "any", self.SLOW.format("E"))
        status, out = self.run_all()
        self.assertEqual(status, 0, out)
        self.assertEqual(out.splitlines()[-1], "10 passed, 0 failed, 0 skipped")
        pairs = self.at_once()
        self.assertIn(frozenset("AB"), pairs)
        self.assertTrue(any("E" in pair for pair in pairs), pairs)
        self.assertFalse([pair for pair in pairs if "E" not in pair and pair & {"C", "D"}])

    def test_one_lane_is_one_after_the_other(self):
        self.module("own", "own VMs", self.SLOW.format("A") + self.SLOW.format("B"))
        for env in ({"KVMTEST_LANES": "1"}, {"KVMTEST_LANES": "", "KVMTEST_SLOWER": "4"}):
            self.assertEqual(self.run_all(**env)[0], 0)
            self.assertEqual(self.at_once(), set())

    def test_what_fails_is_named_at_the_end_and_what_is_left_out_is_noted(self):
        self.module("own", "own VMs", """
class A(Noted):
    def test_1(self):
        for _ in range(200):
            print("first")
            time.sleep(0.001)
    def test_2(self): self.fail("so")
class B(Noted):
    def test_1(self):
        for _ in range(200):
            print("second \\udc80")
            time.sleep(0.001)
    def test_2(self):
        with self.subTest(of="1.2"): self.fail("part")
    def test_3(self): kvmtest.need(False, "no luck")
class C(Noted):
    seconds = 1
    def test_1(self): time.sleep(60)
""")
        status, out = self.run_all()
        self.assertEqual(status, 1)
        self.assertEqual([out.splitlines()[-4], *sorted(out.splitlines()[-3:])], ["2 passed, 3 failed, 1 skipped", "failed: test_own.A.test_2",
                                                 "failed: test_own.B.test_2 (of='1.2')", "failed: test_own.C.test_1"])
        self.assertIn("the test takes too long", out)
        # In one piece.
        self.assertRegex(out, r"(first\n){200}ok      test_own.A.test_1")
        self.assertRegex(out, r"(second .*\n){200}ok      test_own.B.test_1")
        with open(self.skipped, encoding="utf-8") as f:
            self.assertEqual(f.read(), "no luck\n")

    def test_names_choose_and_leave_out(self):
        self.module("own", "own VMs", self.SLOW.format("A") + self.SLOW.format("B"))
        self.module("other", None, self.SLOW.format("A"))
        for names, ran in ((["other"], "other.A other.A"), (["-own.A", "-B.test_1"], "other.A other.A own.B"),
                           (["own", "-A", "-test_2"], "own.B")):
            _, out = self.run_all(*names)
            self.assertEqual(sorted(re.findall(r"^ok +test_(\w+\.\w)\.", out, re.M)), ran.split(), out)

    def test_a_lane_that_ends_fails_its_class_and_the_other_goes_on(self):
        self.module("own", "own VMs", """
class A(Noted):
    def test_1(self): os.kill(os.getpid(), signal.SIGKILL)
    def test_2(self): pass
""" + self.SLOW.format("B") + self.SLOW.format("C"))
        status, out = self.run_all()
        self.assertEqual(status, 1)
        self.assertEqual(out.splitlines()[-3:], ["4 passed, 2 failed, 0 skipped", "failed: test_own.A.test_1",
                                                 "failed: test_own.A.test_2"])

    def test_tests_that_are_ended_clean_up(self):
        self.module("own", "own VMs", "".join(
            f"class {name}(Noted):\n    def test_1(self): time.sleep(60)\n" for name in "AB"))
        for signum in (signal.SIGINT, signal.SIGKILL):
            if os.path.exists(self.notes):
                os.unlink(self.notes)
            begin = time.monotonic()
            with subprocess.Popen([sys.executable, "-B", os.path.join(self.dir, "run.py")], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, env=self.environment()) as run:
                self.wait_for_notes(2)
                run.send_signal(signum)
            self.wait_for_notes(4)
            self.assertEqual(self.noted()[2:], ["A ends", "B ends"])
            self.assertLess(time.monotonic() - begin, 50)

    def noted(self):
        try:
            with open(self.notes, encoding="utf-8") as f:
                return sorted(f.read().splitlines(), key=lambda note: note.split()[::-1])
        except FileNotFoundError:
            return []

    def wait_for_notes(self, count):
        deadline = time.monotonic() + 30
        while len(self.noted()) < count:
            self.assertLess(time.monotonic(), deadline, self.noted())
            time.sleep(0.02)

    # What it says for the first time only is what it fails with.
    ONCE = """
class {0}(Noted):
    def once(self, why):
        made = os.path.join(os.path.dirname({{notes!r}}), why)
        if not os.path.exists(made):
            open(made, "w").close()
            self.fail(why)
    def test_1(self): self.once("{0} late")
    def test_2(self):
        for part in ("1.2", "1.3"):
            with self.subTest(part=part): self.once("{0} late " + part)
    def test_3(self): pass
"""

    def once(self, name):
        return self.ONCE.format(name).replace("{notes!r}", repr(self.notes))

    def test_what_fails_once_has_a_second_chance_and_is_named(self):
        self.module("own", "own VMs", self.once("A") + self.SLOW.format("B"))
        for args, env in (((), {}), (("--again",), {}), (("--again",), {"KVMTEST_LANES": "1"})):
            for name in os.listdir(self.dir):
                if name.startswith("A late"):
                    os.unlink(os.path.join(self.dir, name))
            status, out = self.run_all(*args, **env)
            self.assertEqual(status, not args, out)
            failed = ["test_own.A.test_1", "test_own.A.test_2 (part='1.2')", "test_own.A.test_2 (part='1.3')"]
            if args:
                self.assertIn(f"failed at first: {' '.join(failed)}\n", out)
                self.assertEqual(out.splitlines()[-3:], ["5 passed, 0 failed, 0 skipped", "unsteady: test_own.A.test_1",
                                                         "unsteady: test_own.A.test_2"])
            else:
                self.assertEqual(out.splitlines()[-4:], ["3 passed, 3 failed, 0 skipped", *(f"failed: {name}" for name in failed)])

    def test_what_does_not_come_again_for_the_asking_has_failed(self):
        self.module("own", "own VMs", """
class B(Noted):
    def test_1(self): self.fail("so")
    def test_2(self): self.assertEqual(-11, 0)
    def test_3(self): self.assertEqual("", "ERROR: AddressSanitizer: heap-use-after-free")
""")
        status, out = self.run_all("--again")
        self.assertEqual(status, 1)
        self.assertEqual(out.count("once more"), 1, out)
        self.assertIn("0 passed, 3 failed, 0 skipped\n", out)

    def test_what_fails_with_many_others_or_with_its_lane_has_failed(self):
        self.module("many", "own VMs", "".join(self.once(name) for name in "ABC"))
        self.module("lane", "own VMs", "class A(Noted):\n    def test_1(self): os.kill(os.getpid(), signal.SIGKILL)\n" +
                    self.SLOW.format("B"))
        for name in ("many", "lane"):
            status, out = self.run_all("--again", name)
            self.assertEqual(status, 1)
            self.assertNotIn("once more", out)
            self.assertNotIn("unsteady", out)

    def test_what_no_lane_is_left_for_has_failed(self):
        self.module("own", "own VMs", "".join(
            f"class {name}(Noted):\n    def test_1(self): os.kill(os.getpid(), signal.SIGKILL)\n" for name in "ABC"))
        status, out = self.run_all()
        self.assertEqual(status, 1)
        self.assertIn("0 passed, 3 failed, 0 skipped\n", out)
        self.assertEqual(set(re.findall("failed: (.*)", out)), {f"test_own.{name}.test_1" for name in "ABC"})


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: MIT
"""Exits: how they are asked for, who attaches what, what is said where they cannot be had, and that all is gone again.

A build without BPF, or a host that does not let them be counted, takes the other way through these tests.
"""
import contextlib
import json
import os
import re
import signal

import kvmtest
from kvmtest import KVMLENS, family, is_gone, kvmlens, need, need_root, wait_for

NOT_COUNTED = "kvmlens: exits were not counted: "
SAVED_TREE = "tests/data/roots/lockdown-qemu10"
SYS_PTRACE, DAC_READ_SEARCH = 1 << 19, 1 << 2


def check(name, *options, prefix=()):
    checks = json.loads(kvmlens("--doctor", "--format", "json", *options, prefix=prefix).out)["checks"]
    return next(each for each in checks if each["name"] == name)


def possible():
    return check("exits")["level"] == "ok"


def ids_of(pid, what):
    """Of the BPF programs or maps that a process holds."""
    found = set()
    with contextlib.suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fdinfo"):
            with contextlib.suppress(OSError), open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii", errors="replace") as f:
                found |= {int(each) for each in re.findall(rf"^{what}:\s(\d+)$", f.read(), re.MULTILINE)}
    return found


def program_ids(pid):
    return ids_of(pid, "prog_id")


def programs_of(pid):
    """Of all processes of this program."""
    return set().union(*(program_ids(each) for each in family(pid)))


def is_watching(pid):
    """Do its programs count by now, all VMs? That begins with the first count."""
    for each in family(pid):
        for map_id in ids_of(each, "map_id"):
            dump = kvmtest.run("bpftool", "map", "dump", "id", str(map_id), "-j").out
            if '"is_watching_all":true' in dump:
                return True
    return False


def alive():
    """Those of the whole host."""
    result = kvmtest.run("bpftool", "prog", "list", "-j")
    return {each["id"] for each in json.loads(result.out)}


def capabilities(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    return int(fields["CapPrm"], 16), int(fields["CapEff"], 16)


class Asked(kvmtest.TestCase):
    def test_what_came_of_it_is_said_once(self):
        self.own_vm("--ram", "64M")
        for mode in (["-1", "-s", "0.1"], ["-1", "--format", "json"], ["-l", "-n", "3", "-s", "0.1"],
                     ["-1", "-s", "0.1", "--bpf"]):
            with self.subTest(mode):
                result = kvmlens(*mode, "-t")
                self.assert_sane(result)
                said = result.err.count(NOT_COUNTED)
                self.assertEqual(said, 0 if possible() else 1, str(result))
                if not possible():
                    self.assert_status(result, 3)
                self.assertNotIn(NOT_COUNTED, kvmlens(*mode).err)

    def test_without_the_capabilities_all_else_goes_on(self):
        need_root()
        vm = self.own_vm("--ram", "64M")
        drop = ("setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-bpf,-perfmon")
        result = self.assert_status(kvmlens("-1", "-s", "0.1", "-t", "--format", "json", prefix=drop), 3)
        self.assertEqual(result.err.count(NOT_COUNTED), 1, result.err)
        kvmtest.vm_of(json.loads(result.out), vm.pid)
        found = check("exits", prefix=drop)
        self.assertEqual(found["level"], "note")
        self.assertIn("fix", found)

    def test_a_saved_tree_has_no_kernel(self):
        result = self.assert_status(kvmlens("-1", "-s", "0.1", "-t", "--sysroot", SAVED_TREE), 3)
        self.assertEqual(result.err.count(NOT_COUNTED), 1, result.err)
        self.assertEqual(check("exits", "--sysroot", SAVED_TREE)["level"], "unknown")

    def test_modes_that_show_none_refuse_it(self):
        for mode in (["--list"], ["--doctor"], ["--fields", "help"], ["--scan", "1"]):
            result = self.assert_status(kvmlens(*mode, "-t"), 2)
            self.assertIn("-t, --tracepoints has no meaning with", result.err)

    def test_doctor_tries_it_where_it_is_asked_to(self):
        need_root()
        found = check("exits-load", "--bpf")
        self.assertEqual(found["level"] == "ok", possible(), found)


class Holds(kvmtest.TestCase):
    def setUp(self):
        super().setUp()
        need_root()
        need(possible(), f"exits cannot be counted here: {check('exits')['finding']}")

    def attached(self, *options):
        """A run, once its collector has its programs."""
        run = self.background(KVMLENS, "-l", "-s", "0.2", "-t", "--format", "json", *options)
        wait_for(lambda: len(run.records()) >= 2, "two records")
        ids = programs_of(run.pid)
        self.assertGreater(len(ids), 1)
        return run, ids

    def test_the_counter_alone_has_them_and_none_of_the_rights_that_it_took(self):
        for level in ("strict", "basic"):
            with self.subTest(level):
                run, ids = self.attached("--privileges", level)
                front, supervisor, collector, counter = family(run.pid)
                self.assertEqual(program_ids(counter), ids)
                self.assertEqual(program_ids(front) | program_ids(supervisor) | program_ids(collector), set())
                self.assertEqual(capabilities(counter), (0, 0))
                self.assertEqual(capabilities(collector)[0] & ~(SYS_PTRACE | DAC_READ_SEARCH), 0)
                self.assertEqual(capabilities(supervisor)[1], 0)
                run.stop(signal.SIGTERM)

    def test_nothing_is_left_however_it_ends(self):
        kvmtest.need_tool("bpftool")
        for signum in (signal.SIGTERM, signal.SIGKILL):
            with self.subTest(signum):
                run, ids = self.attached()
                self.assertTrue(ids <= alive())
                found = family(run.pid)
                run.stop(signum)
                wait_for(lambda found=found: all(is_gone(pid) for pid in found), "the end of all", 20)
                wait_for(lambda ids=ids: not ids & alive(), "the end of its programs", 20)

    def test_a_counter_that_was_killed_is_replaced(self):
        run, ids = self.attached("--bpf")
        first = family(run.pid)[3]
        os.kill(first, signal.SIGKILL)
        seen = len(run.records())
        wait_for(lambda: len(run.records()) >= seen + 2, "two records more")
        again = programs_of(run.pid)
        self.assertEqual(len(again), len(ids))
        self.assertFalse(program_ids(family(run.pid)[3]) & ids)

    def test_a_collector_that_hangs_for_good_holds_none(self):
        """SIGKILL does not end it while the VMM lives; its programs would have slowed every guest for so long."""
        kvmtest.need_tool("bpftool")
        hostile = self.start(kvmtest.Hostile("fuse", "flush"))
        run = self.background(KVMLENS, "-l", "-s", "0.2", "-t", "--format", "json")
        wait_for(lambda: programs_of(run.pid), "programs", 20)
        ids = programs_of(run.pid)
        wait_for(lambda: hostile.ask()["held"] > 0, "somebody who waits for the file system", 20)
        run.stop(signal.SIGKILL)
        wait_for(lambda: not ids & alive(), "the end of all programs", 20)
        self.assertGreater(hostile.ask()["held"], 0)

    def test_without_a_wish_nothing_is_attached(self):
        run = self.background(KVMLENS, "-l", "-s", "0.2", "--format", "json")
        wait_for(lambda: len(run.records()) >= 2, "two records")
        self.assertEqual(programs_of(run.pid), set())

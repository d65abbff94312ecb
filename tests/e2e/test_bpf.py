# SPDX-License-Identifier: MIT
"""BPF: how it is asked for, who loads it, what is said where it cannot be had, and that it goes again.

A build without BPF, or a host that does not let it be loaded, takes the other way through these tests: it says
so in one sentence and goes on without.
"""
import contextlib
import json
import os
import re
import signal
import tempfile

import kvmtest
from kvmtest import KVMLENS, family, is_gone, kvmlens, need, need_root, wait_for

BPF = 1 << 38 | 1 << 39  # CAP_PERFMON and CAP_BPF
NOT_LOADED = "kvmlens: BPF was not loaded: "
COLUMNS = 160


def doctor():
    """The check of that name."""
    checks = json.loads(kvmlens("--doctor", "--format", "json").out)["checks"]
    return next(check for check in checks if check["name"] == "bpf")


def possible():
    return doctor()["level"] == "ok"


def capabilities(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    return int(fields["CapPrm"], 16) & BPF, int(fields["CapEff"], 16) & BPF


def on_top(screen, what):
    """In the line of the host's totals, which a wide terminal has beside the host."""
    return re.search(rf"  {what}(  |$)", "\n".join(screen.split("\n")[:2]), re.M) is not None


def programs(pid):
    """Processes of this program that have BPF programs loaded."""
    found = []
    for each in family(pid):
        with contextlib.suppress(OSError):
            links = [os.readlink(f"/proc/{each}/fd/{fd}") for fd in os.listdir(f"/proc/{each}/fd")]
            if "anon_inode:bpf-prog" in links:
                found.append(each)
    return found


class Asked(kvmtest.TestCase):
    """On the command line and in the configuration file."""

    def assert_said(self, result):
        """Loaded, or one sentence why not and status 3; nobody who did not ask hears of it."""
        self.assert_sane(result)
        lines = [line for line in result.err.splitlines() if line.startswith(NOT_LOADED)]
        self.assertEqual(len(lines), 0 if possible() else 1, str(result))
        if not possible():
            self.assert_status(result, 3)
            self.assertNotIn("errno", lines[0])

    def test_every_mode_says_what_came_of_it(self):
        vm = self.own_vm("--ram", "64M")
        modes = [["-1", "-s", "0.1"], ["-1", "--format", "json"], ["-1", "--format", "prometheus"],
                 ["-l", "-n", "2", "-s", "0.1"], ["--list"], ["--fields", "help"], ["--scan", str(vm.pid)]]
        for mode in modes:
            with self.subTest(mode):
                self.assert_said(kvmlens(*mode, "--bpf"))
                self.assertNotIn("BPF was", kvmlens(*mode).err)

    def test_json_has_its_state(self):
        need_root()
        vm = self.own_vm("--ram", "64M")
        record = kvmtest.snapshot("--bpf", "-p", str(vm.pid))
        self.assertEqual(record["host"]["bpf"]["state"], "loaded" if possible() else "failed")
        self.assertEqual("why" in record["host"]["bpf"], not possible())
        kvmtest.vm_of(record, vm.pid)
        self.assertNotIn("bpf", kvmtest.snapshot("-p", str(vm.pid))["host"])

    def test_where_it_alone_may_be_used_and_cannot_each_vm_says_so(self):
        need_root()
        vm = self.own_vm("--ram", "64M")
        drop = ("setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-bpf,-perfmon")
        result = self.assert_status(kvmlens("-1", "-s", "0.1", "--source", "bpf", str(vm.pid), prefix=drop), 3)
        self.assertIn("VM counters from none (BPF tells nothing of it)", result.out)
        self.assertNotIn("run as root", result.err)  # it does
        result = self.assert_status(kvmlens("--list", "--source", "bpf", "--format", "json", "-p", str(vm.pid),
                                            prefix=drop), 3)
        source = json.loads(result.out)["vms"][0]["sources"]["bpf"]
        self.assertEqual(source, {"usable": False, "readable": 0, "refused": 0, "cause": "bpf-unusable"})

    def test_who_holds_only_what_it_needs_sees_all_vms(self):
        """Files of other users' processes are closed to them, but no VM hides from the kernel."""
        need_root()
        need(possible(), f"BPF cannot be loaded here: {doctor()['finding']}")
        vm = self.own_vm("--ram", "64M")
        only = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+bpf,+perfmon",
                "--ambient-caps=+bpf,+perfmon")
        result = self.assert_status(kvmlens("-1", "-s", "0.1", "--source", "bpf", "-f", "^exits$", "--format", "json",
                                            prefix=only), 0)
        self.assertEqual(result.err, "")
        found = kvmtest.vm_of(json.loads(result.out), vm.pid)
        self.assertEqual(found["sources"], {"vm": "bpf", "vcpu": "bpf"})
        self.assertIn("exits", found["counters"])

    def test_list_says_why_it_is_not_used(self):
        need_root()
        vm = self.own_vm("--ram", "64M")
        result = self.assert_status(kvmlens("--list", "-p", str(vm.pid)), 0, 3)
        line = next(line.strip() for line in result.out.splitlines() if line.startswith("    bpf "))
        if possible():
            self.assertEqual(line, "bpf      not used nobody asked for it (--bpf)")
        else:
            self.assertRegex(line, r"^bpf      no       \w")

    def test_a_saved_tree_has_no_kernel(self):
        result = self.assert_status(kvmlens("-1", "--bpf", "--sysroot", "tests/data/roots/lockdown-qemu10"), 2)
        self.assertIn("a saved tree", result.err)

    def test_doctor_says_what_is_in_the_way(self):
        check = doctor()
        self.assertIn(check["level"], ("ok", "note"))
        self.assertEqual("fix" in check, check["level"] == "note", check)
        print(f"  {check['finding']}", flush=True)

    def test_doctor_names_it_where_lockdown_is_in_the_way(self):
        need_root()
        need(kvmtest.lockdown() == "integrity", "the kernel does not keep counters away")
        for prefix, offered in (((), possible()), (("setpriv", "--bounding-set=-bpf", "--inh-caps=-bpf"), False)):
            checks = json.loads(kvmlens("--doctor", "--format", "json", prefix=prefix).out)["checks"]
            fix = next(each for each in checks if each["name"] == "lockdown")["fix"]
            self.assertEqual("--bpf" in fix, offered, fix)
            self.assertIn("boot without lockdown", fix)

    def test_doctor_tries_it_where_it_is_asked_to(self):
        need_root()
        result = kvmlens("--doctor", "--bpf", "--format", "json")
        check = next(each for each in json.loads(result.out)["checks"] if each["name"] == "bpf-load")
        self.assertEqual(check["level"], "ok" if possible() else "problem", check)
        self.assertNotIn("bpf-load", kvmlens("--doctor").out)
        if not possible():
            self.assert_status(result, 3)

    def test_doctor_of_who_has_no_capability(self):
        need_root()
        need(possible(), f"something else is in the way: {doctor()['finding']}")
        drop = ("setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-bpf,-perfmon")
        checks = json.loads(kvmlens("--doctor", "--format", "json", prefix=drop).out)["checks"]
        check = next(each for each in checks if each["name"] == "bpf")
        self.assertEqual(check["level"], "note")
        self.assertIn("CAP_BPF", check["fix"])
        result = self.assert_status(kvmlens("-1", "-s", "0.1", "--bpf", prefix=drop), 3)
        self.assertIn("CAP_BPF", result.err)

    def test_all_say_the_same_to_a_root_without_cap_bpf(self):
        """The kernel would take its CAP_SYS_ADMIN instead, but the processes that load do not keep that."""
        need_root()
        need(possible(), f"something else is in the way: {doctor()['finding']}")
        drop = ("setpriv", "--bounding-set=-bpf", "--inh-caps=-bpf")
        checks = {each["name"]: each for each in
                  json.loads(kvmlens("--doctor", "--bpf", "--format", "json", prefix=drop).out)["checks"]}
        self.assertEqual((checks["bpf"]["level"], checks["bpf-load"]["level"]), ("note", "problem"), checks)
        self.assertIn("CAP_BPF is missing", checks["bpf-load"]["finding"])
        result = self.assert_status(kvmlens("-1", "-s", "0.1", "--bpf", prefix=drop), 3)
        self.assertIn("CAP_BPF is missing", result.err)


class Holds(kvmtest.TestCase):
    """Capabilities and programs of each process."""

    def setUp(self):
        super().setUp()
        need_root()
        need(not kvmtest.sanitized(), "a sanitizer needs what is given up")
        need(capabilities(os.getpid())[0] == BPF, "this root has no CAP_BPF and CAP_PERFMON")

    def settled(self, run):
        """Front end, supervisor and children, once the children hold neither capability."""
        def look():
            found = family(run.pid)
            if len(found) < 3 or any(capabilities(pid) != (0, 0) for pid in found[2:]):
                return None
            return found if capabilities(found[0]) == (0, 0) else None
        return wait_for(look, "processes that gave up what BPF takes", 5)

    def test_after_loading_nobody_holds_what_it_took(self):
        vm = self.own_vm("--ram", "256M", "--fill", "nonzero:0:200M")
        for options in (["-l", "-s", "0.3"], ["-l", "-s", "0.3", "--privileges=basic"],
                        ["--scan", str(vm.pid), "--max-rate", "20"]):
            with self.subTest(options):
                run = self.background(KVMLENS, "--bpf", *options, "--format", "json")
                found = self.settled(run)
                self.assertEqual(capabilities(found[1]), (BPF, 0))  # the supervisor, for the next child
                if possible():
                    wait_for(lambda run=run: programs(run.pid), "a child with programs", 5)
                    self.assertTrue(set(programs(run.pid)) <= set(found[2:] + family(run.pid)[2:]))
                else:
                    self.assertEqual(programs(run.pid), [])
                run.stop(signal.SIGKILL)
                wait_for(lambda found=found: all(is_gone(pid) for pid in found), "the end of all", 5)

    def test_without_a_wish_nothing_is_loaded(self):
        run = self.background(KVMLENS, "-l", "-s", "0.2", "--format", "json")
        wait_for(lambda: len(run.records()) >= 2, "two records")
        self.assertEqual(programs(run.pid), [])

    def test_a_collector_that_was_killed_is_replaced_with_its_wish(self):
        run = self.background(KVMLENS, "--bpf", "-l", "-s", "0.2", "--format", "json")
        wait_for(lambda: len(run.records()) >= 2, "two records")
        first = self.settled(run)[2]
        os.kill(first, signal.SIGKILL)
        seen = len(run.records())
        wait_for(lambda: len(run.records()) >= seen + 2, "two records more")
        self.assertNotEqual(self.settled(run)[2], first)
        for record in run.records():
            self.assertEqual(record["host"]["bpf"]["state"], "loaded" if possible() else "failed")


class Key(kvmtest.TestCase):
    """A in the monitor."""

    def monitor(self, *options, env=None):
        t = self.tmux(KVMLENS, "-s", "0.2", *options, columns=COLUMNS, env=env)
        t.wait_text("vCPU")
        return t

    def leave(self, t):
        t.send("q")
        self.assertEqual(t.wait_exit(), 0)

    def test_where_it_cannot_be_had_it_says_why(self):
        need(not possible(), "BPF can be loaded here")
        t = self.monitor()
        t.send("A")
        t.wait_text("No BPF: ")
        self.leave(t)

    def test_it_asks_loads_and_unloads(self):
        need_root()
        need(possible(), f"BPF cannot be loaded here: {doctor()['finding']}")
        vm = self.own_vm("--ram", "64M")
        t = self.monitor("-p", str(vm.pid))
        pid = t.child_pid()
        wait_for(lambda: len(family(pid)) >= 3, "three processes")
        before = family(pid)[2]
        t.send("A")
        t.wait_text("Load two BPF programs that read KVM's counters and memslots of all VMs; gone when kvmlens ends")
        self.assertEqual(programs(pid), [])
        t.send("n")
        t.wait(lambda screen: "y: load" not in screen, "the question is gone")
        self.assertEqual(family(pid)[2], before)
        t.send("A")
        t.wait_text("y: load")
        t.send("y")
        t.wait_text("BPF programs are loaded")
        self.assertEqual(len(programs(pid)), 1)
        self.assertNotIn(before, family(pid))
        t.wait(lambda screen: str(vm.pid) in screen and on_top(screen, "BPF"), "the VM, and BPF on top")
        t.send("A")
        t.wait_text("BPF programs are unloaded")
        wait_for(lambda: programs(pid) == [], "no programs")
        t.wait(lambda screen: not on_top(screen, "BPF"), "no BPF on top")
        self.leave(t)

    def test_it_is_offered_where_it_helps_and_then_no_more(self):
        need_root()
        need(kvmtest.lockdown() == "integrity", "the kernel does not keep counters away")
        helped = self.own_vm("--ram", "64M", "--stats", "vcpu")
        whole = self.own_vm("--ram", "64M", "--stats", "both")
        offer = "A: BPF reads it"  # at the top, beside lockdown
        t = self.monitor("-p", str(whole.pid))
        t.wait_text(str(whole.pid))
        self.assertNotIn(offer, t.screen())
        self.leave(t)
        t = self.monitor(str(helped.pid))
        if not possible():
            t.wait_text("lockdown integrity")
            self.assertNotIn(offer, t.screen())
            self.leave(t)
            return
        t.wait_text(offer)
        self.assertEqual(t.screen().count("lockdown"), 1, t.screen())
        t.send("A")
        t.wait_text("y: load")
        t.send("Enter")
        t.wait_text("BPF programs are loaded")
        t.send("j")
        t.wait(lambda screen: offer not in screen and "programs" not in screen, "no offer any more")
        self.leave(t)

    def test_a_scanner_that_waits_ends_with_the_wish(self):
        need_root()
        need(possible(), f"BPF cannot be loaded here: {doctor()['finding']}")
        vm = self.own_vm("--ram", "64M", "--fill", "nonzero:0:1M")
        t = self.monitor("--bpf", str(vm.pid))
        pid = t.child_pid()
        t.wait_text("[1 Counters]")
        t.send("3")
        t.wait_text("zero")
        wait_for(lambda: len(programs(pid)) == 2, "programs of collector and scanner")
        t.send("A")
        wait_for(lambda: programs(pid) == [], "no programs")
        self.leave(t)

    def test_the_demo_shows_what_it_is_for(self):
        kvmtest.need_kvm()
        t = self.monitor("--demo", "-f", "mmu_", "demo-busy")
        t.wait_text("[1 Counters]")
        if possible() and kvmtest.lockdown() == "integrity":
            t.wait_text("BPF reads it: press A")  # of the counter that is chosen
            t.send("z")  # those that have counted nothing, too
            t.wait(lambda screen: re.search(r"^mmu_pte_write +denied", screen, re.M), "a counter that is denied")
        t.send("A")
        t.wait_text("y: load" if possible() else "No BPF: ")
        t.send("y")
        if possible():
            t.wait_text("BPF programs are loaded")
        if possible() and kvmtest.lockdown() == "integrity":
            t.wait(lambda screen: re.search(r"^mmu_pte_write +\d.* bpf *$", screen, re.M), "its number")
        self.leave(t)

    def test_configured(self):
        with tempfile.TemporaryDirectory() as directory:
            os.mkdir(f"{directory}/kvmlens")
            with open(f"{directory}/kvmlens/config", "w", encoding="ascii") as f:
                f.write("[monitor]\nbpf = yes\n")
            t = self.monitor(env={"XDG_CONFIG_HOME": directory})
            t.wait(lambda screen: on_top(screen, "BPF" if possible() else "no BPF"), "BPF on top")
            self.leave(t)

# SPDX-License-Identifier: MIT
"""Hosts that refuse, terminals and files that break: a defined result, never a crash, never a false 0."""
import json
import os
import signal
import subprocess
import time

import kvmtest
from kvmtest import (KVMLENS, NO_DEBUGFS, in_mounts, kvmlens, need, need_kvm, need_root, need_tool, read_stats,
                     run, snapshot, vm_of, vms_of, wait_for)

NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]


class Host(kvmtest.TestCase):
    def test_without_debugfs_stats_fds_go_on_and_the_cause_is_named(self):
        need_root()
        vm = self.own_vm("--vcpus", "2")
        found = vm_of(snapshot(prefix=in_mounts(NO_DEBUGFS)), vm.pid)
        self.assertEqual(found["sources"], {"vm": "statsfd", "vcpu": "statsfd"})
        self.assertGreater(found["vcpus"][0]["counters"]["exits"], 0)
        self.assertIsNone(found["vcpus"][0].get("tsc_offset"))

    def test_without_debugfs_and_stats_fds_no_counter_is_made_up(self):
        need_root()
        vm = self.own_vm("--stats", "none", "--busy", "50")
        result = self.assert_status(
            kvmlens("-1", "-s", "0.1", "--format", "json", prefix=in_mounts(NO_DEBUGFS)), 3)
        self.assertRegex(result.err, "debugfs|stats fd")
        found = vm_of(json.loads(result.out), vm.pid)
        self.assertEqual(found["counters"], {})
        self.assertEqual(found["vcpus"][0]["counters"], {})
        self.assertGreater(found["rss_bytes"], 0)

    def test_debugfs_of_another_kind_is_not_taken_for_it(self):
        need_root()
        vm = self.own_vm("--stats", "none")
        setup = NO_DEBUGFS + ("\nmount -t tmpfs none /sys/kernel/debug"
                              f"\nmkdir -p /sys/kernel/debug/kvm/{vm.pid}-{vm.vms[0]['vm_fd']}"
                              f"\necho 7 > /sys/kernel/debug/kvm/{vm.pid}-{vm.vms[0]['vm_fd']}/exits")
        found = vm_of(snapshot(prefix=in_mounts(setup)), vm.pid)
        self.assertNotIn("exits", found["counters"])

    def test_unprivileged_user_is_told_what_is_missing(self):
        need_root()
        need_tool("setpriv")
        need(run(*NOBODY, "test", "-x", KVMLENS).returncode == 0,
             "the program is in a directory that nobody may not enter")
        # A pid namespace of its own: /proc of the machine may be mounted with any hidepid.
        for hidepid in ("0", "1", "2"):
            own = ["unshare", "-p", "-f", "-m", "--mount-proc", "sh", "-c",
                   f'mount -o remount,hidepid={hidepid} /proc || exit 99; "$@"', "sh"]
            need(run(*own, "true").returncode == 0, "no process namespace can be made here")
            for mode in (["-1", "-s", "0.1"], ["--list"], ["-1", "-s", "0.1", "--format", "json"]):
                with self.subTest(hidepid=hidepid, mode=mode):
                    result = self.assert_status(kvmlens(*mode, prefix=own + NOBODY), 3)
                    self.assertRegex(result.err, "(?i)root|permission|privilege|CAP_")

    def test_proc_that_hides_processes_is_told(self):
        need_root()
        need_tool("setpriv")
        need(run(*NOBODY, "test", "-x", KVMLENS).returncode == 0,
             "the program is in a directory that nobody may not enter")
        prefix = in_mounts("mount -t proc -o hidepid=2 proc /proc") + NOBODY
        need(run(*prefix, "test", "-e", "/proc/1").returncode != 0, "hidepid has no effect here")
        self.own_vm()
        for mode in (["-1", "-s", "0.1"], ["--list"]):
            result = self.assert_status(kvmlens(*mode, prefix=prefix), 3)
            self.assertIn("hidepid", result.err)

    def test_capabilities_instead_of_root_are_enough(self):
        need_root()
        need_tool("setpriv")
        need(run(*NOBODY, "test", "-x", KVMLENS).returncode == 0,
             "the program is in a directory that nobody may not enter")
        vm = self.own_vm("--vcpus", "2")
        caps = "+sys_ptrace,+dac_read_search,+checkpoint_restore"
        prefix = NOBODY + [f"--inh-caps={caps}", f"--ambient-caps={caps}"]
        need(run(*prefix, "true").returncode == 0, "setpriv cannot set these capabilities")
        found = vm_of(snapshot(prefix=prefix), vm.pid)
        self.assertGreater(found["vcpus"][1]["counters"]["exits"], 0)

    def test_full_descriptor_table_never_gives_a_wrong_number(self):
        need_root()
        need_tool("prlimit")
        vm = self.own_vm("--vcpus", "4")
        def oracle():
            return {c["id"]: read_stats(vm.pid, c["stats_fd"]) for c in vm.vms[0]["vcpus"]}
        complete = 0
        # The leak checker opens /proc/PID/task at the end, for which no descriptor is left.
        env = kvmtest.without_leak_check()
        # Other VMs of the machine may use up a small limit first; the last one is for all of them.
        for limit in [*range(3, 24), 4096]:
            before = oracle()
            result = kvmlens("-1", "-s", "0.1", "--format", "json",
                             prefix=["prlimit", f"--nofile={limit}"], env=env)
            if result.returncode == 127 and "shared libraries" in result.err:
                continue  # the dynamic linker had no descriptor
            after = oracle()
            self.assert_status(result, 0, 1, 3)
            if result.returncode == 1:
                self.assertTrue(result.err)
                continue
            for found in vms_of(json.loads(result.out), vm.pid):
                for vcpu in found["vcpus"]:
                    for name, value in vcpu["counters"].items():
                        if name in after[vcpu["id"]]:
                            self.assertIn(value, (before[vcpu["id"]][name],
                                                  after[vcpu["id"]][name]), f"limit {limit}")
                    complete += len(vcpu["counters"]) > 20
        self.assertGreater(complete, 0)

    def test_without_vms_the_report_is_empty_and_says_so(self):
        need_root()
        # A process namespace of its own has no VM in it.
        prefix = ["unshare", "-p", "-f", "-m", "--mount-proc"]
        need(run(*prefix, "true").returncode == 0, "no process namespace can be made here")
        result = kvmlens("-1", "-s", "0.1", "--format", "json", prefix=prefix)
        self.assert_status(result, 0, 3)
        self.assertEqual(json.loads(result.out)["vms"], [])


    def test_list_tells_of_vms_of_another_process_namespace(self):
        need_root()
        kvmtest.need_debugfs()
        self.own_vm()
        prefix = ["unshare", "-p", "-f", "-m", "--mount-proc"]
        need(run(*prefix, "true").returncode == 0, "no process namespace can be made here")
        result = self.assert_status(kvmlens("--list", prefix=prefix), 3)
        self.assertIn("pid namespace", result.err)


class Output(kvmtest.TestCase):
    def test_reader_that_leaves_ends_the_log_quietly(self):
        vm = self.own_vm()
        for form in ("text", "json"):
            result = run("sh", "-c", f'"$0" -l -s 0.1 -p {vm.pid} --format {form} | head -n 1',
                         KVMLENS)
            self.assertEqual((result.returncode, result.err), (0, ""), str(result))
            self.assertTrue(result.out)

    def test_full_disk_is_a_failure(self):
        self.own_vm()
        for mode in (["-1", "-s", "0.1"], ["-l", "-s", "0.1", "-n", "2"], ["--list"], ["--help"],
                     ["-1", "-s", "0.1", "--format", "json"]):
            with open("/dev/full", "wb") as full:
                result = kvmlens(*mode, stdout=full)
            self.assertEqual(result.returncode, 1, str(result))
            self.assertTrue(result.err)

    def test_closed_stdout_is_a_failure_and_goes_nowhere_else(self):
        for redirect in (">&-", ">&- 2>&-", ">&- <&-"):
            result = run("sh", "-c", f'"$0" -1 -s 0.1 {redirect}', KVMLENS)
            self.assertEqual(result.returncode, 1, str(result))

    def test_no_terminal_and_no_mode_names_batch(self):
        result = self.assert_status(kvmlens(), 1, 2)
        self.assertIn("--batch", result.err)
        self.assertEqual(result.out, "")

    def test_interrupt_ends_a_log_cleanly(self):
        need_kvm()
        for signum in (signal.SIGINT, signal.SIGTERM):
            log = self.background(KVMLENS, "-l", "-s", "0.1", "--format", "json")
            wait_for(lambda: len(log.records()) >= 2, "records")
            log.process.send_signal(signum)
            self.assertIn(log.wait(3), (0, 3, -signum), log.err())
            self.assertTrue(log.out().endswith("\n"))

    def test_long_delay_does_not_delay_the_end(self):
        log = self.background(KVMLENS, "-l", "-s", "3600", "--format", "json")
        wait_for(lambda: kvmtest.process_state(log.pid) == "S", "a sleeping program")
        time.sleep(0.3)
        log.process.send_signal(signal.SIGINT)
        watch = kvmtest.Stopwatch()
        log.wait(3)
        self.assertLess(watch.idle(), 1)

    def test_log_keeps_its_pace(self):
        watch = kvmtest.Stopwatch()
        result = kvmlens("-l", "-s", "0.2", "-n", "5", "--format", "json")
        self.assert_status(result, 0, 3)
        self.assertEqual(len(result.out.splitlines()), 5)
        self.assertGreater(watch.wall(), 0.75)
        self.assertLess(watch.idle(), 2.5)

    def test_bad_usage_is_status_2_and_shows_no_vm(self):
        for args in (["--no-such"], ["-s", "0"], ["-s", "abc"], ["-n", "-1"], ["-1", "-l"],
                     ["--format", "xml"], ["-1", "-f", "("], ["--source", "none,such"], ["-p", "x"]):
            result = self.assert_status(kvmlens(*args), 2)
            self.assertEqual(result.out, "", str(result))
            self.assertTrue(result.err, str(result))

    def test_help_and_version_go_to_stdout(self):
        for args in (["-h"], ["--help"], ["-V"], ["--version"]):
            result = self.assert_status(kvmlens(*args), 0)
            self.assertIn("kvmlens", result.out)
            self.assertEqual(result.err, "")

    def test_self_reported_cost_is_small(self):
        need_kvm()
        vm = self.own_vm("--vcpus", "4", "--busy", "50")
        # Of VMs of others it would be the cost, too; and the best of some is what it costs without waiting for a CPU.
        records = kvmtest.kvmlens_records("-l", "-s", "0.1", "-n", "20", "-p", str(vm.pid))
        self.assertLess(min(r["self"]["sample_us"] for r in records[1:]), 20000)


class Terminal(kvmtest.TestCase):
    def stdin_terminal(self, term):
        return kvmtest.environment(TERM=term)

    def test_dumb_or_unknown_terminal_is_refused_in_words(self):
        need_tool("script")
        for term in ("dumb", "no-such-terminal"):
            result = run("script", "-qec", f"'{KVMLENS}'", "/dev/null", env=self.stdin_terminal(term),
                         stdin=subprocess.DEVNULL, timeout=10)
            self.assertIn(result.returncode, (1, 2), str(result))
            self.assertRegex(result.out, "(?i)terminal")
            self.assertNotIn("\x1b", result.out)

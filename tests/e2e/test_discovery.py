# SPDX-License-Identifier: MIT
"""VMs are found, told apart, named, and gone when they are gone."""
import os
import random
import resource
import signal
import sys
import time

import kvmtest
from kvmtest import (KVMLENS, NO_DEBUGFS, KernelLog, Qemu, TestVm, fd_links, in_mounts, kvmlens, need_kvm,
                     need_debugfs, need_qemu, snapshot, vm_of, vms_of, wait_for)


class Finding(kvmtest.TestCase):
    def log(self, *options):
        return self.background(KVMLENS, "-l", "-s", "0.1", "--format", "json", *options)

    def test_list_names_every_vm(self):
        vm = self.own_vm("--comm", "my vmm")
        out = self.assert_status(kvmlens("--list"), 0, 3).out
        line = [row for row in out.splitlines() if str(vm.pid) in row.split()]
        self.assertEqual(len(line), 1, out)
        self.assertIn("my vmm", line[0])

    def test_vms_of_one_process_are_kept_apart(self):
        vm = self.own_vm("--vms", "2", "--vcpus", "2")
        found = vms_of(snapshot(), vm.pid)
        self.assertEqual([v["vm_fd"] for v in found], sorted(v["vm_fd"] for v in vm.vms))
        tids = {v["vm_fd"]: sorted(c["tid"] for c in v["vcpus"]) for v in vm.vms}
        for v in found:
            self.assertEqual(v["vcpus_total"], 2)
            if kvmtest.debugfs():
                self.assertEqual(sorted(c["tid"] for c in v["vcpus"]), tids[v["vm_fd"]])

    def test_vm_shows_within_one_tick_and_is_gone_within_one(self):
        need_kvm()
        log = self.log()
        wait_for(lambda: len(log.records()) >= 2, "records")
        before = len(log.records())
        vm = self.own_vm()
        born = len(log.records())
        seen = wait_for(lambda: next((i for i, r in enumerate(log.records())
                                      if vms_of(r, vm.pid)), None), "the VM in a record")
        self.assertGreaterEqual(seen, before)
        self.assertLessEqual(seen, born + 1)
        vm.kill()
        dead = len(log.records())
        wait_for(lambda: len(log.records()) >= dead + 3, "more records")
        self.assertFalse([r for r in log.records()[dead + 1:] if vms_of(r, vm.pid)])

    def test_vm_that_dies_takes_only_its_own_row(self):
        stays, goes = self.own_vm("--busy", "50"), self.own_vm("--busy", "50", "--vcpus", "4")
        log = self.log()
        wait_for(lambda: log.records() and vms_of(log.records()[-1], goes.pid), "both VMs")
        goes.kill()
        count = len(log.records())
        wait_for(lambda: len(log.records()) >= count + 5, "more records")
        self.assertIsNone(log.process.poll(), log.err())
        for record in log.records():
            vm_of(record, stays.pid)
        self.assertFalse(vms_of(log.records()[-1], goes.pid))

    def test_vm_made_anew_in_the_same_process_starts_again(self):
        vm = self.own_vm("--busy", "50")
        kernel = self.start(KernelLog())
        log = self.log("-i")
        for _ in range(5):
            count = len(log.records())
            wait_for(lambda: len(log.records()) >= count + 3 and
                     vms_of(log.records()[-1], vm.pid), "the VM")
            vm.recreate()
        self.assertFalse([line for line in kernel.lines() if "duplicate directory" in line])
        for record in log.records():
            for entity in vms_of(record, vm.pid):
                for rate in entity["rates"].values():
                    self.assertGreaterEqual(rate, 0)
                    self.assertLess(rate, 1e12)

    def test_fifty_vms_come_and_go_and_nothing_is_held(self):
        need_kvm()
        need_debugfs()
        kernel = self.start(KernelLog())
        log = self.log()
        wait_for(lambda: len(log.records()) >= 2, "records")
        fds = len(fd_links(log.pid))
        pause = random.Random(1)
        slowest = 0.0
        pids = set()
        for _ in range(50):
            vm = TestVm("--vcpus", "2")
            pids.add(vm.pid)
            try:
                # At any moment of a tick, as VMs die.
                time.sleep(pause.random() * 0.12)
                killed = time.monotonic()
                vm.kill()
                for path in vm.debugfs_dirs():
                    wait_for(lambda path=path: not os.path.exists(path), f"{path} gone", 2, 0.002)
                slowest = max(slowest, time.monotonic() - killed)
            finally:
                vm.close()
        self.assertLess(slowest, 0.3)
        print(f"        slowest debugfs directory gone {slowest * 1000:.0f} ms after the kill")
        # The test would show nothing if kvmlens had not seen them.
        seen = {v["pid"] for r in log.records() for v in r["vms"]}
        self.assertGreater(len(seen & pids), 20)
        count = len(log.records())
        wait_for(lambda: len(log.records()) > count + 2, "more records")
        self.assertEqual([l for l in fd_links(log.pid) if "kvm-" in l], [])
        wait_for(lambda: len(fd_links(log.pid)) <= fds,
                 f"no more than {fds} descriptors: {fd_links(log.pid)}", 2)
        self.assertFalse([line for line in kernel.lines() if "duplicate directory" in line])

    def test_forked_child_that_inherits_the_descriptors_is_no_second_vm(self):
        vm = self.own_vm("--fork", "--vcpus", "2")
        child = vm.info["child"]
        self.addCleanup(os.kill, child, signal.SIGKILL)
        for prefix in ([], in_mounts(NO_DEBUGFS) if os.geteuid() == 0 else []):
            record = snapshot(prefix=prefix)
            self.assertFalse(vms_of(record, child))
            self.assertEqual(len(vms_of(record, vm.pid)), 1)
        log = self.log()
        wait_for(lambda: log.records() and vms_of(log.records()[-1], vm.pid), "the VM")
        # The VM lives on in the child, and so does its row.
        vm.kill()
        wait_for(lambda: vms_of(log.records()[-1], child), "the VM of the child")
        self.assertFalse(vms_of(log.records()[-1], vm.pid))
        if kvmtest.debugfs():
            # The directory still bears the number of the process that ended.
            self.assertIsNotNone(vm_of(log.records()[-1], child)["vcpus"][0].get("tsc_offset"))

    def test_process_with_very_many_descriptors_is_walked_once(self):
        need_debugfs()
        wanted = 15000
        kvmtest.need(resource.getrlimit(resource.RLIMIT_NOFILE)[1] > wanted + 64,
                     f"fewer than {wanted} descriptors may be open")
        holder = self.background(sys.executable, "-c", f"""
import os, resource, time
limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
for _ in range({wanted}):
    os.open("/dev/null", os.O_RDONLY)
print("ready", flush=True)
time.sleep(60)
""")
        wait_for(lambda: "ready" in holder.out(), "many descriptors", 20)
        # Processes are looked at again every 32 ticks.
        costs = [r["self"]["sample_us"] for r in
                 kvmtest.kvmlens_records("-l", "-s", "0.1", "-n", "36")]
        # One walk takes 100 ms and more, a tick without one takes 1 or 2.
        self.assertEqual([c for c in costs if c > 60000], [])

    def test_no_kvm_descriptor_is_held_between_ticks(self):
        self.own_vm("--vcpus", "4", "--busy", "50")
        log = self.background(KVMLENS, "-l", "-s", "0.5", "--format", "json")
        wait_for(lambda: len(log.records()) >= 2, "records")
        held = 0
        for _ in range(200):
            held += any("kvm-" in link for link in fd_links(log.pid))
            time.sleep(0.002)
        # Reading takes under a millisecond of each 500.
        self.assertLessEqual(held, 4)


class Naming(kvmtest.TestCase):
    def name_of(self, argument):
        with_name = self.start(Qemu(need_qemu(), name=argument, ram="16M", extra=("-S",)))
        text = self.assert_status(kvmlens("-1", "-s", "0.1"), 0, 3)
        self.assertIn(str(with_name.pid), text.out)
        self.assert_status(kvmlens("--list"), 0, 3)
        return vm_of(snapshot(), with_name.pid)["name"]

    def test_plain(self):
        self.assertEqual(self.name_of("web-07"), "web-07")

    def test_guest_key_with_commas(self):
        self.assertEqual(self.name_of("guest=a,,b,debug-threads=on"), "a,b")

    def test_cjk(self):
        self.assertEqual(self.name_of("guest=数据库"), "数据库")

    def test_escape_sequences_reach_no_terminal(self):
        self.assertEqual(self.name_of("guest=a\x1b[2J\x1b]0;owned\x07b"),
                         "a\x1b[2J\x1b]0;owned\x07b")

    def test_bidi_and_newline(self):
        self.assertEqual(self.name_of("guest=ab\u202edc\nx"), "ab\u202edc\nx")

    def test_invalid_utf8_is_still_json(self):
        self.assertTrue(self.name_of(b"guest=a\xff\xfeb"))

    def test_four_kib(self):
        name = self.name_of("guest=" + "x" * 4096)
        self.assertGreater(len(name), 255)
        self.assertEqual(set(name), {"x"})

    def test_without_a_name_it_is_the_command(self):
        self.assertTrue(self.name_of(None).startswith("qemu-system"))

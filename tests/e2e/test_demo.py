# SPDX-License-Identifier: MIT
"""--demo: two real VMs for as long as the program runs, and not a moment longer."""
import json
import os
import signal

import kvmtest
from kvmtest import KVMLENS, is_gone, kvmlens, need_kvm, need_root, snapshot, wait_for

NAMES = ["demo-busy", "demo-idle"]


def demo_vms(record):
    return {vm["name"]: vm for vm in record["vms"] if vm["name"] in NAMES}


class Demo(kvmtest.TestCase):
    def setUp(self):
        need_kvm()
        kvmtest.become_subreaper()

    def log(self):
        log = self.background(KVMLENS, "--demo", "-l", "-s", "0.1", "--format", "json")
        wait_for(lambda: len(log.records()) >= 2, "records of the demo")
        ours = kvmtest.family(log.pid)  # somebody else may have a demo, too
        vms = demo_vms({"vms": [vm for vm in log.records()[-1]["vms"] if vm["pid"] in ours]})
        self.assertEqual(sorted(vms), NAMES)
        return log, [vm["pid"] for vm in vms.values()]

    def test_snapshot_shows_both_vms_with_moving_numbers(self):
        record = snapshot("--demo", "-s", "0.3")
        vms = demo_vms(record)
        self.assertEqual(sorted(vms), NAMES)
        idle, busy = vms["demo-idle"], vms["demo-busy"]
        self.assertEqual((idle["vcpus_total"], busy["vcpus_total"]), (1, 2))
        for vm in vms.values():
            self.assertIn("exits", vm["rates"], vm["missing"])
        self.assertEqual(idle["rates"]["exits"], 0)
        self.assertGreater(busy["rates"]["exits"], 100)
        if kvmtest.have_binary_stats():
            for vm in vms.values():
                self.assertEqual(vm["sources"]["vcpu"], "statsfd")
                self.assertNotEqual(vm["sources"]["vm"], "statsfd")  # as with QEMU
        for pid in (idle["pid"], busy["pid"]):
            wait_for(lambda pid=pid: is_gone(pid), "end of the demo VMs")

    def test_ram_is_that_of_the_vm(self):
        kvmtest.need(not kvmtest.sanitized(),
                     "the demo VMs are this program: shadow memory of the sanitizer looks like RAM")
        vms = demo_vms(snapshot("--demo"))
        self.assertEqual(vms["demo-idle"]["ram_bytes"], 4 << 30)
        self.assertEqual(vms["demo-busy"]["ram_bytes"], 512 << 20)
        self.assertLess(vms["demo-idle"]["rss_bytes"], 32 << 20)
        self.assertGreater(vms["demo-busy"]["rss_bytes"], 48 << 20)
        self.assertLess(vms["demo-busy"]["rss_bytes"], 100 << 20)

    def test_demo_goes_with_list(self):
        result = self.assert_status(kvmlens("--demo", "--list"), 0, 3)
        for name in NAMES:
            self.assertIn(name, result.out)

    def test_vms_die_with_the_program_however_it_ends(self):
        for signum in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            log, pids = self.log()
            os.kill(log.pid, signum)
            log.wait()
            for pid in pids:
                wait_for(lambda pid=pid: is_gone(pid), f"end of the VMs after signal {signum}", 20)

    def test_without_a_usable_kvm_one_error_says_cause_and_fix(self):
        need_root()
        devices = "for d in null zero full; do touch /mnt/$d; mount --bind /dev/$d /mnt/$d; done"
        setups = {
            "a device that is not KVM": "mount --bind /dev/null /dev/kvm",
            "no device": f"mount -t tmpfs none /mnt\n{devices}\nmount --rbind /mnt /dev",
        }
        for what, setup in setups.items():
            with self.subTest(what):
                result = kvmlens("--demo", "-1", prefix=kvmtest.in_mounts(setup))
                self.assert_status(result, 1)
                self.assertIn("/dev/kvm", result.err)
                self.assertEqual(len(result.err.splitlines()), 1, result.err)
                self.assertEqual(result.out, "")

    def test_user_without_permission_is_told_so(self):
        need_root()
        prefix = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        kvmtest.need(kvmtest.run(*prefix, "test", "-x", KVMLENS).returncode == 0,
                     "the program is in a directory that nobody may not enter")
        kvmtest.need(kvmtest.run(*prefix, "test", "!", "-w", "/dev/kvm").returncode == 0,
                     "everybody may use /dev/kvm here")
        result = self.assert_status(kvmlens("--demo", "-1", prefix=prefix), 1)
        self.assertRegex(result.err, "permission.*kvm")

    def test_json_of_the_demo_has_the_documented_keys(self):
        result = self.assert_status(kvmlens("--demo", "-1", "-s", "0.1", "--format", "json"), 0, 3)
        record = json.loads(result.out)
        self.assertEqual(record["schema"], "kvmlens/1")
        self.assertLessEqual({"schema", "time", "interval_s", "host", "self", "vms", "fields"},
                             set(record))
        self.assertLessEqual({"name", "kernel", "lockdown", "cpus", "mem_bytes"},
                             set(record["host"]))
        # Of VMs of others it is not known what can be read, and a demo of somebody else may be ending.
        for name in ("demo-idle", "demo-busy"):
            wanted = {"pid", "tid", "vm_fd", "name", "vmm", "vcpus_total", "ram_bytes",
                      "rss_bytes", "sources", "counters", "rates", "histograms",
                      "missing", "vcpus"}
            found = [vm for vm in record["vms"] if vm["name"] == name and wanted <= set(vm)]
            self.assertTrue(found, record["vms"])
            for vcpu in found[0]["vcpus"]:
                self.assertLessEqual({"id", "tid", "counters", "rates", "histograms", "missing"},
                                     set(vcpu))
            for name in [*found[0]["counters"], *found[0]["histograms"]]:
                self.assertIn(name, record["fields"])
                self.assertLessEqual({"scope", "kind", "unit", "exponent"},
                                     set(record["fields"][name]))

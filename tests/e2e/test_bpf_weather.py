# SPDX-License-Identifier: MIT
"""BPF where things go wrong: VMs that end, tables that are full, other namespaces, other programs."""
import json
import os
import subprocess

import kvmtest
from kvmtest import KVMLENS, kvmlens, read_stats, run, snapshot, vm_of, vms_of
from test_bpf_counters import need_bpf

# VMs made anew under one number; the figure that counts is measured with 2000.
RECREATIONS = int(os.environ.get("KVMTEST_RECREATIONS", "300"))


class Weather(kvmtest.TestCase):
    def setUp(self):
        need_bpf()

    def test_full_descriptor_table_never_gives_a_wrong_number(self):
        kvmtest.need_tool("prlimit")
        vm = self.own_vm("--vcpus", "4")

        def oracle():
            return {cpu["id"]: read_stats(vm.pid, cpu["stats_fd"]) for cpu in vm.vms[0]["vcpus"]}

        complete = 0
        for limit in [*range(8, 32, 2), 4096]:
            before = oracle()
            result = kvmlens("-1", "-s", "0.1", "-i", "--bpf", "--format", "json",
                             prefix=["prlimit", f"--nofile={limit}"],
                             env=kvmtest.environment(ASAN_OPTIONS="detect_leaks=0"))
            if result.returncode == 127 and "shared libraries" in result.err:
                continue  # the dynamic linker had no descriptor
            after = oracle()
            self.assertIn(result.returncode, (0, 1, 3), str(result))
            self.assertNotEqual((result.returncode, result.err), (1, ""))
            if result.returncode == 1:
                continue
            for found in vms_of(json.loads(result.out), vm.pid):
                for vcpu in found["vcpus"]:
                    for name in set(vcpu["counters"]) & set(after[vcpu["id"]]):
                        self.assertIn(vcpu["counters"][name],
                                      (before[vcpu["id"]][name], after[vcpu["id"]][name]), f"{name}, limit {limit}")
                    complete += len(vcpu["counters"]) > 20
        self.assertGreater(complete, 0)

    def test_another_process_namespace_has_its_own_numbers(self):
        """VM and kvmlens in a namespace: numbers are those that are true there."""
        script = ('sleep 60 | "$1" --vcpus 2 >/tmp/vm & while ! [ -s /tmp/vm ]; do sleep 0.05; done; cat /tmp/vm; '
                  'exec "$2" -1 -s 0.1 -i --bpf --source bpf,proc --format json')
        prefix = ["unshare", "-p", "-f", "-m", "--mount-proc", "--kill-child", "sh", "-c",
                  "mount -t tmpfs none /tmp && " + script, "sh"]
        kvmtest.need(run(*prefix[:5], "true").returncode == 0, "no process namespace can be made here")
        outside = self.own_vm()
        result = run(*prefix, kvmtest.TESTVM, KVMLENS)
        made, record = map(json.loads, result.out.splitlines())
        self.assertLess(made["pid"], 100)
        found = vm_of(record, made["pid"])
        self.assertEqual(len(record["vms"]), 1, f"that of process {outside.pid} is in no namespace of ours")
        self.assertEqual([(vcpu["id"], vcpu["tid"]) for vcpu in found["vcpus"]],
                         [(cpu["id"], cpu["tid"]) for cpu in made["vms"][0]["vcpus"]])
        self.assertGreater(found["vcpus"][0]["counters"]["exits"], 0)

    def test_programs_of_others_stay_and_do_not_matter(self):
        kvmtest.need_tool("bpftrace")
        other = self.background("bpftrace", "-e", "kprobe:vfs_read { @ = count(); }")
        kvmtest.wait_for(lambda: "Attaching" in other.out(), "bpftrace")
        vm = self.own_vm()
        self.assertEqual(vm_of(snapshot("--bpf"), vm.pid)["sources"], {"vm": "bpf", "vcpu": "bpf"})
        self.assertFalse(kvmtest.is_gone(other.pid))

    def test_vms_that_come_and_go_are_right_while_they_are_there(self):
        log = self.background(KVMLENS, "-l", "-s", "0.1", "-i", "--bpf", "--format", "json")
        steady = self.own_vm("--vcpus", "2")
        kvmtest.wait_for(lambda: log.records() and vms_of(log.records()[-1], steady.pid), "the VM that stays")
        ours = {steady.pid}
        for _ in range(20):
            vm = kvmtest.TestVm("--vcpus", "3", "--vms", "2")
            ours.add(vm.pid)
            vm.kill()
            vm.close()
        count = len(log.records())
        kvmtest.wait_for(lambda: len(log.records()) > count + 2, "records after the last one")
        # One that ends is gone, and not refused.
        self.assertEqual([line for line in log.err().splitlines()
                          if any(f"process {pid})" in line for pid in ours) and "lockdown" in line], [])
        for record in log.records():
            for found in record["vms"]:
                if found["pid"] not in ours:
                    continue
                self.assertLessEqual(len(found["vcpus"]), 3)
                # A sum is there only where each vCPU is, and is of them.
                if "exits" in found["counters"]:
                    self.assertEqual(found["counters"]["exits"],
                                     sum(vcpu["counters"]["exits"] for vcpu in found["vcpus"]),
                                     json.dumps(found)[:1000])

    def test_vm_made_anew_keeps_its_directory(self):
        kvmtest.need_debugfs()
        vm = self.own_vm("--vcpus", "4")
        kernel_log = kvmtest.KernelLog()
        self.addCleanup(kernel_log.close)
        log = self.background(KVMLENS, "-l", "-s", "0.1", "--bpf", "--format", "json")
        kvmtest.wait_for(log.records, "a record")
        lost = 0
        for _ in range(RECREATIONS):
            vm.recreate()
            lost += not os.path.isdir(vm.debugfs_dirs()[0])
        said = [line for line in kernel_log.lines() if "duplicate directory" in line and f"{vm.pid}-" in line]
        print(f"  {RECREATIONS} VMs made anew, {lost} without directory, {len(said)} messages", flush=True)
        # A VM that ends in the microseconds in which it is looked at can lose it: 1 in 8,000 here, more where the
        # CPU is emulated. Who held one from tick to tick would lose nearly all.
        self.assertLessEqual(lost, RECREATIONS // 20)
        self.assertLessEqual(len(said), lost)

    def test_vm_made_anew_is_seen_without_debugfs(self):
        """Only the kernel's own objects tell it then: its numbers begin anew, and are there in the next record."""
        vm = self.own_vm("--vcpus", "2")
        log = self.background("unshare", "-m", "sh", "-c", 'umount -l /sys/kernel/debug; exec "$@"', "sh", KVMLENS,
                              "-l", "-s", "0.1", "-i", "--bpf", "-p", str(vm.pid), "--format", "json")
        kvmtest.wait_for(lambda: len(log.records()) > 2, "records")
        for _ in range(10):
            vm.recreate()
            tids = {cpu["tid"] for cpu in vm.vms[0]["vcpus"]}
            count = len(log.records())

            def records_until_seen(count=count, tids=tids):
                return next((i for i, record in enumerate(log.records()[count:], 1) for found in vms_of(record, vm.pid)
                             if found["sources"] == {"vm": "bpf", "vcpu": "bpf"} and
                             {vcpu.get("tid") for vcpu in found["vcpus"]} == tids), None)

            self.assertLess(kvmtest.wait_for(records_until_seen, "the new VM with its threads"), 20)
        self.assertFalse([name for record in log.records() for found in record["vms"]
                          for name, rate in found["rates"].items() if rate < 0])

    def test_refused_program_names_a_file(self):
        """What the verifier says is no matter of the screen. Here it refuses because the memory is not to be had."""
        vm = self.own_vm()
        result = run("prlimit", "--as=400000000", KVMLENS, "-1", "-s", "0.1", "--bpf", "--format", "json")
        if result.returncode == 0:
            return
        self.assertLessEqual(len(result.err.splitlines()), 6, result.err)
        if result.returncode == 3:
            self.assertTrue(vms_of(json.loads(result.out), vm.pid))


class Privileges(kvmtest.TestCase):
    def setUp(self):
        need_bpf()

    def test_without_the_capabilities_all_else_goes_on(self):
        vm = self.own_vm()
        result = kvmlens("-1", "-s", "0.1", "--bpf", "--format", "json",
                         prefix=["setpriv", "--bounding-set=-bpf,-perfmon,-sys_admin", "--inh-caps=-all"])
        self.assertEqual(result.returncode, 3, str(result))
        self.assertIn("CAP_BPF", result.err)
        self.assertEqual(len(result.err.splitlines()), len(set(result.err.splitlines())), result.err)
        self.assertGreater(vm_of(json.loads(result.out), vm.pid)["counters"]["exits"], 0)

    def test_two_capabilities_are_enough(self):
        vm = self.own_vm("--stats", "none")
        result = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
             "--inh-caps=-all,+bpf,+perfmon,+sys_ptrace,+dac_read_search,+setpcap",
             "--ambient-caps=+bpf,+perfmon,+sys_ptrace,+dac_read_search",
             KVMLENS, "-1", "-s", "0.1", "--bpf", "--format", "json"],
            check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        found = vm_of(json.loads(result.stdout), vm.pid)
        self.assertEqual(found["sources"], {"vm": "bpf", "vcpu": "bpf"}, result.stderr)

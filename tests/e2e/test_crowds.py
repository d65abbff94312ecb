# SPDX-License-Identifier: MIT
"""One process with very many VMs or descriptors, and debugfs that is there, gone, and there again."""
import math
import os
import sys

import kvmtest
from kvmtest import (KVMLENS, NO_DEBUGFS, in_mounts, kvmlens, need_debugfs, need_kvm, need_root, need_tool, run,
                     snapshot, vm_of, vms_of, wait_for)

# Descriptors are all that counts here: KVM_CREATE_VM and KVM_CREATE_VCPU without memory or code.
HOLDER = """
import fcntl, os, resource, sys, time
limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
kvm = os.open("/dev/kvm", os.O_RDWR)
vms = []
def vm():
    vms.append(fcntl.ioctl(kvm, 0xAE01, 0))
def vcpu(fd):
    return fcntl.ioctl(fd, 0xAE41, 0)
%s
print("ready", flush=True)
sys.stdin.read()
"""


class Crowds(kvmtest.TestCase):
    def holder(self, code, prefix=()):
        need_kvm()
        read, write = os.pipe()
        process = self.background(*prefix, sys.executable, "-c", HOLDER % code, stdin=read)
        os.close(read)
        self.addCleanup(os.close, write)
        wait_for(lambda: "ready" in process.out() or process.process.poll() is not None, "the VMs", 120)
        kvmtest.need("ready" in process.out(), f"so many VMs cannot be made here: {process.err()}")
        return process

    def kcmps(self, pid):
        """How often --list of this process compares two descriptors."""
        trace = f"/tmp/kvmlens-kcmp-{os.getpid()}"
        self.addCleanup(lambda: os.path.exists(trace) and os.unlink(trace))
        result = run("strace", *kvmtest.NO_LEAK_CHECK, "-f", "--seccomp-bpf", "-qq", "-e", "trace=kcmp", "-o", trace,
                     KVMLENS, "--list", "-p", str(pid), timeout=80)
        self.assert_status(result, 0, 3)
        with open(trace, encoding="utf-8") as f:
            return sum("kcmp(" in line for line in f)

    def test_vms_of_one_process_are_compared_n_log_n_times(self):
        need_tool("strace")
        for count in (100, 200):
            holder = self.holder(f"for _ in range({count}): vm()")
            # --list looks twice; each VM with itself, then the sort, then neighbours
            bound = 2 * count * (2 + math.ceil(math.log2(count)))
            asked = self.kcmps(holder.pid)
            self.assertTrue(count <= asked <= bound, f"{count} VMs: {asked} times, at most {bound}")
            holder.stop()

    def test_five_hundred_vms_of_one_process_are_listed(self):
        holder = self.holder("for _ in range(500): vm(); vcpu(vms[-1])")
        found = vms_of(snapshot("-p", str(holder.pid), timeout=80), holder.pid)
        self.assertEqual(len(found), 500)
        self.assertEqual({v["vcpus_total"] for v in found}, {1})

    def test_copies_of_a_descriptor_among_many_are_one_vm(self):
        holder = self.holder("for _ in range(50): vm()\nfor fd in vms[:50]: os.dup(fd); os.dup(fd)")
        self.assertEqual(len(vms_of(snapshot(), holder.pid)), 50)

    def test_vm_behind_more_descriptors_than_are_looked_at_is_said_to_be_missing(self):
        # PROC_FDS_VMS_MAX of core/find/proc_fds.h; copies count until they are compared.
        holder = self.holder("vm()\nfor _ in range(4100): os.dup(vms[0])\nvm()")
        for mode in (["--list"], ["-1", "-s", "0.1"], ["--list", "-p", str(holder.pid)]):
            result = self.assert_status(kvmlens(*mode), 3)
            self.assertIn("1 process has so many descriptors", result.err)

    def test_root_without_a_capability_is_told_which_and_for_which_process(self):
        need_root()
        need_tool("setpriv")
        own = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all",
               "--bounding-set=-all"]
        kvmtest.need(run(*own, "sh", "-c", "test -w /dev/kvm").returncode == 0, "/dev/kvm is not open to all")
        foreign = self.holder("vm()", own)
        # Without debugfs nothing else tells of it.
        prefix = in_mounts(NO_DEBUGFS, "setpriv", "--inh-caps=-sys_ptrace", "--bounding-set=-sys_ptrace")
        result = self.assert_status(kvmlens("-1", "-s", "0.1", prefix=prefix), 3)
        self.assertFalse(vms_of(snapshot(prefix=prefix), foreign.pid))
        self.assertNotIn("Run as root", result.err)
        self.assertRegex(result.err, r"process(es)? \(\d+.*This root lacks CAP_SYS_PTRACE")


class Outages(kvmtest.TestCase):
    def test_vm_is_the_same_when_debugfs_was_gone_for_a_moment(self):
        need_root()
        need_debugfs()
        vm = self.own_vm("--vcpus", "2", "--busy", "50")
        # The log has its own mounts, which are changed from outside through its namespace.
        log = self.background(*in_mounts("", KVMLENS, "-l", "-s", "0.1", "--format", "json"))
        inside = ["nsenter", "-m", "-t", str(log.pid)]

        def last():
            return log.records()[-1] if log.records() else None

        def debugfs_counts():
            record = last()
            found = record and vms_of(record, vm.pid)
            return bool(found and found[0]["vcpus"][0].get("tsc_offset") is not None)

        wait_for(debugfs_counts, "the VM")
        self.assertEqual(run(*inside, "umount", "-l", "/sys/kernel/debug").returncode, 0)
        wait_for(lambda: not debugfs_counts(), "debugfs to be gone")
        gone = len(log.records())
        wait_for(lambda: len(log.records()) > gone + 2, "records")
        missing = vm_of(last(), vm.pid)["missing"]
        self.assertIn("debugfs-not-mounted", str(missing) + str(vm_of(last(), vm.pid)["vcpus"]))
        self.assertEqual(run(*inside, "mount", "-t", "debugfs", "none", "/sys/kernel/debug").returncode, 0)
        wait_for(debugfs_counts, "debugfs to be back")
        # A VM that was made anew has no CPU rate in its first record; one that stayed has it in each.
        first = next(i for i, r in enumerate(log.records()) if vm_of(r, vm.pid).get("cpu_ratio") is not None)
        for record in log.records()[first:]:
            self.assertIsNotNone(vm_of(record, vm.pid).get("cpu_ratio"), record)

    def test_refused_descriptors_are_asked_for_rarely(self):
        need_root()
        for tool in ("setpriv", "strace"):
            need_tool(tool)
        kvmtest.need(kvmtest.have_binary_stats(), "no binary stats on this kernel")
        scope = "/proc/sys/kernel/yama/ptrace_scope"
        kvmtest.need(os.path.exists(scope) and int(open(scope, encoding="ascii").read()) > 0,
                     "kernel.yama.ptrace_scope is not set")
        # Without capabilities on either side descriptors may be listed, but not copied.
        plain = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
        vm = self.own_vm("--vcpus", "8", prefix=plain)
        trace = f"/tmp/kvmlens-getfd-{os.getpid()}"
        self.addCleanup(lambda: os.path.exists(trace) and os.unlink(trace))
        result = run("strace", *kvmtest.NO_LEAK_CHECK, "-f", "--seccomp-bpf", "-qq", "-e", "trace=pidfd_getfd", "-o", trace,
                     *plain, KVMLENS, "-l", "-s", "0.1", "-n", "20", "-p", str(vm.pid), timeout=80)
        self.assert_status(result, 0, 3)
        with open(trace, encoding="utf-8") as f:
            asked = [line for line in f if "pidfd_getfd(" in line]
        self.assertEqual(len(asked), 1, asked)
        self.assertIn("EPERM", asked[0])

# SPDX-License-Identifier: MIT
"""A VM as libvirt makes it: QEMU under a user of its own, without capabilities, under seccomp.

libvirt runs in a mount namespace of its own: the host's files stay as they are.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import kvmtest
from kvmtest import kvmlens, run, snapshot, vm_of

DOMAIN = """<domain type='kvm'>
  <name>{name}</name>
  <memory unit='MiB'>64</memory>
  <vcpu>2</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices><emulator>{emulator}</emulator></devices>
</domain>
"""
# QEMU's user may not open this machine's /dev/kvm; namespaces would need more of the machine than it has.
SETUP = """mknod {dir}/kvm c 10 232; chmod 666 {dir}/kvm; mount --bind {dir}/kvm /dev/kvm
cp /etc/libvirt/qemu.conf {dir}/qemu.conf; echo 'namespaces = []' >>{dir}/qemu.conf
mount --bind {dir}/qemu.conf /etc/libvirt/qemu.conf
mkdir -p /run/libvirt /var/log/libvirt; mount -t tmpfs none /run/libvirt; mount -t tmpfs none /var/log/libvirt
mkdir /var/log/libvirt/qemu
virtlogd -p {dir}/virtlogd.pid & libvirtd -p {dir}/libvirtd.pid & """


# QEMU is nobody's child, and libvirt waits until it is gone: not every first process of a container takes care of that.
REAPER = """import ctypes, os, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
if os.fork() == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
while True:
    os.wait()
"""


class Libvirt:
    """libvirt's daemons and one running domain. pid: its QEMU."""

    def __init__(self, name):
        self.dir = tempfile.mkdtemp(prefix="kvmtest-")
        os.chmod(self.dir, 0o755)
        self.name = name
        self.pid = 0
        self.keeper = kvmtest.Background("unshare", "-m", "--propagation", "private", sys.executable, "-c", REAPER,
                                         "sh", "-ec", SETUP.format(dir=self.dir) + "exec sleep 600",
                                         start_new_session=True)
        try:
            kvmtest.wait_for(lambda: self.virsh("list").returncode == 0, "libvirtd", 20)
            path = os.path.join(self.dir, "domain.xml")
            with open(path, "w", encoding="utf-8") as f:
                f.write(DOMAIN.format(name=name, emulator=shutil.which("qemu-system-x86_64")))
            made = self.virsh("create", path)
            kvmtest.need(made.returncode == 0, f"libvirt makes no VM here: {made.err.strip()[-200:]}")
            with open(self._pid_file(), encoding="ascii") as f:
                self.pid = int(f.read())
        except BaseException:
            self.close()
            raise

    def _pid_file(self):
        return f"/proc/{self.keeper.pid}/root/run/libvirt/qemu/{self.name}.pid"

    def virsh(self, *args):
        return run("nsenter", "-t", str(self.keeper.pid), "-m", "virsh", "-q", *args)

    def qmp(self, command, **arguments):
        answer = self.virsh("qemu-monitor-command", self.name,
                            json.dumps({"execute": command, "arguments": arguments}))
        if answer.returncode != 0:
            raise AssertionError(str(answer))
        return json.loads(answer.out)["return"]

    def stats(self):
        """(of the VM, {vCPU: its own}), QEMU's own view; lists come last bucket first."""
        index = {cpu["qom-path"]: cpu["cpu-index"] for cpu in self.qmp("query-cpus-fast")}

        def table(answer):
            return {s["name"]: s["value"][::-1] if isinstance(s["value"], list) else int(s["value"])
                    for s in answer["stats"]}

        return (table(self.qmp("query-stats", target="vm")[0]),
                {index[each["qom-path"]]: table(each) for each in self.qmp("query-stats", target="vcpu")})

    def close(self):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.virsh("destroy", self.name)
        for daemon in ("libvirtd", "virtlogd"):
            with contextlib.suppress(OSError, ValueError), open(os.path.join(self.dir, f"{daemon}.pid"),
                                                                encoding="ascii") as f:
                os.kill(int(f.read()), signal.SIGTERM)
        # The setup sleeps in a process of its own, and QEMU is there where libvirt did not end it.
        for pid in kvmtest.family(self.keeper.pid)[1:]:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.keeper.close()
        shutil.rmtree(self.dir, ignore_errors=True)


class OfLibvirt(kvmtest.TestCase):
    def setUp(self):
        kvmtest.need_kvm()
        kvmtest.need_root()
        for tool in ("libvirtd", "virtlogd", "virsh", "nsenter", "qemu-system-x86_64"):
            kvmtest.need_tool(tool)
        self.vm = Libvirt("kvmlens-test")
        self.addCleanup(self.vm.close)

    def test_is_found_with_its_name(self):
        found = vm_of(snapshot(), self.vm.pid)
        self.assertEqual((found["name"], found["vmm"], found["vcpus_total"]), ("kvmlens-test", "qemu", 2))

    def domstats(self):
        """{vCPU: (CPU time, time it waited for a CPU)}, seconds, libvirt's own view."""
        found = dict(re.findall(r"^\s*([\w.]+)=(.*)$", self.vm.virsh("domstats", "--vcpu", self.vm.name).out, re.M))
        kvmtest.need("vcpu.0.delay" in found, "this libvirt tells no vcpu.N.delay")
        return {n: tuple(int(found[f"vcpu.{n}.{key}"]) / 1e9 for key in ("time", "delay")) for n in range(2)}

    def test_run_and_ready_are_those_of_domstats(self):
        before = self.domstats()
        out = kvmlens("-1", "--format", "prometheus", "--per-vcpu", "-p", str(self.vm.pid)).out
        after = self.domstats()
        for n in range(2):
            for i, name in enumerate(("cpu", "wait")):
                found = re.search(rf'^kvmlens_vcpu_{name}_seconds_total\{{[^}}]*vcpu="{n}"\}} (\S+)$', out, re.M)
                # libvirt counts CPU time in clock ticks of utime and of stime.
                near = 0.03 if name == "cpu" else 1e-6
                self.assertGreaterEqual(float(found.group(1)), before[n][i] - near, f"{name} of {n}")
                self.assertLessEqual(float(found.group(1)), after[n][i] + near, f"{name} of {n}")

    def test_states_are_those_of_libvirt(self):
        def state():
            return vm_of(snapshot("-p", str(self.vm.pid)), self.vm.pid)["state"]

        self.assertEqual((self.vm.virsh("domstate", self.vm.name).out.strip(), state()), ("running", "running"))
        self.vm.virsh("suspend", self.vm.name)
        self.assertEqual(self.vm.virsh("domstate", self.vm.name).out.strip(), "paused")
        self.assertIn(state(), ("paused", "idle-or-paused"))
        self.assertEqual(state(), "paused")
        self.vm.virsh("resume", self.vm.name)
        self.assertEqual(state(), "running")

    def test_all_counters_through_bpf(self):
        kvmtest.need("+bpf" in kvmlens("-V").out, "kvmlens was built without BPF")
        with open(f"/proc/{self.vm.pid}/status", encoding="ascii") as f:
            self.assertIn("Seccomp:\t2", f.read())
        self.vm.qmp("stop")
        for _ in range(20):
            of_vm, of_vcpus = before = self.vm.stats()
            found = vm_of(snapshot("--bpf", "-i"), self.vm.pid)
            if self.vm.stats() == before:
                break
        else:
            self.fail("the counters of a stopped VM never stand still")
        self.assertEqual(found["sources"], {"vm": "bpf", "vcpu": "bpf"})
        self.assertEqual({name: found["counters"].get(name) for name in of_vm}, of_vm)
        for vcpu in found["vcpus"]:
            got = {**vcpu["counters"], **vcpu["histograms"]}
            stats = of_vcpus[vcpu["id"]]
            self.assertEqual({name: got.get(name) for name in stats}, stats)
        self.assertNotIn("lockdown", found["missing"].values())

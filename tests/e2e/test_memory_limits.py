# SPDX-License-Identifier: MIT
"""Memory that is limited, and what is swapped out for it, against cgroups and /proc."""
import contextlib
import os
import re
import stat
import subprocess
import tempfile

import kvmtest
import test_contention
from kvmtest import kvmlens, need, need_qemu, need_root, need_tool, snapshot, vm_of, wait_for
from test_memory_io import MIB, kib, read


class Limits(test_contention.Load):
    def memory_of(self, vm):
        return vm_of(snapshot("-p", str(vm.pid)), vm.pid)["memory"]

    def memory_cgroups(self):
        """Where they are mounted, and the names of the files with a limit and with what is used."""
        need_root()
        v1, v2 = test_contention.mount_of("cgroup", "memory"), test_contention.mount_of("cgroup2")
        need(v1 or (v2 and "memory" in read(f"{v2}/cgroup.subtree_control").split()), "no cgroups that count memory")
        return (v1, "memory.limit_in_bytes", "memory.usage_in_bytes") if v1 else (v2, "memory.max", "memory.current")

    def test_a_limit_above_that_is_nearly_reached_counts(self):
        """The VM is far below its own limit, and what it shares a limit with is not."""
        mount, limit, used = self.memory_cgroups()
        vm, other = (self.qemu(need_qemu(), name="guest=limited", ram=ram,
                               backend="memory-backend-ram,prealloc=on", extra=["-S"]) for ram in ("64M", "192M"))
        with self.group(mount, [vm.pid, other.pid], **{limit.replace(".", "__"): str(512 * MIB)}) as above:
            with self.group(above, [vm.pid]) as own, self.group(above, [other.pid]):
                if limit == "memory.max":
                    self.set(above, "cgroup.subtree_control", "+memory")
                self.set(own, limit, str(400 * MIB))

                def grown():
                    """The memory that they have already stays with the cgroup that it came from; this is new."""
                    for each in vm, other:
                        each.qmp("human-monitor-command", command_line="object_add memory-backend-ram,id=more,"
                                 f"size={'32M' if each is vm else '256M'},prealloc=on")
                    return int(read(f"{above}/{used}")) / (512 * MIB), int(read(f"{own}/{used}")) / (400 * MIB)

                full, own_full = grown()
                self.assertGreater(full, 0.5)
                self.assertLess(own_full, 0.4)
                record = vm_of(snapshot("-p", str(vm.pid)), vm.pid)
                self.assertEqual(record["memory"]["cgroup_max_bytes"], 400 * MIB)
                self.assertAlmostEqual(record["memory"]["cgroup_limit_ratio"], full, delta=0.05)
                for each in vm, other:
                    each.close()

    @contextlib.contextmanager
    def swap_space(self, size):
        """Compressed memory to swap to, for a while: only what a cgroup is made to give up goes there."""
        control = "/sys/class/zram-control"
        need(os.path.exists(f"{control}/hot_add"), "no zram to swap to")
        for tool in ("mkswap", "swapon", "swapoff"):
            need_tool(tool)
        number = read(f"{control}/hot_add").strip()
        try:
            with open(f"/sys/block/zram{number}/disksize", "w", encoding="ascii") as f:
                f.write(str(size))
            with tempfile.TemporaryDirectory(prefix="kvmtest-") as directory:
                node = f"{directory}/swap"
                major, minor = map(int, read(f"/sys/block/zram{number}/dev").split(":"))
                os.mknod(node, 0o600 | stat.S_IFBLK, os.makedev(major, minor))
                for command in (["mkswap", node], ["swapon", node]):
                    done = subprocess.run(command, capture_output=True, text=True, check=False)
                    need(done.returncode == 0, f"{command[0]} does not do here: {done.stderr.strip()}")
                try:
                    yield
                finally:
                    subprocess.run(["swapoff", node], check=True)
        finally:
            with open(f"{control}/hot_remove", "w", encoding="ascii") as f:
                f.write(number)

    def test_what_is_swapped_out_is_on_the_screen_and_in_all_formats(self):
        mount, limit, used = self.memory_cgroups()
        moved = []
        with self.swap_space(256 * MIB), self.group(mount, moved) as group:
            vm = self.qemu(need_qemu(), name="guest=swapped", ram="64M", extra=["-S"])
            self.set(group, "cgroup.procs", str(vm.pid))
            moved.append(vm.pid)
            vm.qmp("human-monitor-command", command_line="object_add memory-backend-ram,id=more,size=96M,prealloc=on")
            self.assertEqual(self.memory_of(vm)["swapped_bytes"], 0)
            self.set(group, limit, str(int(read(f"{group}/{used}")) - 48 * MIB))

            def agree():
                """Of a QEMU that is at rest between two looks at it."""
                before = kib(read(f"/proc/{vm.pid}/status"), "VmSwap")
                record = vm_of(snapshot("-p", str(vm.pid)), vm.pid)["memory"]
                text = kvmlens("-1", "-s", "0.1", "-p", str(vm.pid), "--csv").out
                metrics = test_contention.metrics_of(vm.pid)
                if limit == "memory.limit_in_bytes":
                    held = int(read(f"{group}/memory.memsw.usage_in_bytes")) - int(read(f"{group}/{used}"))
                else:
                    held = int(read(f"{group}/memory.swap.current"))
                if before != kib(read(f"/proc/{vm.pid}/status"), "VmSwap"):
                    return False
                self.assertEqual(record["swapped_bytes"], before)
                self.assertEqual(metrics[("vm_memory_bytes", "swapped")], before)
                self.assertRegex(text, rf"(?m),memory\.swapped_bytes,,instant,bytes,0,{before},")
                self.assertAlmostEqual(record["cgroup_swap_bytes"], held, delta=2 * MIB)
                self.assertGreater(record["cgroup_limit_ratio"], 0.9)
                return before
            swapped = wait_for(agree, "a QEMU at rest", 30)
            self.assertGreater(swapped, 32 * MIB)
            t = self.tmux(kvmtest.KVMLENS, "-s", "0.2", "-p", str(vm.pid), columns=200, lines=24)
            t.wait(lambda s: re.search(rf"^ *{vm.pid} ", s, re.M), "the row of the VM", 20)
            t.send("4")
            shown = t.wait(lambda s: re.search(rf"^ *{vm.pid} .* !([0-9.]+)M ", s, re.M), "what is swapped, marked")
            self.assertAlmostEqual(float(shown.group(1)), swapped / MIB, delta=2)
            t.send("q")
            self.assertEqual(t.wait_exit(), 0)
            vm.close()

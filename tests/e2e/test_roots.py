# SPDX-License-Identifier: MIT
"""Saved and generated hosts (--sysroot): results that need no KVM, no root and no luck."""
import glob
import json
import os
import shutil
import struct
import sys
import tempfile

import kvmtest
from kvmtest import ROOT, kvmlens

ROOTS = os.path.join(ROOT, "tests/data/roots")
sys.path.insert(0, ROOTS)
import generate  # noqa: E402  (it lies beside the trees)

BESIDE = "any"  # tests/e2e/run.py


def report(case, root, *options, status=(0, 3)):
    result = kvmlens("--sysroot", root, "-1", "-s", "0.1", "--format", "json", *options)
    case.assert_status(result, *status)
    return result, json.loads(result.out)


def by_name(record):
    return {vm["name"]: vm for vm in record["vms"]}


class SavedHosts(kvmtest.TestCase):
    def tree(self, name):
        return os.path.join(ROOTS, name)

    def test_host_under_lockdown(self):
        result, record = report(self, self.tree("lockdown-qemu10"), status=(3,))
        self.assertEqual(record["host"]["name"], "lockdown-qemu10")
        self.assertEqual(record["host"]["lockdown"], "integrity")
        self.assertIn("lockdown", result.err)
        vms = by_name(record)
        self.assertEqual(sorted(vms), ["db,primary", "web-07"])
        new, old = vms["web-07"], vms["db,primary"]
        self.assertEqual(new["sources"], {"vm": "debugfs", "vcpu": "statsfd"})
        self.assertEqual(len(new["vcpus"]), 2)
        self.assertGreater(new["counters"]["exits"], 100)
        self.assertEqual(len(new["vcpus"][0]["histograms"]["halt_wait_hist"]), 32)
        self.assertEqual(new["missing"]["mmu_cache_miss"], "lockdown")
        self.assertEqual(old["missing"]["exits"], "lockdown")
        self.assertNotIn("exits", old["counters"])
        self.assertEqual(old["counters"]["pages_4k"], 0)

    def test_cpus_that_are_not_known_are_named_as_missing(self):
        with tempfile.TemporaryDirectory(prefix="kvmtest-") as root:
            shutil.copytree(self.tree("lockdown-qemu10"), root, symlinks=True, dirs_exist_ok=True)
            for path in glob.glob(f"{root}/proc/*/task/*/status"):
                os.unlink(path)
            _, record = report(self, root)
            for vm in record["vms"]:
                for vcpu in vm["vcpus"]:
                    self.assertNotIn("cpus_allowed", vcpu)
                    self.assertEqual(vcpu["missing"]["cpus_allowed"], "read-error")
                    self.assertEqual(vcpu["missing"]["cpus_allowed_count"], "read-error")

    def test_host_without_lockdown(self):
        _, record = report(self, self.tree("unlocked-qemu72"))
        vm = by_name(record)["db,primary"]
        self.assertEqual(vm["sources"]["vm"], "debugfs")
        self.assertGreater(vm["counters"]["exits"], 100)
        self.assertGreater(vm["counters"]["insn_emulation"], 1000)
        self.assertFalse([n for n, cause in vm["missing"].items() if "lockdown" in cause])
        self.assertIsInstance(vm["vcpus"][0]["tsc_offset"], int)

    def test_host_without_debugfs(self):
        _, record = report(self, self.tree("no-debugfs"))
        two = [vm for vm in record["vms"] if vm["name"] == "two-in-one"]
        self.assertEqual(len(two), 2)
        for vm in two:
            self.assertEqual(vm["vcpus_total"], 2)
            self.assertGreater(vm["counters"]["exits"], 0)
        qemu = by_name(record)["web-07"]
        self.assertEqual(qemu["vcpus"][0]["missing"]["tsc_offset"], "debugfs-not-mounted")

    def test_every_mode_works_on_every_tree(self):
        for name in ("lockdown-qemu10", "unlocked-qemu72", "no-debugfs"):
            for mode in (["-1", "-s", "0.1"], ["--list"], ["-l", "-s", "0.1", "-n", "2"],
                         ["--doctor"], ["--fields", "help"]):
                with self.subTest(tree=name, mode=mode):
                    result = kvmlens("--sysroot", self.tree(name), *mode)
                    self.assert_status(result, 0, 3)
                    self.assertTrue(result.out)


class GeneratedHosts(kvmtest.TestCase):
    def directory(self):
        # Memory where there is some: a thousand VMs are 26,000 small files.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None
        path = tempfile.mkdtemp(prefix="kvmtest-", dir=memory)
        self.addCleanup(shutil.rmtree, path)
        return os.path.join(path, "root")

    def tree(self):
        tree = generate.Tree(self.directory())
        tree.host()
        return tree

    def test_generated_stats_are_read_as_they_were_written(self):
        tree = self.tree()
        tree.vm(500, "one", 2)
        _, record = report(self, tree.top)
        vm = by_name(record)["one"]
        self.assertEqual([v["counters"]["exits"] for v in vm["vcpus"]], [5000, 5001])
        self.assertEqual(vm["counters"]["exits"], 10001)
        self.assertEqual(vm["vcpus"][0]["histograms"]["halt_wait_hist"], list(range(32)))
        self.assertEqual(vm["histograms"]["halt_wait_hist"], [2 * i for i in range(32)])

    def test_thousand_vms(self):
        path = self.directory()
        generate.many(path, 1000, 4)
        result, record = report(self, path)
        self.assertEqual(len(record["vms"]), 1000)
        self.assertEqual(sum(len(vm["vcpus"]) for vm in record["vms"]), 4000)
        self.assertLess(result.seconds, 20)
        out = self.assert_status(kvmlens("--sysroot", path, "--list"), 0, 3).out
        self.assertEqual(sum("vm-" in line for line in out.splitlines()), 1000)

    def test_broken_stats_fds_give_no_number(self):
        good = generate.stats_fd("kvm-500/vcpu-1", {"exits": 77})

        def header(**changes):
            names = ("flags", "name_size", "num_desc", "id_offset", "desc_offset", "data_offset")
            values = dict(zip(names, struct.unpack_from("6I", good)))
            values.update(changes)
            return struct.pack("6I", *(values[n] for n in names)) + good[24:]

        broken = {
            "empty": b"",
            "cut in the header": good[:20],
            "cut in the id": good[:40],
            "cut in the descriptors": good[:200],
            "cut in the data": good[:-300],
            "num_desc 0": header(num_desc=0),
            "num_desc 4e9": header(num_desc=4000000000),
            "name_size 0": header(name_size=0),
            "name_size 4e9": header(name_size=4000000000),
            "descriptors past the end": header(desc_offset=1 << 30),
            "descriptors in the header": header(desc_offset=0),
            "data past the end": header(data_offset=0xfffffff0),
            "id past the end": header(id_offset=0xffffffff),
            "another vCPU's": generate.stats_fd("kvm-500/vcpu-0", {"exits": 77}),
            "id without NUL": good[:24] + b"k" * 48 + good[72:],
            "text": b"all work and no play makes jack a dull boy\n" * 50,
        }
        for what, data in broken.items():
            with self.subTest(what):
                tree = self.tree()
                tree.vm(500, "host", 2, stats={1: data})
                _, record = report(self, tree.top)
                first, second = by_name(record)["host"]["vcpus"]
                self.assertEqual(first["counters"]["exits"], 5000)
                self.assertNotIn("exits", second["counters"])
                self.assertTrue(second["missing"].get("exits"))

    def test_broken_descriptors_are_skipped_and_the_rest_is_read(self):
        fine = ("exits", 0x000, 0, 1, 0)
        broken = {
            "unknown type": ("odd", 0x00f, 0, 1, 0),
            "unknown unit": ("odd", 0x0f0, 0, 1, 0),
            "unknown base": ("odd", 0xf00, 0, 1, 0),
            "size 0": ("odd", 0x000, 0, 0, 0),
            "linear histogram without bucket size": ("odd", 0x003, 0, 8, 0),
            "empty name": ("", 0x000, 0, 1, 0),
            "name with escapes": ("a\x1b[2Jb", 0x000, 0, 1, 0),
            "name without NUL": ("x" * 48, 0x000, 0, 1, 0),
        }
        for what, descriptor in broken.items():
            with self.subTest(what):
                tree = self.tree()
                data = generate.stats_fd("kvm-500/vcpu-0", {"exits": 42, "odd": 43},
                                         (descriptor, fine))
                tree.vm(500, "host", 1, stats={0: data})
                result, record = report(self, tree.top)
                vcpu = by_name(record)["host"]["vcpus"][0]
                self.assertNotIn("odd", vcpu["counters"])
                self.assertIn(vcpu["counters"].get("exits"), (42, None))
                if "exits" not in vcpu["counters"]:
                    self.assertEqual(result.returncode, 3)
                    self.assertIn("not one counter", result.err)

    def test_hostile_names(self):
        names = {"\x1b]0;owned\x07": None, "a\nb\rc": None, "数据库": "数据库", "a,,b": "a,b",
                 "n" * 4090: None, "\u202eabc": None, "\udcff\udcfe": None, "e\u0301" * 40: None}
        for given, plain in names.items():
            with self.subTest(repr(given[:20])):
                tree = self.tree()
                tree.vm(500, given, 1)
                _, record = report(self, tree.top)
                self.assertEqual(len(record["vms"]), 1)
                if plain:
                    self.assertEqual(record["vms"][0]["name"], plain)
                for mode in (["-1", "-s", "0.1"], ["--list"]):
                    self.assert_status(kvmlens("--sysroot", tree.top, *mode), 0, 3)

    def test_empty_and_half_trees(self):
        tree = self.tree()
        _, record = report(self, tree.top)
        self.assertEqual(record["vms"], [])
        os.makedirs(os.path.join(tree.top, "proc/600/fd"))
        tree.link("proc/600/fd/3", "anon_inode:kvm-vm")
        report(self, tree.top)
        tree.write("proc/601/stat", "601 (x) R 1 2\n")
        tree.link("proc/601/fd/3", "anon_inode:kvm-vm")
        report(self, tree.top)
        missing = kvmlens("--sysroot", tree.top + "-not-there", "--list")
        self.assert_status(missing, 1)
        # A host without /proc is no wrong usage either, unlike a field that no host has.
        empty = self.tree()
        shutil.rmtree(os.path.join(empty.top, "proc"))
        for mode in (["--list"], ["-1"], ["--scan", "600"]):
            self.assertIn("/proc", self.assert_status(kvmlens("--sysroot", empty.top, *mode), 1).err)
        tree.vm(700, "whole", 1)
        for mode in (["--list"], ["-1"]):
            self.assert_status(kvmlens("--sysroot", tree.top, *mode, "-f", "no_such_field_"), 2)

    def test_a_tree_leads_nowhere_out_of_itself(self):
        tree = self.tree()
        tree.vm(500, "inside", 1)
        os.unlink(os.path.join(tree.top, "proc/sys/kernel/hostname"))
        tree.link("proc/sys/kernel/hostname", "../../../../../../../../proc/sys/kernel/hostname")
        _, record = report(self, tree.top)
        self.assertNotEqual(record["host"]["name"], os.uname().nodename or None)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trees for --sysroot that are too large, or too broken, to be kept in files.

    generate.py DIR [VMS [VCPUS]]      a host with many QEMU VMs, each vCPU with a binary stats fd
"""
import os
import struct
import sys

# (name, flags, exponent, size, bucket_size); flags: type | unit << 4 | base << 8
VCPU_STATS = (
    ("exits", 0x000, 0, 1, 0), ("io_exits", 0x000, 0, 1, 0), ("mmio_exits", 0x000, 0, 1, 0),
    ("halt_exits", 0x000, 0, 1, 0), ("irq_injections", 0x000, 0, 1, 0), ("pf_fixed", 0x000, 0, 1, 0),
    ("halt_wait_ns", 0x020, -9, 1, 0), ("guest_mode", 0x041, 0, 1, 0), ("blocking", 0x041, 0, 1, 0),
    ("halt_wait_hist", 0x024, -9, 32, 0),
)


def stats_fd(identity, values, stats=VCPU_STATS, name_size=48):
    """Bytes of a binary stats fd as Documentation/virt/kvm/api.rst lays them out."""
    stride = 16 + name_size
    id_at = 24
    descriptors_at = id_at + name_size
    data_at = descriptors_at + stride * len(stats)
    table = data = b""
    for name, flags, exponent, size, bucket in stats:
        table += struct.pack("IhHII", flags, exponent, size, len(data), bucket)
        table += name.encode().ljust(name_size, b"\0")
        value = values.get(name, 0)
        data += struct.pack(f"{size}Q", *(value if isinstance(value, list) else [value] * size))
    header = struct.pack("6I", 0, name_size, len(stats), id_at, descriptors_at, data_at)
    return header + identity.encode().ljust(name_size, b"\0") + table + data


class Tree:
    def __init__(self, top):
        self.top = top

    def write(self, path, data):
        full = os.path.join(self.top, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape"))

    def link(self, path, target):
        full = os.path.join(self.top, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        os.symlink(target, full)

    def host(self, name="many", kernel="6.12.0-test"):
        self.write("proc/sys/kernel/hostname", name + "\n")
        self.write("proc/sys/kernel/osrelease", kernel + "\n")
        self.write("proc/meminfo", "MemTotal:       1056763904 kB\n")
        self.write("proc/self/mountinfo", "")
        self.write("sys/kernel/security/lockdown", "[none] integrity confidentiality\n")
        self.write("sys/devices/system/cpu/online", "0-255\n")
        self.write("sys/module/kvm/parameters/halt_poll_ns", "200000\n")

    def vm(self, pid, name, vcpus, stats=None, comm="qemu-system-x86"):
        """One QEMU process. stats: {vCPU id: bytes of its stats fd}; the others get good ones."""
        proc = f"proc/{pid}"
        self.write(f"{proc}/comm", comm + "\n")
        self.write(f"{proc}/cmdline", f"/usr/bin/qemu-system-x86_64\0-name\0guest={name}\0-m\0001G\0")
        zeros = " ".join(["0"] * 30)
        self.write(f"{proc}/stat", f"{pid} ({comm}) S 1 {pid} {pid} 0 -1 4194560 0 0 0 0 "
                                   f"{pid} 7 0 0 20 0 {vcpus + 2} 0 {pid * 10} 1 1 {zeros}\n")
        self.write(f"{proc}/status", f"Name:\t{comm}\nTgid:\t{pid}\nPid:\t{pid}\nVmRSS:\t  {pid} kB\n"
                                     "VmPTE:\t      64 kB\n")
        self.link(f"{proc}/fd/9", "anon_inode:kvm-vm")
        for vcpu in range(vcpus):
            tid = pid + 1 + vcpu
            self.link(f"{proc}/fd/{10 + 2 * vcpu}", f"anon_inode:kvm-vcpu:{vcpu}")
            self.link(f"{proc}/fd/{11 + 2 * vcpu}", f"anon_inode:kvm-vcpu-stats:{vcpu}")
            good = stats_fd(f"kvm-{pid}/vcpu-{vcpu}", {"exits": pid * 10 + vcpu, "blocking": 1,
                                                       "halt_wait_hist": list(range(32))})
            self.write(f"{proc}/fd-data/{11 + 2 * vcpu}", (stats or {}).get(vcpu, good))
            self.write(f"{proc}/task/{tid}/comm", f"CPU {vcpu}/KVM\n")
            self.write(f"{proc}/task/{tid}/schedstat", f"{tid * 1000} {tid} 12\n")
        self.write(f"{proc}/task/{pid}/comm", comm + "\n")


def many(top, vms=1000, vcpus=4):
    tree = Tree(top)
    tree.host()
    for i in range(vms):
        tree.vm(10000 + i * (vcpus + 8), f"vm-{i:04}", vcpus)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    many(sys.argv[1], *(int(n) for n in sys.argv[2:4]))

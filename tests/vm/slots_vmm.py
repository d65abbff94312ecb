#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A VMM whose mappings say nothing of which memory is the guest's: only KVM's memslots do.

    slots_vmm.py CASE

Makes the VMs of that case, prints their descriptors and what is in their memory as one line of JSON, and keeps them
until standard input ends. Guests have no vCPU. Beside their memory lies as much that is not theirs, and set.
"""
import ctypes
import fcntl
import json
import mmap
import os
import struct
import sys

MIB = 1 << 20
PAGE = 4096
KVM_CREATE_VM = 0xAE01
KVM_SET_USER_MEMORY_REGION = 0x4020AE46
READONLY = 2
HEAP = []  # mappings stay


def address(mapping):
    return ctypes.addressof(ctypes.c_char.from_buffer(mapping))


def anonymous(size):
    HEAP.append(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    return HEAP[-1]


def views(size, count):
    """The same memfd so often."""
    fd = os.memfd_create("guest")
    os.ftruncate(fd, size)
    HEAP.extend(mmap.mmap(fd, size, mmap.MAP_SHARED) for _ in range(count))
    return HEAP[-count:]


def set_pages(mapping, at, count, value=1):
    for page in range(count):
        mapping[at + page * PAGE] = value


class Vm:
    def __init__(self, kvm):
        self.fd = fcntl.ioctl(kvm, KVM_CREATE_VM, 0)
        self.slots = 0

    def slot(self, gpa, mapping, offset, size, flags=0):
        request = struct.pack("=IIQQQ", self.slots, flags, gpa, size, address(mapping) + offset)
        fcntl.ioctl(self.fd, KVM_SET_USER_MEMORY_REGION, request)
        self.slots += 1


def twice(kvm):
    """One memfd of 8 MiB through two mappings, each with a slot; and the first 2 MiB through another slot."""
    vm, (first, second) = Vm(kvm), views(8 * MIB, 2)
    set_pages(first, 1 * MIB, 100)
    set_pages(second, 4 * MIB, 50, 0)
    set_pages(anonymous(64 * MIB), 0, 64 * MIB // PAGE)
    vm.slot(0, first, 0, 8 * MIB)
    vm.slot(1 << 30, second, 0, 8 * MIB)
    vm.slot(2 << 30, first, 0, 2 * MIB)
    yield vm, {"total": 2048, "nonzero": 100, "zero_content": 50, "untouched": 1898, "rom": 0, "gfns": [0],
               "warnings": ["1 mapping left out: the same memory is counted already"]}


def inside(kvm):
    """Parts of a mapping of 64 MiB, all of which is set; one of them is a ROM, two slots show the same part."""
    vm, heap = Vm(kvm), anonymous(64 * MIB)
    set_pages(heap, 0, 64 * MIB // PAGE)
    for at in range(20 * MIB, 21 * MIB, PAGE):
        heap[at] = 0
    vm.slot(0, heap, 16 * MIB, 8 * MIB)
    vm.slot(4 << 30, heap, 40 * MIB, 4 * MIB)
    vm.slot(5 << 30, heap, 41 * MIB, 1 * MIB)
    vm.slot(0xFFFC0000, heap, 8 * MIB, MIB // 4, READONLY)
    yield vm, {"total": 3136, "nonzero": 2880, "zero_content": 256, "untouched": 0, "rom": 64,
               "gfns": [0, 0xFFFC0, 0x100000]}


def neighbours(kvm):
    """Two VMs whose memory lies in one mapping."""
    heap = anonymous(64 * MIB)
    set_pages(heap, 0, 64 * MIB // PAGE)
    for number in range(2):
        vm, pages = Vm(kvm), 1000 * (number + 1)
        vm.slot(0, heap, (1 + 32 * number) * MIB, pages * PAGE)
        yield vm, {"total": pages, "nonzero": pages, "zero_content": 0, "untouched": 0, "rom": 0, "gfns": [0]}


def main():
    kvm = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
    vms = list(globals()[sys.argv[1]](kvm))
    print(json.dumps([dict(truth, fd=vm.fd) for vm, truth in vms]), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

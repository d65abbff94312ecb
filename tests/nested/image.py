# SPDX-License-Identifier: MIT
"""Makes the initramfs of a guest: busybox, Python, kvmlens, testvm, the KVM modules and the tests.

Programs and Python come from this machine, each with the libraries that ldd names, at the paths they have here, so that the
guest needs no set-up. Everything else comes from build/cache/nested (get-kernels). Root is not needed:
the archive is written by us, and what needs a device node is made by the guest's devtmpfs.
"""
import ast
import glob
import lzma
import os
import re
import stat
import subprocess
import sys

# Loaded by Python's own library only when they are needed.
LATE_MODULES = ("encodings.ascii", "encodings.idna", "encodings.latin_1", "encodings.utf_8", "_strptime")
LIST_MODULES = """
import importlib, os, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
print(os.path.realpath(sys.executable))
for module in list(sys.modules.values()):
    for path in (getattr(module, "__file__", None), getattr(module, "__cached__", None)):
        if path and os.path.exists(path):
            print(path)
"""


class Archive:
    """A cpio archive of format "newc", as the kernel unpacks it."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.names = set()
        self.inode = 0

    def _entry(self, name, mode, data, mtime=0):
        self.inode += 1
        encoded = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, int(mtime), len(data), 0, 0, 0, 0, len(encoded), 0)
        header = b"070701" + b"".join(b"%08x" % f for f in fields) + encoded
        for part in (header, data):
            self.file.write(part + b"\0" * (-len(part) % 4))

    def _parents(self, name):
        parts = name.split("/")
        for i in range(1, len(parts)):
            self.directory("/".join(parts[:i]))

    def _add(self, path, mode, data, mtime=0):
        name = path.strip("/")
        if name in self.names:
            return
        self._parents(name)
        self.names.add(name)
        self._entry(name, mode, data, mtime)

    def directory(self, path):
        self._add(path, stat.S_IFDIR | 0o755, b"")

    def data(self, path, data, mode=0o644):
        self._add(path, stat.S_IFREG | mode, data)

    def link(self, path, target):
        self._add(path, stat.S_IFLNK | 0o777, target.encode())

    def copy(self, source, path=None):
        """A file; symbolic links are followed. The time stays: Python compares it with its cache."""
        info = os.stat(source)
        with open(source, "rb") as f:
            self._add(path or source, stat.S_IFREG | (info.st_mode & 0o777), f.read(), info.st_mtime)

    def tree(self, source, path=None):
        for directory, _, files in os.walk(source):
            for name in files:
                file = os.path.join(directory, name)
                self.copy(file, path and os.path.join(path, os.path.relpath(file, source)))

    def close(self):
        self._entry("TRAILER!!!", 0, b"")
        self.file.close()


def libraries(program):
    """Paths of the libraries and of the loader that a program or library needs."""
    out = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    missing = re.findall(r"(\S+) => not found", out)
    if missing:
        raise RuntimeError(f"{program} needs {', '.join(missing)}")
    return re.findall(r"(?:=> |^\s+)(/\S+)", out, re.MULTILINE)


def add_program(archive, source, path=None):
    archive.copy(source, path)
    needed = libraries(source)
    libc = [os.path.dirname(p) for p in needed if os.path.basename(p).startswith("libc.so")]
    for library in needed:
        archive.copy(library)
        if libc and os.path.dirname(library) != libc[0] and "/ld-" not in library:
            archive.link(os.path.join(libc[0], os.path.basename(library)), library)


def imports(scripts):
    """Names of the modules that the scripts import, without the scripts themselves."""
    names = set(LATE_MODULES)
    for script in scripts:
        with open(script, encoding="utf-8") as f:
            tree = ast.parse(f.read())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module)
    return names - {os.path.basename(script)[:-3] for script in scripts}


def add_python(archive, scripts):
    """This very Python and what the scripts import, at their own paths; /bin/python3 leads there."""
    out = subprocess.run([sys.executable, "-c", LIST_MODULES, *sorted(imports(scripts))],
                         capture_output=True, text=True, check=True).stdout.split("\n")
    add_program(archive, out[0])
    archive.link("/bin/python3", out[0])
    for path in out[1:]:
        if ".so" in os.path.basename(path):
            add_program(archive, path)
        elif path:
            archive.copy(path)
    # Python looks for this file to find its library.
    archive.directory(os.path.join(sys.base_prefix, "lib", f"python3.{sys.version_info[1]}", "lib-dynload"))


def busybox_applets(busybox):
    return subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split()


def module_of(kernel, name):
    """(bytes, names it depends on) of a kernel module, unpacked."""
    path = os.path.join(kernel, f"{name}.ko")
    if os.path.exists(path):
        with open(path, "rb") as f:
            data = f.read()
    else:
        with lzma.open(path + ".xz") as f:
            data = f.read()
    depends = re.search(rb"\0depends=([^\0]*)\0", data)
    return data, [n for n in depends.group(1).decode().split(",") if n] if depends else []


def modules_in_order(kernel, *names):
    """[(name, bytes)] of modules of the kernel in that directory, after those that they need."""
    found = {}

    def add(name):
        if name in found:
            return
        data, depends = module_of(kernel, name)
        for other in depends:
            add(other)
        found[name] = data

    for name in names:
        add(name)
    return list(found.items())


def add_modules(archive, kernel, *names):
    """The modules and before them those that they need; their names go to /modules/order, one a line."""
    order = modules_in_order(kernel, *names)
    for module, data in order:
        archive.data(f"/modules/{module}.ko", data)
    archive.data("/modules/order", "".join(f"{module}\n" for module, _ in order).encode())


def build(path, kernel, tools, programs, tests, trees=None):
    """programs: {path in the guest: program here}; tests: {path in the guest: file here}; trees: directories likewise."""
    archive = Archive(path)
    for name in ("dev", "proc", "sys", "tmp", "run", "mnt"):
        archive.directory(name)
    busybox = os.path.join(tools, "busybox")
    archive.copy(busybox, "/bin/busybox")
    for applet in busybox_applets(busybox):
        if applet != "busybox":
            archive.link(f"/bin/{applet}", "busybox")
    kvm_stat = os.path.join(tools, "kvm_stat")
    archive.copy(kvm_stat, "/bin/kvm_stat")
    for name, source in programs.items():
        add_program(archive, source, name)
    add_python(archive, [kvm_stat, *(source for source in tests.values() if source.endswith(".py"))])
    archive.tree("/usr/lib/locale/C.utf8")
    for name, source in (trees or {}).items():
        archive.tree(source, name)
    # Not there where get-kernels was run before it took them.
    vhost = ["vhost_net"] if glob.glob(os.path.join(kernel, "vhost_net.ko*")) else []
    add_modules(archive, kernel, "kvm-amd", *vhost)
    for name, source in tests.items():
        archive.copy(source, name)
    archive.close()

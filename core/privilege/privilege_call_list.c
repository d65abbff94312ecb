// SPDX-License-Identifier: MIT
/*
 * The tables of the system call filters. Names that an architecture does not have are skipped.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "core/privilege/privilege.h"
#include "core/privilege/privilege_calls.h"
#include "core/privilege/privilege_internal.h"

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

const char *const privilege_known_calls[] = {
    /* descriptors and files */
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2",
    "pwritev2", "open", "openat", "openat2", "close", "close_range", "lseek", "stat", "lstat",
    "fstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2",
    "readlink", "readlinkat", "getdents", "getdents64", "fcntl", "dup", "dup2", "dup3", "ioctl",
    "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl",
    "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2", "pipe", "pipe2",
    "signalfd", "signalfd4", "timerfd_create", "timerfd_settime", "timerfd_gettime", "ftruncate",
    "fallocate", "fsync", "fdatasync", "flock", "fadvise64", "getcwd", "chdir", "fchdir", "umask",
    "memfd_create",
    /* those that only a front end that writes keeps */
    "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat",
    "fchmod",
    /* memory */
    "mmap", "munmap", "mprotect", "mremap", "madvise", "mlock", "munlock", "brk", "msync",
    "mincore", "membarrier",
    /* processes and threads */
    "exit", "exit_group", "clone", "fork", "vfork", "wait4", "waitid", "getpid", "gettid",
    "getppid", "getpgrp", "getpgid", "getsid", "setsid", "setpgid", "prctl", "arch_prctl",
    "set_tid_address", "set_robust_list", "get_robust_list", "rseq", "futex", "futex_waitv",
    "sched_yield", "sched_getaffinity", "sched_getscheduler", "sched_getparam", "getcpu",
    "getpriority", "setpriority", "sched_setscheduler", "ioprio_set", "ioprio_get", "getrusage",
    "getrlimit", "setrlimit", "prlimit64", "times", "uname", "sysinfo", "getrandom",
    "get_mempolicy",
    /* who we are; to give up more */
    "getuid", "geteuid", "getgid", "getegid", "getgroups", "getresuid", "getresgid", "capget",
    "capset", "seccomp",
    /* signals and time */
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigsuspend", "rt_sigpending",
    "rt_sigtimedwait", "sigaltstack", "restart_syscall", "pause", "kill", "tgkill",
    "pidfd_send_signal", "alarm", "getitimer", "setitimer", "timer_create", "timer_settime",
    "timer_gettime", "timer_getoverrun", "timer_delete", "clock_gettime", "clock_getres",
    "clock_nanosleep", "nanosleep", "gettimeofday", "time",
    /* sockets that are there, and pairs of them */
    "socketpair", "sendto", "sendmsg", "recvfrom", "recvmsg", "shutdown", "getsockopt",
    "setsockopt", "getsockname", "getpeername",
    /* other processes */
    "pidfd_open", "pidfd_getfd", "process_vm_readv", "kcmp", "userfaultfd", "bpf",
    "perf_event_open",
    NULL,
};

#define FRONT (1u << ROLE_FRONT)
#define SUPERVISOR (1u << ROLE_SUPERVISOR)
#define COLLECTOR (1u << ROLE_COLLECTOR)
#define SCANNER (1u << ROLE_SCANNER)
#define COUNTER (1u << ROLE_COUNTER)
#define LOOKERS (COLLECTOR | SCANNER) /* at what is somebody else's */
#define CHILDREN (LOOKERS | COUNTER)
#define EVERY (FRONT | SUPERVISOR | CHILDREN)

#define NEVER(call) {call, EVERY, WHEN_ALWAYS, 0, 0, 0}
#define NOT_IN(call, roles) {call, roles, WHEN_ALWAYS, 0, 0, 0}
#define WRITING(call) {call, EVERY, WHEN_ALWAYS, 0, 0, NEED_WRITE}
#define OPEN_BIT(flag) {"open", EVERY, WHEN_ALL_BITS, 1, flag, NEED_WRITE}, \
                       {"openat", EVERY, WHEN_ALL_BITS, 2, flag, NEED_WRITE}
#define NEW_NAMESPACE(flag) {"clone", EVERY, WHEN_ALL_BITS, 0, flag, 0}

/*
 * Commands of bpf(2), linux/bpf.h. A link and an iterator make a program run that is loaded. Who
 * counts exits reads maps (1 and 24), says in one of them who is watched (2), removes what is past
 * (3), and asks what the kernel did not show a program (15).
 */
#define MAP_LOOKUP_ELEM 1
#define MAP_LOOKUP_BATCH 24
#define LINK_CREATE 28
#define ITER_CREATE 33
#define NO_BPF_COMMAND(roles, number) {"bpf", roles, WHEN_EQUAL, 0, number, 0}

const struct privilege_refusal privilege_refusals[] = {
    /* to become another program, or to have one run */
    NEVER("execve"),
    NEVER("execveat"),
    NEVER("uselib"),
    {"ioctl", EVERY, WHEN_EQUAL, 1, TIOCSTI, 0}, /* types into the terminal */
    {"ioctl", EVERY, WHEN_EQUAL, 1, TIOCLINUX, 0},

    /* to change another process */
    NEVER("ptrace"),
    NEVER("process_vm_writev"),
    NEVER("process_madvise"),
    NEVER("process_mrelease"),
    NEVER("migrate_pages"),
    NEVER("move_pages"),
    NEVER("mbind"),
    NEVER("sched_setattr"),
    NEVER("sched_setparam"),
    NEVER("sched_setaffinity"),
    {"prlimit64", EVERY, WHEN_NOT, 0, 0, 0},
    {"setpriority", EVERY, WHEN_NOT, 1, 0, 0},
    {"sched_setscheduler", EVERY, WHEN_NOT, 0, 0, 0},
    {"ioprio_set", EVERY, WHEN_NOT, 1, 0, 0},

    /* to signal another process. Who kills a reading child may kill, and nothing else; who counts
     * may ask whether a thread lives, with signal 0. */
    NEVER("tkill"),
    NEVER("rt_sigqueueinfo"),
    NEVER("rt_tgsigqueueinfo"),
    NOT_IN("pidfd_send_signal", FRONT | CHILDREN),
    {"kill", FRONT | COLLECTOR, WHEN_NOT_SELF, 0, 0, 0},
    {"kill", SCANNER, WHEN_NOT, 1, SIGKILL, 0},
    {"kill", SCANNER, WHEN_ALL_BITS, 0, UINT64_C(1) << 31, 0}, /* a group, or everybody */
    NOT_IN("kill", COUNTER),
    {"tgkill", FRONT | LOOKERS, WHEN_NOT_SELF, 0, 0, 0},
    {"tgkill", COUNTER, WHEN_NOT, 2, 0, 0},

    /* to have more processes */
    NOT_IN("fork", FRONT | COLLECTOR | COUNTER),
    NOT_IN("vfork", FRONT | COLLECTOR | COUNTER),
    {"clone", FRONT | COLLECTOR | COUNTER, WHEN_NO_BITS, 0, CLONE_THREAD, 0},
    NEW_NAMESPACE(CLONE_NEWNS),
    NEW_NAMESPACE(CLONE_NEWCGROUP),
    NEW_NAMESPACE(CLONE_NEWUTS),
    NEW_NAMESPACE(CLONE_NEWIPC),
    NEW_NAMESPACE(CLONE_NEWUSER),
    NEW_NAMESPACE(CLONE_NEWPID),
    NEW_NAMESPACE(CLONE_NEWNET),
    NEVER("unshare"),
    NEVER("setns"),

    /* to look into another process */
    NOT_IN("pidfd_open", COUNTER),
    NOT_IN("pidfd_getfd", FRONT | SCANNER | COUNTER),
    NOT_IN("kcmp", FRONT | SCANNER | COUNTER),
    NOT_IN("process_vm_readv", FRONT | COLLECTOR | COUNTER),
    NOT_IN("userfaultfd", FRONT | COLLECTOR | COUNTER),
    NOT_IN("perf_event_open", FRONT | CHILDREN), /* who counts exits has opened all before */
    NEVER("lookup_dcookie"),

    /* to talk to somebody. A pair of streams can be sent nowhere else; datagrams can. */
    NEVER("socket"),
    NEVER("connect"),
    NEVER("bind"),
    NEVER("listen"),
    NEVER("accept"),
    NEVER("accept4"),
    NEVER("socketcall"),
    NEVER("sendmmsg"),
    {"socketpair", EVERY, WHEN_NOT, 0, AF_UNIX, 0},
    {"socketpair", EVERY, WHEN_NO_BITS, 1, SOCK_STREAM, 0}, /* or SOCK_SEQPACKET */
    {"socketpair", EVERY, WHEN_ALL_BITS, 1, SOCK_RAW, 0},
    {"sendto", EVERY, WHEN_NOT, 4, 0, 0},
    NOT_IN("sendmsg", FRONT | CHILDREN), /* hands descriptors on */

    /* to write to what it has a copy of, which may be open for that where it comes from. A sample
     * goes into memory, and a message by send. */
    NOT_IN("write", COLLECTOR | COUNTER),
    NOT_IN("pwrite64", COLLECTOR | COUNTER),
    NOT_IN("writev", COLLECTOR | COUNTER),
    NOT_IN("pwritev", COLLECTOR | COUNTER),
    NOT_IN("pwritev2", COLLECTOR | COUNTER),
    NOT_IN("sendfile", COLLECTOR | COUNTER),
    NOT_IN("splice", COLLECTOR | COUNTER),
    NOT_IN("vmsplice", COLLECTOR | COUNTER),
    NOT_IN("copy_file_range", COLLECTOR | COUNTER),

    /* to write files. The flags of openat2 lie in memory, where a filter cannot look. */
    OPEN_BIT(O_WRONLY),
    OPEN_BIT(O_RDWR),
    OPEN_BIT(O_CREAT),
    NOT_IN("openat2", FRONT | COUNTER),
    {"openat2", SUPERVISOR | LOOKERS, WHEN_ALWAYS, 0, 0, NEED_SAVED_TREE},
    WRITING("rename"),
    WRITING("renameat"),
    WRITING("renameat2"),
    WRITING("link"),
    WRITING("linkat"),
    WRITING("unlink"),
    WRITING("unlinkat"),
    WRITING("mkdir"),
    WRITING("mkdirat"),
    WRITING("fchmod"),
    /* O_RDONLY | O_TRUNC and truncate(2) get by Landlock before Linux 6.2. */
    {"open", EVERY, WHEN_ALL_BITS, 1, O_TRUNC, 0},
    {"openat", EVERY, WHEN_ALL_BITS, 2, O_TRUNC, 0},
    {"fchmod", FRONT, WHEN_NOT, 1, 0644, 0}, /* what --output makes a file that is new */
    NEVER("truncate"),
    NEVER("creat"),
    NEVER("rmdir"),
    NEVER("symlink"),
    NEVER("symlinkat"),
    NEVER("mknod"),
    NEVER("mknodat"),
    NEVER("chmod"),
    NEVER("fchmodat"),
    NEVER("fchmodat2"),
    NEVER("chown"),
    NEVER("fchown"),
    NEVER("lchown"),
    NEVER("fchownat"),
    NEVER("setxattr"),
    NEVER("lsetxattr"),
    NEVER("fsetxattr"),
    NEVER("setxattrat"),
    NEVER("removexattr"),
    NEVER("lremovexattr"),
    NEVER("fremovexattr"),
    NEVER("removexattrat"),
    NEVER("utime"),
    NEVER("utimes"),
    NEVER("futimesat"),
    NEVER("utimensat"),
    NEVER("file_setattr"),
    NEVER("open_by_handle_at"),
    NEVER("name_to_handle_at"),

    /* to get around filters */
    NEVER("io_uring_setup"),
    NEVER("io_uring_enter"),
    NEVER("io_uring_register"),
    NEVER("io_setup"),
    NEVER("io_submit"),
    NEVER("personality"),
    NEVER("modify_ldt"),
    NEVER("setuid"),
    NEVER("setgid"),
    NEVER("setreuid"),
    NEVER("setregid"),
    NEVER("setresuid"),
    NEVER("setresgid"),
    NEVER("setgroups"),
    NEVER("setfsuid"),
    NEVER("setfsgid"),
    {"prctl", EVERY, WHEN_EQUAL, 0, PR_SET_PTRACER, 0},

    /* BPF. Who loads a program does so before it enters its role; the supervisor's children do. */
    NOT_IN("bpf", FRONT),
    {"bpf", LOOKERS, WHEN_ALWAYS, 0, 0, NEED_BPF},
    {"bpf", LOOKERS, WHEN_BELOW, 0, LINK_CREATE, 0},
    NO_BPF_COMMAND(LOOKERS, 29), NO_BPF_COMMAND(LOOKERS, 30),
    NO_BPF_COMMAND(LOOKERS, 31), NO_BPF_COMMAND(LOOKERS, 32),
    {"bpf", LOOKERS, WHEN_ABOVE, 0, ITER_CREATE, 0},
    {"bpf", COUNTER, WHEN_BELOW, 0, MAP_LOOKUP_ELEM, 0},
    NO_BPF_COMMAND(COUNTER, 4), NO_BPF_COMMAND(COUNTER, 5),
    NO_BPF_COMMAND(COUNTER, 6), NO_BPF_COMMAND(COUNTER, 7),
    NO_BPF_COMMAND(COUNTER, 8), NO_BPF_COMMAND(COUNTER, 9),
    NO_BPF_COMMAND(COUNTER, 10), NO_BPF_COMMAND(COUNTER, 11),
    NO_BPF_COMMAND(COUNTER, 12), NO_BPF_COMMAND(COUNTER, 13),
    NO_BPF_COMMAND(COUNTER, 14), NO_BPF_COMMAND(COUNTER, 16),
    NO_BPF_COMMAND(COUNTER, 17), NO_BPF_COMMAND(COUNTER, 18),
    NO_BPF_COMMAND(COUNTER, 19), NO_BPF_COMMAND(COUNTER, 20),
    NO_BPF_COMMAND(COUNTER, 21), NO_BPF_COMMAND(COUNTER, 22),
    NO_BPF_COMMAND(COUNTER, 23),
    {"bpf", COUNTER, WHEN_ABOVE, 0, MAP_LOOKUP_BATCH, 0},

    /* to change the host */
    NEVER("init_module"),
    NEVER("finit_module"),
    NEVER("delete_module"),
    NEVER("kexec_load"),
    NEVER("kexec_file_load"),
    NEVER("reboot"),
    NEVER("mount"),
    NEVER("umount2"),
    NEVER("pivot_root"),
    NEVER("chroot"),
    NEVER("open_tree"),
    NEVER("open_tree_attr"),
    NEVER("move_mount"),
    NEVER("fsopen"),
    NEVER("fsconfig"),
    NEVER("fsmount"),
    NEVER("fspick"),
    NEVER("mount_setattr"),
    NEVER("swapon"),
    NEVER("swapoff"),
    NEVER("acct"),
    NEVER("quotactl"),
    NEVER("quotactl_fd"),
    NEVER("keyctl"),
    NEVER("add_key"),
    NEVER("request_key"),
    NEVER("fanotify_init"),
    NEVER("iopl"),
    NEVER("ioperm"),
    NEVER("settimeofday"),
    NEVER("clock_settime"),
    NEVER("clock_adjtime"),
    NEVER("adjtimex"),
    NEVER("sethostname"),
    NEVER("setdomainname"),
    NEVER("syslog"),
    NEVER("vhangup"),
    {0},
};

/* SPDX-License-Identifier: MIT */
/*
 * Cuts up what the kernel tells of load: what a thread does, cgroups and their limits, pressure,
 * and the host's own load. Pure: text in, numbers out. Any thread.
 *
 * A cgroup's name is free text that its owner chose. Only what follows from the form of a file is
 * believed.
 */
#ifndef KVMLENS_CORE_BASE_PARSE_LOAD_H
#define KVMLENS_CORE_BASE_PARSE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The fields of /proc/PID/task/TID/stat that tell what a thread does, see proc_pid_stat(5). */
struct proc_thread {
    char state;           /* field 3, 'R', 'S', 'D', 'T', 't', ... */
    int cpu;              /* field 39: that it runs on, or ran on last */
    uint64_t guest_ticks; /* field 43: CPU time in a guest, clock ticks */
};

/* parse_proc_thread - false: not in that form. */
bool parse_proc_thread(const char *text, struct proc_thread *ret);

/* parse_proc_state - the letter behind "State:" of /proc/PID/status. '\0': there is none. */
char parse_proc_state(const char *text);

/*
 * What /proc/PID/task/TID/syscall says (proc_pid_syscall in fs/proc/base.c): "running", or where it
 * sleeps, the number of the system call and its arguments.
 */
enum proc_syscall {
    PROC_SYSCALL_RUNNING, /* has a CPU, or waits for one */
    PROC_SYSCALL_KVM_RUN, /* sleeps in ioctl(vcpu, KVM_RUN) */
    PROC_SYSCALL_OTHER,   /* sleeps in another one, or in none */
};

/* parse_proc_syscall - false: not in that form. */
bool parse_proc_syscall(const char *text, enum proc_syscall *ret);

/* A line of /proc/PID/cgroup: "1:cpu,cpuacct:/machine". */
struct proc_cgroup {
    const char *controllers; /* "" (length 0): cgroup v2 */
    size_t controllers_length;
    const char *path; /* begins with a slash */
    size_t path_length;
};

/* parse_proc_cgroup - the next line of *@at in that form; *@at moves behind it. False: the end. */
bool parse_proc_cgroup(const char **at, struct proc_cgroup *ret);

/* parse_list_has - is @word one of the words of a list with commas? */
bool parse_list_has(const char *list, size_t length, const char *word);

/*
 * parse_path_is_plain - a path that leads nowhere but down: begins with a slash, and none of its
 * parts is "..": that is how a cgroup outside of our namespace is shown.
 */
bool parse_path_is_plain(const char *path, size_t length);

/* parse_key_number - the number behind "KEY " at the start of a line: cpu.stat, cgroup.events. */
bool parse_key_number(const char *text, const char *key, uint64_t *ret);

/* parse_cpu_max - does cpu.max of cgroup v2 have a limit: "20000 100000", not "max 100000"? */
bool parse_cpu_max(const char *text);

/* parse_cpu_quota - does cpu.cfs_quota_us of cgroup v1 have one: not "-1"? */
bool parse_cpu_quota(const char *text);

/* parse_pressure - the total of the line "some" or "full" of a file of pressure, nanoseconds. */
bool parse_pressure(const char *text, const char *line, uint64_t *ret_ns);

/* parse_loadavg - the first three numbers of /proc/loadavg, in hundredths. */
bool parse_loadavg(const char *text, uint64_t ret[3]);

/* The line of all CPUs of /proc/stat, clock ticks. */
struct proc_cpu {
    uint64_t all; /* whatever they did; guest time is in user time */
    uint64_t idle, iowait, steal, guest;
};

/* parse_proc_cpu - false: not in that form. */
bool parse_proc_cpu(const char *text, struct proc_cpu *ret);

/*
 * parse_cpu_list - how many CPUs are in "0-3,8"; up to the end of a line. 0: not in that form.
 */
unsigned parse_cpu_list(const char *list);

/* parse_uptime - the first number of /proc/uptime, in hundredths of a second. */
bool parse_uptime(const char *text, uint64_t *ret);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Cuts up what /proc tells of a process: stat, status, statm, schedstat, limits, mountinfo. Pure:
 * text in, numbers out.
 *
 * The command name of a process is free text that its owner chose; it may look like any of what
 * follows it. Whoever wants a field of stat or status asks here and not the text.
 */
#ifndef KVMLENS_CORE_BASE_PARSE_PROC_H
#define KVMLENS_CORE_BASE_PARSE_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The fields of /proc/PID/stat that are used, see proc_pid_stat(5). */
struct proc_stat {
    char comm[64];         /* field 2 without its parentheses, cut at 63 bytes; may hold any byte */
    char state;            /* field 3, 'R', 'S', 'D', ... */
    unsigned flags;        /* field 9, PF_* of include/linux/sched.h */
    uint64_t major_faults; /* field 12: of its own, that were read from a disk */
    uint64_t utime, stime; /* fields 14 and 15, clock ticks */
    uint64_t start_ticks;  /* field 22, clock ticks since boot */
};

/* parse_proc_stat - @text ends with a NUL. 0, or -EBADMSG when it is not in that form. */
int parse_proc_stat(const char *text, struct proc_stat *ret);

/*
 * parse_proc_status - the number behind "KEY:" at the start of a line of /proc/PID/status, or of
 * another file of that form, such as /proc/meminfo.
 *
 * @base: 10, or 16 for masks. False: no such line, or no number in it that fits.
 */
bool parse_proc_status(const char *text, const char *key, unsigned base, uint64_t *ret);

/* parse_proc_status_bytes - the same for a size in kB, in bytes. */
bool parse_proc_status_bytes(const char *text, const char *key, uint64_t *ret);

/* parse_proc_statm - resident pages, field 2 of /proc/PID/statm. False: not in that form. */
bool parse_proc_statm(const char *text, uint64_t *ret_resident);

/*
 * parse_proc_schedstat - of a thread: the time it ran and the time it was runnable but had no CPU,
 * fields 1 and 2 of /proc/PID/task/TID/schedstat. False: not in that form.
 */
bool parse_proc_schedstat(const char *text, uint64_t *ret_cpu_ns, uint64_t *ret_wait_ns);

/*
 * parse_proc_limit - the soft limit in the line of /proc/PID/limits that begins with @name;
 * UINT64_MAX: there is none. False: no such line, or no number in it.
 */
bool parse_proc_limit(const char *text, const char *name, uint64_t *ret_soft);

/* A line of /proc/PID/mountinfo. */
struct proc_mount {
    char point[256];   /* mount point, its escapes undone; begins with a slash */
    char type[32];     /* of the file system */
    char options[256]; /* of the file system, "" when it has none; cut at 255 bytes */
};

/*
 * parse_proc_mount - the next line of *@at that is a mount; *@at moves behind it.
 *
 * Lines in another form are passed over, and so are mounts whose point or type has no room.
 * Returns false at the end of the text.
 */
bool parse_proc_mount(const char **at, struct proc_mount *ret);

/*
 * parse_proc_mount_option - the value of "KEY=" in the options of a mount, lower-case letters and
 * digits only, cut at @size - 1. False: not there, or without such a value.
 */
bool parse_proc_mount_option(const struct proc_mount *mount, const char *key, char *ret,
                             size_t size);

#endif

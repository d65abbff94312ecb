// SPDX-License-Identifier: MIT
#include "core/source/load_host.h"

#include <errno.h>
#include <unistd.h>

#include "core/base/parse_load.h"
#include "core/base/parse_proc.h"
#include "core/source/cgroup_tree.h"

#define FILE_BYTES 4096 /* the numbers that are wanted stand at the start of each file */

/* What the numbers of a file are; @n < 0: why it could not be read. */
typedef void take_fn(const char *text, ssize_t n, struct reading *gauges);

/* A file of the host does not end: where it is missing, the kernel does not have it. */
static struct reading of_form(ssize_t n, bool is_ok, uint64_t value)
{
    if (n < 0 && n != -ENOENT)
        return load_failed((int)n);
    return is_ok ? reading_ok(value, SOURCE_PROC) : reading_of_cause(CAUSE_NOT_IN_KERNEL);
}

static void take_loadavg(const char *text, ssize_t n, struct reading *gauges)
{
    uint64_t loads[3] = {0};
    bool is_ok = n > 0 && parse_loadavg(text, loads);

    for (int i = 0; i < 3; i++)
        gauges[HOST_LOAD_1 + i] = of_form(n, is_ok, loads[i]);
}

static void take_stat(const char *text, ssize_t n, struct reading *gauges)
{
    struct proc_cpu cpu = {0};
    bool is_ok = n > 0 && parse_proc_cpu(text, &cpu);
    uint64_t tick_ns = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);

    gauges[HOST_CPU_NS] = of_form(n, is_ok, cpu.all * tick_ns);
    gauges[HOST_IDLE_NS] = of_form(n, is_ok, cpu.idle * tick_ns);
    gauges[HOST_IOWAIT_NS] = of_form(n, is_ok, cpu.iowait * tick_ns);
    gauges[HOST_STEAL_NS] = of_form(n, is_ok, cpu.steal * tick_ns);
    gauges[HOST_GUEST_NS] = of_form(n, is_ok, cpu.guest * tick_ns);
}

static void take_meminfo(const char *text, ssize_t n, struct reading *gauges)
{
    static const struct {
        enum host_gauge gauge;
        const char *key;
    } keys[] = {
        {HOST_MEM_FREE_BYTES, "MemFree"},
        {HOST_MEM_AVAILABLE_BYTES, "MemAvailable"},
        {HOST_SWAP_TOTAL_BYTES, "SwapTotal"},
        {HOST_SWAP_FREE_BYTES, "SwapFree"},
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        uint64_t bytes = 0;
        bool is_ok = n > 0 && parse_proc_status_bytes(text, keys[i].key, &bytes);
        gauges[keys[i].gauge] = of_form(n, is_ok, bytes);
    }
}

static void take_pressure(const char *text, ssize_t n, struct reading *gauges, enum pressure first)
{
    for (unsigned i = first; i < first + 2u; i++)
        gauges[HOST_CPU_SOME_NS + i] = cgroup_pressure_of_text(text, n, (enum pressure)i);
}

static void take_cpu_pressure(const char *text, ssize_t n, struct reading *gauges)
{
    take_pressure(text, n, gauges, PRESSURE_CPU_SOME);
}

static void take_memory_pressure(const char *text, ssize_t n, struct reading *gauges)
{
    take_pressure(text, n, gauges, PRESSURE_MEMORY_SOME);
}

static void take_io_pressure(const char *text, ssize_t n, struct reading *gauges)
{
    take_pressure(text, n, gauges, PRESSURE_IO_SOME);
}

static const struct {
    const char *path;
    take_fn *take;
} files[LOAD_HOST_FILES] = {
    {"proc/loadavg", take_loadavg},
    {"proc/stat", take_stat},
    {"proc/meminfo", take_meminfo},
    {"proc/pressure/cpu", take_cpu_pressure},
    {"proc/pressure/memory", take_memory_pressure},
    {"proc/pressure/io", take_io_pressure},
};

void load_host_init(struct load_host *h)
{
    for (int i = 0; i < LOAD_HOST_FILES; i++)
        h->files[i] = KEPT_NONE;
}

void load_host_done(struct load_host *h)
{
    for (int i = 0; i < LOAD_HOST_FILES; i++)
        kept_drop(&h->files[i]);
}

void load_host_read(struct load_host *h, const struct load_env *env,
                    struct reading gauges[HOST_GAUGE_COUNT])
{
    char text[FILE_BYTES];

    for (int i = 0; i < HOST_GAUGE_COUNT; i++)
        gauges[i] = reading_of_cause(CAUSE_NOT_ASKED_FOR);
    for (int i = 0; i < LOAD_HOST_FILES && (env->wishes & LOAD_HOST) != 0; i++) {
        beacon_at(env->beacon, 0, BEACON_READ_PROC);
        ssize_t n = kept_read(env, &h->files[i], 0, files[i].path, text, sizeof(text));
        files[i].take(text, n, gauges);
    }
}

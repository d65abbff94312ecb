// SPDX-License-Identifier: MIT
#include "core/privilege/privilege.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>

#include "core/privilege/privilege_internal.h"

#define PLACES_MAX 64 /* bits of a mask */

/* pidfd_getfd, /proc/PID/{fd,maps,smaps,pagemap}, process_vm_readv. */
#define READ_PROCESSES PRIVILEGE_CAP(CAP_SYS_PTRACE)
/* debugfs and tracefs, which belong to root (mode 0700); saved files of others. */
#define READ_FILES PRIVILEGE_CAP(CAP_DAC_READ_SEARCH)
/* /proc/PID/map_files (fs/proc/base.c, proc_map_files_get_link). */
#define OPEN_MAPPINGS PRIVILEGE_CAP(CAP_CHECKPOINT_RESTORE)
/* Makes files in directories of other users. */
#define WRITE_FILES PRIVILEGE_CAP(CAP_DAC_OVERRIDE)

#define COLLECTOR (READ_PROCESSES | READ_FILES)
#define SCANNER   (READ_PROCESSES | READ_FILES | OPEN_MAPPINGS)
#define SAME(caps)                                                                                 \
    {                                                                                              \
        [PRIVILEGE_STRICT] = (caps), [PRIVILEGE_BASIC] = (caps)                                    \
    }

/* Of the supervisor: those of its children, who load BPF programs before they enter their role. */
const struct privilege_row privilege_table[PRIVILEGE_ROLES] = {
    [ROLE_FRONT] = {"front end", {[PRIVILEGE_BASIC] = WRITE_FILES}, true},
    [ROLE_SUPERVISOR] = {"supervisor", SAME(COLLECTOR | SCANNER | PRIVILEGE_BPF_CAPS), false},
    [ROLE_COLLECTOR] = {"collector", SAME(COLLECTOR), true},
    [ROLE_SCANNER] = {"scanner", SAME(SCANNER), true},
    [ROLE_COUNTER] = {"counter", SAME(0), false},
};

const char *const privilege_words[PRIVILEGE_LEVELS + 1] = {
    [PRIVILEGE_STRICT] = "strict",
    [PRIVILEGE_BASIC] = "basic",
    [PRIVILEGE_OFF] = "off",
};

int privilege_level_find(const char *word, enum privilege_level *ret)
{
    for (int level = 0; level < PRIVILEGE_LEVELS; level++)
        if (strcmp(word, privilege_words[level]) == 0) {
            *ret = (enum privilege_level)level;
            return 0;
        }
    return -EINVAL;
}

const char *privilege_gap_text(int gaps)
{
    static const char *const texts[] = {
        [0] = "",
        [PRIVILEGE_NO_FILTER] = "this kernel offers no system call filter (seccomp), so only "
                                "capabilities were given up",
        [PRIVILEGE_NO_LANDLOCK] = "this kernel offers no Landlock, so files are not protected from "
                                  "the front end",
        [PRIVILEGE_NO_FILTER | PRIVILEGE_NO_LANDLOCK] =
            "this kernel offers neither a system call filter (seccomp) nor Landlock, so only "
            "capabilities were given up",
    };

    return texts[gaps & (PRIVILEGE_NO_FILTER | PRIVILEGE_NO_LANDLOCK)];
}

/* A bit for each place that is needed and can be written now. */
static uint64_t writable_now(const struct privilege_places *places)
{
    uint64_t mask = 0;

    for (size_t i = 0; i < places->count && i < PLACES_MAX; i++)
        if (places->list[i].needed && privilege_place_writable(places->list[i].path))
            mask |= UINT64_C(1) << i;
    return mask;
}

/*
 * Drops capabilities, all but @keep. What could not be written before is no matter of ours: its
 * open fails.
 */
static int drop(uint64_t keep, bool effective, const struct privilege_places *places,
                struct error *err)
{
    uint64_t before = writable_now(places);
    int result = privilege_caps_keep(keep, effective, err);

    if (result < 0)
        return result;
    uint64_t lost = before & ~writable_now(places);
    return lost == 0 ? 0 : privilege_place_lost(places->list[__builtin_ctzll(lost)].path, err);
}

int privilege_enter(enum privilege_role role, enum privilege_level level,
                    const struct privilege_places *writable, struct error *err)
{
    static const struct privilege_places nowhere;
    const struct privilege_places *places =
        writable != NULL && role == ROLE_FRONT ? writable : &nowhere;
    unsigned needs = (places->count > 0 ? NEED_WRITE : 0) |
                     (writable != NULL && writable->saved_tree ? NEED_SAVED_TREE : 0) |
                     (writable != NULL && writable->bpf ? NEED_BPF : 0);
    const struct privilege_row *row = &privilege_table[role];
    const bool is_lender = role == ROLE_SUPERVISOR && writable != NULL && writable->admin;

    if (level == PRIVILEGE_OFF)
        return 0;
    int result = drop(row->permitted[level] | (is_lender ? PRIVILEGE_ADMIN_CAP : 0), row->effective,
                      places, err);
    if (result < 0)
        return result;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return error_set(err, -errno, "cannot give up new privileges: %s", strerror(errno));
    /* No core, and nobody but root may look into memory that guest pages went through. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return error_set(err, -errno, "cannot keep memory out of core dumps: %s", strerror(errno));
    if (level == PRIVILEGE_BASIC)
        return 0;
    /* Of the others none can be in a Landlock domain: it may look into no process outside of it
     * (security/landlock/task.c), nor may its children. */
    int gaps = role == ROLE_FRONT ? privilege_places_restrict(places, err) : 0;
    if (gaps < 0)
        return gaps;
    /* Last, for it refuses what came before. */
    result = privilege_calls_restrict(role, needs, err);
    return result < 0 ? result : gaps | result;
}

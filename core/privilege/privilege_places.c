// SPDX-License-Identifier: MIT
#include "core/privilege/privilege_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/text.h"

/* Headers may be older than the kernel. The numbers are the same everywhere. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#define TRUNCATE_ABI 3 /* Linux 6.2 */

/* Reading is not handled: locale, terminfo and /proc of this process stay readable. */
#define HANDLED                                                                                    \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                               \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define IN_FILE (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define IN_DIRECTORY                                                                               \
    (IN_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |                      \
     LANDLOCK_ACCESS_FS_MAKE_REG)

/* Cuts the last part off: "a/b" becomes "a", "a" becomes "." and "/a" becomes "/". False: nothing
 * is above it. */
static bool go_up(char *path)
{
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
    if (strcmp(path, "/") == 0 || strcmp(path, ".") == 0)
        return false;
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        strcpy(path, ".");
    else
        slash[slash == path ? 1 : 0] = '\0';
    return true;
}

int privilege_place_of(const char *file, char *ret, size_t size)
{
    struct stat st;

    if ((size_t)snprintf(ret, size, "%s", file) >= size || size < 2)
        return -ENAMETOOLONG;
    if (lstat(file, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
        return 0;
    go_up(ret);
    return 0;
}

/* @path, or the nearest directory above it where it is missing. False: none can be reached. */
static bool existing(const char *path, char ret[PATH_MAX], struct stat *ret_st)
{
    if ((size_t)snprintf(ret, PATH_MAX, "%s", path) >= PATH_MAX)
        return false;
    while (stat(ret, ret_st) < 0)
        if (errno != ENOENT || !go_up(ret))
            return false;
    return true;
}

bool privilege_place_writable(const char *path)
{
    char at[PATH_MAX];
    struct stat st;

    /* access(2) judges by the permitted capabilities where the real user is root, else by none;
     * the first is what a process without effective ones can still raise, so nothing more. */
    return existing(path, at, &st) && access(at, S_ISDIR(st.st_mode) ? W_OK | X_OK : W_OK) == 0;
}

int privilege_place_lost(const char *path, struct error *err)
{
    char at[PATH_MAX], shown[100];
    struct stat st;

    text_clean(path, strlen(path), shown, sizeof(shown));
    if (!existing(path, at, &st))
        return error_set(err, -EACCES,
                         "'%s' cannot be reached without root's capabilities: give a place that "
                         "you own, or --privileges=basic",
                         shown);
    return error_set(err, -EACCES,
                     "'%s' belongs to uid %u (mode %04o), and without root's capabilities uid %u "
                     "cannot write there: give a place that you own, or --privileges=basic",
                     shown, (unsigned)st.st_uid, (unsigned)st.st_mode & 07777, (unsigned)geteuid());
}

/* A file system over a network may be interrupted. The descriptor, or a negative errno. */
static int open_place(const char *path)
{
    int fd = (int)TEMP_FAILURE_RETRY(open(path, O_PATH | O_CLOEXEC));
    return fd < 0 ? -errno : fd;
}

static int allow(int ruleset, const struct privilege_place *place, uint64_t handled)
{
    char at[PATH_MAX];
    struct stat st;
    int result = 0;

    /* Nothing of it is there: to make it is not worth all files of the host. */
    if (!existing(place->path, at, &st) || (strcmp(at, "/") == 0 && strcmp(place->path, "/") != 0))
        return 0;
    int fd = open_place(at);
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    if (fstat(fd, &st) == 0) {
        struct landlock_path_beneath_attr rule = {
            .allowed_access = handled & (S_ISDIR(st.st_mode) ? IN_DIRECTORY : IN_FILE),
            .parent_fd = fd,
        };
        if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
            result = -errno;
    } else {
        result = -errno;
    }
    close(fd);
    /* EBADFD: in a file system that nobody can mount, which Landlock does not restrict. */
    return result == -EBADFD ? 0 : result;
}

/* Not built in, switched off at the start, or refused by a filter around this process. */
static bool is_gap(int code)
{
    return code == -ENOSYS || code == -EOPNOTSUPP || code == -EPERM;
}

static int fail(struct error *err, int code)
{
    return error_set(err, code, "cannot restrict where files are written (Landlock): %s",
                     strerror(-code));
}

int privilege_places_restrict(const struct privilege_places *places, struct error *err)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 0)
        return is_gap(-errno) ? PRIVILEGE_NO_LANDLOCK : fail(err, -errno);
    struct landlock_ruleset_attr attr = {
        .handled_access_fs = HANDLED | (abi >= TRUNCATE_ABI ? LANDLOCK_ACCESS_FS_TRUNCATE : 0),
    };
    /* The first member is all that the first version knew. */
    int ruleset =
        (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);
    if (ruleset < 0)
        return is_gap(-errno) ? PRIVILEGE_NO_LANDLOCK : fail(err, -errno);
    int result = 0;
    for (size_t i = 0; i < places->count && result == 0; i++)
        result = allow(ruleset, &places->list[i], attr.handled_access_fs);
    if (result == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        result = -errno;
    close(ruleset);
    return result == 0 ? 0 : is_gap(result) ? PRIVILEGE_NO_LANDLOCK : fail(err, result);
}

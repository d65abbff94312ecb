// SPDX-License-Identifier: MIT
/* What the descriptors of a process tell before it is scanned, however many it has. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/scan/scan_internal.h"
#include "tests/lib/tree.h"

#define MANY 65600 /* those behind the first 65,536 were not looked at */

/* Not static: the C library declares readlinkat inline where it is fortified. */
atomic_uint links_read;

ssize_t readlinkat(int dir, const char *path, char *buf, size_t size)
{
    links_read++;
    return syscall(SYS_readlinkat, dir, path, buf, size);
}

static void all_of_many_descriptors_are_looked_at_and_cancel_too(void **state)
{
    atomic_bool cancel = false;
    struct scan_inspection seen;
    struct tree tree;

    (void)state;
    tree_open(&tree);
    tree_process(&tree, 50, "qemu", "qemu", 50);
    for (int fd = 0; fd < MANY; fd++)
        tree_fd(&tree, 50, fd, fd == 0 ? "anon_inode:kvm-vm" : "/dev/null");
    tree_fd(&tree, 50, MANY, "/dev/sev");
    links_read = 0;
    assert_int_equal(scan_inspect(&tree.root, 50, &cancel, &seen), 0);
    assert_int_equal(links_read, MANY + 1);
    assert_string_equal(seen.confidential, "AMD SEV");
    cancel = true;
    links_read = 0;
    assert_int_equal(scan_inspect(&tree.root, 50, &cancel, &seen), -ECANCELED);
    assert_true(links_read < 1000);
    tree_close(&tree);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_many_descriptors_are_looked_at_and_cancel_too),
    };
    return cmocka_run_group_tests_name("scan_inspect", tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
#include "core/base/same_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/check_zeropage.h" /* check_random */

/* Files are numbers, and looking at two of them is counted. */
struct world {
    const int *files; /* of descriptor i */
    size_t asked;
    uint64_t noise; /* not 0: answers at random */
};

static int order(const void *user, const struct same_file_ref *a, const struct same_file_ref *b)
{
    struct world *w = (struct world *)(uintptr_t)user;
    int x = w->files[a->fd], y = w->files[b->fd];

    w->asked++;
    if (w->noise != 0)
        return (int)(check_random(&w->noise) % 3) - 1;
    return (x > y) - (x < y);
}

static struct same_file_ref *refs_of(size_t count)
{
    struct same_file_ref *refs = calloc(count, sizeof(*refs));

    assert_non_null(refs);
    for (size_t i = 0; i < count; i++)
        refs[i] = (struct same_file_ref){.pid = 1, .fd = (int)i, .index = i};
    return refs;
}

static size_t log2_up(size_t n)
{
    size_t bits = 0;

    while (((size_t)1 << bits) < n)
        bits++;
    return bits;
}

static void equal_files_stand_together_after_n_log_n_looks(void **state)
{
    static const size_t counts[] = {0, 1, 2, 3, 7, 64, 1000, 4096, 16384};
    uint64_t seed = 7;

    (void)state;
    for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
        size_t n = counts[c];
        struct same_file_ref *refs = refs_of(n + 1);
        int *files = calloc(n + 1, sizeof(*files));
        assert_non_null(files);
        for (size_t i = 0; i < n; i++)
            files[i] = (int)(check_random(&seed) % (n / 2 + 1));
        struct world w = {.files = files};
        assert_int_equal(same_file_sort(refs, n, order, &w), 0);
        assert_true(w.asked <= n * log2_up(n));
        for (size_t i = 1; i < n; i++) {
            int before = files[refs[i - 1].fd], now = files[refs[i].fd];
            /* of equal ones the lowest descriptor comes first */
            assert_true(before < now || (before == now && refs[i - 1].fd < refs[i].fd));
        }
        for (size_t i = 0; i < n; i += 1 + n / 50) {
            struct same_file_ref ref = {.fd = (int)i};
            w.asked = 0;
            const struct same_file_ref *found = same_file_find(refs, n, &ref, order, &w);
            assert_non_null(found);
            assert_int_equal(files[found->fd], files[i]);
            assert_true(found == refs || files[found[-1].fd] != files[i]);
            assert_true(w.asked <= log2_up(n + 1) + 1);
        }
        files[n] = -1;
        struct same_file_ref none = {.fd = (int)n};
        assert_null(same_file_find(refs, n, &none, order, &w));
        free(refs);
        free(files);
    }
}

static void contradicting_answers_lose_no_descriptor(void **state)
{
    enum { N = 1000 };
    struct world w = {.files = calloc(N, sizeof(int)), .noise = 3};
    bool seen[N] = {false};

    (void)state;
    assert_non_null(w.files);
    struct same_file_ref *refs = refs_of(N);
    assert_int_equal(same_file_sort(refs, N, order, &w), 0);
    for (size_t i = 0; i < N; i++) {
        assert_true(refs[i].index < N && !seen[refs[i].index]);
        seen[refs[i].index] = true;
    }
    same_file_find(refs, N, &refs[5], order, &w);
    free(refs);
    free((void *)(uintptr_t)w.files);
}

static void copies_of_a_descriptor_of_ours_are_the_same_file(void **state)
{
    struct rootfs root;
    int fds[2];
    struct same_file_ref refs[4];

    (void)state;
    assert_int_equal(rootfs_open(NULL, &root, NULL), 0);
    assert_int_equal(pipe(fds), 0);
    int copy = dup(fds[0]);
    const int all[4] = {fds[0], fds[1], copy, 9999};
    for (size_t i = 0; i < 4; i++)
        refs[i] = (struct same_file_ref){.pid = getpid(), .fd = all[i], .index = i};
    size_t known = same_file_keep_known(&root, refs, 4);
    if (known == 0)
        skip(); /* a kernel without kcmp */
    assert_int_equal(known, 3);
    assert_int_equal(same_file_sort(refs, known, same_file_kcmp, &root), 0);
    struct same_file_ref ref = {.pid = getpid(), .fd = copy};
    const struct same_file_ref *found = same_file_find(refs, known, &ref, same_file_kcmp, &root);
    assert_non_null(found);
    assert_int_equal(found->fd, fds[0]);
    close(fds[0]);
    close(fds[1]);
    close(copy);
    rootfs_close(&root);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_files_stand_together_after_n_log_n_looks),
        cmocka_unit_test(contradicting_answers_lose_no_descriptor),
        cmocka_unit_test(copies_of_a_descriptor_of_ours_are_the_same_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

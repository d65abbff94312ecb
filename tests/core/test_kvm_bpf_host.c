// SPDX-License-Identifier: MIT
/* Who loads BPF programs and who only tells of them say the same of a host. */
#include "core/bpf/kvm_bpf_host.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/model/bpf_status.h"

static const struct rootfs live = {.fd = -1, .live = true};
static const struct host good = {.kernel = "6.1.0-28-cloud-amd64",
                                 .btf = true,
                                 .lockdown = LOCKDOWN_INTEGRITY,
                                 .caps_known = true,
                                 .is_root = true,
                                 .caps = BPF_CAPS};

static enum bpf_obstacle told(const struct host *host)
{
    const struct bpf_conditions conditions = {
        .built = true, .live = true, .caps_known = host->caps_known, .caps = host->caps};

    return bpf_obstacle_find(host, &conditions);
}

static void assert_agree(const struct host *host)
{
    struct error err = {0};
    const enum bpf_obstacle obstacle = told(host);
    const int result = kvm_bpf_check_host(&live, host, true, &err);

    if ((result == 0) != (obstacle == BPF_POSSIBLE))
        fail_msg("caps %#llx: %d (%s), but obstacle %d", (unsigned long long)host->caps, result,
                 err.msg, obstacle);
    if (result == 0)
        return;
    assert_true(err.msg[0] != '\0');
    /* which of the two is missing is said there in more words */
    if (obstacle != BPF_NO_CAPS)
        assert_non_null(strstr(err.msg, bpf_obstacle_text(obstacle)));
}

static void who_loads_and_who_tells_agree(void **state)
{
    static const uint64_t caps[] = {
        0,
        BPF_CAPS,
        HOST_CAP(HOST_CAP_BPF),
        HOST_CAP(HOST_CAP_PERFMON),
        HOST_CAP(CAP_SYS_ADMIN), /* the kernel takes it for both, but no child of ours keeps it */
        HOST_CAP(CAP_SYS_ADMIN) | HOST_CAP(HOST_CAP_PERFMON),
        UINT64_MAX,
        ~HOST_CAP(HOST_CAP_BPF),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        for (int others = 0; others < 8; others++) {
            struct host host = good;

            host.caps = caps[i];
            host.caps_known = (others & 1) == 0;
            host.btf = (others & 2) == 0;
            host.lockdown = (others & 4) != 0 ? LOCKDOWN_CONFIDENTIALITY : LOCKDOWN_NONE;
            assert_agree(&host);
        }
    }
}

static void what_is_missing_is_named(void **state)
{
    struct host host = good;
    struct error err = {0};

    (void)state;
    host.caps = ~HOST_CAP(HOST_CAP_BPF);
    assert_int_equal(kvm_bpf_check_host(&live, &host, true, &err), -EPERM);
    assert_non_null(strstr(err.msg, "CAP_BPF is missing: the container or unit of this root"));
    host.caps = HOST_CAP(HOST_CAP_BPF);
    host.is_root = false;
    assert_int_equal(kvm_bpf_check_host(&live, &host, true, &err), -EPERM);
    assert_non_null(strstr(err.msg, "CAP_PERFMON is missing: run as root"));
    host.caps = 0;
    assert_int_equal(kvm_bpf_check_host(&live, &host, true, &err), -EPERM);
    assert_non_null(strstr(err.msg, "CAP_BPF and CAP_PERFMON are missing"));
    host = good;
    host.lockdown = LOCKDOWN_CONFIDENTIALITY;
    assert_int_equal(kvm_bpf_check_host(&live, &host, true, &err), -EPERM);
    host = good;
    host.btf = false;
    assert_int_equal(kvm_bpf_check_host(&live, &host, true, &err), -ENODATA);
    const struct rootfs saved = {.fd = -1};
    assert_int_equal(kvm_bpf_check_host(&saved, &good, true, &err), -ENOTSUP);
}

/* It hides nothing that comes after it, either. */
static void what_is_no_obstacle_to_who_loads_is_passed_over(void **state)
{
    struct host host = good;
    struct error err = {0};

    (void)state;
    host.btf = false;
    assert_int_equal(kvm_bpf_check_host(&live, &host, false, &err), 0);
    /* distributors port BPF back: the kernel is asked */
    strcpy(host.kernel, "5.14.0-427.el9");
    assert_int_equal(kvm_bpf_check_host(&live, &host, false, &err), 0);
    assert_int_equal(kvm_bpf_check_host(&live, &host, true, &err), -ENODATA);
    host.caps = 0;
    assert_int_equal(kvm_bpf_check_host(&live, &host, false, &err), -EPERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_loads_and_who_tells_agree),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(what_is_no_obstacle_to_who_loads_is_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

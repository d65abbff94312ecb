// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#include "accel/cpu.h"
#include "core/model/vmm.h"
#include "core/scan/scan_request_wire.h"

static struct scan_request make_request(void)
{
    return (struct scan_request){
        .vm = {.pid = 5134, .fd = 12, .start_ticks = 77, .born = 3},
        .vmm = vmm_by_name("cloud-hypervisor")->name,
        .process_vms = 2,
        .mode = SCAN_EXACT,
        .estimate_first = true,
        .exact_limit_s = 0.25,
        .duration_s = 6.4,
        .max_cpu = 0.5,
        .sample_pages = 4096,
        .max_rate_bytes = 100 << 20,
        .threads = 2,
        .force = true,
        .idle_priority = true,
        .accel = zeropage_pick(cpu_detect()),
        .seed = 99,
        .ram = {{0x1000, 0x5000}, {0x7000, 0x9000}},
        .ram_count = 2,
    };
}

static void a_request_comes_back_as_it_was(void **state)
{
    struct scan_request request = make_request(), back;
    struct scan_request_wire wire;

    (void)state;
    scan_request_encode(&request, &wire);
    assert_int_equal(scan_request_decode(&wire, cpu_detect(), &back), 0);
    assert_true(vm_id_equal(&request.vm, &back.vm));
    assert_ptr_equal(request.vmm, back.vmm);
    assert_ptr_equal(request.accel, back.accel);
    assert_int_equal(request.process_vms, back.process_vms);
    assert_int_equal(request.mode, back.mode);
    assert_true(back.estimate_first && back.force && back.idle_priority);
    assert_true(back.exact_limit_s == request.exact_limit_s);
    assert_true(back.duration_s == request.duration_s && back.max_cpu == request.max_cpu);
    assert_int_equal(request.sample_pages, back.sample_pages);
    assert_int_equal(request.max_rate_bytes, back.max_rate_bytes);
    assert_int_equal(request.threads, back.threads);
    assert_int_equal(request.seed, back.seed);
    assert_int_equal(request.ram_count, back.ram_count);
    assert_memory_equal(request.ram, back.ram, sizeof(request.ram));
}

static void what_was_not_asked_for_stays_open(void **state)
{
    struct scan_request request = {.vm = {.pid = 1}, .mode = SCAN_ESTIMATE}, back;
    struct scan_request_wire wire;

    (void)state;
    scan_request_encode(&request, &wire);
    assert_int_equal(scan_request_decode(&wire, cpu_detect(), &back), 0);
    assert_null(back.accel);
    assert_string_equal(back.vmm, "other");
    assert_int_equal(back.mode, SCAN_ESTIMATE);
    assert_false(back.estimate_first || back.force || back.idle_priority);
    assert_int_equal(back.ram_count, 0);
}

static void what_breaks_a_rule_is_no_request(void **state)
{
#define AT(member)  offsetof(struct scan_request_wire, member), sizeof(uint32_t)
#define AT8(member) offsetof(struct scan_request_wire, member), sizeof(uint64_t)
    const double nan_value = nan(""), below = -1, endless = INFINITY;
    uint64_t not_a_number, negative, infinite, no_text, unknown;

    (void)state;
    memcpy(&not_a_number, &nan_value, 8);
    memcpy(&negative, &below, 8);
    memcpy(&infinite, &endless, 8);
    memcpy(&no_text, "xxxxxxxx", 8);
    memcpy(&unknown, "avx1024\0", 8);
    const struct {
        size_t offset, bytes;
        uint64_t value;
    } wrong[] = {
        {AT(pid), 0},
        {AT(pid), UINT32_MAX},
        {AT(fd), (uint32_t)-2},
        {AT(mode), SCAN_MODE_COUNT},
        {AT(threads), SCAN_THREADS_MAX + 1},
        {AT(flags), 8},
        {AT8(sample_pages), SCAN_SAMPLE_MAX + 1},
        {AT8(exact_limit_s), not_a_number},
        {AT8(exact_limit_s), negative},
        {AT8(exact_limit_s), infinite},
        {AT8(duration_s), not_a_number},
        {AT8(duration_s), negative},
        {AT8(duration_s), infinite},
        {AT8(max_cpu), not_a_number},
        {AT8(max_cpu), negative},
        {AT8(max_cpu), infinite},
        {AT(ram_count), RAM_RANGES_MAX + 1},
        {AT(ram_count), 3}, /* the third is empty */
        {AT8(ram[0].start), 0x1001},
        {AT8(ram[1].end), 0x9800},
        {AT8(ram[1].end), 0x7000},
        {AT8(accel), unknown},
        {offsetof(struct scan_request_wire, vmm) + 16, 8, no_text},
        {offsetof(struct scan_request_wire, accel) + 16, 8, no_text},
    };
    struct scan_request request = make_request(), back;
    struct scan_request_wire wire;

    request.vmm = "0123456789abcdefghijklmnopqrstuvw"; /* cut, so that only the NUL is missing */
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        scan_request_encode(&request, &wire);
        memcpy((char *)&wire + wrong[i].offset, &wrong[i].value, wrong[i].bytes);
        if (i + 1 == sizeof(wrong) / sizeof(wrong[0]))
            memset(wire.accel, 'x', sizeof(wire.accel));
        if (scan_request_decode(&wire, cpu_detect(), &back) != -EBADMSG)
            fail_msg("wrong number %zu was taken", i);
    }
}

/* One that this CPU lacks would end the process that scans. */
static void a_variant_that_cannot_run_here_is_refused(void **state)
{
    struct scan_request request = make_request(), back;
    struct scan_request_wire wire;
    size_t refused = 0;

    (void)state;
    for (const struct zeropage_impl *impl = zeropage_impls; impl->name != NULL; impl++) {
        request.accel = impl;
        scan_request_encode(&request, &wire);
        int result = scan_request_decode(&wire, 0, &back);
        assert_int_equal(result, impl->need == 0 ? 0 : -EBADMSG);
        refused += result != 0;
    }
    assert_true(refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_comes_back_as_it_was),
        cmocka_unit_test(what_was_not_asked_for_stays_open),
        cmocka_unit_test(what_breaks_a_rule_is_no_request),
        cmocka_unit_test(a_variant_that_cannot_run_here_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

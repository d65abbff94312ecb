// SPDX-License-Identifier: MIT
#include "core/model/vmm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/find/vcpu_threads.h"
#include "core/find/vmm_name.h"

static void each_row_is_found_by_what_it_says(void **state)
{
    char name[64];

    (void)state;
    for (const struct vmm *vmm = vmm_table; vmm->name != NULL; vmm++) {
        assert_ptr_equal(vmm_by_name(vmm->name), vmm);
        for (size_t i = 0; i < VMM_PROGRAMS_MAX && vmm->programs[i] != NULL; i++) {
            const char *program = vmm->programs[i];
            assert_ptr_equal(vmm_of_program(program, strcspn(program, "*")), vmm);
            assert_string_equal(vmm_name(program, "", 0, name, sizeof(name)), vmm->name);
        }
        if (vmm->vcpu_thread.prefix != NULL) {
            const char *suffix = vmm->vcpu_thread.suffix;
            snprintf(name, sizeof(name), "%s7%s", vmm->vcpu_thread.prefix,
                     suffix != NULL ? suffix : "");
            assert_int_equal(vcpu_threads_parse(name), 7);
        }
        assert_true((vmm->ram.mapping == NULL) == (vmm->ram.rule == NULL));
    }
}

static void of_any_other_nothing_is_known(void **state)
{
    (void)state;
    assert_null(vmm_of_program("kvmlens", 7));
    assert_null(vmm_of_program("", 0));
    assert_ptr_equal(vmm_by_name("other"), &vmm_other);
    assert_ptr_equal(vmm_by_name("qem"), &vmm_other);
    assert_false(vmm_other.has_ram_blocks);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_is_found_by_what_it_says),
        cmocka_unit_test(of_any_other_nothing_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/find/vmm_name.h"

/* A command line as the kernel gives it: the literal's own NUL ends the last argument. */
#define CMDLINE(s) s, sizeof(s)

static const struct {
    const char *comm, *cmdline;
    size_t len;
    const char *vmm, *name;
} cases[] = {
    {"qemu-system-x86",
     CMDLINE("/usr/bin/qemu-system-x86_64\0-name\0guest=web-07,debug-threads=on"), "qemu",
     "web-07"},
    {"qemu-system-x86", CMDLINE("qemu-system-x86_64\0-name\0debug-threads=on,guest=b"), "qemu",
     "b"},
    {"qemu-system-x86", CMDLINE("qemu-system-x86_64\0-name\0plain,process=x"), "qemu", "plain"},
    {"qemu-system-x86", CMDLINE("qemu-system-x86_64\0--name\0two-dashes"), "qemu", "two-dashes"},
    {"qemu-system-x86", CMDLINE("qemu-system-x86_64\0-name=eq"), "qemu", "eq"},
    {"qemu-system-x86", CMDLINE("qemu-system-x86_64\0-name\0guest=a,,b,,,process=z"), "qemu",
     "a,b,"},
    {"qemu-system-x86", CMDLINE("qemu-system-x86_64\0-name\0first\0-name\0guest=second"), "qemu",
     "second"},
    {"qemu-system-x86",
     CMDLINE("qemu-system-x86_64\0-m\0"
             "1G\0-uuid\0"
             "6f9619ff"),
     "qemu", "6f9619ff"},
    {"kvm",
     CMDLINE("/usr/bin/kvm\0-id\0"
             "100\0-name\0vm100,debug-threads=on"),
     "qemu", "vm100"},
    {"kvm",
     CMDLINE("/usr/bin/kvm\0-id\0"
             "100"),
     "qemu", "100"},
    {"qemu-kvm", CMDLINE("/usr/libexec/qemu-kvm\0-name\0guest=rhel"), "qemu", "rhel"},
    {"qemu-system-x86",
     CMDLINE("qemu-system-x86_64\0-m\0"
             "1G"),
     "qemu", "qemu-system-x86"},
    {"qemu-system-x86", CMDLINE("qemu-system-x86_64\0-name"), "qemu", "qemu-system-x86"},
    {"qemu-system-x86", CMDLINE("qemu-system-x86_64\0-name\0"), "qemu", "qemu-system-x86"},
    {"qemu-system-x86", CMDLINE("qemu-system-x86_64\0-name\0debug-threads=on"), "qemu",
     "qemu-system-x86"},
    {"firecracker", CMDLINE("/firecracker\0--id=fc-1\0--api-sock\0/x"), "firecracker", "fc-1"},
    {"firecracker", CMDLINE("firecracker-v1.7\0--id\0uvm"), "firecracker", "uvm"},
    {"cloud-hyperviso", CMDLINE("cloud-hypervisor\0--api-socket\0/run/ch/db-1.sock"),
     "cloud-hypervisor", "db-1"},
    {"cloud-hyperviso", CMDLINE("cloud-hypervisor\0--api-socket\0path=/run/ch/db-2.socket,x=y"),
     "cloud-hypervisor", "db-2"},
    {"crosvm", CMDLINE("crosvm\0run\0--name\0cros"), "crosvm", "cros"},
    {"lkvm", CMDLINE("lkvm\0run\0--name=tool"), "kvmtool", "tool"},
    {"kvmlens-demo", CMDLINE("kvmlens-demo\0-name\0guest=demo-idle"), "kvmlens", "demo-idle"},
    {"myvmm", CMDLINE("/opt/myvmm\0-name\0x"), "other", "myvmm"},
    {"myvmm", "", 0, "other", "myvmm"},
    {"qemu-system-x86", CMDLINE("wrapped\0-name\0guest=w"), "qemu", "w"},
};

static void names_of_every_vmm_and_spelling(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char name[4096];
        /* On the heap to size, so that a sanitizer sees a read past the end. */
        char *line = malloc(cases[i].len ? cases[i].len : 1);
        assert_non_null(line);
        memcpy(line, cases[i].cmdline, cases[i].len);
        const char *vmm = vmm_name(cases[i].comm, line, cases[i].len, name, sizeof(name));
        free(line);
        assert_string_equal(vmm, cases[i].vmm);
        assert_string_equal(name, cases[i].name);
    }
}

static void a_command_line_without_final_nul_is_not_read_past(void **state)
{
    (void)state;
    static const char text[] = "qemu-system-x86_64\0-name\0guest=cut";
    char name[64];
    char *line = malloc(sizeof(text) - 1);
    assert_non_null(line);
    memcpy(line, text, sizeof(text) - 1);
    vmm_name("qemu-system-x86", line, sizeof(text) - 1, name, sizeof(name));
    free(line);
    assert_string_equal(name, "cut");
}

static void a_long_name_is_cut_at_the_size_of_the_buffer(void **state)
{
    (void)state;
    char line[9000] = "qemu-system-x86_64";
    size_t at = sizeof("qemu-system-x86_64");
    memcpy(line + at, "-name", 6);
    memset(line + at + 6, 'n', 8000);
    char name[4096];
    vmm_name("q", line, at + 6 + 8001, name, sizeof(name));
    assert_int_equal(strlen(name), 4095);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_every_vmm_and_spelling),
        cmocka_unit_test(a_command_line_without_final_nul_is_not_read_past),
        cmocka_unit_test(a_long_name_is_cut_at_the_size_of_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/* cpu_decode() over tables of registers, as real CPUs and odd hypervisors present them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "accel/cpu.h"

#define SSE2    (1u << 26) /* leaf 1 EDX */
#define SSE41   (1u << 19) /* leaf 1 ECX */
#define XSAVE   (1u << 26)
#define OSXSAVE (1u << 27)
#define AVX     (1u << 28)
#define AVX2    (1u << 5) /* leaf 7 EBX */
#define F512    (1u << 16)
#define BW512   (1u << 30)
#define VL512   (1u << 31)
#define X87     1u /* XCR0 */
#define XMM     2u
#define YMM     4u
#define K_ZMM   0xe0u
#define AMD     0x68747541u /* CPUID.0:EBX */
#define MOVU    2u          /* CPUID.8000001A:EAX */
#define FP256   4u
#define FP512   8u
#define FULL    (CPU_SSE2 | CPU_SSE41 | CPU_AVX2 | CPU_AVX512)

static const struct {
    const char *name;
    struct cpu_id id;
    unsigned want;
} machines[] = {
    {"no CPUID leaf at all", {.max_leaf = 0, .leaf1_edx = SSE2}, 0},
    {"first x86-64: SSE2 only", {.max_leaf = 1, .leaf1_edx = SSE2}, CPU_SSE2},
    {"Penryn: SSE4.1, no AVX",
     {.max_leaf = 10, .leaf1_edx = SSE2, .leaf1_ecx = SSE41 | XSAVE | OSXSAVE, .xcr0 = X87 | XMM},
     CPU_SSE2 | CPU_SSE41},
    {"Sandy Bridge: AVX is not AVX2",
     {.max_leaf = 13,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE | AVX,
      .xcr0 = X87 | XMM | YMM},
     CPU_SSE2 | CPU_SSE41},
    {"Haswell",
     {.max_leaf = 13,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE | AVX,
      .leaf7_ebx = AVX2,
      .xcr0 = X87 | XMM | YMM},
     CPU_SSE2 | CPU_SSE41 | CPU_AVX2},
    {"AVX2 whose OS has not turned XSAVE on",
     {.max_leaf = 13,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | AVX,
      .leaf7_ebx = AVX2,
      .xcr0 = X87 | XMM | YMM},
     CPU_SSE2 | CPU_SSE41 | CPU_AVX2_UNSAVED},
    {"AVX2 whose OS saves XMM only",
     {.max_leaf = 13,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE | AVX,
      .leaf7_ebx = AVX2,
      .xcr0 = X87 | XMM},
     CPU_SSE2 | CPU_SSE41 | CPU_AVX2_UNSAVED},
    {"XCR0 with YMM but not XMM is not enough",
     {.max_leaf = 13,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE | AVX,
      .leaf7_ebx = AVX2,
      .xcr0 = X87 | YMM},
     CPU_SSE2 | CPU_SSE41 | CPU_AVX2_UNSAVED},
    {"AVX2 bit without the AVX bit",
     {.max_leaf = 13,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE,
      .leaf7_ebx = AVX2,
      .xcr0 = X87 | XMM | YMM},
     CPU_SSE2 | CPU_SSE41},
    {"leaf 7 beyond the highest leaf is ignored",
     {.max_leaf = 6,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE | AVX,
      .leaf7_ebx = AVX2 | F512 | BW512 | VL512,
      .xcr0 = X87 | XMM | YMM | K_ZMM},
     CPU_SSE2 | CPU_SSE41},
    {"Skylake-SP",
     {.max_leaf = 22,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE | AVX,
      .leaf7_ebx = AVX2 | F512 | BW512 | VL512,
      .xcr0 = X87 | XMM | YMM | K_ZMM},
     FULL},
    {"Zen 4: AVX-512 in halves",
     {.max_leaf = 16,
      .vendor_ebx = AMD,
      .leaf1_eax = 0x00a10f11,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE | AVX,
      .leaf7_ebx = AVX2 | F512 | BW512 | VL512,
      .xcr0 = X87 | XMM | YMM | K_ZMM},
     FULL | CPU_AVX512_HALVES},
    {"Zen 4 whose AVX-512 is hidden",
     {.max_leaf = 16,
      .vendor_ebx = AMD,
      .leaf1_eax = 0x00a10f11,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE | AVX,
      .leaf7_ebx = AVX2,
      .xcr0 = X87 | XMM | YMM},
     CPU_SSE2 | CPU_SSE41 | CPU_AVX2},
    {"Zen 5: family 1Ah, full width",
     {.max_leaf = 16,
      .vendor_ebx = AMD,
      .leaf1_eax = 0x00b00f21,
      .ext1a_eax = MOVU | FP256 | FP512,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE | AVX,
      .leaf7_ebx = AVX2 | F512 | BW512 | VL512,
      .xcr0 = X87 | XMM | YMM | K_ZMM},
     FULL},
    {"Zen 5 whose vector units are 256 bits wide",
     {.max_leaf = 16,
      .vendor_ebx = AMD,
      .leaf1_eax = 0x00b20f40,
      .ext1a_eax = MOVU | FP256,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE | AVX,
      .leaf7_ebx = AVX2 | F512 | BW512 | VL512,
      .xcr0 = X87 | XMM | YMM | K_ZMM},
     FULL | CPU_AVX512_HALVES},
    {"Zen 5 under a hypervisor that does not tell the width",
     {.max_leaf = 16,
      .vendor_ebx = AMD,
      .leaf1_eax = 0x00b00f21,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE | AVX,
      .leaf7_ebx = AVX2 | F512 | BW512 | VL512,
      .xcr0 = X87 | XMM | YMM | K_ZMM},
     FULL},
    {"another vendor with the same family number",
     {.max_leaf = 16,
      .vendor_ebx = 0x756e6547,
      .leaf1_eax = 0x00a10f11,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE | AVX,
      .leaf7_ebx = AVX2 | F512 | BW512 | VL512,
      .xcr0 = X87 | XMM | YMM | K_ZMM},
     FULL},
    {"AVX-512 whose OS saves YMM only",
     {.max_leaf = 22,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE | AVX,
      .leaf7_ebx = AVX2 | F512 | BW512 | VL512,
      .xcr0 = X87 | XMM | YMM},
     CPU_SSE2 | CPU_SSE41 | CPU_AVX2 | CPU_AVX512_UNSAVED},
    {"AVX-512 whose OS saves masks but not the upper sixteen registers",
     {.max_leaf = 22,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE | AVX,
      .leaf7_ebx = AVX2 | F512 | BW512 | VL512,
      .xcr0 = X87 | XMM | YMM | 0x60},
     CPU_SSE2 | CPU_SSE41 | CPU_AVX2 | CPU_AVX512_UNSAVED},
    {"ZMM saved but not YMM",
     {.max_leaf = 22,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE | AVX,
      .leaf7_ebx = AVX2 | F512 | BW512 | VL512,
      .xcr0 = X87 | XMM | K_ZMM},
     CPU_SSE2 | CPU_SSE41 | CPU_AVX2_UNSAVED | CPU_AVX512_UNSAVED},
    {"Knights Landing: AVX-512F without BW and VL",
     {.max_leaf = 13,
      .leaf1_edx = SSE2,
      .leaf1_ecx = SSE41 | XSAVE | OSXSAVE | AVX,
      .leaf7_ebx = AVX2 | F512,
      .xcr0 = X87 | XMM | YMM | K_ZMM},
     CPU_SSE2 | CPU_SSE41 | CPU_AVX2},
    {"arm64 with vectors", {.arm_hwcap = 1u << 0 | 1u << 1}, CPU_NEON},
    {"arm64 without vectors", {.arm_hwcap = 1u << 0}, 0},
};

static void registers_decode_to_what_the_os_also_saves(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
        unsigned got = cpu_decode(&machines[i].id);
        if (got != machines[i].want)
            fail_msg("%s: flags %#x, expected %#x", machines[i].name, got, machines[i].want);
    }
}

static void a_flag_and_its_excuse_never_come_together(void **state)
{
    (void)state;
    static const uint32_t leaf1[] = {0, SSE41, AVX, OSXSAVE | AVX, SSE41 | OSXSAVE | AVX};
    static const uint32_t leaf7[] = {0, AVX2, AVX2 | F512, AVX2 | F512 | BW512 | VL512, F512};
    for (size_t a = 0; a < sizeof(leaf1) / sizeof(leaf1[0]); a++) {
        for (size_t b = 0; b < sizeof(leaf7) / sizeof(leaf7[0]); b++) {
            for (uint64_t xcr0 = 0; xcr0 < 256; xcr0++) {
                struct cpu_id id = {.max_leaf = 7,
                                    .leaf1_edx = SSE2,
                                    .leaf1_ecx = leaf1[a],
                                    .leaf7_ebx = leaf7[b],
                                    .xcr0 = xcr0};
                unsigned f = cpu_decode(&id);
                assert_false((f & CPU_AVX2) && (f & CPU_AVX2_UNSAVED));
                assert_false((f & CPU_AVX512) && (f & CPU_AVX512_UNSAVED));
                /* The 512-bit kernels use 256-bit instructions too. */
                assert_false((f & CPU_AVX512) && !(f & CPU_AVX2));
                assert_false(f & CPU_AVX512_HALVES);
            }
        }
    }
}

static void detecting_is_decoding_what_was_read(void **state)
{
    (void)state;
    struct cpu_id id;
    memset(&id, 0xff, sizeof(id));
    cpu_read(&id);
    assert_int_equal(cpu_detect(), cpu_decode(&id));
#if defined(__x86_64__)
    assert_true(cpu_detect() & CPU_SSE2);
    assert_int_equal(id.arm_hwcap, 0);
#elif defined(__aarch64__)
    assert_true(cpu_detect() & CPU_NEON);
    assert_int_equal(id.max_leaf, 0);
#endif
    char names[128];
    assert_true(cpu_flag_names(cpu_detect(), names, sizeof(names)) < sizeof(names));
    print_message("this CPU: %s\n", names);
}

static void flag_names_are_cut_to_the_buffer(void **state)
{
    (void)state;
    char buf[128];
    assert_int_equal(cpu_flag_names(CPU_SSE2 | CPU_AVX2, buf, sizeof(buf)), 9);
    assert_string_equal(buf, "sse2 avx2");
    assert_int_equal(cpu_flag_names(0, buf, sizeof(buf)), 0);
    assert_string_equal(buf, "");
    memset(buf, 'x', sizeof(buf));
    assert_int_equal(cpu_flag_names(CPU_SSE2 | CPU_AVX2, buf, 7), 9);
    assert_string_equal(buf, "sse2 a");
    assert_int_equal(buf[7], 'x');
    assert_int_equal(cpu_flag_names(CPU_SSE2 | CPU_AVX2, NULL, 0), 9);
    assert_true(cpu_flag_names(~0u, buf, sizeof(buf)) < sizeof(buf));
    assert_non_null(strstr(buf, "neon"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_decode_to_what_the_os_also_saves),
        cmocka_unit_test(a_flag_and_its_excuse_never_come_together),
        cmocka_unit_test(detecting_is_decoding_what_was_read),
        cmocka_unit_test(flag_names_are_cut_to_the_buffer),
    };
    return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}

// SPDX-License-Identifier: MIT
/*
 * EBP counts: neither cpuid nor string instructions nor hypercalls change it.
 */
#include "core/demo/minivm_work.h"

#include <string.h>

/* What stands for an argument in an instruction. */
enum argument { NONE, WORD, DOUBLE_WORD, SEGMENT, OFFSET };

/* Some bytes of code, the argument, and the rest. */
struct piece {
    const char *before;
    enum argument argument;
    const char *after;
    uint8_t before_bytes, after_bytes;
};

#define PIECE(before, argument, after)                                                             \
    {                                                                                              \
        before, argument, after, sizeof(before) - 1, sizeof(after) - 1                             \
    }

#define MOV_DX     PIECE("\xba", WORD, "")
#define MOV_ECX    PIECE("\x66\xb9", DOUBLE_WORD, "")
#define MOV_DS     PIECE("\xb8", SEGMENT, "\x8e\xd8") /* by way of ax */
#define NO_CODE    PIECE("", NONE, "")
#define OUT_HALTS  "\xe6\xe0"
#define VMCALL_AMD 0xd9

static const struct piece setups[MINIVM_WORK_KINDS] = {
    [MINIVM_WORK_PORT_WRITE] = MOV_DX,  [MINIVM_WORK_PORT_READ] = MOV_DX,
    [MINIVM_WORK_PORT_STRING] = MOV_DX, [MINIVM_WORK_PORT_SWEEP] = MOV_DX,
    [MINIVM_WORK_CPUID] = NO_CODE,      [MINIVM_WORK_MSR_READ] = MOV_ECX,
    [MINIVM_WORK_MSR_WRITE] = MOV_ECX,  [MINIVM_WORK_HALT] = NO_CODE,
    [MINIVM_WORK_MMIO_WRITE] = MOV_DS,  [MINIVM_WORK_MMIO_READ] = MOV_DS,
    [MINIVM_WORK_HYPERCALL] = NO_CODE,
};

static const struct piece loops[MINIVM_WORK_KINDS] = {
    [MINIVM_WORK_PORT_WRITE] = PIECE("\xee", NONE, ""), /* out dx, al */
    [MINIVM_WORK_PORT_READ] = PIECE("\xec", NONE, ""),  /* in al, dx */
    /* mov cx, MINIVM_STRING_BYTES; mov di, MINIVM_STRING_ADDRESS; rep insb */
    [MINIVM_WORK_PORT_STRING] = PIECE("\xb9\x10\x00\xbf\x00\x38\xf3\x6c", NONE, ""),
    [MINIVM_WORK_PORT_SWEEP] = PIECE("\xee\x42", NONE, ""), /* out dx, al; inc dx */
    /* mov eax, leaf; xor ecx, ecx; cpuid */
    [MINIVM_WORK_CPUID] = PIECE("\x66\xb8", DOUBLE_WORD, "\x66\x31\xc9\x0f\xa2"),
    [MINIVM_WORK_MSR_READ] = PIECE("\x0f\x32", NONE, ""), /* rdmsr */
    /* xor eax, eax; xor edx, edx; wrmsr */
    [MINIVM_WORK_MSR_WRITE] = PIECE("\x66\x31\xc0\x66\x31\xd2\x0f\x30", NONE, ""),
    [MINIVM_WORK_HALT] = PIECE(OUT_HALTS "\xf4", NONE, ""), /* hlt */
    [MINIVM_WORK_MMIO_WRITE] = PIECE("\xa2", OFFSET, ""),   /* mov [offset], al */
    [MINIVM_WORK_MMIO_READ] = PIECE("\xa0", OFFSET, ""),    /* mov al, [offset] */
    /* mov eax, number; vmcall */
    [MINIVM_WORK_HYPERCALL] = PIECE("\x66\xb8", DOUBLE_WORD, "\x0f\x01\xc1"),
};

struct kind {
    const char *name;
    uint32_t fallback, largest;
};

#define KIND(id, name, argument, fallback, largest) [MINIVM_WORK_##id] = {name, fallback, largest},
static const struct kind kinds[MINIVM_WORK_KINDS] = {MINIVM_WORKS(KIND)};
#undef KIND

const char *minivm_work_name(enum minivm_work_kind kind)
{
    return (unsigned)kind < MINIVM_WORK_KINDS ? kinds[kind].name : "";
}

uint32_t minivm_work_default(enum minivm_work_kind kind)
{
    return (unsigned)kind < MINIVM_WORK_KINDS ? kinds[kind].fallback : 0;
}

bool minivm_work_is_valid(const struct minivm_work *work)
{
    const bool is_mmio =
        work->kind == MINIVM_WORK_MMIO_WRITE || work->kind == MINIVM_WORK_MMIO_READ;

    return (unsigned)work->kind < MINIVM_WORK_KINDS &&
           work->argument <= kinds[work->kind].largest &&
           (!is_mmio || work->argument >= MINIVM_WORK_MMIO);
}

struct code {
    uint8_t *bytes;
    size_t size;
};

static void put(struct code *c, const void *bytes, size_t size)
{
    memcpy(c->bytes + c->size, bytes, size);
    c->size += size;
}

#define PUT(c, ...) put(c, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void put16(struct code *c, uint32_t n)
{
    PUT(c, (uint8_t)n, (uint8_t)(n >> 8));
}

static void put32(struct code *c, uint32_t n)
{
    put16(c, n);
    put16(c, n >> 16);
}

static void put_argument(struct code *c, enum argument argument, uint32_t n)
{
    if (argument == DOUBLE_WORD)
        put32(c, n);
    else if (argument != NONE)
        put16(c, argument == SEGMENT ? n >> 4 : argument == OFFSET ? n & 0xf : n);
}

static void put_piece(struct code *c, const struct piece *piece, uint32_t argument)
{
    put(c, piece->before, piece->before_bytes);
    put_argument(c, piece->argument, argument);
    put(c, piece->after, piece->after_bytes);
}

size_t minivm_work_code(const struct minivm_work *works, size_t count, uint32_t times, bool is_amd,
                        uint8_t ret[static MINIVM_WORK_BYTES])
{
    struct code c = {.bytes = ret};

    PUT(&c, 0xe6, MINIVM_PORT_ALIVE); /* out port, al */
    for (size_t i = 0; i < count; i++) {
        if (works[i].count == 0)
            continue;
        put_piece(&c, &setups[works[i].kind], works[i].argument);
        PUT(&c, 0x66, 0xbd); /* mov ebp, count */
        put32(&c, works[i].count * times);
        const size_t again = c.size;
        put_piece(&c, &loops[works[i].kind], works[i].argument);
        if (works[i].kind == MINIVM_WORK_HYPERCALL && is_amd)
            c.bytes[c.size - 1] = VMCALL_AMD;
        PUT(&c, 0x66, 0x4d);                            /* dec ebp */
        PUT(&c, 0x75, (uint8_t)(again - (c.size + 2))); /* jnz again */
    }
    /* Twice: an interrupt that was sent last comes between them, and not when it is halted. */
    PUT(&c, 0xe6, MINIVM_PORT_DONE, 0xe6, MINIVM_PORT_DONE);
    PUT(&c, 0xf4, 0xeb, 0xfd); /* sleep: hlt; jmp sleep */
    return c.size;
}

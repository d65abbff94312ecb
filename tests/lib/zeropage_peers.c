// SPDX-License-Identifier: MIT
/*
 * The peers answer the same question through the same interface, with the simplest page loop. The
 * limits are of two kinds: "read-N" sums all bytes with N-byte loads (what streaming from memory
 * can give), "load-N" does nothing but load (what the load ports can give; meaningful in L1 only).
 */
#include "tests/lib/zeropage_peers.h"

#include "accel/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

typedef bool peer_page_fn(const uint8_t *page, size_t size);

__attribute__((always_inline)) static inline size_t simple_loop(const void *base, size_t npages,
                                                                size_t page_size, uint64_t *map,
                                                                peer_page_fn *is_zero)
{
    const uint8_t *page = base;
    size_t zero_pages = 0;
    for (size_t i = 0; i < npages; i++, page += page_size) {
        uint64_t zero = is_zero(page, page_size);
        if (i % 64 == 0)
            map[i / 64] = 0;
        map[i / 64] |= zero << i % 64;
        zero_pages += zero;
    }
    return zero_pages;
}

/* The first thing one writes, as the compiler makes it: no early exit. */
static inline bool byte_or(const uint8_t *page, size_t size)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < size; i++)
        sum |= page[i];
    return sum == 0;
}

static size_t peer_byte_or(const void *b, size_t n, size_t s, uint64_t *m)
{
    return simple_loop(b, n, s, m, byte_or);
}

#if defined(__x86_64__)
#define AVX2     __attribute__((target("avx2")))
#define AVX512   __attribute__((target("avx512f,avx512bw,avx512vl")))
#define VEC(p)   _mm256_loadu_si256((const __m256i *)(p))
#define OR(a, b) _mm256_or_si256(a, b)

/* 128-byte blocks: OR four vectors, test, next block. */
AVX2 static inline bool avx2_128(const uint8_t *page, size_t size)
{
    size_t i = 0;
    for (; i + 128 <= size; i += 128) {
        const uint8_t *p = page + i;
        __m256i v = OR(OR(VEC(p), VEC(p + 32)), OR(VEC(p + 64), VEC(p + 96)));
        if (!_mm256_testz_si256(v, v))
            return false;
    }
    return i == size || byte_or(page + i, size - i);
}

/* 256-byte blocks: OR eight vectors, compare with zero, move the mask, next block. */
AVX2 static inline bool avx2_256(const uint8_t *page, size_t size)
{
    size_t i = 0;
    for (; i + 256 <= size; i += 256) {
        const uint8_t *p = page + i;
        __m256i v = OR(OR(OR(VEC(p), VEC(p + 32)), OR(VEC(p + 64), VEC(p + 96))),
                       OR(OR(VEC(p + 128), VEC(p + 160)), OR(VEC(p + 192), VEC(p + 224))));
        if (_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_setzero_si256())) != -1)
            return false;
    }
    return i == size || byte_or(page + i, size - i);
}

AVX2 static size_t peer_avx2_128(const void *b, size_t n, size_t s, uint64_t *m)
{
    return simple_loop(b, n, s, m, avx2_128);
}

AVX2 static size_t peer_avx2_256(const void *b, size_t n, size_t s, uint64_t *m)
{
    return simple_loop(b, n, s, m, avx2_256);
}

/* The sums go here, so that no compiler leaves the reads out. */
static _Thread_local volatile uint64_t sink;

static size_t read_16(const void *base, size_t n, size_t s, uint64_t *m)
{
    const uint8_t *p = base, *end = p + n * s;
    __m128i zero = _mm_setzero_si128(), a = zero, b = zero, c = zero, d = zero;
    (void)m;
    for (; p != end; p += 64) {
        a = _mm_add_epi64(a, _mm_sad_epu8(_mm_loadu_si128((const __m128i *)p), zero));
        b = _mm_add_epi64(b, _mm_sad_epu8(_mm_loadu_si128((const __m128i *)(p + 16)), zero));
        c = _mm_add_epi64(c, _mm_sad_epu8(_mm_loadu_si128((const __m128i *)(p + 32)), zero));
        d = _mm_add_epi64(d, _mm_sad_epu8(_mm_loadu_si128((const __m128i *)(p + 48)), zero));
    }
    a = _mm_add_epi64(_mm_add_epi64(a, b), _mm_add_epi64(c, d));
    sink = (uint64_t)_mm_cvtsi128_si64(_mm_add_epi64(a, _mm_unpackhi_epi64(a, a)));
    return 0;
}

AVX2 static size_t read_32(const void *base, size_t n, size_t s, uint64_t *m)
{
    const uint8_t *p = base, *end = p + n * s;
    __m256i zero = _mm256_setzero_si256(), a = zero, b = zero;
    (void)m;
    for (; p != end; p += 64) {
        a = _mm256_add_epi64(a, _mm256_sad_epu8(VEC(p), zero));
        b = _mm256_add_epi64(b, _mm256_sad_epu8(VEC(p + 32), zero));
    }
    a = _mm256_add_epi64(a, b);
    sink = (uint64_t)_mm256_extract_epi64(a, 0) + (uint64_t)_mm256_extract_epi64(a, 1) +
           (uint64_t)_mm256_extract_epi64(a, 2) + (uint64_t)_mm256_extract_epi64(a, 3);
    return 0;
}

AVX512 static size_t read_64(const void *base, size_t n, size_t s, uint64_t *m)
{
    const uint8_t *p = base, *end = p + n * s;
    __m512i zero = _mm512_setzero_si512(), a = zero;
    (void)m;
    for (; p != end; p += 64)
        a = _mm512_add_epi64(a, _mm512_sad_epu8(_mm512_loadu_si512(p), zero));
    sink = (uint64_t)_mm512_reduce_add_epi64(a);
    return 0;
}

/* Inline assembly: intrinsics whose result is not used would be removed. 512 bytes a turn, pages of
 * a multiple of that only. */
AVX2 static size_t load_32(const void *base, size_t n, size_t s, uint64_t *m)
{
    const uint8_t *p = base, *end = p + n * s;
    (void)m;
    for (; p != end; p += 512) {
        for (size_t i = 0; i < 512; i += 256)
            __asm__ volatile("vmovdqu (%0), %%ymm0\n\tvmovdqu 32(%0), %%ymm1\n\t"
                             "vmovdqu 64(%0), %%ymm2\n\tvmovdqu 96(%0), %%ymm3\n\t"
                             "vmovdqu 128(%0), %%ymm4\n\tvmovdqu 160(%0), %%ymm5\n\t"
                             "vmovdqu 192(%0), %%ymm6\n\tvmovdqu 224(%0), %%ymm7"
                             :
                             : "r"(p + i)
                             : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                               "xmm7");
    }
    _mm256_zeroupper();
    return 0;
}

AVX512 static size_t load_64(const void *base, size_t n, size_t s, uint64_t *m)
{
    const uint8_t *p = base, *end = p + n * s;
    (void)m;
    for (; p != end; p += 512)
        __asm__ volatile("vmovdqu64 (%0), %%zmm0\n\tvmovdqu64 64(%0), %%zmm1\n\t"
                         "vmovdqu64 128(%0), %%zmm2\n\tvmovdqu64 192(%0), %%zmm3\n\t"
                         "vmovdqu64 256(%0), %%zmm4\n\tvmovdqu64 320(%0), %%zmm5\n\t"
                         "vmovdqu64 384(%0), %%zmm6\n\tvmovdqu64 448(%0), %%zmm7"
                         :
                         : "r"(p)
                         : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
                           "xmm7");
    _mm256_zeroupper();
    return 0;
}
#elif defined(__aarch64__)
static _Thread_local volatile uint64_t sink;

static size_t read_16(const void *base, size_t n, size_t s, uint64_t *m)
{
    const uint8_t *p = base, *end = p + n * s;
    uint32x4_t a = vdupq_n_u32(0), b = a, c = a, d = a;
    (void)m;
    for (; p != end; p += 64) {
        a = vpadalq_u16(a, vpaddlq_u8(vld1q_u8(p)));
        b = vpadalq_u16(b, vpaddlq_u8(vld1q_u8(p + 16)));
        c = vpadalq_u16(c, vpaddlq_u8(vld1q_u8(p + 32)));
        d = vpadalq_u16(d, vpaddlq_u8(vld1q_u8(p + 48)));
    }
    sink = (uint64_t)vaddlvq_u32(a) + vaddlvq_u32(b) + vaddlvq_u32(c) + vaddlvq_u32(d);
    return 0;
}
#endif

const struct peer zeropage_peers[] = {
    {"peer:byte-or", 0, peer_byte_or, false, "OR of all bytes, as the compiler makes it"},
#if defined(__x86_64__)
    {"peer:avx2-128", CPU_AVX2, peer_avx2_128, false, "128-byte blocks, VPTEST"},
    {"peer:avx2-256", CPU_AVX2, peer_avx2_256, false, "256-byte blocks, compare and movemask"},
    {"read-16", CPU_SSE2, read_16, true, "sum of all bytes, 16-byte loads"},
    {"read-32", CPU_AVX2, read_32, true, "sum of all bytes, 32-byte loads"},
    {"read-64", CPU_AVX512, read_64, true, "sum of all bytes, 64-byte loads"},
    {"load-32", CPU_AVX2, load_32, true, "32-byte loads and nothing else"},
    {"load-64", CPU_AVX512, load_64, true, "64-byte loads and nothing else"},
#elif defined(__aarch64__)
    {"read-16", CPU_NEON, read_16, true, "sum of all bytes, 16-byte loads"},
#endif
    {0},
};

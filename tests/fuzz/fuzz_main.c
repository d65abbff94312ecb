// SPDX-License-Identifier: MIT
/*
 * Replays saved inputs through a fuzz target, for compilers without libFuzzer and for `make check`.
 * Usage: fuzz_NAME FILE...   An input that crashes or trips a sanitizer ends the program.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *f = fopen(argv[i], "rb");
        if (f == NULL) {
            fprintf(stderr, "cannot open %s\n", argv[i]);
            return 1;
        }
        /* Allocated to size, so that a sanitizer sees one byte too many. */
        static uint8_t buf[1 << 20];
        size_t n = fread(buf, 1, sizeof(buf), f);
        fclose(f);
        uint8_t *data = malloc(n ? n : 1);
        if (data == NULL)
            return 1;
        for (size_t k = 0; k < n; k++)
            data[k] = buf[k];
        LLVMFuzzerTestOneInput(data, n);
        free(data);
    }
    printf("%s: %d inputs replayed\n", argv[0], argc - 1);
    return 0;
}

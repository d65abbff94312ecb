// SPDX-License-Identifier: MIT
#include "tests/lib/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = NULL;
    size_t len = 0, cap = 0, n;

    if (!f)
        return NULL;
    do {
        cap += 65536;
        char *grown = realloc(text, cap + 1);
        if (!grown)
            abort();
        text = grown;
        n = fread(text + len, 1, cap - len, f);
        len += n;
    } while (n > 0);
    text[len] = '\0';
    fclose(f);
    return text;
}

static int write_all(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    if (!f || fputs(text, f) < 0 || fclose(f) != 0) {
        perror(path);
        return 0;
    }
    printf("golden: wrote %s\n", path);
    return 1;
}

static void print_difference(const char *path, const char *want, const char *got)
{
    int line = 1;

    while (*want && *got) {
        size_t w = strcspn(want, "\n"), g = strcspn(got, "\n");
        if (w != g || memcmp(want, got, w) != 0)
            break;
        want += w + (want[w] == '\n');
        got += g + (got[g] == '\n');
        line++;
    }
    fprintf(stderr, "%s:%d differs\n  want: %.*s\n  got:  %.*s\n", path, line,
            (int)strcspn(want, "\n"), want, (int)strcspn(got, "\n"), got);
}

int golden_check(const char *name, const char *text)
{
    char path[512];

    if (!text)
        return 0;
    snprintf(path, sizeof(path), "tests/data/golden/%s", name);
    if (getenv("GOLDEN_UPDATE"))
        return write_all(path, text);
    char *want = read_all(path);
    if (!want) {
        fprintf(stderr, "%s: cannot be read; GOLDEN_UPDATE=1 writes it\n", path);
        return 0;
    }
    int same = strcmp(want, text) == 0;
    if (!same)
        print_difference(path, want, text);
    free(want);
    return same;
}

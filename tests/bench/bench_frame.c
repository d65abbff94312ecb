// SPDX-License-Identifier: MIT
// CPU time of a frame of the monitor: 1000 VMs with 4 vCPUs each, from a new snapshot to the
// finished grid.
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/lib/snapshot_builder.h"
#include "ui/state.h"
#include "ui/view.h"

#define FRAMES 200

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void run(const char *what, const struct snapshot *s, const uint32_t *keys, int rows,
                int cols)
{
    double follow[FRAMES], draw[FRAMES];
    struct trends trends;
    struct ui_state state;
    struct screen screen;

    if (trends_init(&trends) < 0 || screen_init(&screen, rows, cols, true) < 0)
        abort();
    const struct ui_model model = {.now = s, .base = s, .detail = s, .trends = &trends};
    ui_state_init(&state, rows, cols, 1);
    ui_follow(&state, &model);
    for (; *keys; keys++)
        ui_update(&state, &model, (struct ui_key){.code = *keys});
    for (int i = 0; i < FRAMES; i++) {
        double start = cpu_ms();
        trends_update(&trends, s);
        ui_follow(&state, &model);
        double middle = cpu_ms();
        view_draw(&model, &state, &screen);
        draw[i] = cpu_ms() - middle;
        follow[i] = middle - start;
    }
    qsort(follow, FRAMES, sizeof(double), by_value);
    qsort(draw, FRAMES, sizeof(double), by_value);
    printf(
        "%-28s %3dx%-3d  rows+graphs %6.3f ms  draw %6.3f ms  (median of %d; 99 %%: %.3f, %.3f)\n",
        what, cols, rows, follow[FRAMES / 2], draw[FRAMES / 2], FRAMES, follow[FRAMES * 99 / 100],
        draw[FRAMES * 99 / 100]);
    ui_state_done(&state);
    trends_done(&trends);
    screen_done(&screen);
}

int main(void)
{
    struct snapshot_builder *b = snapshot_builder_new();

    setlocale(LC_CTYPE, "C.UTF-8");
    snapshot_builder_many_vms(b, 1000, 4);
    const struct snapshot *s = snapshot_builder_finish(b);
    run("1000 VMs", s, (const uint32_t[]){'E', 0}, 50, 200);
    run("1000 VMs, vCPUs shown", s, (const uint32_t[]){'E', 't', 0}, 50, 200);
    run("1000 VMs, by pid, at end", s, (const uint32_t[]){'N', KEYCODE_END, 0}, 24, 80);
    run("1000 VMs, host counters", s, (const uint32_t[]){'b', 0}, 50, 200);
    run("1000 VMs, by guest", s, (const uint32_t[]){'b', 'b', 0}, 50, 200);
    run("1000 VMs, one open", s, (const uint32_t[]){KEYCODE_ENTER, 0}, 50, 200);
    snapshot_builder_free(b);
    return 0;
}

// SPDX-License-Identifier: MIT
#include "ui/screens/help_signs.h"

#include "ui/grid/screen_list.h"

#define BIT(id) SCREEN_BIT(SCREEN_##id)

enum {
    TABLES = BIT(VMS) | BIT(COUNTERS) | BIT(VCPUS) | BIT(HOST),
    SUMS = BIT(VMS) | BIT(HOST) | BIT(HOST_EXITS) | BIT(COUNTERS),
    EXIT_TABLES = BIT(EXITS) | BIT(HOST_EXITS),
    GRAPHS = BIT(VMS) | BIT(COUNTERS) | BIT(HOST) | EXIT_TABLES,
};

/* clang-format off */
const struct help_sign help_signs[] = {
    {SUMS, ">", 0, STYLE_NORMAL, "before a sum: it lacks the number of some VM, and so is more"},
    {BIT(VMS), "~", 0, STYLE_NORMAL, "before ZERO%: estimated from a sample"},
    {BIT(VMS), "fd!", 0, STYLE_NOTICE,
     "SRC: counters are missing, and the status line says why; stuck!, slow!: not read"},
    {BIT(VCPUS), "! 7", 0, STYLE_WARNING, "a clock that differs from that of most other vCPUs"},
    {BIT(VMS), NULL, GLYPH_TAG, STYLE_TAGGED, "a VM that is tagged"},
    {BIT(VMS), NULL, GLYPH_MIGRATING, STYLE_NOTICE, "a VM that is being migrated away"},
    {TABLES, NULL, GLYPH_NOTHING, STYLE_DIM, "no such number here"},
    {TABLES, "0", 0, STYLE_DIM, "dim: nothing counted, or of lesser interest"},
    {TABLES, "denied", 0, STYLE_MISSING, "a number that may not be read"},
    {TABLES, "...", 0, STYLE_MISSING, "needs a second sample"},
    {TABLES, "stale", 0, STYLE_MISSING, "was read before, but not now"},
    {TABLES, "reset", 0, STYLE_MISSING, "somebody cleared the counter"},
    {BIT(VMS) | BIT(VCPUS), "!5.0", 0, STYLE_NOTICE,
     "worth a look: RDY% from 5, N%L below 80; the manual has the bounds of all"},
    {BIT(VMS) | BIT(VCPUS), "!!10.0", 0, STYLE_WARNING,
     "bad: RDY% from 10; WAIT% is the sum of all vCPUs and marked by their mean"},
    {BIT(VMS) | BIT(VCPUS), "!!>100", 0, STYLE_WARNING,
     "RDY%: more than this interval; a wait counts when it ends"},
    {BIT(COUNTERS) | BIT(HOST), "%EXITS", 0, STYLE_NORMAL,
     "of all exits; what is no exit, as insn_emulation, has none"},
    {GRAPHS, "TREND", 0, STYLE_GRAPH, "the last refreshes, the newest at the right"},
    {SCREENS_ALL & ~BIT(HELP) & ~BIT(CHOOSER), "text", 0, STYLE_NOTICE, "worth reading"},
    {SCREENS_ALL & ~BIT(HELP) & ~BIT(CHOOSER), "text", 0, STYLE_WARNING, "needs attention"},
};
/* clang-format on */

const size_t help_sign_count = sizeof(help_signs) / sizeof(help_signs[0]);

const struct help_sign help_lockdown = {0, "lockdown", 0, STYLE_NOTICE, ""};

const char *help_sign_text(const struct help_sign *sign, const struct screen *screen)
{
    return sign->sign != NULL ? sign->sign : screen_glyph(screen, sign->glyph);
}

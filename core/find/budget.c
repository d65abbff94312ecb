// SPDX-License-Identifier: MIT
#include "core/find/budget.h"

#define MS 1000000ull

/* The least is what a delay of 0.1 s can bear; the most is what one-shot reports can. */
#define LIMIT_MIN_NS   (50 * MS)
#define LIMIT_MAX_NS   (1000 * MS)
#define LIMIT_FIRST_NS (300 * MS)
#define DEBT_LIMITS    10 /* all that can be owed: a stopped program must not pay for hours */

#define LOOK_SHORT_NS (5 * MS) /* a look that need not be rare */
#define LOOK_RESTS    10       /* times what it took */
#define LOOK_REST_MAX_NS (60000 * MS)

uint64_t budget_limit_ns(uint64_t interval_ns)
{
    uint64_t limit = interval_ns / 4;

    if (interval_ns == 0)
        return LIMIT_FIRST_NS;
    return limit < LIMIT_MIN_NS ? LIMIT_MIN_NS : limit > LIMIT_MAX_NS ? LIMIT_MAX_NS : limit;
}

void budget_begin(struct process_time *time, uint64_t before_ns)
{
    uint64_t debt = time->spent_ns > before_ns ? time->spent_ns - before_ns : 0;

    time->spent_ns = debt < DEBT_LIMITS * before_ns ? debt : DEBT_LIMITS * before_ns;
}

bool budget_is_over(const struct process_time *time, uint64_t limit_ns)
{
    return time->spent_ns > limit_ns;
}

bool budget_is_half_over(const struct process_time *time, uint64_t limit_ns)
{
    return time->spent_ns > limit_ns / 2;
}

void budget_looked(struct process_time *time, uint64_t now_ns, uint64_t took_ns)
{
    uint64_t rest = took_ns < LOOK_REST_MAX_NS / LOOK_RESTS ? took_ns * LOOK_RESTS
                                                            : LOOK_REST_MAX_NS;

    time->look_after_ns = took_ns >= LOOK_SHORT_NS ? now_ns + rest : 0;
}

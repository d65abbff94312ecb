// SPDX-License-Identifier: MIT
#include "tests/lib/flat_block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct flat_block flat_block_of_scan(const struct scan_report *report)
{
    struct flat_block b = {NULL, scan_flat_write(report, NULL, 0)};

    b.bytes = malloc(b.size);
    assert_non_null(b.bytes);
    assert_int_equal(scan_flat_write(report, b.bytes, b.size), b.size);
    return b;
}

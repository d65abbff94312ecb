// SPDX-License-Identifier: MIT
#include "core/forecast/nnls.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/dirty_truth.h"

static void positive_solution_is_that_of_plain_least_squares(void **state)
{
    struct nnls_problem problem = {.columns = 2};
    double x[2];

    (void)state;
    nnls_add(&problem, (double[]){1, 0}, 2, 1);
    nnls_add(&problem, (double[]){1, 1}, 5, 1);
    nnls_add(&problem, (double[]){0, 2}, 6, 4);
    nnls_solve(&problem, x);
    assert_true(fabs(x[0] - 2) < 1e-6);
    assert_true(fabs(x[1] - 3) < 1e-6);
}

static void coefficient_that_would_be_negative_is_0(void **state)
{
    struct nnls_problem problem = {.columns = 2};
    double x[2];

    (void)state;
    nnls_add(&problem, (double[]){1, 1}, 1, 1);
    nnls_add(&problem, (double[]){1, 2}, 0, 1);
    nnls_solve(&problem, x); /* without the bound: 2, -1 */
    assert_true(fabs(x[0] - 0.5) < 1e-6);
    assert_true(x[1] == 0);
}

/* Karush, Kuhn and Tucker: no coefficient is below 0, where it is above the slope is 0, and where
 * it is 0 more of it would not help. */
static void random_problems_are_solved(void **state)
{
    uint64_t random = 16;

    (void)state;
    for (int round = 0; round < 500; round++) {
        struct nnls_problem problem = {.columns = 1 + (size_t)(truth_random(&random) * 40)};
        double row[NNLS_COLUMNS_MOST], x[NNLS_COLUMNS_MOST];
        for (size_t i = 0; i < problem.columns + 20; i++) {
            for (size_t k = 0; k < problem.columns; k++)
                row[k] = truth_random(&random) - 0.3;
            nnls_add(&problem, row, truth_random(&random) - 0.4, 0.1 + truth_random(&random));
        }
        nnls_solve(&problem, x);
        for (size_t k = 0; k < problem.columns; k++) {
            double slope = problem.right[k];
            for (size_t j = 0; j < problem.columns; j++)
                slope -= problem.gram[k][j] * x[j];
            assert_true(x[k] >= 0);
            assert_true(slope < 1e-6);
            assert_true(x[k] == 0 || slope > -1e-6);
        }
    }
}

static void columns_that_are_alike_or_empty_do_no_harm(void **state)
{
    struct nnls_problem problem = {.columns = 4};
    double x[4];

    (void)state;
    for (int i = 1; i < 10; i++)
        nnls_add(&problem, (double[]){i, 0, i, i + 1e-9}, 3 * i, 1);
    nnls_solve(&problem, x);
    assert_true(x[1] == 0);
    assert_true(fabs(x[0] + x[2] + x[3] - 3) < 1e-4);
    memset(&problem, 0, sizeof(problem));
    nnls_solve(&problem, x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positive_solution_is_that_of_plain_least_squares),
        cmocka_unit_test(coefficient_that_would_be_negative_is_0),
        cmocka_unit_test(random_problems_are_solved),
        cmocka_unit_test(columns_that_are_alike_or_empty_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

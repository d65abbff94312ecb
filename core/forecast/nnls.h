/* SPDX-License-Identifier: MIT */
/*
 * Least squares with coefficients that are not negative.
 *
 * Pure, any thread.
 */
#ifndef KVMLENS_CORE_FORECAST_NNLS_H
#define KVMLENS_CORE_FORECAST_NNLS_H

#include <stddef.h>

#define NNLS_COLUMNS_MOST 64

/* The normal equations of min |A x - b|: gram is A'A, its upper left part of columns by columns. */
struct nnls_problem {
    double gram[NNLS_COLUMNS_MOST][NNLS_COLUMNS_MOST];
    double right[NNLS_COLUMNS_MOST]; /* A'b */
    size_t columns;                  /* at most NNLS_COLUMNS_MOST */
};

/* nnls_add - one more row of A, of @columns numbers, and its number of b, both times sqrt(@weight).
 * A problem begins as all zero but its columns. */
void nnls_add(struct nnls_problem *problem, const double *row, double b, double weight);

/*
 * nnls_solve - into @ret_x, problem->columns numbers, 0 or more.
 *
 * The active set of Lawson and Hanson (Solving Least Squares Problems, 1974, chapter 23), on normal
 * equations. Columns that nearly are each other's sums do no harm: diagonals grow by 1e-9, and at
 * most 4 * columns sets are tried, so that it always ends; what it has then is feasible.
 */
void nnls_solve(const struct nnls_problem *problem, double *ret_x);

#endif

// SPDX-License-Identifier: MIT
#include "core/forecast/nnls.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define RIDGE 1e-9

void nnls_add(struct nnls_problem *problem, const double *row, double b, double weight)
{
    for (size_t i = 0; i < problem->columns; i++) {
        for (size_t j = 0; j < problem->columns; j++)
            problem->gram[i][j] += weight * row[i] * row[j];
        problem->right[i] += weight * row[i] * b;
    }
}

/* The least squares of the columns of @set alone, by Cholesky's way. */
static void solve_set(const struct nnls_problem *problem, const size_t *set, size_t n, double *ret)
{
    double low[NNLS_COLUMNS_MOST][NNLS_COLUMNS_MOST], half[NNLS_COLUMNS_MOST] = {0};

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = problem->gram[set[i]][set[j]] * (i == j ? 1 + RIDGE : 1);
            for (size_t k = 0; k < j; k++)
                sum -= low[i][k] * low[j][k];
            if (i == j)
                low[i][i] = sqrt(fmax(sum, problem->gram[set[i]][set[i]] * RIDGE));
            else
                low[i][j] = sum / low[j][j];
        }
        half[i] = problem->right[set[i]];
        for (size_t k = 0; k < i; k++)
            half[i] -= low[i][k] * half[k];
        half[i] /= low[i][i];
    }
    for (size_t i = n; i-- > 0;) {
        ret[i] = half[i];
        for (size_t k = i + 1; k < n; k++)
            ret[i] -= low[k][i] * ret[k];
        ret[i] /= low[i][i];
    }
}

/* The column that would help most of those that are not @taken; columns: none would. */
static size_t best_column(const struct nnls_problem *problem, const double *x, const bool *taken)
{
    size_t best = problem->columns;
    double best_gain = 0;

    for (size_t i = 0; i < problem->columns; i++) {
        if (taken[i] || problem->gram[i][i] <= 0)
            continue;
        double slope = problem->right[i];
        for (size_t j = 0; j < problem->columns; j++)
            slope -= problem->gram[i][j] * x[j];
        double gain = slope / sqrt(problem->gram[i][i]);
        if (gain > best_gain && slope > 1e-10 * fabs(problem->right[i])) {
            best = i;
            best_gain = gain;
        }
    }
    return best;
}

static size_t list_set(const bool *inside, size_t columns, size_t *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < columns; i++) {
        if (inside[i])
            ret[n++] = i;
    }
    return n;
}

/* Goes from @x towards @wanted as far as all stay above 0; those that stop it leave the set. */
static void step_to(double *x, const double *wanted, const size_t *set, size_t n, bool *inside)
{
    double part = 1;

    for (size_t i = 0; i < n; i++) {
        if (wanted[i] <= 0)
            part = fmin(part, x[set[i]] / (x[set[i]] - wanted[i]));
    }
    for (size_t i = 0; i < n; i++) {
        double *value = &x[set[i]];
        bool stops = wanted[i] <= 0 && *value / (*value - wanted[i]) <= part * (1 + 1e-12);
        *value += part * (wanted[i] - *value);
        if (stops || *value <= 0) {
            *value = 0;
            inside[set[i]] = false;
        }
    }
}

void nnls_solve(const struct nnls_problem *problem, double *ret_x)
{
    bool inside[NNLS_COLUMNS_MOST] = {false}, taken[NNLS_COLUMNS_MOST] = {false};
    size_t set[NNLS_COLUMNS_MOST], tries = 4 * problem->columns;
    double wanted[NNLS_COLUMNS_MOST];

    for (size_t i = 0; i < problem->columns; i++)
        ret_x[i] = 0;
    while (tries > 0) {
        size_t column = best_column(problem, ret_x, taken);
        if (column == problem->columns)
            return;
        inside[column] = true;
        ret_x[column] = 1e-300; /* in the set, and on its way up */
        for (bool is_feasible = false; !is_feasible && tries > 0; tries--) {
            size_t n = list_set(inside, problem->columns, set);
            solve_set(problem, set, n, wanted);
            is_feasible = true;
            for (size_t i = 0; i < n; i++)
                is_feasible = is_feasible && wanted[i] > 0;
            step_to(ret_x, wanted, set, n, inside);
        }
        /* One that left as soon as it came only came by rounding, and would come again at once. */
        memcpy(taken, inside, sizeof(taken));
        taken[column] = true;
    }
}

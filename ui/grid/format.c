// SPDX-License-Identifier: MIT
#include "ui/grid/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static char *scaled(char *out, double value, double step, const char *const units[], size_t count)
{
    size_t u = 0;

    /* 999.5 would print as "1000": the next unit says it in fewer columns. */
    while (u + 1 < count && value >= (u == 0 ? step : step - 0.5)) {
        value /= step;
        u++;
    }
    if (u == 0 || value >= 99.95)
        snprintf(out, FORMAT_MAX, "%.0f%s", value, units[u]);
    else
        snprintf(out, FORMAT_MAX, "%.1f%s", value, units[u]);
    return out;
}

char *format_count(char out[FORMAT_MAX], double value)
{
    static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};
    const char *sign = value < 0 ? "-" : "";
    double size = fabs(value);
    char text[FORMAT_MAX];

    if (size == 0)
        return strcpy(out, "0");
    if (size < 0.05)
        return strcpy(out, value < 0 ? "-0.0" : "<0.1");
    if (size < 9.95 && size != floor(size)) {
        snprintf(out, FORMAT_MAX, "%.1f", value);
        return out;
    }
    if (size >= 999.5 && size < 1000)
        size = 1000;
    scaled(text, size, 1000, units, sizeof(units) / sizeof(units[0]));
    snprintf(out, FORMAT_MAX, "%s%.30s", sign, text);
    return out;
}

char *format_bytes(char out[FORMAT_MAX], double bytes)
{
    static const char *const units[] = {"", "K", "M", "G", "T", "P", "E"};

    return scaled(out, bytes > 0 ? bytes : 0, 1024, units, sizeof(units) / sizeof(units[0]));
}

char *format_bytes_per_s(char out[FORMAT_MAX], double bytes)
{
    return bytes > 0 && bytes < 1 ? strcpy(out, "<1") : format_bytes(out, bytes);
}

char *format_percent(char out[FORMAT_MAX], double ratio)
{
    double percent = ratio * 100;

    if (percent > 0 && percent < 0.05)
        return strcpy(out, "<0.1");
    if (percent >= 99999.5)
        return format_count(out, percent);
    snprintf(out, FORMAT_MAX, percent >= 9999.5 ? "%.0f" : "%.1f", percent);
    return out;
}

double format_rank(double shown)
{
    return shown > 0 && shown < 0.05 ? 0 : shown;
}

char *format_share(char out[FORMAT_MAX], double ratio)
{
    double percent = ratio * 100, edge = percent > 50 ? 100 - percent : percent;
    int digits = 1;

    for (double unit = 0.1; edge > 0 && edge < unit && digits < 9; unit /= 10)
        digits++;
    snprintf(out, FORMAT_MAX, "%.*f", digits, percent);
    return out;
}

char *format_exact(char out[FORMAT_MAX], uint64_t value)
{
    char digits[24];
    int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    char *p = out;

    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            *p++ = ',';
        *p++ = digits[i];
    }
    *p = '\0';
    return out;
}

char *format_seconds(char out[FORMAT_MAX], double s)
{
    if (!(s > 0))
        return strcpy(out, "0s");
    if (s < 1e-6)
        snprintf(out, FORMAT_MAX, "%.0fns", s * 1e9);
    else if (s < 0.9995e-3)
        snprintf(out, FORMAT_MAX, "%.0fus", s * 1e6);
    else if (s < 0.9995)
        snprintf(out, FORMAT_MAX, s < 0.00995 ? "%.1fms" : "%.0fms", s * 1e3);
    else if (s < 99.5)
        snprintf(out, FORMAT_MAX, s < 9.95 ? "%.1fs" : "%.0fs", s);
    else if (s < 3600)
        snprintf(out, FORMAT_MAX, "%dm%02ds", (int)s / 60, (int)s % 60);
    else if (s < 86400)
        snprintf(out, FORMAT_MAX, "%dh%02dm", (int)s / 3600, (int)s / 60 % 60);
    else if (s < 86400.0 * 9999)
        snprintf(out, FORMAT_MAX, "%dd%02dh", (int)(s / 86400), (int)fmod(s / 3600, 24));
    else
        strcpy(out, ">27y");
    return out;
}

char *format_span(char out[FORMAT_MAX], double s)
{
    if (!(s >= 1e-6) || s >= 9.95e-6)
        return format_seconds(out, s);
    snprintf(out, FORMAT_MAX, "%.1fus", s * 1e6);
    return out;
}

// SPDX-License-Identifier: MIT
#include "ui/report/number.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/model/reading.h"

static void put_bytes(uint64_t bytes, char buf[NUMBER_MAX])
{
    static const char units[] = "KMGTPE";
    double value = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024) {
        snprintf(buf, NUMBER_MAX, "%u", (unsigned)bytes);
        return;
    }
    /* 1023.95 would round to "1024.0". */
    for (; value >= 1023.95 && unit < sizeof(units) - 2; unit++)
        value /= 1024;
    snprintf(buf, NUMBER_MAX, "%.1f%c", value, units[unit]);
}

void number_missing(uint8_t state, uint8_t cause, char buf[NUMBER_MAX])
{
    const char *text = reading_state_text(state);
    const char *why = reading_cause_text(cause);

    if (why[0] != '\0')
        snprintf(buf, NUMBER_MAX, "%s (%s)", text, why);
    else
        snprintf(buf, NUMBER_MAX, "%s", text);
}

void number_reading_bytes(const struct reading *reading, char buf[NUMBER_MAX])
{
    if (reading->state == READING_OK)
        put_bytes(reading->raw, buf);
    else
        snprintf(buf, NUMBER_MAX, "%s", reading_state_text(reading->state));
}

/* What is not 0 never reads as 0. */
static void put_decimal(double value, const char *unit, char buf[NUMBER_MAX])
{
    if (value > 0 && value < 0.05)
        snprintf(buf, NUMBER_MAX, "<0.1%s", unit);
    else
        snprintf(buf, NUMBER_MAX, "%.1f%s", value, unit);
}

void number_ratio(const struct figure *ratio, char buf[NUMBER_MAX])
{
    if (ratio->state == READING_OK)
        put_decimal(ratio->value * 100, "%", buf);
    else
        snprintf(buf, NUMBER_MAX, "%s", reading_state_text(ratio->state));
}

void number_percent(const struct figure *ratio, char buf[NUMBER_MAX])
{
    if (ratio->state == READING_OK)
        put_decimal(ratio->value * 100, "", buf);
    else
        snprintf(buf, NUMBER_MAX, "%s", reading_state_text(ratio->state));
}

void number_sum(bool is_short, uint8_t state, char buf[NUMBER_MAX])
{
    if (!is_short || state != READING_OK)
        return;
    memmove(buf + 1, buf, strnlen(buf, NUMBER_MAX - 2) + 1);
    buf[0] = '>';
    buf[NUMBER_MAX - 1] = '\0';
}

void number_figure(const struct figure *figure, char buf[NUMBER_MAX])
{
    if (figure->state == READING_OK)
        put_decimal(figure->value, "", buf);
    else
        snprintf(buf, NUMBER_MAX, "%s", reading_state_text(figure->state));
}

double number_scale(const struct field *field)
{
    return pow(field->base == 2 ? 2.0 : 10.0, field->exponent);
}

void number_value(const struct field *field, uint64_t raw, char buf[NUMBER_MAX])
{
    double value = (double)raw * number_scale(field);
    const char *unit = field->unit == FIELD_SECONDS ? "s" : "";

    if (field->exponent == 0 && unit[0] == '\0')
        snprintf(buf, NUMBER_MAX, "%llu", (unsigned long long)raw);
    else if (value > 0 && value < 0.0000005)
        snprintf(buf, NUMBER_MAX, "<0.000001%s", unit);
    else
        snprintf(buf, NUMBER_MAX, "%.*f%s", field->exponent > 0 ? 0 : 6, value, unit);
}

void number_rate(const struct field *field, const struct figure *rate, char buf[NUMBER_MAX])
{
    if (rate->state != READING_OK)
        snprintf(buf, NUMBER_MAX, "%s", reading_state_text(rate->state));
    else if (field->unit == FIELD_SECONDS)
        put_decimal(rate->value * number_scale(field) * 100, "%", buf);
    else
        put_decimal(rate->value * number_scale(field), "", buf);
}

void number_time(const struct timespec *wall, char buf[NUMBER_MAX])
{
    struct tm tm;

    if (gmtime_r(&wall->tv_sec, &tm) == NULL)
        tm = (struct tm){.tm_mday = 1, .tm_year = 70};
    size_t len = strftime(buf, NUMBER_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(buf + len, NUMBER_MAX - len, ".%03dZ", (int)(wall->tv_nsec / 1000000));
}

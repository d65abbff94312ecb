# SPDX-License-Identifier: MIT
"""The figures by which forecasts are judged (tests/forecast/compare.py), with answers that are known. No VM, no program."""
import math
import os
import sys

import kvmtest

sys.path.insert(0, os.path.join(kvmtest.ROOT, "tests/forecast"))
import compare  # noqa: E402
import constants  # noqa: E402
import known  # noqa: E402
import rates  # noqa: E402
from compare import Case, Said  # noqa: E402

BESIDE = "any"  # tests/e2e/run.py


def case(name="1/0", said_bytes=1000, said_seconds=10.0, converges="true", margin=5.0, rounds=3, **options):
    truth = {"converged": True, "bytes": 1000, "seconds": 10.0, "rounds_limit": 25, "seconds_limit": 60.0, **options}
    return Case(name=name, kind="light", said=Said(converges, margin, said_bytes, said_seconds, rounds,
                                                   (said_bytes, said_bytes), (said_seconds, said_seconds)), **truth)


class Figures(kvmtest.TestCase):
    def test_percentiles_are_values_that_occurred(self):
        self.assertIsNone(compare.percentile([], 0.9))
        self.assertEqual(compare.percentile([7], 0.5), 7)
        self.assertEqual(compare.percentile(range(10, 0, -1), 0.9), 9)
        self.assertEqual(compare.percentile(range(1, 11), 0.5), 5)
        self.assertEqual(compare.percentile(range(1, 12), 0.9), 10)

    def test_kendalls_tau_of_known_rankings(self):
        self.assertEqual(compare.kendall([(1, 10), (2, 20), (3, 30)]), 1)
        self.assertEqual(compare.kendall([(1, 3), (2, 2), (3, 1)]), -1)
        # One of six pairs the other way round.
        self.assertAlmostEqual(compare.kendall([(1, 1), (2, 2), (3, 4), (4, 3)]), 4 / 6)
        # Tau-b of scipy.stats.kendalltau([12, 2, 1, 12, 2], [1, 4, 7, 1, 0]).
        self.assertAlmostEqual(compare.kendall([(12, 1), (2, 4), (1, 7), (12, 1), (2, 0)]), -0.4714045207910316)
        self.assertIsNone(compare.kendall([(1, 1)]))
        self.assertIsNone(compare.kendall([(1, 2), (1, 3)]))

    def test_half_a_second_is_free(self):
        self.assertAlmostEqual(compare.time_error(0.6, 0.2), 0.10)
        self.assertAlmostEqual(compare.time_error(0.8, 0.2), 3.0)
        self.assertAlmostEqual(compare.time_error(10.4, 10.0), 0.04)
        self.assertAlmostEqual(compare.time_error(12.0, 10.0), 0.2)
        self.assertTrue(math.isinf(compare.time_error(None, 10.0)))

    def test_errors_are_of_cases_that_converged_and_what_is_without_end_counts_as_wrong(self):
        cases = [case(f"1/{i}", said_bytes=1000 + 9 * i) for i in range(9)]
        cases += [case("1/9", said_bytes=None, said_seconds=None, converges="unsure", margin=1.0, rounds=None),
                  case("1/10", converged=False, said_bytes=None, said_seconds=None, converges="false", margin=0.5)]
        seen = compare.figures(cases)
        self.assertEqual((seen.cases, seen.converged, seen.ranked), (11, 10, 9))
        self.assertAlmostEqual(seen.bytes_p50, 0.036)
        self.assertAlmostEqual(seen.bytes_p90, 0.072)
        self.assertEqual(seen.time_p90, 0)
        self.assertEqual((seen.bytes_within, seen.time_within), (9, 9))
        self.assertAlmostEqual(seen.unsure, 1 / 11)
        self.assertEqual((seen.wrong, seen.sure), ([], 10))
        self.assertEqual([name for name, _, _ in seen.short], ["1/9"])
        # One more of that kind, and it is the 90th percentile.
        again = compare.figures(cases + [case("1/11", said_bytes=None, said_seconds=None, converges="unsure", margin=1.0)])
        self.assertTrue(math.isinf(again.bytes_p90))

    def test_convergence_is_judged_outside_the_margin_only(self):
        wrong = {"1/1": case("1/1", converges="false", margin=0.8, said_bytes=None, said_seconds=None),
                 "1/2": case("1/2", converges="true", margin=1.2, converged=False)}
        fine = [case("1/3", converges="true", margin=1.14, converged=False),
                case("1/4", converges="false", margin=0.88, said_bytes=None, said_seconds=None),
                case("1/5", converges="unsure", margin=7.0, converged=False),
                # It was cancelled before it could do what is said of it.
                case("1/6", converges="true", margin=7.0, converged=False, rounds=40),
                case("1/7", converges="true", margin=7.0, converged=False, said_seconds=70.0)]
        seen = compare.figures([*wrong.values(), *fine])
        self.assertEqual(seen.wrong, list(wrong))
        self.assertEqual(seen.sure, 4)
        self.assertEqual({name for name, _, what in seen.short if what.startswith("converges")}, set(wrong))

    def test_ranges_hold_the_truth_or_not(self):
        self.assertTrue(compare.within((900, 1100), 1000))
        self.assertFalse(compare.within((1001, 1100), 1000))
        self.assertTrue(compare.within((900, None), 1000))  # without end at its upper end
        self.assertFalse(compare.within((None, None), 1000))

    def test_a_table_has_each_case_and_says_which_falls_short(self):
        text = "\n".join(compare.report([case("1/0"), case("1/1", said_bytes=1200, said_seconds=13.0)]))
        self.assertRegex(text, r"\| 1/1 +\| light +\|.*\+20\.0%.*\+30\.0%")
        self.assertIn("  1/1 light: bytes +20.0%; time +30.0%, +3.0 s", text)
        self.assertNotIn("  1/0 light:", text)


class KnownCurve(kvmtest.TestCase):
    def test_groups_of_each_pattern_dirty_what_the_formulae_say(self):
        orders = {"set_pages": 1000, "hot_pages": 100, "hot_share": 0.9}
        for pattern, seconds, pages in (("uniform", 2.0, 1000 * (1 - math.exp(-1.0))), ("sequential", 1.0, 500),
                                        ("sequential", 3.0, 1000),
                                        ("hot", 1.0, 100 * (1 - math.exp(-4.5)) + 900 * (1 - math.exp(-50 / 900)))):
            *mixture, own = known.groups({**orders, "pattern": pattern}, 500)
            self.assertAlmostEqual(known.pages_within(mixture, seconds), pages, 6, (pattern, seconds))
            self.assertEqual(own[1], known.OWN_PAGES)
        self.assertEqual(len(known.groups({**orders, "pattern": "idle"}, 0)), 1)

    def test_places_are_shares_of_memory(self):
        at = known.spread(6400, [(0, 3200, 300), (6300, 100, 100)])
        self.assertAlmostEqual(sum(at), 1)
        self.assertAlmostEqual(at[0], 0.75 / 32)
        self.assertEqual((at[40], round(at[63], 9)), (0, 0.25))


class Measured(kvmtest.TestCase):
    LOG = """7@10.000100:migration_bitmap_sync_start
7@10.000500:migration_bitmap_sync_end dirty_pages 0
7@11.000000:migration_bitmap_sync_start
7@11.000100:migration_bitmap_sync_end dirty_pages 30
7@11.200000:migration_bitmap_sync_start
7@11.200200:migration_bitmap_sync_end dirty_pages 2
7@11.200500:migration_completion_vm_stop ret 0
7@11.200600:migration_bitmap_sync_start
7@11.200650:migration_bitmap_sync_end dirty_pages 2
7@11.209500:migration_thread_after_loop
"""

    def test_steps_of_a_migration_are_read_from_its_trace(self):
        steps = constants.steps_of(self.LOG)
        for name, wanted in (("first sync", [0.0004]), ("sync", [0.0001, 0.0002]), ("late", [0.0003]), ("stop", [0.009])):
            self.assertEqual([round(each, 6) for each in steps[name]], wanted, name)
        # Without a sync in between nothing is known of how late the guest is stopped.
        lines = self.LOG.splitlines(keepends=True)
        self.assertEqual(constants.steps_of("".join(lines[:2] + lines[6:]))["late"], [])

    def test_a_curve_is_straight_between_the_moments_that_are_named(self):
        said = {"dirty": {"curve": [{"seconds": 0.5, "pages": 100}, {"seconds": 1.0, "pages": 160}]}}
        for seconds, pages in ((0, 0), (0.25, 50), (0.5, 100), (0.75, 130), (1.0, 160), (9.0, 160)):
            self.assertEqual(rates.pages_at(said, seconds), pages)
        self.assertEqual(rates.mean_error([(90, 100), (120, 100), (5, 0)]), "15.0%")
        self.assertEqual(rates.mean_error([(5, 0)]), "-")

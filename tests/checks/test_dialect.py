# SPDX-License-Identifier: MIT
"""The check of the dialect finds what it is there for, and nothing else."""
import importlib.machinery
import importlib.util
import pathlib
import unittest

LOADER = importlib.machinery.SourceFileLoader("dialect", str(pathlib.Path(__file__).resolve().parent / "dialect"))
dialect = importlib.util.module_from_spec(importlib.util.spec_from_loader("dialect", LOADER))
LOADER.exec_module(dialect)


class Dialect(unittest.TestCase):
    def found(self, text):
        return [number for number, _ in dialect.problems_of(text)]

    def test_slashes_are_for_the_head_of_a_file(self):
        self.assertEqual(self.found("// SPDX\n// What it is.\n\nint x; // no\n"), [4])
        self.assertEqual(self.found('char *u = "https://example.org";\n'), [])

    def test_colour(self):
        self.assertEqual(self.found("int color;\n"), [1])
        self.assertEqual(self.found('start_color(); if (no_color && COLOR_RED) say("--no-color");\n'), [])

    def test_what_a_call_says(self):
        self.assertEqual(self.found("    int r = f();\n"), [1])
        self.assertEqual(self.found("    int result = f();\n    int rows = 1;\n    struct rect r = x;\n"), [])


if __name__ == "__main__":
    unittest.main()

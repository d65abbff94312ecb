# SPDX-License-Identifier: MIT
"""The check of links finds what it is there for."""
import importlib.machinery
import importlib.util
import pathlib
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
LOADER = importlib.machinery.SourceFileLoader("links", str(HERE / "links"))
links = importlib.util.module_from_spec(importlib.util.spec_from_loader("links", LOADER))
LOADER.exec_module(links)


class Links(unittest.TestCase):
    def problems(self, text):
        with tempfile.TemporaryDirectory() as name:
            top = pathlib.Path(name).resolve()
            (top / "docs").mkdir()
            (top / "docs/a.md").write_text(text)
            (top / "b.md").write_text("# One heading: `code`, and 2\n```\n# no heading\n```\n")
            return list(links.problems(top))

    def test_what_is_there(self):
        self.assertEqual(self.problems("[b](../b.md) [part](../b.md#one-heading-code-and-2) [docs](../docs)"), [])

    def test_a_file_that_is_not_there(self):
        self.assertEqual(self.problems("[c](c.md)"), ["docs/a.md: there is no c.md"])

    def test_a_part_that_is_not_there(self):
        self.assertEqual(len(self.problems("[b](../b.md#no-heading)")), 1)

    def test_a_link_out_of_the_tree(self):
        self.assertIn("leads out of the tree", self.problems("[up](../..)")[0])

    def test_addresses_and_code_are_no_links(self):
        self.assertEqual(self.problems("[web](https://a.example/b.md) `[c](c.md)`\n```\n[c](c.md)\n```\n"), [])


if __name__ == "__main__":
    unittest.main()

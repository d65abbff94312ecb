# SPDX-License-Identifier: MIT
"""The check of rooms finds what it is there for."""
import importlib.machinery
import importlib.util
import pathlib
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
LOADER = importlib.machinery.SourceFileLoader("rooms", str(HERE / "rooms"))
rooms = importlib.util.module_from_spec(importlib.util.spec_from_loader("rooms", LOADER))
LOADER.exec_module(rooms)


class Rooms(unittest.TestCase):
    def problems(self, files):
        with tempfile.TemporaryDirectory() as name:
            top = pathlib.Path(name)
            for path, included in files.items():
                (top / path).parent.mkdir(parents=True, exist_ok=True)
                (top / path).write_text("".join(f'#include "{i}"\n' for i in included))
                (top / path).with_name("README.md").write_text("A room.\n")
            return list(rooms.problems(top))

    def test_arrows_downwards_are_well(self):
        self.assertEqual(self.problems({"ui/view/a.c": ["ui/state/b.h", "core/base/c.h", "ui/view/a.h"],
                                        "ui/state/b.h": ["core/base/c.h"]}), [])

    def test_arrow_upwards_between_rooms(self):
        found = self.problems({"core/base/c.h": ["core/find/d.h"]})
        self.assertEqual(len(found), 1)
        self.assertIn("core/base/c.h includes core/find/d.h", found[0])

    def test_arrow_upwards_between_layers(self):
        self.assertIn("core/scan may include", self.problems({"core/scan/s.c": ["ui/grid/g.h"]})[0])

    def test_circle_of_two(self):
        found = self.problems({"ui/state/a.h": ["ui/state/b.h"], "ui/state/b.c": ["ui/state/a.h"]})
        self.assertEqual(found, ["a circle of includes: ui/state/a -> ui/state/b -> ui/state/a"])

    def test_circle_of_three_through_an_internal_header(self):
        found = self.problems({"core/scan/a.c": ["core/scan/b.h"], "core/scan/b.h": ["core/scan/c_internal.h"],
                               "core/scan/c.c": ["core/scan/a.h"]})
        self.assertEqual(len(found), 1)
        self.assertIn("core/scan/a -> core/scan/b -> core/scan/c -> core/scan/a", found[0])

    def test_what_files_of_one_module_share_is_no_circle(self):
        self.assertEqual(self.problems({"core/scan/s_part.c": ["core/scan/s_internal.h"],
                                        "core/scan/s_internal.h": ["core/scan/s.h"],
                                        "core/scan/s.c": ["core/scan/s_internal.h"]}), [])

    def test_a_file_outside_of_rooms(self):
        self.assertIn("there is no room core", self.problems({"core/x.c": ["core/base/a.h"]})[0])

    def test_a_new_room_without_a_row(self):
        self.assertIn("there is no room ui/new", self.problems({"ui/new/x.c": []})[0])

    def test_arrow_with_angle_brackets_or_in_a_list(self):
        self.assertEqual(len(self.problems({"core/base/a.def": ["core/find/x.h"]})), 1)
        with tempfile.TemporaryDirectory() as name:
            room = pathlib.Path(name) / "core/base"
            room.mkdir(parents=True)
            (room / "README.md").write_text("A room.\n")
            (room / "a.c").write_text("#include <core/find/x.h>\n#include <stdio.h>\n")
            self.assertEqual(len(list(rooms.problems(pathlib.Path(name)))), 1)

    def test_a_room_that_does_not_say_what_it_is(self):
        with tempfile.TemporaryDirectory() as name:
            (pathlib.Path(name) / "core/base").mkdir(parents=True)
            self.assertIn("core/base has no README.md", list(rooms.problems(pathlib.Path(name)))[0])


if __name__ == "__main__":
    unittest.main()

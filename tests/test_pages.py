"""Generated parts of documentation pages."""

import pytest

from gan_lightning.errors import UserError
from scripts.benchmarks.pages import replace_part


def test_only_the_named_part_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- end of x -->\nb\n<!-- y -->\n<!-- end of y -->\n")
    replace_part(page, "x", "new\n")
    replace_part(page, "y", "more")
    assert page.read_text() == "a\n<!-- x -->\nnew\n<!-- end of x -->\nb\n<!-- y -->\nmore\n<!-- end of y -->\n"


def test_page_without_the_part_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(UserError, match=r"page\.md: has no lines <!-- x --> and <!-- end of x -->"):
        replace_part(page, "x", "new")

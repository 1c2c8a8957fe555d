"""The files of the page: their words in both languages, and rules that its security policy asks for."""

import json
import re
from pathlib import Path

import pytest

from gan_lightning import studio

PAGE = Path(studio.__file__).parent / "page"
MODULES = sorted(PAGE.glob("*.js"))
WORDS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((PAGE / "words").glob("*.json"))}
COMMENT = re.compile(r"/\*[\s\S]*?\*/|(?<![:\"'])//.*")
LITERAL = re.compile(r"""["'`]([a-z]+\.[a-z_]+(?:\.[a-z_]+)*)["'`]""")
TEMPLATE = re.compile(r"`([a-z]+\.(?:[a-z_]+\.)*[a-z_]*)\$\{[^}]+\}([a-z_.]*)`")  # such as `nav.${name}`
PLURALS = ("", ".one", ".other")
# The policy of the page forbids the first four groups; the rest would turn a visitor's text into HTML.
FORBIDDEN = re.compile(
    r"\bstyle\s*=|setAttribute\(\s*[\"']style|\bstyle: (?!\"unit\")|\beval\(|new Function|javascript:"
    r"|<script(?! type=\"module\" src)|\bon[a-z]+=[\"']"
    r"|innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextual"
    r"|srcdoc|DOMParser"
)


def code() -> dict[str, str]:
    """Return the modules without their comments, by their names."""
    return {path.name: COMMENT.sub("", path.read_text(encoding="utf-8")) for path in MODULES}


def used_keys() -> tuple[dict[str, str], set[tuple[str, str]]]:
    """Return keys with the module that uses them, and the (start, end) of keys that are put together."""
    literals = {key: name for name, text in code().items() for key in LITERAL.findall(text)}
    return literals, {found for text in code().values() for found in TEMPLATE.findall(text)}


def test_languages_have_the_same_keys():
    assert set(WORDS) == {"en", "zh"}
    assert WORDS["en"].keys() == WORDS["zh"].keys()


@pytest.mark.parametrize("language", WORDS)
def test_words_are_sorted_texts(language):
    words = WORDS[language]
    assert list(words) == sorted(words)
    assert all(isinstance(text, str) and text.strip() for text in words.values())


def test_translations_have_the_same_placeholders():
    def names(text):
        return set(re.findall(r"\{(\w+)\}", text))

    differing = {key: text for key, text in WORDS["en"].items() if names(text) != names(WORDS["zh"][key])}
    assert not differing


def test_plurals_are_complete():
    stems = {key.rpartition(".")[0] for key in WORDS["en"] if key.endswith((".one", ".other"))}
    assert not {stem for stem in stems if not {f"{stem}.one", f"{stem}.other"} <= WORDS["en"].keys()}


def test_all_words_that_modules_use_exist():
    literals, templates = used_keys()
    files = {path.name for path in PAGE.rglob("*")}
    missing = {
        key: module
        for key, module in literals.items()
        if key not in files and not any(key + plural in WORDS["en"] for plural in PLURALS)
    }
    assert not missing
    for start, end in templates:
        assert any(key.startswith(start) and key.endswith(end) for key in WORDS["en"]), f"{start}…{end}"


def test_all_words_are_used():
    literals, templates = used_keys()
    unused = {
        key
        for key in WORDS["en"]
        if key.removesuffix(".one").removesuffix(".other") not in literals
        and not any(key.startswith(start) and key.endswith(end) for start, end in templates)
    }
    assert not unused


def test_refusals_of_the_server_have_words():
    """The page shows the server's own English message for codes without words."""
    text = "".join(path.read_text(encoding="utf-8") for path in PAGE.parent.rglob("*.py"))
    codes = set(re.findall(r'Refusal\(\s*\d+,\s*"(\w+)"', text))
    codes |= {f"unknown_{kind}" for kind in re.findall(r'\bunknown\("(\w+)"', text)}
    assert len(codes) > 30
    missing = {code for code in codes if f"error.{code}" not in WORDS["en"]}
    assert not missing


@pytest.mark.parametrize("path", [*MODULES, PAGE / "index.html"], ids=lambda path: path.name)
def test_files_keep_to_the_security_policy(path):
    text = path.read_text(encoding="utf-8")
    assert not FORBIDDEN.findall(text)
    if path.suffix == ".html":
        assert "http:" not in text.replace("http://www.w3.org/2000/svg", "").replace("http:'", "")


def test_imported_modules_and_names_exist():
    texts = code()
    for name, text in texts.items():
        for names, module in re.findall(r"import (?:\{([^}]*)\}|\* as \w+) from \"\./([\w.]+)\";", text):
            assert module in texts, f"{name} imports {module}"
            for imported in filter(None, (one.split(" as ")[0].strip() for one in names.split(","))):
                exported = rf"export (?:async )?(?:function|class|const|let) {imported}\b"
                assert re.search(exported, texts[module]), f"{name} imports {imported} of {module}"


def test_every_module_belongs_to_a_screen():
    texts = code()
    screens = re.search(r"SCREENS = \[([^\]]*)\]", texts["app.js"])
    reached, waiting = set(), ["app.js", *(f"{name}.js" for name in re.findall(r'"(\w+)"', screens[1]))]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += re.findall(r"from \"\./([\w.]+)\"", texts[name])
    assert reached == texts.keys()


def test_each_screen_has_the_interface_of_screens():
    for name in re.findall(r'"(\w+)"', re.search(r"SCREENS = \[([^\]]*)\]", code()["app.js"])[1]):
        text = code()[f"{name}.js"]
        assert re.search(rf'export default \{{\s*name: "{name}",\s*render\b', text), name


def test_files_of_the_page_are_few_and_small():
    """The page loads in well under a second because it has no dependencies."""
    suffixes = {path.suffix for path in PAGE.rglob("*") if path.is_file()}
    assert suffixes <= {".html", ".css", ".js", ".json"}
    assert sum(path.stat().st_size for path in PAGE.rglob("*") if path.is_file()) < 400_000


def test_page_refers_to_files_that_exist():
    references = re.findall(r'(?:src|href)="/page/([^"]+)"', (PAGE / "index.html").read_text(encoding="utf-8"))
    assert references
    assert all((PAGE / name).is_file() for name in references)

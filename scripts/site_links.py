"""A hook of MkDocs: links that work on a forge, from and to files outside `docs/`, work in the site too.

The site gets this project's `README.md` as `start.md` and `CONTRIBUTING.md` as `contributing.md`, and below `source/` a copy of each other
file that a page links to.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
PAGES = {"README.md": "start.md", "CONTRIBUTING.md": "contributing.md"}
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")


def in_the_site(folder: Path, link: str) -> str:
    """The place in the site, from the top of it, of what a page in `folder` links to."""
    path = (folder / link).resolve().relative_to(ROOT).as_posix()
    return PAGES.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else f"source/{path}")


def linked(text: str, folder: Path) -> str:
    """The page with its links as they are in the site, where all pages are at the top."""
    return LINK.sub(lambda found: in_the_site(folder, found[0]), text)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and files from outside `docs/`."""
    texts = {ROOT / name: (ROOT / name).read_text(encoding="utf-8") for name in PAGES}
    for path, text in texts.items():
        files.append(File.generated(config, PAGES[path.name], content=linked(text, ROOT)))
    texts |= {path: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}
    outside = {in_the_site(path.parent, found[0]) for path, text in texts.items() for found in LINK.finditer(text)}
    for place in sorted(outside):
        if place.startswith("source/") and (path := ROOT / place.removeprefix("source/")).is_file():
            files.append(File.generated(config, place, content=path.read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Give the pages of `docs/` their links; those from outside have them."""
    return markdown if page.file.generated_by else linked(markdown, ROOT / "docs")

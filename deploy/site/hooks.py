"""What the site needs beyond docs/: the decisions in its navigation, a way in, and text for links that leave docs/."""

import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#]+)[^)]*\)")


def on_config(config: Any) -> Any:
    """Append the decisions, which are numbered, to the navigation."""
    decisions = sorted(path.name for path in (Path(config.docs_dir) / "decisions").glob("*.md"))
    config.nav.append({"Decisions": [f"decisions/{name}" for name in decisions]})
    return config


def on_post_build(config: Any) -> None:
    """Lead from the site's root to its first page."""
    first = '<!doctype html><meta http-equiv="refresh" content="0; url=quick-start.html"><title>Augmentation</title>'
    (Path(config.site_dir) / "index.html").write_text(first + '<a href="quick-start.html">Quick start</a>\n')


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Replace links to files of the repository outside docs/ by the file's name: a site does not have them."""
    docs = Path(config.docs_dir).resolve()
    folder = Path(page.file.abs_src_path).parent

    def unlink(match: re.Match[str]) -> str:
        text, target = match.groups()
        path = (folder / target).resolve()
        if path.is_relative_to(docs):
            return match[0]
        if not path.exists():
            raise FileNotFoundError(f"{page.file.src_uri} links to {target}, which does not exist")
        return (
            f"{text} (`{path.relative_to(docs.parent)}`)" if text != str(path.relative_to(docs.parent)) else f"`{text}`"
        )

    return _LINK.sub(unlink, markdown)

"""A page read with a real HTML parser: its tree, its text, and a short outline for the golden file.

Belongs here: reading markup strictly (each element closed in its turn). Does not: checks of what a page says.
"""

from html.parser import HTMLParser

_VOID = {"meta", "link", "img", "br", "hr", "input"}
_SVG_LEAVES = {"rect", "path", "line", "circle"}
_PARTS = {"p", "dt", "dd", "td", "th", "span", "b"}
_BLOCKS = {
    "title",
    "h1",
    "h2",
    "h3",
    "p",
    "dt",
    "dd",
    "li",
    "tr",
    "caption",
    "figcaption",
    "summary",
    "ul",
    "ol",
    "dl",
    "div",
    "table",
    "svg",
}


class Page(HTMLParser):
    """The elements in document order as (name, attributes, path), and the text of each as (path, text)."""

    def __init__(self, markup: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str], tuple[str, ...]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self.lines: list[str] = [""]
        self._open: list[str] = []
        self.feed(markup)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice in {tag}"
        self.elements.append((tag, {name: value or "" for name, value in attrs}, tuple(self._open)))
        self._break(tag)
        if tag == "summary":
            self.lines[-1] += "▸ "
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in _SVG_LEAVES, f"<{tag}/> closes nothing in HTML"
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open and self._open[-1] == tag, f"</{tag}> inside {self._open}"
        self._open.pop()
        self._break(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(self._open), data))
        if not {"style", "svg"} & set(self._open) and not {"details", "table"} <= set(self._open):
            self.lines[-1] += data if data.strip() else " "

    def _break(self, tag: str) -> None:
        """A new line for a block; a bar for a block inside one entry of a list, table or dl."""
        is_inside = {"li", "tr"} & set(self._open) or "dl" in self._open[:-1]
        if is_inside and tag in _PARTS:
            self.lines[-1] += " | "
        elif not is_inside and tag in _BLOCKS:
            self.lines.append("")

    @property
    def text(self) -> str:
        """Everything that can be read, white space folded, style left out."""
        return " ".join(" ".join(data for path, data in self.texts if "style" not in path).split())

    def outline(self) -> str:
        """One line per block of text, ▸ where a click opens more; tables behind one and drawings left out."""
        lines = [" | ".join(part for part in (" ".join(part.split()) for part in line.split("|")) if part) for line in self.lines]
        return "\n".join(line for line in lines if line) + "\n"

    def section(self, name: str) -> str:
        """The outline from the heading `name` up to the next section's heading."""
        headings = [text for path, text in self.texts if path[-1:] == ("h2",)]
        lines = self.outline().splitlines()
        start = lines.index(name)
        end = next((place for place in range(start + 1, len(lines)) if lines[place] in headings), len(lines))
        return "\n".join(lines[start:end])

"""The look of our own pages: one self-contained HTML file each, readable without JavaScript and in print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from radloop.records import Verdict

#: Colour, icon and word, so that nobody needs to tell the colours apart.
CHIPS = {
    Verdict.HEALTHY: ("#00664d", "✓"),
    Verdict.WATCH: ("#8a5a00", "◉"),
    Verdict.RETRAIN: ("#a83a00", "↻"),
    Verdict.STOP: ("#9b0029", "■"),
}

CSS = """
:root{--ink:#1d2733;--soft:#5b6775;--line:#dfe4ea;--paper:#fff;--wash:#f5f7f9;--blue:#0b5c94}
*{box-sizing:border-box}
body{margin:0;background:var(--wash);color:var(--ink);
font:15px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 24px 56px}
h1{font-size:26px;line-height:1.25;margin:4px 0 14px}h2{font-size:18px;margin:0 0 12px}
.over{color:var(--soft);font-size:13px;letter-spacing:.06em;text-transform:uppercase;margin:0}
.card{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:20px 22px;margin:0 0 18px}
.verdict{border-left:8px solid var(--c)}
.sentence{font-size:17px;margin:12px 0 0;max-width:92ch}
.chip{display:inline-block;background:var(--c);color:#fff;border-radius:999px;padding:2px 14px 3px;font-weight:650;
white-space:nowrap}
.big{font-size:20px;padding:4px 20px 6px}
.note{background:#fff6dc;border:1px solid #e4c766;border-radius:8px;padding:10px 16px;margin:0 0 18px}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(210px,1fr));gap:12px 28px;margin:0}
dt{color:var(--soft);font-size:13px}dd{margin:0;font-weight:550;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;font-size:14px}
th{text-align:left;color:var(--soft);font-weight:600;border-bottom:2px solid var(--line);padding:6px 10px 6px 0}
td{border-bottom:1px solid var(--line);padding:7px 10px 7px 0;vertical-align:top;overflow-wrap:break-word}
tr:last-child td{border-bottom:0}.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.moved{color:#a83a00;font-weight:650;white-space:nowrap}.still{color:#00664d;font-weight:600;white-space:nowrap}
.none{color:var(--soft);white-space:nowrap}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(470px,1fr));gap:18px}
.grid .card{margin:0}figure{margin:0}figure svg{width:100%;height:auto;display:block}
figcaption,.small{color:var(--soft);font-size:13px}
a{color:var(--blue)}.links a{display:inline-block;margin:0 18px 4px 0}
.scroll{overflow-x:auto}
@media print{body{background:#fff}.card{break-inside:avoid}}
"""


def page(name: str, body: str) -> str:
    """A whole page; scripts and anything from elsewhere are forbidden to it."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(name)}</title>'
        f"<style>{CSS}</style></head><body><main>{body}</main></body></html>\n"
    )


def chip(verdict: str, size: str = "") -> str:
    """A verdict as icon and word on its colour."""
    colour, icon = CHIPS[Verdict(verdict)]
    return f'<span class="chip {size}" style="--c:{colour}">{icon} {escape(verdict)}</span>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: frozenset[int] = frozenset()) -> str:
    """A table of cells that are HTML already; columns in `numbers` are right-aligned."""

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(f"<{tag}{' class=num' if i in numbers else ''}>{cell}</{tag}>" for i, cell in enumerate(row))

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{cells("th", head)}</tr></thead><tbody>{body}</tbody></table></div>'


def card(heading: str, body: str) -> str:
    """A titled box."""
    return f'<section class="card"><h2>{escape(heading)}</h2>{body}</section>'


def link(text: str, address: str) -> str:
    """A link, or its text alone where the address is of a kind that could run code."""
    return f'<a href="{escape(address, quote=True)}">{escape(text)}</a>' if _harmless(address) else escape(text)


def markdown_link(text: str, address: str) -> str:
    """The same in Markdown, with what would end the address early written in hexadecimal."""
    whole = address.replace(" ", "%20").replace("(", "%28").replace(")", "%29")
    return f"[{text}]({whole})" if _harmless(address) else text


def _harmless(address: str) -> bool:
    kind = address.split(":", 1)[0].lower() if ":" in address.split("/", 1)[0] else ""
    return kind in ("", "http", "https", "file")


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and values side by side; values are HTML already."""
    return "<dl>" + "".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in pairs) + "</dl>"

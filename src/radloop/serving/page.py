"""The service's own documentation page: no content network, so it works in a hospital without internet."""

from __future__ import annotations

from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733 }
h1 { font-size: 1.5rem } h2 { font-size: 1.05rem; margin: 1.6rem 0 .2rem }
code, pre { font-family: ui-monospace, monospace; font-size: .88rem; background: #f2f4f7; border-radius: 4px }
code { padding: .1rem .3rem } pre { padding: .8rem; overflow-x: auto; white-space: pre-wrap }
.verb { color: #fff; background: #1d5fa8; border-radius: 4px; padding: .1rem .5rem; margin-right: .5rem }
table { border-collapse: collapse } td { padding: .15rem 1rem .15rem 0; vertical-align: top }
"""

_SCRIPT = """
document.querySelector('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const token = document.querySelector('#token').value;
  const reply = await fetch('predict', { method: 'POST', body: document.querySelector('#file').files[0],
    headers: token ? { Authorization: 'Bearer ' + token } : {} });
  document.querySelector('#reply').textContent = reply.status + '\\n' + JSON.stringify(await reply.json(), null, 2);
});
"""


def docs_page(schema: dict[str, Any]) -> str:
    """An HTML page made from the OpenAPI schema, with a form that asks the model about one file."""
    info = schema["info"]
    operations = [
        _operation(verb, path, operation)
        for path, verbs in schema["paths"].items()
        for verb, operation in verbs.items()
    ]
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><style>{_STYLE}</style>
<h1>{escape(info["title"])}</h1><p>{escape(info["description"])}
The machine-readable description is <a href="openapi.json">openapi.json</a>.</p>
{"".join(operations)}
<h2>Try it</h2><form><label>File: <input type="file" id="file" required></label>
<label>Token, if one is asked for: <input type="password" id="token" autocomplete="off"></label>
<button>Ask</button></form><pre id="reply">No answer yet.</pre>
<script>{_SCRIPT}</script></html>"""


def _operation(verb: str, path: str, operation: dict[str, Any]) -> str:
    replies = "".join(
        f"<tr><td><code>{escape(code)}</code></td><td>{escape(reply['description'])}</td></tr>"
        for code, reply in operation["responses"].items()
    )
    return (
        f'<h2><span class="verb">{escape(verb.upper())}</span><code>{escape(path)}</code></h2>'
        f"<p>{escape(operation.get('description', ''))}</p><table>{replies}</table>"
    )

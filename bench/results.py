"""What the benchmarks found: kept in `bench/results.json`, shown in `bench/RESULTS.md`; the README quotes from here.

Each benchmark is a section with rows. A row replaces the one with the same key, so that a part can be measured anew;
what another machine has measured is dropped. `python -m bench.results` writes both anew from the numbers kept.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from litegold.conformance.engines.peers.table import PEERS
from litegold.jit_kernels.isa import HOST, LEVELS

ROOT = Path(__file__).parents[1]
STORE = ROOT / "bench" / "results.json"
PAGE = ROOT / "bench" / "RESULTS.md"
Row = Mapping[str, Any]
# By the name of the section: what shows its rows. In the order of the page.
SECTIONS: Final = ("networks", "shortfalls", "formats", "elementwise", "roofline", "startup")
# What a reader may want to know of the processor beyond the instruction set that the kernels use.
NOTABLE = ("avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "avx_vnni", "asimddp", "i8mm")


def machine() -> dict[str, Any]:
    """Return what the figures depend on and what does not change while they are taken."""
    facts = _cpuinfo()
    flags = facts.get("flags", facts.get("Features", "")).split()
    packages = ("numpy", "numba", "llvmlite")
    return {
        "processor": facts.get("model name", platform.processor() or platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "kernels": isa(),
        "has": [flag for flag in NOTABLE if flag in flags],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "engines": {name: _version(name) for name in PEERS if PEERS[name].available()},
    }


def _cpuinfo() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _version(name: str) -> str:
    try:
        return PEERS[name].version()
    except PackageNotFoundError:
        return "?"


def stamp() -> dict[str, Any]:
    """Return when and of what a row is measured, and how busy the machine was with other things before."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "commit": _commit(),
        "load": round(os.getloadavg()[0], 1),
    }


def _commit() -> str:
    """Return the commit, with a + where files other than the results differ from it."""
    made = [":!README.md", ":!bench/RESULTS.md", ":!bench/results.json", ":!bench/*.png"]
    try:
        name = _git("rev-parse", "--short=8", "HEAD")
        return name + "+" * bool(_git("status", "--porcelain", "--", ".", *made))
    except (OSError, subprocess.CalledProcessError):
        return "?"


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def isa() -> str:
    """Return the name of the instruction set that the kernels use: the widest of which most is there."""
    return [n for n, f in LEVELS.items() if 2 * len(f & HOST) > len(f) or not f][-1]


def load(store: Path = STORE) -> dict[str, Any]:
    """Return what is kept."""
    if not store.exists():
        return {"machine": {}, "sections": {}}
    found: dict[str, Any] = json.loads(store.read_text())
    return found


def keep(
    section: str,
    rows: Sequence[Row],
    key: Callable[[Row], Any],
    store: Path = STORE,
    *,
    whole: bool = False,
) -> None:
    """Enter rows in place of those with the same key, or of the `whole` section, and write the page anew."""
    kept, here = load(store), machine()
    if kept["machine"].get("processor") != here["processor"]:
        kept = {"machine": {}, "sections": {}}
    kept["machine"] = here
    before = [] if whole else kept["sections"].get(section, [])
    table = {json.dumps(key(row)): row for row in before}
    table |= {json.dumps(key(row)): _rounded(row) for row in rows}
    kept["sections"][section] = list(table.values())
    temporary = store.with_name(f".{store.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(kept, indent=1) + "\n")
    temporary.replace(store)
    if store == STORE:
        publish()


def _rounded(value: Any) -> Any:
    """Round floats to four digits: the fifth is noise."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, list | tuple) else value


def page(kept: Mapping[str, Any]) -> str:
    """Return RESULTS.md."""
    parts = [
        "# Results",
        "Written by `python -m bench.*`; not to be edited.",
        about(kept["machine"]),
    ]
    for name in SECTIONS:
        if kept["sections"].get(name):
            module = importlib.import_module(f"bench.{name}")
            parts.append(module.markdown(kept["sections"][name]))
    return "\n\n".join(parts) + "\n"


def about(facts: Mapping[str, Any]) -> str:
    """Return the machine in words."""
    spelled = {
        k: ", ".join(f"{n} {v}" for n, v in facts[k].items()) for k in ("packages", "engines")
    }
    lines = [
        f"Machine: {facts['processor']}, {facts['cores']} cores, {facts['system']}; "
        f"kernels for {facts['kernels']}; the processor also has {', '.join(facts['has']) or 'nothing'}.",
        f"Python {facts['python']}, {spelled['packages']}.",
        f"Engines: {spelled['engines']}.",
    ]
    return "\n".join(lines)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; all columns but the first are numbers."""
    marks = ["---"] + ["---:"] * (len(headings) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in (headings, marks, *rows))


def excerpt(kept: Mapping[str, Any] | None = None) -> str:
    """Return what the README says of speed."""
    kept = load() if kept is None else kept
    rows = kept["sections"].get("networks")
    if not rows:
        return "Nothing measured yet."
    networks = importlib.import_module("bench.networks")
    facts = kept["machine"]
    where = f"On {facts['processor']}, {facts['cores']} cores ({facts['kernels']})"
    if max(row.get("load", 0) for row in rows) > facts["cores"]:
        where += ", where other programs were running"
    return (
        f"{networks.summary(rows)}\n\n{where}. All figures: [bench/RESULTS.md](bench/RESULTS.md)."
    )


def publish() -> None:
    """Write the page and what the README quotes."""
    PAGE.write_text(page(load()))
    replace_part(ROOT / "README.md", "bench", excerpt())


def replace_part(path: Path, mark: str, text: str) -> None:
    """Replace what stands between `<!-- mark -->` and the next `<!-- end -->`."""
    head, rest = path.read_text().split(f"<!-- {mark} -->")
    tail = rest.partition("<!-- end -->")[2]
    path.write_text(f"{head}<!-- {mark} -->\n{text}\n<!-- end -->{tail}")


if __name__ == "__main__":
    publish()

"""`litegold bench`: how long a run takes, beside every other engine that is installed, interleaved in one process."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ..conformance.agreement import expect
from ..conformance.contest import FED, OURS, Contest, Files, hold
from ..conformance.engines.peers.table import PEERS
from ..conformance.engines.timing import Ratio, Timing
from ..conformance.inputs import random_feeds
from ..face import load
from ..ir import Graph, InputError
from ..train.models.table import MODELS
from . import app, screen


@app.command()
def bench(
    models: Annotated[list[str], typer.Argument(help="model files, or networks by name")],
    rounds: Annotated[int, typer.Option(help="turns of each; 0: as many as fit")] = 0,
    seconds: Annotated[float, typer.Option(help="for a network and a number of threads")] = 10.0,
    threads: Annotated[
        list[int] | None, typer.Option(help="of every engine; may be repeated")
    ] = None,
    peers: Annotated[bool, typer.Option(help="also time the other engines")] = True,
    only: Annotated[list[str] | None, typer.Option(help="these engines alone")] = None,
    picture: Annotated[Path | None, typer.Option(help="write a bar chart here")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """Time MODELS: the plan, and each installed engine that agrees with the oracle; then with feeding and fetching.

    A network by name is one of `train/models`, with random weights: mobilenet_v2, resnet50, lstm2 ...
    """
    unknown = [n for n in only or () if n not in PEERS]
    if unknown:
        raise InputError(f"--only {unknown[0]}: one of {', '.join(PEERS)}")
    names = (only or list(PEERS)) if peers else []
    contests = []
    with screen.bar() as progress:
        for i, model in enumerate(models):
            progress(model, i, len(models))
            counts = threads or [1]
            contests += contests_of(model, names, counts, rounds=rounds, seconds=seconds)
    if picture is not None:
        draw(contests, picture)
    if as_json:
        screen.emit_json(
            {"models": [facts(c) for c in contests], "geometric_mean": means(contests)}
        )
        return
    for count in dict.fromkeys(c.threads for c in contests):
        show([c for c in contests if c.threads == count])


def network(model: str) -> tuple[Graph, bytes]:
    """Return a network by its name, or from a file, and the file."""
    if model in MODELS:
        return MODELS[model](), b""
    path = Path(model)
    if not path.is_file():
        raise InputError(f"{model}: neither a file nor one of {', '.join(sorted(MODELS))}")
    return load(path).graph, path.read_bytes()


def contests_of(
    model: str, peers: Sequence[str], threads: Sequence[int], *, rounds: int, seconds: float
) -> list[Contest]:
    """Hold a contest for each number of threads; the oracle runs once."""
    graph, source = network(model)
    feeds = random_feeds(graph, seed=0)
    expectation, files = expect(graph, feeds), Files(graph, source)
    contests = []
    for count in threads:
        found = hold(
            graph,
            feeds,
            expectation,
            files,
            threads=count,
            rounds=rounds,
            seconds=seconds,
            peers=peers,
        )
        found.network = Path(model).name
        contests.append(found)
    return contests


def facts(contest: Contest) -> dict[str, Any]:
    """Return plain values: of each contestant, and our ratio to the fastest other."""
    result: dict[str, Any] = {
        "model": contest.network,
        "format": contest.format,
        "threads": contest.threads,
        "rounds": contest.rounds,
    }
    for name, timing in contest.timings.items():
        result[name] = _microseconds(timing)
        if name in contest.agreements:
            agreement = contest.agreements[name]
            result[name] |= {"off": agreement.worst, "allowed": agreement.allowed}
    for end in ("", FED):
        ratio, peer = contest.ratio(end), contest.best_peer(end)
        if ratio is not None:
            result["ratio" + end] = ratio.median
            result["ratio" + end + " quartiles"] = [ratio.low, ratio.high]
            result["best peer" + end] = peer
    return result | {"left out": contest.left_out}


def _microseconds(timing: Timing) -> dict[str, Any]:
    return {"median_us": timing.median * 1e6, "best_us": timing.best * 1e6, "spread": timing.spread}


def means(contests: Sequence[Contest]) -> dict[str, float]:
    """Return the geometric means of our ratios to the fastest others."""
    found = {}
    for end in ("", FED):
        ratios = [r.median for r in (c.ratio(end) for c in contests) if r is not None]
        if ratios:
            found["ratio" + end] = math.exp(sum(map(math.log, ratios)) / len(ratios))
    return found


def show(contests: Sequence[Contest]) -> None:
    """Print a row a network, then the geometric mean of the ratios, and who did not take part."""
    threads = contests[0].threads
    peers = list(dict.fromkeys(n for c in contests for n in c.agreements if n != OURS))
    title = f"milliseconds, medians, {threads} thread(s); below, the time with feeding and fetching"
    table = Table(title=title, show_lines=True)
    table.add_column("network")
    for heading in (OURS, *peers, "ratio to the best", "spread"):
        table.add_column(heading, justify="right")
    for c in contests:
        times = [_cell(c, name) for name in (OURS, *peers)]
        ratios = "\n".join(_ratio(c.ratio(end)) for end in ("", FED))
        table.add_row(c.network, *times, ratios, _spread(c))
    screen.out.print(table)
    bars(contests)
    for key, value in means(contests).items():
        screen.out.print(f"geometric mean, {key}: {value:.2f}")
    for c in contests:
        for name, reason in c.left_out.items():
            screen.out.print(f"{c.network}: without {name}: {reason}", style="dim", markup=False)


def _cell(contest: Contest, name: str) -> str:
    both = (contest.timings.get(name + end) for end in ("", FED))
    return "\n".join("-" if t is None else f"{t.median * 1e3:.4g}" for t in both)


def _ratio(ratio: Ratio | None) -> str:
    return "-" if ratio is None else f"{ratio.median:.2f} ({ratio.low:.2f} .. {ratio.high:.2f})"


def _spread(contest: Contest) -> str:
    return f"{contest.timings[OURS].spread:.0%}"


def bars(contests: Sequence[Contest], width: int = 50) -> None:
    """Print a bar a contestant: how many times as long as the plan it takes."""
    for c in contests:
        scale = max(c.timings[n].median for n in c.agreements)
        for name in c.agreements:
            share = c.timings[name].median / scale
            bar = "█" * max(1, round(width * share))
            line = f"{c.network if name == OURS else '':28.28} {name:12} {bar}"
            style = "bold green" if name == OURS else ""
            screen.out.print(line, style=style, markup=False, highlight=False)


def draw(contests: Sequence[Contest], path: Path) -> None:
    """Write a bar chart: a panel a number of threads, a group a network, the plan's time being 1."""
    pyplot = plots()
    counts = sorted({c.threads for c in contests})
    names = list(dict.fromkeys(n for c in contests for n in c.agreements))
    longest = max(sum(c.threads == n for c in contests) for n in counts)
    size = (max(6.0, 0.5 + 0.24 * longest * (len(names) + 1)), 3.4 * len(counts))
    figure, panels = pyplot.subplots(len(counts), squeeze=False, figsize=size, layout="constrained")
    for (panel,), count in zip(panels, counts, strict=True):
        mine = [c for c in contests if c.threads == count]
        _panel(panel, mine, names)
        panel.set_title(f"{count} thread(s): time / the plan's (below 1: faster than we are)")
    panels[0][0].legend(fontsize=7, ncols=len(names))
    figure.savefig(path, dpi=110, metadata={"Software": None} if path.suffix == ".png" else None)
    pyplot.close(figure)


def _panel(panel: Any, contests: Sequence[Contest], names: Sequence[str]) -> None:
    width = 1 / (len(names) + 1)
    for i, name in enumerate(names):
        shares = [_share(c.timings, name) for c in contests]
        places = [j + i * width for j in range(len(contests))]
        panel.bar(places, shares, width, label=name)
    panel.axhline(1, color="black", linewidth=0.6)
    middle = [j + width * (len(names) - 1) / 2 for j in range(len(contests))]
    panel.set_xticks(middle, [c.network for c in contests], rotation=20, ha="right", fontsize=7)


def _share(timings: Mapping[str, Timing], name: str) -> float:
    return timings[name].median / timings[OURS].median if name in timings else 0.0


def plots() -> Any:
    """Return matplotlib's pyplot, drawing to files."""
    try:
        import matplotlib
    except ImportError:
        raise InputError("pictures need matplotlib: pip install 'litegold[plots]'") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot

"""Child process of test_hostile.py: load damaged copies of a file, run those that load, report as JSON.

python tests/mutants.py FILE FIRST LAST [reference] [jit]
"""

import json
import random
import re
import sys
import time
from pathlib import Path

import litegold
from litegold.conformance.inputs import random_feeds
from litegold.ir import LitegoldError

MAX_BYTES = 16 << 20  # of all tensors of a mutant that is run


def mutant(data, seed):
    """Cut a copy of `data`, flip bits in it or set bytes, as the seed says."""
    draw = random.Random(seed)
    if seed % 4 == 0:
        return data[: draw.randrange(len(data))]
    out = bytearray(data)
    # Half of the damage goes to the ends, where FlatBuffers keep the tables; data is in the middle.
    limit = len(data) if seed % 2 else min(len(data), 4096)
    for _ in range(draw.choice((1, 1, 1, 2, 8))):
        at = draw.randrange(limit)
        if draw.random() < 0.5:
            at = len(data) - 1 - at
        if seed % 4 == 3:
            out[at] = draw.choice((0, 1, 127, 128, 255))
        else:
            out[at] ^= 1 << draw.randrange(8)
    return bytes(out)


def treat(data, seed, backends):
    """Load a mutant and run it where it is small; return what became of it."""
    try:
        net = litegold.load(mutant(data, seed))
    except LitegoldError as error:
        assert len(str(error)) > 10, repr(error)
        return "refused"
    if sum(t.nbytes for t in net.graph.tensors.values()) > MAX_BYTES:
        return "loaded"
    try:
        for backend in backends:
            net.run(random_feeds(net.graph, seed), backend=backend)
    except LitegoldError as error:
        assert len(str(error)) > 10, repr(error)
        return "stopped"
    return "ran" if backends else "loaded"


def peak_bytes():
    """Return the most memory that this program has had; `getrusage` would count its parent's, from before exec."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) * 1024


def main(path, first, last, *backends):
    """Print one JSON object; the seed at hand goes to stderr, for the case of a crash."""
    data = Path(path).read_bytes()
    report = {"refused": 0, "loaded": 0, "stopped": 0, "ran": 0, "wrong": [], "slowest": 0.0}
    for seed in range(int(first), int(last)):
        print(seed, file=sys.stderr, flush=True)
        start = time.perf_counter()
        try:
            report[treat(data, seed, backends)] += 1
        except Exception as error:
            report["wrong"].append((seed, repr(error)))
        report["slowest"] = max(report["slowest"], time.perf_counter() - start)
    report["bytes"] = peak_bytes()
    print(json.dumps(report))


if __name__ == "__main__":
    main(*sys.argv[1:])

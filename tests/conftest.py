"""What the tests have to say beside passing: how many of the drawn cases would show a fault, and what has run."""

from collections import defaultdict

SHARE = "share of telling cases"
# Tests whose agreement `litegold ops --rows` asks for, and what they are of: an operator in all its formats, or a key.
EXACT = "test_exact.py::test_reference_is_exact["
PLAN = "test_oracle.py::test_plan_equals_reference["
HOST = "test_host.py::test_reference_session_and_exact_oracle_agree["
OUTCOMES = defaultdict(dict)


def pytest_addoption(parser):
    parser.addoption("--record", action="store_true", help="note in conformance/ran.txt what ran")


def pytest_runtest_logreport(report):
    """Keep the outcome of each such test; a failure in its set-up counts."""
    for test in (EXACT, PLAN, HOST):
        if test in report.nodeid and (report.when == "call" or report.failed):
            OUTCOMES[test][report.nodeid.partition("[")[2][:-1]] = report.passed


def pytest_sessionfinish(session):
    """Record the pairs of which the second oracle and the plan, or the session, have passed together."""
    if not session.config.getoption("--record") or hasattr(session.config, "workerinput"):
        return
    from litegold.conformance.ran import record
    from litegold.conformance.tables import CASES, HOST_CASES

    found = defaultdict(set)
    for op, form in CASES:
        both = OUTCOMES[EXACT].get(op.__name__), OUTCOMES[PLAN].get(f"{op.__name__}-{form}")
        found[all(both) if None not in both else None].add((op.__name__, form))
        found[False].update([(op.__name__, form)] if False in both else [])
    for op in HOST_CASES:
        found[OUTCOMES[HOST].get(op.__name__)].add((op.__name__, "host"))
    record(found[True], found[False])


def pytest_terminal_summary(terminalreporter):
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    found = {}
    for report in reports:
        for name, value in report.user_properties:
            if name == SHARE:
                found.update([value])
    if not found:
        return
    terminalreporter.section(f"{SHARE} of {len(found)} operators, in per cent")
    line = ""
    for operator, share in sorted(found.items(), key=lambda item: (item[1], item[0])):
        entry = f"{operator} {100 * share:.0f}  "
        if len(line) + len(entry) > 118:
            terminalreporter.write_line(line)
            line = ""
        line += entry
    terminalreporter.write_line(line)

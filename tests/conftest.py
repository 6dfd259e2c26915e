"""What the tests have to say beside passing: how many of the drawn cases would show a fault, for each operator."""

SHARE = "share of telling cases"


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

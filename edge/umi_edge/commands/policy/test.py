"""`umi policy test`: run tables of expectations against a policy."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from umi_edge.commands._options import json_option
from umi_edge.commands.policy._output import print_json
from umi_shared.screen.output import Coloured, say, say_text

if TYPE_CHECKING:
    from umi_edge.policy_tools.table_run import Coverage, Failure, FileReport


@click.command()
@click.argument("target", type=click.Path(path_type=Path, exists=True), required=False)
@click.option("--policy", type=click.Path(path_type=Path), help="Test this policy, whatever the files name.")
@click.option("--coverage", "with_coverage", is_flag=True, help="Also show the rules that no test exercises.")
@click.option(
    "--threshold", type=click.FloatRange(0, 100), help="With --coverage: fail below this percentage."
)
@click.option("--example", is_flag=True, help="Print the tests of the built-in policy: a start for your own.")
@json_option
def command(
    target: Path | None,
    policy: Path | None,
    threshold: float | None,
    *,
    with_coverage: bool,
    example: bool,
    as_json: bool,
) -> int:
    """Run the table tests in TARGET: a folder with *.test.yaml files, or one such file.

    A test gives a result, a call or an instruction, and says what is expected: the locality of each path, the exact
    text that planner and summarizer see, the verdict on the call and its reasons. Nothing is called or sent. Exit
    code 1: a test fails, or --threshold is not met.
    """
    from umi_edge.policy_tools.table_run import coverage, run_file
    from umi_edge.policy_tools.table_tests import example_text, read_test_file, test_files

    if example:
        say_text(example_text())
        return 0
    if target is None:
        raise click.UsageError("name a folder or a file of tests, or give --example")
    reports = [run_file(read_test_file(file), policy) for file in test_files(target)]
    covered = coverage(reports) if with_coverage or threshold is not None else ()
    failures = [failure for report in reports for failure in report.failures]
    if as_json:
        print_json(_as_json(reports, failures, covered))
    else:
        lines = _policy_lines(reports)
        for failure in failures:
            _print_failure(failure, lines)
        _print_summary(reports, covered)
    short = threshold is not None and any(one.percent < threshold for one in covered)
    return 1 if failures or short else 0


def _policy_lines(reports: "list[FileReport]") -> dict[str, list[str]]:
    """The text of each policy by its file's name, as rules name it."""
    from umi_edge.policy.document import file_name
    from umi_edge.policy.loader import default_policy, default_policy_text, read_policy_text

    return {
        file_name(report.policy.file): (
            default_policy_text()
            if report.policy is default_policy()
            else read_policy_text(report.policy.file)
        ).splitlines()
        for report in reports
    }


def _print_failure(failure: "Failure", lines: dict[str, list[str]]) -> None:
    from umi_edge.policy_tools.quoted_line import quoted

    say((Coloured("FAIL", "red"), f" {failure.file}:{failure.line} {failure.test}: {failure.where}"))
    say(f"  expected: {failure.expected}")
    say(f"  got:      {failure.got}")
    for rule in filter(None, failure.rule_id.split("; ")):
        say(f"  by {rule}")
        file, _, rest = rule.removeprefix("locality from ").partition(":")
        number = rest.split(" ", 1)[0]
        line = quoted(lines.get(file, []), int(number)) if number.isdigit() else ""
        if line:
            say(f"     | {line}")


def _print_summary(reports: "list[FileReport]", covered: "tuple[Coverage, ...]") -> None:
    for one in covered:
        count = len(one.rules) - len(one.missed)
        say(f"{one.policy}: {count} of {len(one.rules)} rules exercised ({one.percent:.1f}%)")
        for rule in one.missed:
            say(f"  not exercised: {rule.rule_id}")
    tests, failed = sum(report.tests for report in reports), sum(report.failed for report in reports)
    word = Coloured(f"{failed} failed", "red") if failed else "all passed"
    say((f"{tests} tests in {len(reports)} files: ", word))


def _as_json(
    reports: "list[FileReport]", failures: "list[Failure]", covered: "tuple[Coverage, ...]"
) -> dict[str, Any]:
    return {
        "ok": not failures,
        "tests": sum(report.tests for report in reports),
        "failures": [asdict(failure) for failure in failures],
        "coverage": [
            {
                "policy": one.policy,
                "percent": round(one.percent, 1),
                "rules": len(one.rules),
                "not_exercised": [asdict(rule) for rule in one.missed],
            }
            for one in covered
        ],
    }

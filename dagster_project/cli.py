"""The command line: parses what was asked, calls the step, and says how it went in plain words.

What does not belong here: any work on data. Heavy libraries are imported inside the commands, so that `--help`
is quick. Exit codes: 0 published, nothing new or nothing to object; 2 stopped by validation; 3 the data folder is
held by another run; 1 anything else.
"""

from __future__ import annotations

import difflib
import logging
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dagster_project.messages import message

if TYPE_CHECKING:
    from dagster_project.flow.refresh import Refresh

EXIT_OK, EXIT_OTHER, EXIT_STOPPED, EXIT_HELD = 0, 1, 2, 3
# The boards' data folders, listed without the libraries that making a demonstration needs.
BOARDS = tuple(sorted(path.parent.name for path in Path(__file__).parent.glob("demo/boards/*/board.yml")))


def _help(key: str) -> str:
    """A help text; `\\b` on a line of its own keeps the lines of the paragraph as they are written."""
    return message(key).replace("\\b", "\b")


class PlainError(click.ClickException):
    """A fault that is told in one plain sentence; exit code 1."""

    exit_code = EXIT_OTHER

    def show(self, file: Any = None) -> None:
        _complain(self.message)


def _complain(words: str) -> None:
    """Say what went wrong, without the personal numbers that were typed or read."""
    from dagster_project.flow.values.identity import mask  # when needed: help must come at once

    click.echo(mask(words), err=True)


def _date(_context: click.Context, _parameter: click.Parameter, value: str | None) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise PlainError(message("cli.bad_date", value=value)) from error


class _State:
    """What the entry point must know of a command that failed: where its data folder is."""

    data: Path | None = None


def _chosen(context: click.Context, _parameter: click.Parameter, value: Path | None) -> Path | None:
    context.ensure_object(_State).data = value
    return value


def _option_data(command: Callable[..., Any]) -> Callable[..., Any]:
    option = click.option(
        "--data",
        type=click.Path(path_type=Path, readable=False),
        callback=_chosen,
        help=_help("cli.help.data"),
    )
    return option(command)


def _option_as_of(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--as-of", callback=_date, metavar="DATE", help=_help("cli.help.as_of"))(command)


@click.group(help=_help("cli.help"), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mattstock")
def cli() -> None:
    """The commands; see `help` in the message catalogue."""


@cli.command(help=_help("cli.help.run"))
@_option_data
@_option_as_of
@click.option("--accept-quarantine", is_flag=True, help=_help("cli.help.accept_quarantine"))
@click.option("--wait", is_flag=True, help=_help("cli.help.wait"))
def run(data: Path | None, as_of: date | None, accept_quarantine: bool, wait: bool) -> None:
    """Run the Dagster job in process, and tell those who are to know how it ended."""
    from dagster_project.orchestration import alerts
    from dagster_project.report import console
    from dagster_project.settings import data_folder

    with (
        alerts.watching(data_folder(data)),
        _opened(data, as_of, accept_quarantine, wait) as refresh,
    ):
        if refresh.nothing_to_do():
            console.nothing_to_do(refresh)
        else:
            refresh.prepare()
            from dagster_project.orchestration.execute import execute

            execute(refresh)
            console.told(refresh)
        alerts.ended(refresh)
        if refresh.ending == "stopped":
            sys.exit(EXIT_STOPPED)


@cli.command(help=_help("cli.help.check"))
@_option_data
@_option_as_of
@click.option("--wait", is_flag=True, help=_help("cli.help.wait"))
def check(data: Path | None, as_of: date | None, wait: bool) -> None:
    """Judge the deliveries, publish nothing."""
    from dagster_project.report import console

    with _opened(data, as_of, False, wait, may_publish=False) as refresh:
        refresh.prepare()
        refresh.arrive()
        refresh.judge_arrivals(keep=False)
        console.checked(refresh)
        if refresh.ending == "stopped":
            sys.exit(EXIT_STOPPED)


@cli.command(help=_help("cli.help.explain"))
@click.argument("kpi")
@click.argument("period", required=False)
@click.option("--member", default="ALL", help=_help("cli.help.member"))
@click.option("--group", default="ALL", help=_help("cli.help.group"))
@_option_data
def explain(kpi: str, period: str | None, member: str, group: str, data: Path | None) -> None:
    """Show the records behind a figure, or why an invoice line has its class."""
    from dagster_project.report import console
    from dagster_project.report.explain import UnknownFigure
    from dagster_project.report.explain import explain as explained
    from dagster_project.report.explain_line import UnknownLine, explain_lines, is_line
    from dagster_project.settings import data_folder

    workspace = data_folder(data)
    if not workspace.current_database.exists():
        raise PlainError(message("cli.no_release", folder=workspace.marts))
    if is_line(kpi):
        try:
            console.explained_lines(explain_lines(workspace.current_database, kpi))
        except UnknownLine as error:
            words = message("cli.unknown_line", given=error.given, known=", ".join(error.known) or "–")
            raise PlainError(words) from error
        return
    if period is None:
        raise click.MissingParameter(param_type="argument", param_hint="PERIOD")
    try:
        console.explained(explained(workspace.current_database, kpi, period, member, group))
    except UnknownFigure as error:
        words = message(f"cli.unknown_figure.{error.kind}", given=error.given, known=", ".join(error.known))
        raise PlainError(words) from error


@cli.command(help=_help("cli.help.releases"))
@_option_data
def releases(data: Path | None) -> None:
    """List the releases."""
    from dagster_project.flow.releases import releases as on_disk
    from dagster_project.report import console
    from dagster_project.settings import data_folder

    workspace = data_folder(data)
    console.listed(on_disk(workspace), workspace)


@cli.command(help=_help("cli.help.rollback"))
@click.argument("release")
@_option_data
def rollback(release: str, data: Path | None) -> None:
    """Put an earlier release in force again."""
    from dagster_project.flow.releases import rollback as put_back
    from dagster_project.flow.releases import rolled_back_from
    from dagster_project.settings import data_folder

    workspace = data_folder(data)
    click.echo(message("cli.rolled_back", release=put_back(workspace, release).release_id))
    if (left := rolled_back_from(workspace)) is not None:
        click.echo(message("cli.rolled_back.holds", left=left.release_id))


@cli.command(help=_help("cli.help.close"))
@click.argument("period")
@_option_data
def close(period: str, data: Path | None) -> None:
    """Fix what a period was reported with."""
    from dagster_project.flow.closing import close as closed
    from dagster_project.settings import data_folder

    one = closed(data_folder(data), period)
    click.echo(message("cli.closed", period=one.period, release=one.release_id))


@cli.command(help=_help("cli.help.reopen"))
@click.argument("period")
@click.option("--reason", default="", help=_help("cli.help.reopen.reason"))
@_option_data
def reopen(period: str, reason: str, data: Path | None) -> None:
    """Open a closed period again, with a reason."""
    from dagster_project.flow.closing import reopen as reopened
    from dagster_project.settings import data_folder

    one = reopened(data_folder(data), period, reason)
    click.echo(message("cli.reopened", period=one.period, release=one.release_id))


@cli.command(help=_help("cli.help.verify"))
@click.argument("what", required=False)
@_option_data
def verify(what: str | None, data: Path | None) -> None:
    """Say whether what was sealed is as it was."""
    from dagster_project.flow.closed import verified
    from dagster_project.settings import data_folder

    checked = verified(data_folder(data), what)
    for one in checked:
        key = "cli.verified.changed" if one.wrong else "cli.verified.whole"
        click.echo(message(key, name=one.name, files=", ".join(one.wrong)))
    if any(one.wrong for one in checked):
        sys.exit(EXIT_OTHER)


@cli.command(name="as-reported", help=_help("cli.help.as_reported"))
@click.argument("period")
@click.option("--output", type=click.Path(path_type=Path), help=_help("cli.help.as_reported.output"))
@_option_data
def as_reported(period: str, output: Path | None, data: Path | None) -> None:
    """Give back the report that a period was closed with."""
    from dagster_project.flow.closing import as_reported as given_back
    from dagster_project.report.render import render
    from dagster_project.settings import data_folder

    folder = output or Path(period)
    release = given_back(data_folder(data), period, folder, render)
    click.echo(message("cli.as_reported", folder=folder, release=release.release_id))


@cli.command(help=_help("cli.help.report"))
@click.option("--period", required=True, help=_help("cli.help.report.period"))
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), help=_help("cli.help.report.output")
)
@_option_data
def report(period: str, output: Path | None, data: Path | None) -> None:
    """Write the report to the board."""
    from dagster_project.flow.closing import reported_from
    from dagster_project.report.board import board_report
    from dagster_project.report.explain import UnknownFigure
    from dagster_project.settings import data_folder

    release, settings = reported_from(data_folder(data), period)
    path = output or Path(f"{message('report.board.file', settings.language)}-{period}.pdf")
    try:
        made = board_report(release.database, settings, release.as_of, period)
    except UnknownFigure as error:
        raise PlainError(
            message("cli.unknown_figure.period", given=error.given, known=", ".join(error.known))
        ) from error
    try:
        path.write_bytes(made)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PlainError(message("cli.report.unwritable", path=path, reason=reason)) from error
    click.echo(message("cli.report.written", path=path, period=period, release=release.release_id))


@cli.command(help=_help("cli.help.sample"))
@click.option("--period", required=True, help=_help("cli.help.sample.period"))
@click.option("--size", type=click.IntRange(1), help=_help("cli.help.sample.size"))
@click.option("--per-member", is_flag=True, help=_help("cli.help.sample.per_member"))
@click.option(
    "--precision",
    type=click.FloatRange(0, 100, min_open=True, max_open=True),
    help=_help("cli.help.sample.precision"),
)
@_option_data
def sample(
    period: str, size: int | None, per_member: bool, precision: float | None, data: Path | None
) -> None:
    """Draw and record a sample of invoice lines, and write the workbooks that it is reviewed in."""
    from dagster_project.flow.sampling import draw
    from dagster_project.report.reviews import write_reviews
    from dagster_project.settings import data_folder, load_settings

    workspace = data_folder(data)
    settings = load_settings(workspace.settings_file)
    drawn = draw(workspace, period, size, per_member, precision / 100 if precision else None)
    books = write_reviews(drawn, settings)
    click.echo(
        message("cli.sample.drawn", sample=drawn.sample_id, lines=len(drawn.lines), folder=drawn.folder)
    )
    for member, lines in drawn.by_member.items():
        click.echo(message("cli.sample.member", member=member or "–", lines=lines))
    click.echo(message("cli.sample.next", books=len(books), folder=workspace.raw / "invoice_reviews"))


@cli.command(help=_help("cli.help.doctor"))
@_option_data
def doctor(data: Path | None) -> None:
    """Examine the installation and the data folder."""
    from dagster_project.report import console
    from dagster_project.report.doctor import examine
    from dagster_project.settings import data_folder

    findings, settings = examine(data_folder(data))
    console.examined(findings, settings.language if settings else "sv")
    if any(finding.status == "fault" for finding in findings):
        sys.exit(EXIT_OTHER)


@cli.command(help=_help("cli.help.demo"))
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--organisation",
    default="demo",
    show_default=True,
    type=click.Choice(["demo", *BOARDS]),
    help=_help("cli.help.demo.organisation"),
)
@click.option(
    "--invoice-lines",
    default=3000,
    show_default=True,
    type=click.IntRange(0),
    help=_help("cli.help.demo.lines"),
)
@click.option("--seed", default=1, show_default=True, type=int, help=_help("cli.help.demo.seed"))
@click.option(
    "--variant",
    default="clean",
    show_default=True,
    type=click.Choice(["clean", "dirty", "corrected"]),
    help=_help("cli.help.demo.variant"),
)
def demo(folder: Path, organisation: str, invoice_lines: int, seed: int, variant: str) -> None:
    """Make a demonstration organisation with known truth."""
    from dagster_project.demo import generate

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise PlainError(message("cli.exists", folder=folder))
    if organisation in BOARDS and variant != "clean":
        raise PlainError(message("cli.demo_variant", organisation=organisation))
    generate(folder, organisation=organisation, invoice_lines=invoice_lines, seed=seed, variant=variant)
    click.echo(message("cli.demo_written", path=folder))


@cli.command(help=_help("cli.help.template"))
@click.argument("source")
@click.option("--output", type=click.Path(path_type=Path), help=_help("cli.help.template.output"))
def template(source: str, output: Path | None) -> None:
    """Write an Excel template for a source."""
    from dagster_project.contracts import load_contracts
    from dagster_project.template import write_template

    contracts = load_contracts()
    if source not in contracts:
        near = difflib.get_close_matches(source, contracts, n=3, cutoff=0.3) or sorted(contracts)[:5]
        raise PlainError(message("cli.unknown_source", name=source, near=", ".join(near)))
    path = output or Path(f"{source}.xlsx")
    write_template(contracts[source], path)
    click.echo(message("cli.template_written", path=path))


@cli.command(name="new-indicator", help=_help("cli.help.new_indicator"))
@click.argument("kpi")
def new_indicator(kpi: str) -> None:
    """Write the skeleton of an indicator into the checkout."""
    from dagster_project.scaffold import ScaffoldError
    from dagster_project.scaffold import new_indicator as made

    try:
        sql, words, project = made(kpi)
    except ScaffoldError as error:
        raise PlainError(message(f"cli.new_indicator.{error.kind}", kpi=kpi)) from error
    click.echo(message("cli.new_indicator.written", sql=sql, words=words, project=project))


@cli.command(help=_help("cli.help.dev"))
@_option_data
@click.option(
    "--port",
    default=3000,
    show_default=True,
    type=click.IntRange(1, 65535),
    help=_help("cli.help.dev.port"),
)
def dev(data: Path | None, port: int) -> None:
    """Start Dagster's web interface on this computer."""
    from dagster_project.orchestration.instance import serve
    from dagster_project.settings import data_folder

    serve(data_folder(data), port)


@cli.command(help=_help("cli.help.serve"))
@_option_data
@click.option(
    "--port",
    default=8000,
    show_default=True,
    type=click.IntRange(0, 65535),
    help=_help("cli.help.dev.port"),
)
def serve(data: Path | None, port: int) -> None:
    """Show the reports of the release in force on this computer."""
    from dagster_project.report.serve import HOST, server
    from dagster_project.settings import data_folder

    reports = data_folder(data).marts / "current" / "reports"
    if not (reports / "index.html").is_file():
        raise PlainError(message("cli.no_reports", folder=reports))
    try:
        serving = server(reports, port)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PlainError(message("cli.port_taken", port=port, reason=reason)) from error
    with serving:
        click.echo(message("cli.serving", address=f"http://{HOST}:{serving.server_port}/"))
        serving.serve_forever()


def _opened(
    data: Path | None, as_of: date | None, accept_quarantine: bool, wait: bool, may_publish: bool = True
) -> Refresh:
    from dagster_project.flow.refresh import Refresh
    from dagster_project.report.progress import ConsoleProgress
    from dagster_project.settings import data_folder

    return Refresh(data_folder(data), as_of, accept_quarantine, wait, ConsoleProgress(), may_publish)


class _Masked(logging.Formatter):
    """The words of a warning alone, without personal numbers."""

    def format(self, record: logging.LogRecord) -> str:
        from dagster_project.flow.values.identity import mask

        return mask(super().format(record))


def main() -> None:
    """Entry point: every fault ends in a plain sentence and an exit code, never a traceback on screen."""
    screen = logging.StreamHandler()
    screen.setFormatter(_Masked())
    logging.getLogger("dagster_project").addHandler(screen)
    state = _State()
    try:
        cli.main(standalone_mode=False, obj=state)
    except click.exceptions.Exit as leaving:
        sys.exit(leaving.exit_code)
    except PlainError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "mattstock"
        _complain(message("cli.usage", reason=error.format_message(), command=command))
        sys.exit(EXIT_OTHER)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_OTHER)
    except Exception as error:
        sys.exit(_told(error, state.data))


def _told(error: Exception, data: Path | None) -> int:
    """Say what a fault means; what nobody foresaw is kept in a log with its details."""
    from dagster_project.flow.lock import LockHeld
    from dagster_project.flow.values.identity import mask
    from dagster_project.report.fault import foreseen, keep
    from dagster_project.settings import data_folder

    workspace = data_folder(data)
    plain = foreseen(error, workspace)
    if plain is not None:
        click.echo(mask(str(plain)), err=True)
        return EXIT_HELD if isinstance(plain, LockHeld) else EXIT_OTHER
    try:
        log = keep(workspace, error)
    except OSError:
        log = Path("-")
    reason = mask(f"{type(error).__name__}: {error}")
    click.echo(message("cli.unexpected", reason=reason, log=log), err=True)
    return EXIT_OTHER


if __name__ == "__main__":
    main()

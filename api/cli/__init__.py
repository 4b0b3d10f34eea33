"""`sovang`: the command line. One command a line of the contract (docs/commands.md); start with `sovang --help`."""

import io
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from api.cli import (
    ask,
    bundle,
    children,
    clock,
    consolidate,
    keys,
    load,
    office,
    papers,
    proofs,
    reports,
    setup,
    timestamps,
    transfers,
    witness,
    work,
)
from api.cli.session import MISUSE, UNKNOWN, command, fail
from api.words import failure


class _OneLine(TyperGroup):
    """What the parser refuses ends as every other error does: one line with its reason."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        words = sys.argv[1:] if args is None else list(args)
        try:
            code = super().main(words, prog_name, complete_var, False, windows_expand_args, **extra)
            if not standalone_mode:
                return code
        except TyperException as error:
            if not standalone_mode:
                raise
            if type(error).__name__ != "NoArgsIsHelpError":  # then the help is printed already
                context = getattr(error, "ctx", None)
                path = "sovang" if context is None else context.command_path
                told = failure("MISUSE", error.format_message())
                fail("MISUSE", f"{told} ({path} --help)", as_json="--json" in words)
            sys.exit(MISUSE)
        except typer.Abort:
            if not standalone_mode:
                raise
            fail("INTERRUPTED", failure("INTERRUPTED"), as_json="--json" in words)
            sys.exit(UNKNOWN)
        sys.exit(code if isinstance(code, int) else 0)


def build() -> typer.Typer:
    """The command tree."""
    app = typer.Typer(
        name="sovang",
        cls=_OneLine,
        help="Sổ Vàng: sổ quyên góp không cần tin ai — a donation ledger that nobody has to trust.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    account = typer.Typer(help="Tài khoản, quỹ tiền mặt, kho — places for money and goods.", no_args_is_help=True)
    app.add_typer(account, name="account")
    witnesses = typer.Typer(help="Bên làm chứng — witnesses.", no_args_is_help=True)
    app.add_typer(witnesses, name="witness")
    stamps = typer.Typer(help="Dấu thời gian của bên thứ ba — timestamps by third parties.", no_args_is_help=True)
    app.add_typer(stamps, name="timestamp")
    command(app)(setup.init)
    command(account, "open")(setup.account_open)
    command(app, "import")(work.import_statement)
    command(app)(load.load)
    command(app)(work.record)
    command(app, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(work.new)
    command(app)(work.suspense)
    command(app)(work.reverse)
    command(app)(office.correct)
    command(app)(office.propose)
    command(app)(office.approve)
    command(app)(office.decline)
    command(app)(office.close_month)
    command(app)(office.hand_over)
    command(app)(transfers.find)
    command(app)(transfers.dispute)
    command(app)(proofs.verify)
    command(app)(proofs.checkpoint)
    command(app)(proofs.prove)
    command(app)(bundle.bundle)
    command(app)(bundle.qr)
    command(app)(proofs.check)
    command(app)(proofs.tiles)
    command(app)(ask.trace)
    command(app)(ask.balances)
    command(app)(ask.search)
    command(app)(consolidate.consolidate)
    register = typer.Typer(help="Hồ sơ trẻ em trong két — children in the vault.", no_args_is_help=True)
    app.add_typer(register, name="children")
    command(register)(children.load)
    command(register, "list")(children.list_)
    command(register)(children.show)
    command(app)(reports.report)
    command(app)(reports.export)
    command(app)(clock.deadlines)
    days = typer.Typer(help="Quy định về thời hạn — rules of what is due when.", no_args_is_help=True)
    app.add_typer(days, name="calendar")
    command(days, "list")(clock.calendar_list)
    command(days, "use")(clock.calendar_use)
    auditing = typer.Typer(help="Mẫu và giấy tờ của kiểm toán — an auditor's sample and papers.", no_args_is_help=True)
    app.add_typer(auditing, name="audit")
    command(auditing, "seed")(clock.audit_seed)
    command(auditing, "sample")(clock.audit_sample)
    command(auditing, "papers")(clock.audit_papers)
    command(app)(papers.receipt)
    command(app)(papers.certificate)
    command(app)(papers.certificates)
    command(app)(papers.voucher)
    command(app)(papers.form)
    command(witnesses, "init")(witness.init)
    command(witnesses, "watch")(witness.watch)
    command(witnesses, "serve")(witness.serve)
    command(witnesses, "use")(witness.use)
    command(stamps, "add")(timestamps.add)
    command(stamps, "now")(timestamps.now)
    key = typer.Typer(help="Khóa ký của nhật ký — the log's signing key.", no_args_is_help=True)
    app.add_typer(key, name="key")
    command(key)(keys.passphrase)
    command(key)(keys.rotate)
    command(key)(keys.destroy)
    command(app)(keys.backup)
    command(app)(keys.restore)
    command(app)(keys.close)
    command(app)(setup.serve)
    command(app)(setup.demo)
    command(app)(setup.migrate)
    command(app)(proofs.bench)
    return app


def main() -> None:
    """Entry point of the `sovang` script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show Vietnamese is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    build()()

"""`sovang`: the command line. One command a line of the contract (docs/commands.md); start with `sovang --help`."""

import typer

from api.cli import ask, papers, proofs, setup, work
from api.cli.session import command


def build() -> typer.Typer:
    """The command tree."""
    app = typer.Typer(
        name="sovang",
        help="Sổ Vàng: sổ quyên góp không cần tin ai — a donation ledger that nobody has to trust.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    account = typer.Typer(help="Tài khoản, quỹ tiền mặt, kho — places for money and goods.", no_args_is_help=True)
    app.add_typer(account, name="account")
    command(app)(setup.init)
    command(account, "open")(setup.account_open)
    command(app, "import")(work.import_statement)
    command(app)(work.record)
    command(app, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(work.new)
    command(app)(work.suspense)
    command(app)(proofs.verify)
    command(app)(proofs.checkpoint)
    command(app)(proofs.prove)
    command(app)(proofs.check)
    command(app)(proofs.tiles)
    command(app)(ask.trace)
    command(app)(ask.balances)
    command(app)(ask.search)
    command(app)(papers.receipt)
    command(app)(papers.certificate)
    command(app)(papers.certificates)
    command(app)(setup.serve)
    command(app)(setup.demo)
    command(app)(setup.migrate)
    command(app)(proofs.bench)
    return app


def main() -> None:
    """Entry point of the `sovang` script."""
    build()()

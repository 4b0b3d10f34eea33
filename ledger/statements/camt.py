"""camt.053 end-of-day statements (ISO 20022 XML), versions 1 to 13, by local names.

camt.052 (interim report) and camt.054 (notification) are refused: without opening and closing booked
balances nobody can tell that no line is missing. The opening balance is OPBD, or PRCD where there is no
OPBD; the closing is CLBD. Only booked entries (Sts BOOK) are lines. `CdtDbtInd` is the direction of an
entry also where it reverses another (`RvslInd`). A document type declaration ends the reading at
once, before any entity could be defined. Rows are the physical lines on which an entry opens.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final
from xml.parsers import expat

from ledger.refusals import Reason, Rejected
from ledger.statements import amounts, days
from ledger.statements.csv_banks import file_sha256
from ledger.statements.line import MAX_MEMO, Line, Statement, StatementHead
from ledger.statements.mt940 import Part, check_chain
from ledger.text import mark

MAX_FILE: Final = 20 * 2**20
MAX_DEPTH: Final = 40

_OTHERS: Final = {
    "camt.052": "an interim report (camt.052)",
    "camt.054": "a notification (camt.054)",
    "camt.060": "a request (camt.060)",
}


@dataclass(slots=True)
class _Node:
    name: str
    row: int
    attributes: dict[str, str]
    text: str = ""
    children: list["_Node"] = field(default_factory=list)

    def all(self, *path: str) -> list["_Node"]:
        found = [self]
        for name in path:
            found = [child for node in found for child in node.children if child.name == name]
        return found

    def one(self, *path: str) -> "_Node | None":
        found = self.all(*path)
        return found[0] if found else None

    def said(self, *path: str) -> str | None:
        node = self.one(*path)
        return (node.text.strip() or None) if node else None


@dataclass(slots=True)
class _Stmt:
    row: int
    account: str | None = None
    currency: str | None = None
    opening: int | None = None
    closing: int | None = None
    from_on: date | None = None
    to_on: date | None = None
    lines: list[Line] = field(default_factory=list)


class CamtStatement(Statement):
    def __init__(self, path: Path, *, currency: str, digits: int) -> None:
        if path.stat().st_size > MAX_FILE:
            raise Rejected(Reason.FILE_TOO_LARGE, f"an XML statement over {MAX_FILE // 2**20} MB")
        self.path, self.sha256 = path, file_sha256(path)
        self._currency, self._digits = currency, digits
        self.days_in_order = False
        statements = self._statements()
        check_chain(
            [
                Part(
                    each.row,
                    each.account,
                    each.currency,
                    each.opening,
                    each.closing,
                    sum(line.amount_minor for line in each.lines),
                )
                for each in statements
            ],
            currency,
        )
        first, last = statements[0], statements[-1]
        self.head = StatementHead(
            format="camt053",
            account_number=first.account,
            currency=first.currency,
            opening_minor=first.opening,
            closing_minor=last.closing,
            from_on=first.from_on,
            to_on=last.to_on,
        )

    def lines(self) -> Iterator[Line]:
        for statement in self._statements():
            yield from statement.lines

    def _statements(self) -> list[_Stmt]:
        """Entries become lines as they end, so that a large file never stands in memory as a tree."""
        statements: list[_Stmt] = []
        stack: list[_Node] = []
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True

        def no_doctype(*_: object) -> None:
            raise Rejected(Reason.FILE_UNREADABLE, "the XML declares a document type or entities")

        def start(name: str, attributes: dict[str, str]) -> None:
            space, _, local = name.rpartition(" ")
            if not stack:
                self._check_root(space, local)
            if len(stack) >= MAX_DEPTH:
                raise Rejected(Reason.FILE_UNREADABLE, "the XML is nested too deeply")
            node = _Node(local, parser.CurrentLineNumber, attributes)
            if stack:
                stack[-1].children.append(node)
            stack.append(node)
            if local == "Stmt" and len(stack) == 3:
                statements.append(_Stmt(node.row))

        def end(_: str) -> None:
            node = stack.pop()
            if len(stack) == 3 and node.name == "Ntry" and stack[-1].name == "Stmt":
                if line := self._entry(node):
                    statements[-1].lines.append(line)
                stack[-1].children.pop()
            elif len(stack) == 2 and node.name == "Stmt":
                self._finish(statements[-1], node)
                stack[-1].children.pop()

        def text(data: str) -> None:
            if stack and len(stack[-1].text) < 10_000:
                stack[-1].text += data

        parser.StartDoctypeDeclHandler = no_doctype
        parser.EntityDeclHandler = no_doctype
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = text
        try:
            with self.path.open("rb") as file:
                parser.ParseFile(file)
        except (expat.ExpatError, LookupError, ValueError):
            raise Rejected(Reason.FILE_UNREADABLE, "the XML is damaged", row=parser.ErrorLineNumber) from None
        if not statements:
            raise Rejected(Reason.NO_LINES, "the camt.053 file holds no statement")
        return statements

    def _check_root(self, space: str, local: str) -> None:
        for message, what in _OTHERS.items():
            if message in space:
                raise Rejected(
                    Reason.NOT_A_STATEMENT,
                    f"{what}: not an end-of-day statement with booked balances; ask for camt.053",
                )
        if local != "Document" or "camt.053" not in space:
            raise Rejected(Reason.FORMAT_UNKNOWN, "XML, but no camt.053 statement")

    def _finish(self, statement: _Stmt, node: _Node) -> None:
        account = node.said("Acct", "Id", "IBAN") or node.said("Acct", "Id", "Othr", "Id")
        statement.account = mark(account)[:64] if account else None
        statement.currency = node.said("Acct", "Ccy")
        for name, tag in (("from", "FrDtTm"), ("to", "ToDtTm")):
            said = node.said("FrToDt", tag)
            if said and len(said) >= 10:
                try:
                    setattr(statement, f"{name}_on", days.read_day(said[:10], row=node.row, field=name).day)
                except Rejected:
                    continue  # the period is information only
        by_code: dict[str, int] = {}
        for balance in node.all("Bal"):
            code = balance.said("Tp", "CdOrPrtry", "Cd")
            if code not in ("OPBD", "PRCD", "CLBD"):
                continue
            amount, currency = self._amount(balance)
            if statement.currency not in (None, currency):
                raise Rejected(
                    Reason.CURRENCY_DIFFERS,
                    "a booked balance in another currency than the account",
                    row=balance.row,
                    file=currency,
                    account=statement.currency,
                )
            statement.currency = currency
            if by_code.setdefault(code, amount) != amount:
                raise Rejected(Reason.ROW_AMBIGUOUS, f"two different {code} balances", row=balance.row)
        if "OPBD" in by_code and by_code.get("PRCD", by_code["OPBD"]) != by_code["OPBD"]:
            raise Rejected(
                Reason.CONTROL_DIFFERS,
                "opening booked and previously closed booked balance differ",
                row=node.row,
                opbd_minor=by_code["OPBD"],
                prcd_minor=by_code["PRCD"],
            )
        statement.opening = by_code.get("OPBD", by_code.get("PRCD"))
        statement.closing = by_code.get("CLBD")

    def _amount(self, node: _Node) -> tuple[int, str]:
        amount = node.one("Amt")
        direction = node.said("CdtDbtInd")
        if amount is None or direction not in ("CRDT", "DBIT"):
            raise Rejected(Reason.ROW_MALFORMED, "has no amount or no direction", row=node.row)
        said = amount.text.strip()
        try:
            figure = Decimal(said)
        except InvalidOperation:
            figure = Decimal(-1)
        if not figure.is_finite() or figure < 0 or len(said) > 30 or "E" in said.upper() or not said.isascii():
            raise Rejected(Reason.ROW_MALFORMED, "is not an amount", row=amount.row, field="Amt")
        currency = amount.attributes.get("Ccy", "")
        minor = amounts.exact(figure, self._digits if currency == self._currency else 4, row=amount.row, field="Amt")
        return (minor if direction == "CRDT" else -minor), currency

    def _entry(self, node: _Node) -> Line | None:
        status = node.said("Sts", "Cd") or node.said("Sts")
        if status != "BOOK":
            if status in ("PDNG", "INFO", "FUTR"):
                return None
            raise Rejected(Reason.ROW_MALFORMED, "an entry without a known status", row=node.row, field="Sts")
        amount, currency = self._amount(node)
        if currency != self._currency:
            raise Rejected(
                Reason.CURRENCY_DIFFERS,
                "an entry in another currency than the account",
                row=node.row,
                file=currency[:3],
                account=self._currency,
            )
        if amount == 0:
            raise Rejected(Reason.ROW_MALFORMED, "an amount of zero", row=node.row, field="Amt")
        said = node.said("BookgDt", "Dt") or node.said("BookgDt", "DtTm")
        if said is None:
            raise Rejected(Reason.ROW_MALFORMED, "has no booking day", row=node.row, field="BookgDt")
        # The booking day is the bank's own: a time with offset is not moved into another zone.
        booked = days.read_day(said[:10], row=node.row, field="BookgDt").day
        details = node.all("NtryDtls", "TxDtls")
        words: list[str] = []
        for detail in details:
            words.extend(each.text for each in detail.all("RmtInf", "Ustrd"))
            words.extend(each.text for each in detail.all("RmtInf", "Strd", "CdtrRefInf", "Ref"))
            if info := detail.said("AddtlTxInf"):
                words.append(info)
        if info := node.said("AddtlNtryInf"):
            words.append(info)
        memo = mark("\n".join(" ".join(word.split()) for word in words if word.strip()))
        if len(memo) > MAX_MEMO:
            raise Rejected(Reason.ROW_MALFORMED, f"over {MAX_MEMO} characters", row=node.row, field="RmtInf")
        return Line(
            row=node.row,
            booked_on=booked,
            amount_minor=amount,
            memo=memo,
            reference=self._reference(node, details),
            counterparty=self._party(details, "Dbtr" if amount > 0 else "Cdtr"),
        )

    def _reference(self, node: _Node, details: list[_Node]) -> str | None:
        said = node.said("AcctSvcrRef") or node.said("NtryRef")
        if said is None and len(details) == 1:
            said = details[0].said("Refs", "AcctSvcrRef") or details[0].said("Refs", "EndToEndId")
        return mark(said)[:140] if said and said not in ("NOTPROVIDED", "NONREF") else None

    def _party(self, details: list[_Node], role: str) -> str | None:
        """The other side, where the entry is one payment. A batch has no single counterparty."""
        if len(details) != 1:
            return None
        name = details[0].said("RltdPties", role, "Nm") or details[0].said("RltdPties", role, "Pty", "Nm")
        return mark(name)[:200] if name else None

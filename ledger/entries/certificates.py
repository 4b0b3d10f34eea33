"""Papers for donors: which number was given for which gift. Never the PDF's hash: the paper carries the proof."""

from datetime import date
from typing import Annotated, ClassVar, Literal

import msgspec

from ledger.entries.base import EntryBase, Index, Sha256, Title, View, is_reversed, needed
from ledger.entries.receipts import CashSheetReceived, GatewaySettled, GiftReceived, refunded
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key

Paper = Literal["certificate", "receipt"]
Number = Annotated[int, msgspec.Meta(ge=1, le=9_999_999)]
Year = Annotated[int, msgspec.Meta(ge=1990, le=9999)]


class CertificateIssued(EntryBase, frozen=True, kw_only=True):
    """A certificate («Giấy chứng nhận Tấm lòng vàng») or a receipt («Giấy xác nhận ủng hộ») for one gift.

    The number is the next of its register and year, given by the book.
    """

    title: ClassVar = ("Cấp giấy cho người ủng hộ", "Certificate or receipt issued")
    day_field: ClassVar = "issued_on"

    gift: Index
    gift_leaf: Sha256
    issued_on: date
    paper: Paper
    decision: Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,60}$")] | None = None
    """Number of the board's decision; a certificate needs one."""
    decided_on: date | None = None
    number: Number | None = None
    part: Index | None = None
    """Which envelope or gift of a sheet or batch, from 0."""
    signer: Title | None = None
    """The office that signs («Chủ tịch Hội đồng bảo trợ»), never a person's name."""

    def reads(self) -> tuple[Key, ...]:
        return (
            Key("certificate-number", f"{self.paper}/{self.issued_on.year}"),
            Key("certificate-of", self.gift_key()),
            Key("refunded", str(self.gift)),
            Key("reversed", str(self.gift)),
        )

    def gift_key(self) -> str:
        """The register key of «the live paper of this gift»."""
        return f"{self.paper}/{self.gift}" if self.part is None else f"{self.paper}/{self.gift}/{self.part}"

    def completed(self, view: View) -> "CertificateIssued":
        row = view.register("certificate-number", f"{self.paper}/{self.issued_on.year}")
        return msgspec.structs.replace(self, number=1 if row is None else row["last"] + 1)

    def changes(self, view: View) -> tuple[Change, ...]:
        record = view.earlier(self.gift)
        if record.leaf_hash.hex() != self.gift_leaf:
            raise Rejected(Reason.NOT_THE_RECORD, field="gift_leaf")
        gift = record.entry
        if isinstance(gift, GiftReceived):
            fits = self.part is None
        elif isinstance(gift, CashSheetReceived | GatewaySettled):
            items = gift.envelopes if isinstance(gift, CashSheetReceived) else gift.gifts
            fits = self.part is not None and self.part < len(items)
        else:
            fits = False
        if not fits:
            raise Rejected(Reason.NOT_A_GIFT, field="gift", index=self.gift)
        if is_reversed(view, self.gift) or refunded(view, self.gift, self.part):
            raise Rejected(Reason.GIFT_TAKEN_BACK, field="gift", index=self.gift)
        live = view.register("certificate-of", self.gift_key())
        if live is not None and live["live"]:
            raise Rejected(Reason.ALREADY_EXISTS, "this gift has its paper", field="gift", index=self.gift)
        if self.paper == "certificate" and (self.decision is None or self.decided_on is None):
            raise Rejected(Reason.MALFORMED, "a certificate needs the board's decision", field="decision")
        year = self.issued_on.year
        number = f"{self.paper}/{year}/{self.number}"
        return (
            Change("certificate-number", f"{self.paper}/{year}", {"last": self.number}),
            Change("certificate-of", self.gift_key(), {"index": view.index, "live": True}),
            Change("certificate", number, {"gift": self.gift_key(), "index": view.index, "live": True}),
        )


class CertificateRevoked(EntryBase, frozen=True, kw_only=True):
    """A paper no longer holds; its number is never given again."""

    title: ClassVar = ("Thu hồi giấy", "Certificate revoked")
    day_field: ClassVar = "revoked_on"

    number: Number
    paper: Paper
    revoked_on: date
    why: Title
    year: Year

    def reads(self) -> tuple[Key, ...]:
        return (Key("certificate", f"{self.paper}/{self.year}/{self.number}"),)

    def changes(self, view: View) -> tuple[Change, ...]:
        number = f"{self.paper}/{self.year}/{self.number}"
        row = needed(view, "certificate", number, Reason.NO_SUCH_RECORD, field="number")
        if not row["live"]:
            raise Rejected(Reason.ALREADY_REVERSED, field="number", number=number)
        return (
            Change("certificate", number, {**row, "live": False, "revoked": view.index}),
            Change("certificate-of", row["gift"], {"index": row["index"], "live": False}),
        )

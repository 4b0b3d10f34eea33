"""Who gives, as the record may say it: by a tag; the rest lies in the vault."""

from typing import ClassVar, Literal

from ledger.entries.base import EntryBase, Person, View
from ledger.refusals import Reason, Rejected
from ledger.registers import Change, Key


class DonorRegistered(EntryBase, frozen=True, kw_only=True):
    """A donor whom the organisation knows and will write to."""

    title: ClassVar = ("Đăng ký người ủng hộ", "Donor registered")

    donor: Person
    donor_kind: Literal["person", "organisation", "foreign", "anonymous"]
    may_publish_name: bool
    """Consent of a person, or the regime's legal basis for an organisation."""

    def reads(self) -> tuple[Key, ...]:
        return (Key("donor", self.donor.tag),)

    def changes(self, view: View) -> tuple[Change, ...]:
        if view.register("donor", self.donor.tag) is not None:
            raise Rejected(Reason.ALREADY_EXISTS, field="donor")
        return (Change("donor", self.donor.tag, {"index": view.index}),)

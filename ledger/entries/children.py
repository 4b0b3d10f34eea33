"""The children's register: it lies in the vault, and the book holds only that it changed and from which paper."""

from datetime import date
from typing import ClassVar

from ledger.entries.base import EntryBase, Person, Sha256, View
from ledger.registers import Change


class ChildRegistered(EntryBase, frozen=True, kw_only=True):
    """A child is in the register, or what is known of them has changed; the newest version counts.

    Sealed: number (mã trẻ), name, born_on, gender, classes with the days they are valid, commune, school,
    circumstance, need, guardian (ledger/children.py says how each is written). A new version says `same_as` with
    the index of an earlier one.
    """

    title: ClassVar = ("Hồ sơ trẻ em trong két", "Child registered in the vault")
    day_field: ClassVar = "registered_on"

    child: Person
    registered_on: date
    source: Sha256
    """Of the paper that it was taken from; of a loaded list a keyed hash, since a short list could be guessed."""

    def changes(self, view: View) -> tuple[Change, ...]:
        # Where the versions stand; who they are of, only the vault tells.
        return (Change("child", str(view.index), {"registered_on": self.registered_on.isoformat()}),)

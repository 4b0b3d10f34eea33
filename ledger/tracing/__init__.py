"""What a gift did: every đồng followed from the gift to its use, record by record. A pure fold; no I/O.

A **lot** is what one source brought in at once: a gift (record index, and the part's number from 0 where one
record holds many: envelopes, gateway gifts, open gifts of old books), interest, a balance brought over. Lots follow
the purpose view's postings in record order:

1. `donors | interest | brought | found → fund:F` makes lots. `senders`, `suspense` and `mistaken` carry none:
   they are not yet gifts.
2. A posting between `fund`, `allocated`, `ordered`, `handed` takes lots out of its source first in, first out by
   (value day, index, part), or pro rata where `tracing_set` says so, and keeps their identity. `→ used | costs | lost`
   fixes the attribution.
3. Through `exchange-purpose` the money of an invoice item becomes the **backing** of a batch of n pieces, itself a lot
   of goods. Each backing share of t đồng keeps its seat: pieces a…b−1 stand for ⌊t·b/n⌋ − ⌊t·a/n⌋ of it, so that all n
   pieces stand for exactly t. Pieces are numbered in the order of use; a reversed use frees its numbers. Each piece
   also counts for one gift as a whole piece, spread evenly over the numbers, so that quantities add up too.
4. A reversal gives back the very lots that its original moved. A reversed use returns what it holds now.
5. A gift taken back (reversed, or refunded) leaves from its fund first, then from `allocated`, `ordered`, `handed`,
   then from goods (bought last first), then from uses (last first). Wherever it leaves from other than its fund, the
   next lots of that fund take its place. A purchase reversed after its goods were used shifts those uses likewise.
6. What is taken from where nothing is left (`shortfall:F`) is the pseudo lot «shortfall» of that record. Lots that
   enter such an account replace its pseudo lots, oldest first; a cover that is reversed puts them back.

An answer holds for the size at which it was asked: a later reversal shifts lots, the fold of the older size does not.
Balances: for every account above and every unit, Σ lots = balance (`check_exact`).

From the bottom: `pieces` (numbers of a batch's pieces) · `kept` (what a fold leaves for the next) · `lots` (lots and
what holds them) · `state` (all of one book, at hand or kept) · `answers` (questions) · `fold` (rules 1–6) · `exact`.
"""

from ledger.tracing.answers import RULE, Held, Part, Used
from ledger.tracing.exact import check_exact
from ledger.tracing.fold import Tracing
from ledger.tracing.kept import PER_RECORD, Changes, LotRow, PlaceRow
from ledger.tracing.pieces import Span

__all__ = [
    "PER_RECORD",
    "RULE",
    "Changes",
    "Held",
    "LotRow",
    "Part",
    "PlaceRow",
    "Span",
    "Tracing",
    "Used",
    "check_exact",
]

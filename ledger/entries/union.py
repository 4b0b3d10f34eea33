"""Every kind that can be recorded. A new kind is a class, its name here, and a golden record."""

from ledger.entries.aid import (
    Allocated,
    Delivered,
    MoneyAdvanced,
    MoneyReturned,
    PaymentBounced,
    PaymentOrdered,
)
from ledger.entries.bank import (
    BankFeeCharged,
    CashPaidIn,
    CashWithdrawn,
    InterestReceived,
    TransferArrived,
    TransferSent,
)
from ledger.entries.beyond import ChildrenReported, ExternalContributed, GrantReceived, GrantSent
from ledger.entries.book import (
    BalanceBrought,
    BookClosed,
    BookOpened,
    ClockClamped,
    KeyReplaced,
    PlaceOpened,
    Restored,
    WitnessesSet,
)
from ledger.entries.catalogue import (
    ActivitiesListed,
    ClassesListed,
    CommuneFlagged,
    CommuneMapped,
    CommunesListed,
    GoodsListed,
    PackageListed,
    ProgrammeOpened,
)
from ledger.entries.certificates import CertificateIssued, CertificateRevoked
from ledger.entries.control import DisputeAnswered, Disputed, Reversed
from ledger.entries.costs import ManagementSpent
from ledger.entries.donors import DonorRegistered
from ledger.entries.goods import GoodsIssued, GoodsReturned, Purchased
from ledger.entries.pledges import PledgeMade
from ledger.entries.receipts import (
    CashSheetReceived,
    GatewaySettled,
    GiftReceived,
    GiftRefunded,
    MistakenMoneyHeld,
    MistakenMoneyReturned,
    StatementImported,
    SuspensePaid,
    SuspenseReceived,
)
from ledger.entries.restrictions import FundOpened, ShortfallCovered
from ledger.entries.targets import StatisticReported, TargetSet

Entry = (
    BookOpened
    | ClockClamped
    | PlaceOpened
    | BalanceBrought
    | ProgrammeOpened
    | CommunesListed
    | GoodsListed
    | ActivitiesListed
    | ClassesListed
    | CommuneFlagged
    | CommuneMapped
    | PackageListed
    | TargetSet
    | StatisticReported
    | FundOpened
    | ShortfallCovered
    | DonorRegistered
    | PledgeMade
    | StatementImported
    | GiftReceived
    | CashSheetReceived
    | GatewaySettled
    | SuspenseReceived
    | SuspensePaid
    | MistakenMoneyHeld
    | MistakenMoneyReturned
    | GiftRefunded
    | BankFeeCharged
    | InterestReceived
    | TransferSent
    | TransferArrived
    | CashPaidIn
    | CashWithdrawn
    | Allocated
    | PaymentOrdered
    | MoneyAdvanced
    | PaymentBounced
    | MoneyReturned
    | Purchased
    | GoodsIssued
    | Delivered
    | GoodsReturned
    | ManagementSpent
    | Reversed
    | CertificateIssued
    | CertificateRevoked
    | Disputed
    | DisputeAnswered
    | GrantSent
    | GrantReceived
    | ExternalContributed
    | ChildrenReported
    | WitnessesSet
    | KeyReplaced
    | Restored
    | BookClosed
)

KINDS = {kind.__struct_config__.tag: kind for kind in Entry.__args__}

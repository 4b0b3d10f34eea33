"""Every kind that can be recorded. A new kind is a class, its name here, and a golden record."""

from ledger.entries.aid import (
    Allocated,
    Delivered,
    MoneyAdvanced,
    MoneyReturned,
    PaymentBounced,
    PaymentOrdered,
)
from ledger.entries.approvals import Approved, Declined, FourEyesSet, Proposed, RoleGranted, RoleWithdrawn
from ledger.entries.auditing import FindingFollowed, FindingRaised, SampleCommitted, SampleDrawn
from ledger.entries.bank import (
    BankFeeCharged,
    CashPaidIn,
    CashWithdrawn,
    CurrencyExchanged,
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
    TracingSet,
    WitnessesSet,
)
from ledger.entries.campaigns import (
    CampaignClosed,
    CampaignExtended,
    CampaignOpened,
    ReportAcknowledged,
    ReportRuleSet,
    ReportSubmitted,
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
from ledger.entries.children import ChildRegistered
from ledger.entries.contracts import ContractSigned, StageAccepted, WorksChecked
from ledger.entries.control import DisputeAnswered, Disputed, Reversed
from ledger.entries.costs import ManagementSpent
from ledger.entries.donors import (
    ConsentGiven,
    ConsentWithdrawn,
    CreditsListed,
    DonorRegistered,
    DonorsMerged,
    DonorsUnmerged,
)
from ledger.entries.goods import (
    DemandListed,
    GoodsGivenDirectly,
    GoodsInspected,
    GoodsIssued,
    GoodsReceived,
    GoodsReturned,
    Purchased,
    StockCounted,
    StockFound,
    StockWrittenOff,
)
from ledger.entries.needs import (
    Evaluated,
    InsuranceListed,
    MealPlanSet,
    NeedSurveyed,
    NeedWithdrawn,
    PriorityRuleSet,
    SupportEnded,
    SupportScheduled,
    VisitMade,
)
from ledger.entries.periods import (
    BookMerged,
    CashCounted,
    CashFound,
    CashLost,
    HandedOver,
    PeriodClosed,
    PeriodReopened,
    YearOpened,
)
from ledger.entries.pledges import PledgeAmended, PledgeCancelled, PledgeLapsed, PledgeMade, PledgeWrittenOff
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
from ledger.entries.reporting import ReportIssued
from ledger.entries.restrictions import FundOpened, RestrictionVaried, ShortfallCovered
from ledger.entries.targets import StatisticReported, TargetSet
from ledger.entries.vouchers import EvidenceAdded, VoucherPrinted, VoucherSpoilt, VouchersSet

Entry = (
    BookOpened
    | ClockClamped
    | PlaceOpened
    | BalanceBrought
    | TracingSet
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
    | RestrictionVaried
    | DonorRegistered
    | DonorsMerged
    | DonorsUnmerged
    | ConsentGiven
    | ConsentWithdrawn
    | CreditsListed
    | PledgeMade
    | PledgeAmended
    | PledgeLapsed
    | PledgeCancelled
    | PledgeWrittenOff
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
    | CurrencyExchanged
    | Allocated
    | PaymentOrdered
    | MoneyAdvanced
    | PaymentBounced
    | MoneyReturned
    | Purchased
    | GoodsIssued
    | Delivered
    | GoodsReturned
    | GoodsReceived
    | GoodsGivenDirectly
    | GoodsInspected
    | StockCounted
    | StockWrittenOff
    | StockFound
    | DemandListed
    | ContractSigned
    | StageAccepted
    | WorksChecked
    | ManagementSpent
    | NeedSurveyed
    | NeedWithdrawn
    | PriorityRuleSet
    | MealPlanSet
    | SupportScheduled
    | SupportEnded
    | Evaluated
    | VisitMade
    | InsuranceListed
    | ChildRegistered
    | Reversed
    | CertificateIssued
    | CertificateRevoked
    | Disputed
    | DisputeAnswered
    | GrantSent
    | GrantReceived
    | ExternalContributed
    | ChildrenReported
    | ReportIssued
    | CampaignOpened
    | CampaignExtended
    | CampaignClosed
    | ReportRuleSet
    | ReportSubmitted
    | ReportAcknowledged
    | SampleCommitted
    | SampleDrawn
    | FindingRaised
    | FindingFollowed
    | WitnessesSet
    | KeyReplaced
    | Restored
    | BookClosed
    | FourEyesSet
    | RoleGranted
    | RoleWithdrawn
    | Proposed
    | Approved
    | Declined
    | VouchersSet
    | VoucherSpoilt
    | VoucherPrinted
    | EvidenceAdded
    | CashCounted
    | CashFound
    | CashLost
    | PeriodClosed
    | PeriodReopened
    | YearOpened
    | HandedOver
    | BookMerged
)

KINDS = {kind.__struct_config__.tag: kind for kind in Entry.__args__}

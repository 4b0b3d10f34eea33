"""What the product says when it says no: one pair of short sentences for every reason, Vietnamese first.

Used by the API and by the commands, so that both say the same. The words may change, the reason may not.
"""

import re
from enum import StrEnum

from ledger.refusals import Reason, Rejected

MAX_SHOWN = 200  # characters of anything a caller sent that is shown back


class DoorReason(StrEnum):
    """What goes wrong at the door or behind it, beside the ledger's own refusals. Stable like `Reason`."""

    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    NOT_JSON = "NOT_JSON"
    REFERENCES_DIFFER = "REFERENCES_DIFFER"
    HOST_NOT_SERVED = "HOST_NOT_SERVED"
    CROSS_SITE = "CROSS_SITE"
    NO_LOGINS_YET = "NO_LOGINS_YET"
    NOT_READY = "NOT_READY"
    STORE_UNAVAILABLE = "STORE_UNAVAILABLE"
    COMMIT_UNKNOWN = "COMMIT_UNKNOWN"
    SCHEMA_OLD = "SCHEMA_OLD"
    SIGNER_REFUSED = "SIGNER_REFUSED"
    CHECKPOINT_LATE = "CHECKPOINT_LATE"
    WITNESSES_LATE = "WITNESSES_LATE"
    WITNESS_REFUSES = "WITNESS_REFUSES"
    BOOK_DAMAGED = "BOOK_DAMAGED"
    HTTP = "HTTP"
    INTERNAL = "INTERNAL"


Words = tuple[str, str]

WORDS: dict[Reason | DoorReason, Words] = {
    Reason.MALFORMED: ("Yêu cầu không đúng dạng", "The request is malformed"),
    Reason.UNKNOWN_KIND: ("Không có loại nghiệp vụ này", "There is no such kind of entry"),
    Reason.TOO_LARGE: ("Yêu cầu quá lớn", "The request is too large"),
    Reason.REFERENCE_REUSED: (
        "Mã tham chiếu này đã dùng cho một yêu cầu khác",
        "This reference was used for another request",
    ),
    Reason.DAY_IN_FUTURE: ("Ngày nằm trong tương lai", "The day lies in the future"),
    Reason.GLYPH_MISSING: ("Phông chữ không có ký tự này", "The fonts cannot show a character"),
    Reason.BOOK_NOT_OPEN: ("Không có sổ này, hoặc chưa nói rõ sổ nào", "No such book, or it was not said which"),
    Reason.BOOK_ALREADY_OPEN: ("Sổ đã mở rồi", "The book is already open"),
    Reason.ALREADY_EXISTS: ("Mã này đã có rồi", "This code exists already"),
    Reason.TOO_ALIKE: ("Tên quá giống một tên đã có", "The name looks too much like an existing one"),
    Reason.NO_SUCH_RECORD: ("Không có bản ghi này", "There is no such record"),
    Reason.NO_SUCH_PLACE: (
        "Chưa mở tài khoản, quỹ tiền mặt hoặc kho này",
        "This account, cash box or store is not open",
    ),
    Reason.NO_SUCH_FUND: ("Không có nguồn này", "There is no such fund"),
    Reason.NO_SUCH_PROGRAMME: ("Không có chương trình này", "There is no such programme"),
    Reason.NO_SUCH_ACTIVITY: ("Không có hoạt động này", "There is no such activity"),
    Reason.NO_SUCH_COMMUNE: ("Xã này không có trong chương trình", "This commune is not listed"),
    Reason.NO_SUCH_GOODS: ("Không có mặt hàng này", "There are no such goods"),
    Reason.NO_SUCH_PLEDGE: ("Không có cam kết này", "There is no such pledge"),
    Reason.NO_SUCH_CLASS: ("Không có nhóm trẻ em này", "There is no such beneficiary class"),
    Reason.NO_SUCH_PACKAGE: ("Không có gói hỗ trợ này vào ngày đó", "There is no such support package on that day"),
    Reason.NO_SUCH_TARGET: ("Không có chỉ tiêu này", "There is no such target"),
    Reason.NO_SUCH_STATEMENT: ("Không có sao kê này", "There is no such statement"),
    Reason.NO_SUCH_LINE: ("Không có dòng sao kê này", "There is no such statement line"),
    Reason.NO_SUCH_TRANSFER: ("Không có khoản chuyển nội bộ này", "There is no such transfer"),
    Reason.NO_SUCH_ALLOCATION: ("Không có quyết định phân bổ này", "There is no such allocation"),
    Reason.NO_SUCH_ORDER: ("Không có lệnh chi này", "There is no such payment order"),
    Reason.NO_SUCH_LOT: ("Không có lô hàng này trong kho", "There is no such lot in this store"),
    Reason.NO_SUCH_CONTRACT: ("Không có hợp đồng này, hoặc chưa nêu hợp đồng", "No such contract, or none was named"),
    Reason.NO_SUCH_NEED: ("Không có nhu cầu này", "There is no such need"),
    Reason.NO_SUCH_PLAN: ("Không có kế hoạch hoặc đợt hỗ trợ này", "There is no such plan, schedule or instalment"),
    Reason.NO_SUCH_CHILD: ("Không có trẻ nào mang mã này trong két", "No child in the vault has this number"),
    Reason.NO_SUCH_DISPUTE: ("Không có khiếu nại này", "There is no such dispute"),
    Reason.NO_SUCH_FORM: ("Không có biểu mẫu này cho bản ghi đó", "There is no such form for this record"),
    Reason.NO_SUCH_PROPOSAL: ("Không có đề xuất này, hoặc chưa được duyệt đủ", "No such proposal, or not approved yet"),
    Reason.NO_SUCH_SERIES: ("Không có loại chứng từ này", "There is no such series of vouchers"),
    Reason.TRANSFER_NOT_FOUND: (
        "Không có đúng một khoản chuyển như vậy; hãy hỏi quỹ, hoặc khiếu nại",
        "There is not exactly one such transfer; ask the fund, or dispute",
    ),
    Reason.NOT_THE_RECORD: ("Không phải bản ghi được nói đến", "This is not the record meant"),
    Reason.NOT_A_GIFT: ("Bản ghi này không phải là khoản ủng hộ phù hợp", "This record is not a gift that fits"),
    Reason.NOT_THE_HEAD: ("Sổ đã có bản ghi mới hơn", "The book has newer records"),
    Reason.WOULD_BE_OVERDRAWN: ("Không đủ số dư", "The balance is too small"),
    Reason.SHORTFALL_OPEN: ("Nguồn còn khoản thiếu chưa xử lý", "The fund has a shortfall that is not resolved"),
    Reason.UNIT_DIFFERS: ("Khác đơn vị tính", "The units differ"),
    Reason.PARTS_DIFFER: ("Các phần cộng lại không khớp", "The parts do not add up"),
    Reason.MORE_THAN_PLANNED: (
        "Vượt số còn lại của nhu cầu, suất ăn hoặc đợt đã lập kế hoạch",
        "More than what is left of the need, the meals or the instalments planned",
    ),
    Reason.OUTSIDE_RESTRICTION: (
        "Ngoài mục đích mà nhà tài trợ đã định",
        "Outside what the donor restricted the money to",
    ),
    Reason.ABOVE_CATALOGUE: ("Cao hơn định mức, đơn giá của gói hỗ trợ", "Above the package's norm or unit price"),
    Reason.NO_DENOMINATOR: ("Tỷ lệ phải có mẫu số và ngày của mẫu số", "A share needs a denominator with its day"),
    Reason.LOT_NOT_FIT: (
        "Lô hàng quá hạn, chưa kiểm nhận hoặc không đạt",
        "The lot is expired, not inspected or failed its inspection",
    ),
    Reason.NOT_FIRST_EXPIRED: ("Có lô hết hạn sớm hơn", "Another lot expires first"),
    Reason.STAGE_NOT_ACCEPTED: (
        "Vượt quá phần tạm ứng và giai đoạn đã nghiệm thu",
        "Beyond the advance and the accepted stages",
    ),
    Reason.PLACE_NOT_OF_FUND: ("Nguồn này không giữ tiền ở đây", "This fund is not kept in this place"),
    Reason.HOLDER_DIFFERS: ("Khác người giữ tiền hoặc hàng", "Another holder has the money or goods"),
    Reason.NEEDS_APPROVAL: ("Cần người thứ hai duyệt", "A second person has to approve"),
    Reason.AID_NOT_APPROVED: (
        "Viện trợ nước ngoài chưa có văn bản phê duyệt",
        "Aid from abroad without the approval that the law asks for",
    ),
    Reason.NOT_AN_APPROVER: ("Người này không được duyệt việc này", "This person may not approve this"),
    Reason.NOT_WHAT_WAS_APPROVED: ("Khác với nội dung đã được duyệt", "Not what was approved"),
    Reason.AMOUNT_TOO_LARGE: ("Số tiền quá lớn", "The amount is too large"),
    Reason.BOOK_CLOSED: ("Sổ đã khóa vĩnh viễn", "The book is closed for good"),
    Reason.BOOK_SET_BACK: (
        "Cơ sở dữ liệu là bản cũ, thiếu bản ghi đã niêm phong: dùng sovang restore, chưa ghi gì thêm",
        "The database is an old copy and lacks records that were signed: run `sovang restore`; nothing was recorded",
    ),
    Reason.KEY_DIFFERS: ("Không phải khóa đang dùng của sổ", "Not the key in force of this book"),
    Reason.SIGNATURE_INVALID: ("Chữ ký không đúng", "A signature is not right"),
    Reason.POLICY_INVALID: ("Danh sách bên làm chứng không đúng dạng", "The list of witnesses is malformed"),
    Reason.NEEDS_TWO_OFFICERS: ("Cần hai người có trách nhiệm khác nhau", "Two different officers are needed"),
    Reason.ALREADY_APPROVED: ("Người này đã duyệt rồi", "This person has approved already"),
    Reason.PROPOSAL_SETTLED: ("Đề xuất này đã xong", "This proposal is settled"),
    Reason.PERIOD_CLOSED: ("Kỳ kế toán này đã khóa", "This period is closed"),
    Reason.NOT_IN_ORDER: ("Phải làm theo thứ tự", "Not in its order"),
    Reason.NUMBER_TAKEN: ("Số chứng từ này đã dùng", "This voucher number is taken"),
    Reason.ALREADY_ANSWERED: ("Khiếu nại này đã được trả lời", "This dispute is already answered"),
    Reason.LINE_ALREADY_RECORDED: ("Dòng sao kê này đã ghi rồi", "This statement line is already recorded"),
    Reason.STATEMENT_ALREADY_IMPORTED: ("Sao kê này đã nhập rồi", "This statement was already imported"),
    Reason.STATEMENT_ALREADY_WHOLE: ("Sao kê này đã nhập đủ dòng", "All lines of this statement are recorded"),
    Reason.ALREADY_REVERSED: ("Nghiệp vụ này đã được đảo", "This entry is already reversed"),
    Reason.NOT_REVERSIBLE: ("Không đảo được nghiệp vụ này", "This kind of entry cannot be reversed"),
    Reason.GIFT_TAKEN_BACK: ("Khoản ủng hộ này đã hoàn trả hoặc hủy", "This gift was refunded or reversed"),
    Reason.NOT_CHECKPOINTED: (
        "Bản ghi chưa có mốc niêm phong nào bao gồm",
        "No signed checkpoint covers the record yet",
    ),
    Reason.NO_SUCH_CAMPAIGN: ("Không có đợt vận động này", "There is no such campaign"),
    Reason.NO_SUCH_SAMPLE: ("Không có mẫu kiểm tra này", "There is no such sample"),
    Reason.NO_SUCH_FINDING: ("Không có phát hiện kiểm toán này", "There is no such audit finding"),
    Reason.RECEPTION_TOO_LONG: (
        "Thời gian tiếp nhận dài hơn quy định",
        "The reception is longer than the rule allows",
    ),
    Reason.SEED_DIFFERS: ("Không phải hạt giống đã cam kết", "Not the seed that was committed to"),
    Reason.ALREADY_CLOSED: ("Việc này đã kết thúc", "This is closed already"),
    Reason.SMALL_GROUP_OPEN: (
        "Nhóm quá nhỏ để ghi công khai mà không lộ người",
        "The group is too small to be written openly",
    ),
    Reason.UNPUBLISHED_FIGURE: ("Số liệu này không được công khai", "This figure may not stand in the open"),
    Reason.NOT_IN_VAULT: ("Không có thông tin của người này trong két", "The vault holds nothing of this person"),
    Reason.FILE_UNREADABLE: ("Không đọc được tệp", "The file cannot be read"),
    Reason.FILE_TOO_LARGE: ("Tệp quá lớn", "The file is too large"),
    Reason.FORMAT_UNKNOWN: ("Không nhận ra định dạng tệp", "The file's format is not known"),
    Reason.HEADER_UNKNOWN: ("Không nhận ra dòng tiêu đề", "The header line is not known"),
    Reason.ROW_MALFORMED: ("Có dòng không đúng dạng", "A row is malformed"),
    Reason.ROW_AMBIGUOUS: ("Có dòng hiểu được hai cách", "A row can be read in two ways"),
    Reason.CONTROL_MISSING: ("Thiếu số dư đối chiếu", "The control figures are missing"),
    Reason.CONTROL_DIFFERS: ("Số dư đối chiếu không khớp", "The control figures differ"),
    Reason.CURRENCY_DIFFERS: ("Khác loại tiền", "The currencies differ"),
    Reason.ACCOUNT_DIFFERS: ("Sao kê của tài khoản khác", "The statement is of another account"),
    Reason.NO_LINES: ("Tệp không có dòng nào", "The file has no lines"),
    Reason.PARTIAL_DAY: ("Sao kê dừng giữa ngày", "The statement ends in the middle of a day"),
    Reason.NOT_A_STATEMENT: ("Tệp này không phải là sao kê", "This file is not a statement"),
    Reason.IMPORT_UNFINISHED: ("Lần nhập sao kê trước chưa xong", "An earlier import is not finished"),
    DoorReason.NOT_FOUND: ("Không có ở đây", "Nothing is here"),
    DoorReason.METHOD_NOT_ALLOWED: ("Không dùng được phương thức này ở đây", "This method is not served here"),
    DoorReason.NOT_JSON: (
        "Chỉ nhận application/json, UTF-8, không nén",
        "Only application/json in UTF-8, not compressed, is taken",
    ),
    DoorReason.REFERENCES_DIFFER: (
        "Idempotency-Key và reference nói hai điều khác nhau",
        "Idempotency-Key and reference say two different things",
    ),
    DoorReason.HOST_NOT_SERVED: ("Tên máy chủ không đúng", "Not a name of this server"),
    DoorReason.CROSS_SITE: ("Yêu cầu đến từ một trang khác", "The request comes from another site"),
    DoorReason.NO_LOGINS_YET: (
        "Chưa có đăng nhập: không kiểm tra được thông tin này",
        "There are no logins yet: these credentials cannot be checked",
    ),
    DoorReason.NOT_READY: ("Chưa sẵn sàng phục vụ", "Not ready to serve"),
    DoorReason.STORE_UNAVAILABLE: (
        "Cơ sở dữ liệu tạm thời không dùng được; không có gì được ghi",
        "The database is not available; nothing was recorded",
    ),
    DoorReason.COMMIT_UNKNOWN: (
        "Không biết đã ghi hay chưa; hãy gửi lại với cùng mã tham chiếu",
        "Whether it was recorded is not known; send it again with the same reference",
    ),
    DoorReason.SCHEMA_OLD: ("Cơ sở dữ liệu cần nâng cấp: sovang migrate", "The database needs `sovang migrate`"),
    DoorReason.SIGNER_REFUSED: ("Khóa ký từ chối ký sổ này", "The signing key refuses to sign this book"),
    DoorReason.CHECKPOINT_LATE: ("Đã ghi nhưng chưa kịp niêm phong", "Recorded, but not checkpointed in time"),
    DoorReason.WITNESSES_LATE: (
        "Chưa đủ bên làm chứng ký cho các bản ghi mới",
        "Not enough witnesses have signed for the newest records",
    ),
    DoorReason.WITNESS_REFUSES: ("Một bên làm chứng không ký", "A witness does not sign"),
    DoorReason.BOOK_DAMAGED: (
        "Dữ liệu lưu của sổ không khớp nhau: chạy sovang verify --database",
        "The stored book does not fit together: run `sovang verify --database`",
    ),
    DoorReason.HTTP: ("Không xử lý được yêu cầu", "The request cannot be served"),
    DoorReason.INTERNAL: ("Lỗi bên trong; đã ghi nhật ký", "An internal error; it was logged"),
}

FAILURES: dict[str, Words] = {
    "HOME_MISSING": ("Không có sổ ở thư mục này: xem lại --home, hoặc mở sổ bằng sovang init", "There is no home here"),
    "FILE_UNREADABLE": ("Không đọc hoặc không ghi được tệp", "A file cannot be read or written"),
    "PAPER_FALSE": ("Giấy này không chứng minh được điều nó nói", "The paper does not prove what it says"),
    "PROOF_FAILED": ("Bằng chứng không đúng", "The proof does not hold"),
    "NOTE_REJECTED": (
        "Khóa công khai, hoặc mốc niêm phong, không tin được",
        "The public key or the checkpoint is not to be believed",
    ),
    "TILE_REJECTED": ("Tệp của nhật ký công bố không đúng dạng", "A file of the published log is malformed"),
    "RECORD_MALFORMED": ("Không phải là một bản ghi đúng dạng", "These bytes are no record"),
    "VAULT_DAMAGED": (
        "Dữ liệu trong két không mở được: chạy sovang verify --database",
        "A private value does not open: run `sovang verify --database`",
    ),
    "QUERY_FAILED": (
        "Dữ liệu lưu của sổ không khớp nhau: chạy sovang verify --database",
        "The stored book does not fit together: run `sovang verify --database`",
    ),
    "SOURCE_UNAVAILABLE": ("Không đọc được nhật ký công bố", "The published log cannot be read"),
    "STATE_REJECTED": ("Tệp --state không dùng được", "The saved audit cannot be gone on from"),
    "POLICY_REJECTED": ("Tệp chính sách bên làm chứng không đúng dạng", "The witness policy cannot be read"),
    "NO_FORK": ("Tệp này không chứng minh sổ rẽ nhánh", "This does not prove a fork"),
    "BUNDLE_FALSE": ("Gói này không chứng minh được điều nó nói", "The bundle does not prove what it says"),
    "WITNESS_UNFIT": ("Thư mục của bên làm chứng không dùng được", "The witness's folder cannot be used"),
    "AUTHORITY_REFUSED": ("Không thêm được cơ quan cấp dấu thời gian", "The authority cannot be added"),
    "RESTORE_REFUSED": ("Không khôi phục được; không có gì được ghi", "Nothing was put back"),
    "SERVE_REFUSED": ("Máy chủ không chạy được", "The server does not start"),
    "MISUSE": ("Gõ lệnh chưa đúng", "The command is not written right"),
    "INTERRUPTED": ("Đã dừng giữa chừng", "Interrupted"),
    "UNEXPECTED": (
        "Lỗi chưa lường trước; đặt SOVANG_DEBUG=1 để xem đầy đủ",
        "Not foreseen; SOVANG_DEBUG=1 shows all of it",
    ),
}
"""What the commands say of failures that are no refusals, beside those of `DoorReason`."""

_NAMED = re.compile(r"^\$\.?([^:]+):|(?:at|field) `(?:\$\.)?([^`]+)`")


def title(reason: Reason | DoorReason) -> str:
    """Both sentences in one line."""
    return " — ".join(WORDS[reason])


def failure(reason: str, detail: str = "") -> str:
    """What a command says of a failure: both sentences, then the technical detail."""
    words = FAILURES[reason] if reason in FAILURES else WORDS[DoorReason(reason)]
    return " — ".join((*words, detail) if detail else words)


def field_of(rejected: Rejected) -> str | None:
    """The field a refusal speaks of: named by the ledger, or read from a library's message."""
    if (named := rejected.details.get("field")) is not None:
        return shown(named)
    found = _NAMED.search(rejected.message)
    return None if found is None else shown(found[1] or found[2])


def verdict(*, ok: bool, whole: bool) -> tuple[str, str]:
    """What an audit came to, in both languages."""
    if ok:
        return "SỔ NGUYÊN VẸN", "the book is whole"
    if whole:
        return "SỔ NGUYÊN VẸN, CÒN VIỆC MỞ", "the book is whole; matters are open"
    return "SỔ BỊ SAI LỆCH", "the book is not what was recorded, signed or allowed"


def say(rejected: Rejected) -> str:
    """One clear line for people: the reason in both languages, the field, the figures, the code."""
    parts = [title(rejected.reason)]
    if field := field_of(rejected):
        parts.append(f"[{field}]")
    if rejected.message:
        parts.append(shown(rejected.message))
    figures = [f"{name}={shown(value)}" for name, value in rejected.details.items() if name != "field"]
    if figures:
        parts.append(f"({', '.join(figures)})")
    return f"{' '.join(parts)} {rejected.reason}"


def shown(value: object) -> str:
    """A value as one short line of plain text: control characters are written out."""
    text = str(value)
    text = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)

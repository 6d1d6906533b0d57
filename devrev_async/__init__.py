"""Async-first client for the DevRev works API: issues, tickets, tasks, opportunities."""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from ._version import __version__

if TYPE_CHECKING:
    from msgspec import UNSET

    from .changes.iteration import ChangeBatch, WorkChanges
    from .client import DevRevClient
    from .errors import (
        APIConnectionError,
        APIError,
        APITimeoutError,
        BadRequestError,
        ClientClosedError,
        ConfigurationError,
        ConflictError,
        DevRevError,
        ForbiddenError,
        IncompleteExportError,
        InternalServerError,
        InvalidArgumentError,
        LostAnswerError,
        MissingTokenError,
        NotFoundError,
        OutcomeUnknownError,
        RateLimitWaitError,
        ResponseDecodeError,
        ResponseTooLargeError,
        ServerError,
        ServiceUnavailableError,
        SyncStateError,
        TooManyRequestsError,
        TransportError,
        UnauthorizedError,
    )
    from .export.iteration import WorkExport
    from .export.slices import WorkSlice
    from .models import (
        CreateFields,
        DateRange,
        Filters,
        Issue,
        IssueFilter,
        LastDays,
        ListUpdate,
        NextDays,
        Opportunity,
        OpportunityFilter,
        StageFilter,
        StageUpdate,
        Task,
        Ticket,
        TicketFilter,
        UnknownWork,
        UpdateFields,
        Work,
        WorkBase,
        WorksCount,
        WorksPage,
        WorkUpdate,
    )
    from .options import ClientEvent, RateLimit, Timeout
    from .reports import ChangesReport, ExportReport, SyncReport
    from .resources.bulk import BulkProgress, BulkResult, BulkRun, Failure, Outcome
    from .resources.iterators import WorksStream
    from .resources.pagers import ItemPager, WorksPager

__all__ = [
    "UNSET",
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "BadRequestError",
    "BulkProgress",
    "BulkResult",
    "BulkRun",
    "ChangeBatch",
    "ChangesReport",
    "ClientClosedError",
    "ClientEvent",
    "ConfigurationError",
    "ConflictError",
    "CreateFields",
    "DateRange",
    "DevRevClient",
    "DevRevError",
    "ExportReport",
    "Failure",
    "Filters",
    "ForbiddenError",
    "IncompleteExportError",
    "InternalServerError",
    "InvalidArgumentError",
    "Issue",
    "IssueFilter",
    "ItemPager",
    "LastDays",
    "ListUpdate",
    "LostAnswerError",
    "MissingTokenError",
    "NextDays",
    "NotFoundError",
    "Opportunity",
    "OpportunityFilter",
    "Outcome",
    "OutcomeUnknownError",
    "RateLimit",
    "RateLimitWaitError",
    "ResponseDecodeError",
    "ResponseTooLargeError",
    "ServerError",
    "ServiceUnavailableError",
    "StageFilter",
    "StageUpdate",
    "SyncReport",
    "SyncStateError",
    "Task",
    "Ticket",
    "TicketFilter",
    "Timeout",
    "TooManyRequestsError",
    "TransportError",
    "UnauthorizedError",
    "UnknownWork",
    "UpdateFields",
    "Work",
    "WorkBase",
    "WorkChanges",
    "WorkExport",
    "WorkSlice",
    "WorkUpdate",
    "WorksCount",
    "WorksPage",
    "WorksPager",
    "WorksStream",
    "__version__",
]

# A name is imported when it is first used: so `import devrev_async` costs a program, or a test run with the pytest
# plugin installed, only what it uses. Errors and models need no entry here.
_MODULES: Final = {
    "UNSET": "msgspec",
    "BulkProgress": ".resources.bulk",
    "BulkResult": ".resources.bulk",
    "BulkRun": ".resources.bulk",
    "ChangeBatch": ".changes.iteration",
    "ChangesReport": ".reports",
    "ClientEvent": ".options",
    "DevRevClient": ".client",
    "ExportReport": ".reports",
    "Failure": ".resources.bulk",
    "ItemPager": ".resources.pagers",
    "Outcome": ".resources.bulk",
    "RateLimit": ".options",
    "SyncReport": ".reports",
    "Timeout": ".options",
    "WorkChanges": ".changes.iteration",
    "WorkExport": ".export.iteration",
    "WorkSlice": ".export.slices",
    "WorksPager": ".resources.pagers",
    "WorksStream": ".resources.iterators",
}
_SUBMODULES: Final = frozenset({"arrow", "errors", "models", "options", "reports", "sandbox"})

logging.getLogger("devrev_async").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f".{name}", __name__)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _MODULES.get(name) or (".errors" if name.endswith("Error") else ".models")
    value = globals()[name] = getattr(import_module(module, __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})

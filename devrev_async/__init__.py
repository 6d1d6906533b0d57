"""Async-first client for the DevRev works API: issues, tickets, tasks, opportunities."""

import logging

from msgspec import UNSET

from ._version import __version__
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
    NotFoundError,
    OutcomeUnknownError,
    RateLimitWaitError,
    ResponseDecodeError,
    ResponseTooLargeError,
    ServerError,
    ServiceUnavailableError,
    TooManyRequestsError,
    TransportError,
    UnauthorizedError,
)
from .export.runner import WorkExport
from .models import (
    DateRange,
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
    Work,
    WorkBase,
    WorkUpdate,
)
from .models.results import WorksCount, WorksPage
from .options import ClientEvent, RateLimit, Timeout
from .reports import ExportReport
from .resources.bulk import BulkResult, Failure

__all__ = [
    "UNSET",
    "APIConnectionError",
    "APIError",
    "APITimeoutError",
    "BadRequestError",
    "BulkResult",
    "ClientClosedError",
    "ClientEvent",
    "ConfigurationError",
    "ConflictError",
    "DateRange",
    "DevRevClient",
    "DevRevError",
    "ExportReport",
    "Failure",
    "ForbiddenError",
    "IncompleteExportError",
    "InternalServerError",
    "Issue",
    "IssueFilter",
    "LastDays",
    "ListUpdate",
    "NextDays",
    "NotFoundError",
    "Opportunity",
    "OpportunityFilter",
    "OutcomeUnknownError",
    "RateLimit",
    "RateLimitWaitError",
    "ResponseDecodeError",
    "ResponseTooLargeError",
    "ServerError",
    "ServiceUnavailableError",
    "StageFilter",
    "StageUpdate",
    "Task",
    "Ticket",
    "TicketFilter",
    "Timeout",
    "TooManyRequestsError",
    "TransportError",
    "UnauthorizedError",
    "UnknownWork",
    "Work",
    "WorkBase",
    "WorkExport",
    "WorkUpdate",
    "WorksCount",
    "WorksPage",
    "__version__",
]

logging.getLogger("devrev_async").addHandler(logging.NullHandler())

"""The vocabulary of the made-up organisation. No person, company or address in it exists."""

FIRST_NAMES = (
    "Avery", "Rowan", "Mika", "Noor", "Tamsin", "Ilya", "Soraya", "Bram", "Odile", "Kofi", "Wren", "Jun", "Petra",
    "Leif", "Amara", "Zoë", "Dario", "Yuki", "Hanne", "Callum", "Ines", "Tove", "Rafi", "Maeve", "Anouk", "Silas",
)  # fmt: skip
LAST_NAMES = (
    "Quillfeather", "Thistlewood", "Marrowby", "Lanternes", "Oakhollow", "Brindlemoor", "Saltmarsh", "Fennimore-Drake",
    "Copperleaf", "Wintergale", "Ashgrove", "Pebblebrook", "Novákovský", "Harrowfield", "Mossbank", "Ōkawara",
)  # fmt: skip
COMPANIES = (
    "Borealis Kayaks", "Tinpot Analytics", "Grüne Wolke Hosting", "Paper Lantern Tea", "Quarry & Sons", "Umbra Optics",
    "Seventh Harbour", "Mothlight Studio", "Kestrel Freight", "Plum Orchard Bank", "Drumlin Maps", "Vellum Press",
)  # fmt: skip
PART_NAMES = (
    "Checkout", "Search", "Billing", "Notifications", "Mobile app", "Identity", "Reporting", "Import", "Webhooks",
    "Address book", "Audit log", "Single sign-on", "Rate limiter", "Image pipeline", "Calendar sync", "Export jobs",
    "Feature flags", "Session store", "Usage metering", "Tax engine", "Dark mode", "Offline mode", "Ingest", "Console",
)  # fmt: skip
TAG_NAMES = (
    "regression", "customer-reported", "security", "performance", "accessibility", "docs", "good first issue", "vip",
    "flaky", "needs-design", "billing", "mobile", "i18n 🌍", "tech-debt", "release/24.2", "on hold",
)  # fmt: skip
COLORS = ("#ef4444", "#f59e0b", "#10b981", "#3b82f6", "#8b5cf6", "#6b7280")
GROUPS = ("Front line", "Escalations", "Payments crew", "Platform", "Night shift", "Onboarding")
TIMEZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC")

TITLES = (
    "{part}: totals differ by a cent after rounding", "{part} times out for more than 500 rows",
    'Label "Save & close" is cut off in {part}', "{part} forgets the filter on reload", "{part} crashes on empty input",
    "Document the limits of {part}", "{part}: wrong time zone in the e-mail", "Slow first load of {part} 🐢",
    "{part} shows stale data after an update", "Möglichkeit, {part} zu deaktivieren", "Retry button missing in {part}",
    "{part} sends the same message twice", "Cannot paste from a spreadsheet into {part}", "{part}: renewal, 40 seats",
)  # fmt: skip
SENTENCES = (
    "It began after the last release and touches every workspace we looked at.",
    'Steps:\n1. open the page\n2. choose "All"\n3. wait',
    "The log says:\n```\nerror: unexpected token '\\u0000' at C:\\data\\in.csv:17\n\tretrying (3/3)\n```",
    "We expected the old behaviour; what we saw was an empty table.",
    "Customers call it “the vanishing row” 😅 and ask for a date.",
    "See <don:core:dvrv-us-1:devo/0SandBox:issue/1> for the first report.",
    "A work-around: sign out, clear the cache, sign in again.",
    "日本語の件名でも同じ問題が起きます。",
    "Only Safari is affected; Firefox and Chrome are fine.",
    "| column | value |\n|---|---|\n| seats | 40 |\n| region | eu-1 |",
    "Acceptance: the total equals the sum of its lines, to the cent, in every currency.",
    "Nothing urgent, but it makes each morning a little longer.\r\nThanks!",
)  # fmt: skip

STAGES = {
    "issue": (
        ("triage", "open"), ("backlog", "open"), ("prioritized", "open"), ("in_development", "in_progress"),
        ("in_review", "in_progress"), ("in_testing", "in_progress"), ("in_deployment", "in_progress"),
        ("completed", "closed"), ("wont_fix", "closed"), ("duplicate", "closed"),
    ),
    "ticket": (
        ("queued", "open"), ("work_in_progress", "in_progress"), ("awaiting_customer_response", "in_progress"),
        ("awaiting_product_assist", "in_progress"), ("awaiting_development", "in_progress"),
        ("resolved", "closed"), ("canceled", "closed"), ("accepted", "closed"),
    ),
    "task": (("todo", "open"), ("in_progress", "in_progress"), ("done", "closed"), ("skipped", "closed")),
    "opportunity": (
        ("qualification", "open"), ("validation", "in_progress"), ("negotiation", "in_progress"),
        ("contract", "in_progress"), ("closed_won", "closed"), ("closed_lost", "closed"),
    ),
}  # fmt: skip
STATES = ("open", "in_progress", "closed")
SUBTYPES = {
    "issue": ("bug", "chore", "spike"),
    "ticket": ("question", "outage"),
    "task": ("checklist",),
    "opportunity": ("renewal", "expansion"),
}
SEVERITIES = ("low", "medium", "high", "blocker")
CUSTOM_TEXTS = ("", "eu-1", "us-2", "Zürich", 'say "yes"', "a\tb")
SENTIMENT_SUMMARY = 'The customer wrote "again?" and wants a call.'

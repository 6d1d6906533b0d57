"""Public reports of faults in tools that read an API incrementally or write files, and the tests that play them here.

A report that cannot happen to this package says why.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

TESTS = Path(__file__).parent


class Report(NamedTuple):
    """A fault that was reported.

    Attributes:
        where: threads on GitHub; where an owner is left out, it is the one before.
        what: went wrong.
        tests: that play it: a file, and the beginnings of the names of its tests.
        why_not: it concerns nothing here.
    """

    where: str
    what: str
    tests: dict[str, list[str]]
    why_not: str = ""


CHANGES, RUN, SYNC = "changes/test_changes.py", "changes/test_run.py", "changes/test_sync.py"
ATOMIC, EXPORT_TO, FORMATS = "sinks/test_atomic.py", "sinks/test_export_to.py", "sinks/test_formats.py"
OUTPUTS, SIGNALS, CLI_EXPORT = "cli/test_outputs.py", "cli/test_signals.py", "cli/test_export.py"
FILES, FIDELITY, SCHEMA = "arrow/test_files.py", "arrow/test_fidelity.py", "arrow/test_schema.py"
DLT = "dlt/test_source.py"

REPORTS = {
    # positions, ties, late arrivals
    1: Report(
        "estuary/connectors#5205",
        "siblings of the newest second that show up later are lost",
        {CHANGES: ["test_r1_"]},
    ),
    2: Report(
        "airbytehq/airbyte#43317, estuary/connectors#2100",
        "more records of one timestamp than an answer may hold: an endless loop",
        {CHANGES: ["test_r2_"]},
    ),
    3: Report(
        "confluentinc/kafka-connect-jdbc#1093, meltano/sdk#1165",
        "a position in the middle of equal timestamps loses the rest of them",
        {CHANGES: ["test_r3_"], RUN: ["test_the_union_of_calls_is_the_truth"]},
    ),
    4: Report(
        "dlt-hub/dlt#4030, dlt-hub/dlt#2580",
        "one hash for each record of the newest timestamp, millions in one row of state",
        {RUN: ["test_r4_"], SYNC: ["test_r4_"]},
    ),
    5: Report(
        "dlt-hub/dlt#2269, confluentinc/kafka-connect-jdbc#172",
        "what becomes visible late, with a timestamp below the newest one, never comes",
        {CHANGES: ["test_r5_"], DLT: ["test_what_became_visible_late_is_in_the_overlap"]},
    ),
    6: Report(
        "airbytehq/airbyte#80152",
        "records of the moment in which a run begins are lost",
        {CHANGES: ["test_r6_"]},
    ),
    7: Report(
        "airbytehq/airbyte#85918",
        "what is committed between the upper bound and the first page is lost",
        {CHANGES: ["test_r7_"]},
    ),
    8: Report(
        "airbytehq/airbyte#28173",
        "ranges begin at the client's clock, and skip what lies between it and the server's",
        {CHANGES: ["test_r8_"]},
    ),
    9: Report(
        "airbytehq/airbyte#48492",
        "a timestamp without its offset is read in another zone",
        {CHANGES: ["test_r9_since", "test_r9_stamps"]},
    ),
    10: Report(
        "singer-io/tap-intercom#73, airbytehq/airbyte#16214",
        "the position is set to the end of the run, and changes made during it are lost",
        {CHANGES: ["test_r10_"]},
    ),
    11: Report(
        "airbytehq/airbyte#9915",
        "fractions of the position are rounded up",
        {CHANGES: ["test_r11_"]},
    ),
    12: Report(
        "airbytehq/airbyte#19997, #20322, #82686",
        "a gap between neighbouring ranges",
        {CHANGES: ["test_r12_"]},
    ),
    13: Report(
        "airbytehq/airbyte#80282",
        "bounds lose their fractions on the way, so that the position never moves",
        {CHANGES: ["test_r13_"]},
    ),
    14: Report(
        "airbytehq/airbyte#8475, estuary/connectors#5010",
        "answers out of order are taken for ordered ones",
        {CHANGES: ["test_r12_r14_"], RUN: ["test_the_union_of_calls_is_the_truth"]},
    ),
    15: Report(
        "estuary/connectors#3285, PostHog/posthog#63769",
        "a record dated in the future moves the position there",
        {CHANGES: ["test_r15_"], DLT: ["test_a_date_in_the_future_does_not_move_the_position"]},
    ),
    16: Report(
        "dlt-hub/verified-sources#621, airbytehq/airbyte#81640",
        "changes by the system leave the timestamp of the last change",
        {SYNC: ["test_r16_"]},
    ),
    17: Report(
        "elastic/connectors#1822, slingdata-io/sling-cli#333",
        "deletions do not show",
        {SYNC: ["test_r16_r17_"]},
    ),
    18: Report(
        "elastic/connectors-ruby#174",
        "a listing that was cut short makes everything else look deleted",
        {SYNC: ["test_r18_"], "cli/test_sync.py": ["test_r18_"]},
    ),
    19: Report(
        "airbytehq/airbyte#26301",
        "pages move while they are read",
        {CHANGES: ["test_r19_"], RUN: ["test_the_union_of_calls_is_the_truth"]},
    ),
    # state
    20: Report(
        "airbytehq/airbyte#37406",
        "a position is saved although its range failed",
        {CHANGES: ["test_r20_"], SYNC: ["test_r20_"]},
    ),
    21: Report(
        "airbytehq/airbyte#2154, #33404",
        "the filter changes, and the state stays",
        {
            SYNC: ["test_r21_"],
            CHANGES: ["test_a_checkpoint_of_another_query_says_what_differs"],
            DLT: ["test_r21_"],
        },
    ),
    22: Report(
        "airbytehq/airbyte#69297, meltano/meltano#9408",
        "an earlier start date is ignored once there is a state",
        {DLT: ["test_r22_"], SYNC: ["test_r22_"]},
    ),
    23: Report(
        "elastic/logstash#8218",
        "a crash leaves an empty state",
        {
            SYNC: ["test_r23_", "test_r28_a_kill_between_any_two_steps"],
            ATOMIC: ["test_bytes_are_synced_before_the_state_that_counts_them"],
        },
    ),
    24: Report(
        "TencentCloud/TencentDB-Agent-Memory#770",
        "a state that cannot be read is taken for a first run",
        {SYNC: ["test_r23_r24_", "test_r24_"]},
    ),
    25: Report(
        "airbytehq/airbyte#8057, electric-sql/electric#1444",
        "a release misreads the state of another one",
        {SYNC: ["test_r25_a_newer", "test_r25_a_version"], RUN: ["test_a_checkpoint_of_a_newer_version_is_named"]},
    ),
    26: Report(
        "meltano/sdk#3000, #1750, adswerve/target-bigquery#9",
        "a run without records, or one that failed, writes an empty state",
        {SYNC: ["test_r29_r26_", "test_r26_"]},
    ),
    27: Report(
        "withoneai/cli#111, dsebastien/discord-sync-cli#16, meltano/meltano#9947",
        "two runs share a state, or a mark of a dead one blocks all later ones",
        {
            SYNC: ["test_r27_a_second_run", "test_r27_r28_"],
            "sinks/test_lock.py": ["test_windows_has_the_file_once", "test_the_lock_dies_with_its_process"],
        },
    ),
    28: Report(
        "z3z1ma/target-bigquery#94, dlt-hub/dlt#4052",
        "the state moves before its data stands, or the data is repeated since the state could not move",
        {SYNC: ["test_r28_a_kill", "test_r28_r64_", "test_r27_r28_"], DLT: ["test_a_failed_load_moves_nothing"]},
    ),
    29: Report(
        "slingdata-io/sling-cli#793, duckdb/duckdb#4999",
        "nothing new is an error",
        {
            SYNC: ["test_r29_"],
            "cli/test_sync.py": ["test_a_run_says_what_it_wrote_and_one_with_nothing_new_is_one_line_and_no_failure"],
        },
    ),
    # JSON Lines and compression
    30: Report(
        "duckdb/duckdb#25826",
        "a key that comes after 20,480 lines is not in the table",
        {OUTPUTS: ["test_duckdb_reads_late_keys"]},
    ),
    31: Report(
        "pola-rs/polars#29330, ClickHouse/ClickHouse#120348",
        "the same after 100 lines",
        {OUTPUTS: ["test_polars_reads_late_keys"]},
    ),
    32: Report(
        "duckdb/duckdb#25786",
        "1.5 becomes 2 where the first lines have whole numbers",
        {OUTPUTS: ["test_duckdb_reads_late_keys"], FIDELITY: ["test_a_whole_number_where_a_float_is_declared"]},
    ),
    33: Report(
        "Necmttn/ax#906",
        "half a surrogate pair makes a reader refuse the file",
        {SYNC: ["test_json_lines_are_the_servers_bytes_r33_"], FORMATS: ["test_half_a_surrogate_pair_costs_one_cell"]},
    ),
    34: Report(
        "duckdb/duckdb#23143, #7450",
        "nested keys that differ in case only are an error",
        {OUTPUTS: ["test_duckdb_reads_late_keys"], FILES: ["test_duckdb_reads_a_glob_without_options"]},
    ),
    35: Report(
        "indygreg/python-zstandard#59, #196, python/cpython#154537",
        "only the first zstd frame is read",
        {},
        "no file is compressed with zstd as a whole; Parquet has one frame a column",
    ),
    36: Report(
        "pola-rs/polars#1126, #28808",
        "only the first gzip member is read",
        {FORMATS: ["test_every_reader_reads_all_members_of_a_gzip_file"]},
    ),
    37: Report(
        "logstash-plugins/logstash-output-file#61",
        "the end of a gzip file is missing when its process was ended",
        {SYNC: ["test_r20_r37_"], CLI_EXPORT: ["test_an_export_that_was_cut_off_goes_on"]},
    ),
    # Parquet and Arrow
    38: Report(
        "apache/arrow#9886, pola-rs/polars#24856, airbytehq/PyAirbyte#50, airbytehq/airbyte#4608",
        "an empty object is a struct without fields, which Parquet has no form for",
        {FIDELITY: ["test_an_empty_object_is_not_an_absent_one"], FILES: ["test_polars_scans_a_glob_without_options"]},
    ),
    39: Report(
        "apache/arrow#43165, #2782",
        "a first batch of empty lists has a type that the next one does not fit",
        {SCHEMA: ["test_what_each_kind_of_field_becomes"], FILES: ["test_pyarrow_reads_files_as_they_were_written"]},
    ),
    40: Report(
        "duckdb/duckdb-python#257",
        "a column that is null throughout one file is typed in the next",
        {SYNC: ["test_r40_"], FILES: ["test_duckdb_reads_a_glob_without_options"]},
    ),
    41: Report(
        "duckdb/duckdb#13245, #7908, #15375",
        "structs have other members in other files",
        {SYNC: ["test_r40_r42_"], FILES: ["test_duckdb_reads_a_glob_without_options"]},
    ),
    42: Report(
        "pola-rs/polars#23399, #20926, #12781",
        "the first file decides which columns there are",
        {SYNC: ["test_r40_r42_"], FILES: ["test_polars_scans_a_glob_without_options"]},
    ),
    43: Report(
        "airbytehq/airbyte#27678, #14867, #4294",
        "a value of an unexpected type ends the run",
        {FIDELITY: ["test_a_value_of_a_wrong_type_is_null"], "models/test_mutations.py": ["test_one_broken_field"]},
    ),
    44: Report(
        "apache/arrow#40124, marin-community/marin#5142",
        "the keys of the first record decide which columns there are",
        {FILES: ["test_pyarrow_reads_files_as_they_were_written"]},
    ),
    45: Report(
        "apache/arrow#7835, huggingface/datasets#2181",
        "a record that is longer than a block is an error",
        {FIDELITY: ["test_a_work_much_longer_than_the_others"], FORMATS: ["test_a_work_larger_than_a_batch"]},
    ),
    46: Report(
        "apache/arrow#40800, #3203, astronomy-commons/hats-import#634, OpenMS/OpenMS#9862",
        "what an error leaves of a Parquet file looks whole",
        {EXPORT_TO: ["test_a_full_disk", "test_a_disk_that_the_conversion_fills", "test_a_cancelled_conversion"]},
    ),
    47: Report(
        "pola-rs/polars#27219, duckdb/duckdb#13967",
        "Arrow's JSON type makes a reader warn, or fail",
        {SCHEMA: ["test_what_each_kind_of_field_becomes"], "arrow/test_scan.py": ["test_polars"]},
    ),
    48: Report(
        "apache/arrow#47504, #31472",
        "formatting a timestamp needs a database of time zones that Windows lacks",
        {FORMATS: ["test_r48_"]},
    ),
    49: Report(
        "apache/arrow#36280, #45638, #44295",
        "each small batch is a row group of its own",
        {FORMATS: ["test_row_groups_are_bounded_by_rows", "test_row_groups_are_bounded_by_bytes"]},
    ),
    50: Report(
        "apache/arrow#44112, #9781, apache/datafusion#1360",
        "the year 9999 in nanoseconds is another year",
        {
            FILES: ["test_duckdb_reads_a_glob", "test_polars_scans_a_glob", "test_pyarrow_reads_files"],
            FIDELITY: ["test_timestamps_are_instants_in_utc_to_the_microsecond"],
        },
    ),
    51: Report(
        "ClickHouse/clickhouse-java#1161, datazip-inc/olake#451",
        "timestamps in nanoseconds are refused",
        {SCHEMA: ["test_what_each_kind_of_field_becomes"]},
    ),
    52: Report(
        "apache/arrow#50470",
        "a struct that is null, with members that may not be null, cannot be written",
        {SCHEMA: ["test_everything_may_be_null"]},
    ),
    53: Report(
        "dlt-hub/dlt#4228, #4015",
        "a timestamp with an offset is normalised, or not",
        {DLT: ["test_r53_"]},
    ),
    # CSV
    54: Report(
        "C2FO/fast-csv#320, ryu1kn/csv-writer#56, d3/d3-dsv#22, SheetJS/sheetjs#2080",
        "a bare carriage return is not quoted",
        {FORMATS: ["test_odd_titles_come_back_from_csv"]},
    ),
    55: Report(
        "netresearch/timetracker#318, brightdata/sdk-python#52, hhurz/tableExport.jquery.plugin#230",
        "cells are run by spreadsheets, or are changed for those who have none",
        {FORMATS: ["test_safe_cells_run_in_no_spreadsheet", "test_odd_titles_come_back_from_csv"]},
    ),
    56: Report(
        "metabase/metabase#76028, azavea/django-queryset-csv#71",
        "a byte order mark that some readers need is part of the first name for others",
        {FORMATS: ["test_csv_is_rfc_4180"]},
    ),
    57: Report(
        "TabViewer/tabview#150",
        "Python's own reader refuses cells of more than 131,072 characters",
        {FORMATS: ["test_r57_"], SYNC: ["test_r57_"]},
    ),
    # files, disks, signals
    58: Report(
        "stepchowfun/docuum#109, natefinch/atomic#6",
        "a temporary file lies on another file system, and cannot be renamed",
        {EXPORT_TO: ["test_r58_", "test_a_link_to_another_file_system"], SYNC: ["test_r58_"]},
    ),
    59: Report(
        "mattbaya/ITEGA#32",
        "the target is a mounted file, which cannot be replaced",
        {EXPORT_TO: ["test_r59_"], ATOMIC: ["test_a_mounted_file_says_what_to_do"]},
    ),
    60: Report(
        "NousResearch/hermes-agent#115086, atomantic/PortOS#1893",
        "a link is replaced, or the wrong folder is synced",
        {SYNC: ["test_r60_"], CLI_EXPORT: ["test_a_link_is_followed"]},
    ),
    61: Report(
        "untitaker/python-atomicwrites#42, pvliesdonk/markdown-vault-mcp#958, spack/spack#52653",
        "the rights of a temporary file are those of its target from then on",
        {
            SYNC: ["test_r60_r61_"],
            ATOMIC: ["test_the_rights_of_the_replaced_file_are_kept", "test_a_new_file_has_the_rights_that_open_gives"],
        },
    ),
    62: Report(
        "googleapis/python-storage#1228, PyFilesystem/s3fs#95",
        "an exception uploads what there is, as if it were all",
        {},
        "files are local; an upload is made of a file that stands",
    ),
    63: Report(
        "libratom/libratom#90, genkit-ai/genkit#3727",
        "times in names of files have colons, which Windows refuses",
        {SYNC: ["test_r63_"]},
    ),
    64: Report(
        "gsamokovarov/jump#9, NLnetLabs/krill#315",
        "a full disk truncates the state",
        {SYNC: ["test_r28_r64_"], EXPORT_TO: ["test_a_full_disk"]},
    ),
    65: Report(
        "docker-library/python#204, frozenpandaman/s3s#196",
        "the first process of a container ignores SIGTERM",
        {SIGNALS: ["test_r65_"]},
    ),
}


@cache
def names_in(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


def test_each_report_is_here() -> None:
    assert list(REPORTS) == list(range(1, 66))


@pytest.mark.parametrize("number", REPORTS)
def test_each_report_has_a_test_or_a_reason(number: int) -> None:
    report = REPORTS[number]
    assert bool(report.tests) != bool(report.why_not)
    for file, names in report.tests.items():
        for name in names:
            assert any(each.startswith(name) for each in names_in(file)), f"{file} has no {name}"


def test_each_test_that_names_a_report_is_here() -> None:
    for path in TESTS.rglob("test_*.py"):
        file = path.relative_to(TESTS).as_posix()
        for name in names_in(file):
            for number in map(int, re.findall(r"_r(\d+)(?=_)", name)):
                assert any(name.startswith(each) for each in REPORTS[number].tests.get(file, [])), (number, file, name)

"""One Spark session for all tests; its workers are this interpreter."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from pyspark.sql import SparkSession

from devrev_async.sandbox import Sandbox
from devrev_async.sandbox.server import run_in_thread
from devrev_async.spark import DevRevDataSource

TOKEN_OF_THE_ENVIRONMENT = "token-of-the-environment"


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYSPARK_PYTHON", sys.executable)
        environment.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        environment.setenv("DEVREV_TOKEN", TOKEN_OF_THE_ENVIRONMENT)
        environment.delenv("DEVREV_BASE_URL", raising=False)
        session = (
            SparkSession.builder.master("local[2,4]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
            .getOrCreate()
        )
        session.sparkContext.setLogLevel("OFF")
        session.dataSource.register(DevRevDataSource)
        yield session
        session.stop()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with run_in_thread(Sandbox(works=1500, seed=21)) as sandbox:
        yield sandbox


@pytest.fixture
def reader(spark: Any, sandbox: Sandbox) -> Any:
    """A reader of the sandbox, which takes further options."""
    return spark.read.format("devrev").option("token", sandbox.token).option("baseUrl", sandbox.url)

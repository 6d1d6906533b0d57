import pytest

pytest.importorskip("dask.dataframe", reason="Dask is in the dependency group `engines`, which is not installed")

import shutil

import pytest

pytest.importorskip("pyspark", reason="PySpark is in the dependency group `engines`, which is not installed")
if shutil.which("java") is None:
    pytest.skip("Spark needs Java 17, and there is no `java` on the path", allow_module_level=True)

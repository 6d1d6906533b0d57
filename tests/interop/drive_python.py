"""Calls devrev-python-sdk as told: one JSON line in ({"method", "args"}), one JSON line out ({"status", "data"}).

python drive_python.py ENDPOINT TOKEN, in an environment of its own.
"""

import json
import sys
from typing import Any

from devrev import DevRevClient  # type: ignore[import-not-found,import-untyped,unused-ignore]
from devrev.config import DevRevConfig  # type: ignore[import-not-found,import-untyped,unused-ignore]


def main(endpoint: str, token: str) -> None:
    config = DevRevConfig(api_token=token, max_retries=0)  # type: ignore[arg-type,unused-ignore]
    vars(config)["base_url"] = endpoint  # it takes no plain http, not even on loopback
    client = DevRevClient(config=config)
    for line in sys.stdin:
        call = json.loads(line)
        answer: dict[str, Any]
        try:
            answer = {"status": 200, "data": plain(getattr(client.works, call["method"])(**call["args"]))}
        except Exception as error:  # whatever it raises is an answer
            answer = {
                "status": getattr(error, "status_code", None) or 0,
                "data": getattr(error, "response_body", None) or repr(error),
            }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", exclude_none=True)
    return [plain(item) for item in value] if value.__class__ is list else value


if __name__ == "__main__":
    main(*sys.argv[1:])

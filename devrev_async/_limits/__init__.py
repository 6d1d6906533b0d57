"""When a request may be sent: concurrency, quota, retries. Knows no HTTP client."""

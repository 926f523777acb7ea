"""Results are fetched only from where results may be."""

from __future__ import annotations

import pytest

from manager.settings import Settings
from manager.vendor.download import DownloadRefused, allowed

REAL = Settings.model_construct(
    vendor_download_hosts=["*.amazonaws.com", "storage.googleapis.com", "Files.Example"],
)
LOCAL = Settings.model_construct(vendor_download_hosts=[])
URL, LOCAL_URL = "https://api.crustdata.com", "http://127.0.0.1:8461"


@pytest.mark.parametrize(
    "url",
    [
        "https://bucket.s3.eu-west-1.amazonaws.com/results/1.gz?X-Amz-Signature=1",
        "https://BUCKET.S3.AMAZONAWS.COM./1.gz",
        "https://storage.googleapis.com/b/1.gz",
        "https://files.example:8443/1.gz",
        "https://api.crustdata.com/files/1.gz",
        "https://api.crustdata.com:8443/files/1.gz",
    ],
)
def test_known_hosts_are_allowed(url: str) -> None:
    allowed(url, REAL, URL)


@pytest.mark.parametrize(
    "url",
    [
        "http://bucket.s3.amazonaws.com/1.gz",
        "http://api.crustdata.com/1.gz",
        "https://amazonaws.com/1.gz",
        "https://evilamazonaws.com/1.gz",
        "https://bucket.amazonaws.com.evil.example/1.gz",
        "https://evil.example/.amazonaws.com",
        "https://evil.example#.amazonaws.com",
        "https://evil.example?.amazonaws.com",
        "https://evil.example\\.amazonaws.com/",
        "https://user@bucket.amazonaws.com/1.gz",
        "https://bucket.amazonaws.com:443@evil.example/1.gz",
        "https://169.254.169.254/latest/meta-data",
        "http://127.0.0.1/1.gz",
        "https://localhost/1.gz",
        "file:///etc/passwd",
        "ftp://bucket.amazonaws.com/1.gz",
        "//bucket.amazonaws.com/1.gz",
        "/1.gz",
        "https:///1.gz",
        "https://bucket.amazonaws.com:port/1.gz",
        "https://[::1/1.gz",
        "https://bucket.amazonaws.com/\r\nx: y",
        "",
    ],
)
def test_others_are_refused(url: str) -> None:
    with pytest.raises(DownloadRefused):
        allowed(url, REAL, URL)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8461/f",
        "http://localhost:99/f",
        "http://[::1]:5/f",
        "https://a.localhost/",
    ],
)
def test_a_local_vendor_may_keep_its_files_anywhere_on_the_machine(url: str) -> None:
    allowed(url, LOCAL, LOCAL_URL)


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/f", "https://evil.example/f", "http://127.0.0.1.evil.example/f"]
)
def test_a_local_vendor_may_not_send_us_elsewhere(url: str) -> None:
    with pytest.raises(DownloadRefused):
        allowed(url, LOCAL, LOCAL_URL)


def test_the_refusal_names_the_host_and_not_the_signature() -> None:
    with pytest.raises(DownloadRefused, match=r"evil\.example") as raised:
        allowed("https://user:S3CRET@evil.example/S3CRET?sig=S3CRET", REAL, URL)
    assert "S3CRET" not in str(raised.value)

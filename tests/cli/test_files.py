"""Files of identifiers: every form that people have, and what is said of those that cannot be."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import lzma
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manager import InvalidRequestError
from manager.cli.files import Format, IdentifierFiles, Options
from manager.client.staging import Staging
from manager.identifiers import IdentifierType

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NAMES: IdentifierType = "names"
IDS: IdentifierType = "crustdata_company_ids"
ENDS = ["\n", "\r\n", "\r"]


class Read:
    """What was read of a file, and where it stands; and what is wrong, and why."""

    def __init__(self, paths: list[Path], options: Options) -> None:
        self.source = IdentifierFiles(paths, options)
        assert options.type is not None
        staging = Staging(options.type, self.source, hashlib.sha256())
        rows = list(staging.rows())
        self.values = [identifier for _, _, identifier, _ in rows]
        self.places = [self.source.at(position)[1] for position, _, _, _ in rows]
        self.bad = {self.source.at(it.position)[1]: it.reason for it in staging.invalid}
        self.said = str(self.source.files[0].found)


ReadFile = Callable[..., Read]


@pytest.fixture
def read(tmp_path: Path) -> ReadFile:
    """Reads a file of that name and content."""

    def call(
        content: str | bytes,
        type: IdentifierType = "domains",
        name: str = "some.txt",
        **options: object,
    ) -> Read:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Read([path], Options(type, **options))  # type: ignore[arg-type]

    return call


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "shift_jis"]
)
def test_lines_of_any_end_in_any_encoding(read: ReadFile, end: str, encoding: str) -> None:
    text = end.join(["Stripe", "", "任天堂", "OpenAI", ""])
    marked = encoding.startswith("utf") and encoding != "utf-16-le"
    found = read(text.encode(encoding), NAMES, encoding=None if marked else encoding)
    assert found.values == ["Stripe", "任天堂", "OpenAI"]
    assert found.places == [1, 3, 4]


def test_lines_end_wherever_unicode_and_word_processors_end_them(read: ReadFile) -> None:
    found = read("Stripe\u2028OpenAI\x0bFigma\x0cNASA\n", NAMES)
    assert found.values == ["Stripe", "OpenAI", "Figma", "NASA"]


def test_lines_in_quotes_are_a_column(read: ReadFile) -> None:
    found = read('"Stripe, Inc."\n"OpenAI"\n', NAMES, header=False)
    assert found.values == ["Stripe, Inc.", "OpenAI"]


def test_latin_1_is_refused_by_line_until_it_is_named(read: ReadFile) -> None:
    content = ("ok\n" * 30_000 + "Müller\n").encode("latin-1")
    with pytest.raises(InvalidRequestError, match=r"line 30001 is not UTF-8 .*--encoding latin-1"):
        read(content, NAMES)
    assert read(content, NAMES, encoding="latin-1").values[-1] == "Müller"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", ["some.csv", "some.txt"])
def test_csv_of_any_delimiter(read: ReadFile, delimiter: str, end: str, name: str) -> None:
    rows = [
        ["Name", " Website ", "", ""],
        ['"Stripe, Inc."', "stripe.com", "", ""],
        ['"Two\nlines; and ""quotes"""', "openai.com", "x"],
        ["", "", ""],
        ["Figma", "figma.com"],
    ]
    text = end.join(delimiter.join(row) for row in rows) + end
    found = read(text, name=name, column="website")
    assert found.values == ["stripe.com", "openai.com", "figma.com"]
    assert found.places == [2, 3, 6]
    shown = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}[delimiter]
    assert f"delimiter {shown}, with a header, column 'Website'" in found.said
    assert read(text, NAMES, name=name, column="1").values == [
        "Stripe, Inc.",
        'Two lines; and "quotes"',
        "Figma",
    ]


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs"])), min_size=2, max_size=5))
def test_any_cells_that_are_quoted_come_back(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "some.csv"
    quoted = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    path.write_text("n;d\n" + "".join(f"{cell};\n" for cell in quoted))
    options = Options(NAMES, column="n", delimiter=";", header=True)
    assert list(IdentifierFiles([path], options).files[0]) == [it for it in cells if it.strip()]


def test_what_the_delimiter_is_can_be_said(read: ReadFile) -> None:
    assert read("d:n\na.com:1\n", column="d", delimiter=":").values == ["a.com"]
    assert read("d\tn\na.com\t1\n", column="d", delimiter="tab").values == ["a.com"]
    assert read("sep=;\nd;n\na.com;1,2\n", column="d", name="a.csv").values == ["a.com"]


def test_a_row_that_is_too_long_is_no_identifier_and_one_too_short_is_empty(read: ReadFile) -> None:
    found = read("name,d\nStripe, Inc.,stripe.com\nFigma\nX,x.com,\n", name="a.csv", column="d")
    assert found.values == ["x.com"]
    assert found.bad == {
        2: "is a row of 3 fields, not 2; a field with the delimiter in it must be quoted",
        3: "is empty",
    }


@pytest.mark.parametrize(
    ("content", "type", "name"),
    [
        ("stripe.com\nopenai.com\n", "domains", "a.csv"),
        ("company.domain\nopenai.com\n", "domains", "a.csv"),
        ("Stripe\nOpenAI\n", "names", "a.csv"),
        ("Name\nOpenAI\n", "names", "a.txt"),
    ],
)
def test_whether_a_header_is_data_is_asked_when_it_cannot_be_known(
    read: ReadFile, content: str, type: IdentifierType, name: str
) -> None:
    first, second = content.split()
    with pytest.raises(InvalidRequestError, match=r"line 1 may be .*--header or --no-header"):
        read(content, type, name)
    assert read(content, type, name, header=True).values == [second]
    assert read(content, type, name, header=False).values == [first, second]


def test_a_header_that_names_a_column_is_taken_and_said_and_can_be_data(read: ReadFile) -> None:
    found = read("Company_Name\nStripe\n", NAMES, "a.csv")
    assert (found.values, found.source.files[0].found.column) == (["Stripe"], "Company_Name")
    assert read("Company_Name\nStripe\n", NAMES, "a.csv", header=False).values[0] == "Company_Name"


@pytest.mark.parametrize(
    ("content", "type"),
    [
        ("name;domain\nStripe;stripe.com\n", "names"),
        ("Stripe\tstripe.com\nOpenAI\topenai.com\n", "names"),
        ("name,domain\nStripe,stripe.com\n", "names"),
        ("1,2\n3,4\n", "crustdata_company_ids"),
    ],
)
def test_lines_that_are_rows_are_not_bought_as_they_are(
    read: ReadFile, content: str, type: IdentifierType
) -> None:
    with pytest.raises(InvalidRequestError, match=r"has several columns; name one .*whole lines"):
        read(content, type)
    if type == NAMES:
        assert len(read(content, type, format=Format.LINES).values) == 2


def test_names_with_commas_are_names_and_a_tab_is_none(read: ReadFile) -> None:
    found = read("Stripe, Inc.\nOpenAI, Inc.\nFigma\tfigma.com\nA\n", NAMES)
    assert found.values == ["Stripe, Inc.", "OpenAI, Inc.", "A"]
    assert found.bad == {3: "contains a tab: columns need --column"}


@pytest.mark.parametrize(
    ("pack", "said"),
    [
        (gzip.compress, "gzip"),
        (zstd.compress, "zstd"),
        (bz2.compress, "bzip2"),
        (lzma.compress, "xz"),
        (lambda it: gzip.compress(zstd.compress(it)), "gzip in zstd"),
    ],
)
def test_packing_is_known_by_content(
    read: ReadFile, pack: Callable[[bytes], bytes], said: str
) -> None:
    whole = pack(b"stripe.com\n")
    found = read(whole, name="plain.txt")
    assert found.values == ["stripe.com"]
    assert set(said.split()) <= set(found.said.replace(",", "").split())
    several = read(pack(b"d;n\nstripe.com;1\n"), name="a.csv.gz", column="d")
    assert several.values == ["stripe.com"]
    if " " not in said:
        assert read(whole + pack(b"openai.com\n")).values == ["stripe.com", "openai.com"]
    with pytest.raises(InvalidRequestError, match="broken or cut off"):
        read(pack(b"stripe.com\n" * 1_000)[:-6])


def test_a_bomb_is_refused_before_it_takes_memory(read: ReadFile) -> None:
    with pytest.raises(InvalidRequestError, match="line 1 is longer than 65,536 characters"):
        read(gzip.compress(b"a" * 50_000_000))
    with pytest.raises(InvalidRequestError, match="is packed more than 3 times"):
        read(gzip.compress(gzip.compress(gzip.compress(gzip.compress(b"a.com")))))


@pytest.mark.parametrize(
    ("content", "options", "values", "bad"),
    [
        ('"a.com"\nnull\n\n"b.com"\n', {}, ["a.com", "b.com"], {2: "is missing"}),
        (
            '{"d":"a.com"}\n{"d":null}\n{}\n',
            {"column": "d"},
            ["a.com"],
            {2: "is missing", 3: "is missing"},
        ),
        ('["a.com", null, "b.com"]', {}, ["a.com", "b.com"], {1: "is missing"}),
        ('["a.com",\n"b.com"\n, "c.com"]\n', {}, ["a.com", "b.com", "c.com"], {}),
        ('["x","a.com"]\n["y","b.com"]\n', {"column": "2"}, ["a.com", "b.com"], {}),
        (
            json.dumps([{"d": "a.com", "e": [{}]}, {"d": "b.com"}], indent=2),
            {"column": "d"},
            ["a.com", "b.com"],
            {},
        ),
        (
            '{"c":{"d":"a.com"}}\n{"c":null}\n',
            {"column": "c.d"},
            ["a.com"],
            {2: "is missing"},
        ),
        (
            '"a.com"\n1.5\ntrue\n',
            {},
            ["a.com"],
            {2: "must be a string, not float", 3: "must be a string, not bool"},
        ),
    ],
)
def test_json_in_every_shape(
    read: ReadFile, content: str, options: dict[str, object], values: list[str], bad: dict[int, str]
) -> None:
    for name in ("a.jsonl", "a.json"):
        found = read(content, name=name, **options)
        assert (found.values, found.bad) == (values, bad)


@given(
    st.lists(
        st.text(max_size=5)
        | st.none()
        | st.integers()
        | st.dictionaries(st.text(), st.floats(allow_nan=False))
    ),
    st.integers(0, 3),
)
def test_any_array_is_read_like_its_lines(
    tmp_path_factory: pytest.TempPathFactory, values: list[object], indent: int
) -> None:
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_text(json.dumps([[it, 0] for it in values], indent=indent or None))
    options = Options("domains", column="1", format=Format.JSONL)
    assert list(IdentifierFiles([path], options).files[0]) == values


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ('{"d":"a.com","e":1}\n', "line 1 is an object; name its member with --column: d, e"),
        ('["a.com","b.com"]\n["c.com"]\n', "line 1 is an array of 2"),
        ('["a.com",\n{"a" 1}]', "line 2 is not JSON (Expecting ':' delimiter)"),
        ('["a.com",\n', "line 1 is not JSON (the array does not end)"),
        ('["a.com"\n"b.com"]', "line 2 is not JSON (a comma is missing)"),
        ('["a.com"\n]\n5', "is not JSON (something follows the array)"),
        ("[" * 60_000 + "\n", "line 1 is not JSON (maximum recursion"),
    ],
)
def test_json_that_cannot_be_read_is_refused_by_line(
    read: ReadFile, content: str, error: str
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read(content, name="a.json")
    assert error in str(refused.value)


def test_a_member_that_no_object_has_is_refused(read: ReadFile) -> None:
    with pytest.raises(InvalidRequestError, match="no object has a member 'website'"):
        read('{"d":"a.com"}\n', name="a.jsonl", column="website")


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    """With gaps, ids that are floats for that, and text that its writer has not called so."""
    path = tmp_path / "some.data"
    table = {"d": ["a.com", None], "id": [602014.0, None], "raw": [b"a.com", None]}
    pyarrow.parquet.write_table(pa.table(table), path)
    return path


def test_parquet_by_its_content(read: ReadFile, parquet: Path) -> None:
    for column, type in (("d", "domains"), ("raw", "domains"), ("id", IDS)):
        found = Read([parquet], Options(type, column=column))  # type: ignore[arg-type]
        assert (len(found.values), found.bad) == (1, {2: "is missing"})
        assert found.source.said(1) == "row 2"
    packed = read(gzip.compress(parquet.read_bytes()), column="d")
    assert packed.values == ["a.com"]
    with pytest.raises(InvalidRequestError, match=r"several columns; name one .*: d, id, raw"):
        Read([parquet], Options("domains"))


def test_a_column_of_parquet_may_be_called_like_a_member_of_another(tmp_path: Path) -> None:
    path = tmp_path / "dots.parquet"
    pyarrow.parquet.write_table(pa.table({"a": [{"b": "struct.com"}], "a.b": ["flat.com"]}), path)
    assert Read([path], Options("domains", column="a.b")).values == ["flat.com"]


def test_ids_that_parquet_holds_as_narrow_floats_are_refused_where_rounded(tmp_path: Path) -> None:
    path = tmp_path / "narrow.parquet"
    pyarrow.parquet.write_table(pa.table({"id": pa.array([5.0, 2.0**24 + 2], pa.float32())}), path)
    found = Read([path], Options(IDS))
    assert found.values == ["5"]
    assert "too large to be exact" in found.bad[2]


def test_a_long_text_in_another_column_does_no_harm(read: ReadFile) -> None:
    notes = "a note\n" * 50_000
    found = read(f'notes,website\n"{notes}",stripe.com\n-,figma.com\n', column="website")
    assert found.values == ["stripe.com", "figma.com"]


def test_remarks_below_a_table_are_no_identifiers(read: ReadFile) -> None:
    table = '"Account Name","Website"\n"Stripe","stripe.com"\n\n"Figma","figma.com"\n"Nobody"\n'
    remarks = '\n\n"Accounts with website"\n"Copyright (c) salesforce.com, inc."\n'
    found = read(table + remarks, NAMES, column="Account Name")
    assert found.values == ["Stripe", "Figma", "Nobody"]
    assert list(found.bad) == [8, 9]
    assert "below an empty line" in found.bad[8]
    assert read('name\n"Stripe"\n\n"Figma"\n', NAMES, "some.csv").values == ["Stripe", "Figma"]


@pytest.fixture
def excel(tmp_path: Path) -> Path:
    """Two sheets, of which the first begins with an empty row."""
    path = tmp_path / "some.data"
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append([])
    sheet.append(["Name", "Website", "Id", "Since"])
    sheet.append(["Stripe", "stripe.com", 602014, date(2020, 1, 1)])
    sheet.append([])
    sheet.append([1871, None, 5.5, None])
    book.create_sheet("Other").append(["other.com"])
    book.save(path)
    return path


def test_excel_by_its_content(read: ReadFile, excel: Path) -> None:
    def sheet(type: IdentifierType, **options: object) -> Read:
        return Read([excel], Options(type, **options))  # type: ignore[arg-type]

    assert sheet("domains", column="website").values == ["stripe.com"]
    assert sheet("domains", column="website").bad == {5: "is missing"}
    assert sheet(NAMES, column="1").values == ["Stripe", "1871"]
    ids = sheet(IDS, column="Id")
    assert (ids.values, ids.places, ids.bad) == (["602014"], [3], {5: "is not a positive integer"})
    assert sheet(NAMES, column="Since").bad[3] == "must be a string, not a date or time"
    for other in ("Other", "2"):
        assert sheet("domains", sheet=other, header=False).values == ["other.com"]
    with pytest.raises(InvalidRequestError, match="no sheet 'Third'; it has: Sheet, Other"):
        sheet("domains", sheet="Third")
    with pytest.raises(InvalidRequestError, match="row 1 may be a header"):
        sheet("domains", sheet="Other")
    assert read(excel.read_bytes(), name="a.csv", column="Website").values == ["stripe.com"]
    with pytest.raises(InvalidRequestError, match="cannot be read as a spreadsheet"):
        read(excel.read_bytes()[:3_000], name="cut.xlsx")


@pytest.mark.parametrize("extra", ["arrow", "excel"])
def test_an_extra_that_is_missing_is_named(
    extra: str, parquet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("importlib.import_module", missing)
    options = Options("domains", format=Format.PARQUET if extra == "arrow" else Format.EXCEL)
    with pytest.raises(InvalidRequestError, match=rf"pip install 'enrichment-manager\[{extra}\]'"):
        Read([parquet], options)

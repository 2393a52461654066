"""Questions that mean the same: wordings, courtesies, masking, tokens, groups, scores, files. Against small made-up texts; the models are the real ones."""

import csv
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.cli import cli
from pipelines.problem import Problem, UsageProblem
from pipelines.question_files import read_rows
from pipelines.settings import ROOT
from questions import texts
from questions.grouping import CAREFUL, LETTERS, MEANING, centred, group, placed
from questions.masking import masked
from questions.models import MINILM, unit
from questions.scoring import score
from questions.wording import is_question, normalised
from questions.wordpiece import tokens
from tests.oracle.questions import normalised as oracle_normalised

ASKED = {
    "reset": ["How do I reset my portfolio?", "reset portfolio??", "how can i reset the portfolio", "is there a way to reset my portfolio"],
    "refund": ["Can I get my money back?", "how do i get a refund", "do you refund the course price?"],
    "subtitles": ["Are there subtitles in Spanish?", "is there a spanish translation of the subtitles", "spanish subtitles available?"],
    "certificate": ["When do I receive the certificate?", "how do I get my certificate", "where can I download the certificate"],
}


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_wordings_are_normalised_as_the_pipeline_does(text: str) -> None:
    assert normalised(text) == oracle_normalised(text)


@pytest.mark.parametrize(
    "text",
    ["hi", "Thank you so much!!", "yes", "ok thanks", "Guten Morgen", "¡Muchas gracias!", "🙂🙂", "...", "good morning everyone", "谢谢"],
)
def test_courtesies_are_no_questions(text: str) -> None:
    assert not is_question(text)


def test_what_students_of_the_demo_say_to_be_polite_is_no_question() -> None:
    said = (ROOT / "pipelines" / "local" / "demo_questions.sql").read_text()
    lists = re.findall(r"pg_temp\.(?:greetings|thanks)\(\).*?array\[(.*?)\]", said, re.DOTALL)
    texts = [text for one in lists for text in re.findall(r"'(.*?)'", one)]
    assert len(lists) == 2 and len(texts) > 15
    assert [text for text in texts if is_question(text)] == []


def test_the_sentence_model_tells_nobody_that_it_runs(tmp_path: Path) -> None:
    """The runtime notes the machine in the home folder, to send it, unless it is told not to."""
    program = "import pipelines.settings; from questions.models import MINILM; MINILM.encode(['How do I start?'], lambda done, all: None)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))} | {"HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, cwd=ROOT)
    assert [path.name for path in tmp_path.rglob("*onnxruntime*")] == []


@pytest.mark.parametrize(
    "text",
    [
        "hi, how do I install it?",
        "why?",
        "no sound",
        "thanks, but where is the file",
        "yes or no",
        "c++",
        "How are you supposed to reset this",
    ],
)
def test_whoever_says_more_asks(text: str) -> None:
    assert is_question(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write me at Ann.Lee+x@mail.example.co.uk please", "write me at [e-mail] please"),
        ("call +49 (0)171 123 45 67 or 030/1234567-8", "call [phone] or [phone]"),
        ("my number is 555-123-4567", "my number is [phone]"),
        ("see https://a.example/reset?token=abc123 now", "see [link] now"),
        ("a.example/x?session=1 fails", "[link] fails"),
        ("card 4111 1111 1111 1111 was charged twice", "card [card] was charged twice"),
        ("key sk_live_abcdef1234567890 leaked", "key [secret] leaked"),
        ("IBAN DE89 3704 0044 0532 0130 00", "IBAN [account]"),
        ("on 2026-03-01 at 12:30, minute 1:02:03", "on 2026-03-01 at 12:30, minute 1:02:03"),
        ("is 1000000 more than 999,999.50?", "is 1000000 more than 999,999.50?"),
        ("what is numpy.random.default_rng", "what is numpy.random.default_rng"),
        ("between 2019 and 2024 in python 3.11.7", "between 2019 and 2024 in python 3.11.7"),
        ("téléphone 01.23.45.67.89 ou ０９０－１２３４－５６７８", "téléphone [phone] ou [phone]"),
        ("ann(at)example(dot)com, ann [at] example.com, ann at example dot com", "[e-mail], [e-mail], [e-mail]"),
        ('ann＠example.com, "ann lee"@example.com and ann\u200b@example.com', "[e-mail], [e-mail] and [e-mail]"),
        ("tel:+4915123456789 or (030) 1234567", "tel:[phone] or [phone]"),
        ("fe80::1ff:fe23:4567:890a and 192.168.100.10 time out", "[address] and [address] time out"),
        ("postgres://u:p@db:5432/x or example.com#access_token=abc", "[link] or [link]"),
        ("t.me/annlee and bit.ly/3xYzAbC", "[link] and [link]"),
        ("my password is hunter2, password: opensesame", "my password is [secret] password: [secret]"),
        ("access_token=abc123 with Bearer abc.def.ghi", "access_token=[secret] with Bearer [secret]"),
        ("de89 3704 0044 0532 0130 00", "[account]"),
        ("in 1999-2024 or 2024/2025, 2026-03-01 - 2026-03-05", "in 1999-2024 or 2024/2025, 2026-03-01 - 2026-03-05"),
        ("ISBN 978-3-16-148410-0, pi is 3.14159265358979", "ISBN 978-3-16-148410-0, pi is 3.14159265358979"),
        ("1/250 s at ISO 100 200 400 800, 10000000000 bytes", "1/250 s at ISO 100 200 400 800, 10000000000 bytes"),
        ("std::vector a::b 1:02:03 16:9 x@y a @ b", "std::vector a::b 1:02:03 16:9 x@y a @ b"),
        ("is the password wrong? my password is not accepted", "is the password wrong? my password is not accepted"),
        ("token = next(tokens), look at this example dot", "token = next(tokens), look at this example dot"),
    ],
)
def test_personal_data_is_masked_and_nothing_else(text: str, expected: str) -> None:
    assert masked(text) == expected
    assert masked(expected) == expected


def test_full_names_of_who_asks_are_masked() -> None:
    names = ["Ann Lee", "Will", "Video Lee-Ann"]
    assert masked("ann  lee here: will Will see Ann's video, Annlee, ann.lee@example.com", names) == (
        "[name] here: will Will see Ann's video, Annlee, [e-mail]"
    )
    assert masked("I am (ANN-LEE). video lee ann", names) == "I am ([name]). video lee ann"
    assert masked("c++ or a.b", ["C++ (", "a. .b"]) == "c++ or a.b"


@pytest.mark.parametrize(
    "part",
    ["x", "x-", "a.", "a at ", "1 ", "1.", "1999-", "a@b.", ":", "@", '"a', "A0", "eyJ", "http://", "a [at] b ", "password ", "token"],
)
def test_masking_a_long_text_takes_no_longer_than_many_short_ones(part: str) -> None:
    def seconds(text: str, times: int) -> float:
        start = time.process_time()
        for _ in range(times):
            masked(text)
        return time.process_time() - start

    short = part * (500 // len(part))
    seconds(short, 1)
    assert seconds(short * 20, 1) < 6 * seconds(short, 20) + 0.05


def test_tokens_are_those_of_the_model() -> None:
    assert tokens("hello", 128) == [101, 7592, 102]
    assert tokens("日本", 128) == [101, 1864, 1876, 102]
    assert len(tokens("word " * 500, 128)) == 128


def test_a_group_is_what_is_alike_and_order_does_not_matter() -> None:
    generator = np.random.default_rng(1)
    middles = unit(generator.normal(size=(12, 40)).astype(np.float32))
    rows = unit(np.repeat(middles, 9, axis=0) + 0.08 * generator.normal(size=(108, 40)).astype(np.float32))
    order = list(range(108))
    random.Random(3).shuffle(order)
    shuffled = group(rows[order], 0.5)
    found = group(rows, 0.5)
    assert score([place // 9 for place in range(108)], found).f1 == 1
    assert score([found[place] for place in order], shuffled).f1 == 1


def test_a_chain_is_no_group() -> None:
    angles = np.linspace(0, np.pi / 2, 10)
    rows = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    found = group(rows, 0.9)
    assert found[0] != found[-1]  # each is like the next, the ends are not alike


def test_new_rows_join_the_nearest_group_or_found_one() -> None:
    rows = np.eye(4, dtype=np.float32)[[0, 0, 1, 0, 3, 3]]
    assert placed(rows, ["a", "a", "b", None, None, None], 0.5) == ["a", 0, 0]
    assert placed(rows[:2], [None, None], 0.5) == [0, 0]
    assert group(rows[:0], 0.5) == []
    assert group(rows[:1], 0.5) == [0]


def test_scores_are_those_of_the_definition() -> None:
    perfect = score([1, 1, 2, 2], ["x", "x", "y", "y"])
    assert (perfect.precision, perfect.recall, perfect.f1) == (1, 1, 1)
    assert perfect.information == pytest.approx(1)
    half = score([1, 1, 1, 2, 2, 3], [1, 1, 2, 2, 2, 3])
    assert (half.precision, half.recall) == (0.5, 0.5)
    assert half.information == pytest.approx(0.41182763103317405)  # scikit-learn's adjusted_mutual_info_score
    assert score([1, 2], [1, 2]).f1 == 1


@pytest.mark.skipif(not MEANING.is_installed, reason="no sentence model is installed")
def test_what_means_the_same_is_one_group() -> None:
    asked = [(name, text) for name, wordings in ASKED.items() for text in wordings]
    asked += [("hello", "Hello!"), ("hello", "hello"), ("thanks", "thank you")]
    random.Random(5).shuffle(asked)
    names, wordings = [name for name, _ in asked], [text for _, text in asked]
    by_meaning = score(names, texts.grouped(wordings, MEANING)).f1
    assert by_meaning >= 0.8
    assert by_meaning > score(names, texts.grouped(wordings, LETTERS)).f1 > score(names, texts.exact_groups(wordings)).f1


@pytest.mark.skipif(not MINILM.is_installed, reason="no sentence model is installed")
def test_a_vector_does_not_depend_on_its_neighbours() -> None:
    wordings = [text for wordings in ASKED.values() for text in wordings]
    together = MINILM.encode(wordings, lambda done, of: None)
    alone = np.concatenate([MINILM.encode([text], lambda done, of: None) for text in wordings])
    assert np.abs(together - alone).max() < 1e-4
    assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-5


def test_few_texts_have_vectors_too() -> None:
    for count in (0, 1, 2):
        rows = centred(LETTERS, LETTERS.encode(["one question", "another one"][:count]))
        assert rows.shape == (count, 1024)
        assert not np.isnan(rows).any()


def test_many_wordings_take_the_fast_recipe() -> None:
    assert texts.recipe_for(100_000) in (MEANING, LETTERS)
    if CAREFUL.is_installed:
        assert texts.recipe_for(100) is CAREFUL


def test_files_are_grouped_row_by_row(tmp_path: Path) -> None:
    path = tmp_path / "asked.csv"
    rows = [("", "x"), ('He said "hi", why?', "x"), ("=1+1\nnext line", "x"), ("he said hi why", "x")]
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([("text", "other"), *rows])
    done = CliRunner().invoke(cli, ["group-questions", str(path), "--column", "text", "--recipe", "letters"])
    assert done.exit_code == 0, done.output
    found = list(csv.reader(done.stdout.splitlines(keepends=True)))
    assert found[0] == ["question", "group_id"]
    assert [row[0] for row in found[1:]] == [row[0] for row in rows]
    assert found[2][1] == found[4][1] != found[3][1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"question\n", "has a heading and no rows"),
        (b"text,id\na,1\n", "has no column 'question'; it has text, id; --column says which one holds the questions"),
        (b"question,question\na,b\n", "names the column 'question' more than once"),
        (b"question\n\xff\xfe\n", "is not UTF-8"),
        (b'question\n"open\n', "is no CSV file"),
    ],
)
def test_a_bad_file_is_said_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises((Problem, UsageProblem), match=message) as raised:
        read_rows(path, ["question"])
    assert "\n" not in str(raised.value)

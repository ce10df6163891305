"""How alike two names of suppliers are, whoever writes them: legal forms, order, case and punctuation left out.

What belongs here: the likeness of names, and which pairs among many are worth showing to a person. What does not:
who is meant by a name (only a person decides that), and what would follow if one were accepted (the models).
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

LEAST_SCORE = 0.9
"""Below this likeness (0–1) two names are not proposed as one."""
MOST_CANDIDATES = 3
"""So many suppliers at most are proposed for one name."""
BLOCK_LETTERS = 3
"""Only names with a word that begins with the same letters are compared."""
LEGAL_FORMS = frozenset(
    {"ab", "aktiebolag", "aktiebolaget", "publ", "hb", "handelsbolag", "handelsbolaget", "kb", "kommanditbolag",
     "kommanditbolaget", "ek", "for", "ekonomisk", "forening", "enskild", "firma", "ef", "filial", "sverige", "sweden",
     "a", "s", "as", "asa", "oy", "oyj", "aps", "gmbh", "ltd", "limited", "inc", "llc", "plc", "bv", "nv", "sa", "se",
     "i", "och", "and", "the"}
)  # fmt: skip
"""Words that say what kind of company it is, or where, and not which."""
_WORDS = re.compile(r"[a-z]+|[0-9]+")
_CONTAINED = 0.95
_ROWS = 1024
Words = tuple[str, ...]


class Likeness(NamedTuple):
    """A name, a supplier that it may mean, and how alike their names are (0–1, four decimals)."""

    name: str
    supplier_id: str
    score: float


def words(name: str) -> Words:
    """The words and numbers that tell a name from others, folded: `Åkeri Nord AB (publ)` → akeri, nord.

    A name of nothing but legal forms keeps them all: there is nothing else to tell it by.
    """
    bare = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    every = tuple(_WORDS.findall(bare))
    return tuple(word for word in every if word not in LEGAL_FORMS) or every


def similar(names: Sequence[str], suppliers: Mapping[str, str]) -> list[Likeness]:
    """The suppliers (name by id) whose names are like each of `names`: the best first, at most MOST_CANDIDATES each.

    Likeness is the greatest of: Jaro-Winkler as written, Jaro-Winkler with the words in alphabetical order, and 0.95
    where all words of the one (two or more) are in the other. Names whose numbers differ are not alike: `Bygg 2000` is
    not `Bygg 3000`. Equal likeness is ordered by supplier. Only pairs inside a block are compared.
    """
    mine = {name: its_words for name in sorted(set(names)) if (its_words := words(name))}
    known = {
        supplier: its_words for supplier, name in sorted(suppliers.items()) if (its_words := words(name))
    }
    best: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for name, supplier, score in (*_spelled_alike(mine, known), *_contained(mine, known)):
        best[name][supplier] = max(score, best[name].get(supplier, 0.0))
    return [
        Likeness(name, supplier, score)
        for name in mine
        for supplier, score in sorted(best[name].items(), key=lambda pair: (-pair[1], pair[0]))[
            :MOST_CANDIDATES
        ]
    ]


def _spelled_alike(mine: Mapping[str, Words], known: Mapping[str, Words]) -> Iterator[Likeness]:
    """The pairs of each block that Jaro-Winkler finds alike."""
    from rapidfuzz.distance import JaroWinkler
    from rapidfuzz.process import cdist

    left, right = _blocks(mine), _blocks(known)
    for block in sorted(left.keys() & right.keys()):
        ours, theirs = left[block], right[block]
        for order in (tuple, sorted):
            spelled = [" ".join(order(mine[name])) for name in ours]
            candidates = [" ".join(order(known[supplier])) for supplier in theirs]
            # Rows in portions, so that a block of thousands by thousands takes no memory to speak of.
            for start in range(0, len(ours), _ROWS):
                scores = cdist(
                    spelled[start : start + _ROWS],
                    candidates,
                    scorer=JaroWinkler.similarity,
                    score_cutoff=LEAST_SCORE,
                    dtype="float64",
                )
                for row, column in zip(*scores.nonzero(), strict=True):
                    score = round(float(scores[row, column]), 4)
                    yield Likeness(ours[start + row], theirs[column], score)


def _contained(mine: Mapping[str, Words], known: Mapping[str, Words]) -> Iterator[Likeness]:
    """The pairs of which one has all words of the other, two at least; found by the rarest word of the shorter."""
    for shorter, longer, turned in ((mine, known, False), (known, mine, True)):
        holders: defaultdict[str, list[str]] = defaultdict(list)
        for key, its_words in longer.items():
            for word in sorted(set(its_words)):
                holders[word].append(key)
        for key, its_words in shorter.items():
            if len(set(its_words)) < 2 or not set(its_words) <= holders.keys():
                continue
            for other in min((holders[word] for word in sorted(set(its_words))), key=len):
                if set(its_words) <= set(longer[other]) and _numbers(its_words) == _numbers(longer[other]):
                    yield Likeness(other, key, _CONTAINED) if turned else Likeness(key, other, _CONTAINED)


def _numbers(name: Words) -> Words:
    return tuple(sorted(word for word in name if word.isdigit()))


def _blocks(names: Mapping[str, Words]) -> dict[tuple[str, Words], list[str]]:
    """The names by the beginnings of their words, and by their numbers, which must be equal."""
    blocks: defaultdict[tuple[str, Words], list[str]] = defaultdict(list)
    for key, its_words in names.items():
        numbers = _numbers(its_words)
        beginnings = {word[:BLOCK_LETTERS] for word in its_words if not word.isdigit()}
        for beginning in sorted(beginnings) or [""]:
            blocks[beginning, numbers].append(key)
    return blocks

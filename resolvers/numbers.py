"""Numbers of cards: given by the caller or drawn from the channel's sequence, claimed for one card.

Source: semantics 3, 4.
"""

import re
from dataclasses import dataclass
from uuid import UUID

from models.card_statements import claim_number
from models.directory_statements import advance_sequence, insert_sequence, locked_sequence
from models.transactions import Transaction
from resolvers.context import Context
from rules.book import RuleBook
from rules.errors import CardAlreadyIssued, InvalidInput, NumberOutOfRange, NumberSequenceMissing
from rules.program import Channel, NumberSequence
from rules.sequences import draw, random_digits_needed

_NUMBER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DRAWS = 10_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """A number for the card: the one given at `path`, or the next of the channel's sequence."""

    card_id: UUID
    channel: Channel
    number: str | None
    path: tuple[str, ...] = ("number",)


def number_fault(number: str | None, path: tuple[str, ...]) -> InvalidInput | None:
    if number is None or _NUMBER.fullmatch(number):
        return None
    return InvalidInput("A number has 1 to 64 characters of A-Z a-z 0-9 . _ -", path)


async def claim(context: Context, transaction: Transaction, book: RuleBook, wanted: Wanted) -> str:
    """The card's number, claimed for it.

    Raises CardAlreadyIssued, NumberOutOfRange, NumberSequenceMissing.
    """
    if wanted.number is None:
        return await _drawn(context, transaction, book, wanted)
    if not await transaction.run(claim_number, number=wanted.number, card_id=wanted.card_id):
        raise CardAlreadyIssued("This number is taken.", wanted.path)
    if not book.in_range(wanted.number):
        raise NumberOutOfRange("This number lies outside all ranges.", wanted.path)
    return wanted.number


async def _drawn(context: Context, transaction: Transaction, book: RuleBook, wanted: Wanted) -> str:
    """The next number of the channel's sequence; numbers in use are skipped."""
    sequence = book.number_sequences.get(wanted.channel.number_sequence or "")
    if sequence is None:
        raise NumberSequenceMissing("This channel has no number sequence.", wanted.path)
    counter = await _counter(transaction, sequence)
    for _ in range(_DRAWS):
        number = draw(sequence.format, counter, _digits(context, sequence))
        counter += 1
        if not book.in_range(number):
            raise NumberOutOfRange("The sequence has left all ranges.", wanted.path)
        if not _NUMBER.fullmatch(number):
            break
        if await transaction.run(claim_number, number=number, card_id=wanted.card_id):
            await transaction.run(advance_sequence, of_code=sequence.code, next=counter)
            return number
    raise NumberSequenceMissing("The sequence has no free number left.", wanted.path)


async def _counter(transaction: Transaction, sequence: NumberSequence) -> int:
    row = await transaction.first(locked_sequence, of_code=sequence.code)
    if row is None:
        await transaction.run(insert_sequence, code=sequence.code, next=sequence.next)
        row = await transaction.first(locked_sequence, of_code=sequence.code)
    return row.next if row else sequence.next


def _digits(context: Context, sequence: NumberSequence) -> list[int]:
    needed = random_digits_needed(sequence.format)
    # Sixteen random bytes a digit leave no bias to notice.
    return [int.from_bytes(context.service.randomness(16)) % 10 for _ in range(needed)]

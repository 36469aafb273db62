"""Vectors of pairs of words, for kernels that multiply both words of a pair by two factors and add the products.

x86's PMADDWD does that in one instruction, and PMADDUBSW does it for pairs of bytes. LLVM makes neither from a loop,
and has names for them that other processors do not know; these take two multiplications. A lane of 32 bits is two
words, or four bytes of a row. Only in `interleave` and `in_order` a value changes its lane, which on Intel's processors
is work for one unit out of two.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import config
from numba.core import cgutils

from augmentation_worker.transforms.cpu.kernel_target import KERNEL_TARGETS
from augmentation_worker.transforms.cpu.vector_instructions import call, constant, intp, load, splat, value_at

_BYTE, _WORD, _LANE, _QUAD = (ir.IntType(bits) for bits in (8, 16, 32, 64))
_MULTIPLY_AND_ADD = {
    target.name: instructions
    for target, instructions in zip(
        KERNEL_TARGETS,
        (
            (64, "llvm.x86.avx512.pmaddw.d.512", "llvm.x86.avx512.pmaddubs.w.512"),
            (32, "llvm.x86.avx2.pmadd.wd", "llvm.x86.avx2.pmadd.ub.sw"),
        ),
        strict=True,
    )
}
"""Bytes of a vector, and LLVM's names of PMADDWD and PMADDUBSW for it, by the name of the target."""
_CHOOSE = "llvm.x86.avx512.pternlog.d.512"
"""VPTERNLOGD of AVX-512. From some choices LLVM would make permutations, which take three micro-operations each."""
_BY_FIRST = 0xCA
"""The first operand is the mask."""
LEAST_PIXELS = 8
"""As many bytes a row has at least."""


def for_row(builder: Any, width: Any, begin: Callable[["WordPairs"], Callable[[Any], None]]) -> None:
    """Loop over a row of LEAST_PIXELS bytes or more by vectors, of which the last one ends where the row does.

    A row that is shorter than a vector is done by vectors of LEAST_PIXELS.

    Args:
        builder: of the code around.
        width: how many bytes the row has.
        begin: generates what is to be done before the loop, and returns what generates the work at a byte.
    """
    is_long = builder.icmp_signed(">=", width, intp(_instructions()[0]))
    with builder.if_else(is_long) as branches:
        for branch, pixels in zip(branches, (_instructions()[0], LEAST_PIXELS), strict=True):
            with branch:
                for_vectors(builder, pixels, width, begin(WordPairs(builder, pixels)))


def for_long_row(builder: Any, width: Any, begin: Callable[["WordPairs"], Callable[[Any], None]]) -> Any:
    """`for_row`, but a row that is shorter than a vector is left out; returns how many bytes were done: all or 0."""
    pixels = _instructions()[0]
    is_long = builder.icmp_signed(">=", width, intp(pixels))
    with builder.if_then(is_long):
        for_vectors(builder, pixels, width, begin(WordPairs(builder, pixels)))
    return builder.select(is_long, width, intp(0))


def for_vectors(builder: Any, pixels: int, width: Any, work: Callable[[Any], None]) -> None:
    """Loop over a row by vectors, the last of which ends where it does. pixels: of a vector; the row has no fewer."""
    whole = builder.and_(width, intp(-pixels))
    with cgutils.for_range_slice(builder, intp(0), whole, intp(pixels)) as (x, _):
        work(x)
    with builder.if_then(builder.icmp_signed("<", whole, width)):
        work(builder.sub(width, intp(pixels)))


def _instructions() -> tuple[int, str, str]:
    return _MULTIPLY_AND_ADD.get(str(vars(config).get("CPU_NAME")), (16, "", ""))


class WordPairs:
    """Instructions on vectors of as many lanes as some bytes fill; a byte that comes first is the lower one.

    Attributes:
        size: how many bytes.
    """

    def __init__(self, builder: Any, size: int) -> None:
        self._builder = builder
        self.size = size
        self._bytes = ir.VectorType(_BYTE, size)
        self._words = ir.VectorType(_WORD, size // 2)
        self._lanes = ir.VectorType(_LANE, size // 4)
        whole, of_words, of_bytes = _instructions()
        self._of_words, self._of_bytes = (of_words, of_bytes) if size == whole else ("", "")

    def load(self, array: Any, place: Any) -> Any:
        """What an array has from a place on."""
        return load(self._builder, self._lanes, array, place)

    def load_bytes(self, array: Any, place: Any) -> Any:
        """What an array of bytes has from a place on, a byte in each word."""
        read = load(self._builder, ir.VectorType(_BYTE, self._words.count), array, place)
        return self._lanes_of(self._builder.zext(read, self._words))

    def all(self, low: int, high: int) -> Any:
        """Two words in every lane."""
        return constant(self._lanes, (high & 0xFFFF) << 16 | low & 0xFFFF)

    def variable(self, value: Any) -> Any:
        """Where a vector is that a loop changes, with its value before."""
        place = cgutils.alloca_once(self._builder, self._lanes)  # type: ignore[no-untyped-call]
        self._builder.store(value, place)
        return place

    def splat(self, numbers: Any, place: Any) -> Any:
        """The number int32 at a place, in every lane."""
        place = intp(place) if isinstance(place, int) else place
        return splat(self._builder, value_at(self._builder, numbers, place), self._lanes.count)

    def splat_words(self, numbers: Any, low: int, high: int) -> Any:
        """The numbers of two places, of 16 bits, as the words of every lane."""
        return self.words_from(0, self.splat(numbers, low), self.splat(numbers, high))

    def add_words(self, first: Any, second: Any) -> Any:
        """The sums of words."""
        return self._lanes_of(self._builder.add(self._words_of(first), self._words_of(second)))

    def shift_words(self, pairs: Any, right: int, *, is_signed: bool = False) -> Any:
        """Each word, shifted right."""
        shift = self._builder.ashr if is_signed else self._builder.lshr
        return self._lanes_of(shift(self._words_of(pairs), constant(self._words, right)))

    def limit_words(self, pairs: Any, greatest: int) -> Any:
        """Each signed word, or 0, or the greatest one, if it is beyond."""
        words = self._words_of(pairs)
        for limit, is_beyond in ((constant(self._words, 0), "<"), (constant(self._words, greatest), ">")):
            words = self._builder.select(self._builder.icmp_signed(is_beyond, words, limit), limit, words)
        return self._lanes_of(words)

    def multiply_words(self, first: Any, second: Any) -> Any:
        """The lower 16 bits of the products of words."""
        return self._lanes_of(self._builder.mul(self._words_of(first), self._words_of(second)))

    def multiply_and_add(self, pairs: Any, factors: Any) -> Any:
        """The sum of the products of a lane's signed words by the factors' ones."""
        if self._of_words:
            return call(self._builder, self._of_words, self._lanes, *map(self._words_of, (pairs, factors)))
        wide = ir.VectorType(_LANE, self._words.count)
        return self._sums_of_two(*(self._builder.sext(self._words_of(each), wide) for each in (pairs, factors)))

    def multiply_and_add_bytes(self, pairs: Any, factors: Any) -> Any:
        """The sum of the products of a word's two bytes by the factors' ones, which sum to 128 at most: to 15 bits."""
        if self._of_bytes:
            both = (self._builder.bitcast(each, self._bytes) for each in (pairs, factors))
            return self._lanes_of(call(self._builder, self._of_bytes, self._words, *both))
        parts = self.even_bytes, self.odd_bytes
        return self.add_words(*(self.multiply_words(part(pairs), part(factors)) for part in parts))

    def shift(self, lanes: Any, right: int, *, is_signed: bool = False) -> Any:
        """Each lane, shifted right, or left where that is negative."""
        if right < 0:
            return self._builder.shl(lanes, constant(self._lanes, -right))
        return (self._builder.ashr if is_signed else self._builder.lshr)(lanes, constant(self._lanes, right))

    def turn(self, pairs: Any) -> Any:
        """Each lane's words, the upper one first."""
        return self._builder.or_(self.shift(pairs, 16), self.shift(pairs, -16))

    def pair(self, first: Any, second: Any) -> list[Any]:
        """Pairs of the lower words of two vectors; then of the upper words, turned: the second vector's are first."""
        turned = self.turn(second)
        return [self.choose(0xFFFF, first, turned), self.choose(0xFFFF, turned, first)]

    def even_bytes(self, pairs: Any) -> Any:
        """The lower byte of each word."""
        return self._builder.and_(pairs, self.all(0xFF, 0xFF))

    def odd_bytes(self, pairs: Any) -> Any:
        """The upper byte of each word, as the lower one."""
        return self.shift_words(pairs, 8)

    def bytes_of(self, pairs: Any) -> Any:
        """A vector of the lower bytes of all words."""
        return self._builder.trunc(self._words_of(pairs), ir.VectorType(_BYTE, self._words.count))

    def interleave(self, first: Any, second: Any) -> list[Any]:
        """Words of a byte of each: those of the first 8 of every 16 bytes, which is PUNPCKLBW; then of the others."""
        places = [
            [
                begin + byte + vector
                for begin in range(half, self.size, 16)
                for byte in range(8)
                for vector in (0, self.size)
            ]
            for half in (0, 8)
        ]
        return [self._shuffled(self._bytes, first, second, each) for each in places]

    def in_order(self, first: Any, others: Any) -> list[Any]:
        """The words that `interleave` has made, in the order of the bytes."""
        quads = ir.VectorType(_QUAD, self.size // 8)
        places = [
            begin + quad + vector
            for begin in range(0, quads.count, 2)
            for vector in (0, quads.count)
            for quad in (0, 1)
        ]
        halves = places[: quads.count], places[quads.count :]
        return [self._shuffled(quads, first, others, each) for each in halves]

    def choose(self, mask: int, first: Any, second: Any) -> Any:
        """The bits of one vector where the mask of a lane has them, elsewhere those of another."""
        if self._lanes.count == 16:
            return call(
                self._builder,
                _CHOOSE,
                self._lanes,
                constant(self._lanes, mask),
                first,
                second,
                ir.Constant(_LANE, _BY_FIRST),
            )
        masks = (constant(self._lanes, each) for each in (mask, mask ^ 0xFFFFFFFF))
        return self._builder.or_(*(self._builder.and_(*each) for each in zip((first, second), masks, strict=True)))

    def words_from(self, bit: int, low: Any, high: Any) -> Any:
        """Pairs of what the lanes of two vectors have from a bit on."""
        return self.choose(0xFFFF, self.shift(low, bit), self.shift(high, bit - 16))

    def bytes_from(self, bit: int, four: Sequence[Any]) -> Any:
        """Four bytes that the lanes of as many vectors have from a bit on."""
        shares = [self.shift(lanes, bit - 8 * place) for place, lanes in enumerate(four)]
        return self.choose(0xFFFF, self.choose(0xFF, *shares[:2]), self.choose(0xFF0000, *shares[2:]))

    def _sums_of_two(self, first: Any, second: Any) -> Any:
        products = self._builder.mul(first, second)
        count = products.type.count
        parts = (ir.Constant(ir.VectorType(_LANE, count // 2), [*range(which, count, 2)]) for which in (0, 1))
        return self._builder.add(*(self._builder.shuffle_vector(products, products, part) for part in parts))

    def _words_of(self, lanes: Any) -> Any:
        return self._builder.bitcast(lanes, self._words)

    def _lanes_of(self, words: Any) -> Any:
        return self._builder.bitcast(words, self._lanes)

    def _shuffled(self, kind: Any, first: Any, second: Any, places: Sequence[int]) -> Any:
        both = (self._builder.bitcast(each, kind) for each in (first, second))
        lanes = ir.Constant(ir.VectorType(_LANE, len(places)), [*places])
        return self._builder.bitcast(self._builder.shuffle_vector(*both, lanes), self._lanes)

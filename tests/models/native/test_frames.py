import math

from models.native.frames import FEW, Spot, frame_of, turns_of
from models.native.statements import Access, Fold, Point, Statement, Store
from models.native.values import Producer, Shape, contiguous


def made(*shape: int) -> Point:
    return Point(Producer("made", shape, "real"), shape)


def folded(domain: Shape, kept: Shape, strides: Shape) -> Fold:
    return Fold(Producer("folded", kept, "real"), domain, strides=strides)


def read(maker: Point | Fold, strides: Shape, offset: int = 0) -> Access:
    return Access(maker.out, strides, offset)


def stored(out: Producer, domain: Shape, strides: Shape, offset: int = 0) -> Store:
    return Store(out, domain, [0.0], Access(out, strides, offset))


def spot(access: Access, domain: Shape, *makers: Statement) -> Spot | None:
    turns = turns_of(makers)
    return turns.found(access, domain) if turns else None


def test_few_numbers_beside_a_large_dimension_are_done_within_a_turn() -> None:
    assert frame_of((100, 2)).sizes == (100,)
    assert (frame_of((2, 100, 3)).outer, frame_of((2, 100, 3)).inner) == ((1,), (0, 2))
    assert frame_of((100, FEW + 1)).sizes == (100, FEW + 1)
    assert frame_of(()).sizes == ()
    assert frame_of((0, 3)).sizes == (0, 3)


def test_the_same_place_is_found() -> None:
    for shape in ((), (100,), (30, 40), (100, 2), (2, 100)):
        maker = made(*shape)
        where = spot(read(maker, contiguous(shape)), shape, maker)
        assert where is not None
        assert where.offset == 0
        turns = turns_of([maker])
        assert turns is not None
        assert turns.count == math.prod(shape) // math.prod(frame_of(shape).sizes)


def test_another_turn_is_not() -> None:
    maker = made(100)
    assert spot(read(maker, (1,), 1), (99,), maker) is None
    assert spot(read(maker, (-1,), 99), (100,), maker) is None
    assert spot(read(maker, (0,), 3), (100,), maker) is None
    square = made(30, 30)
    assert spot(read(square, (1, 30)), (30, 30), square) is None


def test_a_turns_numbers_are_found_in_any_order() -> None:
    rows, columns = made(100, 2), made(2, 100)
    assert spot(read(rows, (2,), 1), (100,), rows) == Spot(1, ())
    assert spot(read(columns, (1,), 100), (100,), columns) == Spot(1, ())
    assert spot(read(rows, (2, -1), 1), (100, 2), rows) == Spot(1, (-1,))
    assert spot(read(columns, (1, 100)), (100, 2), columns) == Spot(0, (1,))
    assert spot(read(rows, (100, 1)), (2, 100), rows) is None


def test_one_number_serves_all_of_a_turn() -> None:
    maker = made(100)
    assert spot(read(maker, (1, 0)), (100, 2), maker) == Spot(0, (0,))
    assert spot(read(maker, (0, 1)), (2, 100), maker) == Spot(0, (0,))


def test_a_reduction_within_turns_is_read_in_them() -> None:
    inner = folded((100, 2), (100,), (1, 0))
    assert spot(read(inner, (1,)), (100,), inner) == Spot(0, ())
    outer = folded((100, 2), (2,), (0, 1))
    assert turns_of([outer]) is None
    assert spot(read(outer, (0, 1)), (100, 2), outer) is None


def test_what_is_stored_in_parts_is_made_in_turns_where_each_part_is() -> None:
    out = Producer("out", (100, 2), "real")
    parts = [stored(out, (100,), (2,), n) for n in range(2)]
    assert spot(Access(out, (2, 1)), (100, 2), *parts) == Spot(0, (1,))
    assert spot(Access(out, (2,), 1), (100,), *parts) == Spot(1, ())
    other = stored(out, (99,), (2,), 2)
    assert turns_of([parts[0], other]) is None
    flipped = stored(out, (100,), (-2,), 199)
    assert turns_of([parts[0], flipped]) is None


def test_a_part_of_every_round_is_of_the_turn_too() -> None:
    out = Producer("out", (2, 100, 2), "real")
    diagonal = stored(out, (2, 100), (201, 2))
    assert spot(Access(out, (2, 200, 1)), (100, 2, 2), diagonal) == Spot(0, (2, 1))
    assert spot(Access(out, (200, 2, 1)), (2, 100, 2), diagonal) == Spot(0, (2, 1))


def test_too_many_numbers_stay_in_memory() -> None:
    out = Producer("out", (100, 3 * FEW), "real")
    assert turns_of([stored(out, (100,), (3 * FEW,), n) for n in range(3 * FEW)]) is None

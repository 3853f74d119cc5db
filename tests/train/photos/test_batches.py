"""The batches that a training draws from its photos, and what prepares them ahead."""

import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from impasto.common.errors import ImpastoError
from impasto_train.photos import content as photos
from impasto_train.photos.content import MAX_ZOOM, ContentSet, open_content, training_batch
from impasto_train.photos.picture import Photo
from impasto_train.photos.prefetch import prefetch
from samples import ramp


@pytest.fixture
def content(photo_folder: Path) -> ContentSet:
    return open_content(str(photo_folder))


def test_batches_depend_on_their_arguments_alone(content: ContentSet) -> None:
    def batch(**changed: int) -> np.ndarray:
        return training_batch(content.train, **({"step": 3, "batch_size": 4, "size": 24, "seed": 5} | changed))

    first = batch()
    assert first.shape == (4, 24, 24, 3)
    assert first.dtype == np.uint8
    photos._order.cache_clear()
    np.testing.assert_array_equal(batch(), first)
    for changed in ({"step": 4}, {"seed": 6}):
        assert not np.array_equal(batch(**changed), first)
    # Steps are a cutting of one stream of samples.
    np.testing.assert_array_equal(batch(step=6, batch_size=2), first[:2])


def test_an_epoch_shows_every_photo_once(tmp_path: Path, content: ContentSet, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def cut(photo: Photo, size: int, *_: object) -> np.ndarray:
        seen.append(photo.name)
        return np.zeros((size, size, 3), np.uint8)

    monkeypatch.setattr(photos, "cut", cut)
    for step in range(30):  # three epochs of 40
        training_batch(content.train, step=step, batch_size=4, size=16, seed=0)
    epochs = [seen[:40], seen[40:80], seen[80:]]
    assert all(Counter(epoch) == Counter(photo.name for photo in content.train) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_crops_zoom_wander_and_mirror_without_distortion(tmp_path: Path) -> None:
    """On a ramp a crop's ends tell where it was cut: zoom, place and mirroring are read off them."""
    ramp(300, 200).save(tmp_path / "a.png")
    photo = (Photo("a", tmp_path / "a.png"),)
    crops = training_batch(photo, step=0, batch_size=200, size=64, seed=0).astype(float)
    left, right = crops[:, :, 0, 0].mean(1), crops[:, :, -1, 0].mean(1)
    top, bottom = crops[:, 0, :, 1].mean(1), crops[:, -1, :, 1].mean(1)
    across, down = (right - left) / 255 * 299 * 64 / 63, (bottom - top) / 255 * 199 * 64 / 63  # source px
    assert down == pytest.approx(np.abs(across), abs=4)  # square stays square
    zoom = 200 / down
    assert zoom.min() == pytest.approx(1, abs=0.03)
    assert zoom.max() == pytest.approx(MAX_ZOOM, abs=0.03)
    assert np.log(zoom).mean() == pytest.approx(np.log(MAX_ZOOM) / 2, abs=0.06)  # log-uniform
    assert 0.4 < (across < 0).mean() < 0.6  # mirrored one time in two, never upside down
    room = (299 - np.abs(across)) / 299 * 255
    place = np.minimum(left, right)[room > 60] / room[room > 60]
    assert place.min() < 0.1
    assert place.max() > 0.9


def test_a_photo_that_fails_is_replaced_by_the_next(content: ContentSet, photo_folder: Path) -> None:
    order = np.random.default_rng([0, 0]).permutation(len(content.train))
    victim, following = content.train[order[0]], content.train[order[1]]
    intact = victim.path.read_bytes()
    clean = training_batch(content.train, step=0, batch_size=2, size=16, seed=0)
    victim.path.write_bytes(intact[: len(intact) // 2])
    batch = training_batch(content.train, step=0, batch_size=2, size=16, seed=0)
    victim.path.write_bytes(following.path.read_bytes())
    np.testing.assert_array_equal(batch, training_batch(content.train, step=0, batch_size=2, size=16, seed=0))
    np.testing.assert_array_equal(batch[1], clean[1])
    assert not np.array_equal(batch[0], clean[0])
    for photo in content.train:
        photo.path.write_bytes(b"")
    with pytest.raises(ImpastoError, match="none of the content photos can be read any more"):
        training_batch(content.train, step=0, batch_size=2, size=16, seed=0)


@pytest.mark.parametrize("workers", [1, 3])
def test_prefetch_keeps_the_order_and_runs_ahead_so_far(workers: int) -> None:
    made: list[int] = []

    def make(step: int) -> int:
        time.sleep(0.002 * (step % 3))
        made.append(step)
        return step * step

    ahead = prefetch(make, range(20), depth=3, workers=workers)
    assert next(ahead) == 0
    assert max(made) <= 3
    assert list(ahead) == [step * step for step in range(1, 20)]
    assert sorted(made) == list(range(20))


def test_prefetch_raises_in_its_place_and_leaves_no_thread() -> None:
    before = threading.active_count()
    ahead = prefetch(lambda step: 1 // (2 - step), range(9))
    assert [next(ahead), next(ahead)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(ahead)
    assert threading.active_count() == before
    left = prefetch(lambda step: step, range(10**9))
    assert next(left) == 0
    left.close()
    assert threading.active_count() == before

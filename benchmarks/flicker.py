"""How steady a model is: what slight noise and a shift of the photo do to its picture, and how a film comes out.

    python -m benchmarks.flicker MODEL [MODEL ...] PHOTOS [--clip FILM] [--json FILE] [--plot FILE]

Noise gain: mean |f(x + n) − f(x)| over mean |n|, n Gaussian with a deviation of 2 levels of 255. Pan difference: mean
|f(crop) − f(crop moved by d)| in levels of 255 over the area both show, a margin of 32 px left out, for d of 1, 2, 3
and 5 px along the diagonal. Crops of 384 px of the first eight photos. A grey picture is a steady one, so both are also
given over the contrast of what is painted (deviation of its pixels): the gain as a share of the photos' own contrast.

Clip difference: mean |f(frame) − f(the frame before, moved)| in levels of 255, each frame of the film painted by
itself, the longest side reduced to 640 px. Moved is by the one shift that the film itself tells (phase correlation, to
a tenth of a pixel), a margin of 32 px and what has come into view left out, and so are cuts. What moves within the
picture stays in the figure: that of the film itself, in the first row, is what a painting cannot fall far below.

Warping error: the same along the optical flow of the film, as papers on video have it (`warping`; it needs OpenCV), for
frames painted each by itself, and for what ``apply-style`` makes of the film; also over the contrast of the frames.
"""

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import av
import numpy as np
import typer
from impasto import Stylizer, film
from impasto.internal import run
from impasto.pictures import Picture, shrunk
from impasto_train.photos.content import centre_crop
from impasto_train.photos.picture import Photo
from PIL import Image
from skimage.registration import phase_cross_correlation
from skimage.transform import EuclideanTransform, warp

from .report import save
from .warping import Flow, flows, warping_error

SIZE, PHOTOS, DEVIATION, MARGIN, SHIFTS = 384, 8, 2.0, 32, (1, 2, 3, 5)
LONGEST = 640  # px of a film's frames
CUT = 40  # levels of 255 by which neighbouring frames of a film differ where it has been cut

Paint = Callable[[np.ndarray], np.ndarray]
Shift = tuple[float, float]
"""How far down and to the right what is seen has moved, in pixels."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def noise_gain(stylizer: Paint, photos: list[np.ndarray]) -> float:
    """Mean over ``photos``, uint8 ``[H, W, 3]``; the noise is what is left of it after rounding to uint8."""
    random = np.random.default_rng(0)
    gains = []
    for photo in photos:
        noisy = np.clip(np.round(photo + random.normal(0, DEVIATION, photo.shape)), 0, 255).astype(np.uint8)
        noise = np.abs(noisy.astype(int) - photo).mean()
        gains.append(np.abs(stylizer(noisy).astype(int) - stylizer(photo)).mean() / noise)
    return float(np.mean(gains))


def pan_difference(stylizer: Paint, photos: list[np.ndarray]) -> float:
    """Mean over ``photos``, uint8 ``[SIZE + 5, SIZE + 5, 3]``, and shifts, in levels of 255."""
    found = []
    for photo in photos:
        still = stylizer(photo[:SIZE, :SIZE]).astype(int)
        for d in SHIFTS:
            moved = stylizer(np.ascontiguousarray(photo[d : d + SIZE, d : d + SIZE])).astype(int)
            inner = slice(MARGIN, SIZE - d - MARGIN)
            found.append(np.abs(still[d:, d:][inner, inner] - moved[:-d, :-d][inner, inner]).mean())
    return float(np.mean(found))


def frames_of(clip: Path) -> Iterator[np.ndarray]:
    """The frames of a film, uint8 ``[H, W, 3]``, the longest side at most `LONGEST`."""
    with av.open(clip) as container:
        for frame in container.decode(video=0):
            yield shrunk(Picture(frame.to_ndarray(format="rgb24")), LONGEST).rgb


def motions(frames: Iterable[np.ndarray]) -> list[Shift | None]:
    """What has moved all of the picture from each frame to the next; None where a film has been cut."""
    return [_motion(before, after) for before, after in pairwise(frames)]


def _motion(before: np.ndarray, after: np.ndarray) -> Shift | None:
    # a window, or the frame's edges, which do not move, would be the clearest thing to be seen
    window = np.hanning(before.shape[0])[:, None] * np.hanning(before.shape[1])
    grey = [(frame.mean(2) - frame.mean()) * window for frame in (after, before)]
    found, _, _ = phase_cross_correlation(*grey, upsample_factor=10)
    still: Shift = (0.0, 0.0)
    moved: Shift = (float(found[0]), float(found[1]))
    # a shift so long leaves too little in common to judge it by
    tried = [still, moved] if max(map(abs, moved)) < min(before.shape[:2]) / 4 else [still]
    differences = {shift: difference_but_for(shift, before, after) for shift in tried}
    best = min(tried, key=differences.__getitem__)
    return best if differences[best] < CUT else None


def difference_but_for(shift: Shift, before: np.ndarray, after: np.ndarray) -> float:
    """Mean absolute difference of two frames, uint8 ``[H, W, 3]``, once the first is moved by ``shift``."""
    if any(shift):
        back = EuclideanTransform(translation=(-shift[1], -shift[0]))  # from where a pixel comes, x before y
        before = warp(before, back, order=3, preserve_range=True)
    y, x = (MARGIN + int(np.ceil(abs(way))) for way in shift)
    return float(np.abs(after.astype(np.float32) - before)[y:-y, x:-x].mean())


def clip_difference(paint: Paint, frames: Iterable[np.ndarray], shifts: list[Shift | None]) -> float:
    """Mean over a film's neighbouring frames, ``shifts`` being what `motions` gave for them, in levels of 255."""
    pairs = zip(pairwise(map(paint, frames)), shifts, strict=True)
    return float(np.mean([difference_but_for(shift, *pair) for pair, shift in pairs if shift is not None]))


def contrast(stylizer: Paint, photos: list[np.ndarray]) -> float:
    """Deviation of what is painted within channels, in levels of 255: mean over channels and ``photos``."""
    deviation = float(np.mean([stylizer(photo).std(axis=(0, 1)).mean() for photo in photos]))
    return max(deviation, 0.01)  # of a blank picture: something is divided by it


def film_frames(stylizer: Stylizer, clip: Path) -> list[np.ndarray]:
    """The frames of ``clip``, as `frames_of` gives them, that ``apply-style`` makes of it."""
    with tempfile.TemporaryDirectory() as folder:
        film(stylizer, clip, Path(folder) / "%06d.png", size=LONGEST)
        return [np.asarray(Image.open(file).convert("RGB")) for file in sorted(Path(folder).iterdir())]


def warping_figures(frames: list[np.ndarray], motion: list[Flow], name: str) -> dict[str, float]:
    """The figures of a painted film, named after how it was painted."""
    error = warping_error(frames, motion)
    return {f"warping, {name}": error, f"warping over contrast, {name}": error / contrast(lambda frame: frame, frames)}


@app.command()
def flicker(
    models: Annotated[list[str], typer.Argument(help="Model files or names.")],
    photos: Annotated[Path, typer.Argument(help="A folder of photos.")],
    clip: Annotated[Path | None, typer.Option(help="A film to paint frame by frame.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    plot_file: Annotated[Path | None, typer.Option("--plot", help="Draw them here, .png or .svg.")] = None,
) -> None:
    """Print noise gain and pan difference of models, and how much a film's frames differ."""
    files = sorted(path for path in photos.iterdir() if path.is_file())[:PHOTOS]
    crops = [centre_crop(Photo(file.name, file), SIZE + max(SHIFTS)) for file in files]
    frames = list(frames_of(clip)) if clip else []
    shifts, motion = motions(frames), flows(frames) if clip else []  # OpenCV is needed for a film alone
    stylizers = [Stylizer(model) for model in models]
    painters: dict[str, Paint] = {"nothing painted": lambda photo: photo}
    painters |= {stylizer.info.name: stylizer for stylizer in stylizers}
    rows: list[dict[str, Any]] = []
    squares = [np.ascontiguousarray(crop[:SIZE, :SIZE]) for crop in crops]
    own = contrast(painters["nothing painted"], squares)
    for name, paint in painters.items():
        gain, pan, deviation = noise_gain(paint, squares), pan_difference(paint, crops), contrast(paint, squares)
        rows.append(
            {
                "model": name,
                "noise gain": gain,
                "pan difference": pan,
                "contrast": deviation,
                "gain over contrast": gain * own / deviation,
                "pan over contrast": pan / deviation,
            }
        )
        if clip:
            single = [paint(frame) for frame in frames]
            whole = film_frames(paint, clip) if isinstance(paint, Stylizer) else single
            rows[-1]["clip difference"] = clip_difference(lambda frame: frame, single, shifts)
            rows[-1] |= warping_figures(single, motion, "by frame") | warping_figures(whole, motion, "as a film")

    def draw(axis: Any) -> None:
        for row in rows:
            axis.scatter(row["noise gain"], row["pan difference"])
            axis.annotate(row["model"], (row["noise gain"], row["pan difference"]))
        axis.set(xlabel="noise gain", ylabel="pan difference, levels of 255", xlim=(0, None), ylim=(0, None))

    save(rows, json_file, plot_file, draw)


if __name__ == "__main__":
    sys.exit(run(app, "benchmarks.flicker"))

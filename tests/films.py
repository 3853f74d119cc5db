"""Films to test with, and what is in the results."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

RATE = 12


def make(
    path: Path,
    frames: int = 10,
    size: tuple[int, int] = (64, 48),
    *,
    sound: bool = True,
    gap: int = 1,
    aspect: Fraction | None = None,
    texts: dict[str, str] | None = None,
    language: str | None = None,
    movflags: str = "",
) -> None:
    """A clip whose levels of grey tell its frames apart, the later half ``gap`` times as far apart, and a tone."""
    with av.open(path, "w", options={"movflags": movflags} if movflags else {}) as container:
        container.metadata.update(texts or {})
        video = container.add_stream("libx264", rate=RATE)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        if aspect:
            video.codec_context.sample_aspect_ratio = aspect
        video.time_base = video.codec_context.time_base = Fraction(1, 1200)
        if sound:
            audio = container.add_stream("aac", rate=44100, layout="mono")
            audio.metadata.update({"language": language} if language else {})
            tone = (np.sin(np.arange(44100) * 0.06) * 0.3).astype(np.float32)[None]
            block = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            block.sample_rate, block.pts = 44100, 0
        for index in range(frames):
            level = 30 + 20 * (index % 10)
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), level, np.uint8), format="rgb24")
            later = max(0, index - frames // 2)
            frame.pts, frame.time_base = 100 * (index + (gap - 1) * later), Fraction(1, 1200)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound:
            container.mux([*audio.encode(block), *audio.encode(None)])


def look_at(path: Path) -> tuple[list[Fraction], list[int], list[bytes]]:
    """Times and mean levels of the frames, and the bytes of the sound."""
    with av.open(path) as container:
        times, levels = [], []
        for frame in container.decode(video=0):
            times.append(frame.pts * frame.time_base)
            levels.append(round(float(frame.to_ndarray(format="rgb24").mean())))
    with av.open(path) as container:
        sound = [bytes(p) for p in container.demux() if p.stream.type == "audio" and p.dts is not None]
    return times, levels, sound


def levels_of(folder: Path) -> dict[str, int]:
    """Mean levels of the pictures in ``folder``, by name."""
    return {path.name: round(float(np.asarray(Image.open(path)).mean())) for path in sorted(folder.iterdir())}


def command(*arguments, before="", **options):
    """``apply-style`` in a process of its own, after the lines ``before``."""
    program = f"{before}\nfrom impasto.apply.command import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )

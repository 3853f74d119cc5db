"""HDR film as SDR: the network has learned from photos, and neither it nor a file of 8 bits holds HDR."""

from fractions import Fraction
from typing import Any

HDR = {16: "PQ", 18: "HLG"}  # transfers by their numbers in H.273
# Two ways of swscale's that are mixed. The first keeps all up to the white of paper (203 nits, ITU-R BT.2408) as it is
# in SDR and clips what is brighter; the second makes room for that and is darker throughout.
INTENTS, SHARE_OF_FIRST = ("relative_colorimetric", "perceptual"), 0.67


class ToneMap:
    """Turns HDR frames of any size into frames of BT.709, each of the same time; the first takes some seconds.

    Args:
        time_base: seconds that the frames' times are a multiple of.
    """

    def __init__(self, time_base: Fraction) -> None:
        self._time_base = time_base
        self._graph: Any = None
        self._made_for: Any = None

    def __call__(self, frame: Any) -> Any:
        """The frame in 8 bits of RGB.

        Raises:
            av.FFmpegError: the frame is damaged.
        """
        kind = frame.width, frame.height, frame.format.name
        if kind != self._made_for:
            self._graph, self._made_for = self._built(frame), kind
        self._graph.push(frame)
        return self._graph.pull()

    def _built(self, frame: Any) -> Any:
        from av.filter import Graph

        graph = Graph()
        split, blend = graph.add("split"), graph.add("blend", f"all_opacity={SHARE_OF_FIRST}")
        size = {"width": frame.width, "height": frame.height}
        graph.add_buffer(**size, format=frame.format, time_base=self._time_base).link_to(split)
        for place, intent in enumerate(INTENTS):
            scale = graph.add("scale", f"out_transfer=bt709:out_primaries=bt709:intent={intent}")
            planes = graph.add("format", "gbrp")
            split.link_to(scale, place, 0)
            scale.link_to(planes)
            planes.link_to(blend, 0, place)
        last, sink = graph.add("format", "rgb24"), graph.add("buffersink")
        blend.link_to(last)
        last.link_to(sink)
        graph.configure()
        return graph

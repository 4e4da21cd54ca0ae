"""Pack pictures without a human face: what the aligner must stay silent on.

The pictures come from Debian packages and from scikit-image:

    mkdir -p ../negatives && cd ../negatives
    apt-get download gnome-backgrounds mate-backgrounds tuxpaint-stamps-default gcompris-qt-data \\
        plasma-workspace-wallpapers lomiri-wallpapers-16.04 lomiri-wallpapers-20.04 ukui-wallpapers
    for f in *.deb; do dpkg -x $f x; done; cd ../main
    python -m training.data.negatives --packages ../negatives --out packed/negatives.npz

GCompris keeps its photos inside Qt resource files; they are carved out. Whatever shows a human face, or could pass for
one (statues, dolls, astronauts, coins, cartoons of people, paintings), is left out by name. Pictures are split by
file, similar names together; everything of scikit-image is validation.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import skimage
from PIL import Image

MAX_SIDE = 448
MIN_SIDE = 64
VALIDATION_PART = 0.2
LEFT_OUT = re.compile(
    r"symbols/|/people/|fireman|spacewalk|Santa\.png|German_Christmas_toy|snowman|ghost|skull|jackolantern|grave-[dei]"
    r"|bears/toys|bears/cartoon|cats/cartoon|monuments/cartoon|knight_helmet|totem|statue|pinkhome|tux_tractor|plane\.png"
    r"|school_sign|toilets|xing_|football_helmet|mate/desktop/Ubuntu|birds/cartoon|insects/cartoon|fire\.png|bunny|chick-"
    r"|parachute|friends_by|gcompris-qt/|vnc-|Elephants_|babyshapes/00(1[2-9]|[2-9]\d)|categorization/0(114|116|127|137)"
    r"|explore_monuments/00(29|31|35|42)"
)
GCOMPRIS = {
    "babyshapes", "categorization", "clickgame", "erase", "explore_farm_animals", "explore_monuments",
    "explore_world_animals", "leftright", "solar_system",
}  # fmt: skip
SCIKIT_IMAGE = [
    "brick.png", "cell.png", "chelsea.png", "chessboard_RGB.png", "clock_motion.png", "coffee.png", "coins.png",
    "color.png", "grass.png", "gravel.png", "horse.png", "hubble_deep_field.jpg", "ihc.png", "microaneurysms.png",
    "moon.png", "motorcycle_left.png", "page.png", "retina.jpg", "rocket.jpg", "text.png",
]  # fmt: skip
SIGNATURES = re.compile(rb"\xff\xd8\xff|RIFF....WEBP|\x89PNG\r\n\x1a\n", re.S)


def carved(path: Path) -> Iterator[tuple[str, Image.Image]]:
    """Yield the pictures that lie uncompressed inside a Qt resource file."""
    content = path.read_bytes()
    for number, match in enumerate(SIGNATURES.finditer(content)):
        part = content[match.start() : match.start() + 4_000_000]
        if part[:4] == b"RIFF":
            part = part[: 8 + struct.unpack("<I", part[4:8])[0]]
        try:
            image = Image.open(io.BytesIO(part))
            image.load()
        except (OSError, SyntaxError, ValueError):
            continue
        yield f"{path.stem}/{number:04d}", image


def pictures(packages: Path) -> Iterator[tuple[str, Image.Image]]:
    """Yield (name, picture) of everything that is meant to be face-free."""
    for path in sorted(p for p in packages.rglob("*") if p.suffix in {".png", ".jpg", ".webp", ".rcc"}):
        if path.suffix == ".rcc" and path.stem in GCOMPRIS:
            yield from carved(path)
        elif path.suffix != ".rcc" and "/share/" in str(path):
            yield str(path).split("/share/")[1], Image.open(path)
    for name in SCIKIT_IMAGE:
        yield f"scikit-image/{name}", Image.open(Path(skimage.__file__).parent / "data" / name)


def is_validation_picture(name: str) -> bool:
    """Tell whether a face-free picture is kept out of training; names that differ in digits only stay together."""
    group = re.sub(r"[-_]?\d+[a-z]?(?=\.|$)", "", name) if "stamps" in name else name
    digest = hashlib.sha256(group.encode()).digest()
    return name.startswith("scikit-image/") or int.from_bytes(digest[:4], "big") < VALIDATION_PART * 2**32


def thumbnail_hash(image: Image.Image) -> str:
    """Return a hash that two sizes of one picture share."""
    small = np.asarray(image.convert("RGB").convert("L").resize((8, 8), Image.Resampling.BOX), np.int32)
    bits = (small > small.mean()).tobytes() + bytes(int(v) // 24 for v in small[::4, ::4].ravel())
    return hashlib.sha256(bits).hexdigest()[:12]


def main() -> None:
    """Write the pack: arrays `picture_0`, … (H, W, 4) uint8 RGBA, `names` and `validation`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("packed/negatives.npz"))
    args = parser.parse_args()
    kept: list[npt.NDArray[np.uint8]] = []
    names: list[str] = []
    seen: set[str] = set()
    for name, image in pictures(args.packages):
        if LEFT_OUT.search(name):
            continue
        image = image.convert("RGBA")
        key = thumbnail_hash(image)
        if min(image.size) < MIN_SIDE or key in seen:
            continue
        seen.add(key)
        image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
        kept.append(np.asarray(image))
        names.append(name)
    validation = np.array([is_validation_picture(name) for name in names])
    arrays = {f"picture_{i}": picture for i, picture in enumerate(kept)}
    np.savez(args.out, names=np.array(names), validation=validation, **arrays)
    print(f"{len(kept)} pictures, {validation.sum()} of them for validation")


if __name__ == "__main__":
    main()

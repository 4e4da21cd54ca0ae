"""Pictures in and out: files, PIL images and arrays become canonical ones here, and only here.

Outside the networks a picture is (H, W, 3) uint8 RGB; inside it is (B, 3, H, W) float32 RGB in [0, 1].
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from facemorph.errors import ImageTooLargeError, ImageTooSmallError, UnsupportedImageError, named

if TYPE_CHECKING:
    import torch

Array: TypeAlias = npt.NDArray[np.uint8]
Photo: TypeAlias = "str | PathLike[str] | Image.Image | Array"

FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "JPEG2000", "PPM")
"""What is opened; Pillow would also hand PostScript to another program."""
MAX_PIXELS = 64_000_000
"""Photos above this are refused before decoding; the photos of 50-megapixel phones pass."""
WORKING_SIZE = 2048
"""Photos are reduced to at most this many pixels on their longer side: four crops of 512 px."""
DRAFT_SIZE = 1900
"""Large enough to stand for `WORKING_SIZE`, so that the 4000 px of common phones are decoded at half, in a tenth of the
time.
"""
MIN_FACE = 40
"""A face that spans fewer pixels than this is refused, and so is a photo that cannot hold a larger one."""
LARGER_FACE = f"Use a photo where the face is at least {MIN_FACE} pixels across."
"""What every sentence about something too small ends in."""


@dataclass(frozen=True)
class LoadedPhoto:
    """A photo as the aligner wants it.

    Attributes:
        pixels: (H, W, 3) uint8 RGB, upright, at most `WORKING_SIZE` on the longer side.
        scale: longer side of `pixels` over longer side of the original; 1 where it was not reduced.
    """

    pixels: Array
    scale: float = 1.0


def load_photo(photo: Photo) -> LoadedPhoto:
    """Read a photo upright, in RGB, at no more than `WORKING_SIZE` pixels on its longer side.

    Args:
        photo: a path, a PIL image in any mode, or an (H, W, 3) uint8 RGB array. Of an animated file the first frame is
            taken. EXIF orientation is applied, colours are brought to sRGB where an ICC profile says what they are,
            transparency is laid on white, and 16-bit gray is scaled to 8 bits.

    Returns:
        The pixels, and how much they were reduced.

    Raises:
        UnsupportedImageError: the file is missing, is no picture, or is damaged; or this is no photo at all.
        ImageTooLargeError: it has more than `MAX_PIXELS` pixels; it is not decoded.
        ImageTooSmallError: its shorter side is under `MIN_FACE` pixels.
    """
    if isinstance(photo, np.ndarray):
        return _reduced(Image.fromarray(_checked_array(photo)), max(photo.shape))
    if isinstance(photo, Image.Image):
        _check_size(*photo.size, "This picture")
        return _decoded(photo, "This picture", max(photo.size))
    if not isinstance(photo, str | PathLike):
        raise UnsupportedImageError(
            f"The photo is {named(photo)}. Pass a path, a PIL image, or an (H, W, 3) uint8 array in RGB order."
        )
    path = Path(photo)
    name = f"'{path.name or path}'"
    with _open(path, name) as image:
        _check_size(*image.size, name)
        longest = max(image.size)
        if isinstance(image, JpegImageFile):  # decode at 1/2, 1/4 or 1/8 where that is still large enough
            image.draft(None, (image.width * DRAFT_SIZE // longest, image.height * DRAFT_SIZE // longest))
        return _decoded(image, name, longest)


def _open(path: Path, name: str) -> Image.Image:
    if not path.exists():
        raise UnsupportedImageError(f"{name} does not exist. Check the path.")
    if not path.is_file() or not os.access(path, os.R_OK):
        raise UnsupportedImageError(f"{name} cannot be read. Choose a picture file that you may open.")
    formats = _formats()
    try:
        return Image.open(path, formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        _check_size(*_declared_size(path, formats), name)
        raise
    except UnidentifiedImageError as error:
        raise UnsupportedImageError(
            f"{name} is not a picture that can be opened here, whatever its name says. Use JPEG, PNG, WebP or GIF; "
            "export HEIC photos as JPEG first."
        ) from error
    except Exception as error:  # Pillow's readers raise whatever a damaged header makes them stumble on
        raise _damaged(name) from error


def _formats() -> list[str]:
    """Return those of `FORMATS` that this build of Pillow reads."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _declared_size(path: Path, formats: list[str]) -> tuple[int, int]:
    """Return (width, height) from the header of a picture that Pillow refuses to open because of its size."""
    for name in formats:
        with contextlib.suppress(Exception), path.open("rb") as file:
            width, height = Image.OPEN[name][0](file, path.name).size
            return width, height
    raise _damaged(f"'{path.name}'")


def _checked_array(array: Array) -> Array:
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
        raise UnsupportedImageError(
            f"An array of shape {array.shape} and type {array.dtype} was given. "
            "Pass an (H, W, 3) uint8 array in RGB order."
        )
    _check_size(array.shape[1], array.shape[0], "This picture")
    return array


def _check_size(width: int, height: int, name: str) -> None:
    if width * height > MAX_PIXELS:
        raise ImageTooLargeError(
            f"{name} has {width * height / 1e6:.0f} megapixels ({width} × {height}). "
            f"Reduce it to under {MAX_PIXELS // 1_000_000} megapixels.",
            width=width,
            height=height,
            limit=MAX_PIXELS,
        )
    if min(width, height) < MIN_FACE:
        raise ImageTooSmallError(
            f"{name} is only {width} × {height} pixels. {LARGER_FACE}",
            actual=min(width, height),
            minimum=MIN_FACE,
        )


def _damaged(name: str) -> UnsupportedImageError:
    return UnsupportedImageError(f"{name} is damaged or cut short and cannot be decoded. Save or download it again.")


def _decoded(image: Image.Image, name: str, original_longest: int) -> LoadedPhoto:
    try:
        image.load()
        upright = _upright(image)
        if upright.mode in ("RGB", "L", "CMYK"):  # cheaper before the colours are converted than after
            upright = _shrunk(upright)
        return _reduced(_to_rgb(upright), original_longest)
    except Exception as error:  # as above, for damaged data
        raise _damaged(name) from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF is no reason to refuse the picture
        return image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _deep_gray_to_rgb(image)
    if image.mode.endswith(("A", "a")) or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return _in_srgb(image) or image.convert("RGB")


def _deep_gray_to_rgb(image: Image.Image) -> Image.Image:
    """Scale gray of more than 8 bits to 8; Pillow's own conversion would clip it at 255.

    The mode says how deep 16-bit gray is, so that a dark picture stays dark. "I" is 16-bit gray from PNG and PGM files;
    elsewhere "I" and "F" say nothing about their range, and their largest value has to.
    """
    values = np.asarray(image, dtype=np.float64)
    if image.mode.startswith("I;16") or image.format in ("PNG", "PPM"):
        peak = 65535.0
    else:
        largest = values.max(initial=0)
        peak = 1.0 if image.mode == "F" and largest <= 1 else 255.0 if largest <= 255 else 65535.0
    return Image.fromarray(np.clip(values * (255.0 / peak) + 0.5, 0, 255).astype(np.uint8)).convert("RGB")


def _in_srgb(image: Image.Image) -> Image.Image | None:
    """Bring an image with an ICC profile to sRGB; None where it has none, or one that cannot be applied."""
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "CMYK"):
        return None
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return None
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _shrunk(image: Image.Image) -> Image.Image:
    longest = max(image.size)
    if longest <= WORKING_SIZE:
        return image
    width, height = (max(1, round(side * WORKING_SIZE / longest)) for side in image.size)
    info, image = image.info, image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    image.info = info  # the ICC profile
    return image


def _reduced(image: Image.Image, original_longest: int) -> LoadedPhoto:
    image = _shrunk(image)
    return LoadedPhoto(np.array(image, dtype=np.uint8), max(image.size) / original_longest)


def to_tensor(image: Array) -> torch.Tensor:
    """Turn (H, W, 3) or (T, H, W, 3) uint8 into (T, 3, H, W) float32 in [0, 1]; T is 1 for a single picture."""
    import torch  # here, not above: a photo that cannot be used is told without it

    batch = image if image.ndim == 4 else image[None]
    return torch.from_numpy(np.require(batch, requirements=["C", "W"])).permute(0, 3, 1, 2).float().div_(255.0)


def to_uint8(x: torch.Tensor) -> Array:
    """Turn (B, 3, H, W) in [0, 1] into (B, H, W, 3) uint8, rounding to nearest."""
    rounded = x.detach().clamp(0.0, 1.0).mul(255.0).add(0.5).byte()
    array: Array = rounded.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return array

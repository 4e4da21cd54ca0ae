"""Pictures in and out: files, PIL images and arrays become canonical ones here, and only here.

Outside the networks a picture is (H, W, 3) uint8 RGB; inside it is (B, 3, H, W) float32 RGB in [0, 1].
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from facemorph.errors import ImageTooLargeError, ImageTooSmallError, UnsupportedImageError

Array: TypeAlias = npt.NDArray[np.uint8]
Photo: TypeAlias = "str | PathLike[str] | Image.Image | Array"

MAX_PIXELS = 64_000_000
"""Photos above this are refused before decoding; the photos of 50-megapixel phones pass."""
WORKING_SIZE = 2048
"""Photos are reduced to at most this many pixels on their longer side: four crops of 512 px."""
MIN_SIDE = 40
"""A photo with a shorter side than this holds no face worth morphing."""


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
        photo: a path, a PIL image in any mode, or an (H, W, 3) uint8 RGB array. Of an animation the first frame is
            taken. EXIF orientation is applied, transparency is laid on white, and 16-bit gray is scaled to 8 bits.

    Returns:
        The pixels, and how much they were reduced.

    Raises:
        UnsupportedImageError: the file is missing, is no picture, or is damaged.
        ImageTooLargeError: it has more than `MAX_PIXELS` pixels; it is not decoded.
        ImageTooSmallError: its shorter side is under `MIN_SIDE` pixels.
    """
    if isinstance(photo, np.ndarray):
        return _reduced(Image.fromarray(_checked_array(photo)), max(photo.shape))
    if isinstance(photo, Image.Image):
        return _decoded(photo, "This picture")
    path = Path(photo)
    name = f"'{path.name}'"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return _decoded(image, name)
    except FileNotFoundError as error:
        raise UnsupportedImageError(f"{name} does not exist. Check the path.") from error
    except (IsADirectoryError, PermissionError) as error:
        raise UnsupportedImageError(f"{name} cannot be read. Choose a picture file that you may open.") from error
    except Image.DecompressionBombError as error:
        raise UnsupportedImageError(f"{name} is far too large to open. Reduce it to under 64 megapixels.") from error
    except UnidentifiedImageError as error:
        raise UnsupportedImageError(
            f"{name} is not a picture that can be opened here, whatever its name says. Use JPEG, PNG, WebP or GIF; "
            "export HEIC photos as JPEG first."
        ) from error


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
    if min(width, height) < MIN_SIDE:
        raise ImageTooSmallError(
            f"{name} is only {width} × {height} pixels. Use a photo of at least {MIN_SIDE} pixels a side.",
            actual=min(width, height),
            minimum=MIN_SIDE,
        )


def _decoded(image: Image.Image, name: str) -> LoadedPhoto:
    _check_size(*image.size, name)
    longest = max(image.size)
    try:
        if image.format == "JPEG":  # decode at 1/2, 1/4 or 1/8 where that is still large enough
            image.draft(None, (WORKING_SIZE, WORKING_SIZE))
        image.load()
        upright = ImageOps.exif_transpose(image)
        return _reduced(_to_rgb(upright), longest)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise UnsupportedImageError(
            f"{name} is damaged or cut short and cannot be decoded. Save or download it again."
        ) from error


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":  # 16-bit and float gray: PIL would clip at 255
        values = np.asarray(image, dtype=np.float64)
        peak = 65535.0 if values.max(initial=0) > 255 else 255.0
        return Image.fromarray(np.clip(values * (255.0 / peak), 0, 255).astype(np.uint8)).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _reduced(image: Image.Image, original_longest: int) -> LoadedPhoto:
    longest = max(image.size)
    if longest > WORKING_SIZE:
        size = tuple(max(1, round(side * WORKING_SIZE / longest)) for side in image.size)
        image = image.resize((size[0], size[1]), Image.Resampling.LANCZOS, reducing_gap=2.0)
    scale = max(image.size) / original_longest
    return LoadedPhoto(np.array(image, dtype=np.uint8), scale)


def to_tensor(image: Array) -> torch.Tensor:
    """Turn (H, W, 3) or (T, H, W, 3) uint8 into (T, 3, H, W) float32 in [0, 1]; T is 1 for a single picture."""
    batch = image if image.ndim == 4 else image[None]
    return torch.from_numpy(np.require(batch, requirements=["C", "W"])).permute(0, 3, 1, 2).float().div_(255.0)


def to_uint8(x: torch.Tensor) -> Array:
    """Turn (B, 3, H, W) in [0, 1] into (B, H, W, 3) uint8, rounding to nearest."""
    rounded = x.detach().clamp(0.0, 1.0).mul(255.0).add(0.5).to(torch.uint8)
    array: Array = rounded.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return array

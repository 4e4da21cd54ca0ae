"""Every kind of file a person may drop, and every kind that must be refused in one sentence."""

from __future__ import annotations

import re
import struct
import warnings
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from facemorph.errors import ImageTooLargeError, ImageTooSmallError, UnsupportedImageError
from facemorph.images import MAX_PIXELS, WORKING_SIZE, LoadedPhoto, load_photo, to_tensor, to_uint8

RED, GREEN, BLUE, GRAY = (220, 40, 40), (40, 180, 60), (40, 60, 200), (128, 128, 128)


def quarters(size: tuple[int, int] = (80, 60)) -> Image.Image:
    """Red, green, blue and gray corners: every turn and mirroring shows."""
    width, height = size
    image = Image.new("RGB", size, GRAY)
    image.paste(RED, (0, 0, width // 2, height // 2))
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    return image


def assert_quarters(photo: LoadedPhoto, tolerance: int = 12) -> None:
    height, width = photo.pixels.shape[:2]
    assert photo.pixels.dtype == np.uint8
    seen = [photo.pixels[y, x] for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    assert np.abs(np.array(seen, int) - np.array([RED, GREEN, BLUE, GRAY])).max() <= tolerance, seen


def mode_of(path: Path) -> str:
    with Image.open(path) as image:
        return image.mode


def png(width: int, height: int, *, bits: int, colour: int, rows: bytes) -> bytes:
    """Build a PNG by hand: for sizes and depths that Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class TestReadRight:
    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif", ".gif", ".ppm"])
    def test_common_formats(self, tmp_path: Path, suffix: str) -> None:
        quarters().save(tmp_path / f"photo{suffix}")
        photo = load_photo(tmp_path / f"photo{suffix}")
        assert photo.pixels.shape == (60, 80, 3)
        assert photo.scale == 1
        assert_quarters(photo)

    def test_string_path(self, tmp_path: Path) -> None:
        quarters().save(tmp_path / "photo.png")
        assert_quarters(load_photo(str(tmp_path / "photo.png")))

    def test_suffix_does_not_matter(self, tmp_path: Path) -> None:
        quarters().save(tmp_path / "photo.jpg", format="PNG")
        assert_quarters(load_photo(tmp_path / "photo.jpg"))

    def test_cmyk_jpeg(self, tmp_path: Path) -> None:
        quarters().convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
        assert mode_of(tmp_path / "cmyk.jpg") == "CMYK"
        assert_quarters(load_photo(tmp_path / "cmyk.jpg"))

    def test_large_cmyk_jpeg_is_decoded_small(self, tmp_path: Path) -> None:
        quarters((4200, 4400)).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=90)
        photo = load_photo(tmp_path / "cmyk.jpg")
        assert photo.pixels.shape == (2048, 1955, 3)
        assert_quarters(photo)

    @pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "PA", "RGBA", "RGBa", "RGBX", "YCbCr", "HSV", "LAB", "CMYK"])
    def test_pil_modes(self, mode: str) -> None:
        if mode in ("L", "1", "LA"):
            image = Image.new("L", (64, 64), 255).convert(mode)
            assert (load_photo(image).pixels == 255).all()
        elif mode == "LAB":
            transform = ImageCms.buildTransform(
                ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
            )
            lab = ImageCms.applyTransform(quarters(), transform)
            assert lab is not None
            assert_quarters(load_photo(lab))
        elif mode in ("P", "PA"):
            assert_quarters(load_photo(quarters().quantize(8).convert(mode)))
        elif mode == "RGBa":
            assert_quarters(load_photo(quarters().convert("RGBA").convert(mode)))
        else:
            assert_quarters(load_photo(quarters().convert(mode)))

    @pytest.mark.parametrize("mode", ["LA", "RGBA", "PA"])
    def test_transparency_is_laid_on_white(self, tmp_path: Path, mode: str) -> None:
        image = Image.new("RGBA", (80, 60), (0, 0, 0, 0))
        image.paste((*RED, 255), (0, 0, 40, 60))
        pixels = load_photo(image.convert(mode)).pixels
        assert (pixels[:, 41:] == 255).all()
        assert (pixels[:, :39] < 255).any()

    def test_transparent_png_file(self, tmp_path: Path) -> None:
        image = Image.new("RGBA", (80, 60), (0, 0, 0, 0))
        image.paste((*RED, 255), (0, 0, 40, 60))
        image.save(tmp_path / "cutout.png")
        pixels = load_photo(tmp_path / "cutout.png").pixels
        assert (pixels[:, 41:] == 255).all()
        assert tuple(pixels[30, 20]) == RED

    def test_colour_key_transparency(self, tmp_path: Path) -> None:
        image = quarters()
        image.save(tmp_path / "key.png", transparency=RED)
        pixels = load_photo(tmp_path / "key.png").pixels
        assert (pixels[:29, :39] == 255).all()
        assert tuple(pixels[45, 20]) == BLUE

    def test_animated_gif_gives_its_first_frame(self, tmp_path: Path) -> None:
        quarters().save(tmp_path / "a.gif", save_all=True, append_images=[Image.new("RGB", (80, 60), "black")])
        assert_quarters(load_photo(tmp_path / "a.gif"))

    def test_transparent_palette_gif(self, tmp_path: Path) -> None:
        image = Image.new("P", (80, 60), 1)
        image.putpalette([0, 0, 0, *RED])
        image.paste(0, (40, 0, 80, 60))
        image.save(tmp_path / "p.gif", transparency=0)
        pixels = load_photo(tmp_path / "p.gif").pixels
        assert (pixels[:, 40:] == 255).all()
        assert tuple(pixels[30, 20]) == RED

    @pytest.mark.parametrize(
        ("orientation", "size"),
        [*((n, (80, 60)) for n in range(1, 9)), (6, (4600, 4400))],  # the last is decoded small
    )
    def test_exif_orientation(self, tmp_path: Path, orientation: int, size: tuple[int, int]) -> None:
        turns = Image.Transpose
        stored = {  # how a camera stores an upright scene under each orientation
            1: None,
            2: turns.FLIP_LEFT_RIGHT,
            3: turns.ROTATE_180,
            4: turns.FLIP_TOP_BOTTOM,
            5: turns.TRANSPOSE,
            6: turns.ROTATE_90,
            7: turns.TRANSVERSE,
            8: turns.ROTATE_270,
        }[orientation]
        image = quarters(size) if stored is None else quarters(size).transpose(stored)
        exif = Image.Exif()
        exif[0x0112] = orientation
        image.save(tmp_path / "turned.jpg", exif=exif, quality=92)
        photo = load_photo(tmp_path / "turned.jpg")
        assert_quarters(photo)
        assert photo.pixels.shape[1] > photo.pixels.shape[0]

    @pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")
    def test_damaged_exif_is_ignored(self, tmp_path: Path) -> None:
        quarters().save(tmp_path / "photo.jpg", exif=b"Exif\0\0MM\0\x2a\xff\xff\xff\xff", quality=92)
        assert_quarters(load_photo(tmp_path / "photo.jpg"))

    def test_wide_gamut_profile_is_applied(self, tmp_path: Path) -> None:
        linear = swapped_profile()
        quarters().save(tmp_path / "profile.png", icc_profile=linear)
        pixels = load_photo(tmp_path / "profile.png").pixels
        assert tuple(pixels[10, 10]) != RED  # the same numbers mean another colour under this profile
        quarters().save(tmp_path / "srgb.png", icc_profile=ImageCms.ImageCmsProfile(srgb()).tobytes())
        assert tuple(load_photo(tmp_path / "srgb.png").pixels[10, 10]) == RED

    def test_profile_is_applied_to_a_reduced_photo(self, tmp_path: Path) -> None:
        quarters((2400, 60)).save(tmp_path / "profile.png", icc_profile=swapped_profile())
        pixels = load_photo(tmp_path / "profile.png").pixels
        assert pixels.shape[1] == WORKING_SIZE
        assert np.abs(pixels[10, 10].astype(int) - RED).max() > 20

    def test_damaged_profile_is_ignored(self, tmp_path: Path) -> None:
        quarters().save(tmp_path / "profile.png", icc_profile=b"not a profile")
        assert_quarters(load_photo(tmp_path / "profile.png"))


def srgb() -> ImageCms.core.CmsProfile:
    return ImageCms.createProfile("sRGB")


def swapped_profile() -> bytes:
    """A valid sRGB profile whose red and blue primaries are exchanged and which has another name."""
    data = bytearray(ImageCms.ImageCmsProfile(srgb()).tobytes())
    data = bytearray(
        bytes(data).replace("sRGB".encode("utf-16-be"), "odd!".encode("utf-16-be")).replace(b"sRGB", b"odd!")
    )
    entries = {bytes(data[p : p + 4]): p for p in range(132, 132 + 12 * struct.unpack(">I", data[128:132])[0], 12)}
    red, blue = entries[b"rXYZ"], entries[b"bXYZ"]
    data[red + 4 : red + 12], data[blue + 4 : blue + 12] = data[blue + 4 : blue + 12], data[red + 4 : red + 12]
    return bytes(data)


class TestDeepGray:
    ramp: npt.NDArray[np.uint16] = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)

    def assert_ramp(self, photo: LoadedPhoto, factor: float = 1.0) -> None:
        assert photo.pixels.shape == (64, 64, 3)
        assert np.abs(photo.pixels[..., 0] - self.ramp / 257.0 * factor).max() <= 1
        assert (photo.pixels[..., 0] == photo.pixels[..., 2]).all()

    @pytest.mark.parametrize("suffix", [".png", ".tif"])
    def test_sixteen_bit_file(self, tmp_path: Path, suffix: str) -> None:
        Image.fromarray(self.ramp).save(tmp_path / f"deep{suffix}")
        assert mode_of(tmp_path / f"deep{suffix}").startswith("I")
        self.assert_ramp(load_photo(tmp_path / f"deep{suffix}"))

    def test_dark_sixteen_bit_file_stays_dark(self, tmp_path: Path) -> None:
        Image.fromarray((self.ramp // 300).astype(np.uint16)).save(tmp_path / "dark.png")
        assert load_photo(tmp_path / "dark.png").pixels.max() <= 1

    def test_big_endian_tiff(self, tmp_path: Path) -> None:
        strip = self.ramp.astype(">u2").tobytes()
        tags = [
            (256, 3, 64),
            (257, 3, 64),
            (258, 3, 16),
            (259, 3, 1),
            (262, 3, 1),
            (273, 4, 0),
            (277, 3, 1),
            (278, 3, 64),
        ]
        tags.append((279, 4, len(strip)))
        start = 8 + 2 + 12 * len(tags) + 4
        directory = struct.pack(">H", len(tags))
        for tag, kind, value in tags:
            packed = struct.pack(">HH", value, 0) if kind == 3 else struct.pack(">I", start if tag == 273 else value)
            directory += struct.pack(">HHI", tag, kind, 1) + packed
        (tmp_path / "be.tif").write_bytes(b"MM\0\x2a\0\0\0\x08" + directory + b"\0\0\0\0" + strip)
        assert mode_of(tmp_path / "be.tif") == "I;16B"
        self.assert_ramp(load_photo(tmp_path / "be.tif"))

    def test_sixteen_bit_pgm(self, tmp_path: Path) -> None:
        (tmp_path / "deep.pgm").write_bytes(b"P5 64 64 65535\n" + self.ramp.astype(">u2").tobytes())
        self.assert_ramp(load_photo(tmp_path / "deep.pgm"))

    def test_sixteen_bit_rgb_png(self, tmp_path: Path) -> None:
        rows = b"".join(b"\0" + np.repeat(row.astype(">u2"), 3).tobytes() for row in self.ramp)
        (tmp_path / "deep.png").write_bytes(png(64, 64, bits=16, colour=2, rows=rows))
        self.assert_ramp(load_photo(tmp_path / "deep.png"))

    def test_float_and_integer_images(self) -> None:
        self.assert_ramp(load_photo(Image.fromarray((self.ramp / 65535).astype(np.float32))))
        self.assert_ramp(load_photo(Image.fromarray((self.ramp / 257).astype(np.float32))))
        self.assert_ramp(load_photo(Image.fromarray(self.ramp.astype(np.int32))))

    def test_sixteen_bit_turned(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 3
        Image.fromarray(self.ramp[::-1, ::-1].copy()).save(tmp_path / "turned.png", exif=exif)
        self.assert_ramp(load_photo(tmp_path / "turned.png"))


class TestSizes:
    @pytest.mark.parametrize(("suffix", "mode"), [(".jpg", "RGB"), (".jpg", "L"), (".png", "RGB"), (".png", "P")])
    def test_large_photo_is_reduced(self, tmp_path: Path, suffix: str, mode: str) -> None:
        small = Image.new("L", (50, 25), 255) if mode == "L" else quarters((50, 25))
        small = small.quantize(8) if mode == "P" else small
        image = small.resize((5000, 2500), Image.Resampling.NEAREST)
        image.save(tmp_path / f"large{suffix}", compress_level=1)
        photo = load_photo(tmp_path / f"large{suffix}")
        assert photo.pixels.shape == (1024, 2048, 3)
        assert photo.scale == pytest.approx(2048 / 5000)
        if mode != "L":
            assert_quarters(photo)

    def test_fifty_megapixels_pass(self, tmp_path: Path) -> None:
        quarters((8160, 6120)).save(tmp_path / "phone.jpg")
        photo = load_photo(tmp_path / "phone.jpg")
        assert photo.pixels.shape == (1530, 2040, 3)
        assert photo.scale == 0.25
        assert_quarters(photo)

    def test_phone_photo_is_decoded_at_half(self, tmp_path: Path) -> None:
        quarters((4032, 3024)).save(tmp_path / "phone.jpg")
        photo = load_photo(tmp_path / "phone.jpg")
        assert photo.pixels.shape == (1512, 2016, 3)
        assert photo.scale == 0.5

    def test_large_array_is_reduced(self) -> None:
        photo = load_photo(np.zeros((3000, 1500, 3), np.uint8))
        assert photo.pixels.shape == (2048, 1024, 3)
        assert photo.scale == pytest.approx(2048 / 3000)

    def test_array_is_copied(self) -> None:
        array = np.zeros((50, 50, 3), np.uint8)
        load_photo(array).pixels[0] = 1
        assert array.max() == 0

    def test_pil_image_is_left_as_it_was(self, tmp_path: Path) -> None:
        quarters((5000, 4500)).save(tmp_path / "large.jpg")
        with Image.open(tmp_path / "large.jpg") as image:
            assert max(load_photo(image).pixels.shape) == WORKING_SIZE
            assert image.size == (5000, 4500)

    def test_one_pixel(self, tmp_path: Path) -> None:
        Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
        message = "'dot.png' is only 1 × 1 pixels. Use a photo where the face is at least 40 pixels across."
        with pytest.raises(ImageTooSmallError, match=re.escape(message)) as caught:
            load_photo(tmp_path / "dot.png")
        assert (caught.value.actual, caught.value.minimum) == (1, 40)

    def test_smallest(self) -> None:
        assert load_photo(np.zeros((40, 90, 3), np.uint8)).pixels.shape == (40, 90, 3)
        with pytest.raises(ImageTooSmallError, match=re.escape("This picture is only 90 × 39 pixels.")):
            load_photo(np.zeros((39, 90, 3), np.uint8))

    @pytest.mark.parametrize(
        ("width", "height", "words"),
        [
            (20000, 20000, "has 400 megapixels (20000 × 20000)"),
            (13000, 10000, "has 130 megapixels (13000 × 10000)"),
            (8001, 8000, "has 64 megapixels (8001 × 8000)"),
        ],
    )
    def test_bomb_is_refused_before_decoding(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, height: int, words: str
    ) -> None:
        rows = bytes((width // 8 + 2) * 16)  # the rest of the picture is not even there
        (tmp_path / "bomb.png").write_bytes(png(width, height, bits=1, colour=0, rows=rows))
        monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
        monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
        message = f"'bomb.png' {words}. Reduce it to under 64 megapixels."
        with pytest.raises(ImageTooLargeError, match=re.escape(message)) as caught:
            load_photo(tmp_path / "bomb.png")
        assert (caught.value.width, caught.value.height, caught.value.limit) == (width, height, MAX_PIXELS)

    def test_bomb_without_warnings_as_errors(self, tmp_path: Path) -> None:
        (tmp_path / "bomb.png").write_bytes(png(13000, 10000, bits=1, colour=0, rows=b"\0"))
        with warnings.catch_warnings(), pytest.raises(ImageTooLargeError, match="130 megapixels"):
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            load_photo(tmp_path / "bomb.png")


NO_PICTURE = (
    " is not a picture that can be opened here, whatever its name says. Use JPEG, PNG, WebP or GIF; export HEIC photos "
    "as JPEG first."
)
DAMAGED = " is damaged or cut short and cannot be decoded. Save or download it again."


class TestRefused:
    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"Dear diary, this is no picture.\n" * 20,
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(400),
            b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(400),
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n",
            b"<svg xmlns='http://www.w3.org/2000/svg' width='99' height='99'/>",
        ],
        ids=["empty", "text", "heic", "heif", "eps", "svg"],
    )
    def test_no_picture(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "photo.jpg").write_bytes(content)
        with pytest.raises(UnsupportedImageError, match=re.escape("'photo.jpg'" + NO_PICTURE)):
            load_photo(tmp_path / "photo.jpg")

    @pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".gif", ".tif"])
    @pytest.mark.parametrize("kept", [0.5, 0.9])
    def test_cut_short(self, tmp_path: Path, suffix: str, kept: float) -> None:
        noise = np.random.default_rng(0).integers(0, 255, (100, 100, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / f"whole{suffix}")
        data = (tmp_path / f"whole{suffix}").read_bytes()
        (tmp_path / f"cut{suffix}").write_bytes(data[: int(len(data) * kept)])
        with pytest.raises(UnsupportedImageError, match=re.escape(f"'cut{suffix}'")):
            load_photo(tmp_path / f"cut{suffix}")

    def test_truncated_jpeg(self, tmp_path: Path) -> None:
        buffer = BytesIO()
        quarters((400, 300)).save(buffer, "JPEG")
        (tmp_path / "cut.jpg").write_bytes(buffer.getvalue()[:2000])
        with pytest.raises(UnsupportedImageError, match=re.escape("'cut.jpg'" + DAMAGED)):
            load_photo(tmp_path / "cut.jpg")

    def test_truncated_pil_image(self, tmp_path: Path) -> None:
        buffer = BytesIO()
        quarters((400, 300)).save(buffer, "JPEG")
        image = Image.open(BytesIO(buffer.getvalue()[:2000]))
        with pytest.raises(UnsupportedImageError, match=re.escape("This picture" + DAMAGED)):
            load_photo(image)

    def test_missing_file(self, tmp_path: Path) -> None:
        message = "'nobody.jpg' does not exist. Check the path."
        with pytest.raises(UnsupportedImageError, match=re.escape(message)):
            load_photo(tmp_path / "nobody.jpg")

    def test_folder(self, tmp_path: Path) -> None:
        message = f"'{tmp_path.name}' cannot be read. Choose a picture file that you may open."
        with pytest.raises(UnsupportedImageError, match=re.escape(message)):
            load_photo(tmp_path)

    def test_device_file_is_not_read(self) -> None:
        with pytest.raises(UnsupportedImageError, match="'zero' cannot be read"):
            load_photo("/dev/zero")

    @pytest.mark.parametrize(
        "make",
        [
            lambda: np.zeros((50, 50, 3)),
            lambda: np.zeros((50, 50), np.uint8),
            lambda: np.zeros((50, 50, 4), np.uint8),
            lambda: np.zeros((1, 50, 50, 3), np.uint8),
        ],
    )
    def test_wrong_arrays(self, make: Callable[[], npt.NDArray[np.uint8]]) -> None:
        array = make()
        message = f"An array of shape {array.shape} and type {array.dtype} was given. Pass an (H, W, 3) uint8 array"
        with pytest.raises(UnsupportedImageError, match=re.escape(message)):
            load_photo(array)


class TestTensors:
    def test_round_trip_of_every_value(self) -> None:
        image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2)
        assert (to_uint8(to_tensor(image)) == image).all()

    def test_layout_and_range(self) -> None:
        image = np.zeros((4, 6, 3), np.uint8)
        image[1, 2] = (255, 0, 51)
        x = to_tensor(image)
        assert x.shape == (1, 3, 4, 6)
        assert x.dtype == torch.float32
        assert x[0, :, 1, 2].tolist() == pytest.approx([1.0, 0.0, 0.2])

    def test_batch(self) -> None:
        images = np.random.default_rng(1).integers(0, 255, (5, 8, 8, 3), np.uint8)
        assert (to_uint8(to_tensor(images)) == images).all()

    def test_read_only_and_strided_arrays(self) -> None:
        image = np.random.default_rng(2).integers(0, 255, (8, 8, 3), np.uint8)
        image.setflags(write=False)
        assert (to_uint8(to_tensor(image[::-1, ::2]))[0] == image[::-1, ::2]).all()

    @given(st.floats(-2, 3))
    def test_rounds_to_nearest_and_clips(self, value: float) -> None:
        x = torch.full((1, 3, 1, 1), value)
        assert int(to_uint8(x)[0, 0, 0, 0]) == int(np.floor(np.clip(np.float32(value), 0, 1) * np.float32(255) + 0.5))

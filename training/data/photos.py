"""The photos of the data folder: which there are, whose they are, and their files. The sealed ones stay sealed."""

from __future__ import annotations

import csv
import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ARCHIVES = {"celeba": "celeba.zip", "lfw": "lfw.zip", "utkface": "utkface_train.zip"}
PORTRAITS = "celebamask"
"""The source of portraits without names of people; `PhotoFiles.list` leaves them out."""


@dataclass(frozen=True)
class Photo:
    """One photo.

    Attributes:
        source: "celeba", "lfw", "utkface", "london" or "celebamask".
        name: of its file.
        person: `source/identity`; what training and validation are split by.
    """

    source: str
    name: str
    person: str


class PhotoFiles:
    """Reads photos of the folder `data`; the archives stay open, so one object belongs to one process."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._archives = {source: zipfile.ZipFile(data / file) for source, file in ARCHIVES.items()}

    def list(self) -> list[Photo]:
        """Return all photos, in the order of their archives."""
        with (self._data / "celeba_people.csv").open() as file:
            people = {row["file"]: row["person"] for row in csv.DictReader(file)}
        photos = []
        for source, archive in self._archives.items():
            for name in archive.namelist():
                stem = name.rsplit(".", 1)[0]
                person = {"celeba": people.get(name), "lfw": stem.rsplit("_", 1)[0]}.get(source, stem)
                photos.append(Photo(source, name, f"{source}/{person}"))
        for path in sorted((self._data / "london").glob("*.jpg")):
            photos.append(Photo("london", path.name, f"london/{path.name[:3]}"))
        return photos

    def portraits(self) -> list[Photo]:
        """Return the portraits, each as if nobody were on two of them."""
        names = (Path(name).name for name in self._portraits.namelist() if name.startswith("images/"))
        return [Photo(PORTRAITS, name, f"{PORTRAITS}/{Path(name).stem}") for name in names if name]

    def read(self, source: str, name: str) -> bytes:
        """Return the content of a photo's file; `source` may be `PORTRAITS` too."""
        if source == PORTRAITS:
            return self._portraits.read(f"images/{name}")
        if source in self._archives:
            return self._archives[source].read(name)
        return (self._data / source / name).read_bytes()

    @cached_property
    def _portraits(self) -> zipfile.ZipFile:
        return zipfile.ZipFile(self._data / f"{PORTRAITS}.zip")

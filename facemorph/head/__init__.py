"""The head that all faces share, in three dimensions: a face's pose, its own shape, and how it is drawn."""

from facemorph.head.fit import UNTOLD, HeadFit, HeadPose, fit_head
from facemorph.head.landmarks import MIRROR_ORDER
from facemorph.head.model import Head, HeadConfig, HeadModel, load_head
from facemorph.head.raster import Raster, rasterise
from facemorph.head.shape import OwnHead, grid_normals, own_head

__all__ = [
    "MIRROR_ORDER",
    "UNTOLD",
    "Head",
    "HeadConfig",
    "HeadFit",
    "HeadModel",
    "HeadPose",
    "OwnHead",
    "Raster",
    "fit_head",
    "grid_normals",
    "load_head",
    "own_head",
    "rasterise",
]
